//! Python's `logging` with the formats of its documentation, of OpenTelemetry, and of frameworks that set
//! their own (Flask, Scrapy, Celery, Airflow).
//!
//! ```text
//! INFO:app.db:connected
//! 2026-11-23 06:45:52,007 INFO app.db connected
//! 2026-11-23 06:45:52,007 INFO [MainThread] app.db: connected
//! 2026-11-23 06:45:52,007 INFO [app.db] [db.py:10] [trace_id=.. resource.service.name=.. ] - connected
//! 2026-11-23 06:45:52,007 - app.db - INFO - connected
//! 2026-11-23 06:45:52,007 [INFO] app.db: connected
//! 2026-11-23 06:45:52,007:INFO:app.db:connected
//! 2026-11-23 06:45:52 [scrapy.core.engine] INFO: connected
//! [2026-11-23 06:45:52,007] INFO in db: connected
//! [2026-11-23 06:45:52,007: INFO/MainProcess] connected
//! [2026-11-23T06:45:52.007+0000] {db.py:10} INFO - connected
//! ```
//!
//! A comma before the milliseconds is Python's default and Java's: behind such a time and a level anything
//! is a message, so this comes after the layouts of Java's loggers.

use super::cursor::{Cursor, add_place, is_module, is_name, is_place, split_place};
use super::glance::behind_time;
use super::key_values::{is_pairs, pairs};
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "python-logging",
    number: 109,
    begins: |byte| byte.is_ascii_digit() || matches!(byte, b'[' | b'I' | b'D' | b'W' | b'E' | b'C'),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let read = match (text.strip_prefix('['), text.as_bytes().first()) {
        (Some(inner), _) => match behind_time(inner) {
            Some([b']' | b':', b' ', ..]) => time_in_brackets(Cursor::new(inner), reading),
            _ => None,
        },
        (None, Some(b'0'..=b'9')) => match behind_time(text) {
            Some([b':', b'A'..=b'Z', ..] | [b' ', b' ' | b'-' | b'|' | b'[' | b'A'..=b'Z', ..]) => {
                time_first(Cursor::new(text), reading)
            }
            _ => None,
        },
        _ => level_first(Cursor::new(text), reading),
    };
    read.is_some()
}

/// Whether Python names its threads so and Java does not.
pub(super) fn is_thread(name: &str) -> bool {
    const PREFIXES: [&str; 3] = ["MainThread", "ThreadPoolExecutor-", "Dummy-"];
    // `Thread-1 (worker)`; Java's have no target.
    let has_target = name.starts_with("Thread-") && name.ends_with(')');
    has_target || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// `INFO:app.db:connected`.
fn level_first<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    const LEVELS: [&str; 5] = ["INFO", "DEBUG", "WARNING", "ERROR", "CRITICAL"];
    let level = cursor.until(":").filter(|level| LEVELS.contains(level))?;
    let name = cursor.until(":").filter(|name| is_name(name))?;
    reading.level_named(level);
    reading.field("log.logger", name);
    reading.message = cursor.rest().into();
    Some(())
}

fn time_first<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let has_comma = is_comma_time(cursor);
    reading.time = Some(cursor.time()?);
    if cursor.skip(":").is_some() {
        return between_colons(cursor, reading);
    }
    cursor.blanks()?;
    match cursor.peek()? {
        b'-' => between("- ", " - ", is_module, cursor, reading),
        b'|' => between("| ", " | ", is_name, cursor, reading),
        b'[' => bracket_first(cursor, reading),
        _ => level_behind_time(cursor, has_comma, reading),
    }
}

/// `2026-11-23 06:45:52,007`: behind it and a level anything is a message.
fn is_comma_time(cursor: Cursor<'_>) -> bool {
    const COMMA_AT: usize = 19;
    cursor.rest().as_bytes().get(COMMA_AT) == Some(&b',')
}

