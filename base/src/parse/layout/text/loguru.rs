//! Loguru (Python): `2026-11-23 06:45:52.245 | INFO     | __main__:<module>:41 - user logged in`.

use super::cursor::{Cursor, split_place};
use super::glance::behind_time;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "loguru", number: 110, begins: |byte| byte.is_ascii_digit(), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    matches!(behind_time(text), Some([b' ', b'|', ..])) && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" | ")?;
    // Applications may name levels of their own.
    reading.level_named(cursor.until(" | ")?.trim_ascii());
    let (origin, line) = split_place(cursor.until(" - ")?)?;
    let (module, function) = origin.rsplit_once(':')?;
    reading.field("log.logger", module);
    reading.field("code.function.name", function);
    reading.field("code.line.number", line);
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
            "2026-11-23 06:45:52.245 | INFO     | __main__:<module>:41 - user logged in",
            &[
                ("time", "2026-11-23T06:45:52.245Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("log.logger", "__main__"),
                ("code.function.name", "<module>"),
                ("code.line.number", "41"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 06:53:18.404 | ERROR    | app.web:files:102 - failed\nTraceback (most recent):",
            &[
                ("time", "2026-11-23T06:53:18.404Z"),
                ("level", "ERROR"),
                ("message", "failed\nTraceback (most recent):"),
                ("log.logger", "app.web"),
                ("code.function.name", "files"),
                ("code.line.number", "102"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:45:52.245 | INFO     | app | user - logged in");
        refuse(&LAYOUT, "2026-11-23 10:15:00.1234|INFO|My.Logger|msg");
    }
}
