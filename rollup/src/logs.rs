//! Log records on their way into the store: the rules in force, what they count, and since when that is all there is.
//!
//! Which rules are in force is told by CONFIG records of the journal, so that a replay counts as the first time; the manifest
//! keeps those of the committed position, where a replay begins.

use crate::intake::Intake;
use crate::rules::{RuleSet, RulesOfConfig, rules_of_config};
use logweir_base::entry::RecordBatch;
use logweir_base::ids::Position;
use logweir_base::metric::Meta;
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Of a window: what stands in one that had begun before is not all there is of it.
const WINDOW: Duration = Duration::from_millis(crate::rules::WINDOW_MS.unsigned_abs());

/// No record's time is further ahead of its receipt; see `Timestamp::clamped`.
const AHEAD_MAX: Duration = Duration::from_secs(86_400);

/// What is known of rules at a position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce {
    rules: RulesOfConfig,
    /// From this time on they have counted exactly the records that the log store has. `None`: routes keep some from it, or what
    /// was known is lost, until the next CONFIG record.
    exact_from: Option<Timestamp>,
    /// The latest time of a record so far, or one that is not earlier.
    newest: Timestamp,
}

/// The rules in force. None before the first CONFIG record.
#[derive(Default)]
pub(crate) struct LogRules {
    in_force: Option<InForce>,
    compiled: Option<RuleSet>,
}

impl LogRules {
    /// Those that were in force at the committed position; an error when they are no rules any more.
    pub(crate) fn resume(&mut self, in_force: Option<InForce>) -> Result<(), String> {
        self.compiled = in_force.as_ref().map(|it| compile(&it.rules)).transpose()?;
        self.in_force = in_force;
        Ok(())
    }

    /// Takes over what a CONFIG record says. When that is no configuration the old rules stay, and the error says why.
    pub(crate) fn change(
        &mut self,
        config: &str,
        position: Position,
        received: Timestamp,
    ) -> Result<(), String> {
        let rules = rules_of_config(config)?;
        let hides = rules.hides_records;
        match &mut self.in_force {
            Some(it) if it.rules == rules && it.exact_from.is_some() => {}
            Some(it) => {
                self.compiled = Some(compile(&rules)?);
                it.rules = rules;
                it.exact_from = (!hides).then(|| it.border(received));
            }
            None => {
                self.compiled = Some(compile(&rules)?);
                // In a new journal nothing was before; of another it is not known what was.
                let is_new = position.0 <= 1;
                let newest = if is_new { Timestamp::MIN } else { Timestamp::MAX };
                let mut it = InForce { rules, exact_from: None, newest };
                let from = if is_new { Timestamp::MIN } else { it.border(received) };
                it.exact_from = (!hides).then_some(from);
                self.in_force = Some(it);
            }
        }
        Ok(())
    }

    /// The log store has come to differ from what was counted: a deletion, or the record of a gap.
    pub(crate) fn differ(&mut self, received: Timestamp) {
        if let Some(it) = &mut self.in_force {
            it.exact_from = it.exact_from.map(|_| it.border(received));
        }
    }

    /// What is known of the metrics that they make.
    pub(crate) fn metrics(&self) -> impl Iterator<Item = (&str, Meta)> {
        self.compiled.iter().flat_map(RuleSet::metrics)
    }

    /// For the manifest.
    pub(crate) fn in_force(&self) -> Option<&InForce> {
        self.in_force.as_ref()
    }

    /// The rules, for whoever asks what they cover, and from when on; `None` when they are not exact.
    pub(crate) fn exact(&self) -> Option<(RulesOfConfig, Timestamp)> {
        let it = self.in_force.as_ref()?;
        Some((it.rules.clone(), it.exact_from?))
    }

    /// Counts the records of a batch.
    pub(crate) fn apply(&mut self, batch: &RecordBatch, mut intake: Intake<'_>) {
        if let Some(it) = &mut self.in_force {
            let newest = batch.records.iter().map(|record| record.time).max();
            it.newest = it.newest.max(newest.unwrap_or(Timestamp::MIN));
        }
        if let Some(rules) = &mut self.compiled {
            let refused = rules.apply(batch, &mut intake);
            intake.count_refused(refused);
        }
    }
}

impl InForce {
    /// The same rules at a later position, when nothing else is known of the records up to there.
    pub(crate) fn at_unknown(self) -> Self {
        Self { exact_from: None, newest: Timestamp::MAX, ..self }
    }

    /// No record so far is of a window that begins then or later.
    fn border(&self, received: Timestamp) -> Timestamp {
        received.max(self.newest.min(received.plus(AHEAD_MAX))).plus(WINDOW)
    }
}

fn compile(rules: &RulesOfConfig) -> Result<RuleSet, String> {
    RuleSet::compile(&rules.rules, rules.defaults).map_err(|problem| problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPS: &str = "[[route]]\ndrop = true\n";
    const RULE: &str = "[[metric]]\nrule = 'metric lines_total = count'\n";
    const DAY: i64 = 86_400;

    fn change(rules: &mut LogRules, config: &str, position: u64, seconds: i64) -> Option<i64> {
        rules.change(config, Position(position), Timestamp::from_seconds(seconds)).expect("rules");
        exact_from(rules)
    }

    fn exact_from(rules: &LogRules) -> Option<i64> {
        rules.exact().map(|(_, from)| from.0.div_euclid(1_000_000_000))
    }

    #[test]
    fn counts_are_exact_behind_what_makes_them_differ() {
        let mut rules = LogRules::default();
        assert!(change(&mut rules, "", 1, 100) < Some(0), "a new journal");
        rules.differ(Timestamp::from_seconds(200));
        assert_eq!(exact_from(&rules), Some(210), "a deletion");
        assert_eq!(change(&mut rules, "", 7, 300), Some(210), "the same rules");
        assert_eq!(change(&mut rules, RULE, 8, 400), Some(410), "other rules");
        assert_eq!(change(&mut rules, DROPS, 9, 500), None);
        rules.differ(Timestamp::from_seconds(510));
        assert_eq!(exact_from(&rules), None, "drops");
        assert_eq!(change(&mut rules, "", 10, 600), Some(610), "drops no more");
    }

    #[test]
    fn what_is_not_known_may_be_a_day_ahead() {
        let mut rules = LogRules::default();
        assert_eq!(change(&mut rules, "", 5, 100), Some(100 + DAY + 10), "a journal that was there before");
        let known = rules.in_force().cloned();
        rules.resume(known.map(InForce::at_unknown)).expect("rules");
        assert_eq!(exact_from(&rules), None);
        assert_eq!(change(&mut rules, "", 9, 300), Some(300 + DAY + 10));
        rules.differ(Timestamp::from_seconds(400));
        assert_eq!(exact_from(&rules), Some(400 + DAY + 10));
    }
}
