//! Serilog (.NET) on the console, `[10:15:00 INF] user logged in`, and in files,
//! `2026-11-23 10:15:00.123 +00:00 [INF] user logged in`. Levels have three letters, or are spelt out.

use super::cursor::Cursor;
use super::glance::behind_time;
use super::{Reading, TextLayout};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "serilog", number: 119, begins: |byte| byte.is_ascii_digit() || byte == b'[', read };

const LEVELS: [&str; 12] = [
    "INF",
    "ERR",
    "WRN",
    "DBG",
    "VRB",
    "FTL",
    "Information",
    "Error",
    "Warning",
    "Debug",
    "Verbose",
    "Fatal",
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let (text, opening) = match text.strip_prefix('[') {
        Some(text) => (text, " "),
        None => (text, " ["),
    };
    let level = behind_time(text).and_then(|rest| rest.strip_prefix(opening.as_bytes()));
    let is_so = matches!(level, Some([b'A'..=b'Z', _, _, b']', ..] | [b'A'..=b'Z', b'a'..=b'z', ..]));
    is_so && parse(text, opening, reading).is_some()
}

/// `10:15:00 INF] user logged in`, `2026-11-23 10:15:00.123 +00:00 [INF] user logged in`.
fn parse<'a>(text: &'a str, opening: &str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(opening)?;
    let level = cursor.until("] ").filter(|level| LEVELS.contains(level))?;
    if !reading.level_named(level) {
        // `VRB`, which nobody else writes.
        reading.severity = Severity::from_text(b"verbose");
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
            "[10:15:00 INF] user logged in",
            &[("time", "2026-11-23T10:15:00Z"), ("level", "INFO"), ("message", "user logged in")],
        );
        check(
            &LAYOUT,
            "2026-11-23 10:15:00.123 +01:00 [FTL] down\nSystem.Exception: x",
            &[
                ("time", "2026-11-23T09:15:00.123Z"),
                ("level", "FATAL"),
                ("message", "down\nSystem.Exception: x"),
            ],
        );
        check(
            &LAYOUT,
            "[10:15:00 VRB] up",
            &[("time", "2026-11-23T10:15:00Z"), ("level", "TRACE"), ("message", "up")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "[2026-11-23T06:45:53Z INFO  lg::web] user logged in");
        refuse(&LAYOUT, "2026-11-23T06:45:56.966Z [INFO]  app: user logged in: user_id=u1");
        refuse(&LAYOUT, "2026-11-23 06:45:52 [info     ] user logged in");
        refuse(&LAYOUT, "[req-1] user logged in");
    }
}