/// `2026-11-23 06:45:52,007] INFO in db: connected`, and what else follows a bracket and a time.
fn time_in_brackets<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let has_comma = is_comma_time(cursor);
    reading.time = Some(cursor.time()?);
    if cursor.skip(": ").is_some() {
        let (level, process) = cursor.until("] ")?.split_once('/')?;
        reading.field("process.name", process);
        return message_at_level(level, cursor, reading);
    }
    cursor.skip("] ")?;
    match cursor.peek()? {
        b'{' => {
            add_place(cursor.skip("{").and_then(|()| cursor.until("} "))?, reading);
            let level = cursor.until(" - ")?;
            message_at_level(level, cursor, reading)
        }
        b'[' => bracket_first(cursor, reading),
        _ => level_behind_time(cursor, has_comma, reading),
    }
}

/// `INFO: connected`, `INFO in db: connected`, `INFO app.db: connected`.
fn level_behind_time<'a>(mut cursor: Cursor<'a>, has_comma: bool, reading: &mut Reading<'a>) -> Option<()> {
    let word = cursor.word()?;
    cursor.blanks()?;
    if let Some(level) = word.strip_suffix(':') {
        return message_at_level(level, cursor, reading);
    }
    upper_level(word, reading)?;
    if cursor.skip("in ").is_some() {
        reading.field("log.logger", cursor.logger()?);
        reading.message = cursor.rest().into();
        return Some(());
    }
    let fields = reading.fields.len();
    if let Some(behind) = origin(cursor, reading) {
        cursor = behind;
    } else {
        reading.fields.truncate(fields);
        has_comma.then_some(())?;
        let mut ahead = cursor;
        if let Some(name) = ahead.word().filter(|name| is_module(name) && ahead.skip(" ").is_some()) {
            reading.field("log.logger", name);
            cursor = ahead;
        }
    }
    reading.message = cursor.rest().into();
    Some(())
}

/// `[app.db] [db.py:10] [trace_id=..] - `, `[MainThread] app.db: `, `[app.db:10] `, `app.db: `, `- `.
fn origin<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<Cursor<'a>> {
    let (mut name, mut has_place) = ("", false);
    while cursor.peek() == Some(b'[') {
        let inner = cursor.bracketed()?;
        cursor.blanks();
        if is_pairs(inner) {
            pairs(inner, |key, value| reading.field(key.strip_prefix("resource.").unwrap_or(key), value));
        } else if let Some((file_or_logger, line)) = split_place(inner) {
            let path = if file_or_logger.ends_with(".py") { "code.file.path" } else { "log.logger" };
            reading.field(path, file_or_logger);
            reading.field("code.line.number", line);
            has_place = true;
        } else if name.is_empty() {
            name = inner;
        } else {
            return None;
        }
    }
    if cursor.skip("- ").is_some() {
        reading.field(if is_thread(name) { "thread.name" } else { "log.logger" }, name);
        return Some(cursor);
    }
    match cursor.logger() {
        // `ERROR ValueError: no number` has no logger.
        Some(logger) if name.is_empty() && logger.starts_with(|c: char| c.is_ascii_uppercase()) => None,
        Some(logger) => {
            reading.field("thread.name", name);
            reading.field("log.logger", logger);
            Some(cursor)
        }
        None => (has_place && name.is_empty()).then_some(cursor),
    }
}

/// `[INFO] app.db: connected`, `[7] [INFO] connected`, `[scrapy.core.engine] INFO: connected`.
fn bracket_first<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let mut inner = cursor.bracketed()?;
    cursor.blanks()?;
    if cursor.peek()? == b'[' && inner.bytes().all(|byte| byte.is_ascii_digit()) {
        reading.field("process.pid", inner);
        inner = cursor.bracketed()?;
        cursor.blanks()?;
    }
    if upper_level(inner, reading).is_some() {
        let fields = reading.fields.len();
        match origin(cursor, reading) {
            Some(behind) => cursor = behind,
            None => reading.fields.truncate(fields),
        }
        reading.message = cursor.rest().into();
        return Some(());
    }
    let level = cursor.word()?.strip_suffix(':')?;
    cursor.blanks()?;
    reading.field("log.logger", Some(inner).filter(|name| is_name(name))?);
    message_at_level(level, cursor, reading)
}

