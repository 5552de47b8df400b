//! What an OTLP point becomes: which series, of which kind, with which labels.

use super::{Attributes, BUCKETS_MAX, DataPoint, Metric, Shape, Temporality, name};
use crate::metric::family::label_name;
use crate::metric::labels::{BadLabels, LABELS_MAX};
use crate::metric::received::{Received, Sink};
use crate::metric::samples::{Kind, Point, Value};
use crate::metric::{Histogram, STALE};

/// Resource attributes that every series of the resource has: so metrics and log records can be joined.
const PROMOTED: [(&str, &str); 4] = [
    ("service.name", "service"),
    ("host.name", "host"),
    ("deployment.environment.name", "env"),
    ("deployment.environment", "env"),
];
/// What `job` and `instance` are made of; not labels of `target_info`.
const IDENTITY: [&str; 3] = ["service.name", "service.namespace", "service.instance.id"];

/// Writes points of one resource after the other.
pub(super) struct Converter<'a> {
    sink: Sink<'a>,
    /// `job` and `instance`, which win over a point's own.
    identity: Attributes,
    /// What a point's own win over.
    promoted: Attributes,
    /// Labels of `target_info`; empty when there is nothing to tell.
    info: Attributes,
    /// The newest time of the resource's points.
    newest: i64,
    /// Of the metric at hand.
    name: String,
}

impl<'a> Converter<'a> {
    pub(super) fn new(sink: Sink<'a>) -> Self {
        let none = Attributes::new;
        Self { sink, identity: none(), promoted: none(), info: none(), newest: 0, name: String::new() }
    }

    /// Points that follow are of this resource.
    pub(super) fn resource(&mut self, attributes: Attributes) {
        self.write_info();
        let get = |name: &str| attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
        let (namespace, service) = (get("service.namespace"), get("service.name"));
        let job = if namespace.is_empty() { service.into() } else { format!("{namespace}/{service}") };
        let instance = get("service.instance.id").to_owned();
        self.identity = vec![("job".into(), job), ("instance".into(), instance)];
        self.identity.retain(|(_, value)| !value.is_empty());
        self.promoted.clear();
        for (from, to) in PROMOTED {
            add_missing(&mut self.promoted, to, get(from));
        }
        self.info = attributes;
        self.info.retain(|(name, _)| !IDENTITY.contains(&name.as_str()));
    }

    /// Points that follow are of this metric.
    pub(super) fn metric(&mut self, metric: &Metric<'_>) {
        self.name = name::of(metric);
        let kind = match metric.shape {
            Shape::Gauge => "gauge",
            Shape::Sum if metric.is_monotonic => "counter",
            Shape::Sum => "gauge",
            Shape::Histogram | Shape::Exponential => "histogram",
            Shape::Summary => "summary",
            Shape::None => return,
        };
        self.sink.meta(&self.name, kind, metric.unit, metric.help);
    }

    /// Writes a point.
    pub(super) fn point(&mut self, metric: &Metric<'_>, mut point: DataPoint) {
        let written = match check(metric, &point) {
            Some(refused) => Err(refused),
            None => {
                point.attributes = self.labels(std::mem::take(&mut point.attributes));
                self.newest = self.newest.max(ms(point.time_ns));
                self.write(metric, &point)
            }
        };
        if let Err(reason) = written {
            self.sink.received.refuse(reason, 1);
        }
    }

    /// What became of all.
    pub(super) fn end(mut self) -> Received {
        self.write_info();
        self.sink.received
    }

