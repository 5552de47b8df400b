//! Answers as Prometheus gives them: `{"status":"success","data":...,"warnings":[...]}`, or an error with its type.

use super::super::respond;
use axum::body::Body;
use axum::response::Response;
use logweir_base::metric::Labels;
use logweir_rollup::promql::{Instant, Outcome, QueryError, Row, Sample, Scaled, Value};
use logweir_rollup::select::SelectError;
use serde_json::{Value as Json, json};
use std::fmt;

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Problem {
    status: u16,
    kind: &'static str,
    reason: String,
}

impl Problem {
    /// What was asked is wrong.
    pub fn bad_data(reason: &str) -> Self {
        Self { status: 400, kind: "bad_data", reason: reason.to_owned() }
    }

    /// What was asked cannot be computed.
    pub fn execution(reason: String) -> Self {
        Self { status: 422, kind: "execution", reason }
    }

    /// It took too long.
    pub fn timeout(reason: &str) -> Self {
        Self { status: 503, kind: "timeout", reason: reason.to_owned() }
    }

    /// Not the asker's fault.
    pub fn internal(reason: &str) -> Self {
        Self { status: 500, kind: "internal", reason: reason.to_owned() }
    }

    /// As it is sent.
    pub fn response(&self) -> Response {
        let body = json!({ "status": "error", "errorType": self.kind, "error": self.reason });
        respond(self.status, "application/json", Body::from(body.to_string()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.reason)
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::BadData(reason) => Self::bad_data(&reason),
            QueryError::Execution(reason) | QueryError::TooMuch(reason) => Self::execution(reason),
            QueryError::Timeout => Self::timeout("query timed out in expression evaluation"),
        }
    }
}

impl From<SelectError> for Problem {
    fn from(error: SelectError) -> Self {
        match error {
            SelectError::TooMuch(reason) => Self::execution(reason),
            SelectError::Stopped => Self::timeout("query timed out in expression evaluation"),
            SelectError::Failed(reason) => Self::internal(&reason),
        }
    }
}

/// Data that is no result of a query.
pub fn success(data: Json) -> Response {
    let body = json!({ "status": "success", "data": data });
    respond(200, "application/json", Body::from(body.to_string()))
}

/// The result of a query.
pub fn result(outcome: &Outcome) -> Response {
    let data = match &outcome.value {
        Value::Scalar { time, value } => {
            json!({ "resultType": "scalar", "result": [seconds(*time), number(*value)] })
        }
        Value::String { time, value } => {
            json!({ "resultType": "string", "result": [seconds(*time), value] })
        }
        Value::Vector(elements) => {
            json!({ "resultType": "vector", "result": elements.iter().map(element).collect::<Vec<_>>() })
        }
        Value::Matrix(series) => {
            json!({ "resultType": "matrix", "result": series.iter().map(row).collect::<Vec<_>>() })
        }
    };
    let mut body = json!({ "status": "success", "data": data });
    for (key, texts) in [("warnings", &outcome.warnings), ("infos", &outcome.infos)] {
        if !texts.is_empty() {
            body[key] = json!(texts);
        }
    }
    respond(200, "application/json", Body::from(body.to_string()))
}

fn element(element: &Instant) -> Json {
    let time = seconds(element.time);
    let (key, point) = match &element.sample {
        Sample::Float(value) => ("value", json!([time, number(*value)])),
        Sample::Histogram(scaled) => ("histogram", json!([time, histogram(scaled)])),
    };
    json!({ "metric": metric(&element.labels), key: point })
}

fn row(series: &Row) -> Json {
    let mut out = json!({ "metric": metric(&series.labels) });
    let (mut values, mut histograms) = (Vec::new(), Vec::new());
    for (time, sample) in &series.points {
        match sample {
            Sample::Float(value) => values.push(json!([seconds(*time), number(*value)])),
            Sample::Histogram(h) => histograms.push(json!([seconds(*time), histogram(h)])),
        }
    }
    if !values.is_empty() {
        out["values"] = Json::Array(values);
    }
    if !histograms.is_empty() {
        out["histograms"] = Json::Array(histograms);
    }
    out
}

/// Labels as an object.
pub fn metric(labels: &Labels) -> Json {
    Json::Object(labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

/// Milliseconds as Prometheus writes times: seconds, with a fraction only when there is one.
fn seconds(ms: i64) -> Json {
    if ms % 1000 == 0 { json!(ms / 1000) } else { json!(ms as f64 / 1000.0) }
}

/// A value as Prometheus writes it.
pub fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

/// As Prometheus writes native histograms: count, sum, and `[boundary rule, low, high, count]` for each bucket in use.
fn histogram(scaled: &Scaled) -> Json {
    let bucket = |(low, high, count): (f64, f64, u64)| {
        json!([0, number(low), number(high), number(count as f64 * scaled.factor)])
    };
    json!({
        "count": number(scaled.count()),
        "sum": number(scaled.sum()),
        "buckets": scaled.histogram.bounds().map(bucket).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_as_prometheus_writes_them() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(1.0, "1");
        check(0.25, "0.25");
        check(f64::INFINITY, "+Inf");
        check(f64::NEG_INFINITY, "-Inf");
        check(f64::NAN, "NaN");
        assert_eq!(seconds(1_500).to_string(), "1.5");
        assert_eq!(seconds(2_000).to_string(), "2");
    }
}