/// `- app.db - INFO - connected` or `- INFO - app.db - connected`, where no name need be; a name behind the
/// level is one that `is_logger` knows.
fn between<'a>(
    opening: &str,
    separator: &str,
    is_logger: fn(&str) -> bool,
    mut cursor: Cursor<'a>,
    reading: &mut Reading<'a>,
) -> Option<()> {
    cursor.skip(opening)?;
    let first = cursor.until(separator)?.trim_ascii();
    if upper_level(first, reading).is_some() {
        let mut ahead = cursor;
        let name = ahead.until(separator).map(str::trim_ascii);
        if let Some(name) = name.filter(|name| is_logger(name) && !is_place(name)) {
            reading.field("log.logger", name);
            cursor = ahead;
        }
    } else {
        reading.field("log.logger", Some(first).filter(|name| is_name(name))?);
        upper_level(cursor.until(separator)?.trim_ascii(), reading)?;
    }
    if let Some(place) = cursor.place(separator) {
        add_place(place, reading);
    }
    reading.message = cursor.rest().into();
    Some(())
}

/// `INFO:app.db:connected`, `INFO:connected`.
fn between_colons<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let level = cursor.until(":")?;
    let mut ahead = cursor;
    if let Some(name) = ahead.until(":").filter(|name| is_name(name) && !ahead.is_at(" ")) {
        reading.field("log.logger", name);
        cursor = ahead;
    }
    message_at_level(level, cursor, reading)
}

fn message_at_level<'a>(level: &'a str, cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    reading.message = cursor.rest().into();
    upper_level(level, reading)
}

