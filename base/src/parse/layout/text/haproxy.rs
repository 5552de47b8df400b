//! HAProxy's HTTP log, alone or as syslog's message:
//! `10.0.1.2:33 [06/Feb/2009:12:14:14.655] in out/srv 10/0/30/69/109 200 27 - - ---- 1/1/1/1/0 0/0 "GET /a"`
//! <https://docs.haproxy.org/2.8/configuration.html#8.2.3>

use super::{Reading, TextLayout, http, scan};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "haproxy",
    number: 156,
    begins: |byte| byte.is_ascii_hexdigit() || byte == b':',
    read,
};

/// The longest address and its port.
const CLIENT_BYTES_MAX: usize = 52;

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

/// Reads a line, be it a record or syslog's message.
pub(super) fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let head = &text.as_bytes()[..text.len().min(CLIENT_BYTES_MAX)];
    let len = head.iter().position(|b| !b.is_ascii_hexdigit() && !matches!(b, b'.' | b':'))?;
    let rest = text[len..].strip_prefix(" [")?;
    let (client, port) = text[..len].rsplit_once(':')?;
    let (stamp, used) = Stamp::parse_prefix(rest.as_bytes())?;
    let (frontend, rest) = scan::word(rest.get(used..)?.strip_prefix("] ")?)?;
    let (backend, rest) = scan::word(rest)?;
    let (backend, server) = backend.split_once('/')?;
    let (timers, rest) = scan::word(rest)?;
    let duration = timers.rsplit_once('/')?.1;
    let (status, rest) = scan::word(rest)?;
    let (size, rest) = scan::word(rest)?;
    // `-1` when the client went before it had one.
    if status != "-1" {
        http::status(status, reading)?;
    }
    reading.time = Some(stamp);
    reading.message = http::whole(text).into();
    reading.field("client.address", client);
    reading.field("client.port", port);
    reading.field("haproxy.frontend", frontend.trim_end_matches('~'));
    reading.field("haproxy.backend", backend);
    reading.field("haproxy.server", server);
    reading.field("duration_ms", duration.trim_start_matches('+'));
    reading.field("http.response.body.size", size.trim_start_matches('+'));
    let (line, _) = scan::first_line(rest);
    let request =
        scan::split(line, " \"").and_then(|(_, request)| request.trim_ascii_end().strip_suffix('"'));
    http::request(request.unwrap_or_default(), reading);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let line = concat!(
            "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in~ static/srv1 10/0/30/69/109 200 2750 - - ---- ",
            r#"1/1/1/1/0 0/0 {1wt.eu} {} "GET /i.html HTTP/1.1""#
        );
        check(
            &LAYOUT,
            line,
            &[
                ("time", "2009-02-06T12:14:14.655Z"),
                ("level", "INFO"),
                ("message", line),
                ("http.response.status_code", "200"),
                ("client.address", "10.0.1.2"),
                ("client.port", "33317"),
                ("haproxy.frontend", "http-in"),
                ("haproxy.backend", "static"),
                ("haproxy.server", "srv1"),
                ("duration_ms", "109"),
                ("http.response.body.size", "2750"),
                ("http.request.method", "GET"),
                ("url.path", "/i.html"),
                ("network.protocol.version", "1.1"),
            ],
        );
        refuse(&LAYOUT, "10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in connection closed");
        refuse(&LAYOUT, "10.0.0.1 - - [15/Feb/2013:06:00:31 +0000] \"GET / HTTP/1.1\" 200 5");
    }
}
