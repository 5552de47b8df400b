//! Rules as text, and what they count, against a plain reading of every record by the matcher and the pipes' reader of fields.

mod count;
mod cover;
mod manual;
mod text;

use super::{RuleSet, RuleText, Sink, WithDefaults};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::entry::RecordBatch;
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::metric::LabelsRef;
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was counted: by series, as PromQL writes it, and time.
#[derive(Debug, Default, PartialEq, Clone)]
pub(super) struct Counted {
    increases: BTreeMap<(String, i64), f64>,
    observed: BTreeMap<(String, i64), Vec<f64>>,
    gauges: BTreeMap<(String, i64), Vec<f64>>,
}

impl Sink for Counted {
    fn increase(&mut self, labels: LabelsRef<'_>, time_ms: i64, amount: f64) {
        assert!(amount.is_finite() && amount >= 0.0);
        *self.increases.entry((labels.to_string(), time_ms)).or_default() += amount;
    }

    fn observe(&mut self, labels: LabelsRef<'_>, time_ms: i64, values: &[f64]) {
        assert!(!values.is_empty() && values.iter().all(|value| value.is_finite()));
        self.observed.entry((labels.to_string(), time_ms)).or_default().extend(values);
    }

    fn gauge(&mut self, labels: LabelsRef<'_>, time_ms: i64, value: f64) {
        assert!(value.is_finite());
        self.gauges.entry((labels.to_string(), time_ms)).or_default().push(value);
    }
}

fn received() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00Z").expect("a time")
}

fn resource(labels: &[(&str, &str)]) -> Resource {
    let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    Resource { host: "web-1".into(), path: "/var/log/app.log".into(), labels, ..Resource::default() }
}

fn records(lines: &[Vec<u8>], resource: Resource) -> RecordBatch {
    let lines: Vec<Vec<u8>> = lines.iter().map(|line| [line.as_slice(), b"\n"].concat()).collect();
    let row = |line: &Vec<u8>| {
        let len = u32::try_from(line.len()).expect("a short line");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let text = lines.concat();
    let batch = Batch {
        source: SourceId([7; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: lines.iter().map(row).collect(),
        codec: Codec::None,
        text_len: u32::try_from(text.len()).expect("a short text"),
        payload: Bytes::from(text),
    };
    look(&batch, Arc::new(resource), received(), &mut Parser::new()).expect("a sound batch")
}

fn compiled(rules: &[&str], defaults: WithDefaults) -> RuleSet {
    let texts: Vec<_> = rules.iter().map(|&rule| RuleText(rule.to_owned())).collect();
    RuleSet::compile(&texts, defaults).unwrap_or_else(|problem| panic!("{problem}"))
}

fn counted(rules: &mut RuleSet, batch: &RecordBatch) -> Counted {
    let mut counted = Counted::default();
    rules.apply(batch, &mut counted);
    counted
}
