//! The normal form of a record as JSON: OpenTelemetry's names, the same in the answers of the server and in what `parse` prints.

use logweir_base::parse::{Record, RecordView, TimeSource};
use serde::Serialize;

/// What was understood of a record.
#[derive(Serialize)]
pub struct NormalForm<'a> {
    timestamp: String,
    time_source: &'static str,
    severity_number: u8,
    severity_text: &'a str,
    #[serde(rename = "service.name")]
    service: &'a str,
    #[serde(rename = "host.name")]
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<&'a str>,
    #[serde(rename = "user.id", skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    body: &'a str,
    #[serde(rename = "exception.type", skip_serializing_if = "Option::is_none")]
    exception_type: Option<&'a str>,
    #[serde(rename = "exception.message", skip_serializing_if = "Option::is_none")]
    exception_message: Option<&'a str>,
    #[serde(rename = "exception.stacktrace", skip_serializing_if = "Option::is_none")]
    exception_stacktrace: Option<&'a str>,
    layout: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapper: Option<&'static str>,
}

impl<'a> NormalForm<'a> {
    /// Of a record and its view.
    pub fn of(view: &RecordView<'a>, record: &'a Record) -> Self {
        let exception = record.exception.as_ref();
        Self {
            timestamp: record.timestamp.to_string(),
            time_source: match record.layout.time_source() {
                TimeSource::Event => "event",
                TimeSource::Observed => "observed",
            },
            severity_number: record.severity.0,
            severity_text: &record.severity_text,
            service: view.service,
            host: &record.host,
            trace_id: record.trace_id.as_deref(),
            span_id: record.span_id.as_deref(),
            parent_span_id: record.parent_span_id.as_deref(),
            user: record.user.as_deref(),
            body: &record.body,
            exception_type: exception.and_then(|it| it.kind.as_deref()),
            exception_message: exception.and_then(|it| it.message.as_deref()),
            exception_stacktrace: exception.and_then(|it| it.stacktrace.as_deref()),
            layout: record.layout.name(),
            wrapper: record.layout.wrapper_name(),
        }
    }
}
