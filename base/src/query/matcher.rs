//! The matcher: the one definition of what a query means.
//!
//! What the view alone decides is decided first; when that is enough the record is not read. Otherwise one reading of
//! the record shows every field to every leaf still open.

use super::facts::{self, Facts, Head};
use super::leaf::{Leaf, Node, compile};
use super::prefilter::{self, Prefilter, SourceFields};
use super::{Query, leaf};
use crate::parse::{FieldOrText, Parser, RecordView, Role, Said, Value, hides_words};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Judges lines by a query. Has scratch buffers of its own: one per thread, cloned from one another.
#[derive(Debug)]
pub struct Matcher {
    program: Arc<Program>,
    state: State,
}

/// What is found out about the line at hand.
#[derive(Debug)]
struct State {
    /// For each leaf, whether it is true, as far as known.
    known: Vec<Option<bool>>,
    parser: Parser,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Program {
    node: Node,
    leaves: Vec<Leaf>,
    reads_role: bool,
    /// Holds for whole blocks.
    block_filter: Option<Prefilter>,
    /// Holds for a line whose source's fields make no leaf true.
    line_filter: Option<Prefilter>,
    /// The fields of the application's own whose numbers may decide a leaf.
    number_paths: Vec<String>,
    /// For each leaf, the place of its field among them.
    number_places: Vec<Option<usize>>,
    /// Facts may decide something.
    uses_facts: bool,
    is_of_heads: bool,
    /// The one leaf that facts do not decide and of which the index knows how many records have it.
    counted: Option<Counted>,
}

/// A leaf that is true of just the records that have a word.
#[derive(Debug, Clone, Copy)]
struct Counted {
    leaf: usize,
    word: u64,
}

impl Clone for Matcher {
    fn clone(&self) -> Self {
        Self::of(Arc::clone(&self.program))
    }
}

impl Matcher {
    /// Compiles `query`.
    pub fn new(query: &Query) -> Self {
        let (node, leaves) = compile(&query.expr);
        let (number_paths, number_places) = facts::number_paths(&leaves);
        Self::of(Arc::new(Program {
            block_filter: prefilter::of(&node, &leaves, SourceFields::May),
            line_filter: prefilter::of(&node, &leaves, SourceFields::DoNot),
            reads_role: leaves.iter().any(|leaf| leaf.needs_line() && leaf.reads_role()),
            number_paths,
            number_places,
            uses_facts: leaves.is_empty() || leaves.iter().any(facts::is_told),
            is_of_heads: leaves.iter().all(facts::is_of_head),
            counted: counted(&leaves),
            node,
            leaves,
        }))
    }

    fn of(program: Arc<Program>) -> Self {
        let known = vec![None; program.leaves.len()];
        Self { program, state: State { known, parser: Parser::new(), scratch: Vec::new() } }
    }

    /// If `Some`: it matches the text of every matching line, so what it does not match need not be judged.
    pub fn prefilter(&self) -> Option<&Prefilter> {
        self.program.block_filter.as_ref()
    }

    /// The fields that [`Facts::numbers`] is asked for, by their place.
    pub fn number_paths(&self) -> &[String] {
        &self.program.number_paths
    }

    /// Whether severity and service decide the query.
    pub fn is_of_heads(&self) -> bool {
        self.program.is_of_heads
    }

    /// Whether the class of the severity, which has the name of a level, and the service decide the query.
    pub fn is_of_classes(&self) -> bool {
        self.program.leaves.iter().all(facts::is_of_class)
    }

    /// Whether [`Matcher::decide`] may ever decide anything.
    pub fn uses_facts(&self) -> bool {
        self.program.uses_facts
    }

    /// Whether the query matches all records of which this is known, or none; `None` when they have to be looked at.
    pub fn decide(&mut self, head: &Head<'_>, facts: &dyn Facts) -> Option<bool> {
        self.decide_when(head, facts, None)
    }

    /// The word of the index that decides the query together with such facts: its records match as `with` says of them all,
    /// and the others as `without` does. `None` when there is no such word, or facts and word do not suffice.
    pub fn decide_by_word(&mut self, head: &Head<'_>, facts: &dyn Facts) -> Option<ByWord> {
        let word = self.counted_word()?;
        let with = self.decide_when(head, facts, Some(true))?;
        let without = self.decide_when(head, facts, Some(false))?;
        Some(ByWord { word, with, without })
    }

    /// The word that [`Matcher::decide_by_word`] may name.
    pub fn counted_word(&self) -> Option<u64> {
        self.program.counted.map(|counted| counted.word)
    }

