//! The one look at every line: when, how bad, which service. What followers sort, route and count by.
//!
//! In a JSON line the first field in document order that plays the part and says something readable wins. A plain line
//! may begin with its time, in brackets or not, and name its level soon after. A line that belongs to the one before it
//! (a stack frame, the rest of an over-long line) takes over what that one said.

use super::json::{Parser, Shape, Value};
use super::number::Number;
use super::role::Role;
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
pub(crate) struct Head {
    pub(crate) time: Option<Timestamp>,
    pub(crate) severity: Option<Severity>,
    /// Has its answer in the text given to the reader.
    pub(crate) service: bool,
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
pub(crate) fn head_of(line: &[u8], parser: &mut Parser, mut service: impl FnMut(&str)) -> Head {
    let mut head = Head::default();
    let shape = parser.fields(line, |field, value| {
        head.take(field.role, value, &mut service);
        match &head {
            Head { time: Some(_), severity: Some(_), service: true } => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    });
    if shape == Shape::Plain {
        head = head_of_plain(line);
    }
    head
}

impl Head {
    fn take(&mut self, role: Role, value: Value<'_>, service: &mut impl FnMut(&str)) {
        match role {
            Role::Time if self.time.is_none() => self.time = time_of(value),
            Role::Level if self.severity.is_none() => self.severity = Severity::from_value(value),
            Role::Service if !self.service => {
                if let Value::Str(name) = value
                    && !name.is_empty()
                    && name.len() <= SERVICE_BYTES_MAX
                {
                    service(name);
                    self.service = true;
                }
            }
            _ => {}
        }
    }
}

/// The time a value says: RFC 3339 and relatives, or seconds, ms, us or ns since 1970 by their magnitude.
pub(crate) fn time_of(value: Value<'_>) -> Option<Timestamp> {
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

/// The first word that is a level's name, in capitals or in brackets, of three letters or more.
fn level_in(text: &[u8]) -> Option<Severity> {
    let near = &text[..text.len().min(LEVEL_WITHIN_BYTES)];
    let mut words = near.split(|b| !b.is_ascii_alphanumeric()).filter(|word| word.len() >= 3);
    words.find_map(|word| {
        let before = (word.as_ptr() as usize).checked_sub(near.as_ptr() as usize + 1).map(|at| near[at]);
        let loud = word.iter().all(u8::is_ascii_uppercase);
        let named = matches!(before, Some(b'[' | b'<' | b'=')) && word.iter().all(u8::is_ascii_alphabetic);
        if loud || named { Severity::from_text(word) } else { None }
    })
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
