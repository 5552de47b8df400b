//! OpenTelemetry metrics (OTLP), protobuf and JSON, to samples, by the rules of Prometheus' own receiver.
//!
//! - Names: what Prometheus does not allow becomes `_`, then the unit (`s` is `_seconds`), `_total` for sums that only grow,
//!   `_ratio` for gauges of unit 1 (`name.rs`).
//! - Resource: `service.namespace/service.name` is `job`, `service.instance.id` is `instance`; `service.name`, `host.name` and
//!   `deployment.environment.name` are also `service`, `host` and `env`, as in log records, unless a point has a label of that
//!   name. All other attributes are labels of `target_info`, once a request and resource (`convert.rs`).
//! - Sums and histograms that are cumulative are counters, with the series of a classic histogram; delta ones are increases
//!   over an interval. Exponential histograms become histograms of ours: each bucket's count at its geometric middle.
//! - A point that says "no recorded value" ends its series; of what is kept in windows, which end by themselves, it is ignored.
//!
//! Points are read and written one by one; what is wrong with one refuses that one, by reason. A body that is no OTLP is
//! refused as a whole: what of it was written by then is the caller's to throw away.
//!
//! Limits: [`BODY_BYTES_MAX`], [`JSON_BYTES_MAX`], [`BUCKETS_MAX`]; those of `labels.rs` and `received.rs`.

mod convert;
mod json;
mod name;
#[cfg(test)]
mod tests;
mod wire;

use super::protobuf::Malformed;
use super::received::{Received, Sink};
use super::samples::Writer;
use convert::Converter;
use std::fmt;

/// Bytes of a protobuf body, decompressed.
pub const BODY_BYTES_MAX: usize = 32 << 20;
/// Bytes of a JSON body, decompressed: read whole, it takes some ten times its size, of nothing but digits thirty times.
pub const JSON_BYTES_MAX: usize = 4 << 20;
/// Buckets of one histogram point; OpenTelemetry's own stay at 160.
pub const BUCKETS_MAX: usize = 2048;

/// Why a body is refused as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BadBody {
    /// Longer than this.
    TooLarge(usize),
    /// Not protobuf, or not this message.
    Protobuf,
    /// Not JSON, or not this message: where and why.
    Json(String),
}

impl fmt::Display for BadBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes_max) => write!(f, "too large: more than {bytes_max} bytes decompressed"),
            Self::Protobuf => Malformed.fmt(f),
            Self::Json(why) => write!(f, "not OTLP JSON: {why}"),
        }
    }
}

impl std::error::Error for BadBody {}

impl From<Malformed> for BadBody {
    fn from(Malformed: Malformed) -> Self {
        Self::Protobuf
    }
}

/// Reads an `ExportMetricsServiceRequest` in protobuf, as HTTP bodies and gRPC messages have it.
pub fn read(body: &[u8], out: &mut Writer) -> Result<Received, BadBody> {
    if body.len() > BODY_BYTES_MAX {
        return Err(BadBody::TooLarge(BODY_BYTES_MAX));
    }
    let mut converter = Converter::new(Sink::new(out));
    wire::read(body, &mut converter)?;
    Ok(converter.end())
}

/// Reads an `ExportMetricsServiceRequest` in JSON.
pub fn read_json(body: &[u8], out: &mut Writer) -> Result<Received, BadBody> {
    if body.len() > JSON_BYTES_MAX {
        return Err(BadBody::TooLarge(JSON_BYTES_MAX));
    }
    let request = serde_json::from_slice(body).map_err(|e| BadBody::Json(e.to_string()))?;
    let mut converter = Converter::new(Sink::new(out));
    json::read(&request, &mut converter)?;
    Ok(converter.end())
}

/// Names and values, values as text.
type Attributes = Vec<(String, String)>;

/// How points of a metric are to be understood.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Shape {
    /// None that is known.
    #[default]
    None,
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

/// What points cover.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Temporality {
    /// Not said.
    #[default]
    Unspecified,
    /// What was since the point before.
    Delta,
    /// What was since the start.
    Cumulative,
}

/// A metric without its points.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Metric<'a> {
    name: &'a str,
    help: &'a str,
    unit: &'a str,
    shape: Shape,
    temporality: Temporality,
    is_monotonic: bool,
}

/// A point of any shape; what a shape does not have is empty.
#[derive(Clone, PartialEq, Debug, Default)]
struct DataPoint {
    attributes: Attributes,
    start_ns: u64,
    time_ns: u64,
    is_without_value: bool,
    /// Of gauges and sums.
    number: Option<f64>,
    count: u64,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    /// Of histograms.
    bounds: Vec<f64>,
    /// Of histograms, one more than `bounds`, or none.
    counts: Vec<u64>,
    /// Of summaries.
    quantiles: Vec<(f64, f64)>,
    scale: i32,
    zero_count: u64,
    positive: Buckets,
    negative: Buckets,
    /// Why it cannot be written, found while reading it.
    refused: Option<&'static str>,
}

/// One side of an exponential histogram.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Buckets {
    offset: i32,
    counts: Vec<u64>,
}
