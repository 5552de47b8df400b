//! nginx's error log:
//! `2026/11/23 06:30:37 [error] 12#12: *1 message, client: 1.2.3.4, server: x, request: "GET / HTTP/1.1"`
//! <https://nginx.org/en/docs/ngx_core_module.html#error_log>

use super::{Reading, TextLayout, http, scan};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "nginx-error", number: 158, begins: |byte| byte.is_ascii_digit(), read };

/// `2026/11/23 06:30:37`.
const TIME_BYTES: usize = 19;

/// What nginx says of a request: seven things at most.
const CONTEXT_MAX: usize = 7;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let head = text.as_bytes().get(..=TIME_BYTES + 1)?;
    if head[4] != b'/' || !head.ends_with(b" [") {
        return None;
    }
    let (stamp, _) = Stamp::parse_prefix(head).filter(|&(_, used)| used == TIME_BYTES)?;
    let (level, rest) = scan::bracketed(&text[TIME_BYTES + 1..])?;
    let (process, rest) = scan::digits(rest.strip_prefix(' ')?)?;
    let (thread, rest) = scan::digits(rest.strip_prefix('#')?)?;
    let mut message = rest.strip_prefix(": ")?.trim_end_matches(['\r', '\n']);
    reading.time = Some(stamp);
    reading.field("process.pid", process);
    reading.field("thread.id", thread);
    if let Some((connection, rest)) = message.strip_prefix('*').and_then(scan::digits) {
        reading.field("nginx.connection", connection);
        message = rest.strip_prefix(' ').unwrap_or(rest);
    }
    reading.message = message.into();
    let (line, _) = scan::first_line(message);
    if let Some((said, _)) = scan::rsplit(line, ", client: ") {
        context(&line[said.len() + ", ".len()..], reading);
    }
    reading.level_named(level).then_some(())
}

/// `client: 1.2.3.4, server: x, request: "GET / HTTP/1.1", host: "y"`.
fn context<'a>(mut rest: &'a str, reading: &mut Reading<'a>) {
    for _ in 0..CONTEXT_MAX {
        let Some((name, behind)) = scan::split(rest, ": ") else { return };
        let (value, behind) = match behind.strip_prefix('"') {
            Some(inner) => scan::split(inner, "\", ").unwrap_or((inner.trim_end_matches('"'), "")),
            None => scan::split(behind, ", ").unwrap_or((behind, "")),
        };
        match name {
            "client" => reading.field("client.address", value),
            "server" => reading.field("server.address", value),
            "request" => http::request(value, reading),
            "upstream" => reading.field("upstream.address", value),
            "host" => reading.field("http.request.header.host", value),
            "referrer" => reading.field("http.request.header.referer", value),
            _ => {}
        }
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let message = concat!(
            r#"open() "/a, b" failed (2: No such file), client: 1.2.3.4, server: x, request: "GET /a?b HTTP/1.1", "#,
            r#"upstream: "http://10.0.0.1:80/a", host: "y", referrer: "http://z/""#
        );
        check(
            &LAYOUT,
            &format!("2026/11/23 06:30:37 [error] 12#13: *1 {message}\n"),
            &[
                ("time", "2026-11-23T06:30:37Z"),
                ("level", "ERROR"),
                ("message", message),
                ("process.pid", "12"),
                ("thread.id", "13"),
                ("nginx.connection", "1"),
                ("client.address", "1.2.3.4"),
                ("server.address", "x"),
                ("http.request.method", "GET"),
                ("url.path", "/a"),
                ("url.query", "b"),
                ("network.protocol.version", "1.1"),
                ("upstream.address", "http://10.0.0.1:80/a"),
                ("http.request.header.host", "y"),
                ("http.request.header.referer", "http://z/"),
            ],
        );
        check(
            &LAYOUT,
            "2026/11/23 06:30:37 [notice] 1#1: start worker processes",
            &[
                ("time", "2026-11-23T06:30:37Z"),
                ("level", "INFO"),
                ("message", "start worker processes"),
                ("process.pid", "1"),
                ("thread.id", "1"),
            ],
        );
        refuse(&LAYOUT, "2026/11/23 06:45:54 INFO user logged in user_id=u1");
        refuse(&LAYOUT, "2026/11/23 06:45:54 [error] user logged in");
        refuse(&LAYOUT, "2026/11/23 06:45:54 [odd] 1#1: x");
    }
}
