//! One reading of a record, whatever its layout: container wrappers and colours are taken off, a JSON object is walked, any
//! other text is read by its layout. Everything that needs fields is told the same (path, value) pairs: what the index
//! stores, what the matcher judges, what is shown.

use super::RecordView;
use super::exception::exception_in;
use super::json::{Parser, Shape, Value};
use super::layout::text::{Reading, pairs};
use super::layout::{self, Layout};
use super::role::Field;
use super::wrapper::{self, Wrapper};
use crate::entry::trim_line_ending;
use memchr::memchr;
use std::borrow::Cow;
use std::ops::ControlFlow;

const ESCAPE: u8 = 0x1b;

/// Something a record says.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said<'a> {
    /// All of its text, when it is not a JSON object.
    Text(&'a str),
    /// A field.
    Field(&'a str, Value<'a>),
}

impl Parser {
    /// Calls `visit` with every field of a record and its value, as queries know them: whoever lists or exports fields says
    /// the same as the matcher. The fields of the source, its host, file and labels, are not among them.
    pub fn each_field(&mut self, view: &RecordView<'_>, mut visit: impl FnMut(&str, Value<'_>)) {
        self.each(view.text, view.layout, |said| {
            if let Said::Field(path, value) = said {
                visit(path, value);
            }
            ControlFlow::Continue(())
        });
    }

    /// Calls `visit` with what the layout of a text finds in it by place, and not with the pairs that stand anywhere in it.
    pub fn each_of_layout(&mut self, view: &RecordView<'_>, mut visit: impl FnMut(&str, &str)) {
        let mut buffer = std::mem::take(&mut self.content);
        let text = text_of(unwrapped(view.text, view.layout.wrapper(), &mut buffer));
        let reading = layout::read_as(view.layout.number(), &text);
        reading.fields.iter().for_each(|(path, value)| visit(path, value));
        drop(reading);
        drop(text);
        self.keep_content(buffer);
    }

    /// Calls `visit` with everything the record says, until it breaks: the fields of a JSON object in document order, or
    /// the whole text and then the fields that its layout finds in it.
    pub(crate) fn each(
        &mut self,
        record: &[u8],
        layout: Layout,
        mut visit: impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) {
        let mut buffer = std::mem::take(&mut self.content);
        let content = unwrapped(record, layout.wrapper(), &mut buffer);
        let shape = self.walk(content, |path, value| visit(Said::Field(path, value)));
        if shape == Shape::Plain {
            let text = text_of(content);
            let _ = self.each_of_text(&text, layout, &mut visit);
        }
        self.keep_content(buffer);
    }

    /// As [`Parser::each`], with what each path stands for.
    pub(crate) fn fields(
        &mut self,
        record: &[u8],
        layout: Layout,
        mut visit: impl FnMut(FieldOrText<'_>) -> ControlFlow<()>,
    ) {
        let mut roles = std::mem::take(&mut self.roles);
        self.each(record, layout, |said| match said {
            Said::Text(text) => visit(FieldOrText::Text(text)),
            Said::Field(path, value) => visit(FieldOrText::Field(roles.field(path), value)),
        });
        self.roles = roles;
    }

    fn each_of_text(
        &mut self,
        content: &str,
        layout: Layout,
        visit: &mut impl FnMut(Said<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        visit(Said::Text(content))?;
        let mut reading = layout::read_as(layout.number(), content);
        visit(Said::Field("message", Value::Str(&reading.message)))?;
        if let Some(level) = reading.level {
            visit(Said::Field("level", Value::Str(level)))?;
        }
        add_pairs(&mut reading);
        for (path, value) in &reading.fields {
            visit(Said::Field(path, Value::Str(value)))?;
        }
        for &(prefix, object) in &reading.objects {
            self.walk_below(prefix, object.as_bytes(), |path, value| visit(Said::Field(path, value)));
        }
        if let Some(exception) = exception_in(&reading.message) {
            if let Some(kind) = exception.kind {
                visit(Said::Field("exception.type", Value::Str(kind)))?;
            }
            visit(Said::Field("exception.message", Value::Str(exception.message)))?;
            visit(Said::Field("exception.stacktrace", Value::Str(exception.stacktrace)))?;
        }
        ControlFlow::Continue(())
    }

    /// Gives a buffer back, unless one huge record has made it large.
    pub(super) fn keep_content(&mut self, buffer: Vec<u8>) {
        const KEPT_BYTES_MAX: usize = 64 << 10;
        if buffer.capacity() <= KEPT_BYTES_MAX {
            self.content = buffer;
        }
    }
}

/// As [`Said`], with what the path stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FieldOrText<'a> {
    /// All of the record's text, when it is not a JSON object.
    Text(&'a str),
    /// A field.
    Field(Field<'a>, Value<'a>),
}

/// The record without what a container runtime has wrapped it in, and without its last line ending.
pub(super) fn unwrapped<'a>(record: &'a [u8], wrapper: Wrapper, buffer: &'a mut Vec<u8>) -> &'a [u8] {
    if wrapper == Wrapper::None {
        return trim_line_ending(record);
    }
    buffer.clear();
    wrapper::content(record, wrapper, buffer);
    trim_line_ending(buffer)
}

/// What is not a JSON object, as layouts read it: colours taken off, what is not UTF-8 replaced.
pub(super) fn text_of(content: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(content);
    match memchr(ESCAPE, text.as_bytes()) {
        // Fast path.
        None => text,
        Some(_) => Cow::Owned(without_escapes(&text)),
    }
}

/// Whether the text of a record may hide words of it: pieces of one line stand in several wrappers.
pub fn hides_words(record: &[u8], layout: Layout) -> bool {
    layout.is_wrapped() && memchr(b'\n', trim_line_ending(record)).is_some()
}

/// ECMA-48 control sequences (colours, erasing) are dropped, any other escape character alone.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\x1b') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(sequence) = rest.strip_prefix('[') {
            let end = sequence.bytes().position(|b| !(0x20..0x40).contains(&b)).unwrap_or(sequence.len());
            let is_final = sequence.as_bytes().get(end).is_some_and(|b| (0x40..0x7f).contains(b));
            rest = &sequence[end + usize::from(is_final)..];
        }
    }
    out.push_str(rest);
    out
}

/// `key=value` pairs and ids in the message are fields; what the layout has found itself stands first, and is not told twice
/// where the message is all of the text: numbers are summed.
fn add_pairs(reading: &mut Reading<'_>) {
    if let Cow::Borrowed(message) = reading.message {
        let of_layout = reading.fields.len();
        pairs::pairs(message, &mut reading.fields);
        let (own, of_message) = reading.fields.split_at(of_layout);
        let mut new: Vec<_> = of_message.iter().filter(|pair| !own.contains(pair)).cloned().collect();
        reading.fields.truncate(of_layout);
        reading.fields.append(&mut new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_no_text() {
        let check = |text: &str, expected: &str| assert_eq!(text_of(text.as_bytes()), expected, "{text:?}");
        check("\x1b[2m2026\x1b[0m [\x1b[33m\x1b[1mwarning  \x1b[0m] x", "2026 [warning  ] x");
        check("\x1b[2Kweb-1  | x", "web-1  | x");
        check("\x1b]0;title\x07 x\x1b", "]0;title\x07 x");
        check("\x1b[", "");
        check("\x1b[31", "");
        check("\x1b[\u{e9}", "\u{e9}");
        check("plain", "plain");
    }
}
