//! The pattern of a message, for exceptions that no frame tells apart.
//!
//! The shape that patterns of log messages have (`base::pattern`), of a text whose quoted parts are values: what an
//! exception quotes is what it was given. An apostrophe within a word quotes nothing.

use super::text::prefix;
use logweir_base::pattern::shape_of;

/// What opens a quoted text, and what closes it.
const QUOTES: &[(char, char)] =
    &[('\'', '\''), ('"', '"'), ('`', '`'), ('`', '\''), ('\u{2018}', '\u{2019}'), ('\u{201c}', '\u{201d}')];
/// More colons than this part the groups of an address of IPv6, or of a MAC.
const COLONS_MAX: usize = 1;
/// Stands for a value; the shape takes every number for one.
const VALUE: &str = "0";

/// The shape looks at half of it, with values made short.
const SEEN_BYTES_MAX: usize = 2048;

/// A quote is looked for its end in this much: a message of opening quotes alone is read in time.
const QUOTED_BYTES_MAX: usize = 512;

/// Equal for messages that differ in numbers, ids, addresses and quoted texts only.
pub(super) fn pattern(message: &str) -> u64 {
    let line = message.trim_start().lines().next().unwrap_or_default();
    shape_of(&with_values(prefix(line, SEEN_BYTES_MAX)))
}

/// `line` with one number for each quoted text, each address with colons, and each number in groups.
fn with_values(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let within_word = out.ends_with(char::is_alphanumeric);
        let len = if within_word {
            None
        } else {
            quoted_len(rest).or_else(|| address_len(rest)).or_else(|| number_len(rest))
        };
        match len {
            Some(len) => {
                out.push_str(VALUE);
                rest = &rest[len..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

fn quoted_len(text: &str) -> Option<usize> {
    QUOTES.iter().find_map(|&(open, close)| {
        let inner = text.strip_prefix(open)?;
        let closes =
            |&(at, _): &(usize, &str)| !inner[at + close.len_utf8()..].starts_with(char::is_alphanumeric);
        let (end, _) = prefix(inner, QUOTED_BYTES_MAX).match_indices(close).find(closes)?;
        Some(open.len_utf8() + end + close.len_utf8())
    })
}

fn address_len(text: &str) -> Option<usize> {
    let is_part = |b: &u8| b.is_ascii_hexdigit() || *b == b':';
    let len = text.bytes().take_while(is_part).count();
    let colons = text[..len].matches(':').count();
    (colons > COLONS_MAX && len > colons).then_some(len)
}

/// `1,234.50`; not the comma behind a number.
fn number_len(text: &str) -> Option<usize> {
    let grouped = text.bytes().take_while(|b| b.is_ascii_digit() || matches!(b, b',' | b'.')).count();
    let len = text[..grouped].trim_end_matches([',', '.']).len();
    (text.starts_with(|c: char| c.is_ascii_digit()) && len > 0).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_a_value() {
        let check = |message: &str, expected: &str| assert_eq!(with_values(message), expected, "{message}");
        check("name 'cart' is not defined", "name 0 is not defined");
        check("can't open `a b': it's \"x y\"", "can't open 0: it's 0");
        check("no key 'it's' here", "no key 0 here");
        check("key \u{201c}a\u{201d} at fe80::1:2 of 00:1b:44:11:3a:b7", "key 0 at 0 of 0");
        check("Foo::Bar failed: a:b 'open", "Foo::Bar failed: a:b 'open");
        check("1,234.50 of 7, 8.", "0 of 0, 0.");
        check("", "");
    }

    #[test]
    fn patterns_differ_in_words() {
        let check = |a: &str, b: &str, equal: bool| assert_eq!(pattern(a) == pattern(b), equal, "{a} | {b}");
        check("user 'alice smith' timed out after 30 s", "user 'bob' timed out after 5 s", true);
        check("lost 10.0.0.1:80", "lost 192.168.0.17:8080", true);
        check("at 0x7ffe12ab", "at 0x1", true);
        check("key 3f2504e0-4f89-11d3-9a0c-0305e82c3301", "key 00000000-4f89-11d3-9a0c-0305e82c3302", true);
        check("took 1,234,567 ms", "took 9 ms", true);
        check("cart is empty", "cart is full", false);
        check("cart\nmore", "cart\nother", true);
    }
}
