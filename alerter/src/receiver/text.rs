//! Hostile text made fit to be shown, and how numbers and times are written.
//!
//! Every text of a notification may hold what a log line said. In bodies whatever acts on a reader (line ends, C0 and C1 controls,
//! bidirectional controls) becomes visible as `\n`, `\x1b`, `\u{202e}`; in headers, and in texts that a rule's author may have
//! wrapped, it becomes a space. Work and size are bounded by the characters asked for, not by the text.

use logweir_base::time::Timestamp;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Longer URLs are not understood everywhere.
const URL_CHARS_MAX: usize = 2_000;
/// Longer names are hashed: a Message-ID has to fit in a line.
const TOKEN_CHARS_MAX: usize = 64;
const SECOND: i64 = 1_000_000_000;

/// A text with everything visible, of at most so many characters, and `…` when it is cut.
pub(super) fn visible(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let mut room = chars_max;
    for c in text.chars() {
        let before = out.len();
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts(c) && c.is_ascii() => push(&mut out, format_args!("\\x{:02x}", u32::from(c))),
            c if acts(c) => push(&mut out, format_args!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
        let taken = out[before..].chars().count();
        if taken > room {
            out.truncate(before);
            out.push('…');
            break;
        }
        room -= taken;
    }
    out
}

/// At most so many characters of a text in one line: what acts on a reader is a blank, and several blanks are one.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let mut out = String::new();
    let (mut count, mut blank) = (0, false);
    for c in text.chars() {
        if acts(c) || c.is_whitespace() {
            blank = count > 0;
            continue;
        }
        if count + usize::from(blank) >= chars_max {
            out.push('…');
            break;
        }
        if blank {
            out.push(' ');
        }
        out.push(c);
        count += 1 + usize::from(blank);
        blank = false;
    }
    out
}

/// The value of a header: one line, and nothing in it that a reader takes for an encoded word (RFC 2047).
pub(super) fn header(text: &str, chars_max: usize) -> String {
    line(text, chars_max).replace("=?", "= ?")
}

