//! What a record says of itself, gathered field by field: of several fields that play one part the one of the least rank
//! counts, and of one field that is there twice the last. Buffers are kept from record to record.

use super::json::Value;
use super::layout::json::{Evidence, JsonLayout, Source, Spelling};
use super::number::Number;
use super::role::{Field, Role};
use super::severity::Severity;
use crate::time::{Stamp, Timestamp};
use std::cell::Cell;
use std::fmt::Write;

/// A longer text is not the name of a service, a host or a user.
const NAME_BYTES_MAX: usize = 256;
/// No field has said anything.
const NOTHING: u8 = u8::MAX;

/// How much is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Wanted {
    /// What every record is looked at for: time, level, service, message.
    #[default]
    Head,
    /// All parts, and where they were found.
    All,
}

/// A part that is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Service,
    Body,
    Name,
    Type,
    Method,
    Path,
    Status,
    Level,
    Host,
    Trace,
    Span,
    Parent,
    Request,
    User,
    ExceptionType,
    ExceptionMessage,
    Stacktrace,
}

const PARTS: usize = 17;

/// The text of a part, as far as one was found.
#[derive(Debug)]
pub(super) struct Slot {
    rank: u8,
    text: String,
    /// Path of the field it was found in.
    from: String,
}

/// The parts found so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) wanted: Wanted,
    pub(super) evidence: Evidence,
    /// The layout of the latest evidence: records follow others of their kind.
    layout: Cell<Option<(Evidence, &'static JsonLayout)>>,
    stamp: Option<(u8, Stamp)>,
    nanos: Option<i64>,
    level_named: Option<(u8, Severity)>,
    level_number: Option<(u8, i64)>,
    level_short: Option<Severity>,
    pub(super) has_exception: bool,
    /// A message that is an array of bytes, as journald has it when it is not UTF-8.
    bytes: Vec<u8>,
    slots: [Slot; PARTS],
    /// The slots that are not empty, by bit.
    filled: u32,
    /// Where the time and the level were found.
    pub(super) time_from: String,
    pub(super) level_from: String,
}

impl Default for Slot {
    fn default() -> Self {
        Self { rank: NOTHING, text: String::new(), from: String::new() }
    }
}

impl Slot {
    fn put(&mut self, rank: u8, text: &str, from: &str) {
        if rank > self.rank || text.is_empty() {
            return;
        }
        self.rank = rank;
        self.text.clear();
        self.text.push_str(text);
        self.from.clear();
        self.from.push_str(from);
    }
}

impl Found {
    /// Forgets everything; keeps the buffers.
    pub(super) fn clear(&mut self, wanted: Wanted) {
        while self.filled != 0 {
            let slot = &mut self.slots[self.filled.trailing_zeros() as usize];
            (slot.rank, self.filled) = (NOTHING, self.filled & (self.filled - 1));
            slot.text.clear();
        }
        self.wanted = wanted;
        self.evidence = Evidence::default();
        (self.stamp, self.nanos) = (None, None);
        (self.level_named, self.level_number, self.level_short) = (None, None, None);
        self.has_exception = false;
        self.bytes.clear();
        self.time_from.clear();
        self.level_from.clear();
    }

    /// Takes what a field says.
    pub(super) fn take(&mut self, field: &Field<'_>, value: Value<'_>) {
        let Field { path, role, rank, .. } = *field;
        match role {
            Role::Time => self.take_time(rank, path, value),
            Role::Nanos => self.nanos = whole(value),
            Role::Level => self.take_level(rank, path, value),
            Role::Short => self.level_short = severity_of_text(value),
            Role::Service => self.put_name(Part::Service, rank, path, value),
            Role::Body => self.take_body(rank, path, value),
            Role::Name => self.put_name(Part::Name, rank, path, value),
            Role::Type => self.put_name(Part::Type, rank, path, value),
            Role::Method => self.put_name(Part::Method, rank, path, value),
            Role::Path => self.put_value(Part::Path, rank, path, value),
            Role::Status => self.put_value(Part::Status, rank, path, value),
            Role::Exception => self.has_exception |= !says_nothing(value),
            _ => {}
        }
        if self.wanted == Wanted::All {
            self.take_more(field, value);
        }
    }

