//! What a language's rules are: one file per language, one line in [`LANGUAGES`].
//!
//! Rules see the beginning of a line ([`super::JUDGED_BYTES_MAX`]), without its ending and terminal colours.
//! They judge one line at a time and remember one byte, the *step*. No header begins with a digit: times do.

use super::{cpp, dart, dotnet, go, java, mysql, node, php, python, ruby, rust};

/// How the traces of a language are laid out.
pub(super) struct Language {
    /// What the line begins, if it begins something of this language.
    pub begins: fn(&[u8]) -> Option<Header>,
    /// Whether the line goes on with it, given the step. Blank lines are empty; lines that go on with anything
    /// ([`super::generic`]) need no rule.
    pub next: fn(u8, &[u8]) -> Next,
}

/// A line that begins a trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub step: u8,
    pub place: Place,
}

/// Where a header stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It always begins a record.
    Alone,
    /// A logger may have written an event before it; then it belongs to that.
    AfterEvent,
    /// It is an event itself.
    Event,
}

/// What a language says of a line behind one of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// Nothing: it is no line of this trace.
    Other,
    /// It goes on, and this is the step after it.
    Step(u8),
    /// It goes on, and behind it there is no trace any more.
    Leaves,
    /// It is the last line of the record.
    Ends,
}

/// A trace in a record: whose, and how far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Trace {
    language: u8,
    step: u8,
}

/// The first that claims a line has it.
static LANGUAGES: &[Language] = &[
    java::JUL,
    java::JAVA,
    python::PYTHON,
    go::GO,
    rust::RUST,
    php::PHP,
    dotnet::DOTNET,
    ruby::RUBY,
    dart::DART,
    cpp::CPP,
    mysql::MYSQL,
    node::NODE,
];

/// The trace that `line` begins.
pub(super) fn begins(line: &[u8]) -> Option<(Trace, Place)> {
    if line.first().is_none_or(u8::is_ascii_digit) {
        // Fast path: a time; no header begins so.
        return None;
    }
    LANGUAGES.iter().zip(0u8..).find_map(|(language, number)| {
        let header = (language.begins)(line)?;
        Some((Trace { language: number, step: header.step }, header.place))
    })
}

impl Trace {
    /// What the trace's language says of `line`.
    pub(super) fn next(&mut self, line: &[u8]) -> Next {
        let next = (LANGUAGES[usize::from(self.language)].next)(self.step, line);
        if let Next::Step(step) = next {
            self.step = step;
        }
        next
    }
}
