//! What a field's name stands for in a rule: as in pipes, and a few names more, for what the source knows without the record
//! being read and for what loggers write of requests under many keys.

use logweir_base::parse::{Number, Value};
use logweir_base::pipe::Named;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    /// `source.host`: the host that the record was read on.
    SourceHost,
    /// `source.bytes`: the record's bytes in its source.
    SourceBytes,
    /// A part of a request, under whatever key.
    Http(HttpPart),
    /// As in pipes.
    Named(Named),
}

/// Parts of a request that has been answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpPart {
    /// `http_status`: the answer's code, 100 to 599.
    Status,
    /// `http_method`: the method; `_OTHER` when it is none of HTTP's.
    Method,
    /// `http_duration`: seconds it took.
    Seconds,
}

impl Field {
    /// What `name` stands for.
    pub(super) fn of(name: &str) -> Result<Self, String> {
        Ok(match name {
            "source.host" => Self::SourceHost,
            "source.bytes" => Self::SourceBytes,
            "http_status" => Self::Http(HttpPart::Status),
            "http_method" => Self::Http(HttpPart::Method),
            "http_duration" => Self::Http(HttpPart::Seconds),
            name => match Named::of(name) {
                Named::Pattern => return Err("records have no pattern yet when rules see them".to_owned()),
                Named::Time => return Err("a record's time is the time at which it counts".to_owned()),
                named => Self::Named(named),
            },
        })
    }

    /// Whether series may be told apart by it.
    pub(super) fn is_label(&self) -> bool {
        !matches!(self, Self::SourceBytes | Self::Http(HttpPart::Seconds))
    }

    /// Whether it means in pipes what it means here.
    pub(super) fn is_of_pipes(&self) -> bool {
        matches!(self, Self::Named(_))
    }
}

/// Paths under which parts of requests are found, and what their numbers are divided by. The first in a record that makes
/// sense counts.
pub(super) const HTTP_PATHS: &[(&str, HttpPart, f64)] = &[
    // OpenTelemetry and the layouts of access logs; before 1.23; Elastic's and others' nested objects.
    ("http.response.status_code", HttpPart::Status, 1.0),
    ("http.status_code", HttpPart::Status, 1.0),
    ("http.status", HttpPart::Status, 1.0),
    ("http_status", HttpPart::Status, 1.0),
    ("status_code", HttpPart::Status, 1.0),
    ("statusCode", HttpPart::Status, 1.0),
    ("StatusCode", HttpPart::Status, 1.0),
    ("status", HttpPart::Status, 1.0),
    // pino-http, Envoy, Traefik.
    ("res.statusCode", HttpPart::Status, 1.0),
    ("response_code", HttpPart::Status, 1.0),
    ("DownstreamStatus", HttpPart::Status, 1.0),
    ("http.request.method", HttpPart::Method, 1.0),
    ("http.method", HttpPart::Method, 1.0),
    ("http_method", HttpPart::Method, 1.0),
    ("request_method", HttpPart::Method, 1.0),
    ("method", HttpPart::Method, 1.0),
    ("req.method", HttpPart::Method, 1.0),
    // Caddy, Traefik.
    ("request.method", HttpPart::Method, 1.0),
    ("RequestMethod", HttpPart::Method, 1.0),
    ("http.server.request.duration", HttpPart::Seconds, 1.0),
    ("duration_ms", HttpPart::Seconds, 1e3),
    ("durationMs", HttpPart::Seconds, 1e3),
    ("http.duration_ms", HttpPart::Seconds, 1e3),
    ("elapsed_ms", HttpPart::Seconds, 1e3),
    ("latency_ms", HttpPart::Seconds, 1e3),
    ("response_time_ms", HttpPart::Seconds, 1e3),
    ("took_ms", HttpPart::Seconds, 1e3),
    ("duration_us", HttpPart::Seconds, 1e6),
    ("duration_s", HttpPart::Seconds, 1.0),
    ("duration_seconds", HttpPart::Seconds, 1.0),
    // nginx; pino-http; Serilog's request logging; Elastic.
    ("request_time", HttpPart::Seconds, 1.0),
    ("responseTime", HttpPart::Seconds, 1e3),
    ("Elapsed", HttpPart::Seconds, 1e3),
    ("event.duration", HttpPart::Seconds, 1e9),
];

/// OpenTelemetry's list, and the name for what is not in it; a method is its place here.
pub(super) const METHODS: [&str; 11] =
    ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY", "_OTHER"];

/// What a record says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Http {
    pub(super) status: Option<u16>,
    /// Place in [`METHODS`].
    pub(super) method: Option<u8>,
    pub(super) seconds: Option<f64>,
}

impl Http {
    /// Takes a value that stands under one of [`HTTP_PATHS`].
    pub(super) fn take(&mut self, part: HttpPart, divisor: f64, value: Value<'_>) {
        match part {
            HttpPart::Status => self.status = self.status.or_else(|| status_of(value)),
            HttpPart::Method => self.method = self.method.or_else(|| method_of(value)),
            HttpPart::Seconds => self.seconds = self.seconds.or_else(|| seconds_of(value, divisor)),
        }
    }

    /// What has no status is no answer, whatever else it says.
    pub(super) fn if_answered(self) -> Self {
        if self.status.is_some() { self } else { Self::default() }
    }
}

fn status_of(value: Value<'_>) -> Option<u16> {
    let number = match value {
        Value::U64(number) => number,
        Value::Str(text) if text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().ok()?
        }
        _ => return None,
    };
    u16::try_from(number).ok().filter(|status| (100..600).contains(status))
}

fn method_of(value: Value<'_>) -> Option<u8> {
    let Value::Str(text) = value else {
        return None;
    };
    let known = METHODS.iter().position(|method| text.eq_ignore_ascii_case(method));
    let place = known.unwrap_or(METHODS.len() - 1);
    u8::try_from(place).ok().filter(|_| !text.is_empty())
}

fn seconds_of(value: Value<'_>, divisor: f64) -> Option<f64> {
    let seconds = Number::of(value)?.as_f64() / divisor;
    Some(seconds).filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
}
