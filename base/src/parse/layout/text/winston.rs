//! Winston's simple format, and the printf format of its manual (Node.js): the level in small letters, and
//! a colon.
//!
//! `info: user logged in {"userId":"u1"}`, `2026-11-23T06:53:19.806Z info: plain`,
//! `2026-11-23T06:53:19.806Z [api] info: plain`. The object goes to fields and leaves the message.
//!
//! Limit: many a program prints `error: text`; it is read the same.

use super::cursor::{Cursor, is_name};
use super::glance::behind_time;
use super::json_tail;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "winston",
    number: 117,
    begins: |byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'w'),
    read,
};

/// npm's, and those of syslog.
const LEVELS: [&str; 14] = [
    "info", "error", "warn", "debug", "http", "verbose", "silly", "warning", "trace", "fatal", "notice",
    "crit", "alert", "emerg",
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let may_follow_time = |rest: &[u8]| match rest {
        [b' ', b'[', ..] => true,
        [b' ', rest @ ..] => is_level(rest),
        _ => false,
    };
    let is_so = match text.as_bytes() {
        [_, _, _, _, b'/', ..] => false,
        [b'0'..=b'9', ..] => behind_time(text).is_some_and(may_follow_time),
        bytes => is_level(bytes),
    };
    is_so && parse(text, reading).is_some()
}

/// Whether these are small letters and a colon, at a glance.
fn is_level(bytes: &[u8]) -> bool {
    const LEVEL_BYTES_MAX: usize = 7;
    let len = bytes.iter().take(LEVEL_BYTES_MAX).take_while(|byte| byte.is_ascii_lowercase()).count();
    bytes.get(len) == Some(&b':')
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    if cursor.peek()?.is_ascii_digit() {
        reading.time = Some(cursor.time()?);
        cursor.skip(" ")?;
        if cursor.peek() == Some(b'[') {
            reading.field("log.logger", cursor.bracketed().filter(|label| is_name(label))?);
            cursor.skip(" ")?;
        }
    }
    let level = cursor.word()?.strip_suffix(':').filter(|level| LEVELS.contains(level))?;
    reading.level_named(level);
    cursor.blanks()?;
    let text = cursor.rest();
    let tail = json_tail::split(text).filter(|tail| tail.objects[1].is_none() && text.ends_with('}'));
    reading.message = tail.as_ref().map_or(text, |tail| tail.message).into();
    reading.objects.extend(tail.and_then(|tail| tail.objects[0]).map(|object| ("", object)));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            r#"info: user logged in {"userId":"u1"}"#,
            &[("level", "INFO"), ("message", "user logged in"), ("{}", r#"{"userId":"u1"}"#)],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:53:19.807Z error: TypeError: no\n    at deep (/srv/nodelog.cjs:4:31)",
            &[
                ("time", "2026-11-23T06:53:19.807Z"),
                ("level", "ERROR"),
                ("message", "TypeError: no\n    at deep (/srv/nodelog.cjs:4:31)"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:53:19.806Z [api] http: GET /",
            &[
                ("time", "2026-11-23T06:53:19.806Z"),
                ("level", "DEBUG"),
                ("message", "GET /"),
                ("log.logger", "api"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "note: user logged in");
        refuse(&LAYOUT, "info:7");
        refuse(&LAYOUT, "2026-11-23 06:45:52 [scrapy.core.engine] INFO: Spider opened");
        refuse(&LAYOUT, "2026-11-23 06:45:52 [info     ] user logged in");
    }
}
