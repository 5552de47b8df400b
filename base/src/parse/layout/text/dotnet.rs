//! .NET's simple console logger: two lines or more a record, or one.
//!
//! ```text
//! info: Acme.Shop[14]
//!       => SpanId:00f067aa0ba902b7, TraceId:4bf92f3577b34da6a3ce929d0e0e4736, ParentId:0000000000000000
//!       user logged in
//! ```
//!
//! A time may stand before the level, the scopes may be missing, and `SingleLine` has the message behind
//! the category.

use super::cursor::{Cursor, is_name};
use super::glance::behind_time;
use super::{Reading, TextLayout};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "dotnet-console",
    number: 118,
    begins: |byte| byte.is_ascii_digit() || matches!(byte, b't' | b'd' | b'i' | b'w' | b'f' | b'c'),
    read,
};

/// All have four letters.
const LEVELS: [&str; 6] = ["info", "warn", "fail", "dbug", "crit", "trce"];
const SCOPE: &str = "=> ";
/// What of the scopes has a name of its own here.
const SCOPE_FIELDS: [(&str, &str); 5] = [
    ("SpanId", "span_id"),
    ("TraceId", "trace_id"),
    ("RequestId", "request_id"),
    ("RequestPath", "url.path"),
    ("ConnectionId", "connection_id"),
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let is_so = match text.as_bytes() {
        [b'0'..=b'9', ..] => matches!(behind_time(text), Some([b' ', _, _, _, _, b':', b' ', ..])),
        [_, _, _, _, b':', b' ', ..] => true,
        _ => false,
    };
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    if cursor.peek()?.is_ascii_digit() {
        reading.time = Some(cursor.time()?);
        cursor.skip(" ")?;
    }
    level(&mut cursor, reading)?;
    cursor.skip(": ")?;
    let (category, event) = cursor.word()?.strip_suffix(']')?.split_once('[')?;
    let is_head = is_name(category) && event.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    is_head.then_some(())?;
    reading.field("log.logger", category);
    if event != "0" {
        reading.field("event.id", event);
    }
    reading.message = message(cursor.rest().trim_ascii_start(), reading).into();
    Some(())
}

fn level<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let level = cursor.rest().get(..4).filter(|level| LEVELS.contains(level))?;
    cursor.skip(level)?;
    if !reading.level_named(level) {
        // `fail`, which nobody else writes.
        reading.severity = Severity::from_text(b"error");
    }
    Some(())
}

/// What is behind the line of scopes, whose fields are taken.
fn message<'a>(text: &'a str, reading: &mut Reading<'a>) -> &'a str {
    let Some(scopes) = text.strip_prefix(SCOPE) else {
        return text;
    };
    let (scopes, message) = scopes.split_once('\n').unwrap_or((scopes, ""));
    let words = scopes.split([' ', '\r']).map(|word| word.strip_suffix(',').unwrap_or(word));
    for (key, value) in words.filter_map(|word| word.split_once(':')) {
        if let Some((_, path)) = SCOPE_FIELDS.iter().find(|(name, _)| *name == key) {
            reading.field(path, value);
        }
    }
    message.trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "info: Microsoft.Hosting.Lifetime[14]\n      Now listening on: http://localhost:5000",
            &[
                ("level", "INFO"),
                ("message", "Now listening on: http://localhost:5000"),
                ("log.logger", "Microsoft.Hosting.Lifetime"),
                ("event.id", "14"),
            ],
        );
        check(
            &LAYOUT,
            "10:15:00 fail: Acme.Shop[0] down\r\n",
            &[
                ("time", "2026-11-23T10:15:00Z"),
                ("level", "ERROR"),
                ("message", "down"),
                ("log.logger", "Acme.Shop"),
            ],
        );
    }

    #[test]
    fn scopes() {
        check(
            &LAYOUT,
            "warn: Acme.Shop[0]\n      => SpanId:00f067aa0ba902b7, TraceId:4bf92f3577b34da6a3ce929d0e0e4736, \
             ParentId:0000000000000000 \
             => RequestPath:/cart RequestId:0HM:2\n      slow\n      System.Exception: x",
            &[
                ("level", "WARN"),
                ("message", "slow\n      System.Exception: x"),
                ("log.logger", "Acme.Shop"),
                ("span_id", "00f067aa0ba902b7"),
                ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
                ("url.path", "/cart"),
                ("request_id", "0HM:2"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, r#"info: user logged in {"userId":"u1"}"#);
        refuse(&LAYOUT, "info: user[x] logged in");
        refuse(&LAYOUT, "2026-11-23T06:53:19.806Z info: plain");
        refuse(&LAYOUT, "fatal: not a git repository");
        refuse(&LAYOUT, "inf\u{e9}: x");
    }
}
