//! Ruby's Logger, and Rails and Sidekiq with it:
//! `I, [2026-11-23T06:45:57.223231 #9537]  INFO -- prog: user logged in`; an exception is `boom (RuntimeError)`.

use super::cursor::Cursor;
use super::{Reading, TextLayout, rails_tagged};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "ruby-logger",
    number: 113,
    begins: |byte| matches!(byte, b'D' | b'I' | b'W' | b'E' | b'F' | b'A' | b'U'),
    read,
};

const BEHIND_LETTER: std::ops::Range<usize> = 1..4;
/// Severity `UNKNOWN`.
const ANY: &str = "ANY";

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    text.as_bytes().get(BEHIND_LETTER) == Some(b", [") && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text.get(BEHIND_LETTER.end..)?);
    reading.time = Some(cursor.time()?);
    cursor.skip(" #")?;
    reading.field("process.pid", cursor.until("]")?);
    cursor.blanks()?;
    let level = cursor.word()?;
    (reading.level_named(level) || level == ANY).then_some(())?;
    cursor.skip(" -- ")?;
    reading.field("log.logger", cursor.until(":")?);
    let _ = cursor.skip(" ");
    rails_tagged::tags(&mut cursor, reading);
    let message = cursor.rest();
    if let Some((text, kind)) = exception(message) {
        reading.field("exception.type", kind);
        reading.field("exception.message", text);
        reading.field("exception.stacktrace", message);
    }
    reading.message = message.into();
    Some(())
}

/// Message and type of an exception as Logger prints one: `boom (RuntimeError)`, and its backtrace below.
fn exception(message: &str) -> Option<(&str, &str)> {
    let (line, below) = message.split_once('\n').unwrap_or((message, ""));
    let (text, kind) = line.trim_ascii_end().strip_suffix(')')?.rsplit_once(" (")?;
    let is_path = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_'));
    let is_thrown = kind.ends_with("Error") || kind.ends_with("Exception") || below.contains(":in ");
    (is_path && is_thrown).then_some((text, kind))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "I, [2026-11-23T06:45:57.223231 #9537]  INFO -- : user logged in",
            &[
                ("time", "2026-11-23T06:45:57.223231Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("process.pid", "9537"),
            ],
        );
        check(
            &LAYOUT,
            "E, [2026-11-23T06:45:57.223284 #9537] ERROR -- billing: boom (RuntimeError)\nx.rb:1:in `f'\n",
            &[
                ("time", "2026-11-23T06:45:57.223284Z"),
                ("level", "ERROR"),
                ("message", "boom (RuntimeError)\nx.rb:1:in `f'"),
                ("process.pid", "9537"),
                ("log.logger", "billing"),
                ("exception.type", "RuntimeError"),
                ("exception.message", "boom"),
                ("exception.stacktrace", "boom (RuntimeError)\nx.rb:1:in `f'"),
            ],
        );
        check(
            &LAYOUT,
            "I, [2026-11-23T06:45:57.223231 #9537]  INFO -- : Completed 200 OK (Fast)",
            &[
                ("time", "2026-11-23T06:45:57.223231Z"),
                ("level", "INFO"),
                ("message", "Completed 200 OK (Fast)"),
                ("process.pid", "9537"),
            ],
        );
        check(
            &LAYOUT,
            "A, [2026-11-23T06:45:57.223284 #9537]   ANY -- : [4bf92f35-77b3-4da6-a3ce-929d0e0e4736] GET /",
            &[
                ("time", "2026-11-23T06:45:57.223284Z"),
                ("message", "GET /"),
                ("process.pid", "9537"),
                ("request_id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "I, [robot] am");
        refuse(&LAYOUT, "I/ActivityManager( 585): Starting activity");
        refuse(&LAYOUT, "Index, [2026-11-23T06:45:57.223284 #9537]  INFO -- : x");
    }
}
