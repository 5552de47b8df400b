//! Syslog as rsyslog and systemd write it to files now:
//! `2026-11-23T06:46:39.328123+01:00 host tag[pid]: message`.
//! <https://www.rsyslog.com/doc/configuration/templates.html#reserved-template-names> (RSYSLOG_FileFormat)
//!
//! Many layouts begin with such a time. It is this one when a host and a tag follow, and either the tag has a
//! process or the time an offset in digits, which these two write and most loggers do not.

use super::syslog::{self, is_level, take_tag};
use super::{Reading, TextLayout, scan};
use crate::time::Stamp;
use memchr::memchr;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "syslog-file", number: 152, begins: |byte| byte.is_ascii_digit(), read };

/// `2026-11-23T06:46:39.123456789+01:00` and the blank behind it.
const TIME_BYTES_MAX: usize = 36;
/// `2026-11-23T06:46:39`.
const DATE_AND_TIME_BYTES: usize = 19;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let head = &text.as_bytes()[..text.len().min(TIME_BYTES_MAX)];
    if head.get(10) != Some(&b'T') {
        return None;
    }
    let blank = memchr(b' ', head)?;
    let (host, rest) = scan::word(&text[blank + 1..])?;
    let is_host = host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':'));
    if !is_host || host.ends_with(':') || is_level(host) {
        return None;
    }
    let tag = syslog::tag(rest).filter(|tag| !is_level(tag.program))?;
    let has_process = tag.pid.bytes().next().is_some_and(|b| b.is_ascii_digit());
    let has_offset = head[..blank].iter().skip(DATE_AND_TIME_BYTES).any(|b| matches!(b, b'+' | b'-'));
    if !has_offset && !has_process {
        return None;
    }
    reading.time = Some(Stamp::parse(&text[..blank])?);
    reading.field("host.name", host);
    take_tag(&tag, reading);
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
            "2026-11-23T06:46:39.328123+01:00 vm sshd[24200]: Invalid user webmaster from 10.0.0.1",
            &[
                ("time", "2026-11-23T05:46:39.328123Z"),
                ("message", "Invalid user webmaster from 10.0.0.1"),
                ("host.name", "vm"),
                ("service.name", "sshd"),
                ("process.pid", "24200"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:46:39+0100 vm systemd: Started it.",
            &[
                ("time", "2026-11-23T05:46:39Z"),
                ("message", "Started it."),
                ("host.name", "vm"),
                ("service.name", "systemd"),
            ],
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "2026-11-23T06:45:53.317581Z  INFO work{req_id=\"r1\"}: lg: user logged in",
            "2026-11-23T06:45:56.966Z [INFO]  app: user logged in",
            "2026-11-23T06:45:53Z INFO lg: user logged in",
            "2026-11-23T06:45:53+01:00 ERROR main[1]: failed",
            "2026-11-23T06:53:19.806Z info: plain",
            "2026-11-23T06:53:19.806Z main worker: plain",
            "2022-06-02T11:58:12.193Z info vpxd[45715] [Originator@6876 sub=vpxLro] x",
            "2026-11-23T06:53:19.806+01:00 main info: plain",
            "2026-11-23T06:53:19.806+01:00",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
