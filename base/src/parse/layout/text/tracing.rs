//! tracing-subscriber's full and compact formats (Rust).
//!
//! `2026-11-23T06:45:53.317581Z  INFO work{req_id="r1"}:inner: lg::web: web.rs:4: logged in user_id="u1"`:
//! spans with their fields, the target, the place; all may be missing. Compact has the spans' fields behind
//! the message's.
//!
//! Limit: `work: lg: text` may be a span and a target, or a target and a message with a colon. Two bare
//! words are taken for the former, unless the first is a path (`lg::web`), which only targets are.

use super::cursor::{Cursor, add_place};
use super::glance::behind_time;
use super::key_values::pairs;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "tracing", number: 112, begins: |byte| byte.is_ascii_digit(), read };

const LEVELS: [&str; 5] = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE"];
/// No span's fields are longer, nor are there more spans.
const FIELDS_BYTES_MAX: usize = 4096;
const SPANS_MAX: usize = 16;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let is_so = text.as_bytes().get(10) == Some(&b'T')
        && matches!(behind_time(text), Some([b' ', b'A'..=b'Z', ..] | [b' ', b' ', b'A'..=b'Z', ..]));
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = cursor.time().filter(|time| time.is_complete());
    reading.time?;
    // Levels are aligned to the right; hardly any other logger does so.
    let is_aligned = cursor.is_at("  ");
    cursor.blanks()?;
    let level = cursor.word().filter(|level| LEVELS.contains(level))?;
    reading.level_named(level);
    cursor.skip(" ")?;
    thread(&mut cursor, reading);
    let has_scope = scope(&mut cursor, reading);
    if let Some(place) = cursor.place(": ") {
        add_place(place, reading);
    }
    reading.message = cursor.rest().into();
    (has_scope || is_aligned).then_some(())
}

/// `main ThreadId(01) `, or either alone; a name alone cannot be told from a message.
fn thread<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    const ID: &str = "ThreadId(";
    let mut ahead = *cursor;
    let first = ahead.word()?;
    ahead.blanks()?;
    let (name, id) = if first.starts_with(ID) { ("", first) } else { (first, ahead.word()?) };
    let id = id.strip_prefix(ID)?.strip_suffix(')')?;
    reading.field("thread.name", name);
    reading.field("thread.id", id);
    ahead.skip(" ")?;
    *cursor = ahead;
    Some(())
}

/// Spans and target, as far as there are any.
fn scope<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> bool {
    let Some(first) = group(cursor, reading) else {
        return false;
    };
    let mut ahead = *cursor;
    let second = name(&mut ahead).filter(|_| ahead.skip(": ").is_some());
    match (first, second) {
        (Group::Spans, None) => {}
        (Group::Spans, Some(target)) => {
            reading.field("log.logger", target);
            *cursor = ahead;
        }
        (Group::Word(span), Some(target)) if !span.contains("::") => {
            reading.field("span.name", span);
            reading.field("log.logger", target);
            *cursor = ahead;
        }
        (Group::Word(target), _) => reading.field("log.logger", target),
    }
    true
}

/// What stands before a colon and a blank.
enum Group<'a> {
    /// Several names, or fields.
    Spans,
    /// A name: a span's or the target.
    Word(&'a str),
}

/// `work{req_id="r1"}:inner: `. The names of spans that certainly are spans are taken.
fn group<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<Group<'a>> {
    let mut ahead = *cursor;
    let mut only = None;
    for count in 0..SPANS_MAX {
        let span = name(&mut ahead)?;
        let fields = fields(&mut ahead);
        if let Some(fields) = fields {
            pairs(fields, |key, value| reading.field(key, value));
        }
        ahead.skip(":")?;
        let is_last = ahead.skip(" ").is_some();
        match (count, is_last, fields) {
            (0, true, None) => only = Some(span),
            _ => reading.field("span.name", span),
        }
        if is_last {
            *cursor = ahead;
            return Some(only.map_or(Group::Spans, Group::Word));
        }
    }
    None
}

/// Words joined by `::`, as modules are.
fn name<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let rest = cursor.rest();
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let mut len = 0;
    loop {
        len += rest.as_bytes()[len..].iter().take_while(|&&byte| of_name(byte)).count();
        if !rest.as_bytes()[len..].starts_with(b"::") {
            break;
        }
        len += 2;
    }
    let name = rest.get(..len).filter(|name| !name.is_empty())?;
    cursor.skip(name)?;
    Some(name)
}

/// `{req_id="r1"}`: what is between the braces.
fn fields<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    let rest = cursor.rest();
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in rest.bytes().take(FIELDS_BYTES_MAX).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            let fields = rest.get(1..at)?;
            cursor.skip(rest.get(..=at)?)?;
            return Some(fields);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    const TIME: (&str, &str) = ("time", "2026-11-23T06:45:53.317581Z");
    const INFO: (&str, &str) = ("level", "INFO");

    #[test]
    fn the_full_format() {
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO work{req_id=\"r1\"}: lg: user logged in user_id=\"u1\"",
            &[
                TIME,
                INFO,
                ("message", "user logged in user_id=\"u1\""),
                ("req_id", "r1"),
                ("span.name", "work"),
                ("log.logger", "lg"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z ERROR request{m=GET e=X { a: \"}\" } p=\"/ b\"}\
             :inner{n=1}:last: lg::web: down: x",
            &[
                TIME,
                ("level", "ERROR"),
                ("message", "down: x"),
                ("m", "GET"),
                ("e", "X { a: \"}\" }"),
                ("p", "/ b"),
                ("span.name", "request"),
                ("n", "1"),
                ("span.name", "inner"),
                ("span.name", "last"),
                ("log.logger", "lg::web"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z DEBUG main ThreadId(01) hyper::proto: src/main.rs:4: flushed: 4",
            &[
                TIME,
                ("level", "DEBUG"),
                ("message", "flushed: 4"),
                ("thread.name", "main"),
                ("thread.id", "01"),
                ("log.logger", "hyper::proto"),
                ("code.file.path", "src/main.rs"),
                ("code.line.number", "4"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO work{}: started",
            &[TIME, INFO, ("message", "started"), ("span.name", "work")],
        );
    }

    #[test]
    fn the_compact_format() {
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO work: lg: user logged in user_id=\"u1\" req_id=\"r1\"",
            &[
                TIME,
                INFO,
                ("message", "user logged in user_id=\"u1\" req_id=\"r1\""),
                ("span.name", "work"),
                ("log.logger", "lg"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO a:b: lg: up",
            &[TIME, INFO, ("message", "up"), ("span.name", "a"), ("span.name", "b"), ("log.logger", "lg")],
        );
    }

    #[test]
    fn targets_alone() {
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO lg::web: listening: 80",
            &[TIME, INFO, ("message", "listening: 80"), ("log.logger", "lg::web")],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:53.317581Z  INFO no target: here",
            &[TIME, INFO, ("message", "no target: here")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2024-01-01T15:00:00Z INFO session_start=2024-01-01T10:30:00Z user=alice logged in");
        refuse(&LAYOUT, "2026-11-23T06:45:56.966Z [INFO]  app: user logged in: user_id=u1");
        refuse(&LAYOUT, "2025-01-24T07:00:30,139 INFO [background-preinit       ] Version    : HV000001");
        refuse(&LAYOUT, "2026-11-23T06:53:19.806Z info: plain");
        refuse(&LAYOUT, "2026-11-23T06:45:53Z ERROR work{a=1");
    }
}
