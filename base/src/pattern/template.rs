//! A template: the pieces of the first message of a pattern, more of them masked with every message that
//! joins it.
//!
//! When a message joins: both have the same gaps, and every word that differs is more likely a value than a
//! choice of the programmer. Most miners ask only how many words agree, and then `Starting the main loop` and
//! `Ending the main loop` are one pattern, or `user alice` and `user bob` are two. What tells them apart is
//! where the word stands. A value follows a `=`, a quote or a preposition, or it is no plain word of letters
//! (`eth-a`, `com.example.Shop`); but `true`, `null` and `RUNNING` are states, and states are what one looks
//! for.

use super::mask::{PIECES_MAX, Piece, TEXT_BYTES_MAX, normal_gap, pieces};
use crate::varint;
use std::fmt;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a value looks like in a template.
const VALUE: &str = "<*>";

/// Words before a value.
const LEADS: &[&[u8]] =
    &[b"for", b"from", b"to", b"by", b"at", b"of", b"on", b"in", b"with", b"as", b"via", b"user"];

/// The pieces of a template, with their gaps in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    /// Gap, word, gap, word, and so on; values have no text.
    text: Vec<u8>,
    parts: Vec<Part>,
}

/// The lengths of a gap and of the word after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    gap_len: u16,
    word_len: u16,
    is_value: bool,
}

/// How well a message fits a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It belongs here; the higher the better.
    Joins(u32),
    /// It would, were the word at this place a value.
    OneWord(usize),
    /// The gaps are the same; the higher the better.
    Gaps(u32),
    /// It has nothing to do with it.
    Foreign,
}

/// What an equal word counts.
const POINTS_EQUAL: u32 = 10;
/// What a word against a value counts.
const POINTS_VALUE: u32 = 3;

impl Template {
    /// The template that only this message's shape has.
    pub(super) fn of(message: &str) -> Self {
        let mut template = Self { text: Vec::new(), parts: Vec::new() };
        pieces(message, |piece| {
            let start = template.text.len();
            template.text.extend(normal_gap(piece.gap));
            let gap_end = template.text.len();
            template.text.extend_from_slice(piece.word.unwrap_or_default());
            template.parts.push(Part {
                gap_len: length(gap_end - start),
                word_len: length(template.text.len() - gap_end),
                is_value: piece.word.is_none(),
            });
        });
        template
    }

    /// What all templates share that a message may join: its gaps, and its first word that is no value.
    pub(super) fn leaf(&self) -> u64 {
        let (mut hash, mut seen_word) = (0, false);
        for piece in self.pieces() {
            hash = xxh3_64_with_seed(piece.gap, hash);
            if !seen_word && let Some(word) = piece.word.filter(|word| !word.is_empty()) {
                hash = xxh3_64_with_seed(word, hash);
                seen_word = true;
            }
        }
        hash
    }

    /// How well `line` fits; both are of the same leaf, or it is foreign.
    pub(super) fn fit(&self, line: &Self) -> Fit {
        if self.parts.len() != line.parts.len() {
            return Fit::Foreign;
        }
        let (mut points, mut words) = (0, 0);
        let (mut plain, mut plain_at) = (0, 0);
        let mut before: Option<&[u8]> = None;
        for (at, (ours, theirs)) in self.pieces().zip(line.pieces()).enumerate() {
            if ours.gap != theirs.gap {
                return Fit::Foreign;
            }
            match (ours.word, theirs.word) {
                (None, None) => {}
                (Some(ours), Some(theirs)) if ours == theirs => {
                    words += u32::from(!ours.is_empty());
                    points += if ours.is_empty() { 0 } else { POINTS_EQUAL };
                }
                (Some(our_word), Some(their_word)) => {
                    words += 1;
                    if plain < 2 && !may_vary(before, ours.gap, our_word, their_word) {
                        (plain, plain_at) = (plain + 1, at);
                    }
                }
                _ => (words, points) = (words + 1, points + POINTS_VALUE),
            }
            before = ours.word;
        }
        let alike = 2 * points >= words * POINTS_EQUAL;
        match plain {
            0 if alike => Fit::Joins(points),
            1 if alike => Fit::OneWord(plain_at),
            _ => Fit::Gaps(points),
        }
    }

