//! Patterns: messages that one statement of a program wrote are one pattern, whatever values it filled in.
//!
//! Found as the messages come, with bounded memory and no settings. Of the family of Drain (He, Zhu, Zheng,
//! Lyu: "Drain: an online log parsing approach with fixed depth tree", ICWS 2017), in two stages:
//!
//! 1. [`shape_of`] masks what is a value by its form and hashes the rest. Pure, and all there is to do for
//!    nearly every message: its shape is known.
//! 2. [`Miner`] looks a new shape up among the templates with the same gaps and the same first word. It joins
//!    the one that it differs from in likely values only (`template.rs` says which those are), or founds a
//!    pattern.
//!
//! Where this is not Drain: values are masked by their form, not by a regular expression for each kind of
//! log; punctuation parts words and has to agree; and which words may differ is asked of each word, not of
//! their number.
//!
//! On the eight labelled logs of loghub, each line's header cut by `parse/layout/header.rs`, 0.99 of the
//! lines are grouped as people grouped them; Drain with regular expressions made for each of them reaches
//! 0.93.
//!
//! A message keeps the pattern it was given: patterns are never merged and ids never change. An id is a hash
//! of the pattern's first template, so servers that meet the same kind of message first agree on it.
//!
//! Limits: 10 000 patterns, 65 536 shapes, 1 KiB and 128 words of a message. Full, all of it takes some 20 MB
//! at worst, and 5 MB with messages of 100 bytes.

mod mask;
mod miner;
mod template;

#[cfg(test)]
mod tests;

pub use mask::shape_of;
pub use miner::{Miner, PATTERNS_MAX};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Names a pattern; printed as eight lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PatternId(pub u32);

impl PatternId {
    /// Of what has no pattern.
    pub const NONE: Self = Self(0);
}

impl From<PatternId> for String {
    fn from(id: PatternId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for PatternId {
    type Error = BadPatternId;
    fn try_from(text: String) -> Result<Self, BadPatternId> {
        text.parse()
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// Text that is not a pattern's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPatternId(String);

impl fmt::Display for BadPatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a pattern's id of 8 hex digits", self.0.escape_debug())
    }
}

impl std::error::Error for BadPatternId {}

impl FromStr for PatternId {
    type Err = BadPatternId;

    fn from_str(text: &str) -> Result<Self, BadPatternId> {
        let is_hex = text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = is_hex.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        id.map(Self).ok_or_else(|| BadPatternId(text.to_owned()))
    }
}
