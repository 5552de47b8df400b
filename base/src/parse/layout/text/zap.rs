//! Zap's console encoder, also controller-runtime and the OpenTelemetry collector (Go): columns between
//! tabs, fields as a JSON object in the last one, a stack trace on the lines below.
//!
//! `2026-11-23T06:45:56.146Z INFO logger go-old/main.go:7 user logged in {"user_id": "u1"}`; logger, caller
//! and object may be missing. The time may also be seconds as Go prints a float: `1.7954156757706857e+09`.

use super::cursor::{Cursor, add_place, is_name, is_place};
use super::{Reading, TextLayout};
use crate::time::{Stamp, Timestamp};
use memchr::memchr;
use std::borrow::Cow;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "zap", number: 101, begins: |byte| byte.is_ascii_digit(), read };

/// No time is longer.
const TIME_BYTES_MAX: usize = 40;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let bytes = text.as_bytes();
    memchr(b'\t', &bytes[..bytes.len().min(TIME_BYTES_MAX)])?;
    let mut cursor = Cursor::new(text);
    reading.time = Some(time(cursor.until("\t")?)?);
    let level = cursor.until("\t")?;
    reading.level_named(level).then_some(())?;
    let columns = cursor.rest();
    let line = cursor.line();
    let trace = &columns[line.len()..];
    let (line, object) = match line.rsplit_once('\t') {
        Some((line, object)) if object.starts_with('{') && object.ends_with('}') => (line, Some(object)),
        _ => (line, None),
    };
    let message = message_of(line, reading);
    reading.message = match object {
        None => columns[line.len() - message.len()..].into(),
        Some(_) if trace.is_empty() => message.into(),
        Some(_) => Cow::Owned([message, trace].concat()),
    };
    reading.objects.extend(object.map(|object| ("", object)));
    Some(())
}

/// The last column; those before it are the logger and the caller.
fn message_of<'a>(line: &'a str, reading: &mut Reading<'a>) -> &'a str {
    let Some((first, rest)) = line.split_once('\t') else {
        return line;
    };
    if is_place(first) {
        add_place(first, reading);
        return rest;
    }
    if !is_name(first) {
        return line;
    }
    reading.field("log.logger", first);
    match rest.split_once('\t') {
        Some((second, message)) if is_place(second) => {
            add_place(second, reading);
            message
        }
        _ => rest,
    }
}

fn time(text: &str) -> Option<Stamp> {
    Stamp::parse(text).or_else(|| {
        let seconds: f64 = text.parse().ok().filter(|_| text.contains('e'))?;
        Some(Stamp::at(Timestamp((seconds * 1e9) as i64)))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "2026-11-23T06:45:56.146Z\tINFO\tgo-old/main.go:7\tuser logged in\t{\"user_id\": \"u1\"}",
            &[
                ("time", "2026-11-23T06:45:56.146Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("code.file.path", "go-old/main.go"),
                ("code.line.number", "7"),
                ("{}", r#"{"user_id": "u1"}"#),
            ],
        );
        check(
            &LAYOUT,
            "2025-04-24T22:09:20.854Z\tinfo\tMetrics\t{\"metrics\": 27}",
            &[
                ("time", "2025-04-24T22:09:20.854Z"),
                ("level", "INFO"),
                ("message", "Metrics"),
                ("{}", r#"{"metrics": 27}"#),
            ],
        );
        check(
            &LAYOUT,
            "1.5e+09\tDPANIC\tsetup.web\ta/b.go:1\tno\tway",
            &[
                ("time", "2017-07-14T02:40:00Z"),
                ("level", "ERROR"),
                ("message", "no\tway"),
                ("log.logger", "setup.web"),
                ("code.file.path", "a/b.go"),
                ("code.line.number", "1"),
            ],
        );
    }

    #[test]
    fn a_stack_trace_belongs_to_the_message() {
        let head = [("time", "2026-11-23T06:45:56.146Z"), ("level", "ERROR")];
        check(
            &LAYOUT,
            "2026-11-23T06:45:56.146Z\tERROR\tdown\nmain.main\n\t/srv/main.go:5",
            &[head[0], head[1], ("message", "down\nmain.main\n\t/srv/main.go:5")],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:56.146Z\tERROR\tdown\t{\"error\": \"x\"}\nmain.main\n\t/srv/main.go:5",
            &[
                head[0],
                head[1],
                ("message", "down\nmain.main\n\t/srv/main.go:5"),
                ("{}", r#"{"error": "x"}"#),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23T06:45:56.966Z [INFO]  app: user logged in: user_id=u1");
        refuse(&LAYOUT, "2026-11-23T06:45:56.146Z\tGET\t/\t200");
        refuse(&LAYOUT, "e\tINFO\tx");
        refuse(&LAYOUT, "7\tINFO\tx");
    }
}
