//! Common and Combined Log Format: Apache httpd, nginx, Traefik, and whoever writes as they do.
//! `10.0.0.1 - frank [15/Feb/2013:06:00:31 +0000] "GET /a?b HTTP/1.1" 200 2326 "http://r/" "Mozilla/5.0"`
//! <https://httpd.apache.org/docs/2.4/logs.html#accesslog>
//!
//! A virtual host may stand before the client (`host:443 10.0.0.1 - -`), and the two names behind it may be
//! missing. Of what servers append are read: the first header (`X-Forwarded-For`), the first number with a
//! fraction (nginx's `$request_time`), a request id, and `name=value`. Apache's `%D` has no unit that could
//! be seen, so it stays in the text.

use super::scan::{self, Escapes};
use super::{Reading, TextLayout, http};
use crate::parse::looks_like_id;
use memchr::memchr2;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "access-log",
    number: 154,
    begins: |byte| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_'),
    read,
};

/// What stands before the time: names of hosts and of a user.
const HEAD_BYTES_MAX: usize = 512;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let bytes = text.as_bytes();
    let bracket = memchr2(b'[', b'\n', &bytes[..bytes.len().min(HEAD_BYTES_MAX)])?;
    let (stamp, rest) = http::time(&text[bracket..])?;
    let (request, rest) = scan::quoted(rest)?;
    let (status, rest) = scan::word(rest.strip_prefix(' ')?)?;
    http::status(status, reading)?;
    reading.time = Some(stamp);
    reading.message = http::whole(text).into();
    clients(text[..bracket].strip_suffix(' ')?, reading)?;
    http::request(request, reading);
    let (size, rest) = scan::word(rest).unwrap_or_default();
    reading.field("http.response.body.size", size);
    let Some((referer, rest)) = scan::quoted(rest) else {
        extras(rest, reading);
        return Some(());
    };
    http::header("http.request.header.referer", referer, reading);
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let (agent, rest) = scan::quoted(rest).unwrap_or(("", rest));
    http::header("user_agent.original", agent, reading);
    extras(rest, reading);
    Some(())
}

/// `client`, `client ident user`, `host:port client ident user`; the user's name may have blanks.
fn clients<'a>(head: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (first, rest) = scan::word(head)?;
    let (second, third) = scan::word(rest).unwrap_or_default();
    let names_host = is_address(second) || (first.contains(':') && !is_address(first));
    let has_host = names_host && scan::word(third).is_some_and(|(_, user)| !user.is_empty());
    let (client, user) = match has_host {
        true => {
            let (host, port) = match first.rsplit_once(':') {
                Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port),
                _ => (first, ""),
            };
            reading.field("server.address", host);
            reading.field("server.port", port);
            (second, scan::word(third)?.1)
        }
        false => (first, third),
    };
    reading.field("client.address", client);
    reading.field("user.id", user);
    Some(())
}

/// An address, as opposed to an ident, which nobody has, and a user's name.
fn is_address(word: &str) -> bool {
    let of_address = |b: u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':');
    word.bytes().any(|b| matches!(b, b'.' | b':')) && word.bytes().all(of_address)
}

fn extras<'a>(text: &'a str, reading: &mut Reading<'a>) {
    let (mut rest, _) = scan::first_line(text);
    let (mut has_header, mut has_time) = (false, false);
    for _ in 0..scan::PAIRS_MAX {
        rest = rest.trim_ascii_start();
        if let Some((raw, behind)) = scan::quoted(rest) {
            if !has_header && is_address(raw.split(',').next().unwrap_or_default()) {
                reading.field("http.request.header.x-forwarded-for", scan::decoded(raw, Escapes::Common));
            }
            has_header = true;
            rest = behind;
        } else if let Some((key, value, behind)) = scan::pair(rest) {
            reading.field(key, value);
            rest = behind;
        } else if let Some((word, behind)) = scan::word(rest) {
            if !has_time && is_fraction(word) {
                reading.field("request_time", word);
                has_time = true;
            } else if looks_like_id(word) {
                reading.field("request_id", word);
            }
            rest = behind;
        } else {
            return;
        }
    }
}

