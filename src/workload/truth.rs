//! What a search of a generated file must find: counts per level, service, user and word, and known traces.

use super::generator::{Facts, user_id};
use super::tables::{LEVELS, RARE_WORDS, SERVICES, TEMPLATES, USERS, counted_words};
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Users the truth file names: those with the most lines.
const TOP_USERS: usize = 20;
/// Traces the truth file names: at least half as many, spread evenly over the file, once there are that many.
const KNOWN_TRACES_MAX: usize = 200;

/// The truth file, `truth.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The seed that makes the same lines.
    pub seed: u64,
    /// Lines in all.
    pub lines: u64,
    /// Bytes in all, newlines included.
    pub bytes: u64,
    /// Time of the first line, RFC 3339.
    pub first: String,
    /// Time of the last line, RFC 3339.
    pub last: String,
    /// Lines per level.
    pub levels: BTreeMap<String, u64>,
    /// Lines per service.
    pub services: BTreeMap<String, u64>,
    /// Lines per user, of the users with the most lines.
    pub users: BTreeMap<String, u64>,
    /// Lines with this word in their message. None of these words stands in an exception.
    pub words: BTreeMap<String, u64>,
    /// The rare ones of `words`.
    pub rare_words: Vec<String>,
    /// Lines per trace, of some traces that are complete.
    pub traces: BTreeMap<String, u32>,
}

/// Counts lines as they are made.
#[derive(Debug)]
pub struct Tally {
    lines: u64,
    bytes: u64,
    first: Timestamp,
    last: Timestamp,
    levels: [u64; LEVELS.len()],
    services: [u64; SERVICES.len()],
    templates: [u64; TEMPLATES.len()],
    rare: [u64; RARE_WORDS.len()],
    users: Vec<u32>,
    traces: Vec<(u128, u32)>,
    traces_ended: u64,
    /// Every how manieth ended trace is kept; doubles whenever too many are.
    stride: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            lines: 0,
            bytes: 0,
            first: Timestamp::default(),
            last: Timestamp::default(),
            levels: [0; LEVELS.len()],
            services: [0; SERVICES.len()],
            templates: [0; TEMPLATES.len()],
            rare: [0; RARE_WORDS.len()],
            users: vec![0; USERS as usize],
            traces: Vec::new(),
            traces_ended: 0,
            stride: 1,
        }
    }
}

impl Tally {
    /// Counts a line of `len` bytes.
    pub fn add(&mut self, facts: &Facts, len: usize) {
        if self.lines == 0 {
            self.first = facts.time;
        }
        self.last = facts.time;
        self.lines += 1;
        self.bytes += len as u64;
        self.levels[facts.level as usize] += 1;
        self.services[facts.service] += 1;
        self.templates[facts.template] += 1;
        self.users[facts.user as usize] += 1;
        if let Some(rare) = facts.rare {
            self.rare[rare] += 1;
        }
        if let Some(lines) = facts.trace_ended {
            self.add_trace(facts.trace, lines);
        }
    }

    /// What has been counted so far, of the lines of `seed`.
    pub fn truth(&self, seed: u64) -> Truth {
        Truth {
            seed,
            lines: self.lines,
            bytes: self.bytes,
            first: self.first.to_string(),
            last: self.last.to_string(),
            levels: named(&LEVELS, &self.levels),
            services: named(&SERVICES, &self.services),
            users: self.top_users(),
            words: self.words(),
            rare_words: RARE_WORDS.map(str::to_owned).to_vec(),
            traces: self.traces.iter().map(|(id, lines)| (format!("{id:032x}"), *lines)).collect(),
        }
    }

    fn add_trace(&mut self, id: u128, lines: u32) {
        if self.traces_ended.is_multiple_of(self.stride) {
            self.traces.push((id, lines));
        }
        self.traces_ended += 1;
        if self.traces.len() == KNOWN_TRACES_MAX {
            let mut index = 0;
            self.traces.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.stride *= 2;
        }
    }

    fn top_users(&self) -> BTreeMap<String, u64> {
        let mut users: Vec<(u32, u32)> = (0..).zip(&self.users).map(|(user, &lines)| (lines, user)).collect();
        users.sort_unstable_by(|a, b| b.cmp(a));
        let top = users.iter().take(TOP_USERS).filter(|(lines, _)| *lines > 0);
        top.map(|&(lines, user)| (user_id(user), u64::from(lines))).collect()
    }

    fn words(&self) -> BTreeMap<String, u64> {
        let mut words = named(&RARE_WORDS, &self.rare);
        for (word, templates) in counted_words() {
            words.insert(word.to_owned(), templates.iter().map(|&t| self.templates[t]).sum());
        }
        words
    }
}

fn named(names: &[&str], counts: &[u64]) -> BTreeMap<String, u64> {
    names.iter().zip(counts).map(|(name, &count)| ((*name).to_owned(), count)).collect()
}
