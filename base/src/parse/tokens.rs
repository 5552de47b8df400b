//! The one tokenizer, for what is indexed and for what is asked: a token is a maximal run of Unicode alphanumerics and
//! `_`, lower-cased character by character. Bytes that are not UTF-8 separate tokens.
//!
//! Tokens have no length limit: the index knows them by hash only, so a token of 100 KB costs it eight bytes.

use std::ops::{ControlFlow, Range};

/// A lower-cased token.
#[derive(Debug, Clone, Copy)]
pub struct Token<'a> {
    /// Its text.
    pub text: &'a [u8],
    kinds: u8,
}

/// Where the index keeps a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenClass {
    /// In the dictionary, by field.
    Word,
    /// In the id table, whatever the field: only hex digits, one of them 0-9, five or more long; or four or more decimals.
    Id,
    /// Nowhere: four hex digits, letters and decimals mixed. They are the middle of UUIDs, three a UUID, as many as
    /// there are lines, and hardly ever asked for. A query for one reads the lines.
    Skipped,
}

const DIGIT: u8 = 1;
const HEX_LETTER: u8 = 2;
const OTHER: u8 = 4;
const UPPER: u8 = 8;
const NON_ASCII: u8 = 16;

/// What each byte is to the tokenizer; 0 separates.
static KINDS: [u8; 256] = kinds();

impl Token<'_> {
    /// Where the index keeps this token.
    pub fn class(&self) -> TokenClass {
        match self.kinds & (DIGIT | HEX_LETTER | OTHER | NON_ASCII) {
            DIGIT if self.text.len() >= 4 => TokenClass::Id,
            mixed if mixed == DIGIT | HEX_LETTER => match self.text.len() {
                0..=3 => TokenClass::Word,
                4 => TokenClass::Skipped,
                _ => TokenClass::Id,
            },
            _ => TokenClass::Word,
        }
    }
}

/// Calls `each` with the tokens of `text` in order, until it breaks.
pub fn tokens(
    text: &str,
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(Token<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    tokens_of(text, scratch, &mut each)
}

/// As [`tokens`], of bytes that need not be UTF-8.
pub fn tokens_lossy(
    text: &[u8],
    scratch: &mut Vec<u8>,
    mut each: impl FnMut(Token<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    match std::str::from_utf8(text) {
        Ok(text) => tokens_of(text, scratch, &mut each),
        Err(_) => text.utf8_chunks().try_for_each(|chunk| tokens_of(chunk.valid(), scratch, &mut each)),
    }
}

#[inline]
fn tokens_of(
    text: &str,
    scratch: &mut Vec<u8>,
    each: &mut impl FnMut(Token<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let bytes = text.as_bytes();
    let (mut start, mut kinds) = (0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        let kind = KINDS[usize::from(byte)];
        if kind != 0 {
            kinds |= kind;
            continue;
        }
        if kinds != 0 {
            run_of(text, start..at, kinds, scratch, each)?;
            kinds = 0;
        }
        start = at + 1;
    }
    if kinds != 0 {
        run_of(text, start..bytes.len(), kinds, scratch, each)
    } else {
        ControlFlow::Continue(())
    }
}

/// A run between two ASCII separators: one token, unless it has characters beyond ASCII.
#[inline]
fn run_of(
    text: &str,
    range: Range<usize>,
    kinds: u8,
    scratch: &mut Vec<u8>,
    each: &mut impl FnMut(Token<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let run = &text.as_bytes()[range.clone()];
    if kinds & (UPPER | NON_ASCII) == 0 {
        // Fast path: as it stands in the text.
        return each(Token { text: run, kinds });
    }
    if kinds & NON_ASCII != 0 {
        return unicode_tokens(&text[range], scratch, each);
    }
    scratch.clear();
    scratch.extend_from_slice(run);
    scratch.make_ascii_lowercase();
    each(Token { text: scratch, kinds })
}

/// Slow path: a run without ASCII separators, but with other characters in it that may separate.
#[cold]
fn unicode_tokens(
    run: &str,
    scratch: &mut Vec<u8>,
    each: &mut impl FnMut(Token<'_>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for word in run.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()) {
        scratch.clear();
        for lower in word.chars().flat_map(char::to_lowercase) {
            scratch.extend_from_slice(lower.encode_utf8(&mut [0; 4]).as_bytes());
        }
        let kinds = scratch.iter().fold(0, |kinds, &byte| kinds | KINDS[usize::from(byte)]);
        each(Token { text: scratch, kinds })?;
    }
    ControlFlow::Continue(())
}

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' => HEX_LETTER,
            b'A'..=b'F' => HEX_LETTER | UPPER,
            b'g'..=b'z' | b'_' => OTHER,
            b'G'..=b'Z' => OTHER | UPPER,
            0x80..=0xff => NON_ASCII,
            _ => 0,
        };
        byte += 1;
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let _ = tokens_lossy(text, &mut Vec::new(), |token| {
            found.push(String::from_utf8(token.text.to_vec()).expect("utf-8 in, utf-8 out"));
            ControlFlow::Continue(())
        });
        found
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(all(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn tokens_are_lower_cased_runs() {
        check(
            "Connection RESET by 10.2.3.4: user_id=U7",
            &["connection", "reset", "by", "10", "2", "3", "4", "user_id", "u7"],
        );
        check("", &[]);
        check(" -- ", &[]);
        check("größe→ÉTÉ_1…x", &["größe", "été_1", "x"]);
        check("\u{212a}elvin", &["kelvin"]);
        check("\u{130}stanbul", &["i\u{307}stanbul"]);
        check("错误 日志", &["错误", "日志"]);
    }

    #[test]
    fn t27_bytes_that_are_not_utf8_separate() {
        assert_eq!(all(b"ab\xffcd \xe2\x82"), ["ab", "cd"]);
        assert_eq!(all(b"\xff\xfeo\0k\0"), ["o", "k"]);
        assert_eq!(all(b"\xef\xbb\xbfok"), ["ok"]);
    }

    #[test]
    fn ids_stay_out_of_the_dictionary() {
        let check = |text: &str, expected: TokenClass| {
            let _ = tokens(text, &mut Vec::new(), |token| {
                assert_eq!(token.class(), expected, "{text}");
                ControlFlow::Continue(())
            });
        };
        check("4bf92f3577b34da6a3ce929d0e0e4736", TokenClass::Id);
        check("4BF92F35", TokenClass::Id);
        check("4821", TokenClass::Id);
        check("482", TokenClass::Word);
        check("41d4", TokenClass::Skipped);
        check("face", TokenClass::Word);
        check("deadbeef", TokenClass::Word);
        check("u48213", TokenClass::Word);
    }

    proptest! {
        #[test]
        fn same_as_the_definition(text: String) {
            let expected: Vec<String> = text
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .filter(|word| !word.is_empty())
                .map(|word| word.chars().flat_map(char::to_lowercase).collect())
                .collect();
            prop_assert_eq!(all(text.as_bytes()), expected);
        }

        #[test]
        fn any_bytes_are_tokens_or_not(bytes: Vec<u8>) {
            all(&bytes);
        }
    }
}
