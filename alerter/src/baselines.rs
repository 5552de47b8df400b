//! The baselines of all series of all rules: fed a window at a time, kept in two rows each, of which the large one changes once
//! an hour.

use crate::alert::{Alert, Labels, Seen};
use crate::baseline::{Baseline, Direction as Side, Kind, Observation, Settings, Value};
use crate::config::Direction;
use crate::evaluate::Sight;
use crate::memory::Memory;
use crate::rule::{Rule, Usual};
use crate::store::Rows;
use crate::table::Change;
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

const PROFILES: &str = "profile/";
const RECENTS: &str = "recent/";

/// What is usual, and what is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Now.
    pub value: f64,
    /// What is usual, from and to.
    pub usual: (f64, f64),
    /// In a sentence.
    pub why: String,
}

/// Baselines by the key of the alert that they may become.
#[derive(Debug, Default)]
pub struct Baselines {
    all: BTreeMap<String, Baseline>,
    /// The end of the last window of each rule.
    ends: BTreeMap<String, Timestamp>,
    /// Rows that differ from the stored ones.
    dirty: BTreeSet<(&'static str, String)>,
}

impl Baselines {
    /// Of what is stored. A damaged one begins anew, and that is told.
    pub fn load(rows: &Rows, memory: &mut Memory) -> Self {
        let mut baselines = Self::default();
        for (row, recent) in rows.range(RECENTS.to_owned()..).take_while(|(row, _)| row.starts_with(RECENTS))
        {
            let key = &row[RECENTS.len()..];
            let profile = rows.get(&format!("{PROFILES}{key}")).map(Vec::as_slice).unwrap_or_default();
            match Baseline::decode(profile, recent) {
                Ok(baseline) => drop(baselines.all.insert(key.to_owned(), baseline)),
                Err(e) => memory.report(format!("what is usual for {key} is lost: {e}")),
            }
        }
        baselines
    }

    /// Whether a rule has a window to judge; says so once for each.
    pub fn is_next(&mut self, rule: &str, end: Timestamp) -> bool {
        let known = self.ends.insert(rule.to_owned(), end);
        known.is_none_or(|known| known < end)
    }

    /// Judges a window of each series of a rule, and learns from it.
    pub fn judge(
        &mut self,
        rule: &Rule,
        usual: &Usual,
        end: Timestamp,
        series: Vec<(Labels, Option<f64>)>,
    ) -> Vec<Sight> {
        let settings = Settings { effect_relative: usual.effect_min, ..Settings::default() };
        let kind = if usual.is_count { Kind::Count } else { Kind::Plain };
        series
            .into_iter()
            .map(|(labels, value)| {
                let key = Alert::key(&rule.name, &labels);
                let known = self.all.contains_key(&key);
                let baseline =
                    self.all.entry(key.clone()).or_insert_with(|| Baseline::new(kind, usual.window_seconds));
                let value = value.map(Value::Number);
                let judged = baseline.observe(&settings, Observation { at: end, utc_offset_s: 0, value });
                let holds = baseline.episode().is_some_and(|(side, _)| counts(usual.direction, side));
                if !known || judged.as_ref().is_some_and(|judged| judged.profile_changed) {
                    self.dirty.insert((PROFILES, key.clone()));
                }
                self.dirty.insert((RECENTS, key));
                let seen = match &judged {
                    None => Seen::Missing,
                    Some(judged) if holds => Seen::Holds(Some(judged.value)),
                    Some(_) => Seen::HoldsNot,
                };
                let judged = judged.map(|it| Judged {
                    value: it.value,
                    usual: (it.usual.low, it.usual.high),
                    why: it.to_string(),
                });
                Sight { labels, seen, judged, group: None }
            })
            .collect()
    }

    /// Keeps those of series that are known.
    pub fn retain(&mut self, memory: &Memory) {
        let gone: Vec<_> = self.all.keys().filter(|key| memory.known.get(key).is_none()).cloned().collect();
        for key in gone {
            self.all.remove(&key);
            self.dirty.insert((PROFILES, key.clone()));
            self.dirty.insert((RECENTS, key));
        }
    }

    /// What must be written.
    pub fn take_changes(&mut self, out: &mut Vec<Change>) {
        for (prefix, key) in std::mem::take(&mut self.dirty) {
            let baseline = self.all.get(&key);
            let encode = |baseline: &Baseline| match prefix {
                PROFILES => baseline.encode_profile(),
                _ => baseline.encode_recent(),
            };
            out.push((format!("{prefix}{key}"), baseline.map(encode)));
        }
    }
}

fn counts(direction: Direction, side: Side) -> bool {
    match direction {
        Direction::Both => true,
        Direction::Above => side == Side::Above,
        Direction::Below => side == Side::Below,
    }
}
