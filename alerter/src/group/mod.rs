//! Exception groups: all occurrences of one fault, with what is remembered of them.
//!
//! `state` has the states and what leads to which, `hours` the counts, `names` the small sets, `groups` all groups there are.
//!
//! Limits: a group takes at most some 30 KiB (a count for each hour of eight weeks, [`SAMPLE_BYTES_MAX`] of a sample).

mod groups;
mod hours;
mod names;
mod state;

pub use groups::{GROUPS_MAX, Groups};
pub use hours::{HOURS_MAX, Hours, hour_of};
pub use names::{Names, Traces, Users, cut};
pub use state::{Event, STATES, State};

use logweir_base::action::Until;
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// A group is new, or regressed, for so long.
pub const NEW_FOR: Duration = Duration::from_secs(86_400);
/// It is quiet when it stays away for so long, and [`QUIET_GAPS`] times longer than it ever did.
const QUIET_AFTER: Duration = Duration::from_secs(86_400);
const QUIET_GAPS: u32 = 3;
/// So rare that nobody waits for it: quiet at the latest after this.
const QUIET_AFTER_MAX: Duration = Duration::from_secs(14 * 86_400);
/// It is resolved when it was quiet for so long.
const RESOLVED_AFTER: Duration = Duration::from_secs(14 * 86_400);
/// Bytes of the sample: one occurrence as it was written.
pub const SAMPLE_BYTES_MAX: usize = 4 << 10;
/// Bytes of type and message.
const TEXT_BYTES_MAX: usize = 500;

/// Names a group, for as long as the program throws it the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u64);

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One occurrence, as the group takes it.
#[derive(Debug, Clone, Default)]
pub struct Occurrence<'a> {
    /// When, by the record.
    pub time: Timestamp,
    /// When it was received.
    pub received: Timestamp,
    /// The exception's type; empty when it is a message only.
    pub kind: &'a str,
    /// What it says.
    pub message: &'a str,
    /// Where in the application: the top frame of its own code.
    pub culprit: Option<&'a str>,
    /// Of the program.
    pub service: &'a str,
    /// Of the program; empty when it is not known.
    pub version: &'a str,
    /// Where it ran.
    pub host: &'a str,
    /// Whom it hit.
    pub user: Option<&'a str>,
    /// In which trace.
    pub trace: Option<&'a str>,
    /// OpenTelemetry's severity number.
    pub severity: u8,
    /// The record as it was written.
    pub text: &'a str,
    /// Queries of rules and digests that find the record.
    pub found_by: Vec<&'a str>,
    /// Whether its service was deployed after the group came last.
    pub deployed_since: bool,
}

/// A group's resolution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolution {
    /// The version that has the fix; earlier ones may throw on.
    pub in_version: Option<String>,
    /// Who said so; empty when time did.
    pub by: String,
}

/// A group's mute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// What ends it.
    pub until: Until,
    /// Occurrences before it.
    pub count_before: u64,
    /// Who said so.
    pub by: String,
}

/// All occurrences of one fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Type of the exception; empty when it is a message only.
    pub kind: String,
    /// What the first occurrence said.
    pub message: String,
    /// Where in the application.
    pub culprit: Option<String>,
    /// What it is at the moment.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// When it last became what it is or was.
    pub became: BTreeMap<State, Timestamp>,
    /// Its first occurrence.
    pub first: Timestamp,
    /// Its latest.
    pub last: Timestamp,
    /// The longest it stayed away between two, in seconds.
    pub gap_seconds: u64,
    /// All occurrences.
    pub count: u64,
    /// The worst severity.
    pub severity: u8,
    /// Occurrences by hour.
    pub hours: Hours,
    /// Services it came from.
    pub services: Names,
    /// Their versions.
    pub versions: Names,
    /// Hosts it came from.
    pub hosts: Names,
    /// Users it hit.
    pub users: Users,
    /// Traces it came in.
    pub traces: Traces,
    /// The first occurrence, as it was written.
    pub sample: String,
    /// Queries of rules and digests that found one of its records.
    pub found_by: BTreeSet<String>,
    /// The version that was deployed when it came first.
    pub deploy: Option<String>,
    /// How it was resolved, while it is.
    pub resolution: Option<Resolution>,
    /// How it was muted, while it is.
    pub mute: Option<Mute>,
}

