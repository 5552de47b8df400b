//! Exceptions: what was thrown, where, and which fault that is one more occurrence of.
//!
//! ```text
//! text          the trace as lines, however it was wrapped
//! language/     how a frame is written, and whose code it is: a file for each language
//! trace         the chain of exceptions and the frames of each
//! name, guard, message    what of a name, a frame, a message tells faults apart
//! fingerprint   what makes two exceptions one fault
//! ```
//! Pure functions; nothing here keeps anything or fails. The service is no part of a fingerprint; who keeps groups
//! tells those apart by service that have neither type nor frames.
//!
//! Limits: 14 KiB of a trace (64 KiB of Python's), 8 exceptions of a chain, 64 frames of each; [`KIND_BYTES_MAX`],
//! [`MESSAGE_BYTES_MAX`] and [`CULPRIT_BYTES_MAX`] of what is kept.

mod fingerprint;
mod guard;
mod language;
mod message;
mod name;
mod text;
mod trace;

#[cfg(test)]
mod tests;

pub use fingerprint::Fingerprint;

use language::Frame;
use logweir_base::parse::{Record, Severity, exception_in};
use std::borrow::Cow;
use trace::Trace;

/// Bytes kept of a type: longer ones are no names.
pub const KIND_BYTES_MAX: usize = 256;
/// Bytes kept of a message: what a mail or a list shows of it.
pub const MESSAGE_BYTES_MAX: usize = 1024;
/// Bytes kept of the culprit.
pub const CULPRIT_BYTES_MAX: usize = 512;

/// An exception as a record tells of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Occurrence<'a> {
    /// Its type, where that is known beside the trace.
    pub kind: Option<&'a str>,
    /// What it says; may be empty.
    pub message: &'a str,
    /// Its trace, or a text that may have one in it.
    pub stacktrace: &'a str,
    /// What the record says beside it: tells apart what names no type.
    pub beside: &'a str,
}

/// An exception, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The fault it is an occurrence of.
    pub fingerprint: Fingerprint,
    /// The outermost exception's type; none for a record that only says that something went wrong.
    pub kind: Option<String>,
    /// What it says, as it came.
    pub message: String,
    /// The root cause's type, where it is another one.
    pub root: Option<String>,
    /// The function where people look first: `com.shop.Cart.total(Cart.java)`.
    pub culprit: Option<String>,
}

/// The exception that a record tells of: one that was thrown, or an error that was only written. None for records of a lesser
/// severity in which nothing was thrown.
pub fn of(record: &Record) -> Option<Exception> {
    let Some(thrown) = &record.exception else {
        return of_body(record);
    };
    let message = thrown.message.as_deref().unwrap_or_default();
    let stacktrace = thrown.stacktrace.as_deref().unwrap_or_default();
    Some(understand(&Occurrence { kind: thrown.kind.as_deref(), message, stacktrace, beside: &record.body }))
}

/// Of a record whose parser found nothing thrown: its type may be named as no other, or its trace be in one line.
fn of_body(record: &Record) -> Option<Exception> {
    let is_error = record.severity >= Severity::ERROR;
    // Fast path: a line that is no error.
    let is_unread = || record.severity == Severity::UNSPECIFIED && text::is_joined(&record.body);
    if !is_error && !record.body.contains('\n') && !is_unread() {
        return None;
    }
    let exception = understand(&Occurrence { stacktrace: &record.body, ..Occurrence::default() });
    let is_thrown = exception.kind.is_some() && exception.culprit.is_some();
    (is_error || is_thrown).then_some(exception)
}

/// Understands an exception.
pub fn understand(occurrence: &Occurrence<'_>) -> Exception {
    let text = text::seen(occurrence.stacktrace);
    let was_one_line = matches!(text, Cow::Owned(_));
    let trace = Trace::of(&text).known_as(&named(occurrence, &text, was_one_line));
    let (outermost, root) = (trace.outermost(), trace.root());
    let bounded = |text: &str, bytes_max| text::prefix(text, bytes_max).to_owned();
    Exception {
        fingerprint: fingerprint::of(&trace),
        kind: outermost.kind.map(|kind| bounded(kind, KIND_BYTES_MAX)),
        message: bounded(outermost.message.trim(), MESSAGE_BYTES_MAX),
        root: root.kind.filter(|_| root.kind != outermost.kind).map(|root| bounded(root, KIND_BYTES_MAX)),
        culprit: fingerprint::culprit(&trace).map(|frame| bounded(&readable(frame), CULPRIT_BYTES_MAX)),
    }
}

/// The occurrence with type and message as its text says them, where nobody read them there yet: what was in one line is many
/// lines now.
fn named<'a>(occurrence: &Occurrence<'a>, text: &'a str, was_one_line: bool) -> Occurrence<'a> {
    let is_read = (occurrence.kind.is_some() || !occurrence.message.is_empty()) && !was_one_line;
    let told = if is_read { None } else { exception_in(text) };
    told.map_or(*occurrence, |told| Occurrence {
        kind: told.kind.or(occurrence.kind),
        message: told.message,
        ..*occurrence
    })
}

/// `com.shop.Cart.total(Cart.java)`; the file's folders are left out.
fn readable(frame: &Frame<'_>) -> String {
    let file = frame.file.rsplit(['/', '\\']).next().unwrap_or(frame.file);
    match (frame.name, file) {
        ("", file) => file.to_owned(),
        (name, "") => name.to_owned(),
        (name, file) => format!("{name}({file})"),
    }
}
