//! Go's `log` package, and slog's default handler, which writes through it.
//!
//! `2026/11/23 06:45:54 INFO user logged in user_id=u1`,
//! `2026/11/23 06:45:54.184092 main.go:11: with flags`, and with levels in brackets, as much of Go did
//! before slog: `2026/11/23 06:45:54 [WARN] slow`.
//!
//! Limit: anything may follow the time, so this comes after all layouts with such a time that say more.

use super::cursor::{Cursor, add_place};
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "go-log", number: 103, begins: |byte| byte.is_ascii_digit(), read };

/// `INFO`; a one-letter level begins many a message.
const LEVEL_BYTES_MIN: usize = 4;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    text.as_bytes().get(4) == Some(&b'/') && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" ")?;
    if let Some(place) = cursor.place(": ") {
        add_place(place, reading);
    }
    if let Some(behind) = level(cursor, reading) {
        cursor = behind;
    }
    reading.message = cursor.rest().into();
    // nginx: `[error] 12#12: *1 open() failed`.
    let is_nginx = cursor.number().is_some() && cursor.is_at("#");
    (!is_nginx).then_some(())
}

/// Takes the level and what follows it, and says where the message begins.
fn level<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<Cursor<'a>> {
    let level = match cursor.peek()? {
        b'[' => cursor.bracketed()?,
        b'A'..=b'Z' => cursor.word().filter(|word| is_slog_level(word))?,
        _ => return None,
    };
    cursor.blanks()?;
    reading.level_named(level).then_some(cursor)
}

/// `INFO`, `ERROR+4`; not the `Error` that a message begins with.
fn is_slog_level(word: &str) -> bool {
    word.len() >= LEVEL_BYTES_MIN && !word.bytes().any(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "2026/11/23 06:45:54 INFO user logged in user_id=u1",
            &[("time", "2026-11-23T06:45:54Z"), ("level", "INFO"), ("message", "user logged in user_id=u1")],
        );
        check(
            &LAYOUT,
            "2026/11/23 06:45:54.184092 main.go:11: with flags",
            &[
                ("time", "2026-11-23T06:45:54.184092Z"),
                ("message", "with flags"),
                ("code.file.path", "main.go"),
                ("code.line.number", "11"),
            ],
        );
        check(
            &LAYOUT,
            "2026/11/23 06:45:54 /srv/app/main.go:11: DEBUG+2 odd",
            &[
                ("time", "2026-11-23T06:45:54Z"),
                ("level", "DEBUG"),
                ("message", "odd"),
                ("code.file.path", "/srv/app/main.go"),
                ("code.line.number", "11"),
            ],
        );
        check(
            &LAYOUT,
            "2026/11/23 06:45:54 [WARN] memberlist: slow",
            &[("time", "2026-11-23T06:45:54Z"), ("level", "WARN"), ("message", "memberlist: slow")],
        );
        check(
            &LAYOUT,
            "2026/11/23 06:45:54 Error opening file\nmore",
            &[("time", "2026-11-23T06:45:54Z"), ("message", "Error opening file\nmore")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026/11/23 06:30:37 [error] 12#12: *1 open() failed");
        refuse(&LAYOUT, "2026/11/23 - 06:45:54 | 200 | 1ms");
        refuse(&LAYOUT, "2026-11-23 06:45:54 user logged in");
    }
}