/// `0.005`.
fn is_fraction(word: &str) -> bool {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    word.split_once('.').is_some_and(|(whole, fraction)| is_digits(whole) && is_digits(fraction))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[track_caller]
    fn check_line(line: &str, level: &str, time: &str, fields: &[(&str, &str)]) {
        let mut expected = vec![("time", time), ("level", level), ("message", line)];
        expected.extend_from_slice(fields);
        check(&LAYOUT, line, &expected);
    }

    #[test]
    fn combined() {
        check_line(
            concat!(
                r#"31.56.96.51 - frank [22/Jan/2019:03:56:16 +0330] "GET /i/200x200?a=\"b\" HTTP/1.1" 200 5667 "#,
                r#""https://www.z.ir/m?a" "Mozilla/5.0 (Linux; \x22A\x22)" "-""#
            ),
            "INFO",
            "2019-01-22T00:26:16Z",
            &[
                ("http.response.status_code", "200"),
                ("client.address", "31.56.96.51"),
                ("user.id", "frank"),
                ("http.request.method", "GET"),
                ("url.path", "/i/200x200"),
                ("url.query", "a=\"b\""),
                ("network.protocol.version", "1.1"),
                ("http.response.body.size", "5667"),
                ("http.request.header.referer", "https://www.z.ir/m?a"),
                ("user_agent.original", "Mozilla/5.0 (Linux; \"A\")"),
            ],
        );
    }

    #[test]
    fn common_with_a_blank_in_the_name() {
        check_line(
            r#"::1 - John Doe [10/Oct/2000:13:55:36 -0700] "HEAD / HTTP/1.0" 503 -"#,
            "ERROR",
            "2000-10-10T20:55:36Z",
            &[
                ("http.response.status_code", "503"),
                ("client.address", "::1"),
                ("user.id", "John Doe"),
                ("http.request.method", "HEAD"),
                ("url.path", "/"),
                ("network.protocol.version", "1.0"),
            ],
        );
    }

    #[test]
    fn a_bad_request_and_no_names() {
        let status = ("http.response.status_code", "400");
        let size = ("http.response.body.size", "0");
        let line = r#"10.112.81.15 - - [15/Feb/2013:06:00:31 +0000] "-" 400 0 "-" "-""#;
        let client = ("client.address", "10.112.81.15");
        check_line(line, "WARN", "2013-02-15T06:00:31Z", &[status, client, size]);
        let line = r#"host.example [15/Feb/2013:06:00:31 +0000] "\x16\x03\x01" 400 0"#;
        let client = ("client.address", "host.example");
        check_line(line, "WARN", "2013-02-15T06:00:31Z", &[status, client, size]);
    }

    #[test]
    fn a_virtual_host_and_what_is_appended() {
        check_line(
            concat!(
                r#"shop.example:443 10.0.0.1 - - [10/Oct/2000:13:55:36 +0000] "GET / HTTP/2.0" 404 5 "-" "curl" "#,
                r#""9.9.9.9, 8.8.8.8" 0.005 12 0.004 rt=0.1 ua="x y" 4bf92f3577b34da6a3ce929d0e0e4736"#
            ),
            "WARN",
            "2000-10-10T13:55:36Z",
            &[
                ("http.response.status_code", "404"),
                ("server.address", "shop.example"),
                ("server.port", "443"),
                ("client.address", "10.0.0.1"),
                ("http.request.method", "GET"),
                ("url.path", "/"),
                ("network.protocol.version", "2.0"),
                ("http.response.body.size", "5"),
                ("user_agent.original", "curl"),
                ("http.request.header.x-forwarded-for", "9.9.9.9, 8.8.8.8"),
                ("request_time", "0.005"),
                ("rt", "0.1"),
                ("ua", "x y"),
                ("request_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ],
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "app [2026-11-23T06:45:53Z] \"quoted\" text",
            "10.0.0.1 - - [15/Feb/2013:06:00:31 +0000] text",
            "10.0.0.1 - - [15/Feb/2013:06:00:31 +0000] \"GET / HTTP/1.1\" 2000 5",
            "10.0.0.1 - - [now] \"GET / HTTP/1.1\" 200 5",
            "Nov  3 09:23:38 host automount[7998]: x",
            "x\n[15/Feb/2013:06:00:31 +0000] \"GET / HTTP/1.1\" 200 5",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
