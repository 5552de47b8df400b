//! java.util.logging's SimpleFormatter: two lines a record.
//!
//! ```text
//! Nov 23, 2026 6:46:51 AM com.acme.App main
//! INFO: user logged in
//! ```
//!
//! Limit: English only; in other languages months and levels have other names.

use super::cursor::Cursor;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "java-util-logging",
    number: 108,
    begins: |byte| matches!(byte, b'J' | b'F' | b'M' | b'A' | b'S' | b'O' | b'N' | b'D'),
    read,
};

/// Where the comma behind the day may be.
const DAY_ENDS: std::ops::Range<usize> = 5..7;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let has_comma = text.as_bytes().get(DAY_ENDS).is_some_and(|end| end.contains(&b','));
    has_comma && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" ")?;
    let (class, method) = {
        let origin = cursor.line();
        origin.split_once(' ').unwrap_or((origin, ""))
    };
    let level = cursor.until(": ")?;
    reading.field("log.logger", class);
    reading.field("code.function.name", method);
    reading.message = cursor.rest().into();
    reading.level_named(level).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "Nov 23, 2026 6:46:51 AM U main\nINFO: user logged in",
            &[
                ("time", "2026-11-23T06:46:51Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("log.logger", "U"),
                ("code.function.name", "main"),
            ],
        );
        check(
            &LAYOUT,
            "Nov 3, 2026 6:46:51 PM com.acme.App\r\nSEVERE: down\r\njava.lang.X: boom\r\n",
            &[
                ("time", "2026-11-03T18:46:51Z"),
                ("level", "ERROR"),
                ("message", "down\r\njava.lang.X: boom"),
                ("log.logger", "com.acme.App"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "Nov 23, 2026 6:46:51 AM U main");
        refuse(&LAYOUT, "Nov  3 09:23:38 veridian automount[7998]: lookup\nINFO: x");
        refuse(&LAYOUT, "Nov 23, 2026 6:46:51 AM U main\nno level: x");
    }
}
