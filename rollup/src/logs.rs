//! Log records on their way into the store: the rules in force, and what they count.
//!
//! Which rules are in force is told by CONFIG records of the journal, so that a replay counts as the first time; the manifest
//! keeps those of the committed position, where a replay begins.

use crate::intake::Intake;
use crate::rules::{RuleSet, RulesOfConfig, rules_of_config};
use logweir_base::entry::RecordBatch;

/// The rules in force. None before the first CONFIG record.
#[derive(Default)]
pub(crate) struct LogRules {
    texts: Option<RulesOfConfig>,
    compiled: Option<RuleSet>,
}

impl LogRules {
    /// Those that were in force at the committed position; an error when they are no rules any more.
    pub(crate) fn resume(&mut self, texts: Option<RulesOfConfig>) -> Result<(), String> {
        self.compiled = texts.as_ref().map(compile).transpose()?;
        self.texts = texts;
        Ok(())
    }

    /// Takes over what a CONFIG record says. When that is no configuration the old rules stay, and the error says why.
    pub(crate) fn change(&mut self, config: &str) -> Result<(), String> {
        let texts = rules_of_config(config)?;
        if self.texts.as_ref() != Some(&texts) {
            self.compiled = Some(compile(&texts)?);
            self.texts = Some(texts);
        }
        Ok(())
    }

    /// The texts, for the manifest.
    pub(crate) fn texts(&self) -> Option<&RulesOfConfig> {
        self.texts.as_ref()
    }

    /// Counts the records of a batch.
    pub(crate) fn apply(&mut self, batch: &RecordBatch, mut intake: Intake<'_>) {
        if let Some(rules) = &mut self.compiled {
            rules.apply(batch, &mut intake);
        }
    }
}

fn compile(texts: &RulesOfConfig) -> Result<RuleSet, String> {
    RuleSet::compile(&texts.rules, texts.defaults).map_err(|problem| problem.to_string())
}