    fn write(&mut self, metric: &Metric<'_>, point: &DataPoint) -> Result<(), &'static str> {
        let is_delta = metric.temporality == Temporality::Delta;
        let counter = if is_delta { Kind::Delta } else { Kind::Counter };
        let is_in_windows = match metric.shape {
            Shape::Exponential => true,
            Shape::Sum | Shape::Histogram => is_delta,
            _ => false,
        };
        if point.is_without_value && is_in_windows {
            self.sink.received.ignored += 1;
            return Ok(());
        }
        let number = if point.is_without_value { Some(STALE) } else { point.number };
        match metric.shape {
            Shape::Gauge => self.number(Kind::Gauge, "", None, point, number.ok_or("a point without value")?),
            Shape::Sum => {
                let kind = if metric.is_monotonic { counter } else { Kind::Gauge };
                self.number(kind, "", None, point, number.ok_or("a point without value")?);
            }
            Shape::Histogram => self.histogram(counter, point)?,
            Shape::Exponential => {
                let kind = if is_delta { Kind::Histogram } else { Kind::CumulativeHistogram };
                self.exponential(kind, point)?;
            }
            Shape::Summary => self.summary(point),
            Shape::None => return Err("a metric of no known kind"),
        }
        Ok(())
    }

    fn histogram(&mut self, kind: Kind, point: &DataPoint) -> Result<(), &'static str> {
        let has_none = point.counts.is_empty() && point.bounds.is_empty();
        if !has_none && point.counts.len() != point.bounds.len() + 1 {
            return Err("buckets that do not match their bounds");
        }
        if !point.bounds.is_sorted_by(|a, b| a < b) || point.bounds.iter().any(|bound| bound.is_nan()) {
            return Err("bounds that do not ascend");
        }
        let mut below = 0u64;
        // A sender's own infinite bound would be the series that follows a second time.
        let finite = point.bounds.iter().zip(&point.counts).filter(|(bound, _)| **bound < f64::INFINITY);
        for (bound, count) in finite {
            below = below.saturating_add(*count);
            self.number(kind, "_bucket", Some(("le", bound.to_string())), point, below as f64);
        }
        self.number(kind, "_bucket", Some(("le", "+Inf".into())), point, point.count as f64);
        self.sum_and_count(kind, point);
        Ok(())
    }

    fn sum_and_count(&mut self, kind: Kind, point: &DataPoint) {
        if let Some(sum) = point.sum {
            self.number(kind, "_sum", None, point, sum);
        }
        self.number(kind, "_count", None, point, point.count as f64);
    }

    fn summary(&mut self, point: &DataPoint) {
        for (quantile, value) in &point.quantiles {
            self.number(Kind::Gauge, "", Some(("quantile", quantile.to_string())), point, *value);
        }
        self.sum_and_count(Kind::Counter, point);
    }

    fn exponential(&mut self, kind: Kind, point: &DataPoint) -> Result<(), &'static str> {
        let value = Value::Histogram(histogram_of(point).ok_or("buckets out of range")?);
        if self.sink.series(&self.name, point.attributes_and(None), 1) {
            self.sink.point(kind, Point { start: start_of(kind, point), time: ms(point.time_ns), value });
        }
        Ok(())
    }

    fn number(
        &mut self,
        kind: Kind,
        suffix: &str,
        label: Option<(&str, String)>,
        point: &DataPoint,
        number: f64,
    ) {
        let number = if point.is_without_value { STALE } else { number };
        let name = format!("{}{suffix}", self.name);
        if self.sink.series(&name, point.attributes_and(label), 1) {
            self.sink.number(kind, start_of(kind, point), ms(point.time_ns), number);
        }
    }

    /// All labels but name, `le` and `quantile`.
    fn labels(&self, attributes: Attributes) -> Attributes {
        let mut labels = sanitised(attributes);
        for (name, value) in &self.identity {
            labels.retain(|(other, _)| other != name);
            labels.push((name.clone(), value.clone()));
        }
        for (name, value) in &self.promoted {
            add_missing(&mut labels, name, value);
        }
        labels
    }

    fn write_info(&mut self) {
        if self.info.len() > LABELS_MAX {
            self.info.clear();
            self.sink.received.refuse(BadLabels::TooMany.reason(), 1);
        }
        let (info, newest) = (std::mem::take(&mut self.info), std::mem::take(&mut self.newest));
        // Without identity nothing can be joined with it; without more than identity there is nothing to join.
        if newest == 0 || info.is_empty() || self.identity.is_empty() {
            return;
        }
        let info = self.labels(info);
        if self.sink.series("target_info", info, 1) {
            self.sink.samples(Kind::Gauge, &[(newest, 1.0)]);
        }
    }
}

