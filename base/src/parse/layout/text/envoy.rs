//! Envoy's default access log, and Istio's, which has three words more behind the flags:
//! `[2026-11-23T06:30:37.123Z] "GET /a HTTP/1.1" 200 - 0 5 3 2 "-" "curl/8" "req-id" "host" "10.0.0.1:8080"`
//! <https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#default-format-string>

use super::{Reading, TextLayout, http, scan};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "envoy", number: 155, begins: |byte| byte == b'[', read };

/// The numbers behind the flags.
const NUMBERS: [&str; 4] =
    ["http.request.body.size", "http.response.body.size", "duration_ms", "upstream_duration_ms"];
/// The strings behind the numbers.
const STRINGS: [&str; 5] = [
    "http.request.header.x-forwarded-for",
    "user_agent.original",
    "request_id",
    "http.request.header.host",
    "upstream.address",
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (line, _) = scan::first_line(text);
    let (stamp, rest) = http::time(line)?;
    let (request, rest) = scan::quoted(rest)?;
    let (status, rest) = scan::word(rest.strip_prefix(' ')?)?;
    reading.time = Some(stamp);
    reading.message = http::whole(text).into();
    match status {
        // The client went before there was an answer.
        "0" => {}
        _ => http::status(status, reading)?,
    }
    http::request(request, reading);
    let (flags, mut rest) = scan::word(rest)?;
    reading.field("envoy.response_flags", flags);
    if !rest.starts_with(|first: char| first.is_ascii_digit()) {
        rest = istio(rest)?;
    }
    for path in NUMBERS {
        let (number, behind) = scan::word(rest)?;
        reading.field(path, number);
        rest = behind;
    }
    for path in STRINGS {
        let (raw, behind) = scan::quoted(rest)?;
        http::header(path, raw, reading);
        rest = behind.trim_ascii_start();
    }
    Some(())
}

/// `via_upstream - "-"`: details, termination, transport failure.
fn istio(text: &str) -> Option<&str> {
    let (_, rest) = scan::word(text)?;
    let (_, rest) = scan::word(rest)?;
    scan::quoted(rest)?.1.strip_prefix(' ')
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let fields = [
            ("http.response.status_code", "200"),
            ("http.request.method", "POST"),
            ("url.path", "/a"),
            ("url.query", "b"),
            ("network.protocol.version", "1.1"),
            ("http.request.body.size", "0"),
            ("http.response.body.size", "5"),
            ("duration_ms", "3"),
            ("upstream_duration_ms", "2"),
            ("user_agent.original", "curl/8"),
            ("request_id", "e4f5-1"),
            ("http.request.header.host", "shop:80"),
            ("upstream.address", "10.0.0.1:8080"),
        ];
        for line in [
            r#"[2026-11-23T06:30:37.123Z] "POST /a?b HTTP/1.1" 200 - 0 5 3 2 "-" "curl/8" "e4f5-1" "shop:80" "10.0.0.1:8080""#,
            concat!(
                r#"[2026-11-23T06:30:37.123Z] "POST /a?b HTTP/1.1" 200 - via_upstream - "-" 0 5 3 2 "-" "curl/8" "#,
                r#""e4f5-1" "shop:80" "10.0.0.1:8080" outbound|80||shop 10.0.0.2:1 10.0.0.3:80 10.0.0.4:2 - default"#
            ),
        ] {
            let mut expected =
                vec![("time", "2026-11-23T06:30:37.123Z"), ("level", "INFO"), ("message", line)];
            expected.extend_from_slice(&fields);
            check(&LAYOUT, line, &expected);
        }
        refuse(&LAYOUT, r#"[2026-11-23T06:30:37.123Z] "quoted" text"#);
        refuse(&LAYOUT, "[2026-11-23T06:45:53Z INFO  target] message");
    }
}
