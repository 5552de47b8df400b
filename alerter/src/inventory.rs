//! Who reports: hosts, services, and files of hosts, with when they did so last. Kept by itself, so that nobody has to list what
//! may be missed.
//!
//! Limits: [`ROWS_MAX`] in all; those that come when it is full are not known, and counted. Who has been silent for
//! [`FORGET_AFTER`] is forgotten.

use crate::config::Who;
use crate::table::{Change, Table};
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Hosts, services and files together.
pub const ROWS_MAX: usize = 50_000;
/// Who has been silent for so long is gone for good.
pub const FORGET_AFTER: Duration = Duration::from_secs(7 * 86_400);
/// Begins the keys of hosts that show that they live.
const BEATS: &str = "beat/";
/// A host that has not shown that it lives for so long need not.
const BEATS_FOR: Duration = Duration::from_secs(86_400);
/// Seen again within so long it need not be written: after a crash it is seen as silent for so much longer.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// One who reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporter {
    /// Labels of an alert that misses it: `host`, `service`, or `host` and `file`.
    pub labels: BTreeMap<String, String>,
    /// First heard of.
    pub first: Timestamp,
    /// Last heard of.
    pub last: Timestamp,
}

/// Who reports.
#[derive(Debug)]
pub struct Inventory {
    rows: Table<Reporter>,
    /// Heard of since it was written.
    fresh: BTreeMap<String, Timestamp>,
    /// The server itself did not run, or slept, until then: nobody was silent before.
    awake_since: Timestamp,
    /// Not taken in, because there were too many.
    pub refused: u64,
}

fn prefix(who: Who) -> &'static str {
    match who {
        Who::Host => "host/",
        Who::Service => "service/",
        Who::Source => "source/",
    }
}

impl Inventory {
    /// Of what is stored.
    pub fn new(rows: Table<Reporter>) -> Self {
        Self { rows, fresh: BTreeMap::new(), awake_since: Timestamp::MIN, refused: 0 }
    }

    /// Somebody reported at a time; `labels` name it.
    pub fn hear(&mut self, who: Who, labels: &[(&str, &str)], now: Timestamp) {
        let key = key_of(who, labels);
        let last = self.last_of(&key);
        match last {
            Some(last) if now.since(last) < WRITE_EVERY => drop(self.fresh.insert(key, now)),
            None if self.rows.len() >= ROWS_MAX => self.refused += 1,
            _ => {
                self.fresh.remove(&key);
                let labels = || labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
                let row = self.rows.entry(&key, || Reporter { labels: labels(), first: now, last: now });
                row.last = now;
            }
        }
    }

    fn last_of(&self, key: &str) -> Option<Timestamp> {
        Some(self.rows.get(key)?.last)
    }

    /// The server did not run, or the clock was set: whoever is silent is so from now on.
    pub fn wake(&mut self, now: Timestamp) {
        self.awake_since = now;
    }

    /// Time has come so far: who was silent for long is forgotten.
    pub fn tick(&mut self, now: Timestamp) {
        let fresh = &self.fresh;
        let last = |key: &str, row: &Reporter| fresh.get(key).map_or(row.last, |fresh| row.last.max(*fresh));
        self.rows.retain(|key, row| now.since(last(key, row)) < FORGET_AFTER);
        self.fresh.retain(|key, _| self.rows.get(key).is_some());
    }

    /// All of a kind, each with how long it has been silent.
    pub fn silent(&self, who: Who, now: Timestamp) -> impl Iterator<Item = (&Reporter, Duration)> {
        let below = self.rows.below(prefix(who));
        below.map(move |(key, row)| {
            let last = self.fresh.get(key).copied().unwrap_or_default().max(row.last);
            (row, now.since(last.max(self.awake_since)))
        })
    }

