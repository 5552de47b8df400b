//! What the text of a matching line must contain, so that blocks and lines without it are not read at all: a token, or a
//! literal of an expression.
//!
//! Tokens without non-ASCII characters stand in the line's text as they are but for case, unless a JSON `\u` escape
//! hides some of their characters. Numbers have many spellings, and level, service and the source's fields need not
//! stand in the text: such conditions ask for nothing.

use super::leaf::{FieldTest, Leaf, Node, Target, Words};
use crate::parse::Role;
use memchr::{memchr, memmem};
use regex::bytes::Regex;
use regex_syntax::hir::{Hir, HirKind};

/// Colours may stand inside of words.
const ESCAPE: u8 = 0x1b;
/// Shorter texts are found in nearly every line.
const BYTES_MIN: usize = 3;
/// More alternatives than this cost more than they save.
const ALTERNATIVES_MAX: usize = 16;
/// Bytes of a token that are searched for before the rest is compared.
const WINDOW_BYTES: usize = 4;
/// The last group of a UUID; whole in every spelling of an id.
const ID_TAIL_BYTES: usize = 12;

/// Whether fields that the source gives to its lines may make a leaf true.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceFields {
    May,
    DoNot,
}

/// Finds what the text of a matching line must contain: one of some tokens in any case, or an escape or a colour that may
/// hide one.
#[derive(Debug)]
pub struct Prefilter {
    needles: Vec<Needle>,
    /// U+212A, the one character outside ASCII whose lower case, `k`, is within.
    kelvin_sign: bool,
}

/// A token, found by four bytes of it that are rare.
#[derive(Debug)]
struct Needle {
    token: String,
    /// All spellings of the window in upper and lower case, so that the search is one for a few literals.
    window: Regex,
    window_at: usize,
}

/// The filter of a compiled query; `None` when its lines need not contain anything in particular.
pub(super) fn of(node: &Node, leaves: &[Leaf], source: SourceFields) -> Option<Prefilter> {
    let needed = needed(node, leaves, source)?;
    let kelvin_sign = needed.iter().any(|token| token.contains('k'));
    let needles = needed.into_iter().map(Needle::new).collect::<Option<Vec<_>>>()?;
    Some(Prefilter { needles, kelvin_sign })
}

impl Prefilter {
    /// Whether `text`, a line or a block of lines, may contain a matching line.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.needles.iter().any(|needle| needle.find(text, 0).is_some()) || self.is_hidden_in(text)
    }

    /// Calls `found` with each place in `text` that a matching line must have one of. False, and nothing called, when
    /// something in the text may hide such places.
    pub fn each_place(&self, text: &[u8], mut found: impl FnMut(usize)) -> bool {
        if self.is_hidden_in(text) {
            return false;
        }
        for needle in &self.needles {
            let mut from = 0;
            while let Some(at) = needle.find(text, from) {
                found(at);
                from = at + needle.window_at + 1;
            }
        }
        true
    }

    /// Whether an escape, a colour or another character may hide what is looked for.
    fn is_hidden_in(&self, text: &[u8]) -> bool {
        memmem::find(text, br"\u").is_some()
            || memchr(ESCAPE, text).is_some()
            || (self.kelvin_sign && memmem::find(text, "\u{212a}".as_bytes()).is_some())
    }
}

impl Needle {
    fn new(token: String) -> Option<Self> {
        let len = token.len().min(WINDOW_BYTES);
        let rareness = |window: &[u8]| window.iter().map(|&byte| rareness(byte)).sum::<usize>();
        let windows = token.as_bytes().windows(len).enumerate();
        let (window_at, _) = windows.max_by_key(|(_, window)| rareness(window))?;
        let pattern = format!("(?i-u:{})", regex::escape(&token[window_at..window_at + len]));
        Some(Self { window: Regex::new(&pattern).ok()?, window_at, token })
    }

    /// Where the token begins whose window is the first at or behind `from`.
    fn find(&self, text: &[u8], mut from: usize) -> Option<usize> {
        while let Some(found) = self.window.find_at(text, from) {
            let start = found.start().checked_sub(self.window_at);
            let whole = start.and_then(|at| text.get(at..at + self.token.len()));
            if whole.is_some_and(|whole| whole.eq_ignore_ascii_case(self.token.as_bytes())) {
                return start;
            }
            from = found.start() + 1;
        }
        None
    }
}

