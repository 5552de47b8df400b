//! A Ruby hash as `inspect` prints it, which is what lograge's Graylog2 formatter logs to a file:
//! `{:_method=>"GET", :_path=>"/users/1", :short_message=>"[200] GET /users/1"}`; since Ruby 3.4
//! `{_method: "GET", ...}`.
//! <https://github.com/roidrage/lograge/blob/master/lib/lograge/formatters/graylog2.rb>
//!
//! Keys lose the `_` that GELF puts before them. What a nested hash or array holds stays in the text.

use super::keyed::Keyed;
use super::scan::{self, Escapes};
use super::{Reading, TextLayout};
use std::borrow::Cow;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "ruby-hash", number: 165, begins: |byte| byte == b'{', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut keyed = Keyed::default();
    let mut rest = text.strip_prefix('{')?;
    while let Some((name, behind)) = key(rest) {
        let Some((value, behind)) = value(behind) else { break };
        if value != "nil" {
            keyed.take(name, value, reading);
        }
        match behind.strip_prefix(", ") {
            Some(next) => rest = next,
            None => break,
        }
    }
    let is_hash = keyed.count > 0 && text.trim_ascii_end().ends_with('}');
    keyed.finish(text, reading);
    is_hash.then_some(())
}

/// `:_name=>` or `_name: `.
fn key(text: &str) -> Option<(&str, &str)> {
    let symbol = text.strip_prefix(':');
    let name = symbol.unwrap_or(text);
    let len = name.bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    let behind = name[len..].strip_prefix(if symbol.is_some() { "=>" } else { ": " })?;
    let plain = name[..len].trim_start_matches('_');
    (begins && !plain.is_empty()).then_some((plain, behind))
}

/// A string, or what stands up to the next comma or the end; `None` when it is nested.
fn value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    if let Some((raw, rest)) = scan::quoted(text) {
        return Some((scan::decoded(raw, Escapes::Common), rest));
    }
    let len = text.find([',', '}', '{', '[', '"', '\n']).filter(|&len| len > 0)?;
    matches!(text.as_bytes()[len], b',' | b'}').then(|| (Cow::Borrowed(&text[..len]), &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let expected = [
            ("message", "[200] GET /users/1"),
            ("method", "GET"),
            ("path", "/users/1"),
            ("status", "200"),
            ("db", "15.26"),
        ];
        check(
            &LAYOUT,
            r#"{:_method=>"GET", :_path=>"/users/1", :_status=>200, :_x=>nil, :_db=>15.26, :short_message=>"[200] GET /users/1"}"#,
            &expected,
        );
        check(
            &LAYOUT,
            r#"{_method: "GET", _path: "/users/1", _status: 200, _db: 15.26, short_message: "[200] GET /users/1"}"#,
            &expected,
        );
        refuse(&LAYOUT, r#"{"a":1}"#);
        refuse(&LAYOUT, "{}");
        refuse(&LAYOUT, "{:a=>1");
        refuse(&LAYOUT, "{level} is not known");
    }
}
