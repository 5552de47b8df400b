//! What is told of metrics that rules make, as senders tell it of theirs: kind, unit and help.

use super::DEFAULTS;
use super::grammar::{Function, Rule};
use logweir_base::metric::Meta;
use logweir_base::metric::family::Type;

/// Units that names end with, before `_total`.
const UNITS: [&str; 2] = ["seconds", "bytes"];

/// What is known of a rule's metric. Of one that somebody wrote the rule itself says best what it counts.
pub(super) fn meta_of(rule: &Rule) -> Meta {
    let kind = match rule.function {
        Function::Count | Function::Sum => Type::Counter,
        Function::Gauge => Type::Gauge,
        Function::Histogram => Type::Histogram,
    };
    let name = rule.metric.strip_suffix("_total").unwrap_or(&rule.metric);
    let unit = UNITS.into_iter().find(|unit| name.rsplit('_').next() == Some(unit)).unwrap_or_default();
    let text = rule.to_string();
    let help = DEFAULTS.iter().find(|own| own.rule == text).map(|own| own.help.to_owned());
    Meta { kind: kind.word().to_owned(), unit: unit.to_owned(), help: help.unwrap_or(text) }
}
