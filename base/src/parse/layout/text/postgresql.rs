//! PostgreSQL's log on stderr: `2025-08-13 01:45:01.123 PDT [12345] LOG:  message`, also with more in
//! `log_line_prefix` (`[12345-1] user@db LOG:  `, `user=u,db=d,app=a,client=c LOG:  `) and as Amazon's RDS
//! has it (`2025-08-13 01:45:01 UTC:10.0.0.1(5432):user@db:[123]:LOG:  `).
//! <https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-LOG-LINE-PREFIX>
//!
//! `DETAIL`, `HINT`, `STATEMENT` and the like are records of their own; what they are stays in the message.

use super::{Reading, TextLayout};
use crate::parse::Severity;
use crate::time::Stamp;
use memchr::memchr2_iter;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "postgresql", number: 159, begins: |byte| byte.is_ascii_digit(), read };

/// What stands before the level.
const PREFIX_BYTES_MAX: usize = 512;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    if text.as_bytes().get(10) != Some(&b' ') {
        return None;
    }
    let colon = level_end(text)?;
    let level_at = text[..colon].rfind([' ', ':'])? + 1;
    let level = &text[level_at..colon];
    take_level(level, reading)?;
    let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
    process(text.get(used..level_at)?, reading)?;
    let is_part = reading.level.is_none() && level != "LOG" && !level.starts_with("DEBUG");
    let message = &text[if is_part { level_at } else { colon + 3 }..];
    reading.time = Some(stamp);
    reading.message = message.trim_end_matches(['\r', '\n']).into();
    Some(())
}

/// Where the level's colon is: two blanks follow it.
fn level_end(text: &str) -> Option<usize> {
    let head = &text.as_bytes()[..text.len().min(PREFIX_BYTES_MAX)];
    let mut colons = memchr2_iter(b':', b'\n', head).take_while(|&at| head[at] == b':');
    colons.find(|&at| text.as_bytes()[at + 1..].starts_with(b"  "))
}

/// <https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS>
fn take_level<'a>(level: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    match level {
        "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "INFO" => reading.level = Some(level),
        "DEBUG1" | "DEBUG2" | "DEBUG3" | "DEBUG4" | "DEBUG5" => reading.severity = Some(Severity(5)),
        "LOG" | "STATEMENT" | "DETAIL" | "HINT" | "CONTEXT" | "QUERY" | "LOCATION" | "BACKTRACE" => {
            reading.severity = Some(Severity(9));
        }
        _ => return None,
    }
    Some(())
}

/// The process in brackets, which every such prefix has, and the words around it.
fn process<'a>(prefix: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (before, rest) = prefix.split_once('[')?;
    let (process, after) = rest.split_once(']')?;
    let (pid, line) = process.split_once('-').unwrap_or((process, ""));
    if pid.is_empty() || !process.bytes().all(|b| b.is_ascii_digit() || b == b'-') {
        return None;
    }
    reading.field("process.pid", pid);
    reading.field("postgresql.line", line);
    for word in after.split([' ', ',']).chain(before.split(':')) {
        context(word, reading);
    }
    Some(())
}

/// `user@db`, `user=u`, `db=d`, `app=a`, `client=c`, `10.0.0.1(5432)`.
fn context<'a>(word: &'a str, reading: &mut Reading<'a>) {
    let (key, value) = word.split_once('=').unwrap_or(("", word));
    match key {
        "user" => reading.field("user.id", value),
        "db" => reading.field("db.namespace", value),
        "app" => reading.field("application_name", value),
        "client" | "host" => reading.field("client.address", value),
        "" => match (word.split_once('@'), word.split_once('(')) {
            (Some((user, namespace)), _) => {
                reading.field("user.id", user);
                reading.field("db.namespace", namespace);
            }
            (None, Some((address, port))) => {
                reading.field("client.address", address);
                reading.field("client.port", port.trim_end_matches(')'));
            }
            (None, None) => {}
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "2025-08-13 01:45:01.123 PDT [12345] LOG:  starting PostgreSQL 15.4:  on x86_64\n",
            &[
                ("time", "2025-08-13T08:45:01.123Z"),
                ("level", "INFO"),
                ("message", "starting PostgreSQL 15.4:  on x86_64"),
                ("process.pid", "12345"),
            ],
        );
        check(
            &LAYOUT,
            "2025-08-13 01:46:12.212 UTC [12389-1] app@shop ERROR:  relation \"t\" does not exist at character 15\n\tmore",
            &[
                ("time", "2025-08-13T01:46:12.212Z"),
                ("level", "ERROR"),
                ("message", "relation \"t\" does not exist at character 15\n\tmore"),
                ("process.pid", "12389"),
                ("postgresql.line", "1"),
                ("user.id", "app"),
                ("db.namespace", "shop"),
            ],
        );
        check(
            &LAYOUT,
            "2025-08-13 01:46:12 UTC:10.0.0.1(5432):app@shop:[123]:STATEMENT:  SELECT 1",
            &[
                ("time", "2025-08-13T01:46:12Z"),
                ("level", "INFO"),
                ("message", "STATEMENT:  SELECT 1"),
                ("process.pid", "123"),
                ("client.address", "10.0.0.1"),
                ("client.port", "5432"),
                ("user.id", "app"),
                ("db.namespace", "shop"),
            ],
        );
        check(
            &LAYOUT,
            "2025-08-13 01:46:12 UTC [9]: [1-1] user=u,db=d,app=psql,client=10.0.0.1 DEBUG2:  x",
            &[
                ("time", "2025-08-13T01:46:12Z"),
                ("level", "DEBUG"),
                ("message", "x"),
                ("process.pid", "9"),
                ("user.id", "u"),
                ("db.namespace", "d"),
                ("application_name", "psql"),
                ("client.address", "10.0.0.1"),
            ],
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "2026-11-23 06:46:24,114 INFO  [main] c.a.App - user logged in",
            "2026-11-23 06:46:24,114 [12] ERROR: one blank",
            "2026-11-23 06:46:24,114 [main] ERROR:  a thread",
            "2026-11-23 06:46:24,114 [12] Thing:  x",
            "2026-11-23 06:46:24,114 ERROR:  x",
            "2026-11-23 06:46:24,114 x\n [12] ERROR:  x",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
