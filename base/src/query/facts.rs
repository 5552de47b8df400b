//! What a query makes of records that are not read: of a block of them by its statistics, of one by its columns.
//!
//! A leaf is decided only when every record of which the facts hold makes it true, or every one makes it false.

use super::leaf::{FieldTest, Leaf, Span, Target, Words};
use crate::parse::{Number, Severity, Value, role_of};
use crate::pattern::PatternId;
use crate::time::Timestamp;

/// What is the same for all records at hand.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// How bad, and the service, when these are the same.
    pub group: Option<(Severity, &'a str)>,
    /// The earliest and the latest time.
    pub times: (Timestamp, Timestamp),
    /// The pattern, when it is known.
    pub pattern: Option<PatternId>,
}

/// What columns tell of the records at hand.
pub trait Facts {
    /// Of the numbers in the field at this place of `Matcher::number_paths`.
    fn numbers(&self, place: usize) -> NumbersAt;
}

/// All numbers that records have in one field of their own; a numeric text is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NumbersAt {
    /// Nobody knows; or the records' source gives them this field too.
    Unknown,
    /// These.
    Known {
        /// Who has one.
        presence: Presence,
        /// The least.
        low: f64,
        /// The greatest.
        high: f64,
        /// Nothing but JSON numbers stand in the field.
        pure: bool,
    },
}

/// How many of some records have something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// None of them.
    None,
    /// Some.
    Some,
    /// Each.
    All,
}

/// Nothing is known of any field.
impl Facts for () {
    fn numbers(&self, _: usize) -> NumbersAt {
        NumbersAt::Unknown
    }
}

/// The paths whose numbers may decide some of the leaves, and for each leaf the place of its path among them.
pub(super) fn number_paths(leaves: &[Leaf]) -> (Vec<String>, Vec<Option<usize>>) {
    let mut paths: Vec<String> = Vec::new();
    let place_of = |leaf: &Leaf| {
        let path = number_path(leaf)?;
        Some(paths.iter().position(|known| known == path).unwrap_or_else(|| {
            paths.push(path.to_owned());
            paths.len() - 1
        }))
    };
    let places = leaves.iter().map(place_of).collect();
    (paths, places)
}

/// Whether severity and service decide this leaf.
pub(super) fn is_of_head(leaf: &Leaf) -> bool {
    matches!(leaf, Leaf::Severity(_) | Leaf::Service(_))
}

/// Whether the class of the severity and the service decide this leaf.
pub(super) fn is_of_class(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Severity(range) => range.start() % 4 == 1 && range.end() % 4 == 0,
        leaf => is_of_head(leaf),
    }
}

/// Whether facts may tell anything of this leaf.
pub(super) fn is_told(leaf: &Leaf) -> bool {
    may_decide(leaf) || matches!(leaf, Leaf::Pattern(_)) || number_path(leaf).is_some()
}

/// Whether facts decide this leaf, at least where they are all known.
pub(super) fn may_decide(leaf: &Leaf) -> bool {
    match leaf {
        Leaf::Severity(_) | Leaf::Service(_) | Leaf::Time(..) => true,
        Leaf::Field { test: FieldTest::Range(_), .. } => number_path(leaf).is_some(),
        _ => false,
    }
}

/// What the facts say of a leaf, whose numbers stand at `place`.
pub(super) fn verdict(
    leaf: &Leaf,
    place: Option<usize>,
    head: &Head<'_>,
    facts: &dyn Facts,
    scratch: &mut Vec<u8>,
) -> Option<bool> {
    match leaf {
        Leaf::Severity(range) => head.group.map(|(severity, _)| range.contains(&severity.0)),
        Leaf::Service(test) => head.group.map(|(_, service)| test.matches(Value::Str(service), scratch)),
        Leaf::Pattern(wanted) => head.pattern.map(|pattern| pattern == *wanted),
        Leaf::Time(since, until) => match head.times {
            (min, max) if *since <= min && max < *until => Some(true),
            (min, max) if max < *since || *until <= min => Some(false),
            _ => None,
        },
        Leaf::Field { test, .. } => of_numbers(test, facts.numbers(place?)),
        Leaf::Text { .. } | Leaf::Trace { .. } => None,
    }
}

/// The path of a leaf that looks at numbers in a field of the application's own.
fn number_path(leaf: &Leaf) -> Option<&str> {
    match leaf {
        Leaf::Field {
            target: Target::Path(path),
            test: FieldTest::Range(_) | FieldTest::Words(_) | FieldTest::Exists,
        } if role_of(path).is_own() => Some(path),
        _ => None,
    }
}

fn of_numbers(test: &FieldTest, numbers: NumbersAt) -> Option<bool> {
    let NumbersAt::Known { presence, low, high, pure } = numbers else {
        return None;
    };
    match test {
        FieldTest::Range(span) => match presence {
            Presence::None => Some(false),
            _ => in_span(span, low, high, presence),
        },
        FieldTest::Words(words) if pure => of_words(words, low, high, presence),
        FieldTest::Exists if presence == Presence::All => Some(true),
        _ => None,
    }
}

fn in_span(span: &Span, low: f64, high: f64, presence: Presence) -> Option<bool> {
    let below = |number| span.contains(Number::Float(number));
    // Spans have no holes: what holds the least and the greatest holds all between.
    if below(low) && below(high) {
        return (presence == Presence::All).then_some(true);
    }
    let reaches = Span { low: span.low, high: None }.contains(Number::Float(high))
        && Span { low: None, high: span.high }.contains(Number::Float(low));
    (!reaches).then_some(false)
}

fn of_words(words: &Words, low: f64, high: f64, presence: Presence) -> Option<bool> {
    let Some(number) = words.number else {
        return Some(false);
    };
    let exactly = Some((number, true));
    match presence {
        Presence::None => Some(false),
        _ => in_span(&Span { low: exactly, high: exactly }, low, high, presence),
    }
}
