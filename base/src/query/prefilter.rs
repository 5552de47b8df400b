//! What the text of a matching line must contain, so that blocks and lines without it are not read at all.
//!
//! Tokens without non-ASCII characters stand in the line's text as they are but for case, unless a JSON `\u` escape
//! hides some of their characters. Numbers have many spellings, and level, service and the source's fields need not
//! stand in the text: such conditions ask for nothing.

use super::leaf::{FieldTest, Leaf, Node, Target, Words};
use crate::parse::Role;
use regex::bytes::Regex;

/// Shorter texts are found in nearly every line.
const BYTES_MIN: usize = 3;
/// More alternatives than this cost more than they save.
const ALTERNATIVES_MAX: usize = 16;
/// The last group of a UUID; whole in every spelling of an id.
const ID_TAIL_BYTES: usize = 12;

/// Whether fields that the source gives to its lines may make a leaf true.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceFields {
    May,
    DoNot,
}

/// A regular expression that matches in the text of every matching line; `None` when the query has none.
pub(super) fn of(node: &Node, leaves: &[Leaf], source: SourceFields) -> Option<Regex> {
    let needed = needed(node, leaves, source)?;
    let alternatives: Vec<String> = needed.iter().map(|text| regex::escape(text)).collect();
    Regex::new(&format!(r"(?i:{})|\\u", alternatives.join("|"))).ok()
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
        Leaf::Text { words, id: None } => of_words(words),
        Leaf::Text { id: Some(id), .. } | Leaf::Trace { id, in_plain_text: true, .. } => {
            let tail = &id[id.len().checked_sub(ID_TAIL_BYTES)?..];
            Some(vec![String::from_utf8(tail.to_vec()).ok()?])
        }
        Leaf::Field { target, test: FieldTest::Words(words) } => match target {
            Target::Role(Role::User) => of_words(words),
            Target::Path(_) if source == SourceFields::DoNot => of_words(words),
            _ => None,
        },
        _ => None,
    }
}

fn of_words(words: &Words) -> Option<Vec<String>> {
    if words.number.is_some() {
        return None;
    }
    let longest = words.tokens.iter().filter(|token| token.is_ascii()).max_by_key(|token| token.len())?;
    let text = std::str::from_utf8(longest).ok().filter(|text| text.len() >= BYTES_MIN)?;
    Some(vec![text.to_owned()])
}
