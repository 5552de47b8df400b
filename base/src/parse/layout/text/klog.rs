//! glog and Kubernetes' klog: `E1123 06:30:37.123456    7 file.go:12] "message" key="value"`; glog with its
//! year: `I20261123 06:30:37.123456 7 file.cc:12] message`.
//! <https://github.com/kubernetes/klog/blob/main/internal/serialize/keyvalues.go>,
//! <https://github.com/google/glog>
//!
//! A message in quotes with pairs behind it is what it says without the quotes, and the pairs are fields.

use super::scan::{self, Escapes};
use super::{Reading, TextLayout};
use crate::time::Stamp;
use std::borrow::Cow;

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "klog",
    number: 162,
    begins: |byte| matches!(byte, b'I' | b'W' | b'E' | b'F' | b'D'),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let letter = text.get(..1)?;
    let dated = text.as_bytes().get(1..)?;
    if !dated.get(..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (stamp, used) = Stamp::parse_klog(dated).or_else(|| Stamp::parse_prefix(dated))?;
    let rest = text.get(1 + used..)?.strip_prefix(' ')?.trim_start_matches(' ');
    let (thread, rest) = scan::digits(rest)?;
    let (source, message) = super::cut(rest.strip_prefix(' ')?, "] ").or_else(|| empty(rest))?;
    let (file, line) = source.rsplit_once(':').filter(|(file, _)| !file.contains(' '))?;
    reading.time = Some(stamp);
    reading.field("thread.id", thread);
    reading.field("code.file.path", file);
    reading.field("code.line.number", line);
    let message = message.trim_end_matches(['\r', '\n']);
    reading.message = structured(message, reading).unwrap_or(Cow::Borrowed(message));
    reading.level_named(letter).then_some(())
}

/// A record that says nothing: `file.go:12]`.
fn empty(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(' ')?.trim_ascii_end().strip_suffix(']').map(|source| (source, ""))
}

/// The text in quotes, when nothing but pairs is behind it.
fn structured<'a>(message: &'a str, reading: &mut Reading<'a>) -> Option<Cow<'a, str>> {
    let (raw, mut rest) = scan::quoted(message)?;
    let known = reading.fields.len();
    while let Some(next) = rest.strip_prefix(' ') {
        let Some((key, value, behind)) = scan::pair(next).filter(|_| reading.fields.len() < scan::PAIRS_MAX)
        else {
            break;
        };
        reading.field(key, value);
        rest = behind;
    }
    if !rest.is_empty() {
        reading.fields.truncate(known);
        return None;
    }
    Some(scan::decoded(raw, Escapes::Common))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let head = [
            ("time", "2026-11-23T06:30:37.123456Z"),
            ("level", "ERROR"),
            ("message", "it \"failed\""),
            ("thread.id", "7"),
            ("code.file.path", "file.go"),
            ("code.line.number", "12"),
        ];
        let fields = [("pod", "kube-system/a b"), ("count", "3")];
        check(
            &LAYOUT,
            "E1123 06:30:37.123456    7 file.go:12] \"it \\\"failed\\\"\" pod=\"kube-system/a b\" count=3\n",
            &[head.as_slice(), &fields].concat(),
        );
        check(&LAYOUT, "E20261123 06:30:37.123456 7 file.go:12] it \"failed\"", &head);
    }

    #[test]
    fn what_is_no_pair_stays_in_the_message() {
        check(
            &LAYOUT,
            "W1123 06:30:37.1 7 a.go:1] \"x\" a=1 or so\n\ttrace",
            &[
                ("time", "2026-11-23T06:30:37.100Z"),
                ("level", "WARN"),
                ("message", "\"x\" a=1 or so\n\ttrace"),
                ("thread.id", "7"),
                ("code.file.path", "a.go"),
                ("code.line.number", "1"),
            ],
        );
        refuse(&LAYOUT, "I, [2026-11-23T06:45:57.223231 #9537]  INFO -- : user logged in");
        refuse(&LAYOUT, "E1123 06:30:37.123456 file.go:12] x");
        refuse(&LAYOUT, "INFO 1123 x");
    }
}
