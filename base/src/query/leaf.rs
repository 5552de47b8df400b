//! A query compiled: names resolved to the parts they stand for, words cut into tokens, each condition a leaf that
//! judges one value.

use super::ast::{Bound, Expr, Test};
use crate::frame::Resource;
use crate::parse::{
    Number, Role, Scope, Severity, Term, Token, Value, canonical, looks_like_id, role_of, tokens,
};
use crate::pattern::PatternId;
use crate::time::Timestamp;
use regex::{Regex, RegexBuilder};
use std::cmp::Ordering;
use std::io::Write;
use std::ops::{ControlFlow, RangeInclusive};

/// What a compiled expression may take, and its cache in each thread.
const REGEX_BYTES_MAX: usize = 1 << 20;
const REGEX_CACHE_BYTES_MAX: usize = 1 << 19;

/// The shape of a query over its leaves.
#[derive(Debug, Clone)]
pub(super) enum Node {
    All,
    Leaf(usize),
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

/// One condition.
#[derive(Debug, Clone)]
pub(super) enum Leaf {
    /// The severity is in this range; an unspecified one is in none.
    Severity(RangeInclusive<u8>),
    /// The record's pattern is this one.
    Pattern(PatternId),
    /// The record's service.
    Service(FieldTest),
    /// The record's time: not before the first, before the second.
    Time(Timestamp, Timestamp),
    /// Body, exception, or all of a plain line; an id also in trace, span and request ids.
    Text { words: Words, id: Option<Box<[u8]>> },
    /// The canonical id of a trace or request field; what looks like an id also as words of a plain line.
    Trace { words: Words, id: Box<[u8]>, in_plain_text: bool },
    /// Any other field.
    Field { target: Target, test: FieldTest },
}

/// Which fields a leaf looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// Those at this path, labels of the source included; `file` is also the source's path.
    Path(String),
    /// Those that play this part, under whatever key; the host is also the source's host.
    Role(Role),
}

/// What such a field must be.
#[derive(Debug, Clone)]
pub(super) enum FieldTest {
    Words(Words),
    /// It, or a field inside it, has a value.
    Exists,
    /// A text, or the text of a number or truth value, that this matches somewhere.
    Regex(Regex),
    Range(Span),
}

/// Numbers between two ends, each with whether it is inside.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) low: Option<(Number, bool)>,
    pub(super) high: Option<(Number, bool)>,
}

/// Words to be found in a value, adjacent and in order.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// As typed.
    text: String,
    pub(super) tokens: Vec<Box<[u8]>>,
    /// The last token is the beginning of one.
    pub(super) open: bool,
    /// Knuth, Morris and Pratt's failure function.
    fail: Vec<usize>,
    pub(super) number: Option<Number>,
    boolean: Option<bool>,
}

/// Compiles a query.
pub(super) fn compile(expr: &Expr) -> (Node, Vec<Leaf>) {
    let mut leaves = Vec::new();
    let node = node_of(expr, &mut leaves);
    (node, leaves)
}

fn node_of(expr: &Expr, leaves: &mut Vec<Leaf>) -> Node {
    match expr {
        Expr::All => Node::All,
        Expr::Term(term) => {
            leaves.push(match &term.field {
                Some(field) => leaf_of_field(field, &term.test),
                None => leaf_of_text(&term.test),
            });
            Node::Leaf(leaves.len() - 1)
        }
        Expr::Not(inner) => Node::Not(Box::new(node_of(inner, leaves))),
        Expr::And(parts) => Node::And(parts.iter().map(|part| node_of(part, leaves)).collect()),
        Expr::Or(parts) => Node::Or(parts.iter().map(|part| node_of(part, leaves)).collect()),
    }
}