/// Whether it does something to a reader's screen beside being shown.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A URL that may be linked to: of the web, in ASCII, with nothing in it that ends an attribute or a Slack link.
pub(super) fn link(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let mut out = String::new();
    for byte in url.bytes().take(URL_CHARS_MAX + 1) {
        match byte {
            b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`' | b'|' | b'{' | b'}' | b'^' => {
                push(&mut out, format_args!("%{byte:02X}"));
            }
            b'!'..=b'~' => out.push(char::from(byte)),
            _ => push(&mut out, format_args!("%{byte:02X}")),
        }
    }
    (is_web && out.len() <= URL_CHARS_MAX).then_some(out)
}

/// A name for headers and keys: itself when it is plain, else a hash of it.
pub(super) fn token(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !text.is_empty() && text.len() <= TOKEN_CHARS_MAX && text.chars().all(plain) {
        true => text.to_owned(),
        false => hash([text])[..32].to_owned(),
    }
}

/// A hash of texts, in hexadecimal digits; each counts with its length, so that no two lists give the same bytes.
pub(super) fn hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let mut out = String::new();
    hasher.finalize().iter().for_each(|byte| push(&mut out, format_args!("{byte:02x}")));
    out
}

/// `12,345`
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number as people read it: some four digits that matter.
pub(super) fn quantity(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() || size >= 1e15 => format!("{value:e}"),
        size if size.fract() == 0.0 => {
            format!("{}{}", if value < 0.0 { "-" } else { "" }, number(size as u64))
        }
        size if size >= 100.0 => short(format!("{value:.1}")),
        size if size >= 1.0 => short(format!("{value:.2}")),
        size if size >= 0.001 => short(format!("{value:.4}")),
        _ => format!("{value:.2e}"),
    }
}

/// A number with a point, without the zeros at its end.
fn short(text: String) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `2026-11-23 10:15`, in a zone so many seconds ahead of UTC.
pub(super) fn local(time: Timestamp, offset_seconds: i32) -> String {
    let shifted = Timestamp(time.0.saturating_add(i64::from(offset_seconds) * SECOND)).to_string();
    shifted.chars().take("2026-11-23T10:15".len()).collect::<String>().replace('T', " ")
}

/// `2026-11-23 10:15 UTC`
pub(super) fn utc(time: Timestamp) -> String {
    format!("{} UTC", local(time, 0))
}

/// `a, b and 3 more`
pub(super) fn list(names: &[String], shown_max: usize, chars_max: usize) -> String {
    let shown: Vec<_> = names.iter().take(shown_max).map(|name| visible(name, chars_max)).collect();
    match names.len().saturating_sub(shown_max) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_reader_becomes_visible() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text, 20), expected, "{text:?}");
        check("plain é 🦀", "plain é 🦀");
        check("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00");
        check("\x1b[31m\u{9b}1m\x7f", "\\x1b[31m\\u{9b}1m\\x7f");
        check("a \u{202e}b\u{2028}", "a \\u{202e}b\\u{2028}");
        check("12345678901234567890", "12345678901234567890");
        check("123456789012345678901", "12345678901234567890…");
        check("1234567890\u{202e}\u{202e}", "1234567890\\u{202e}…");
    }

    #[test]
    fn a_header_is_one_line() {
        let check = |text: &str, expected: &str| assert_eq!(header(text, 12), expected, "{text:?}");
        check("a\r\nBcc: x", "a Bcc: x");
        check("  a \0\x1b b\u{202e} ", "a b");
        check("=?utf-8?q?=0a?=", "= ?utf-8?q?=0…");
        check("123456789012", "123456789012");
        check("12345678901 2", "12345678901…");
        check("\n\n", "");
    }

    #[test]
    fn only_the_web_is_linked_to() {
        let check = |url: &str, expected: Option<&str>| assert_eq!(link(url).as_deref(), expected, "{url:?}");
        check("https://logs.example/g?a=1&b=%20", Some("https://logs.example/g?a=1&b=%20"));
        check("http://a/\"><script>", Some("http://a/%22%3E%3Cscript%3E"));
        check("https://a/ü|b\r\n", Some("https://a/%C3%BC%7Cb%0D%0A"));
        check("javascript:alert(1)", None);
        check("", None);
        check(&format!("https://{}", "a".repeat(2_000)), None);
    }

    #[test]
    fn numbers_and_times_are_readable() {
        let check = |value: f64, expected: &str| assert_eq!(quantity(value), expected);
        check(18.0, "18");
        check(-1234.0, "-1,234");
        check(123.456, "123.5");
        check(1.5, "1.5");
        check(99.999, "100");
        check(0.2, "0.2");
        check(0.01234, "0.0123");
        check(0.000_012_34, "1.23e-5");
        check(1e300, "1e300");
        check(f64::NAN, "NaN");
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        let time = Timestamp::parse("2026-11-23T23:30:59Z").expect("a time");
        assert_eq!(
            (local(time, 3600), utc(time)),
            ("2026-11-24 00:30".into(), "2026-11-23 23:30 UTC".into())
        );
        assert_eq!(local(Timestamp::MIN, -3600).len(), 16);
    }

    #[test]
    fn names_are_plain_or_hashed() {
        assert_eq!(token("ab-12_x"), "ab-12_x");
        for odd in ["", "a b", "a\r\nb", "ü", "a.b", &"a".repeat(65)] {
            assert!(token(odd).len() == 32 && token(odd).chars().all(|c| c.is_ascii_hexdigit()), "{odd}");
        }
        assert_ne!(hash(["a", "bc"]), hash(["ab", "c"]));
        assert_eq!(list(&["a".into(), "b\n".into(), "c".into()], 2, 9), "a, b\\n and 1 more");
    }
}
