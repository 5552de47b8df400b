//! Zerolog's console writer (Go): levels of three letters.
//!
//! `6:45AM INF main.go:10 > user logged in user_id=u1`; any other time may stand there, or `<nil>`, and the
//! caller is mostly missing. Older versions have bars around the level: `6:45AM |INF| user logged in`.

use super::cursor::{Cursor, add_place};
use super::glance::behind_time;
use super::{Reading, TextLayout};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "zerolog", number: 104, begins: |byte| byte.is_ascii_digit() || byte == b'<', read };

const LEVELS: [&str; 6] = ["INF", "ERR", "WRN", "DBG", "TRC", "FTL"];
/// Where there is none.
const NO_TIME: &str = "<nil>";
/// Known to nobody else.
const PANIC: &str = "PNC";

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let rest = text.strip_prefix(NO_TIME).map(str::as_bytes).or_else(|| behind_time(text));
    let is_so = match rest {
        Some([b' ', a, b, c, b' ' | b'\n', ..] | [b' ', a, b, c]) => {
            [a, b, c].iter().all(|b| b.is_ascii_uppercase())
        }
        Some([b' ', b'|', b'A'..=b'Z', ..]) => true,
        _ => false,
    };
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    if cursor.skip(NO_TIME).is_none() {
        reading.time = Some(cursor.time()?);
    }
    cursor.skip(" ")?;
    let word = cursor.word()?;
    let level = word.strip_prefix('|').and_then(|word| word.strip_suffix('|')).unwrap_or(word);
    if level == PANIC {
        reading.severity = Severity::from_text(b"panic");
    } else {
        (LEVELS.contains(&level) && reading.level_named(level)).then_some(())?;
    }
    let _ = cursor.blanks();
    if let Some(place) = cursor.place(" > ") {
        add_place(place, reading);
    }
    reading.message = cursor.rest().into();
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
            "6:45AM INF user logged in user_id=u1",
            &[("time", "2026-11-23T06:45:00Z"), ("level", "INFO"), ("message", "user logged in user_id=u1")],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:56Z PNC cmd/main.go:10 > gone",
            &[
                ("time", "2026-11-23T06:45:56Z"),
                ("level", "FATAL"),
                ("message", "gone"),
                ("code.file.path", "cmd/main.go"),
                ("code.line.number", "10"),
            ],
        );
        check(&LAYOUT, "<nil> |ERR| down", &[("level", "ERROR"), ("message", "down")]);
        check(
            &LAYOUT,
            "6:45AM DBG",
            &[("time", "2026-11-23T06:45:00Z"), ("level", "DEBUG"), ("message", "")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "06:46:48.228 [main] INFO com.acme.App - user logged in");
        refuse(&LAYOUT, "2026-11-23T06:45:56Z INFO app: up");
        refuse(&LAYOUT, "<b>INF</b>");
        refuse(&LAYOUT, "6:45AM INFORMED");
    }
}
