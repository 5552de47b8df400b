//! The one look at every line: when, how bad, which service. What followers sort, route and count by.
//!
//! In a JSON line the first field in document order that plays the part and says something readable wins. A plain line
//! may begin with its time, in brackets or not, and name its level soon after. A line that belongs to the one before it
//! (a stack frame, the rest of an over-long line) takes over what that one said.

use super::json::{Parser, Shape, Value, as_object};
use super::number::Number;
use super::role::Role;
use super::scan::scan;
use super::severity::Severity;
use crate::batch::{BadBatch, Batch, BatchLine, LineMeta};
use crate::entry::{Line, LineBatch, trim_line_ending};
use crate::frame::Resource;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// A longer text is not the name of a service.
const SERVICE_BYTES_MAX: usize = 256;
/// How far into a plain line its level's name is looked for.
const LEVEL_WITHIN_BYTES: usize = 64;

/// What one line says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Head {
    time: Option<Timestamp>,
    severity: Option<Severity>,
    /// It names its service.
    service: bool,
}

/// Decompresses a batch and looks at each of its lines once. Lines without a readable time get `received`.
pub fn look(
    batch: &Batch,
    resource: Arc<Resource>,
    received: Timestamp,
    parser: &mut Parser,
) -> Result<LineBatch, BadBatch> {
    let text = batch.text()?;
    let mut lines = Vec::with_capacity(batch.lines.len());
    let mut services = Services::default();
    let mut offset = batch.first_start;
    let mut at = 0usize;
    for row in &batch.lines {
        let len = row.text_len as usize;
        let inherited = lines.last().copied().filter(|_| continues(row));
        let (time, severity, service) = match inherited {
            Some(Line { time, severity, service, .. }) => (time, severity, service),
            None => {
                let mut service = 0;
                let line = trim_line_ending(&text[at..at + len]);
                let head = head_of(line, parser, |name| service = services.number_of(name, &resource));
                let time = head.time.map_or(received, |time| time.clamped(received));
                (time, head.severity.unwrap_or_default(), service)
            }
        };
        let (at_u32, len_u32) = (u32::try_from(at).expect("within TEXT_BYTES_MAX"), row.text_len);
        let (range_len, meta) = (row.range_len, row.meta);
        lines.push(Line { offset, time, range_len, at: at_u32, len: len_u32, meta, service, severity });
        offset = offset.plus(u64::from(row.range_len));
        at += len;
    }
    Ok(LineBatch { source: batch.source, resource, text, lines, services: services.names })
}

/// Reads the head of one line; `service` is called with the service's name, at most once.
fn head_of(line: &[u8], parser: &mut Parser, service: impl FnMut(&str)) -> Head {
    match as_object(line) {
        Some(object) => head_of_object(object, parser, service),
        None => head_of_plain(line),
    }
}

fn head_of_object(object: &[u8], parser: &mut Parser, service: impl FnMut(&str)) -> Head {
    // Fast path.
    if let Some((head, name)) = scan(object, parser.roles()) {
        name.into_iter().for_each(service);
        return head;
    }
    walked_head(object, parser, service)
}

