//! Structlog's console renderer (Python):
//! `2026-11-23 06:45:52 [info     ] user logged in        [app.db] user_id=u1`. The logger's name, when
//! there is one, and the pairs stand behind the padded event; they are no part of the message.
//!
//! Elixir's Logger looks alike, but has no date: `06:45:53.317 request_id=F7Vi [info] GET /`.

use super::cursor::{Cursor, is_name};
use super::glance::behind_time;
use super::key_values::{is_pairs, pairs};
use super::{Reading, TextLayout};
use std::borrow::Cow;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "structlog", number: 111, begins: |byte| byte.is_ascii_digit(), read };

pub(super) const ELIXIR: TextLayout = TextLayout {
    name: "elixir-logger",
    number: 126,
    begins: |byte| byte.is_ascii_digit(),
    read: read_elixir,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let is_so = text.as_bytes().get(4) == Some(&b'-')
        && matches!(behind_time(text), Some([b' ', b'[', b'a'..=b'z', ..]));
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" [")?;
    level_and_message(cursor, reading)?;
    if let Cow::Borrowed(message) = reading.message {
        cut_event(message, reading);
    }
    Some(())
}

/// Takes off what stands behind the padding of an event; a long event has none, and keeps its pairs.
fn cut_event<'a>(message: &'a str, reading: &mut Reading<'a>) {
    let (line, below) = message.split_at(message.find('\n').unwrap_or(message.len()));
    let Some((event, behind)) = line.split_once("  ") else { return };
    let mut behind = behind.trim_ascii_start();
    let logger = behind.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let logger = logger.filter(|(name, rest)| is_name(name) && (rest.is_empty() || rest.starts_with(' ')));
    if let Some((_, rest)) = logger {
        behind = rest.trim_ascii_start();
    }
    if !behind.is_empty() && !is_pairs(behind) {
        return;
    }
    reading.field("log.logger", logger.map_or("", |(name, _)| name));
    super::pairs::pairs(behind, &mut reading.fields);
    reading.message = if below.is_empty() { event.into() } else { format!("{event}{below}").into() };
}

fn read_elixir<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let is_so = text.as_bytes().get(2) == Some(&b':')
        && matches!(behind_time(text), Some([b' ', b'[' | b'a'..=b'z', b'a'..=b'z', ..]));
    is_so && elixir(text, reading).is_some()
}

fn elixir<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" ")?;
    if cursor.skip("[").is_none() {
        pairs(cursor.until(" [").filter(|metadata| metadata.contains('='))?, |key, value| {
            reading.field(key, value)
        });
    }
    level_and_message(cursor, reading)
}

/// `info     ] user logged in`.
fn level_and_message<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let level = cursor.until("] ")?;
    let level = level.trim_ascii_end();
    let is_lower = level.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_lower && reading.level_named(level)).then_some(())?;
    // Events are padded, with nothing behind them too.
    reading.message = cursor.rest().trim_ascii_end().into();
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
            "2026-11-23 06:45:52 [info     ] user logged in                 user_id=u1",
            &[
                ("time", "2026-11-23T06:45:52Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("user_id", "u1"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:53:18.281477Z [error    ] failed                         [app.db] k=1\nTraceback",
            &[
                ("time", "2026-11-23T06:53:18.281477Z"),
                ("level", "ERROR"),
                ("message", "failed\nTraceback"),
                ("log.logger", "app.db"),
                ("k", "1"),
            ],
        );
        let message = "table:  a b  an event that is longer than thirty k=1";
        check(
            &LAYOUT,
            &format!("2026-11-23 06:45:52 [info     ] {message}"),
            &[("time", "2026-11-23T06:45:52Z"), ("level", "INFO"), ("message", message)],
        );
    }

    #[test]
    fn elixir_has_no_date() {
        check(
            &ELIXIR,
            "06:45:53.317 request_id=F7Vi user_id=4 [info] GET /",
            &[
                ("time", "2026-11-23T06:45:53.317Z"),
                ("level", "INFO"),
                ("message", "GET /"),
                ("request_id", "F7Vi"),
                ("user_id", "4"),
            ],
        );
        check(
            &ELIXIR,
            "06:45:53.317 [notice] up",
            &[("time", "2026-11-23T06:45:53.317Z"), ("level", "INFO"), ("message", "up")],
        );
        refuse(&ELIXIR, "06:46:48.228 [main] INFO com.acme.App - user logged in");
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23T06:45:56.966Z [INFO]  app: user logged in: user_id=u1");
        refuse(&LAYOUT, "2026/11/23 06:30:37 [error] 12#12: *1 open() failed");
        refuse(&LAYOUT, "2026-11-23 06:46:48.228 [main] INFO c.a.App - user logged in");
    }
}