/// Python's levels are in capitals, of four letters or more.
fn upper_level<'a>(level: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let is_upper = level.len() >= 4 && level.bytes().all(|byte| byte.is_ascii_uppercase());
    (is_upper && reading.level_named(level)).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    const TIME: (&str, &str) = ("time", "2026-11-23T06:45:52.007Z");
    const INFO: (&str, &str) = ("level", "INFO");

    #[test]
    fn without_a_time() {
        check(&LAYOUT, "INFO:d:user logged in", &[INFO, ("message", "user logged in"), ("log.logger", "d")]);
        check(
            &LAYOUT,
            "ERROR:app.db:request failed\nTraceback (most recent call last):",
            &[
                ("level", "ERROR"),
                ("message", "request failed\nTraceback (most recent call last):"),
                ("log.logger", "app.db"),
            ],
        );
        refuse(&LAYOUT, "INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK");
        refuse(&LAYOUT, "INFO: user: logged in");
        refuse(&LAYOUT, "Index: a: b");
    }

    #[test]
    fn time_and_level() {
        let check = |text: &str, message: &str, logger: &str| {
            let mut expected = vec![TIME, INFO, ("message", message)];
            expected.extend((!logger.is_empty()).then_some(("log.logger", logger)));
            check(&LAYOUT, text, &expected);
        };
        check("2026-11-23 06:45:52,007 INFO d2 user logged in", "user logged in", "d2");
        check("2026-11-23 06:45:52,007 INFO user logged in", "user logged in", "");
        check("2026-11-23 06:45:52,007 INFO     app.db: connected: yes", "connected: yes", "app.db");
        check("2026-11-23 06:45:52,007 INFO ValueError: none", "ValueError: none", "");
        check("2026-11-23 06:45:52,007 INFO [x] up", "[x] up", "");
        check("2026-11-23 06:45:52,007 INFO [x[ up", "[x[ up", "");
        check("2026-11-23 06:45:52,007 INFO: up", "up", "");
        check("2026-11-23 06:45:52,007 - app - INFO - up - and running", "up - and running", "app");
        check("2026-11-23 06:45:52,007 - INFO - app.db - up", "up", "app.db");
        check("2026-11-23 06:45:52,007 - INFO - up - and running", "up - and running", "");
        check("2026-11-23 06:45:52,007 | INFO     | app | up", "up", "app");
        check("2026-11-23 06:45:52,007:INFO:app:up", "up", "app");
        check("2026-11-23 06:45:52,007:INFO:foo bar baz", "foo bar baz", "");
        check("2026-11-23 06:45:52,007:INFO:note: up", "note: up", "");
        check("2026-11-23 06:45:52,007 [INFO] app: up", "up", "app");
        check("2026-11-23 06:45:52,007 [INFO] user logged in", "user logged in", "");
        check("2026-11-23 06:45:52.007 [scrapy.core.engine] INFO: up", "up", "scrapy.core.engine");
    }

    #[test]
    fn threads_and_places() {
        check(
            &LAYOUT,
            "2026-11-23 06:45:52,007 INFO [MainThread] plain: GET /cart/0 200",
            &[
                TIME,
                INFO,
                ("message", "GET /cart/0 200"),
                ("thread.name", "MainThread"),
                ("log.logger", "plain"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 06:45:52,007 - app - INFO - db.py:10 - up",
            &[
                TIME,
                INFO,
                ("message", "up"),
                ("log.logger", "app"),
                ("code.file.path", "db.py"),
                ("code.line.number", "10"),
            ],
        );
    }

    #[test]
    fn the_format_of_opentelemetry() {
        check(
            &LAYOUT,
            "2026-11-23 06:45:53,105 ERROR [y] [o.py:10] [trace_id=e753743b8f623481eb52fa3b5f8c8d0f \
             span_id=91def77c98c038b1 resource.service.name=unknown_service:python trace_sampled=True] \
             - text with otel",
            &[
                ("time", "2026-11-23T06:45:53.105Z"),
                ("level", "ERROR"),
                ("message", "text with otel"),
                ("code.file.path", "o.py"),
                ("code.line.number", "10"),
                ("trace_id", "e753743b8f623481eb52fa3b5f8c8d0f"),
                ("span_id", "91def77c98c038b1"),
                ("service.name", "unknown_service:python"),
                ("trace_sampled", "True"),
                ("log.logger", "y"),
            ],
        );
    }

    #[test]
    fn the_time_in_brackets() {
        check(
            &LAYOUT,
            "[2026-11-23 06:45:52,007] INFO in db: up",
            &[TIME, INFO, ("message", "up"), ("log.logger", "db")],
        );
        check(
            &LAYOUT,
            "[2020-12-10 06:56:41,092] DEBUG [connect.client:69] Full request text:\n<?xml version='1.0'?>",
            &[
                ("time", "2020-12-10T06:56:41.092Z"),
                ("level", "DEBUG"),
                ("message", "Full request text:\n<?xml version='1.0'?>"),
                ("log.logger", "connect.client"),
                ("code.line.number", "69"),
            ],
        );
        check(
            &LAYOUT,
            "[2026-11-23 06:45:52,007: WARNING/ForkPoolWorker-1] slow",
            &[TIME, ("level", "WARN"), ("message", "slow"), ("process.name", "ForkPoolWorker-1")],
        );
        check(
            &LAYOUT,
            "[2026-11-23T06:45:52.007+0000] {taskinstance.py:10} INFO - up",
            &[
                TIME,
                INFO,
                ("message", "up"),
                ("code.file.path", "taskinstance.py"),
                ("code.line.number", "10"),
            ],
        );
        check(
            &LAYOUT,
            "[2026-11-23 06:45:52 +0000] [7] [INFO] Listening at: http://0.0.0.0:80",
            &[
                ("time", "2026-11-23T06:45:52Z"),
                INFO,
                ("message", "Listening at: http://0.0.0.0:80"),
                ("process.pid", "7"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23T06:45:53Z  INFO work{req_id=\"r1\"}: lg: user logged in");
        refuse(&LAYOUT, "2026-11-23 06:45:52 [info     ] user logged in                 user_id=u1");
        refuse(&LAYOUT, "2025-08-13 01:45:01.123 PDT [12345] LOG:  starting PostgreSQL 15.4");
        refuse(&LAYOUT, "2020-08-06T14:25:02.835618Z 0 [Note] [MY-012487] [InnoDB] DDL log recovery : begin");
        refuse(&LAYOUT, "2026-11-23T06:53:19.806Z info: plain");
        refuse(&LAYOUT, "[2026-11-23T06:45:57.034552+00:00] app.INFO: user logged in");
        refuse(&LAYOUT, "[23-Nov-2026 06:45:57 UTC] PHP Warning:  x");
        refuse(&LAYOUT, "[req-1] user logged in");
    }
}