    /// A host showed that it lives: from now on it is never silent by right, until it has not done so for a day.
    pub fn beat(&mut self, host: &str, now: Timestamp) {
        let row = self.rows.get(&format!("{BEATS}{host}"));
        if row.is_none_or(|row| now.since(row.last) >= WRITE_EVERY) {
            let row = Reporter { labels: BTreeMap::new(), first: now, last: now };
            self.rows.insert(format!("{BEATS}{host}"), row);
        }
    }

    /// Whether all hosts that are never silent by right have been so for so long: then it is not they who are missed. False when
    /// there are none.
    pub fn is_stale(&self, after: Duration, now: Timestamp) -> bool {
        let beats = |host: &str| {
            let beat = self.rows.get(&format!("{BEATS}{host}"));
            beat.is_some_and(|beat| now.since(beat.last) < BEATS_FOR)
        };
        let hosts = self.silent(Who::Host, now);
        let mut hosts =
            hosts.filter(|(row, _)| row.labels.get("host").is_some_and(|host| beats(host))).peekable();
        hosts.peek().is_some() && hosts.all(|(_, silent)| silent >= after)
    }

    /// What must be written.
    pub fn take_changes(&mut self, out: &mut Vec<Change>) {
        self.rows.take_changes(out);
    }
}

fn key_of(who: Who, labels: &[(&str, &str)]) -> String {
    let mut key = prefix(who).to_owned();
    labels.iter().enumerate().for_each(|(i, (_, value))| {
        key.push_str(if i == 0 { "" } else { "\0" });
        key.push_str(value);
    });
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn inventory() -> Inventory {
        Inventory::new(Table::load("who/", &BTreeMap::new(), &mut Vec::new()))
    }

    fn silent(inventory: &Inventory, now: i64) -> Vec<(String, u64)> {
        let of = |(row, silent): (&Reporter, Duration)| (row.labels["host"].clone(), silent.as_secs());
        inventory.silent(Who::Host, at(now)).map(of).collect()
    }

    #[test]
    fn who_is_silent_and_for_how_long() {
        let mut inventory = inventory();
        inventory.hear(Who::Host, &[("host", "a")], at(0));
        inventory.hear(Who::Host, &[("host", "b")], at(0));
        inventory.hear(Who::Host, &[("host", "b")], at(30));
        inventory.hear(Who::Service, &[("service", "a")], at(40));
        assert_eq!(silent(&inventory, 100), [("a".to_owned(), 100), ("b".to_owned(), 70)]);
        assert!(!inventory.is_stale(Duration::from_secs(70), at(100)), "both may be silent");
        inventory.beat("a", at(0));
        inventory.beat("b", at(0));
        assert!(inventory.is_stale(Duration::from_secs(70), at(100)));
        assert!(!inventory.is_stale(Duration::from_secs(71), at(100)));
        inventory.tick(at(29 + 7 * 86_400));
        assert_eq!(silent(&inventory, 100), [("b".to_owned(), 70)]);
        inventory.tick(at(30 + 7 * 86_400));
        assert!(!inventory.is_stale(Duration::ZERO, at(0)));
    }

    /// C07: a server that slept does not miss everybody when it wakes.
    #[test]
    fn c07_nobody_is_silent_for_as_long_as_the_server_slept() {
        let mut inventory = inventory();
        inventory.hear(Who::Host, &[("host", "a")], at(0));
        inventory.wake(at(600));
        assert_eq!(silent(&inventory, 605), [("a".to_owned(), 5)]);
    }

    /// What is heard each second is not written each second.
    #[test]
    fn only_what_was_silent_for_a_while_is_written() {
        let mut inventory = inventory();
        let writes = |inventory: &mut Inventory| {
            let mut out = Vec::new();
            inventory.take_changes(&mut out);
            out.len()
        };
        inventory.hear(Who::Host, &[("host", "a")], at(0));
        assert_eq!(writes(&mut inventory), 1);
        (1..60).for_each(|s| inventory.hear(Who::Host, &[("host", "a")], at(s)));
        assert_eq!(writes(&mut inventory), 0);
        inventory.hear(Who::Host, &[("host", "a")], at(60));
        assert_eq!(writes(&mut inventory), 1);
    }
}
