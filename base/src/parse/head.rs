//! The one look at every record: when, how bad, which service, which layout, and what shape its message has. What followers
//! sort, route and count by.
//!
//! First the physical lines of a batch are put together to records, as the shipper has marked them. A record is a
//! contiguous piece of the batch's text; only where two streams of a container are woven into each other are lines moved so
//! that it is. A part of an over-long line takes over what the part before it said.
//!
//! A layout is looked for with the one of the record before as a hint, and the hint does not outlive the batch: the result is
//! a function of the batch, its receive time and its resource.

use super::RecordView;
use super::found::{Found, Part, Wanted};
use super::json::{Parser, Shape, as_object};
use super::layout::text::Reading;
use super::layout::{self, Layout, TimeSource};
use super::read::{text_of, unwrapped};
use super::role::Role;
use super::scan::scan;
use super::severity::Severity;
use super::wrapper::{self, Wrapper};
use crate::batch::{BadBatch, Batch, BatchLine, LineMeta};
use crate::entry::{RecordBatch, RecordSpan};
use crate::frame::Resource;
use crate::ids::Offset;
use crate::pattern::shape_of;
use crate::time::{Stamp, Timestamp, Zone};
use bytes::Bytes;
use memchr::memchr;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What a record says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Head {
    pub(super) time: Option<Timestamp>,
    pub(super) severity: Severity,
    pub(super) layout: Layout,
    pub(super) shape: u64,
}

/// What is known of a record from outside it.
pub(super) struct Context<'a> {
    pub(super) received: Timestamp,
    pub(super) zone: &'a Zone,
}

/// Decompresses a batch, puts its lines together to records and looks at each once. Records without a readable time get
/// `received`.
pub fn look(
    batch: &Batch,
    resource: Arc<Resource>,
    received: Timestamp,
    parser: &mut Parser,
) -> Result<RecordBatch, BadBatch> {
    let (text, mut records) = records_of(batch)?;
    let zone = Zone::of_rule(&resource.zone);
    let context = Context { received, zone: &zone };
    let mut services = Services::of(resource.service());
    let mut hint = Layout::default();
    for at in 0..records.len() {
        let record = &records[at];
        if let Some(before) =
            at.checked_sub(1).map(|before| records[before]).filter(|_| is_a_further_part(record))
        {
            records[at] = RecordSpan { shape: 0, ..record.with_head_of(&before) };
            continue;
        }
        let head = parser.head(&text[record.at as usize..][..record.len as usize], hint, &context);
        let service = parser.service().map_or(0, |name| services.number_of(name));
        hint = head.layout;
        records[at] = RecordSpan {
            time: head.time.map_or(received, |time| time.clamped(received)),
            severity: head.severity,
            layout: head.layout,
            shape: head.shape,
            service,
            ..*record
        };
    }
    let services = services.names;
    Ok(RecordBatch { source: batch.source, resource, text, records, services })
}

impl Parser {
    /// Reads the head of one record; [`Parser::service`] has the service it names.
    pub(super) fn head(&mut self, record: &[u8], hint: Layout, context: &Context<'_>) -> Head {
        self.found.clear(Wanted::Head);
        self.read(record, hint, context)
    }

    /// Gathers what the record says into `found`, and its head.
    pub(super) fn read(&mut self, record: &[u8], hint: Layout, context: &Context<'_>) -> Head {
        let (wrapper, wrapped_at) = wrapper_of(record);
        let mut buffer = std::mem::take(&mut self.content);
        let content = unwrapped(record, wrapper, &mut buffer);
        let mut head = match as_object(content).and_then(|object| self.head_of_object(object)) {
            Some(head) => head,
            None => self.head_of_text(&text_of(content), hint),
        };
        self.keep_content(buffer);
        let own = self.found.stamp();
        let stamp = own.filter(|stamp| stamp.is_complete() || wrapped_at.is_none()).or(wrapped_at);
        head.time = stamp.map(|stamp| stamp.resolve(context.received, context.zone));
        let source = if stamp.is_some() { TimeSource::Event } else { TimeSource::Observed };
        head.layout = Layout::new(head.layout.number(), wrapper, source);
        head
    }

    /// The service that the latest record names.
    pub(super) fn service(&self) -> Option<&str> {
        self.found.service(self.found.json_layout())
    }