impl DataPoint {
    fn attributes_and<'a>(
        &'a self,
        more: Option<(&'a str, String)>,
    ) -> Vec<(&'a str, std::borrow::Cow<'a, str>)> {
        let own = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str().into()));
        let more = more.into_iter().map(|(name, value)| (name, value.into()));
        own.chain(more).collect()
    }
}

/// Why a point cannot be written.
fn check(metric: &Metric<'_>, point: &DataPoint) -> Option<&'static str> {
    if point.refused.is_some() {
        return point.refused;
    }
    let needs_temporality = matches!(metric.shape, Shape::Sum | Shape::Histogram | Shape::Exponential);
    if metric.name.is_empty() {
        Some("no metric name")
    } else if point.time_ns == 0 {
        Some("a point without time")
    } else if point.attributes.len() > LABELS_MAX {
        Some(BadLabels::TooMany.reason())
    } else if needs_temporality && metric.temporality == Temporality::Unspecified {
        Some("neither delta nor cumulative")
    } else if metric.shape == Shape::Sum && metric.temporality == Temporality::Delta && !metric.is_monotonic {
        Some("a delta that is not monotonic")
    } else {
        None
    }
}

/// Names as Prometheus allows them; values of those that become the same are joined.
fn sanitised(mut attributes: Attributes) -> Attributes {
    attributes.sort();
    let mut labels = Attributes::with_capacity(attributes.len());
    for (name, value) in attributes {
        let name = label_name(&name, "key_");
        match labels.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = format!("{known};{value}"),
            None => labels.push((name.into_owned(), value)),
        }
    }
    labels
}

fn add_missing(labels: &mut Attributes, name: &str, value: &str) {
    if !value.is_empty() && !labels.iter().any(|(known, _)| known == name) {
        labels.push((name.into(), value.into()));
    }
}

/// Each bucket's count at its geometric middle; sum, least and greatest as the sender knows them. `None` when a bucket is beyond
/// the greatest number, or all counts or their sum beyond what a histogram holds: it would tell less than there was.
fn histogram_of(point: &DataPoint) -> Option<Histogram> {
    let mut histogram = Histogram::default();
    let mut all = point.zero_count;
    histogram.record_many(0.0, point.zero_count);
    let middle = |offset: i32, at: usize| {
        ((f64::from(offset) + at as f64 + 0.5) * (-f64::from(point.scale)).exp2()).exp2()
    };
    for (sign, buckets) in [(1.0, &point.positive), (-1.0, &point.negative)] {
        for (at, count) in buckets.counts.iter().enumerate().take(BUCKETS_MAX) {
            all = all.saturating_add(*count);
            histogram.record_many(sign * middle(buckets.offset, at), *count);
        }
    }
    if histogram.count > 0 {
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        histogram.sum = finite(point.sum).unwrap_or(histogram.sum);
        if let (Some(min), Some(max)) = (finite(point.min), finite(point.max))
            && min <= max
        {
            (histogram.min, histogram.max) = (min, max);
        }
    }
    (histogram.count == all && histogram.is_summable()).then_some(histogram)
}

/// Begin of a point's interval. An increase that tells none has none but its time, by which it is known when it is sent again.
fn start_of(kind: Kind, point: &DataPoint) -> i64 {
    let is_increase = matches!(kind, Kind::Delta | Kind::Histogram);
    ms(if is_increase && point.start_ns == 0 { point.time_ns } else { point.start_ns })
}

fn ms(ns: u64) -> i64 {
    (ns / 1_000_000) as i64
}
