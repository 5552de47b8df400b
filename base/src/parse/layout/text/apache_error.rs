//! Apache httpd's error log.
//! 2.2: `[Sun Dec 04 04:47:44 2005] [error] [client 10.0.0.1] message`
//! 2.4: `[Thu Jun 22 11:55:01.123456 2023] [core:error] [pid 35708:tid 43286] [client 10.0.0.1:1] message`
//! <https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat>

use super::{Reading, TextLayout, leading_time, scan};
use crate::parse::Severity;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "apache-error", number: 157, begins: |byte| byte == b'[', read };

/// Brackets behind the level: a process, a client.
const BRACKETS_MAX: usize = 2;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    // A weekday.
    let head = text.as_bytes().get(..5)?;
    if !head[1].is_ascii_uppercase() || head[4] != b' ' {
        return None;
    }
    let (stamp, rest) = leading_time(text)?;
    let (level, mut rest) = scan::bracketed(rest.strip_prefix(' ')?)?;
    let (module, level) = level.split_once(':').unwrap_or(("", level));
    if !reading.level_named(level) {
        reading.severity = Some(traced(level)?);
    }
    reading.time = Some(stamp);
    reading.field("log.logger", module);
    for _ in 0..BRACKETS_MAX {
        let part = scan::bracketed(rest.trim_ascii_start());
        let Some(((name, value), behind)) = part.and_then(|(part, rest)| Some((part.split_once(' ')?, rest)))
        else {
            break;
        };
        match name {
            "pid" => process(value, reading),
            "client" => client(value, reading),
            _ => break,
        }
        rest = behind;
    }
    let message = rest.strip_prefix(' ').unwrap_or(rest).trim_end_matches(['\r', '\n']);
    let (line, _) = scan::first_line(message);
    if let Some((_, referer)) = scan::rsplit(line, ", referer: ") {
        reading.field("http.request.header.referer", referer);
    }
    reading.message = message.into();
    Some(())
}

/// `trace1` to `trace8`.
fn traced(level: &str) -> Option<Severity> {
    let depth = level.strip_prefix("trace")?;
    matches!(depth.as_bytes(), [b'1'..=b'8']).then_some(Severity(1))
}

fn process<'a>(value: &'a str, reading: &mut Reading<'a>) {
    let (process, thread) = scan::split(value, ":tid ").unwrap_or((value, ""));
    reading.field("process.pid", process);
    reading.field("thread.id", thread);
}

/// An address, since 2.4 with its port; one of IPv6 alone has more than one colon.
fn client<'a>(value: &'a str, reading: &mut Reading<'a>) {
    match value.rsplit_once(':') {
        Some((address, port)) if !address.contains(':') || address.ends_with(']') || port.len() > 4 => {
            reading.field("client.address", address.trim_matches(['[', ']']));
            reading.field("client.port", port);
        }
        _ => reading.field("client.address", value),
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
            "[Thu Jun 22 11:55:01.123456 2023] [core:error] [pid 35708:tid 4328636416] [client 72.15.99.187:1] \
             AH00128: File does not exist: /a, referer: http://b/\n",
            &[
                ("time", "2023-06-22T11:55:01.123456Z"),
                ("level", "ERROR"),
                ("message", "AH00128: File does not exist: /a, referer: http://b/"),
                ("log.logger", "core"),
                ("process.pid", "35708"),
                ("thread.id", "4328636416"),
                ("client.address", "72.15.99.187"),
                ("client.port", "1"),
                ("http.request.header.referer", "http://b/"),
            ],
        );
        check(
            &LAYOUT,
            "[Sun Dec 04 04:47:44 2005] [error] [client ::1] mod_jk [x] state 6",
            &[
                ("time", "2005-12-04T04:47:44Z"),
                ("level", "ERROR"),
                ("message", "mod_jk [x] state 6"),
                ("client.address", "::1"),
            ],
        );
        check(
            &LAYOUT,
            "[Sun Dec 04 04:47:44 2005] [http2:trace4] [pid 5] [x] y",
            &[
                ("time", "2005-12-04T04:47:44Z"),
                ("level", "TRACE"),
                ("message", "[x] y"),
                ("log.logger", "http2"),
                ("process.pid", "5"),
            ],
        );
        refuse(&LAYOUT, "[Sun Dec 04 04:47:44 2005] message");
        refuse(&LAYOUT, "[Sun Dec 04 04:47:44 2005] [app] message");
        refuse(&LAYOUT, "[2026-11-23T06:45:53Z INFO  target] message");
    }
}