    /// Masks the words that `line`, which fits, has otherwise; whether there were any.
    pub(super) fn generalise(&self, line: &Self) -> Option<Self> {
        let differs =
            |(ours, theirs): (Piece<'_>, Piece<'_>)| ours.word.is_some() && ours.word != theirs.word;
        if !self.pieces().zip(line.pieces()).any(differs) {
            return None;
        }
        let mut merged = Self { text: Vec::with_capacity(self.text.len()), parts: self.parts.clone() };
        for ((ours, theirs), part) in self.pieces().zip(line.pieces()).zip(&mut merged.parts) {
            let kept = ours.word.filter(|_| ours.word == theirs.word);
            merged.text.extend_from_slice(ours.gap);
            merged.text.extend_from_slice(kept.unwrap_or_default());
            (part.word_len, part.is_value) = (length(kept.map_or(0, <[u8]>::len)), kept.is_none());
        }
        Some(merged)
    }

    fn pieces(&self) -> impl Iterator<Item = Piece<'_>> {
        let mut rest = self.text.as_slice();
        self.parts.iter().map(move |part| {
            let (gap, after) = rest.split_at(usize::from(part.gap_len));
            let (word, after) = after.split_at(usize::from(part.word_len));
            rest = after;
            Piece { gap, word: (!part.is_value).then_some(word) }
        })
    }

    /// Appends the template; its format is drawn in the module's header.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        varint::put(out, self.parts.len() as u64);
        for part in &self.parts {
            varint::put(out, u64::from(part.gap_len));
            varint::put(out, u64::from(part.word_len) << 1 | u64::from(part.is_value));
        }
        out.extend_from_slice(&self.text);
    }

    /// Takes a template off the front of `input`.
    pub(super) fn decode(input: &mut &[u8]) -> Option<Self> {
        let count = usize::try_from(varint::take(input)?).ok().filter(|&count| count <= PIECES_MAX)?;
        let mut parts = Vec::with_capacity(count);
        let mut text_len = 0;
        for _ in 0..count {
            let gap_len = u16::try_from(varint::take(input)?).ok()?;
            let word = varint::take(input)?;
            let part = Part { gap_len, word_len: u16::try_from(word >> 1).ok()?, is_value: word & 1 == 1 };
            text_len += usize::from(part.gap_len) + usize::from(part.word_len);
            if part.is_value && part.word_len > 0 || text_len > TEXT_BYTES_MAX {
                return None;
            }
            parts.push(part);
        }
        let (text, rest) = input.split_at_checked(text_len)?;
        *input = rest;
        Some(Self { text: text.to_vec(), parts })
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces().try_for_each(|piece| {
            f.write_str(&String::from_utf8_lossy(piece.gap))?;
            f.write_str(&piece.word.map_or(VALUE.into(), String::from_utf8_lossy))
        })
    }
}

/// Whether two words after `before` and `gap` are likely values of one parameter.
fn may_vary(before: Option<&[u8]>, gap: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    if is_state(ours) || is_state(theirs) {
        return false;
    }
    let led =
        gap == b" " && before.is_some_and(|word| LEADS.iter().any(|lead| lead.eq_ignore_ascii_case(word)));
    let assigned = gap.trim_ascii_end().last().is_some_and(|&b| matches!(b, b'=' | b'\''));
    led || assigned || !is_plain(ours) || !is_plain(theirs)
}

fn is_state(word: &[u8]) -> bool {
    matches!(word, b"true" | b"false" | b"null") || word.iter().all(|&b| b.is_ascii_uppercase() || b == b'_')
}

fn is_plain(word: &[u8]) -> bool {
    word.iter().all(|&b| b.is_ascii_alphabetic() || !b.is_ascii())
}

fn length(bytes: usize) -> u16 {
    u16::try_from(bytes).expect("at most TEXT_BYTES_MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The template of `first` after `second` came, when it joins.
    fn check(first: &str, second: &str, expected: Option<&str>) {
        let (ours, line) = (Template::of(first), Template::of(second));
        let merged = (ours.leaf() == line.leaf() && matches!(ours.fit(&line), Fit::Joins(_)))
            .then(|| ours.generalise(&line).unwrap_or(ours).to_string());
        assert_eq!(merged.as_deref(), expected, "{first} | {second}");
    }

    #[test]
    fn values_join_and_choices_do_not() {
        check("login of alice failed", "login of bob failed", Some("login of <*> failed"));
        check("login for user alice now", "login for user bob now", Some("login for user <*> now"));
        check("mode=fast on", "mode=slow on", Some("mode=<*> on"));
        check("loaded 'alpha' at boot", "loaded 'beta' at boot", Some("loaded '<*>' at boot"));
        check("link eth-a went up", "link eth-b went up", Some("link <*> went up"));
        check("went to disk 7", "went to tape 8", Some("went to <*> <*>"));
        check("the main loop starts", "the main loop ends", None);
        check("moved to RUNNING state", "moved to DONE state", None);
        check("visible is=true now", "visible is=false now", None);
        check("no one", "no one else", None);
        check("a, b", "a; b", None);
        check("take alpha from a", "take beta from b", None);
    }
}
