//! Lines that go on with the record before them, whatever it is.

use super::text::{after_number, starts_with_any};

/// Whether `line` never begins a record by its looks.
pub(super) fn goes_on(line: &[u8]) -> bool {
    match line.first() {
        Some(b' ' | b'\t' | b'}' | b')' | b']') => true,
        Some(b'.') => line.starts_with(b"..."),
        Some(b'C') => line.starts_with(b"Caused by"),
        Some(b'a') => line.starts_with(b"at "),
        Some(b'|') => line.starts_with(b"| "),
        Some(b'[') => line.starts_with(b"[stacktrace]"),
        Some(b'"') => line.starts_with(b"\"}"),
        Some(b'#') => after_number(&line[1..]).is_some_and(|rest| rest.starts_with(b" ")),
        Some(b'S' | b's' | b'B') => {
            starts_with_any(line, &[b"Stack trace:", b"Stack backtrace:", b"stack backtrace:", b"Backtrace:"])
        }
        _ => false,
    }
}
