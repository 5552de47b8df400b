//! Spring Boot's console and file (Java), and what Sleuth and Micrometer Tracing add to it.
//!
//! ```text
//! 2026-11-23T10:15:00.067+02:00  INFO 39599 --- [shop] [main] c.a.App   : started
//! 2026-11-23 10:15:00.067  INFO 39599 --- [           main] c.a.App   : started
//! 2026-11-23 10:15:00.067  INFO [shop,4bf92f3577b34da6,00f067aa0ba902b7] 39599 --- [main] c.a.App : started
//! 2026-11-23T10:15:00.067Z  INFO 39599 --- [shop] [main] [4bf92f3577b34da6-00f067aa0ba902b7] c.a.App : x
//! ```

use super::cursor::Cursor;
use super::glance::has;
use super::{Reading, TextLayout};
use crate::parse::looks_like_id;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "spring-boot", number: 107, begins: |byte| byte.is_ascii_digit(), read };

/// Application, group, thread and ids of the trace.
const BRACKETS_MAX: usize = 4;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    has(text.as_bytes(), b'-', |rest| rest.starts_with(b"-- ")) && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.blanks()?;
    cursor.level(reading)?;
    cursor.blanks()?;
    if cursor.peek() == Some(b'[') {
        sleuth(cursor.bracketed()?, reading);
        cursor.blanks()?;
    }
    if let Some(pid) = cursor.number() {
        reading.field("process.pid", pid);
        cursor.blanks()?;
    }
    cursor.skip("--- ")?;
    brackets(&mut cursor, reading)?;
    reading.field("log.logger", cursor.logger()?);
    reading.message = cursor.rest().into();
    Some(())
}

/// `shop,4bf92f3577b34da6,00f067aa0ba902b7,true`; what is not known is left empty.
fn sleuth<'a>(inner: &'a str, reading: &mut Reading<'a>) {
    let paths = ["service.name", "trace_id", "span_id"];
    paths.into_iter().zip(inner.split(',')).for_each(|(path, value)| reading.field(path, value.trim_ascii()));
}

/// `[shop] [main] [trace-span] `: the last that is not ids is the thread, one before it is the application.
fn brackets<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let mut names = [""; BRACKETS_MAX];
    let mut count = 0;
    while cursor.peek() == Some(b'[') {
        let inner = cursor.bracketed()?;
        cursor.blanks()?;
        match inner.split_once('-') {
            Some((trace, span)) if looks_like_id(trace) && looks_like_id(span) => {
                reading.field("trace_id", trace);
                reading.field("span_id", span);
            }
            // Outside of a trace the bracket for its ids is there, and blank.
            _ if inner.is_empty() => {}
            _ => {
                *names.get_mut(count)? = inner;
                count += 1;
            }
        }
    }
    match names[..count] {
        [] => {}
        [thread] => reading.field("thread.name", thread),
        [application, .., thread] => {
            reading.field("service.name", application);
            reading.field("thread.name", thread);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    const TIME: (&str, &str) = ("time", "2026-11-23T10:15:00.067Z");

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "2026-11-23T12:15:00.067+02:00  INFO 39599 --- [shop] [     main] c.a.App   : started: now",
            &[
                TIME,
                ("level", "INFO"),
                ("message", "started: now"),
                ("process.pid", "39599"),
                ("service.name", "shop"),
                ("thread.name", "main"),
                ("log.logger", "c.a.App"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 10:15:00.067 ERROR 1 --- [nio-8080-exec-1] \
             o.a.c.c.C.[.[.[/].[dispatcherServlet]    : no\n\tat",
            &[
                TIME,
                ("level", "ERROR"),
                ("message", "no\n\tat"),
                ("process.pid", "1"),
                ("thread.name", "nio-8080-exec-1"),
                ("log.logger", "o.a.c.c.C.[.[.[/].[dispatcherServlet]"),
            ],
        );
    }

    #[test]
    fn ids_of_the_trace() {
        check(
            &LAYOUT,
            "2026-11-23 10:15:00.067  INFO [shop,4bf92f3577b34da6,00f067aa0ba902b7] \
             7 --- [main] c.a.App : up",
            &[
                TIME,
                ("level", "INFO"),
                ("message", "up"),
                ("service.name", "shop"),
                ("trace_id", "4bf92f3577b34da6"),
                ("span_id", "00f067aa0ba902b7"),
                ("process.pid", "7"),
                ("thread.name", "main"),
                ("log.logger", "c.a.App"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T10:15:00.067Z  WARN 7 --- [shop] [group] [main] \
             [4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7] c.a.App : up",
            &[
                TIME,
                ("level", "WARN"),
                ("message", "up"),
                ("process.pid", "7"),
                ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
                ("span_id", "00f067aa0ba902b7"),
                ("service.name", "shop"),
                ("thread.name", "main"),
                ("log.logger", "c.a.App"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T10:15:00.067Z  INFO [shop,,] --- [main] [      ] c.a.App : up",
            &[
                TIME,
                ("level", "INFO"),
                ("message", "up"),
                ("service.name", "shop"),
                ("thread.name", "main"),
                ("log.logger", "c.a.App"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:46:24,114 INFO  [main] c.a.App - user logged in");
        refuse(&LAYOUT, "2026-11-23T06:45:53.317581Z  INFO work: lg: user logged in");
    }
}
