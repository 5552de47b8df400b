//! Rules, read from a configuration: what is asked of the metrics store, what of that is too much, and for how long.
//!
//! A search in a rule is never searched for: it becomes a rule that counts logs, and its counts are asked for. So what a rule
//! sees is exact, also after a crash, and costs no search.
//!
//! Limits: [`RULES_MAX`] rules, each with up to [`SERIES_MAX`] series.

mod compile;
mod ratio;

pub use compile::{Finding, check, compile};
pub use ratio::{Share, share};

use crate::alert::{Labels, Seen, Timing};
use crate::config::{Direction, Severity, Who};
use crate::group::State;
use logweir_base::query::Query;
use std::collections::BTreeMap;

/// Rules of a configuration.
pub const RULES_MAX: usize = 100;
/// Series of one rule that are looked at; more are counted as refused.
pub const SERIES_MAX: usize = 10_000;

/// A rule that can be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it looks at.
    pub check: Check,
    /// For how long.
    pub timing: Timing,
    /// How bad.
    pub severity: Severity,
    /// Labels that its alerts get.
    pub labels: Labels,
    /// Texts that its alerts get.
    pub annotations: BTreeMap<String, String>,
    /// Rules that keep it from being told of.
    pub inhibited_by: Vec<String>,
    /// Receivers by name; all that take pages when there is none.
    pub to: Vec<String>,
    /// The query of records that its pages lead to.
    pub search: Option<String>,
    /// Rules that count logs for it, as `[[metric]]` has them.
    pub metrics: Vec<String>,
}

/// What a rule looks at.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// A number of each series.
    Threshold(Numbers, Bounds),
    /// A share of each series: a part, all, and which share is too much or too little.
    Ratio(Numbers, Numbers, Bounds),
    /// A number that is not what is usual.
    Baseline(Numbers, Usual),
    /// Who used to report.
    Absence(Who),
    /// Series that used to be there.
    AbsentSeries(Numbers),
    /// Groups of exceptions in these states.
    Exception(Vec<State>),
}

/// What is asked of the metrics store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers {
    /// The question.
    pub promql: String,
    /// What it means that a series which was there is not.
    pub absent: Absent,
}

/// What it means that a series is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// Nothing was counted.
    Zero,
    /// Nothing is known.
    Unknown,
}

/// What is too much or too little.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// More than this.
    pub above: Option<f64>,
    /// Less than this.
    pub below: Option<f64>,
}

/// What is not usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    /// Length of a window, in seconds.
    pub window_seconds: u32,
    /// Which deviations count.
    pub direction: Direction,
    /// Smaller ones are none, as a share of what is usual.
    pub effect_min: f64,
    /// Whether the numbers are counts.
    pub is_count: bool,
}

impl Bounds {
    /// Whether a number is beyond.
    pub fn judge(&self, number: f64) -> Seen {
        let beyond =
            self.above.is_some_and(|above| number > above) || self.below.is_some_and(|below| number < below);
        match beyond {
            _ if number.is_nan() => Seen::Missing,
            true => Seen::Holds(Some(number)),
            false => Seen::HoldsNot,
        }
    }

    /// Whether a share is beyond, for sure as far as its numbers allow: 1 of 2 is not much more than a tenth.
    pub fn judge_share(&self, part: f64, all: f64) -> Seen {
        let Some(share) = share(part, all) else {
            return Seen::Missing;
        };
        let beyond = self.above.is_some_and(|above| share.low > above)
            || self.below.is_some_and(|below| share.high < below);
        if beyond { Seen::Holds(Some(share.middle)) } else { Seen::HoldsNot }
    }
}

/// The query, of records with these labels only.
pub fn narrowed(query: &str, labels: &Labels) -> Option<Query> {
    let mut text = format!("({query})");
    for (name, value) in labels {
        let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
        text.push_str(&format!(" {name}:\"{quoted}\""));
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_not_beyond_themselves() {
        let bounds = Bounds { above: Some(5.0), below: Some(1.0) };
        let check = |number: f64, expected: Seen| assert_eq!(bounds.judge(number), expected, "{number}");
        check(5.0, Seen::HoldsNot);
        check(5.1, Seen::Holds(Some(5.1)));
        check(1.0, Seen::HoldsNot);
        check(0.0, Seen::Holds(Some(0.0)));
        check(f64::NAN, Seen::Missing);
    }

    #[test]
    fn a_share_of_few_is_no_share() {
        let bounds = Bounds { above: Some(0.05), below: None };
        let check = |part, all, holds: bool| {
            assert_eq!(matches!(bounds.judge_share(part, all), Seen::Holds(_)), holds, "{part} of {all}");
        };
        check(1.0, 2.0, false);
        check(2.0, 10.0, false);
        check(20.0, 100.0, true);
        check(5.0, 100.0, false);
        assert_eq!(bounds.judge_share(0.0, 0.0), Seen::Missing);
    }
}
