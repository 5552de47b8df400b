//! Syslog as BSD began it and files have it: `Nov  3 09:23:38 host tag[pid]: message`, on the wire with a
//! priority: `<34>Oct 11 22:14:15 host su: message`. <https://www.rfc-editor.org/rfc/rfc3164#section-4>
//!
//! Nothing about it is sure: behind a priority the time may be RFC 3339 or missing, as libraries send it, and
//! the host or the tag may be missing too. Without a priority it is known by its time, which no other layout
//! writes so.

use super::syslog::{self, is_level, priority, take_content, take_priority, take_tag};
use super::{Reading, TextLayout, scan};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "syslog-rfc3164",
    number: 151,
    begins: |byte| byte == b'<' || byte.is_ascii_alphabetic(),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    match text.starts_with('<') {
        true => with_priority(text, reading).is_some(),
        false => dated(text, reading).is_some(),
    }
}

fn with_priority<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (priority, rest) = priority(text)?;
    take_priority(priority, reading);
    match Stamp::parse_prefix(rest.as_bytes()) {
        Some((stamp, used)) => {
            reading.time = Some(stamp);
            let rest = rest.get(used..)?;
            said_by_host(rest.strip_prefix(' ').unwrap_or(rest), reading);
        }
        None => said(rest, reading),
    }
    Some(())
}

fn dated<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let head = text.as_bytes().get(..16)?;
    if head[3] != b' ' || head[6] != b' ' || head[9] != b':' || head[12] != b':' {
        return None;
    }
    let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
    let rest = text.get(used..)?.strip_prefix(' ')?;
    let (host, _) = scan::word(rest)?;
    if is_level(host.trim_matches([':', '[', ']'])) {
        return None;
    }
    reading.time = Some(stamp);
    said_by_host(rest, reading);
    Some(())
}

/// `host tag[pid]: message`; a tag alone says that the host was left out.
fn said_by_host<'a>(text: &'a str, reading: &mut Reading<'a>) {
    match scan::word(text) {
        Some((host, rest)) if !host.ends_with(':') && !rest.starts_with('\n') => {
            reading.field("host.name", host);
            said(rest, reading);
        }
        _ => said(text, reading),
    }
}

fn said<'a>(text: &'a str, reading: &mut Reading<'a>) {
    match syslog::tag(text) {
        Some(tag) if !is_level(tag.program) => take_tag(&tag, reading),
        _ => take_content("", text, reading),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines_of_files() {
        check(
            &LAYOUT,
            "Nov  3 09:23:38 veridian automount[7998]: lookup(file): lookup for foobar failed\n",
            &[
                ("time", "2026-11-03T09:23:38Z"),
                ("message", "lookup(file): lookup for foobar failed"),
                ("host.name", "veridian"),
                ("service.name", "automount"),
                ("process.pid", "7998"),
            ],
        );
        check(
            &LAYOUT,
            "Apr  4 20:02:32 mac.local sudo: timstack : TTY=pts/6 ; USER=root",
            &[
                ("time", "2026-04-04T20:02:32Z"),
                ("message", "timstack : TTY=pts/6 ; USER=root"),
                ("host.name", "mac.local"),
                ("service.name", "sudo"),
            ],
        );
        check(
            &LAYOUT,
            "Nov 23 06:30:37 vm kernel: [12345.678901] eth0: link up",
            &[
                ("time", "2026-11-23T06:30:37Z"),
                ("message", "eth0: link up"),
                ("host.name", "vm"),
                ("service.name", "kernel"),
                ("system.uptime", "12345.678901"),
            ],
        );
        check(
            &LAYOUT,
            "Nov 23 06:30:37 vm last message repeated 3 times",
            &[
                ("time", "2026-11-23T06:30:37Z"),
                ("message", "last message repeated 3 times"),
                ("host.name", "vm"),
            ],
        );
    }

    #[test]
    fn objects() {
        check(
            &LAYOUT,
            "Nov 23 06:30:37 vm app[1]: {\"level\":\"info\"}",
            &[
                ("time", "2026-11-23T06:30:37Z"),
                ("message", "{\"level\":\"info\"}"),
                ("host.name", "vm"),
                ("service.name", "app"),
                ("process.pid", "1"),
                ("{}", "{\"level\":\"info\"}"),
            ],
        );
    }

    #[test]
    fn lines_of_the_wire() {
        check(
            &LAYOUT,
            "<11>Nov 23 06:53:19 vm app3164: logger 3164 udp",
            &[
                ("time", "2026-11-23T06:53:19Z"),
                ("level", "ERROR"),
                ("message", "logger 3164 udp"),
                ("syslog.facility.code", "1"),
                ("host.name", "vm"),
                ("service.name", "app3164"),
            ],
        );
        check(
            &LAYOUT,
            "<187>2026-11-23T06:56:33.416132+00:00 vm app \tat com.acme.Foo(Foo.java:1)",
            &[
                ("time", "2026-11-23T06:56:33.416132Z"),
                ("level", "ERROR"),
                ("message", "app \tat com.acme.Foo(Foo.java:1)"),
                ("syslog.facility.code", "23"),
                ("host.name", "vm"),
            ],
        );
        check(
            &LAYOUT,
            "<12>py syslog\0",
            &[("level", "WARN"), ("message", "py syslog"), ("syslog.facility.code", "1")],
        );
        check(
            &LAYOUT,
            "<30>dockerd[123]: started",
            &[
                ("level", "INFO"),
                ("message", "started"),
                ("syslog.facility.code", "3"),
                ("service.name", "dockerd"),
                ("process.pid", "123"),
            ],
        );
    }

    #[test]
    fn haproxy_within() {
        let message = "10.0.1.2:33 [06/Feb/2009:12:14:14.655] in out/srv 10/0/30/69/109 500 27 - - ---- 1/1/1/1/0 0/0 \"GET / HTTP/1.1\"";
        check(
            &LAYOUT,
            &format!("<134>Feb  6 12:14:14 lb haproxy[14389]: {message}"),
            &[
                ("time", "2026-02-06T12:14:14Z"),
                ("level", "ERROR"),
                ("message", message),
                ("syslog.facility.code", "16"),
                ("host.name", "lb"),
                ("service.name", "haproxy"),
                ("process.pid", "14389"),
                ("http.response.status_code", "500"),
                ("client.address", "10.0.1.2"),
                ("client.port", "33"),
                ("haproxy.frontend", "in"),
                ("haproxy.backend", "out"),
                ("haproxy.server", "srv"),
                ("duration_ms", "109"),
                ("http.response.body.size", "27"),
                ("http.request.method", "GET"),
                ("url.path", "/"),
                ("network.protocol.version", "1.1"),
            ],
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "Sun Dec 04 04:47:44 2005 x",
            "Nov 23, 2026 6:46:51 AM U main",
            "Nov 23 06:45:53 INFO main: message",
            "Nov 23 06:45:53 [error] message",
            "November is a month, it is: cold",
            "<192>x",
            "<html>",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
