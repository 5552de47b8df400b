//! Labelled Tab-separated Values: `time:2026-11-23T06:45:53Z<TAB>method:GET<TAB>path:/users/1`.
//! <http://ltsv.org>
//!
//! Every field has a label, and nothing stands between its colon and its value: `ERROR: a<TAB>file: b` is
//! none.

use super::keyed::Keyed;
use super::scan;
use super::{Reading, TextLayout};
use std::borrow::Cow;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "ltsv", number: 164, begins: |byte| byte.is_ascii_alphabetic() || byte == b'_', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    labelled(text)?;
    let (line, _) = scan::first_line(text);
    let mut keyed = Keyed::default();
    for field in line.trim_end_matches('\r').split('\t') {
        let (label, value) = labelled(field)?;
        keyed.take(label, Cow::Borrowed(value), reading);
    }
    let is_ltsv = keyed.count >= 2;
    keyed.finish(text, reading);
    is_ltsv.then_some(())
}

fn labelled(field: &str) -> Option<(&str, &str)> {
    let is_label = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let len = field.bytes().take(scan::KEY_BYTES_MAX).take_while(|b| is_label(b)).count();
    let value = field[len..].strip_prefix(':').filter(|_| len > 0)?;
    (!value.starts_with([' ', '/', ':'])).then(|| (&field[..len], value)).or_else(|| path_of(field, len))
}

/// A path is a value; `http://host` and `crate::module` are not a label and its value.
fn path_of(field: &str, len: usize) -> Option<(&str, &str)> {
    let value = &field[len + 1..];
    (value.starts_with('/') && !value.starts_with("//")).then(|| (&field[..len], value))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "method:GET\tpath:/users/1\tformat:html\tstatus:200\tduration:58.33",
            &[
                ("message", "GET /users/1 200"),
                ("method", "GET"),
                ("path", "/users/1"),
                ("format", "html"),
                ("status", "200"),
                ("duration", "58.33"),
            ],
        );
        check(
            &LAYOUT,
            "time:[28/Feb/2013:12:00:00 +0900]\tlevel:warn\tmessage:it is slow\thost:127.0.0.1\tuser:-",
            &[
                ("time", "2013-02-28T03:00:00Z"),
                ("level", "WARN"),
                ("message", "it is slow"),
                ("host", "127.0.0.1"),
            ],
        );
        refuse(&LAYOUT, "ERROR: it failed\tfile: a");
        refuse(&LAYOUT, "a:b c:d");
        refuse(&LAYOUT, "http://host\tb:c");
        refuse(&LAYOUT, "a:b\tInfo\tc:d");
    }
}
