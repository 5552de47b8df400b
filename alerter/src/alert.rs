//! One alert: a rule that holds for one set of labels, from the first time it does until it is over.
//!
//! ```text
//!             holds            holds for `for`           does not hold for `keep_firing_for`
//!   (none) ----------> pending ---------------> firing ---------------------------------> over
//!      ^                  | does not hold          ^                                        |
//!      +------------------+                        +------- holds (a new episode) ----------+
//! ```
//! Data that is missing changes nothing: a pending alert does not fire, a firing one is not over. An alert that is over is
//! remembered for [`Timing::flap`], so that one which comes and goes is told of once in that time.

use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

/// A pending alert whose data is missing for so long is forgotten.
const PENDING_MISSING_MAX: Duration = Duration::from_secs(3_600);

/// Labels of an alert.
pub type Labels = BTreeMap<String, String>;

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// It holds, and not yet for long enough.
    Pending,
    /// It holds, or held just now.
    Firing,
    /// It is over.
    Over,
}

/// What was seen of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Seen {
    /// The rule holds; the number.
    Holds(Option<f64>),
    /// It does not.
    HoldsNot,
    /// It cannot be told.
    Missing,
}

/// How long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// It must hold for so long.
    pub for_: Duration,
    /// It is over when it has not held for so long.
    pub keep: Duration,
    /// When it comes back within so long after it was told of, that is not told.
    pub flap: Duration,
    /// It is told of again after so long.
    pub repeat: Duration,
}

/// What follows from what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    None,
    /// It fires now.
    Fired,
    /// It is over now.
    Ended,
    /// Nothing is left to remember of it.
    Forget,
}

/// A rule that holds for one set of labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// The rule.
    pub rule: String,
    /// Those of the series, and the rule's.
    pub labels: Labels,
    /// How far it has come.
    pub phase: Phase,
    /// Since when it holds; when it was over, of one that is.
    pub since: Timestamp,
    /// When it was last seen to hold.
    pub held: Timestamp,
    /// Whether its data is missing at the moment.
    pub missing: bool,
    /// The number, when it was last seen to hold.
    pub value: Option<f64>,
    /// Names the episode; empty while it is pending.
    pub episode: String,
    /// When it was last told of.
    pub told: Option<Timestamp>,
    /// The episode has been told of.
    pub told_episode: bool,
    /// Who looks after it.
    pub acknowledged: Option<String>,
}

impl Alert {
    /// One that holds for the first time.
    pub fn new(rule: &str, labels: Labels, now: Timestamp) -> Self {
        Self {
            rule: rule.to_owned(),
            labels,
            phase: Phase::Pending,
            since: now,
            held: now,
            missing: false,
            value: None,
            episode: String::new(),
            told: None,
            told_episode: false,
            acknowledged: None,
        }
    }

    /// Key of the alert of a rule and labels.
    pub fn key(rule: &str, labels: &Labels) -> String {
        format!("{rule}/{:016x}", hash(rule, labels, None))
    }

    /// Takes what was seen at a time.
    pub fn observe(&mut self, seen: Seen, timing: &Timing, now: Timestamp) -> Step {
        self.missing = seen == Seen::Missing;
        match (self.phase, seen) {
            (Phase::Pending | Phase::Firing, Seen::Holds(value)) => {
                (self.held, self.value) = (now, value);
                if self.phase == Phase::Pending && now.since(self.since) >= timing.for_ {
                    return self.fire();
                }
                Step::None
            }
            (Phase::Over, Seen::Holds(value)) => {
                (self.phase, self.since, self.held, self.value) = (Phase::Pending, now, now, value);
                if timing.for_.is_zero() { self.fire() } else { Step::None }
            }
            (Phase::Pending, Seen::Missing) if now.since(self.held) < PENDING_MISSING_MAX => Step::None,
            (Phase::Pending, _) if self.told.is_some() => self.rest(now),
            (Phase::Pending, _) => Step::Forget,
            (Phase::Firing, Seen::HoldsNot) if now.since(self.held) >= timing.keep => {
                self.rest(now);
                Step::Ended
            }
            (Phase::Firing, _) => Step::None,
            (Phase::Over, _) if self.told.is_none_or(|told| now.since(told) >= timing.flap) => Step::Forget,
            (Phase::Over, _) => Step::None,
        }
    }

    fn fire(&mut self) -> Step {
        self.phase = Phase::Firing;
        self.episode = format!("{:016x}", hash(&self.rule, &self.labels, Some(self.since)));
        (self.told_episode, self.acknowledged) = (false, None);
        Step::Fired
    }

    fn rest(&mut self, now: Timestamp) -> Step {
        (self.phase, self.since) = (Phase::Over, now);
        Step::None
    }

    /// Whether people are to be told of it now, when nothing speaks against it.
    pub fn is_due(&self, timing: &Timing, now: Timestamp) -> bool {
        let after = if self.told_episode { timing.repeat } else { timing.flap };
        self.phase == Phase::Firing
            && self.acknowledged.is_none()
            && self.told.is_none_or(|told| now.since(told) >= after)
    }