    /// Notes a key of the outermost object.
    pub(super) fn key(&mut self, evidence: u128) {
        self.evidence.keys |= evidence;
    }

    /// The text of a part; `None` when no field said anything.
    pub(super) fn text(&self, part: Part) -> Option<&str> {
        let slot = &self.slots[part as usize];
        (slot.rank != NOTHING).then_some(slot.text.as_str())
    }

    /// Path of the field a part was found in; `None` when no field said anything.
    pub(super) fn origin_of(&self, part: Part) -> Option<&str> {
        let slot = &self.slots[part as usize];
        (slot.rank != NOTHING).then_some(slot.from.as_str())
    }

    /// Gives a part a text, of rank 0.
    pub(super) fn put(&mut self, part: Part, text: &str, from: &str) {
        self.put_ranked(part, 0, text, from);
    }

    pub(super) fn put_ranked(&mut self, part: Part, rank: u8, text: &str, from: &str) {
        let from = if self.wanted == Wanted::All { from } else { "" };
        self.slots[part as usize].put(rank, text, from);
        self.filled |= 1 << part as u32;
    }

    /// Appends to a part.
    pub(super) fn append(&mut self, part: Part, text: std::fmt::Arguments<'_>) {
        self.filled |= 1 << part as u32;
        let slot = &mut self.slots[part as usize];
        slot.rank = 0;
        slot.text.write_fmt(text).expect("a String takes everything");
    }

