//! Syslog as RFC 5424 has it:
//! `<134>1 2026-11-23T06:46:39.328Z host app 16680 ID47 [mdc@32473 trace_id="abc"] message`
//! <https://www.rfc-editor.org/rfc/rfc5424#section-6>
//!
//! Parameters of structured data are fields by their own names, whatever their element is called.

use super::scan::{self, Escapes};
use super::syslog::{priority, take_content, take_priority};
use super::{Reading, TextLayout};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "syslog-rfc5424", number: 150, begins: |byte| byte == b'<', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (priority, rest) = priority(text)?;
    let (time, rest) = scan::word(rest.strip_prefix("1 ")?)?;
    let (host, rest) = scan::word(rest)?;
    let (app, rest) = scan::word(rest)?;
    let (process, rest) = scan::word(rest)?;
    let (id, rest) = scan::word(rest)?;
    reading.time = match time {
        "-" => None,
        _ => Some(Stamp::parse(time)?),
    };
    take_priority(priority, reading);
    reading.field("host.name", host);
    reading.field("service.name", app);
    let is_number = process.bytes().all(|b| b.is_ascii_digit());
    reading.field(if is_number { "process.pid" } else { "syslog.procid" }, process);
    reading.field("syslog.msgid", id);
    let rest = match rest.strip_prefix('-') {
        Some(rest) => rest,
        None => structured(rest, reading)?,
    };
    let content = rest.strip_prefix(' ').unwrap_or(rest);
    take_content(app, content.strip_prefix('\u{feff}').unwrap_or(content), reading);
    Some(())
}

/// `[id@1 key="value" key="value"][id@2]`, and what follows.
fn structured<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<&'a str> {
    let mut rest = text;
    let mut count = 0;
    while let Some(element) = rest.strip_prefix('[') {
        let name_len = element.find([' ', ']', '\n'])?;
        rest = &element[name_len..];
        while let Some(param) = rest.strip_prefix(' ') {
            let (key, value) = param.split_at(param.find(['=', ']', '\n'])?);
            let (raw, behind) = scan::quoted(value.strip_prefix('=')?)?;
            count += 1;
            if count <= scan::PAIRS_MAX {
                reading.field(key, scan::decoded(raw, Escapes::Delimiters));
            }
            rest = behind;
        }
        rest = rest.strip_prefix(']')?;
    }
    (rest.len() < text.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "<134>1 2026-11-23T06:46:39.328Z vm app 16680 - [mdc@32473 trace_id=\"abc\"] user logged in\n",
            &[
                ("time", "2026-11-23T06:46:39.328Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("syslog.facility.code", "16"),
                ("host.name", "vm"),
                ("service.name", "app"),
                ("process.pid", "16680"),
                ("trace_id", "abc"),
            ],
        );
        check(
            &LAYOUT,
            "<11>1 2026-11-23T07:03:10+01:00 - - main ID47 [opentelemetry trace_id=\"a\" span_id=\"b\"][x path=\"C:\\new \\\"y\\\" \\]\"] \u{feff}failed\n\tat a.B",
            &[
                ("time", "2026-11-23T06:03:10Z"),
                ("level", "ERROR"),
                ("message", "failed\n\tat a.B"),
                ("syslog.facility.code", "1"),
                ("syslog.procid", "main"),
                ("syslog.msgid", "ID47"),
                ("trace_id", "a"),
                ("span_id", "b"),
                ("path", "C:\\new \"y\" ]"),
            ],
        );
        check(
            &LAYOUT,
            "<8>1 - h a - - - @cee:{\"b\":1}",
            &[
                ("level", "FATAL"),
                ("message", "@cee:{\"b\":1}"),
                ("syslog.facility.code", "1"),
                ("host.name", "h"),
                ("service.name", "a"),
                ("{}", "{\"b\":1}"),
            ],
        );
        check(
            &LAYOUT,
            "<8>1 - - - - - -",
            &[("level", "FATAL"), ("message", ""), ("syslog.facility.code", "1")],
        );
    }

    #[test]
    fn what_is_none() {
        for text in [
            "<11>Nov 23 06:53:19 vm app3164: logger",
            "<13>2026-11-23T06:56:33.410460+00:00 vm viars via",
            "<13>1 now vm app - - - x",
            "<13>1 - vm app - - x",
            "<13>1 - vm app - - [x y=z] a",
            "<13>1 - vm app - - [x",
            "<xml>1 - - - - - -",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
