//! The error log of MySQL and MariaDB.
//! 8.0: `2020-08-06T14:25:02.835618Z 0 [Note] [MY-012487] [InnoDB] message`
//! 5.7, MariaDB: `2020-08-06 14:25:02 140735 [Warning] message`; before: `200806 14:25:02 [ERROR] message`
//! <https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html>

use super::{Reading, TextLayout, scan};
use crate::parse::Severity;
use crate::time::Stamp;
use memchr::memchr;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "mysql-error", number: 160, begins: |byte| byte.is_ascii_digit(), read };

const ERROR: Severity = Severity(17);
/// A time and the number of a thread.
const HEAD_BYTES_MAX: usize = 64;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    // The level first: to read a time takes longer.
    let bracket = memchr(b'[', &text.as_bytes()[..text.len().min(HEAD_BYTES_MAX)])?;
    let (level, mut rest) = scan::bracketed(&text[bracket..])?;
    let severity = severity_of(level)?;
    let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
    let thread = text.get(used..bracket)?.strip_prefix(' ')?.trim_ascii();
    // `ERROR` is written so by others too, but not behind a number or six digits of a date.
    let is_ours = !thread.is_empty() || severity != ERROR || text.as_bytes().get(6) == Some(&b' ');
    if !is_ours || !thread.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    reading.severity = Some(severity);
    reading.time = Some(stamp);
    reading.field("thread.id", thread);
    if let Some((code, behind)) =
        scan::bracketed(rest.trim_ascii_start()).filter(|(code, _)| code.starts_with("MY-"))
    {
        reading.field("db.response.status_code", code);
        rest = behind;
        if let Some((subsystem, behind)) = scan::bracketed(rest.trim_ascii_start()) {
            reading.field("log.logger", subsystem);
            rest = behind;
        }
    }
    reading.message = rest.strip_prefix(' ').unwrap_or(rest).trim_end_matches(['\r', '\n']).into();
    Some(())
}

fn severity_of(level: &str) -> Option<Severity> {
    match level {
        "Note" | "System" => Some(Severity(9)),
        "Warning" => Some(Severity::WARN),
        "ERROR" | "Error" => Some(ERROR),
        _ => None,
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
            "2020-08-06T14:25:02.936146Z 5 [Warning] [MY-010068] [Server] CA certificate is self signed.\n",
            &[
                ("time", "2020-08-06T14:25:02.936146Z"),
                ("level", "WARN"),
                ("message", "CA certificate is self signed."),
                ("thread.id", "5"),
                ("db.response.status_code", "MY-010068"),
                ("log.logger", "Server"),
            ],
        );
        check(
            &LAYOUT,
            "2020-08-06 14:25:02 140735 [ERROR] InnoDB: [x] failed",
            &[
                ("time", "2020-08-06T14:25:02Z"),
                ("level", "ERROR"),
                ("message", "InnoDB: [x] failed"),
                ("thread.id", "140735"),
            ],
        );
        check(
            &LAYOUT,
            "200806 14:25:02 [Note] Event Scheduler: Loaded 0 events",
            &[
                ("time", "2020-08-06T14:25:02Z"),
                ("level", "INFO"),
                ("message", "Event Scheduler: Loaded 0 events"),
            ],
        );
        refuse(&LAYOUT, "2026-11-23 06:45:49 [ERROR] app - user logged in");
        refuse(&LAYOUT, "2026-11-23 06:45:49 12 [main] app - user logged in");
        refuse(&LAYOUT, "2026-11-23 06:45:49 INFO user logged in");
    }
}