    /// The message that the shape of a record was taken of.
    pub fn message(&mut self, view: &RecordView<'_>) -> String {
        let mut buffer = std::mem::take(&mut self.content);
        let content = unwrapped(view.text, view.layout.wrapper(), &mut buffer);
        self.found.clear(Wanted::Head);
        let message = match as_object(content).and_then(|object| self.head_of_object(object)) {
            Some(_) => self.found.text(Part::Body).unwrap_or_default().to_owned(),
            None => self.message_of_text(view.layout, &text_of(content)),
        };
        self.keep_content(buffer);
        message
    }

    fn message_of_text(&mut self, layout: Layout, content: &str) -> String {
        let reading = layout::read_as(layout.number(), content);
        self.found.clear(Wanted::Head);
        let inner = reading.object().and_then(|object| self.head_of_object(object.as_bytes()));
        let said = inner.and_then(|_| self.found.text(Part::Body).map(str::to_owned));
        said.unwrap_or_else(|| reading.message.into_owned())
    }

    /// `None` when it is no JSON object after all.
    fn head_of_object(&mut self, object: &[u8]) -> Option<Head> {
        // Fast path.
        let scanned =
            self.found.wanted == Wanted::Head && scan(object, &mut self.roles, &mut self.found).is_some();
        let shape = if scanned {
            Shape::Json
        } else {
            let mut found = std::mem::take(&mut self.found);
            let shape = self.walk_into(object, &mut found);
            self.found = found;
            shape
        };
        let found = &mut self.found;
        let layout = found.json_layout();
        found.build_body();
        let severity = found.severity(layout);
        let inferred = match layout.default_severity {
            Severity::UNSPECIFIED if found.has_exception => Severity::ERROR,
            usual => usual,
        };
        let head = Head {
            time: None,
            severity: severity.unwrap_or(inferred),
            layout: Layout::new(layout.number, Wrapper::None, TimeSource::Event),
            shape: found.text(Part::Body).map_or(0, shape_of),
        };
        (shape == Shape::Json).then_some(head)
    }

    fn walk_into(&mut self, object: &[u8], found: &mut Found) -> Shape {
        let wanted = found.wanted;
        found.clear(wanted);
        self.walk_fields(object, |field, value| {
            found.key(field.evidence);
            found.take(&field, value);
            ControlFlow::Continue(())
        })
    }

    fn head_of_text(&mut self, content: &str, hint: Layout) -> Head {
        let wanted = self.found.wanted;
        self.found.clear(wanted);
        let (number, reading) = layout::detect(hint.number(), content);
        // An object behind a head, as containers and syslog have it, knows more of the record than the head does.
        let inner = reading.object().and_then(|object| self.head_of_object(object.as_bytes()));
        let severity = inner.map(|head| head.severity).filter(|severity| *severity != Severity::UNSPECIFIED);
        let (found, roles) = (&mut self.found, &mut self.roles);
        if let Some(stamp) = reading.time {
            found.put_stamp(stamp, "the beginning of the line");
        }
        let mut names_service = |path: &str| roles.field(path).role == Role::Service;
        if let Some((path, service)) = reading.fields.iter().find(|(path, _)| names_service(path)) {
            found.put(Part::Service, service, path);
        }
        Head {
            time: None,
            severity: severity.unwrap_or_else(|| severity_of(&reading)),
            layout: Layout::new(number, Wrapper::None, TimeSource::Event),
            shape: match inner.and_then(|_| found.text(Part::Body)) {
                Some(body) => shape_of(body),
                None => shape_of(&reading.message),
            },
        }
    }
}

/// What the scan alone says of an object, if it says anything, and what the walk says.
#[cfg(test)]
pub(super) fn by_scan_and_by_walk(object: &[u8], parser: &mut Parser) -> (Option<String>, String) {
    let told = |found: &mut Found| {
        found.build_body();
        let layout = found.json_layout();
        let (time, severity) = (found.stamp(), found.severity(layout));
        // Nobody asks for it when there is a level.
        let thrown = severity.is_none() && found.has_exception;
        let (service, body) = (found.service(layout), found.text(Part::Body));
        format!("{time:?} {severity:?} {} {service:?} {body:?} {thrown}", layout.name)
    };
    let mut found = Found::default();
    let scanned = scan(object, &mut parser.roles, &mut found).map(|()| told(&mut found));
    parser.walk_into(object, &mut found);
    (scanned, told(&mut found))
}

