//! The matcher: the one definition of what a query means.
//!
//! What the view alone decides is decided first; when that is enough the record is not read. Otherwise one reading of
//! the record shows every field to every leaf still open.

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
        Self::of(Arc::new(Program {
            block_filter: prefilter::of(&node, &leaves, SourceFields::May),
            line_filter: prefilter::of(&node, &leaves, SourceFields::DoNot),
            reads_role: leaves.iter().any(|leaf| leaf.needs_line() && leaf.reads_role()),
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
                Leaf::Service(words) => Some(words.matches(Value::Str(view.service), &mut self.scratch)),
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
