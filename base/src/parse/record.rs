//! A line as it is shown: OpenTelemetry's names for what was understood of it. And a gap as a line.

use super::LineView;
use super::id::canonical;
use super::json::{Parser, Shape, Value};
use super::role::Role;
use super::severity::Severity;
use crate::frame::{Gap, Resource};
use crate::time::Timestamp;
use std::ops::ControlFlow;

/// What a hit shows beside the line itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The view's.
    pub timestamp: Timestamp,
    /// The view's.
    pub severity: Severity,
    /// The level as the line writes it, else the severity's name.
    pub severity_text: String,
    /// The view's.
    pub service: String,
    /// The host the line names, else the one it was read on.
    pub host: String,
    /// Canonical id of the trace, else of the request.
    pub trace_id: Option<String>,
    /// Canonical id of the span.
    pub span_id: Option<String>,
    /// Whom it concerns.
    pub user: Option<String>,
    /// The message; the whole line when it has none.
    pub body: String,
}

impl Record {
    /// Reads the whole line.
    pub fn of(view: &LineView<'_>, parser: &mut Parser) -> Self {
        let mut found = Found::default();
        let shape = parser.fields(view.text, |field, value| {
            found.take(field.role, value);
            ControlFlow::Continue(())
        });
        if shape == Shape::Plain {
            found = Found::default();
        }
        Self {
            timestamp: view.time,
            severity: view.severity,
            severity_text: found.level.unwrap_or_else(|| view.severity.text().to_owned()),
            service: view.service.to_owned(),
            host: found.host.unwrap_or_else(|| view.resource.host.clone()),
            trace_id: found.trace.or(found.request),
            span_id: found.span,
            user: found.user,
            body: found.body.unwrap_or_else(|| String::from_utf8_lossy(view.text).into_owned()),
        }
    }
}

/// A gap as a JSON line, so that it is found like any line: `kind:gap`, `level:warn`, its file and reason as words.
pub fn gap_text(gap: &Gap, resource: &Resource) -> Vec<u8> {
    let bytes = gap.end.0.saturating_sub(gap.start.0);
    let message = format!("{bytes} bytes of {} are missing: {}", resource.path, gap.reason);
    let line = serde_json::json!({
        "kind": "gap",
        "level": "warn",
        "message": message,
        "reason": gap.reason,
        "start": gap.start.0,
        "end": gap.end.0,
        "bytes": bytes,
        "source": gap.source.to_string(),
    });
    line.to_string().into_bytes()
}

/// The first value of each part, as text.
#[derive(Default)]
struct Found {
    level: Option<String>,
    host: Option<String>,
    trace: Option<String>,
    request: Option<String>,
    span: Option<String>,
    user: Option<String>,
    body: Option<String>,
}

impl Found {
    fn take(&mut self, role: Role, value: Value<'_>) {
        let (slot, is_id) = match role {
            Role::Level => (&mut self.level, false),
            Role::Host => (&mut self.host, false),
            Role::User => (&mut self.user, false),
            Role::Body => (&mut self.body, false),
            Role::Trace => (&mut self.trace, true),
            Role::Request => (&mut self.request, true),
            Role::Span => (&mut self.span, true),
            _ => return,
        };
        if slot.is_none() {
            *slot = text_of(value).and_then(|text| if is_id { canonical_text(&text) } else { Some(text) });
        }
    }
}

fn text_of(value: Value<'_>) -> Option<String> {
    match value {
        Value::Str("") | Value::Null => None,
        Value::Str(text) => Some(text.to_owned()),
        Value::I64(n) => Some(n.to_string()),
        Value::U64(n) => Some(n.to_string()),
        Value::F64(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
    }
}

/// Loggers outside of any trace write an id of zeros.
fn canonical_text(text: &str) -> Option<String> {
    let mut scratch = Vec::new();
    let id = canonical(text, &mut scratch).filter(|id| id.iter().any(|&b| b != b'0'))?;
    Some(String::from_utf8_lossy(id).into_owned())
}
