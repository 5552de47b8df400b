//! Where the parsers put what they read: points with the labels of their host, as batches of samples of bounded size.

use logweir_base::metric::labels::{self, LabelsRef, NAME};
use logweir_base::metric::samples::Writer;
use logweir_base::metric::{Kind, Meta};
use std::collections::BTreeMap;

/// A metric of our own, as its users see it.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, as OpenTelemetry's is written in Prometheus.
    pub name: &'static str,
    /// Gauge or counter.
    pub kind: Kind,
    /// Its unit, as Prometheus names it; may be empty.
    pub unit: &'static str,
    /// A sentence for people.
    pub help: &'static str,
}

impl Metric {
    /// One that only grows.
    pub const fn counter(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit, help }
    }

    /// One that goes up and down.
    pub const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit, help }
    }
}

/// A batch of samples, encoded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Chunk {
    /// As `base::metric::samples` draws it.
    pub bytes: Vec<u8>,
    /// Points in it; of several chunks that were taken together the first has all.
    pub samples: u64,
    /// Points that could not be given labels, likewise.
    pub refused: u64,
}

/// Takes points, gives chunks. Refuses only what no series may be called (a label over its limit), and counts that.
#[derive(Debug)]
pub struct Emit {
    /// Labels that every series gets, its own over them.
    common: Vec<(String, String)>,
    time_ms: i64,
    writer: Writer,
    samples: u64,
    refused: u64,
    encoded: Vec<u8>,
}

impl Emit {
    /// For a host and the labels that were given it.
    pub fn new(host: &str, given: &BTreeMap<String, String>) -> Self {
        let mut common = given.clone();
        common.insert("host".to_owned(), host.to_owned());
        Self::of(common.into_iter().collect())
    }

    fn of(common: Vec<(String, String)>) -> Self {
        Self { common, time_ms: 0, writer: Writer::default(), samples: 0, refused: 0, encoded: Vec::new() }
    }

    /// Another one with the same labels, and without points.
    pub fn another(&self) -> Self {
        Self::of(self.common.clone())
    }

    /// Labels that every series gets, over those there are.
    pub fn add_common<'a>(&mut self, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in labels {
            self.common.retain(|(there, _)| there != name);
            self.common.push((name.to_owned(), value.to_owned()));
        }
    }

    /// Points from now on are of this time.
    pub fn at(&mut self, time_ms: i64) {
        self.time_ms = time_ms;
    }

    /// A point of a metric of our own.
    pub fn put(&mut self, metric: &Metric, own: &[(&str, &str)], value: f64) {
        self.series(metric.name, metric.kind, own, self.time_ms, value);
    }

    /// A point of any plain metric.
    pub fn series(&mut self, name: &str, kind: Kind, own: &[(&str, &str)], time_ms: i64, value: f64) {
        let is_over = |common: &str| own.iter().any(|(name, _)| *name == common);
        let mut pairs = Vec::with_capacity(1 + own.len() + self.common.len());
        pairs.push((NAME, name));
        pairs.extend_from_slice(own);
        let common = self.common.iter().filter(|(name, _)| !is_over(name) && name != NAME);
        pairs.extend(common.map(|(name, value)| (name.as_str(), value.as_str())));
        self.encoded.clear();
        let encoded = labels::encode(&mut pairs, &mut self.encoded);
        match encoded.and_then(|()| LabelsRef::check(&self.encoded)) {
            Ok(labels) => {
                self.writer.samples(kind, labels, &[(time_ms, value)]);
                self.samples += 1;
                self.writer.cut();
            }
            Err(_) => self.refused += 1,
        }
    }

    /// What is known of metrics of our own.
    pub fn describe(&mut self, metrics: &[Metric]) {
        for metric in metrics {
            let kind = if metric.kind == Kind::Counter { "counter" } else { "gauge" };
            let (unit, help) = (metric.unit.to_owned(), metric.help.to_owned());
            self.meta(metric.name, &Meta { kind: kind.to_owned(), unit, help });
        }
    }

    /// What is known of any metric.
    pub fn meta(&mut self, name: &str, meta: &Meta) {
        self.writer.meta(name, meta);
        self.writer.cut();
    }

    /// What a receiver writes, which cuts batches itself; it tells how many points there were.
    pub fn receive(&mut self, write: impl FnOnce(&mut Writer, &[(&str, &str)]) -> u64) {
        let common: Vec<_> =
            self.common.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.samples += write(&mut self.writer, &common);
    }

    /// All there is since the last time.
    pub fn take(&mut self) -> Vec<Chunk> {
        let mut chunks: Vec<_> =
            self.writer.batches().into_iter().map(|bytes| Chunk { bytes, ..Chunk::default() }).collect();
        if let Some(first) = chunks.first_mut() {
            (first.samples, first.refused) = (self.samples, self.refused);
            (self.samples, self.refused) = (0, 0);
        }
        chunks
    }
}

#[cfg(test)]
#[allow(missing_docs)]
pub mod tests {
    use super::*;
    use logweir_base::metric::samples::{Item, SAMPLES_BYTES_MAX, Value, read};

    /// Chunks as PromQL would show them, one line a point, sorted.
    pub fn shown(chunks: &[Chunk]) -> Vec<String> {
        let mut lines = Vec::new();
        for item in chunks.iter().flat_map(|chunk| read(&chunk.bytes)) {
            if let Item::Series { labels, points, .. } = item.expect("own chunks are read") {
                for point in points {
                    let point = point.expect("own points are read");
                    let Value::Number(number) = point.value else { panic!("a plain value") };
                    lines.push(format!("{labels} {number} @{}", point.time));
                }
            }
        }
        lines.sort();
        lines
    }

    const M: Metric = Metric::gauge("m", "", "A metric.");

    #[test]
    fn own_labels_win_over_those_given() {
        let given =
            BTreeMap::from([("env".to_owned(), "prod".to_owned()), ("cpu".to_owned(), "x".to_owned())]);
        let mut emit = Emit::new("h", &given);
        emit.at(7);
        emit.put(&M, &[("cpu", "cpu0"), ("state", "")], 1.5);
        assert_eq!(shown(&emit.take()), [r#"m{cpu="cpu0", env="prod", host="h"} 1.5 @7"#]);
        assert_eq!(emit.take(), []);
    }

    #[test]
    fn chunks_are_cut_and_what_has_no_labels_is_counted() {
        let mut emit = Emit::new("h", &BTreeMap::new());
        let long = "x".repeat(labels::LABEL_BYTES_MAX);
        for n in 0..200 {
            emit.put(&M, &[("long", &long), ("n", &n.to_string())], 1.0);
        }
        emit.put(&M, &[("long", &(long + "x"))], 1.0);
        let chunks = emit.take();
        assert_eq!(chunks[0].refused, 1);
        assert_eq!(chunks.iter().map(|chunk| chunk.samples).collect::<Vec<_>>(), [200, 0]);
        assert!(
            chunks.iter().all(|chunk| chunk.bytes.len() < SAMPLES_BYTES_MAX + 2 * labels::LABEL_BYTES_MAX)
        );
    }
}
