//! What the index can say about a query: a superset of the lines it matches.

use super::leaf::{FieldTest, Leaf, Node, Target, Words};
use crate::parse::{Role, Scope, Severity, Term, id_of, pattern_word, role_of, severity_word};

/// Which lines may match, in terms of the index's two tables. Always a superset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Candidates {
    /// Any line may.
    All,
    /// No line can.
    None,
    /// Lines with this entry in the dictionary.
    Word(u64),
    /// Lines with this entry in the id table.
    Id(u64),
    /// Lines in all of these; two or more, none of them `All`, `None` or `And`.
    And(Vec<Candidates>),
    /// Lines in any of these; two or more, none of them `All`, `None` or `Or`.
    Or(Vec<Candidates>),
}

impl Candidates {
    /// Lines in all of `parts`.
    pub fn and(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Vec::new();
        for part in parts {
            match part {
                Self::All => {}
                Self::None => return Self::None,
                Self::And(inner) => inner.into_iter().for_each(|part| push_new(&mut all, part)),
                part => push_new(&mut all, part),
            }
        }
        match all.len() {
            0 => Self::All,
            1 => all.remove(0),
            _ => Self::And(all),
        }
    }

    /// Lines in any of `parts`.
    pub fn or(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut any = Vec::new();
        for part in parts {
            match part {
                Self::None => {}
                Self::All => return Self::All,
                Self::Or(inner) => inner.into_iter().for_each(|part| push_new(&mut any, part)),
                part => push_new(&mut any, part),
            }
        }
        match any.len() {
            0 => Self::None,
            1 => any.remove(0),
            _ => Self::Or(any),
        }
    }
}

fn push_new(parts: &mut Vec<Candidates>, part: Candidates) {
    if !parts.contains(&part) {
        parts.push(part);
    }
}

/// The candidates of a compiled query. The opposite of a superset is anything.
pub(super) fn of(node: &Node, leaves: &[Leaf]) -> Candidates {
    match node {
        Node::All => Candidates::All,
        Node::Leaf(leaf) => of_leaf(&leaves[*leaf]),
        Node::Not(inner) if matches!(**inner, Node::All) => Candidates::None,
        Node::Not(_) => Candidates::All,
        Node::And(parts) => Candidates::and(parts.iter().map(|part| of(part, leaves))),
        Node::Or(parts) => Candidates::or(parts.iter().map(|part| of(part, leaves))),
    }
}

fn of_leaf(leaf: &Leaf) -> Candidates {
    match leaf {
        Leaf::Severity(range) => {
            let classes = (0..=6).filter(|&class| range.clone().any(|n| Severity(n).class() == class));
            Candidates::or(classes.map(|class| Candidates::Word(severity_word(class))))
        }
        Leaf::Pattern(pattern) => Candidates::Word(pattern_word(*pattern)),
        Leaf::Service(FieldTest::Words(words)) => of_words(words, Scope::service()),
        Leaf::Service(_) | Leaf::Time(..) => Candidates::All,
        Leaf::Text { words, id } => {
            let id = id.as_deref().map(|id| Candidates::Id(id_of(id)));
            Candidates::or([of_words(words, Scope::text())].into_iter().chain(id))
        }
        Leaf::Trace { words, id, in_plain_text } => {
            let plain = in_plain_text.then(|| of_tokens(words, Scope::text()));
            Candidates::or([Candidates::Id(id_of(id))].into_iter().chain(plain))
        }
        Leaf::Field { test: FieldTest::Exists | FieldTest::Range(_) | FieldTest::Regex(_), .. } => {
            Candidates::All
        }
        Leaf::Field { target, test: FieldTest::Words(words) } => match target {
            Target::Path(path) if role_of(path) == Role::Time => Candidates::All,
            Target::Path(path) => of_words(words, Scope::of_path(path)),
            Target::Role(Role::User) => of_words(words, Scope::user()),
            Target::Role(Role::Host) => of_words(words, Scope::host()),
            Target::Role(Role::Body) => of_words(words, Scope::text()),
            Target::Role(_) => Candidates::All,
        },
    }
}

/// The word that just the records which make a leaf true have of their own, if there is such a word. What a source gives to its
/// records is not counted among their words; whoever counts them must know of it.
pub(super) fn exact_word(leaf: &Leaf) -> Option<u64> {
    let (words, scope) = match leaf {
        Leaf::Pattern(pattern) => return Some(pattern_word(*pattern)),
        Leaf::Text { words, id: None } => (words, Scope::text()),
        Leaf::Field { target, test: FieldTest::Words(words) } => match target {
            Target::Role(Role::User) => (words, Scope::user()),
            // Paths that play these parts share their words with others, or have none.
            Target::Path(path) => match role_of(path) {
                Role::Body | Role::Exception | Role::User | Role::Service | Role::Host | Role::Time => {
                    return None;
                }
                _ => (words, Scope::of_path(path)),
            },
            Target::Role(_) => return None,
        },
        _ => return None,
    };
    match words.terms(scope).as_slice() {
        [Term::Word(word)] if words.number.is_none() && !words.open => Some(*word),
        _ => None,
    }
}

fn of_words(words: &Words, scope: Scope) -> Candidates {
    let number = words.number.map(|number| of_term(scope.number(number)));
    Candidates::or([of_tokens(words, scope)].into_iter().chain(number))
}

fn of_tokens(words: &Words, scope: Scope) -> Candidates {
    Candidates::and(words.terms(scope).into_iter().map(of_term))
}

fn of_term(term: Term) -> Candidates {
    match term {
        Term::Word(word) => Candidates::Word(word),
        Term::Id(id) => Candidates::Id(id),
        Term::Skipped => Candidates::All,
    }
}