/// What names no level but has a stack trace behind it is an error.
fn severity_of(reading: &Reading<'_>) -> Severity {
    let named = || reading.level.and_then(|level| Severity::from_text(level.as_bytes()));
    let thrown = || super::exception::exception_in(&reading.message).map(|_| Severity::ERROR);
    reading.severity.or_else(named).or_else(thrown).unwrap_or_default()
}

/// What a container runtime has wrapped a record in, and when it received its first line.
fn wrapper_of(record: &[u8]) -> (Wrapper, Option<Stamp>) {
    if !wrapper::may_begin(record) {
        // Fast path.
        return (Wrapper::None, None);
    }
    let end = memchr(b'\n', record).unwrap_or(record.len());
    match wrapper::unwrap(&record[..end]) {
        Some(wrapped) => (wrapped.wrapper, Stamp::parse_prefix(wrapped.time).map(|(stamp, _)| stamp)),
        None => (Wrapper::None, None),
    }
}

fn is_a_further_part(record: &RecordSpan) -> bool {
    record.meta.part_number().is_some_and(|number| number > 0)
}

/// The text of a batch with the lines of each record back to back, and the records.
fn records_of(batch: &Batch) -> Result<(Bytes, Vec<RecordSpan>), BadBatch> {
    let mut text = batch.text()?;
    let mut pieces = pieces_of(batch);
    if !pieces.is_sorted_by_key(|piece| piece.record) {
        // Slow path.
        pieces.sort_by_key(|piece| piece.record);
        text = gathered(&text, &mut pieces);
    }
    let mut records: Vec<RecordSpan> = Vec::with_capacity(pieces.len());
    let mut latest = None;
    for piece in &pieces {
        match records.last_mut().filter(|_| latest == Some(piece.record)) {
            Some(record) => record.add(&piece.row),
            None => records.push(RecordSpan::of(&piece.row, piece.offset, piece.at)),
        }
        latest = Some(piece.record);
    }
    Ok((text, records))
}

/// A physical line, and the number of the record it belongs to.
struct Piece {
    record: u32,
    at: u32,
    offset: Offset,
    row: BatchLine,
}

/// A continuation belongs to the latest head of its stream; one without a head, or behind one that was cut off, is a
/// record of its own.
fn pieces_of(batch: &Batch) -> Vec<Piece> {
    let mut latest: [Option<u32>; LineMeta::STREAMS] = [None; LineMeta::STREAMS];
    let mut records = 0;
    let (mut offset, mut at) = (batch.first_start, 0);
    let piece = |row: &BatchLine| {
        let open = &mut latest[usize::from(row.meta.stream())];
        let record = open.filter(|_| row.meta.has(LineMeta::CONTINUATION)).unwrap_or_else(|| {
            records += 1;
            records - 1
        });
        *open = Some(record).filter(|_| !row.meta.has(LineMeta::TRUNCATED));
        let piece = Piece { record, at, offset, row: *row };
        offset = offset.plus(u64::from(row.range_len));
        at += row.text_len;
        piece
    };
    batch.lines.iter().map(piece).collect()
}

/// Copies the pieces one behind the other; what stands without a line ending at the end of the batch gets none.
fn gathered(text: &[u8], pieces: &mut [Piece]) -> Bytes {
    let mut out = Vec::with_capacity(text.len());
    for piece in pieces {
        let (from, len) = (piece.at as usize, piece.row.text_len as usize);
        piece.at = u32::try_from(out.len()).expect("within TEXT_BYTES_MAX");
        out.extend_from_slice(&text[from..from + len]);
    }
    Bytes::from(out)
}

/// The services a batch's records name, numbered from 1.
struct Services<'a> {
    /// The one that needs no number.
    own: &'a str,
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

/// So many are compared one by one: fewer than hashing costs.
const FEW_SERVICES: usize = 16;

impl<'a> Services<'a> {
    fn of(own: &'a str) -> Self {
        Self { own, names: Vec::new(), numbers: HashMap::new() }
    }

    fn number_of(&mut self, name: &str) -> u16 {
        if name == self.own {
            return 0;
        }
        let few = self.names.iter().take(FEW_SERVICES).position(|known| **known == *name);
        let known = few.map(number_at).or_else(|| self.numbers.get(name).copied());
        known.unwrap_or_else(|| {
            let number = number_at(self.names.len());
            self.names.push(name.into());
            if self.names.len() > FEW_SERVICES {
                self.numbers.insert(name.into(), number);
            }
            number
        })
    }
}

fn number_at(at: usize) -> u16 {
    u16::try_from(at + 1).expect("at most LINES_MAX names")
}
