//! PHP's own log: `[23-Nov-2026 06:45:57 UTC] PHP Warning:  Undefined variable $x in /srv/a.php on line 5`,
//! without time and brackets on standard error, and without `PHP` on the page.
//!
//! What scripts write with `error_log` has the time alone.

use super::cursor::Cursor;
use super::{Reading, TextLayout};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "php",
    number: 121,
    begins: |byte| matches!(byte, b'[' | b'P' | b'F' | b'W' | b'N' | b'D'),
    read,
};

/// The kinds of errors, and what other loggers would call them.
const KINDS: [(&str, &str); 11] = [
    ("Warning", "warn"),
    ("Notice", "notice"),
    ("Deprecated", "notice"),
    ("Fatal error", "fatal"),
    ("Parse error", "fatal"),
    ("Core error", "fatal"),
    ("Compile error", "fatal"),
    ("Core warning", "warn"),
    ("Compile warning", "warn"),
    ("Recoverable fatal error", "error"),
    ("Strict Standards", "notice"),
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let cursor = Cursor::new(text);
    let read = match cursor.peek() {
        Some(b'[') => with_time(cursor, reading),
        Some(b'P') if cursor.is_at("PHP ") => error(cursor, reading),
        _ => on_page(cursor, reading),
    };
    read.is_some()
}

/// `[23-Nov-2026 06:45:57 UTC] `, where a zone may also be `Europe/Berlin`.
fn with_time<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    const DASH_AT: usize = 3;
    if cursor.rest().as_bytes().get(DASH_AT) != Some(&b'-') {
        return None;
    }
    cursor.skip("[")?;
    reading.time = Some(cursor.time()?);
    let zone = cursor.until("] ")?;
    let is_zone = zone.is_empty() || zone.starts_with(' ') && zone.contains('/');
    is_zone.then_some(())?;
    if error(cursor, reading).is_none() {
        reading.message = cursor.rest().into();
    }
    Some(())
}

/// As [`error`], when it says where: other programs warn too.
fn on_page<'a>(cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    error(cursor, reading)?;
    let has_place = reading.fields.iter().any(|(path, _)| *path == "code.file.path");
    (has_place || reading.message.starts_with("Uncaught ")).then_some(())
}

/// `PHP Warning:  Undefined variable $x in /srv/a.php on line 5`.
fn error<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let _ = cursor.skip("PHP ");
    let kind = cursor.until(": ")?;
    let &(_, level) = KINDS.iter().find(|(name, _)| *name == kind)?;
    reading.severity = Severity::from_text(level.as_bytes());
    let _ = cursor.blanks();
    reading.message = cursor.rest().into();
    if let Some((file, line)) = place(cursor.line()) {
        reading.field("code.file.path", file);
        reading.field("code.line.number", line);
    }
    Some(())
}

/// The file and line of `.. in /srv/a.php on line 5`.
fn place(line: &str) -> Option<(&str, &str)> {
    let (text, number) = line.rsplit_once(" on line ")?;
    let (_, file) = text.rsplit_once(" in ")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some((file, number))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "[23-Nov-2026 06:45:57 UTC] PHP Warning:  Undefined variable $x in /srv/a b.php on line 5",
            &[
                ("time", "2026-11-23T06:45:57Z"),
                ("level", "WARN"),
                ("message", "Undefined variable $x in /srv/a b.php on line 5"),
                ("code.file.path", "/srv/a b.php"),
                ("code.line.number", "5"),
            ],
        );
        check(
            &LAYOUT,
            "[23-Nov-2026 06:45:57 Europe/Berlin] paid: 4711",
            &[("time", "2026-11-23T06:45:57Z"), ("message", "paid: 4711")],
        );
        check(
            &LAYOUT,
            "PHP Fatal error:  Uncaught RuntimeException: boom in Command line code:1\n\
             Stack trace:\n  thrown",
            &[
                ("level", "FATAL"),
                ("message", "Uncaught RuntimeException: boom in Command line code:1\nStack trace:\n  thrown"),
            ],
        );
        check(
            &LAYOUT,
            "Fatal error: Uncaught RuntimeException: boom in Command line code:1",
            &[("level", "FATAL"), ("message", "Uncaught RuntimeException: boom in Command line code:1")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "Warning: the disk is full");
        refuse(&LAYOUT, "PHP 8.4.1 Development Server (http://localhost:8000) started");
        refuse(&LAYOUT, "[2026-11-23T06:45:57.034552+00:00] app.INFO: user logged in");
        refuse(&LAYOUT, "[main-1] text");
    }
}
