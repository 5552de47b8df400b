//! All that the alerter remembers: one mutex around it for the follower, those who read, and the one who sends. Times move on
//! ticks only; everything is written with the position of the tick, in one transaction.

use crate::alert::Alert;
use crate::config::Severity;
use crate::group::{Group, GroupId, Groups};
use crate::inventory::Inventory;
use crate::notification::{DeployMark, Evidence, Notification};
use crate::store::Rows;
use crate::table::{Change, Table};
use logweir_base::action::Silence;
use logweir_base::ids::{JournalId, Position};
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Deploys that are remembered: those of some months where much is deployed.
const DEPLOYS_MAX: usize = 1_000;
/// Episodes that are remembered.
const EPISODES_MAX: usize = 10_000;
/// ... and for how long.
const EPISODES_FOR: Duration = Duration::from_secs(90 * 86_400);

/// Up to where the journal has been followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Which journal.
    pub journal: JournalId,
    /// Its last record that was taken.
    pub position: Position,
    /// The time of the last tick.
    pub now: Timestamp,
}

/// An alert from firing to being over, for history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// The rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// Its labels, all of them.
    pub labels: BTreeMap<String, String>,
    /// The rule's texts, filled in.
    pub annotations: BTreeMap<String, String>,
    /// In one line.
    pub summary: String,
    /// Since when the rule held.
    pub since: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Who looked after it.
    pub acknowledged: Option<String>,
    /// The group of exceptions it is about.
    pub group: Option<String>,
    /// What its page brought along.
    pub evidence: Evidence,
    /// Receivers that were told.
    pub told: Vec<String>,
}

/// A series of a rule that was there at some time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was last seen, give or take an hour.
    pub last: Timestamp,
}

/// A message on its way, and how sending it went so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The message.
    pub notification: Notification,
    /// Tries so far.
    pub tries: u32,
    /// Not before this time.
    pub not_before: Timestamp,
    /// Why the last try failed.
    pub error: Option<String>,
}

/// What was counted since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Times a rule was looked at.
    pub evaluations: u64,
    /// Times the stores did not answer it.
    pub evaluation_failures: u64,
    /// Messages that a receiver has taken.
    pub sent: u64,
    /// Tries that failed and are repeated.
    pub put_off: u64,
    /// Messages that were given up.
    pub given_up: u64,
}

/// Everything.
#[derive(Debug)]
pub struct Memory {
    /// Up to where; `None` when nothing was committed yet.
    pub reached: Option<Reached>,
    /// Exceptions.
    pub groups: Groups,
    /// Alerts under way, by [`Alert::key`].
    pub alerts: Table<Alert>,
    /// Alerts that fired, by episode.
    pub episodes: Table<Episode>,
    /// Series of rules, by the key of an alert.
    pub known: Table<Known>,
    /// Who reports.
    pub inventory: Inventory,
    /// Silences by id.
    pub silences: Table<Silence>,
    /// Deploys by time and service.
    pub deploys: Table<DeployMark>,
    /// Receivers that were told of many alerts in one message, and when: that is over when no alert fires any more.
    pub storms: Table<Timestamp>,
    /// When each digest was last made, by its name.
    pub digests: Table<Timestamp>,
    /// Messages to be sent, by time and id.
    pub outbox: Table<Outgoing>,
    /// Alerts and series that were not taken since the start, because there were too many.
    pub refused: u64,
    /// What was counted since the start.
    pub counters: Counters,
    /// What went wrong, the latest last.
    pub errors: Vec<String>,
}

impl Memory {
    /// Of what is stored; rows that cannot be read are told in the errors.
    pub fn load(rows: &Rows, mut notes: Vec<String>) -> Self {
        let reached = rows.get("position").and_then(|value| serde_json::from_slice(value).ok());
        let groups: Table<Group> = Table::load("group/", rows, &mut notes);
        let id_of = |key: &str| u64::from_str_radix(key, 16).ok().map(GroupId);
        let groups = groups.iter().filter_map(|(key, group)| Some((id_of(key)?, group.clone())));
        Self {
            reached,
            groups: Groups::of(groups),
            alerts: Table::load("alert/", rows, &mut notes),
            episodes: Table::load("episode/", rows, &mut notes),
            known: Table::load("series/", rows, &mut notes),
            inventory: Inventory::new(Table::load("who/", rows, &mut notes)),
            silences: Table::load("silence/", rows, &mut notes),
            deploys: Table::load("deploy/", rows, &mut notes),
            storms: Table::load("storm/", rows, &mut notes),
            digests: Table::load("digest/", rows, &mut notes),
            outbox: Table::load("outbox/", rows, &mut notes),
            refused: 0,
            counters: Counters::default(),
            errors: notes,
        }
    }

    /// What must be written so that the store has all this.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut out = Vec::new();
        let (dirty, gone) = self.groups.take_dirty();
        for id in dirty {
            if let Some(group) = self.groups.get(id) {
                let value = serde_json::to_vec(group).expect("plain data always serialises");
                out.push((format!("group/{id}"), Some(value)));
            }
        }
        out.extend(gone.into_iter().map(|id| (format!("group/{id}"), None)));
        self.alerts.take_changes(&mut out);
        self.episodes.take_changes(&mut out);
        self.known.take_changes(&mut out);
        self.inventory.take_changes(&mut out);
        self.silences.take_changes(&mut out);
        self.deploys.take_changes(&mut out);
        self.storms.take_changes(&mut out);
        self.digests.take_changes(&mut out);
        self.outbox.take_changes(&mut out);
        out
    }

    /// A deploy was made. Told again it is the same one.
    pub fn deployed(&mut self, mark: DeployMark) {
        self.deploys.insert(format!("{:020}/{}", mark.at.0, mark.service), mark);
        if self.deploys.len() > DEPLOYS_MAX {
            let oldest = self.deploys.iter().next().map(|(key, _)| key.to_owned());
            oldest.into_iter().for_each(|key| drop(self.deploys.remove(&key)));
        }
    }

    /// The last deploy of a service not after a time.
    pub fn deploy_before(&self, service: &str, time: Timestamp) -> Option<&DeployMark> {
        let mut latest = self.deploys.iter().rev().map(|(_, mark)| mark);
        latest.find(|mark| mark.service == service && mark.at <= time)
    }

    /// Time has come so far: what is old is forgotten.
    pub fn forget(&mut self, now: Timestamp) {
        self.silences.retain(|_, silence| silence.until > now);
        self.episodes.retain(|_, it| it.ended.is_none_or(|ended| now.since(ended) < EPISODES_FOR));
        while self.episodes.len() > EPISODES_MAX {
            let ended = self.episodes.iter().filter_map(|(key, it)| Some((it.ended?, key.to_owned())));
            let Some((_, oldest)) = ended.min() else { break };
            self.episodes.remove(&oldest);
        }
    }

    /// Something went wrong; the latest few are kept.
    pub fn report(&mut self, error: String) {
        const ERRORS_MAX: usize = 20;
        if self.errors.last() != Some(&error) {
            self.errors.push(error);
        }
        let surplus = self.errors.len().saturating_sub(ERRORS_MAX);
        self.errors.drain(..surplus);
    }
}