/// Bytes of tokens from the most frequent in JSON logs to the rarest, by and large.
fn rareness(byte: u8) -> usize {
    const BY_FREQUENCY: &[u8] = b"e01234t56a789nisorcdlmupfgbhvyw_kxzjq";
    if byte == b' ' {
        return 0;
    }
    BY_FREQUENCY.iter().position(|&known| known == byte).unwrap_or(BY_FREQUENCY.len())
}

/// Texts of which each matching line contains at least one.
fn needed(node: &Node, leaves: &[Leaf], source: SourceFields) -> Option<Vec<String>> {
    match node {
        Node::All | Node::Not(_) => None,
        Node::Leaf(leaf) => of_leaf(&leaves[*leaf], source),
        Node::And(parts) => {
            let texts = parts.iter().filter_map(|part| needed(part, leaves, source));
            texts.max_by_key(|texts| (texts.iter().map(String::len).min(), usize::MAX - texts.len()))
        }
        Node::Or(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                texts.extend(needed(part, leaves, source)?);
            }
            texts.sort_unstable();
            texts.dedup();
            (texts.len() <= ALTERNATIVES_MAX).then_some(texts)
        }
    }
}

fn of_leaf(leaf: &Leaf, source: SourceFields) -> Option<Vec<String>> {
    match leaf {
        Leaf::Text { words, .. } if words.number.is_some() => None,
        Leaf::Text { words, id: None } => of_words(words),
        Leaf::Text { id: Some(id), .. } | Leaf::Trace { id, in_plain_text: true, .. } => {
            let tail = &id[id.len().checked_sub(ID_TAIL_BYTES)?..];
            Some(vec![String::from_utf8(tail.to_vec()).ok()?])
        }
        Leaf::Field { target, test } => match target {
            Target::Role(Role::User | Role::Body) => of_test(test),
            Target::Path(_) if source == SourceFields::DoNot => of_test(test),
            _ => None,
        },
        _ => None,
    }
}

fn of_test(test: &FieldTest) -> Option<Vec<String>> {
    match test {
        FieldTest::Words(words) => of_words(words),
        FieldTest::Regex(regex) => of_regex(regex).map(|literal| vec![literal]),
        FieldTest::Exists | FieldTest::Range(_) => None,
    }
}

/// The longest text that every match of an expression contains, and that stands in a line as it is: no character that JSON
/// may escape in it, and not the digits of a number, which has many spellings.
fn of_regex(regex: &regex::Regex) -> Option<String> {
    let tree = regex_syntax::parse(regex.as_str()).ok()?;
    let mut longest = String::new();
    longest_literal(&tree, &mut longest);
    let is_of_number = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    (longest.len() >= BYTES_MIN && !longest.chars().all(is_of_number)).then_some(longest)
}

fn longest_literal(tree: &Hir, longest: &mut String) {
    match tree.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0).unwrap_or_default();
            let verbatim = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '/');
            let piece = text.split(|c| !verbatim(c)).max_by_key(|piece| piece.len()).unwrap_or_default();
            if piece.len() > longest.len() {
                *longest = piece.to_owned();
            }
        }
        HirKind::Concat(parts) => parts.iter().for_each(|part| longest_literal(part, longest)),
        HirKind::Capture(inner) => longest_literal(&inner.sub, longest),
        HirKind::Repetition(inner) if inner.min > 0 => longest_literal(&inner.sub, longest),
        _ => {}
    }
}

fn of_words(words: &Words) -> Option<Vec<String>> {
    if words.number.is_some() {
        return None;
    }
    let last = words.tokens.len() - 1;
    let certain = words.tokens.iter().enumerate().map(|(at, token)| match words.open && at == last {
        // A dotted capital I, which is not ASCII, is lower-cased to an i and a dot.
        true => token.strip_suffix(b"i").unwrap_or(token),
        false => token,
    });
    let longest = certain.filter(|token| token.is_ascii()).max_by_key(|token| token.len())?;
    let text = std::str::from_utf8(longest).ok().filter(|text| text.len() >= BYTES_MIN)?;
    Some(vec![text.to_owned()])
}