fn walked_head(object: &[u8], parser: &mut Parser, mut service: impl FnMut(&str)) -> Head {
    let mut head = Head::default();
    let shape = parser.fields(object, |field, value| {
        head.take(field.role, value, &mut service);
        if head.is_complete() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if shape == Shape::Json { head } else { head_of_plain(object) }
}

/// What the scan alone says of an object, and its service.
#[cfg(test)]
pub(super) fn head_by_scan(object: &[u8], parser: &mut Parser) -> Option<(Head, Option<String>)> {
    scan(object, parser.roles()).map(|(head, service)| (head, service.map(str::to_owned)))
}

/// What the walk alone says of an object, and its service.
#[cfg(test)]
pub(super) fn head_by_walk(object: &[u8], parser: &mut Parser) -> (Head, Option<String>) {
    let mut service = None;
    let head = walked_head(object, parser, |name| service = Some(name.to_owned()));
    (head, service)
}

impl Head {
    /// Takes what a field says, unless an earlier one has said it; `service` is called with a service's name.
    pub(super) fn take<'v>(&mut self, role: Role, value: Value<'v>, service: &mut impl FnMut(&'v str)) {
        match (role, value) {
            (Role::Time, _) if self.time.is_none() => self.time = time_of(value),
            (Role::Level, _) if self.severity.is_none() => self.severity = Severity::from_value(value),
            (Role::Service, Value::Str(name)) if !self.service => {
                self.service = (1..=SERVICE_BYTES_MAX).contains(&name.len());
                if self.service {
                    service(name);
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.service && self.time.is_some() && self.severity.is_some()
    }
}

/// The time a value says: RFC 3339 and relatives, or seconds, ms, us or ns since 1970 by their magnitude.
fn time_of(value: Value<'_>) -> Option<Timestamp> {
    match value {
        Value::Str(text) => match Timestamp::parse_prefix(text.as_bytes()) {
            Some((time, used)) if !text.as_bytes()[used..].first().is_some_and(u8::is_ascii_alphanumeric) => {
                Some(time)
            }
            _ => Number::from_text(text).and_then(time_of_number),
        },
        _ => Number::of(value).and_then(time_of_number),
    }
}

/// Numbers below 1e8 (1973) are durations or counters rather than times.
fn time_of_number(number: Number) -> Option<Timestamp> {
    let magnitude = number.as_f64();
    let unit_ns: i64 = match magnitude {
        1e8..1e11 => 1_000_000_000,
        1e11..1e14 => 1_000_000,
        1e14..1e17 => 1_000,
        1e17..9.2e18 => 1,
        _ => return None,
    };
    match number {
        Number::Int(n) => i64::try_from(n).ok()?.checked_mul(unit_ns).map(Timestamp),
        // A float of seconds is good to about a microsecond.
        Number::Float(n) => {
            let micros = n * (unit_ns as f64 / 1_000.0);
            (micros as i64).checked_mul(1_000).map(Timestamp)
        }
    }
}

/// `[2026-11-23T06:27:08.548] [INFO] app - ...`, `2026/11/23 06:30:37 INFO ...`.
fn head_of_plain(line: &[u8]) -> Head {
    let line = line.trim_ascii_start();
    let text = line.strip_prefix(b"[").unwrap_or(line);
    let time = Timestamp::parse_prefix(text);
    let used = time.map_or(0, |(_, used)| used);
    Head { time: time.map(|(time, _)| time), severity: level_in(&text[used..]), service: false }
}

/// The first word that is a level's name, of three letters or more, in capitals or behind a bracket or `=`.
fn level_in(text: &[u8]) -> Option<Severity> {
    let mut rest = &text[..text.len().min(LEVEL_WITHIN_BYTES)];
    let mut before = b' ';
    while !rest.is_empty() {
        let len = rest.iter().position(|b| !b.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(len);
        let is_protocol = word.eq_ignore_ascii_case(b"http");
        let marked = matches!(before, b'[' | b'<' | b'=') || word.iter().all(u8::is_ascii_uppercase);
        if let Some(severity) = Severity::from_text(word).filter(|_| marked && !is_protocol && len >= 3) {
            return Some(severity);
        }
        (before, rest) = after.split_first().map_or((b' ', after), |(&byte, rest)| (byte, rest));
    }
    None
}

fn continues(row: &BatchLine) -> bool {
    row.meta.has(LineMeta::CONTINUATION) || row.meta.part_number().is_some_and(|number| number > 0)
}

/// The services a batch's lines name, numbered from 1.
#[derive(Default)]
struct Services {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
    latest: u16,
}

impl Services {
    fn number_of(&mut self, name: &str, resource: &Resource) -> u16 {
        if self.latest != 0 && &*self.names[usize::from(self.latest) - 1] == name {
            // Fast path: a file is mostly written by one service.
            return self.latest;
        }
        if name == resource.service() {
            return 0;
        }
        self.latest = match self.numbers.get(name) {
            Some(&number) => number,
            None => {
                self.names.push(name.into());
                let number = u16::try_from(self.names.len()).expect("at most LINES_MAX names");
                self.numbers.insert(name.into(), number);
                number
            }
        };
        self.latest
    }
}