fn leaf_of_text(test: &Test) -> Leaf {
    match test {
        Test::Words(text) => {
            Leaf::Text { words: Words::new(text), id: id_of_text(text).filter(|_| looks_like_id(text)) }
        }
        Test::Prefix(text) => Leaf::Text { words: Words::beginning(text), id: None },
        Test::Since(time) => Leaf::Time(*time, Timestamp::MAX),
        Test::Until(time) => Leaf::Time(Timestamp::MIN, *time),
        // The grammar makes none of these without a field.
        Test::Exists | Test::Range { .. } | Test::Regex(_) => {
            Leaf::Field { target: Target::Role(Role::Body), test: FieldTest::of(test) }
        }
    }
}

fn leaf_of_field(field: &str, test: &Test) -> Leaf {
    let special = match (field, test) {
        ("level", _) => severities(test).map(Leaf::Severity),
        ("pattern", Test::Words(text)) => text.parse().ok().map(Leaf::Pattern),
        ("service", _) => Some(Leaf::Service(FieldTest::of(test))),
        ("trace", Test::Words(text)) => id_of_text(text).map(|id| {
            let in_plain_text = id.len() >= 16 && id.iter().all(u8::is_ascii_hexdigit);
            Leaf::Trace { words: Words::new(text), id, in_plain_text }
        }),
        _ => None,
    };
    special.unwrap_or_else(|| Leaf::Field { target: Target::of(field), test: FieldTest::of(test) })
}

/// A regular expression in the dialect of the regex crate: linear in time, bounded in memory.
pub(super) fn expression(pattern: &str) -> Result<Regex, String> {
    let mut builder = RegexBuilder::new(pattern);
    let built = builder.size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_CACHE_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "it is too large when compiled; repeat less, or write `(?-u:\\w)` where ASCII will do".to_owned()
        }
        error => {
            let text = error.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    })
}

fn id_of_text(text: &str) -> Option<Box<[u8]>> {
    canonical(text, &mut Vec::new()).map(Box::from)
}

/// The severities a test on the level allows; `None` when it does not speak of levels.
fn severities(test: &Test) -> Option<RangeInclusive<u8>> {
    match test {
        Test::Words(text) => named_severities(text),
        Test::Exists => Some(1..=24),
        Test::Range { low, high } => {
            let start = match low {
                Some(Bound { text, inclusive: true }) => *named_severities(text)?.start(),
                Some(Bound { text, inclusive: false }) => *named_severities(text)?.end() + 1,
                None => 1,
            };
            let end = match high {
                Some(Bound { text, inclusive: true }) => *named_severities(text)?.end(),
                Some(Bound { text, inclusive: false }) => *named_severities(text)?.start() - 1,
                None => 24,
            };
            Some(start..=end)
        }
        Test::Prefix(_) | Test::Regex(_) | Test::Since(_) | Test::Until(_) => None,
    }
}

/// A class's own name stands for the whole class, any other name for its one number.
fn named_severities(text: &str) -> Option<RangeInclusive<u8>> {
    let Severity(number) = Severity::from_value(Value::Str(text))?;
    Some(if number % 4 == 1 { number..=number + 3 } else { number..=number })
}

impl Leaf {
    /// Whether the view alone decides this leaf.
    pub(super) fn needs_line(&self) -> bool {
        !matches!(self, Self::Severity(_) | Self::Pattern(_) | Self::Service(_) | Self::Time(..))
    }

    /// Whether fields that the source gives to all its lines count.
    pub(super) fn reads_source(&self) -> bool {
        matches!(self, Self::Field { target: Target::Path(_) | Target::Role(Role::Host), .. })
    }

    /// Whether the role of a field must be known to select it.
    pub(super) fn reads_role(&self) -> bool {
        !matches!(self, Self::Field { target: Target::Path(_), .. })
    }

