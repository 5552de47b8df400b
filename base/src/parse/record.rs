//! A record in its normal form: OpenTelemetry's names for what was understood of it, and from where. And a gap as a line.

use super::RecordView;
use super::exception::exception_in;
use super::found::{Found, Part, Wanted};
use super::id::canonical;
use super::json::{Parser, Value, as_object};
use super::layout::{Layout, TimeSource};
use super::read::FieldOrText;
use super::role::{Field, Role};
use super::severity::Severity;
use crate::frame::{Gap, Resource};
use crate::time::Timestamp;
use std::ops::ControlFlow;

/// What a hit shows beside the record itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The view's.
    pub timestamp: Timestamp,
    /// The view's.
    pub severity: Severity,
    /// The level as the record writes it, else the severity's name.
    pub severity_text: String,
    /// The view's.
    pub service: String,
    /// The host the record names, else the one it was read on.
    pub host: String,
    /// Canonical id of the trace, else of the request.
    pub trace_id: Option<String>,
    /// Canonical id of the span.
    pub span_id: Option<String>,
    /// Canonical id of the span that this span is part of; of records with a span only, since much is called a parent.
    pub parent_span_id: Option<String>,
    /// Whom it concerns.
    pub user: Option<String>,
    /// The message, without the stack trace behind it; the whole record when it has none.
    pub body: String,
    /// What was thrown.
    pub exception: Option<Thrown>,
    /// How it is written.
    pub layout: Layout,
    /// Where the parts were found, when that was asked for.
    pub origins: Option<Box<Origins>>,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thrown {
    /// Its type, as the language names it.
    pub kind: Option<String>,
    /// What it says.
    pub message: Option<String>,
    /// Its stack trace.
    pub stacktrace: Option<String>,
}

/// For each part, the field or the rule it comes from; empty when it has no part of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins {
    /// Of the time.
    pub time: String,
    /// Of the severity.
    pub severity: String,
    /// Of the service.
    pub service: String,
    /// Of the trace id.
    pub trace_id: String,
    /// Of the user.
    pub user: String,
    /// Of the message.
    pub body: String,
    /// Of the exception.
    pub exception: String,
}

/// Where a part of a text comes from.
const BY_LAYOUT: &str = "the text, by its layout";

impl Record {
    /// Reads the whole record.
    pub fn of(view: &RecordView<'_>, parser: &mut Parser) -> Self {
        Self::read(view, parser, Explain::No)
    }

    /// As [`Record::of`], and says where each part was found.
    pub fn explained(view: &RecordView<'_>, parser: &mut Parser) -> Self {
        Self::read(view, parser, Explain::Yes)
    }

    fn read(view: &RecordView<'_>, parser: &mut Parser, explain: Explain) -> Self {
        let mut found = std::mem::take(&mut parser.found);
        found.clear(Wanted::All);
        let shape = gather(view, parser, &mut found);
        found.build_body();
        let body = body_of(view, parser, &found, shape);
        let record = Self::from_found(view, &found, body, shape, explain);
        parser.found = found;
        record
    }

    fn from_found(
        view: &RecordView<'_>,
        found: &Found,
        body: String,
        shape: Written,
        explain: Explain,
    ) -> Self {
        let text = |part| found.text(part).map(str::to_owned);
        let id = |part| found.text(part).and_then(canonical_text);
        let trace = id(Part::Trace);
        let span_id = id(Part::Span);
        let exception = thrown_of(found);
        let by = if trace.is_some() { Part::Trace } else { Part::Request };
        let trace_id = trace.or_else(|| id(Part::Request));
        let origins = || Box::new(Origins::of(view, found, shape, trace_id.as_ref().map(|_| by)));
        let origins = (explain == Explain::Yes).then(origins);
        Self {
            timestamp: view.time,
            severity: view.severity,
            severity_text: text(Part::Level).unwrap_or_else(|| view.severity.text().to_owned()),
            service: view.service.to_owned(),
            host: text(Part::Host).unwrap_or_else(|| view.resource.host.clone()),
            trace_id,
            parent_span_id: span_id.as_ref().and_then(|_| id(Part::Parent)),
            span_id,
            user: text(Part::User),
            body,
            exception,
            layout: view.layout,
            origins,
        }
    }
}

impl Origins {
    fn of(view: &RecordView<'_>, found: &Found, written: Written, trace: Option<Part>) -> Self {
        Self {
            time: time_origin(view, found, written),
            severity: severity_origin(view, found, written),
            service: service_origin(view, found),
            trace_id: trace.map(|part| origin(found, part)).unwrap_or_default(),
            user: origin(found, Part::User),
            body: origin(found, Part::Body),
            exception: exception_origin(found),
        }
    }
}

/// Whether it is said where the parts were found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Explain {
    Yes,
    No,
}

/// Whether a record is an object or other text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    AsObject,
    AsText,
}

/// Gathers all parts. In a text the layout's own message and level stand before pairs that are called so.
fn gather(view: &RecordView<'_>, parser: &mut Parser, found: &mut Found) -> Written {
    let mut written = Written::AsObject;
    parser.fields(view.text, view.layout, |said| {
        match said {
            FieldOrText::Text(_) => written = Written::AsText,
            FieldOrText::Field(field, value) => {
                let part = match field.role {
                    Role::Body => Some(Part::Body),
                    Role::Level => Some(Part::Level),
                    _ => None,
                };
                let settled = part.is_some_and(|part| found.text(part).is_some()) || is_object(&field, value);
                if written == Written::AsObject || !settled {
                    found.take(&field, value);
                }
            }
        }
        ControlFlow::Continue(())
    });
    written
}

