//! What `docker compose logs` puts before a service's lines: `web-1  | the line`, with `-t` also the time.
//! <https://docs.docker.com/reference/cli/docker/compose/logs/>
//!
//! What the service wrote is read by the layout it is of. The number of the container is no part of the
//! service's name; old versions wrote it as `web_1`.

use super::{LAYOUTS, Reading, TextLayout, scan};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "docker-compose", number: 167, begins: |byte| byte.is_ascii_alphanumeric(), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let len =
        text.bytes().take_while(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')).count();
    let (name, rest) = text.split_at(len);
    let padded = rest.trim_start_matches(' ');
    let line = padded.strip_prefix("| ")?;
    let blanks = rest.len() - padded.len();
    let service = without_number(name);
    // `INFO     | text` and `a | b` are of others.
    if blanks == 0 || (blanks == 1 && service.len() == len) || super::syslog::is_level(name) {
        return None;
    }
    let (stamp, line) = dated(line).map_or((None, line), |(stamp, line)| (Some(stamp), line));
    said(line, reading);
    reading.time = stamp.or(reading.time);
    reading.field("service.name", service);
    Some(())
}

/// `web-1`, `web_1`.
fn without_number(name: &str) -> &str {
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match plain.strip_suffix(['-', '_']) {
        Some(service) if plain.len() < name.len() && !service.is_empty() => service,
        _ => name,
    }
}

/// The time Docker received the line, to the nanosecond; no service writes its own so.
fn dated(line: &str) -> Option<(Stamp, &str)> {
    const DOCKER_BYTES: usize = "2024-04-25T05:32:35.584725130Z".len();
    let (stamp, used) = Stamp::parse_prefix(line.as_bytes()).filter(|&(_, used)| used == DOCKER_BYTES)?;
    let rest = line.get(used..)?;
    Some((stamp, rest.strip_prefix(' ').unwrap_or(rest)))
}

/// Reads the line itself, which has no such prefix again.
fn said<'a>(line: &'a str, reading: &mut Reading<'a>) {
    let others = LAYOUTS.iter().filter(|layout| layout.number != LAYOUT.number);
    let first = line.bytes().next().unwrap_or_default();
    for layout in others.filter(|layout| (layout.begins)(first)) {
        if (layout.read)(line, reading) {
            return;
        }
        *reading = Reading::default();
    }
    let line = line.trim_end_matches(['\r', '\n']);
    reading.objects.extend(scan::object(line).map(|object| ("", object)));
    reading.message = line.into();
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "web-1  |  * Serving Flask app 'app.py'\n",
            &[("message", " * Serving Flask app 'app.py'"), ("service.name", "web")],
        );
        check(
            &LAYOUT,
            "caddy  | {\"level\":\"info\"}",
            &[("message", "{\"level\":\"info\"}"), ("service.name", "caddy"), ("{}", "{\"level\":\"info\"}")],
        );
        check(
            &LAYOUT,
            "db_12 | 2024-04-25T05:32:35.584725130Z level=warn msg=slow",
            &[
                ("time", "2024-04-25T05:32:35.584725130Z"),
                ("level", "WARN"),
                ("message", "slow"),
                ("service.name", "db"),
            ],
        );
        check(
            &LAYOUT,
            "cache-1  | 1:M 23 Nov 2026 06:30:37.123 * Ready",
            &[
                ("time", "2026-11-23T06:30:37.123Z"),
                ("level", "INFO"),
                ("message", "Ready"),
                ("process.pid", "1"),
                ("redis.role", "M"),
                ("service.name", "cache"),
            ],
        );
        for text in [
            "INFO     | __main__ | x",
            "a | b",
            "a || b",
            "2026-11-23 06:53:18.404 | INFO     | m - hi",
            "web-1  x",
            "web-1|x",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
