//! JBoss LogManager (Java): WildFly, Keycloak, Quarkus. The logger in brackets, the thread in parentheses.
//!
//! `2026-11-23 06:46:51,123 INFO  [io.quarkus] (main) shop started`; WildFly has no date on the console.

use super::cursor::Cursor;
use super::glance::{behind_letters, behind_time, has};
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "jboss-logmanager", number: 124, begins: |byte| byte.is_ascii_digit(), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let behind_level = behind_time(text).map(behind_letters);
    let is_so = behind_level
        .is_some_and(|rest| rest.first() == Some(&b'[') && has(rest, b']', |rest| rest.starts_with(b" (")));
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip(" ")?;
    cursor.level(reading)?;
    cursor.blanks()?;
    if cursor.peek() != Some(b'[') {
        return None;
    }
    reading.field("log.logger", cursor.bracketed()?);
    cursor.skip(" (")?;
    reading.field("thread.name", cursor.until(") ")?);
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
            "2026-11-23 06:46:51,123 INFO  [io.quarkus] (main) shop 1.0 (running on Quarkus) started",
            &[
                ("time", "2026-11-23T06:46:51.123Z"),
                ("level", "INFO"),
                ("message", "shop 1.0 (running on Quarkus) started"),
                ("log.logger", "io.quarkus"),
                ("thread.name", "main"),
            ],
        );
        check(
            &LAYOUT,
            "06:46:51,123 WARN  [org.jboss.as.txn] (MSC service thread 1-1) WFLYTX0013: node\n\tat A.b",
            &[
                ("time", "2026-11-23T06:46:51.123Z"),
                ("level", "WARN"),
                ("message", "WFLYTX0013: node\n\tat A.b"),
                ("log.logger", "org.jboss.as.txn"),
                ("thread.name", "MSC service thread 1-1"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:46:24,114 INFO  [main] c.a.App - (user) logged in");
        refuse(&LAYOUT, "2026-11-23 06:46:24,114 [main] INFO c.a.App - (user) logged in");
    }
}
