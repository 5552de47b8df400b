//! What access logs of all servers have in common: a request line, and a status that tells the severity.

use super::Reading;
use super::scan::{self, Escapes};
use crate::parse::Severity;
use crate::time::Stamp;
use memchr::memchr;

/// No time in brackets is longer: `[15/Feb/2013:06:00:31.123456789 +0000]`.
const TIME_BYTES_MAX: usize = 48;

/// The time in brackets that a text begins with, and the request in quotes behind it, with its opening quote.
pub(super) fn time(text: &str) -> Option<(Stamp, &str)> {
    let head = &text.as_bytes()[..text.len().min(TIME_BYTES_MAX)];
    let end = memchr(b']', head)?;
    // Looked at first: reading a time is most of what a refusal costs.
    if !head[0].eq(&b'[') || !text.as_bytes()[end..].starts_with(b"] \"") {
        return None;
    }
    let stamp = Stamp::parse(&text[1..end])?;
    Some((stamp, &text[end + 2..]))
}

/// Splits `GET /path?query HTTP/1.1`, escapes as written, into fields. What is no request line says nothing:
/// a `-`, and the bytes of clients that speak something else.
pub(super) fn request<'a>(raw: &'a str, reading: &mut Reading<'a>) {
    let Some((method, rest)) = raw.split_once(' ').filter(|(method, _)| is_method(method)) else {
        return;
    };
    let (target, version) = match rest.rsplit_once(' ') {
        Some((target, last)) if last.starts_with("HTTP/") => (target, &last["HTTP/".len()..]),
        _ => (rest, ""),
    };
    reading.field("http.request.method", method);
    let target = path_of(target);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    header("url.path", path, reading);
    header("url.query", query, reading);
    reading.field("network.protocol.version", version);
}

/// Takes a status of three digits; the severity follows from it.
pub(super) fn status<'a>(status: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let first = *status.as_bytes().first().filter(|_| status.len() == 3)?;
    if !status.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    reading.field("http.response.status_code", status);
    reading.severity = Some(Severity(match first {
        b'5' => 17,
        b'4' => 13,
        _ => 9,
    }));
    Some(())
}

/// Adds a value from within quotes, escapes as written.
pub(super) fn header<'a>(path: &'a str, raw: &'a str, reading: &mut Reading<'a>) {
    if !raw.is_empty() {
        reading.field(path, scan::decoded(raw, Escapes::Common));
    }
}

/// The record itself is what it says.
pub(super) fn whole(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

fn is_method(word: &str) -> bool {
    (3..=20).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_uppercase() || matches!(b, b'_' | b'-'))
}

/// The path of a target that names its host, as a proxy is asked.
fn path_of(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    match target.split_once("://") {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines() {
        let check = |raw: &str, expected: &[&str]| {
            let mut reading = Reading::default();
            request(raw, &mut reading);
            let got: Vec<_> = reading.fields.iter().map(|(_, value)| &**value).collect();
            assert_eq!(got, expected, "{raw}");
        };
        check("GET /a?b=c&d=http://e HTTP/1.1", &["GET", "/a", "b=c&d=http://e", "1.1"]);
        check("GET / HTTP/2", &["GET", "/", "2"]);
        check("GET /old", &["GET", "/old"]);
        check("GET http://host:8080/a?b HTTP/1.0", &["GET", "/a", "b", "1.0"]);
        check("GET http://host HTTP/1.0", &["GET", "/", "1.0"]);
        check("CONNECT host:443 HTTP/1.1", &["CONNECT", "host:443", "1.1"]);
        check("OPTIONS * HTTP/1.1", &["OPTIONS", "*", "1.1"]);
        check(r"GET /a b\x22 HTTP/1.1", &["GET", "/a b\"", "1.1"]);
        check("-", &[]);
        check("", &[]);
        check(r"\x16\x03\x01 x", &[]);
    }
}
