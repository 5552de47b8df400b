//! Small sets with a bound: names of hosts, services and versions, the number of distinct users, and traces to look at.

use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_64;

/// Names that are kept; of others it is known that there are some.
const NAMES_MAX: usize = 20;
/// A longer name is cut.
const NAME_BYTES_MAX: usize = 120;
/// Hashes of users that are kept: so many users are counted exactly, more with an error of some 12 % (1 / sqrt(k - 2)).
const USERS_MAX: usize = 64;
/// Traces that are kept beside the first and the latest.
const TRACES_MAX: usize = 3;

/// Names, in the order in which they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// The first of them.
    pub names: Vec<String>,
    /// There were others.
    #[serde(default)]
    pub more: bool,
}

impl Names {
    /// Adds a name that is not empty.
    pub fn add(&mut self, name: &str) {
        let name = cut(name, NAME_BYTES_MAX);
        if name.is_empty() || self.names.iter().any(|known| known == name) {
            return;
        }
        match self.names.len() < NAMES_MAX {
            true => self.names.push(name.to_owned()),
            false => self.more = true,
        }
    }
}

/// The front of a text, at most so many bytes, cut between characters.
pub fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// How many distinct users: the smallest hashes of all that came (k minimum values; Bar-Yossef et al., 2002).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Users(BTreeSet<u64>);

impl Users {
    /// Adds a user.
    pub fn add(&mut self, user: &str) {
        self.0.insert(xxh3_64(user.as_bytes()));
        if self.0.len() > USERS_MAX {
            self.0.pop_last();
        }
    }

    /// How many; an estimate when more than 63.
    pub fn count(&self) -> u64 {
        match self.0.last() {
            Some(&greatest) if self.0.len() == USERS_MAX => {
                ((USERS_MAX - 1) as f64 / (greatest as f64 / u64::MAX as f64)).round() as u64
            }
            _ => self.0.len() as u64,
        }
    }
}

/// Traces in which something happened: the first, the latest, and some between, of which each has the same chance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// The first.
    pub first: Option<String>,
    /// The latest.
    pub latest: Option<(Timestamp, String)>,
    /// Some, by the hash of their id: the smallest stay, which is a fair draw without a die.
    pub sample: Vec<String>,
}

impl Traces {
    /// Adds a trace.
    pub fn add(&mut self, time: Timestamp, trace: &str) {
        self.first.get_or_insert_with(|| trace.to_owned());
        if self.latest.as_ref().is_none_or(|(latest, _)| *latest <= time) {
            self.latest = Some((time, trace.to_owned()));
        }
        if self.sample.iter().any(|known| known == trace) {
            return;
        }
        self.sample.push(trace.to_owned());
        self.sample.sort_by_key(|trace| xxh3_64(trace.as_bytes()));
        self.sample.truncate(TRACES_MAX);
    }

    /// Each once: the latest, the first, the others.
    pub fn all(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        let ends = self.latest.iter().map(|(_, trace)| trace).chain(&self.first);
        for trace in ends.chain(&self.sample) {
            if !all.contains(&trace.as_str()) {
                all.push(trace);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_bound() {
        let mut names = Names::default();
        (0..30).for_each(|i| names.add(&format!("host-{}", i % 20)));
        names.add("");
        assert_eq!((names.names.len(), names.more), (20, false));
        names.add("another");
        assert_eq!((names.names.len(), names.more), (20, true));
        assert_eq!(cut("aé", 2), "a");
    }

    #[test]
    fn users_are_counted() {
        let counted = |n: u64| {
            let mut users = Users::default();
            (0..n).for_each(|i| users.add(&format!("user-{}", i)));
            (0..n).for_each(|i| users.add(&format!("user-{}", i)));
            users.count()
        };
        assert_eq!([counted(0), counted(1), counted(63)], [0, 1, 63]);
        let many = counted(10_000);
        assert!((6_000..15_000).contains(&many), "{many}");
    }

    #[test]
    fn traces_are_the_first_the_latest_and_some() {
        let mut traces = Traces::default();
        (0..100).for_each(|i| traces.add(Timestamp(i), &format!("t{i}")));
        traces.add(Timestamp(50), "late");
        assert_eq!(traces.first.as_deref(), Some("t0"));
        assert_eq!(traces.latest, Some((Timestamp(99), "t99".to_owned())));
        assert_eq!(traces.sample.len(), TRACES_MAX);
        assert!(traces.all().len() <= TRACES_MAX + 2);
    }
}
