//! Android's logcat, by its formats `threadtime`, `time`, `brief` and `tag`.
//!
//! ```text
//! 03-17 16:13:38.811  1702  2395 D WindowManager: text
//! 03-17 16:13:38.811 D/WindowManager( 1702): text
//! D/WindowManager( 1702): text
//! D/WindowManager: text
//! ```

use super::cursor::{Cursor, is_name};
use super::{Reading, TextLayout};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "logcat",
    number: 122,
    begins: |byte| byte.is_ascii_digit() || matches!(byte, b'V' | b'D' | b'I' | b'W' | b'E' | b'F' | b'A'),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let cursor = Cursor::new(text);
    let read = match text.as_bytes() {
        [b'0' | b'1', _, b'-', ..] => with_time(cursor, reading),
        [_, b'/', ..] => brief(cursor, reading),
        _ => None,
    };
    read.is_some()
}

fn with_time<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    reading.time = Some(cursor.time()?);
    cursor.blanks()?;
    if !cursor.peek()?.is_ascii_digit() {
        return brief(cursor, reading);
    }
    reading.field("process.pid", cursor.number()?);
    cursor.blanks()?;
    reading.field("thread.id", cursor.number()?);
    cursor.skip(" ")?;
    priority(&mut cursor, reading)?;
    cursor.skip(" ")?;
    reading.field("log.logger", cursor.until(":")?.trim_ascii());
    message(cursor, reading)
}

/// `D/WindowManager( 1702): text`.
fn brief<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    priority(&mut cursor, reading)?;
    cursor.skip("/")?;
    let origin = cursor.until(":")?;
    let (tag, pid) = match origin.strip_suffix(')').and_then(|origin| origin.rsplit_once('(')) {
        Some((tag, pid)) => (tag.trim_ascii_end(), pid.trim_ascii()),
        None => (origin, ""),
    };
    if !is_name(tag) || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    reading.field("log.logger", tag);
    reading.field("process.pid", pid);
    message(cursor, reading)
}

/// The blank behind the colon may be missing where the message is empty.
fn message<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    (cursor.skip(" ").is_some() || cursor.rest().is_empty()).then_some(())?;
    reading.message = cursor.rest().into();
    Some(())
}

fn priority<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let letter = cursor.rest().get(..1)?;
    let name = match letter {
        "V" => "verbose",
        "D" => "debug",
        "I" => "info",
        "W" => "warn",
        "E" => "error",
        "F" | "A" => "fatal",
        _ => return None,
    };
    reading.severity = Severity::from_text(name.as_bytes());
    cursor.skip(letter)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn with_a_time() {
        check(
            &LAYOUT,
            "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezing: x",
            &[
                ("time", "2026-03-17T16:13:38.811Z"),
                ("level", "DEBUG"),
                ("message", "printFreezing: x"),
                ("process.pid", "1702"),
                ("thread.id", "2395"),
                ("log.logger", "WindowManager"),
            ],
        );
        check(
            &LAYOUT,
            "03-17 16:13:38.811 V/chatty  (  585): uid=1000",
            &[
                ("time", "2026-03-17T16:13:38.811Z"),
                ("level", "TRACE"),
                ("message", "uid=1000"),
                ("log.logger", "chatty"),
                ("process.pid", "585"),
            ],
        );
    }

    #[test]
    fn without_a_time() {
        check(
            &LAYOUT,
            "E/AndroidRuntime( 123): FATAL EXCEPTION: main\njava.lang.X: boom",
            &[
                ("level", "ERROR"),
                ("message", "FATAL EXCEPTION: main\njava.lang.X: boom"),
                ("log.logger", "AndroidRuntime"),
                ("process.pid", "123"),
            ],
        );
        check(&LAYOUT, "W/Looper: slow", &[("level", "WARN"), ("message", "slow"), ("log.logger", "Looper")]);
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "03-17 16:13:38.811 text");
        refuse(&LAYOUT, "I/O error: disk");
        refuse(&LAYOUT, "E/etc/passwd:x");
        refuse(&LAYOUT, "10-4 over");
    }
}
