//! Logback as it is without configuration, log4j2 likewise, and slf4j-simple (Java): the thread before the
//! level.
//!
//! `06:46:48.228 [main] INFO com.acme.App - user logged in`; with a date as Logback's manual has it; with
//! key-value pairs as Logback 1.3 has them, `App -id="4711"- user logged in`. slf4j-simple has no time:
//! `[main] INFO App - text`.

use super::cursor::{Cursor, is_name};
use super::glance::{behind_time, has};
use super::key_values::pairs;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "logback", number: 105, begins: |byte| byte.is_ascii_digit(), read };

pub(super) const SLF4J_SIMPLE: TextLayout =
    TextLayout { name: "slf4j-simple", number: 125, begins: |byte| byte == b'[', read: read_simple };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let thread = behind_time(text).and_then(|rest| rest.strip_prefix(b" ["));
    let is_so =
        thread.is_some_and(|thread| has(thread, b']', |rest| matches!(rest, [b' ', b'A'..=b'Z', ..])));
    let mut cursor = Cursor::new(text);
    is_so && {
        reading.time = cursor.time();
        reading.time.is_some() && cursor.skip(" ").is_some() && parse(cursor, reading).is_some()
    }
}

fn read_simple<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    // A time in brackets is no thread.
    text.as_bytes().get(1).is_some_and(u8::is_ascii_alphabetic) && parse(Cursor::new(text), reading).is_some()
}

/// `[main] INFO com.acme.App - user logged in`.
fn parse<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    if cursor.peek() != Some(b'[') {
        return None;
    }
    let thread = cursor.bracketed()?;
    cursor.skip(" ")?;
    cursor.level(reading)?;
    cursor.blanks()?;
    reading.field("thread.name", thread);
    let logger = cursor.logger().or_else(|| logger_and_pairs(&mut cursor, reading))?;
    reading.field("log.logger", logger);
    reading.message = cursor.rest().into();
    Some(())
}

/// `com.acme.App -id="4711" n="1"- `.
fn logger_and_pairs<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<&'a str> {
    let mut ahead = *cursor;
    let logger = ahead.until(" -").filter(|logger| is_name(logger))?;
    let found = ahead.until("\"- ")?;
    pairs(found, |key, value| reading.field(key, value.strip_prefix('"').unwrap_or(value)));
    *cursor = ahead;
    Some(logger)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "06:46:48.228 [main] INFO com.acme.App - user logged in",
            &[
                ("time", "2026-11-23T06:46:48.228Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("thread.name", "main"),
                ("log.logger", "com.acme.App"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 06:46:48.228 [pool-1-thread-2] WARN  c.a.App -- slow\n\tat B.main(B.java:2)",
            &[
                ("time", "2026-11-23T06:46:48.228Z"),
                ("level", "WARN"),
                ("message", "slow\n\tat B.main(B.java:2)"),
                ("thread.name", "pool-1-thread-2"),
                ("log.logger", "c.a.App"),
            ],
        );
        check(
            &LAYOUT,
            "06:46:48.228 [main] INFO c.a.App -order=\"4711\" user=\"u 1\"- paid",
            &[
                ("time", "2026-11-23T06:46:48.228Z"),
                ("level", "INFO"),
                ("message", "paid"),
                ("thread.name", "main"),
                ("order", "4711"),
                ("user", "u 1"),
                ("log.logger", "c.a.App"),
            ],
        );
    }

    #[test]
    fn without_a_time() {
        check(
            &SLF4J_SIMPLE,
            "[main] INFO com.acme.App - user logged in",
            &[
                ("level", "INFO"),
                ("message", "user logged in"),
                ("thread.name", "main"),
                ("log.logger", "com.acme.App"),
            ],
        );
        refuse(&SLF4J_SIMPLE, "[2026-11-23T06:45:49.489] [INFO] app - user logged in");
        refuse(&SLF4J_SIMPLE, "[2026-11-23 06:45:52,007] INFO app: up");
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:46:24,114 INFO  [main] c.a.App - user logged in");
        refuse(&LAYOUT, "2026-11-23 06:45:52 [scrapy.core.engine] INFO: Spider opened");
        refuse(&LAYOUT, "2025-08-13 01:45:01.123 PDT [12345] LOG:  starting PostgreSQL 15.4");
        refuse(&LAYOUT, "2026-11-23T06:45:56.966Z [INFO]  app: user logged in");
    }
}
