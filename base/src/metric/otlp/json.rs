//! OTLP's JSON, as far as it is used: protobuf's JSON mapping with names in lowerCamelCase. 64-bit integers come as numbers or
//! as texts, floats also as `"NaN"` and the like, enumerations as numbers or by name. What has the wrong type is as if absent.

use super::convert::Converter;
use super::{Attributes, BUCKETS_MAX, BadBody, Buckets, DataPoint, Metric, Shape, Temporality};
use serde_json::Value;

const SHAPES: [(&str, Shape); 5] = [
    ("gauge", Shape::Gauge),
    ("sum", Shape::Sum),
    ("histogram", Shape::Histogram),
    ("exponentialHistogram", Shape::Exponential),
    ("summary", Shape::Summary),
];

pub(super) fn read(request: &Value, converter: &mut Converter<'_>) -> Result<(), BadBody> {
    if !request.is_object() {
        return Err(BadBody::Json("not an object".into()));
    }
    for resource_metrics in list(request, "resourceMetrics") {
        converter.resource(attributes(&resource_metrics["resource"]));
        for metric in list(resource_metrics, "scopeMetrics").iter().flat_map(|scope| list(scope, "metrics")) {
            read_metric(metric, converter);
        }
    }
    Ok(())
}

fn read_metric(message: &Value, converter: &mut Converter<'_>) {
    let (key, shape) =
        SHAPES.into_iter().find(|(key, _)| message[key].is_object()).unwrap_or(("", Shape::None));
    let data = &message[key];
    let metric = Metric {
        name: message["name"].as_str().unwrap_or_default(),
        help: message["description"].as_str().unwrap_or_default(),
        unit: message["unit"].as_str().unwrap_or_default(),
        shape,
        temporality: temporality(&data["aggregationTemporality"]),
        is_monotonic: data["isMonotonic"].as_bool().unwrap_or_default(),
    };
    converter.metric(&metric);
    for point in list(data, "dataPoints") {
        converter.point(&metric, read_point(point));
    }
}

fn temporality(value: &Value) -> Temporality {
    match (value.as_u64(), value.as_str()) {
        (Some(1), _) | (_, Some("AGGREGATION_TEMPORALITY_DELTA")) => Temporality::Delta,
        (Some(2), _) | (_, Some("AGGREGATION_TEMPORALITY_CUMULATIVE")) => Temporality::Cumulative,
        _ => Temporality::Unspecified,
    }
}

fn read_point(message: &Value) -> DataPoint {
    let number = |key: &str| float(&message[key]);
    let integer = |key: &str| unsigned(&message[key]).unwrap_or_default();
    let quantiles = list(message, "quantileValues");
    let mut point = DataPoint {
        attributes: attributes(message),
        start_ns: integer("startTimeUnixNano"),
        time_ns: integer("timeUnixNano"),
        is_without_value: integer("flags") & 1 > 0,
        number: number("asDouble").or_else(|| number("asInt")),
        count: integer("count"),
        sum: number("sum"),
        min: number("min"),
        max: number("max"),
        bounds: list(message, "explicitBounds").iter().filter_map(float).collect(),
        counts: list(message, "bucketCounts").iter().filter_map(unsigned).collect(),
        quantiles: quantiles.iter().filter_map(quantile).collect(),
        scale: small(&message["scale"]),
        zero_count: integer("zeroCount"),
        positive: buckets(&message["positive"]),
        negative: buckets(&message["negative"]),
        refused: None,
    };
    let lists =
        [point.bounds.len(), point.quantiles.len(), point.positive.counts.len(), point.negative.counts.len()];
    point.refused = lists.into_iter().any(|len| len > BUCKETS_MAX).then_some("too many buckets");
    point
}

/// A zero may be left out, as protobuf's JSON mapping allows.
fn quantile(message: &Value) -> Option<(f64, f64)> {
    let number = |key: &str| float(&message[key]).unwrap_or_default();
    message.is_object().then(|| (number("quantile"), number("value")))
}

fn buckets(message: &Value) -> Buckets {
    let counts = list(message, "bucketCounts").iter().filter_map(unsigned).collect();
    Buckets { offset: small(&message["offset"]), counts }
}

fn list<'a>(message: &'a Value, key: &str) -> &'a [Value] {
    message[key].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn unsigned(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn small(value: &Value) -> i32 {
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok());
    number.and_then(|number| i32::try_from(number).ok()).unwrap_or_default()
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn attributes(message: &Value) -> Attributes {
    let pair = |attribute: &Value| {
        let key = attribute["key"].as_str().unwrap_or_default().to_owned();
        (key, text(plain(&attribute["value"])))
    };
    list(message, "attributes").iter().map(pair).collect()
}

/// An attribute's value without OTLP's wrapping.
fn plain(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|value| value.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "arrayValue" => list(inner, "values").iter().map(plain).collect(),
        "kvlistValue" => list(inner, "values")
            .iter()
            .map(|pair| (pair["key"].as_str().unwrap_or_default().to_owned(), plain(&pair["value"])))
            .collect(),
        "intValue" => {
            inner.as_str().and_then(|text| text.parse::<i64>().ok()).map_or(inner.clone(), Value::from)
        }
        _ => inner.clone(),
    }
}

/// A label's value: a text as it is, a whole number without a fraction, all else as JSON.
pub(super) fn text(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        other => other.to_string(),
    }
}