    fn decide_when(&mut self, head: &Head<'_>, facts: &dyn Facts, has_word: Option<bool>) -> Option<bool> {
        let (program, state) = (&*self.program, &mut self.state);
        let of_word = program.counted.map(|counted| counted.leaf);
        for (at, leaf) in program.leaves.iter().enumerate() {
            state.known[at] = match has_word {
                Some(has) if of_word == Some(at) => Some(has),
                _ => facts::verdict(leaf, program.number_places[at], head, facts, &mut state.scratch),
            };
        }
        evaluate(&program.node, &state.known)
    }

    /// Whether the query matches this line.
    pub fn matches(&mut self, view: &RecordView<'_>) -> bool {
        let (program, state) = (&*self.program, &mut self.state);
        let by_source = state.judge_view(program, view);
        if let Some(decided) = evaluate(&program.node, &state.known) {
            return decided;
        }
        let filter =
            program.line_filter.as_ref().filter(|_| !by_source && !hides_words(view.text, view.layout));
        if filter.is_some_and(|filter| !filter.is_match(view.text)) {
            return false;
        }
        state.judge_record(program, view);
        evaluate(&program.node, &state.known).unwrap_or(false)
    }
}

impl State {
    /// Returns whether a field of the source has made a leaf true.
    fn judge_view(&mut self, program: &Program, view: &RecordView<'_>) -> bool {
        let mut by_source = false;
        for (known, leaf) in self.known.iter_mut().zip(&program.leaves) {
            *known = match leaf {
                Leaf::Severity(range) => Some(range.contains(&view.severity.0)),
                Leaf::Pattern(pattern) => Some(view.pattern == *pattern),
                Leaf::Service(test) => Some(test.matches(Value::Str(view.service), &mut self.scratch)),
                Leaf::Time(since, until) => Some(*since <= view.time && view.time < *until),
                leaf if leaf.reads_source()
                    && leaf::source_matches(leaf, view.resource, &mut self.scratch) =>
                {
                    by_source = true;
                    Some(true)
                }
                _ => None,
            };
        }
        by_source
    }

    /// Decides all leaves that are open.
    fn judge_record(&mut self, program: &Program, view: &RecordView<'_>) {
        let (known, scratch) = (&mut self.known, &mut self.scratch);
        let mut judge = |matches: &mut dyn FnMut(&Leaf, &mut Vec<u8>) -> bool| {
            let mut open = false;
            for (known, leaf) in known.iter_mut().zip(&program.leaves) {
                if known.is_none() {
                    *known = matches(leaf, scratch).then_some(true);
                    open |= known.is_none();
                }
            }
            if open { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        if program.reads_role {
            self.parser.fields(view.text, view.layout, |said| match said {
                FieldOrText::Text(text) => judge(&mut |leaf, scratch| leaf.matches_text(text, scratch)),
                FieldOrText::Field(field, value) => {
                    judge(&mut |leaf, scratch| leaf.matches_field(field.path, field.role, value, scratch))
                }
            });
        } else {
            self.parser.each(view.text, view.layout, |said| match said {
                Said::Text(text) => judge(&mut |leaf, scratch| leaf.matches_text(text, scratch)),
                Said::Field(path, value) => {
                    judge(&mut |leaf, scratch| leaf.matches_field(path, Role::Other, value, scratch))
                }
            });
        }
        self.known.iter_mut().for_each(|known| *known = Some(known.unwrap_or(false)));
    }
}

/// Records with and without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByWord {
    /// The word's entry in the index.
    pub word: u64,
    /// Whether records with it match.
    pub with: bool,
    /// Whether records without it match.
    pub without: bool,
}

/// The leaf whose word decides it, when facts may decide all others.
fn counted(leaves: &[Leaf]) -> Option<Counted> {
    let mut open = leaves.iter().enumerate().filter(|(_, leaf)| !facts::may_decide(leaf));
    let (at, leaf) = open.next().filter(|_| open.next().is_none())?;
    super::candidates::exact_word(leaf).map(|word| Counted { leaf: at, word })
}

/// The value of a node as far as its leaves are known.
fn evaluate(node: &Node, known: &[Option<bool>]) -> Option<bool> {
    match node {
        Node::All => Some(true),
        Node::Leaf(leaf) => known[*leaf],
        Node::Not(inner) => evaluate(inner, known).map(|value| !value),
        Node::And(parts) => combine(parts, known, false),
        Node::Or(parts) => combine(parts, known, true),
    }
}

/// `decisive` as soon as one part is; its opposite when all parts are.
fn combine(parts: &[Node], known: &[Option<bool>], decisive: bool) -> Option<bool> {
    let mut value = Some(!decisive);
    for part in parts {
        match evaluate(part, known) {
            Some(v) if v == decisive => return Some(decisive),
            Some(_) => {}
            None => value = None,
        }
    }
    value
}
