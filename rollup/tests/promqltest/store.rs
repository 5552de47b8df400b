//! Series of samples in memory. Native histograms are not kept, only when there would be one, so that a query that would see
//! one can be told.

use super::script::{Item, Line};
use logweir_base::metric::Labels;
use logweir_rollup::select::{Answer, Matcher, Samples, SelectError, Selected, SeriesPoints, Source, Span};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The series of a script.
#[derive(Default)]
pub struct Store {
    samples: BTreeMap<Arc<Labels>, BTreeMap<i64, f64>>,
    natives: BTreeMap<Arc<Labels>, BTreeSet<i64>>,
    /// Whether a native histogram would have been seen since this was unset.
    pub saw_native: Cell<bool>,
}

impl Store {
    /// Adds samples, one each `step`.
    pub fn load(&mut self, step: i64, lines: &[Line], has_nhcb: bool) {
        for line in lines {
            for (i, item) in line.items.iter().enumerate() {
                let time = step * i as i64;
                match item {
                    Item::None => {}
                    Item::Native => {
                        self.natives.entry(line.labels.clone()).or_default().insert(time);
                    }
                    Item::Value(value) => {
                        self.samples.entry(line.labels.clone()).or_default().insert(time, *value);
                        if let Some(native) = has_nhcb.then(|| native_of(&line.labels)).flatten() {
                            self.natives.entry(Arc::new(native)).or_default().insert(time);
                        }
                    }
                }
            }
        }
    }
}

/// The native histogram that a classic bucket would be made part of.
fn native_of(labels: &Labels) -> Option<Labels> {
    let name = labels.name().strip_suffix("_bucket")?;
    let kept = labels.iter().filter(|(name, _)| *name != "le");
    let mut pairs: Vec<_> =
        kept.map(|(key, value)| (key, if key == "__name__" { name } else { value })).collect();
    Labels::of(&mut pairs).ok()
}

fn passes(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|one| one.passes(labels.get(&one.name)))
}

impl Source for Store {
    fn select(&self, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError> {
        if span.start > span.end {
            return Ok(Answer::default());
        }
        let natives = self.natives.iter().filter(|(labels, _)| passes(labels, matchers));
        if natives.into_iter().any(|(_, times)| times.range(span.start..=span.end).next().is_some()) {
            self.saw_native.set(true);
        }
        let mut answer = Answer::default();
        for (labels, all) in self.samples.iter().filter(|(labels, _)| passes(labels, matchers)) {
            let (times, values) =
                all.range(span.start..=span.end).map(|(&time, &value)| (time, value)).unzip();
            let samples = Samples { times, values };
            if !samples.times.is_empty() {
                answer
                    .series
                    .push(Selected { labels: labels.clone(), points: SeriesPoints::Samples(samples) });
            }
        }
        Ok(answer)
    }
}
