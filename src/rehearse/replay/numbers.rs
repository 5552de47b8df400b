//! What rules ask the metrics store: asked of a server for a day at a time, and looked up in that.
//!
//! Limits: one day of each question is held. A server that refuses a step of ten seconds, since that would be too much, is asked
//! for coarser ones; a number counts for the time up to the next step then.

use super::SharedNotes;
use crate::client::{Ask, ClientError, Server};
use crate::config::Config;
use crate::rehearse::engine::Elsewhere;
use logweir_alerter::Number;
use logweir_base::time::Timestamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What is asked for at once, in ms: at the finest step that is fewer points than a server's bound of 11,000.
const CHUNK_MS: i64 = 86_400_000;
/// Steps that are tried, in ms: that of ticks, and coarser ones.
const STEPS_MS: [i64; 4] = [10_000, 60_000, 600_000, 3_600_000];
/// The label that a rule's alerts do not have.
const NAME: &str = "__name__";

/// Of each series its values, by the number of the step.
type Values = Vec<(BTreeMap<String, String>, BTreeMap<i64, f64>)>;

/// Numbers of a server.
pub(super) struct Numbers {
    server: Server,
    /// The questions that are asked of it; all others are counted from lines.
    questions: BTreeSet<String>,
    until_ms: i64,
    chunks: Mutex<BTreeMap<String, Chunk>>,
    notes: SharedNotes,
}

/// What was answered for a day.
struct Chunk {
    start_ms: i64,
    step_ms: i64,
    series: Result<Values, String>,
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Data {
    Matrix(Vec<Series>),
}

#[derive(Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
}

impl Numbers {
    pub(super) fn new(server: Server, config: &Config, until: Timestamp, notes: SharedNotes) -> Self {
        let questions = config.rule.iter().filter_map(|rule| rule.promql.clone()).collect();
        Self { server, questions, until_ms: until.0.div_euclid(1_000_000), chunks: Mutex::default(), notes }
    }

    /// Asks for the day that begins at a time, in the finest step that the server takes.
    fn fetch(&self, promql: &str, start_ms: i64) -> Chunk {
        let end_ms = (start_ms + CHUNK_MS - 1).min(self.until_ms.max(start_ms));
        let mut reason = String::new();
        for step_ms in STEPS_MS {
            match self.ask(promql, start_ms, end_ms, step_ms) {
                Ok(series) => {
                    if step_ms > STEPS_MS[0] {
                        let seconds = step_ms / 1_000;
                        self.note(format!("`{promql}` could only be asked for each {seconds} s: {reason}"));
                    }
                    self.note_first(promql, start_ms, step_ms, &series);
                    return Chunk { start_ms, step_ms, series: Ok(series) };
                }
                Err(e) => reason = e.to_string(),
            }
        }
        Chunk { start_ms, step_ms: STEPS_MS[0], series: Err(reason) }
    }

    fn ask(&self, promql: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Result<Values, ClientError> {
        let seconds = |ms: i64| (ms as f64 / 1e3).to_string();
        let ask = Ask::new("/api/v1/query_range").param("query", promql).param("start", &seconds(start_ms));
        let ask = ask.param("end", &seconds(end_ms)).param("step", &seconds(step_ms));
        let body = self.server.ask(&ask)?.whole()?;
        let answer: Answer = serde_json::from_slice(&body).map_err(|e| self.server.nonsense(&e))?;
        let Data::Matrix(all) = answer.data;
        let of = |mut series: Series| {
            series.metric.remove(NAME);
            let step = |time: f64| (time * 1e3 - start_ms as f64).round() as i64 / step_ms;
            let values = series.values.iter();
            let values = values.filter_map(|(time, text)| Some((step(*time), text.parse().ok()?)));
            (series.metric, values.collect())
        };
        Ok(all.into_iter().map(of).collect())
    }

    fn note(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).texts.insert(text);
    }

    fn note_first(&self, promql: &str, start_ms: i64, step_ms: i64, series: &Values) {
        let first = series.iter().filter_map(|(_, values)| values.keys().next()).min();
        let first = first.map(|step| Timestamp((start_ms + step * step_ms) * 1_000_000));
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let known = notes.first_numbers.entry(promql.to_owned()).or_default();
        *known = known.or(first);
    }
}

impl Elsewhere for Numbers {
    fn numbers(&self, promql: &str, at: Timestamp) -> Option<Result<Vec<Number>, String>> {
        if !self.questions.contains(promql) {
            return None;
        }
        let at_ms = at.0.div_euclid(1_000_000);
        let start_ms = at_ms - at_ms.rem_euclid(CHUNK_MS);
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        if chunks.get(promql).is_none_or(|chunk| chunk.start_ms != start_ms) {
            chunks.insert(promql.to_owned(), self.fetch(promql, start_ms));
        }
        Some(chunks.get(promql)?.at(at_ms))
    }
}

impl Chunk {
    fn at(&self, at_ms: i64) -> Result<Vec<Number>, String> {
        let step = (at_ms - self.start_ms) / self.step_ms;
        let series = self.series.as_ref().map_err(String::clone)?;
        Ok(series.iter().filter_map(|(labels, values)| Some((labels.clone(), *values.get(&step)?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_counts_up_to_the_next_step() {
        let labels = BTreeMap::from([("job".to_owned(), "a".to_owned())]);
        let series = Ok(vec![(labels.clone(), BTreeMap::from([(0, 1.0), (1, 2.0), (3, 4.0)]))]);
        let chunk = Chunk { start_ms: 1_000_000, step_ms: 60_000, series };
        let check = |at_ms: i64, expected: Option<f64>| {
            let expected: Vec<Number> = expected.map(|value| (labels.clone(), value)).into_iter().collect();
            assert_eq!(chunk.at(at_ms), Ok(expected), "{at_ms}");
        };
        check(1_000_000, Some(1.0));
        check(1_059_999, Some(1.0));
        check(1_060_000, Some(2.0));
        check(1_120_000, None);
        check(1_180_000, Some(4.0));
    }
}