/// Whether a text's message is an object, whose own fields say what it says.
fn is_object(field: &Field<'_>, value: Value<'_>) -> bool {
    let text = if let Value::Str(text) = value { text } else { "" };
    let text = text.strip_prefix("@cee:").unwrap_or(text);
    field.role == Role::Body && as_object(text.as_bytes()).is_some()
}

/// The message. A template is filled in; of a text with a stack trace it is what stands before that.
fn body_of(view: &RecordView<'_>, parser: &mut Parser, found: &Found, written: Written) -> String {
    let Some(body) = found.text(Part::Body) else {
        return match written {
            Written::AsText => parser.message(view),
            Written::AsObject => String::from_utf8_lossy(view.text).into_owned(),
        };
    };
    if let Some(stack) = found.text(Part::Stacktrace)
        && let Some(before) = body.trim_end().strip_suffix(stack.trim_end())
    {
        let first = || stack.lines().next().unwrap_or_default();
        return Some(before.trim_end()).filter(|before| !before.is_empty()).unwrap_or_else(first).to_owned();
    }
    let template =
        matches!(found.origin_of(Part::Body), Some("@mt" | "MessageTemplate")) && body.contains('{');
    if template { filled_in(body, view, parser) } else { body.to_owned() }
}

/// A message template (messagetemplates.org) with the record's properties in its holes: `{User}`, `{@User}`, `{Elapsed:0.0}`.
fn filled_in(template: &str, view: &RecordView<'_>, parser: &mut Parser) -> String {
    let mut body = template.to_owned();
    parser.fields(view.text, view.layout, |said| {
        if let FieldOrText::Field(field, value) = said
            && let Some(value) = text_of(value)
        {
            let name = field.path.strip_prefix("Properties.").unwrap_or(field.path);
            fill(&mut body, name, &value);
        }
        ControlFlow::Continue(())
    });
    body
}

fn fill(body: &mut String, name: &str, value: &str) {
    let mut from = 0;
    while let Some(open) = body[from..].find('{').map(|at| from + at) {
        let Some(close) = body[open..].find('}').map(|at| open + at) else {
            return;
        };
        let hole = body[open + 1..close].trim_start_matches(['@', '$']);
        let hole = hole.split([':', ',']).next().unwrap_or(hole);
        if hole == name {
            body.replace_range(open..=close, value);
            return;
        }
        from = close;
    }
}

fn text_of(value: Value<'_>) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Str(text) => Some(text.to_owned()),
        Value::I64(n) => Some(n.to_string()),
        Value::U64(n) => Some(n.to_string()),
        Value::F64(n) => Some(n.to_string()),
        Value::Bool(b) => Some(b.to_string()),
    }
}

fn thrown_of(found: &Found) -> Option<Thrown> {
    let text = |part| found.text(part).map(str::to_owned);
    let (mut kind, mut message) = (text(Part::ExceptionType), text(Part::ExceptionMessage));
    let stacktrace = text(Part::Stacktrace).map(|stack| stack.trim_matches('\n').to_owned());
    let told = stacktrace.as_deref().or(message.as_deref());
    if let Some(exception) = told.filter(|_| kind.is_none()).and_then(exception_in) {
        kind = exception.kind.map(str::to_owned);
        // An array of lines is no message, though its first line was taken for one; nor is what begins with the type.
        let is_own = stacktrace.is_some()
            && found.origin_of(Part::ExceptionMessage) != found.origin_of(Part::Stacktrace);
        let named = exception.message.to_owned();
        message = message.filter(|_| is_own).or(Some(named));
    }
    let any = kind.is_some() || message.is_some() || stacktrace.is_some();
    any.then_some(Thrown { kind, message, stacktrace })
}

fn origin(found: &Found, part: Part) -> String {
    found.origin_of(part).unwrap_or_default().to_owned()
}

fn exception_origin(found: &Found) -> String {
    let parts = [Part::ExceptionType, Part::Stacktrace, Part::ExceptionMessage];
    parts.iter().find_map(|&part| found.origin_of(part)).unwrap_or_default().to_owned()
}

fn time_origin(view: &RecordView<'_>, found: &Found, written: Written) -> String {
    if view.layout.time_source() == TimeSource::Observed {
        return "none is written: when it was received".to_owned();
    }
    let own = found.stamp().is_some_and(|stamp| stamp.is_complete());
    match view.layout.wrapper_name() {
        Some(wrapper) if !own => format!("{wrapper}'s own, which is complete"),
        _ if written == Written::AsText => BY_LAYOUT.to_owned(),
        _ => found.time_from.clone(),
    }
}

fn severity_origin(view: &RecordView<'_>, found: &Found, written: Written) -> String {
    match (found.level_from.as_str(), view.severity) {
        ("", Severity::UNSPECIFIED) => "none is written".to_owned(),
        ("", _) if found.has_exception => "none is written: it has an exception".to_owned(),
        _ if written == Written::AsText => BY_LAYOUT.to_owned(),
        ("", _) => format!("none is written: {} means that", view.layout.name()),
        (from, _) => from.to_owned(),
    }
}

fn service_origin(view: &RecordView<'_>, found: &Found) -> String {
    let parts = [Part::Service, Part::Name, Part::Type];
    let named = parts.into_iter().find(|&part| found.text(part) == Some(view.service));
    match named.and_then(|part| found.origin_of(part)) {
        Some(from) => from.to_owned(),
        None => "the source: its label, its directory or its file name".to_owned(),
    }
}

/// Loggers outside of any trace write an id of zeros.
fn canonical_text(text: &str) -> Option<String> {
    let mut scratch = Vec::new();
    let id = canonical(text, &mut scratch).filter(|id| id.iter().any(|&b| b != b'0'))?;
    Some(String::from_utf8_lossy(id).into_owned())
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