    /// Whether this one field makes the leaf true. `role` is the path's role when some leaf reads roles.
    pub(super) fn matches_field(
        &self,
        path: &str,
        role: Role,
        value: Value<'_>,
        scratch: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Severity(_) | Self::Pattern(_) | Self::Service(_) | Self::Time(..) => false,
            Self::Text { words, id } => match role {
                Role::Body | Role::Exception => words.matches(value, scratch),
                Role::Trace | Role::Span | Role::Request => {
                    id.as_deref().is_some_and(|id| is_id(value, id, scratch))
                }
                _ => false,
            },
            Self::Trace { id, .. } => {
                matches!(role, Role::Trace | Role::Request) && is_id(value, id, scratch)
            }
            Self::Field { target, test } => target.selects(path, role, test) && test.matches(value, scratch),
        }
    }

    /// Whether all the text of a record that is no JSON object makes the leaf true.
    pub(super) fn matches_text(&self, text: &str, scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::Text { words, .. } => words.in_text(text, scratch) || words.number_in(text),
            Self::Trace { words, in_plain_text, .. } => *in_plain_text && words.in_text(text, scratch),
            Self::Severity(_) | Self::Pattern(_) | Self::Service(_) | Self::Time(..) | Self::Field { .. } => {
                false
            }
        }
    }
}

impl Target {
    /// What a field's name stands for.
    pub(super) fn of(field: &str) -> Self {
        match field {
            "user" => Self::Role(Role::User),
            "host" => Self::Role(Role::Host),
            "trace" => Self::Role(Role::Trace),
            "message" | "body" => Self::Role(Role::Body),
            path => Self::Path(path.to_owned()),
        }
    }

    fn selects(&self, path: &str, role: Role, test: &FieldTest) -> bool {
        match (self, test) {
            (Self::Path(wanted), FieldTest::Exists) => path
                .strip_prefix(wanted.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
            (Self::Path(wanted), _) => path == wanted,
            (Self::Role(wanted), _) => role == *wanted,
        }
    }
}

impl FieldTest {
    fn of(test: &Test) -> Self {
        let bound = |bound: &Bound| Number::from_text(&bound.text).map(|number| (number, bound.inclusive));
        match test {
            Test::Words(text) => Self::Words(Words::new(text)),
            Test::Prefix(text) => Self::Words(Words::beginning(text)),
            Test::Regex(pattern) => match expression(pattern) {
                Ok(regex) => Self::Regex(regex),
                // The grammar lets no other pass.
                Err(_) => Self::Words(Words::new(pattern)),
            },
            Test::Range { low, high } => {
                Self::Range(Span { low: low.as_ref().and_then(bound), high: high.as_ref().and_then(bound) })
            }
            Test::Exists | Test::Since(_) | Test::Until(_) => Self::Exists,
        }
    }

    pub(super) fn matches(&self, value: Value<'_>, scratch: &mut Vec<u8>) -> bool {
        match self {
            Self::Words(words) => words.matches(value, scratch),
            Self::Exists => value != Value::Null,
            Self::Regex(regex) => match value {
                Value::Str(text) => regex.is_match(text),
                Value::Null => false,
                other => regex.is_match(scalar_text(other, scratch)),
            },
            Self::Range(span) => Number::of(value).is_some_and(|number| span.contains(number)),
        }
    }
}

/// A number or a truth value as text; a text as it is.
fn scalar_text<'a>(value: Value<'a>, scratch: &'a mut Vec<u8>) -> &'a str {
    scratch.clear();
    let written = match value {
        Value::Str(text) => return text,
        Value::I64(n) => write!(scratch, "{n}"),
        Value::U64(n) => write!(scratch, "{n}"),
        Value::F64(n) => write!(scratch, "{n}"),
        Value::Bool(b) => write!(scratch, "{b}"),
        Value::Null => Ok(()),
    };
    written.expect("memory takes writes");
    std::str::from_utf8(scratch).expect("numbers are ASCII")
}

impl Span {
    pub(super) fn contains(&self, number: Number) -> bool {
        within(number, self.low, Ordering::Greater) && within(number, self.high, Ordering::Less)
    }
}

/// Whether `number` lies on the right side of one end of a range.
fn within(number: Number, end: Option<(Number, bool)>, side: Ordering) -> bool {
    end.is_none_or(|(end, inclusive)| match number.compare(end) {
        Some(Ordering::Equal) => inclusive,
        Some(ordering) => ordering == side,
        None => false,
    })
}

fn is_id(value: Value<'_>, id: &[u8], scratch: &mut Vec<u8>) -> bool {
    match value {
        Value::Str(text) => canonical(text, scratch) == Some(id),
        Value::U64(n) => canonical(&n.to_string(), scratch) == Some(id),
        _ => false,
    }
}

impl Words {
    /// The words of `text`, the last of which may go on.
    pub(super) fn beginning(text: &str) -> Self {
        Self { open: true, number: None, boolean: None, ..Self::new(text) }
    }

