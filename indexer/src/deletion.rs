//! Deletions: everything that a query finds up to a position of the journal is to go. What the manifest remembers of each, what is
//! to be done next, and what people are told.
//!
//! Life of one: its record arrives and the tail is closed there, so that all it may concern is in splits. The commit of that position
//! commits the deletion as well (*pending*). Then, in steps that a crash may come between, because each is a commit or
//! can be done again:
//!
//! 1. Every split that begins at or before the position is looked through, and written anew when it has matching lines.
//! 2. Patterns let go of what they only know from deleted lines; their state on disk is written anew.
//! 3. When no reader holds a replaced file any more, the manifest is written anew without the query: it is *done*.
//!
//! A split that cannot be read holds up the third step, and nothing else. A query that cannot be read has *failed* at once.

use crate::split::Split;
use logweir_base::entry::{Entry, EntryBody};
use logweir_base::ids::Position;
use logweir_base::pattern::PatternId;
use logweir_base::query::Query;
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Problems that a status tells at most.
const PROBLEMS_MAX: usize = 20;

/// A deletion as the manifest remembers it. Its position names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deletion {
    /// What people name it by.
    pub id: String,
    /// Of its record: later lines stay.
    pub position: Position,
    /// When its record was received.
    pub asked: Timestamp,
    /// What is to go. Only while it is pending, since a query may name the very person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Lines removed so far.
    #[serde(default)]
    pub lines: u64,
    /// Patterns that have lost lines; only while it is pending.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub patterns: BTreeSet<PatternId>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// Why nothing could be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// How far a deletion is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionState {
    /// Lines, or what is known of them, may still be there.
    Pending,
    /// The log store holds nothing of them.
    Done,
    /// It cannot be carried out.
    Failed,
}

/// What there is to say of a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletionStatus {
    /// Its name.
    pub id: String,
    /// Its place in the journal; lines behind it stay.
    pub position: Position,
    /// How far it is.
    pub state: DeletionState,
    /// What is removed; only while it is pending.
    pub query: Option<String>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// Lines removed so far.
    pub lines_removed: u64,
    /// Splits that have not been looked through.
    pub splits_left: usize,
    /// Why it does not end.
    pub problems: Vec<String>,
}

/// A step towards the end of a deletion.
#[derive(Clone)]
pub(crate) enum Step {
    /// Look through a split.
    Split(Arc<Split>),
    /// Take it out of the patterns.
    Patterns,
    /// Forget the query.
    End,
}

/// What the steps of the deletions depend on.
pub(crate) struct Surroundings<'a> {
    pub(crate) splits: &'a [Arc<Split>],
    /// Splits wait to be written, with states of patterns from before.
    pub(crate) has_cuts: bool,
    /// Somebody reads files that the manifest does not name any more.
    pub(crate) has_readers: bool,
}

/// All deletions, and how far the pending ones are.
#[derive(Default)]
pub(crate) struct Deletions {
    all: Vec<Deletion>,
    /// By position of the deletion. In memory only: after a start all splits are looked through again.
    progress: BTreeMap<Position, Progress>,
}

#[derive(Default)]
struct Progress {
    /// Splits without matching lines.
    clean: BTreeSet<String>,
    /// Splits that cannot be read, and why.
    trouble: BTreeMap<String, String>,
    /// The patterns know nothing of it.
    patterns_clean: bool,
}