    /// When, as far as it was written.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let (_, stamp) = self.stamp?;
        Some(self.nanos.map_or(stamp, |nanos| stamp.plus_nanos(nanos)))
    }

    pub(super) fn put_stamp(&mut self, stamp: Stamp, from: &str) {
        self.stamp = Some((0, stamp));
        self.note_time(from);
    }

    /// The layout of a JSON record.
    pub(super) fn json_layout(&self) -> &'static JsonLayout {
        match self.layout.get() {
            // Fast path.
            Some((evidence, layout)) if evidence == self.evidence => layout,
            _ => {
                let layout = self.evidence.layout();
                self.layout.set(Some((self.evidence, layout)));
                layout
            }
        }
    }

    /// How bad, in this layout: a level's name is better than its number.
    pub(super) fn severity(&self, layout: &JsonLayout) -> Option<Severity> {
        let short = self.level_short.filter(|_| layout.level == Source::Short);
        let number = self.level_number.and_then(|(_, level)| layout.severity_of(level));
        short.or(self.level_named.map(|(_, severity)| severity)).or(number)
    }

    /// The service, in this layout.
    pub(super) fn service(&self, layout: &JsonLayout) -> Option<&str> {
        let other = || match layout.service {
            Source::Name => self.text(Part::Name),
            Source::Type => self.text(Part::Type),
            Source::Usual | Source::Short => None,
        };
        self.text(Part::Service).or_else(other)
    }

    /// Makes a message for records whose message is no text: of bytes, or of method, path and status as access logs have
    /// them.
    pub(super) fn build_body(&mut self) {
        if !self.bytes.is_empty() {
            let body = String::from_utf8_lossy(&self.bytes).into_owned();
            self.put(Part::Body, &body, "MESSAGE");
        }
        if self.text(Part::Body).is_some() {
            return;
        }
        let parts = (self.text(Part::Method), self.text(Part::Path), self.text(Part::Status));
        if let (Some(method), Some(path), Some(status)) = parts {
            let body = format!("{method} {path} {status}");
            self.put(Part::Body, &body, "method, path, status");
        }
    }

    fn take_time(&mut self, rank: u8, path: &str, value: Value<'_>) {
        if self.stamp.is_some_and(|(known, _)| rank > known) {
            return;
        }
        let Some(stamp) = stamp_of(value) else {
            return;
        };
        self.stamp = Some((rank, stamp));
        self.evidence.time = match value {
            Value::I64(_) | Value::U64(_) => Spelling::Int,
            Value::F64(_) => Spelling::Float,
            _ => Spelling::Text,
        };
        self.note_time(path);
    }

    fn take_level(&mut self, rank: u8, path: &str, value: Value<'_>) {
        let better = |known: Option<u8>| known.is_none_or(|known| rank <= known);
        if let Some(level) = whole(value) {
            if better(self.level_number.map(|(known, _)| known)) {
                self.level_number = Some((rank, level));
                if self.level_named.is_none() {
                    self.evidence.level = Spelling::Int;
                    self.note_level(path);
                }
            }
            return;
        }
        if let (Value::Str(text), Some(severity)) = (value, severity_of_text(value))
            && better(self.level_named.map(|(known, _)| known))
        {
            self.level_named = Some((rank, severity));
            self.evidence.level = Spelling::of_text(text);
            self.note_level(path);
        }
    }

    fn take_body(&mut self, rank: u8, path: &str, value: Value<'_>) {
        match value {
            Value::U64(byte @ 0..=255) if path == "MESSAGE" => self.bytes.push(byte as u8),
            _ => self.put_value(Part::Body, rank, path, value),
        }
    }

    fn put_name(&mut self, part: Part, rank: u8, path: &str, value: Value<'_>) {
        if let Value::Str(text) = value
            && text.len() <= NAME_BYTES_MAX
        {
            self.put_ranked(part, rank, text, path);
        }
    }

    /// Any scalar as text; a number is a number of a user or a status.
    fn put_value(&mut self, part: Part, rank: u8, path: &str, value: Value<'_>) {
        match value {
            Value::Str(text) => self.put_ranked(part, rank, text, path),
            Value::Null => {}
            Value::I64(n) => self.put_ranked(part, rank, &n.to_string(), path),
            Value::U64(n) => self.put_ranked(part, rank, &n.to_string(), path),
            Value::F64(n) => self.put_ranked(part, rank, &n.to_string(), path),
            Value::Bool(b) => self.put_ranked(part, rank, if b { "true" } else { "false" }, path),
        }
    }

    fn take_more(&mut self, field: &Field<'_>, value: Value<'_>) {
        let Field { path, role, rank, .. } = *field;
        match role {
            Role::Level => self.put_value(Part::Level, rank, path, value),
            Role::Host => self.put_name(Part::Host, rank, path, value),
            Role::Trace => self.put_value(Part::Trace, rank, path, value),
            Role::Span => self.put_value(Part::Span, rank, path, value),
            Role::Parent => self.put_value(Part::Parent, rank, path, value),
            Role::Request => self.put_value(Part::Request, rank, path, value),
            Role::User if !matches!(value, Value::Str("-" | "--")) => {
                self.put_value(Part::User, rank, path, value)
            }
            Role::Exception => super::thrown::take(self, path, value),
            Role::Body if path == "full_message" => super::thrown::take_full_message(self, path, value),
            _ => {}
        }
    }

    fn note_time(&mut self, from: &str) {
        if self.wanted == Wanted::All {
            self.time_from.clear();
            self.time_from.push_str(from);
        }
    }

    fn note_level(&mut self, from: &str) {
        if self.wanted == Wanted::All {
            self.level_from.clear();
            self.level_from.push_str(from);
        }
    }
}

fn says_nothing(value: Value<'_>) -> bool {
    matches!(value, Value::Null | Value::Bool(false) | Value::Str(""))
}

fn whole(value: Value<'_>) -> Option<i64> {
    match value {
        Value::I64(n) => Some(n),
        Value::U64(n) => i64::try_from(n).ok(),
        Value::Str(text) if text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

fn severity_of_text(value: Value<'_>) -> Option<Severity> {
    match value {
        Value::Str(text) => Severity::from_text(text.as_bytes()),
        _ => None,
    }
}

/// The time a value says: as loggers write it, or seconds, ms, us or ns since 1970 by their magnitude.
fn stamp_of(value: Value<'_>) -> Option<Stamp> {
    match value {
        Value::Str(text) => match Stamp::parse_prefix(text.as_bytes()) {
            Some((stamp, used))
                if !text.as_bytes()[used..].first().is_some_and(u8::is_ascii_alphanumeric) =>
            {
                Some(stamp)
            }
            _ => Number::from_text(text).and_then(time_of_number).map(Stamp::at),
        },
        _ => Number::of(value).and_then(time_of_number).map(Stamp::at),
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
