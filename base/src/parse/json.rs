//! One walk over a JSON object line, shared by everything that reads fields: what the index stores and what the
//! matcher judges agree because both are told the same (path, value) pairs.
//!
//! A path is the keys from the outermost object on, joined by dots; a key with a dot in it and a nested object give the
//! same path. An array's elements carry the path of the array. Empty objects and arrays say nothing.
//!
//! Limits: [`DEPTH_MAX`] levels, [`NODES_MAX`] keys, values and containers. A line beyond them, a line that is not
//! one well-formed object in UTF-8, and a number that no 64-bit integer or float holds make the line plain text.

use super::found::Found;
use super::role::{Field, RoleCache};
use simd_json::{Buffers, Node, StaticNode, Tape};
use std::ops::ControlFlow;

/// Nesting that is still read as JSON.
pub const DEPTH_MAX: usize = 32;
/// Keys, values and containers of one line that are still read as JSON: about 4,000 fields.
pub const NODES_MAX: usize = 8192;
/// Buffers that one huge line has grown beyond this are given back.
const KEPT_BYTES_MAX: usize = 64 << 10;
const PADDING: usize = simd_json::INPUT_PADDING;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A scalar in a JSON line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A string, escapes decoded.
    Str(&'a str),
    /// An integer that fits.
    I64(i64),
    /// A non-negative integer that fits.
    U64(u64),
    /// Any other number.
    F64(f64),
    /// `true` or `false`.
    Bool(bool),
    /// `null`: as if the field were missing.
    Null,
}

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON object; its fields have been visited.
    Json,
    /// Plain text; nothing has been visited.
    Plain,
}

/// Scratch space for reading lines; one per thread, reused for every line.
pub struct Parser {
    /// A copy of the line, since strings are unescaped in place.
    line: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    path: String,
    pub(super) roles: RoleCache,
    /// What the latest record says.
    pub(super) found: Found,
    /// The content of a wrapped record.
    pub(super) content: Vec<u8>,
    /// Lower-cased tokens and normalised ids.
    pub(crate) scratch: Vec<u8>,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Parser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Parser")
    }
}

impl Parser {
    /// Empty buffers; they grow to what the lines need.
    pub fn new() -> Self {
        Self {
            line: Vec::new(),
            buffers: new_buffers(),
            tape: Tape(Vec::new()),
            path: String::new(),
            roles: RoleCache::default(),
            found: Found::default(),
            content: Vec::new(),
            scratch: Vec::new(),
        }
    }

    /// Calls `visit` with every scalar of `line` in document order, until it breaks.
    pub fn walk(&mut self, line: &[u8], visit: impl FnMut(&str, Value<'_>) -> ControlFlow<()>) -> Shape {
        self.walk_below("", line, visit)
    }

    /// As [`Parser::walk`], for an object that stands in a field: its paths begin with `prefix`.
    pub(super) fn walk_below(
        &mut self,
        prefix: &str,
        line: &[u8],
        visit: impl FnMut(&str, Value<'_>) -> ControlFlow<()>,
    ) -> Shape {
        let Some(object) = as_object(line) else {
            return Shape::Plain;
        };
        self.line.clear();
        self.line.extend_from_slice(object);
        self.line.resize(object.len() + PADDING, b' ');
        let mut tape: Tape<'_> = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let read = simd_json::fill_tape_padded(&mut self.line, object.len(), &mut self.buffers, &mut tape);
        let shape = match read {
            Ok(()) if tape.0.len() <= NODES_MAX => Shape::Json,
            _ => Shape::Plain,
        };
        if shape == Shape::Json {
            self.path.clear();
            self.path.push_str(prefix);
            let level = if prefix.is_empty() { Level::Top } else { Level::Nested };
            let mut walk = Walk { nodes: &tape.0, path: &mut self.path, visit };
            let _ = walk.value(0, level);
        }
        self.tape = tape.reset();
        self.shrink();
        shape
    }

    /// As [`Parser::walk`], with what each path stands for.
    pub(super) fn walk_fields(
        &mut self,
        line: &[u8],
        mut visit: impl FnMut(Field<'_>, Value<'_>) -> ControlFlow<()>,
    ) -> Shape {
        let mut roles = std::mem::take(&mut self.roles);
        let shape = self.walk(line, |path, value| visit(roles.field(path), value));
        self.roles = roles;
        shape
    }

    fn shrink(&mut self) {
        if self.line.capacity() > KEPT_BYTES_MAX {
            (self.line, self.buffers, self.tape, self.path) =
                (Vec::new(), new_buffers(), Tape(Vec::new()), String::new());
        }
    }
}

fn new_buffers() -> Buffers {
    Buffers::with_max_depth(4096, DEPTH_MAX)
}

/// `line` from its opening brace on, when it can be an object at all. A byte order mark before it is skipped.
pub(crate) fn as_object(line: &[u8]) -> Option<&[u8]> {
    let object = line.strip_prefix(BOM).unwrap_or(line).trim_ascii();
    (object.first() == Some(&b'{') && object.last() == Some(&b'}')).then_some(object)
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Top,
    Nested,
}

struct Walk<'t, 'i, F> {
    nodes: &'t [Node<'i>],
    path: &'t mut String,
    visit: F,
}

impl<F: FnMut(&str, Value<'_>) -> ControlFlow<()>> Walk<'_, '_, F> {
    /// Visits the value at `at`; returns where the next one is. Depth is bounded by the reader.
    fn value(&mut self, at: usize, level: Level) -> ControlFlow<(), usize> {
        match self.nodes[at] {
            Node::Object { len, .. } => self.object(at + 1, len, level),
            Node::Array { len, .. } => {
                let mut next = at + 1;
                for _ in 0..len {
                    next = self.value(next, Level::Nested)?;
                }
                ControlFlow::Continue(next)
            }
            scalar => {
                (self.visit)(self.path, scalar_of(scalar))?;
                ControlFlow::Continue(at + 1)
            }
        }
    }

    fn object(&mut self, mut at: usize, len: usize, level: Level) -> ControlFlow<(), usize> {
        for _ in 0..len {
            let Node::String(key) = self.nodes[at] else {
                return ControlFlow::Break(());
            };
            let value = self.nodes[at + 1];
            // Fast path: most values are scalars of the outermost object, and their key is their path.
            if level == Level::Top && !matches!(value, Node::Object { .. } | Node::Array { .. }) {
                (self.visit)(key, scalar_of(value))?;
                at += 2;
                continue;
            }
            let kept = self.path.len();
            if level == Level::Nested {
                self.path.push('.');
            }
            self.path.push_str(key);
            at = self.value(at + 1, Level::Nested)?;
            self.path.truncate(kept);
        }
        ControlFlow::Continue(at)
    }
}

fn scalar_of<'i>(node: Node<'i>) -> Value<'i> {
    match node {
        Node::String(text) => Value::Str(text),
        Node::Static(StaticNode::I64(n)) => Value::I64(n),
        Node::Static(StaticNode::U64(n)) => Value::U64(n),
        Node::Static(StaticNode::F64(n)) => Value::F64(n),
        Node::Static(StaticNode::Bool(b)) => Value::Bool(b),
        Node::Static(StaticNode::Null) | Node::Object { .. } | Node::Array { .. } => Value::Null,
    }
}