impl Deletion {
    /// What `entry` asks for, if it is a deletion.
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        let EntryBody::Delete { id, query } = &entry.body else {
            return None;
        };
        let deletion = Self {
            id: id.clone(),
            position: entry.position,
            asked: entry.received,
            query: Some(query.clone()),
            lines: 0,
            patterns: BTreeSet::new(),
            ended: None,
            failed: None,
        };
        Some(match deletion.parsed() {
            Ok(_) => deletion,
            Err(why) => deletion.ended(entry.received, Some(why)),
        })
    }

    /// Whether something is to be done.
    pub(crate) fn is_pending(&self) -> bool {
        self.query.is_some()
    }

    /// The query; or why there is none, which does not quote it.
    pub(crate) fn parsed(&self) -> Result<Query, String> {
        let text = self.query.as_deref().unwrap_or_default();
        text.parse().map_err(|e: logweir_base::query::QueryError| {
            format!("the query cannot be read: there is a mistake at column {}", e.column)
        })
    }

    /// The same, ended.
    pub(crate) fn ended(mut self, at: Timestamp, failed: Option<String>) -> Self {
        self.query = None;
        self.patterns.clear();
        (self.ended, self.failed) = (Some(at), failed);
        self
    }

    /// As people are told when nothing has been done for it yet.
    pub(crate) fn status(&self, splits: &[Arc<Split>]) -> DeletionStatus {
        self.status_with(&Progress::default(), splits)
    }

    fn status_with(&self, progress: &Progress, splits: &[Arc<Split>]) -> DeletionStatus {
        let state = match (self.is_pending(), &self.failed) {
            (true, _) => DeletionState::Pending,
            (false, None) => DeletionState::Done,
            (false, Some(_)) => DeletionState::Failed,
        };
        let concerned = || self.concerns(splits).filter(|_| self.is_pending());
        let trouble = concerned().filter_map(|split| {
            let name = &split.info.name;
            progress.trouble.get(name).map(|why| format!("{name}: {why}"))
        });
        DeletionStatus {
            id: self.id.clone(),
            position: self.position,
            state,
            query: self.query.clone(),
            asked: self.asked,
            ended: self.ended,
            lines_removed: self.lines,
            splits_left: concerned().filter(|split| !progress.clean.contains(&split.info.name)).count(),
            problems: self.failed.iter().cloned().chain(trouble).take(PROBLEMS_MAX).collect(),
        }
    }

    /// The splits that may have lines of it.
    fn concerns<'a>(&self, splits: &'a [Arc<Split>]) -> impl Iterator<Item = &'a Arc<Split>> {
        splits.iter().filter(|split| split.info.first <= self.position)
    }
}

impl Deletions {
    /// Takes over what the manifest says.
    pub(crate) fn set(&mut self, all: &[Deletion]) {
        self.all = all.to_vec();
        let all = &self.all;
        self.progress.retain(|at, _| all.iter().any(|it| it.position == *at && it.is_pending()));
    }

    /// The next step of the oldest deletion that has one.
    pub(crate) fn next(&self, around: &Surroundings<'_>) -> Option<(Deletion, Step)> {
        let pending = self.all.iter().filter(|deletion| deletion.is_pending());
        { pending }.find_map(|deletion| Some((deletion.clone(), self.step(deletion, around)?)))
    }

    fn step(&self, deletion: &Deletion, around: &Surroundings<'_>) -> Option<Step> {
        let none = Progress::default();
        let progress = self.progress.get(&deletion.position).unwrap_or(&none);
        let is_clean = |split: &&Arc<Split>| progress.clean.contains(&split.info.name);
        let is_seen =
            |split: &&Arc<Split>| is_clean(split) || progress.trouble.contains_key(&split.info.name);
        if let Some(split) = deletion.concerns(around.splits).find(|split| !is_seen(split)) {
            return Some(Step::Split(split.clone()));
        }
        if !progress.patterns_clean {
            return (!around.has_cuts).then_some(Step::Patterns);
        }
        let all_clean = deletion.concerns(around.splits).all(|split| is_clean(&split));
        (all_clean && !around.has_readers).then_some(Step::End)
    }

    /// The split `name` has no lines of this deletion.
    pub(crate) fn set_clean(&mut self, at: Position, name: &str) {
        self.progress.entry(at).or_default().clean.insert(name.to_owned());
    }

    /// Lines were removed, and patterns may know of them.
    pub(crate) fn set_removed(&mut self, at: Position) {
        self.progress.entry(at).or_default().patterns_clean = false;
    }

    /// The split `name` cannot be looked through before the next start.
    pub(crate) fn set_trouble(&mut self, at: Position, name: &str, why: String) {
        self.progress.entry(at).or_default().trouble.insert(name.to_owned(), why);
    }

    /// The patterns know nothing of the lines that were removed so far.
    pub(crate) fn set_patterns_clean(&mut self, at: Position) {
        self.progress.entry(at).or_default().patterns_clean = true;
    }

    /// All of them, by position.
    pub(crate) fn statuses(&self, splits: &[Arc<Split>]) -> Vec<DeletionStatus> {
        let none = Progress::default();
        let status = |deletion: &Deletion| {
            deletion.status_with(self.progress.get(&deletion.position).unwrap_or(&none), splits)
        };
        self.all.iter().map(status).collect()
    }
}