impl Group {
    /// A group of its first occurrence.
    pub fn new(it: &Occurrence<'_>) -> Self {
        let is_old = it.received.since(it.time) >= NEW_FOR;
        // What came long ago is no news: a log of last year that is read now pages nobody.
        let state = if is_old { State::Ongoing } else { State::New };
        Self {
            kind: cut(it.kind, TEXT_BYTES_MAX).to_owned(),
            message: cut(it.message, TEXT_BYTES_MAX).to_owned(),
            culprit: it.culprit.map(|culprit| cut(culprit, TEXT_BYTES_MAX).to_owned()),
            state,
            since: it.received,
            became: BTreeMap::from([(state, it.received)]),
            first: it.time,
            last: it.time,
            gap_seconds: 0,
            count: 0,
            severity: it.severity,
            hours: Hours::default(),
            services: Names::default(),
            versions: Names::default(),
            hosts: Names::default(),
            users: Users::default(),
            traces: Traces::default(),
            sample: cut(it.text, SAMPLE_BYTES_MAX).to_owned(),
            found_by: BTreeSet::new(),
            deploy: None,
            resolution: None,
            mute: None,
        }
    }

    /// Takes an occurrence; the first one, too, after [`Group::new`].
    pub fn occur(&mut self, it: &Occurrence<'_>) {
        let returns = !self.is_expected(it.version);
        self.gap_seconds = self.gap_seconds.max(it.time.since(self.last).as_secs());
        self.first = self.first.min(it.time);
        self.last = self.last.max(it.time);
        self.count += 1;
        self.severity = self.severity.max(it.severity);
        self.hours.add(it.time);
        self.services.add(it.service);
        self.versions.add(it.version);
        self.hosts.add(it.host);
        it.user.into_iter().for_each(|user| self.users.add(user));
        it.trace.into_iter().for_each(|trace| self.traces.add(it.time, trace));
        for query in &it.found_by {
            if !self.found_by.contains(*query) {
                self.found_by.insert((*query).to_owned());
            }
        }
        let is_fresh = it.received.since(it.time) < NEW_FOR;
        if returns && is_fresh {
            self.happen(Event::Occurred { deployed_since: it.deployed_since }, it.received);
        }
    }

    /// Whether an occurrence says nothing against the resolution: it is of a version known before, and not of the one that has
    /// the fix.
    fn is_expected(&self, version: &str) -> bool {
        let fixed_in = self.resolution.as_ref().and_then(|resolution| resolution.in_version.as_deref());
        fixed_in.is_some_and(|fixed_in| {
            version != fixed_in && self.versions.names.iter().any(|known| known == version)
        })
    }

    /// Time has come so far.
    pub fn tick(&mut self, now: Timestamp) {
        if now.since(self.since) >= NEW_FOR {
            self.happen(Event::Aged, now);
        }
        let rises = self.hours.rises(now);
        if self.mute.as_ref().is_some_and(|mute| self.is_over(mute, rises, now)) {
            self.happen(Event::Unmuted, now);
        }
        self.happen(if rises { Event::Rose } else { Event::Fell }, now);
        let silent = now.since(self.last);
        if silent >= self.quiet_after() {
            self.happen(Event::FellSilent, now);
        }
        if silent >= self.quiet_after() + RESOLVED_AFTER {
            self.happen(Event::StayedSilent, now);
        }
    }

    fn quiet_after(&self) -> Duration {
        let gaps = Duration::from_secs(self.gap_seconds.saturating_mul(QUIET_GAPS.into()));
        gaps.clamp(QUIET_AFTER, QUIET_AFTER_MAX)
    }

    fn is_over(&self, mute: &Mute, rises: bool, now: Timestamp) -> bool {
        match mute.until {
            Until::Time(until) => now >= until,
            Until::Count(count) => self.count >= mute.count_before.saturating_add(count),
            Until::Worse => rises,
            Until::Reopened => false,
        }
    }

    /// Somebody says that it is dealt with.
    pub fn resolve(&mut self, resolution: Resolution, now: Timestamp) {
        self.happen(Event::Resolved, now);
        self.resolution = Some(resolution);
    }

    /// Somebody does not want to hear of it.
    pub fn mute(&mut self, until: Until, by: String, now: Timestamp) {
        self.happen(Event::Muted, now);
        self.mute = Some(Mute { until, count_before: self.count, by });
    }

    /// Somebody wants to hear of it again.
    pub fn reopen(&mut self, now: Timestamp) {
        self.happen(Event::Reopened, now);
    }

    fn happen(&mut self, event: Event, now: Timestamp) {
        let next = state::next(self.state, event);
        if next == self.state {
            return;
        }
        (self.state, self.since) = (next, now);
        self.became.insert(next, now);
        if next != State::Resolved {
            self.resolution = None;
        }
        if next != State::Muted {
            self.mute = None;
        }
    }
}

#[cfg(test)]
mod tests;