    /// The clock was set: all times move with it.
    pub fn shift(&mut self, back: Duration) {
        for time in [&mut self.since, &mut self.held].into_iter().chain(&mut self.told) {
            *time = time.minus(back);
        }
    }
}

/// A number for a rule, labels, and when given a time: the same for ever.
pub fn hash(rule: &str, labels: &Labels, time: Option<Timestamp>) -> u64 {
    let mut hasher = Xxh3::new();
    let mut put = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    put(rule);
    labels.iter().for_each(|(name, value)| {
        put(name);
        put(value);
    });
    if let Some(time) = time {
        hasher.update(&time.0.to_le_bytes());
    }
    hasher.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMING: Timing = Timing {
        for_: Duration::from_secs(60),
        keep: Duration::from_secs(120),
        flap: Duration::from_secs(1_800),
        repeat: Duration::from_secs(14_400),
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn alert() -> Alert {
        Alert::new("r", Labels::from([("service".to_owned(), "shop".to_owned())]), at(0))
    }

    /// `h` holds, `-` does not, `?` is missing; one each ten seconds. The steps that are not `None`, by index.
    fn steps(alert: &mut Alert, from: i64, seen: &str) -> Vec<(usize, Step)> {
        let step = |(i, c): (usize, char)| {
            let seen = match c {
                'h' => Seen::Holds(Some(1.0)),
                '-' => Seen::HoldsNot,
                _ => Seen::Missing,
            };
            (i, alert.observe(seen, &TIMING, at(from + 10 * i as i64)))
        };
        let all: Vec<_> = seen.chars().enumerate().map(step).collect();
        all.into_iter().filter(|(_, step)| *step != Step::None).collect()
    }

    #[test]
    fn it_must_hold_for_long_enough_and_not_hold_for_long_enough() {
        assert_eq!(steps(&mut alert(), 0, "hhhhhhh"), [(6, Step::Fired)]);
        assert_eq!(steps(&mut alert(), 0, "hhhhh-"), [(5, Step::Forget)]);
        let ends = "hhhhhhh-----------h------------";
        assert_eq!(steps(&mut alert(), 0, ends), [(6, Step::Fired), (30, Step::Ended)]);
    }

    #[test]
    fn missing_data_neither_fires_nor_ends() {
        assert_eq!(steps(&mut alert(), 0, "hhhh???h"), [(7, Step::Fired)]);
        let mut firing = alert();
        steps(&mut firing, 0, "hhhhhhh");
        assert_eq!(steps(&mut firing, 70, &"?".repeat(500)), []);
        assert!(firing.missing);
        let mut pending = alert();
        assert_eq!(
            steps(&mut pending, 0, &format!("h{}", "?".repeat(361))),
            [(360, Step::Forget), (361, Step::Forget)]
        );
    }

    /// A01: what comes and goes is told of once in `flap`.
    #[test]
    fn a01_what_flaps_is_told_of_once() {
        let mut alert = alert();
        let mut told = Vec::new();
        for i in 0..720 {
            let now = at(i * 10);
            let seen = if (i / 20) % 2 == 0 { Seen::Holds(None) } else { Seen::HoldsNot };
            if alert.observe(seen, &TIMING, now) == Step::Forget {
                alert = Alert::new("r", Labels::new(), now);
            }
            if alert.is_due(&TIMING, now) {
                (alert.told, alert.told_episode) = (Some(now), true);
                told.push(i * 10);
            }
        }
        let expected = told.windows(2).all(|pair| pair[1] - pair[0] >= 1_800);
        assert!(expected && (3..=4).contains(&told.len()), "{told:?}");
    }

    #[test]
    fn it_is_told_of_again_unless_somebody_looks_after_it() {
        let mut alert = alert();
        steps(&mut alert, 0, "hhhhhhh");
        assert!(alert.is_due(&TIMING, at(60)));
        (alert.told, alert.told_episode) = (Some(at(60)), true);
        assert!(!alert.is_due(&TIMING, at(14_459)));
        assert!(alert.is_due(&TIMING, at(14_460)));
        alert.acknowledged = Some("me".to_owned());
        assert!(!alert.is_due(&TIMING, at(14_460)));
    }

    #[test]
    fn an_episode_has_the_same_name_whenever_it_is_looked_at() {
        let episode = |from| {
            let mut alert = alert();
            alert.since = at(from);
            steps(&mut alert, from, "hhhhhhh");
            alert.episode
        };
        assert_eq!(episode(0), episode(0));
        assert_ne!(episode(0), episode(10));
        assert_eq!(alert().rule, "r");
        let key = |labels: &[(&str, &str)]| {
            Alert::key("r", &labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
        };
        assert_ne!(key(&[("a", "bc")]), key(&[("ab", "c")]));
    }
}