    pub(super) fn new(text: &str) -> Self {
        let mut found: Vec<Box<[u8]>> = Vec::new();
        let _ = tokens(text, &mut Vec::new(), |token| {
            found.push(token.text.into());
            ControlFlow::Continue(())
        });
        let boolean = match found.as_slice() {
            [one] if **one == *b"true" => Some(true),
            [one] if **one == *b"false" => Some(false),
            _ => None,
        };
        Self {
            text: text.to_owned(),
            open: false,
            fail: failure(&found),
            tokens: found,
            number: Number::from_text(text),
            boolean,
        }
    }

    /// The terms a value with these words has in `scope`.
    pub(super) fn terms(&self, scope: Scope) -> Vec<Term> {
        let mut terms = Vec::new();
        let _ = tokens(&self.text, &mut Vec::new(), |token| {
            terms.push(scope.token(token));
            ControlFlow::Continue(())
        });
        terms.truncate(self.tokens.len() - usize::from(self.open));
        terms
    }

    pub(super) fn matches(&self, value: Value<'_>, scratch: &mut Vec<u8>) -> bool {
        match value {
            Value::Str(text) => self.in_text(text, scratch) || self.number_in(text),
            Value::Bool(b) => self.boolean == Some(b),
            _ => Number::of(value).is_some_and(|number| self.is_number(number)),
        }
    }

    pub(super) fn in_text(&self, text: &str, scratch: &mut Vec<u8>) -> bool {
        let mut reached = 0;
        tokens(text, scratch, |token| self.advance(&mut reached, token)).is_break()
    }

    fn number_in(&self, text: &str) -> bool {
        self.number.is_some() && Number::from_text(text).is_some_and(|number| self.is_number(number))
    }

    fn is_number(&self, number: Number) -> bool {
        self.number.is_some_and(|wanted| wanted.compare(number) == Some(Ordering::Equal))
    }

    /// Whether `token` is what is expected at this place among the words.
    fn is_at(&self, place: usize, token: Token<'_>) -> bool {
        let expected = &*self.tokens[place];
        if self.open && place + 1 == self.tokens.len() {
            token.text.starts_with(expected)
        } else {
            token.text == expected
        }
    }

    /// Breaks when `token` completes the words.
    fn advance(&self, reached: &mut usize, token: Token<'_>) -> ControlFlow<()> {
        while *reached > 0 && !self.is_at(*reached, token) {
            *reached = self.fail[*reached - 1];
        }
        if self.is_at(*reached, token) {
            *reached += 1;
        }
        if *reached == self.tokens.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// For each prefix of `tokens`, the length of its longest proper prefix that is also its suffix.
fn failure(tokens: &[Box<[u8]>]) -> Vec<usize> {
    let mut fail = vec![0; tokens.len()];
    for i in 1..tokens.len() {
        let mut len: usize = fail[i - 1];
        while len > 0 && tokens[i] != tokens[len] {
            len = fail[len - 1];
        }
        fail[i] = len + usize::from(tokens[i] == tokens[len]);
    }
    fail
}

/// Whether a field that the source gives to all its lines makes the leaf true: its host, its path, its labels.
pub(super) fn source_matches(leaf: &Leaf, resource: &Resource, scratch: &mut Vec<u8>) -> bool {
    let own = [("host", Role::Host, resource.host.as_str()), ("file", Role::Other, resource.path.as_str())];
    let labels = resource.labels.iter().map(|(key, value)| (key.as_str(), role_of(key), value.as_str()));
    own.into_iter()
        .chain(labels)
        .any(|(path, role, value)| leaf.matches_field(path, role, Value::Str(value), scratch))
}
