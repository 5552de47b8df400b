//! The identity of a series: its labels, the metric's name among them as `__name__`, in one canonical encoding, so that
//! equal labels are equal bytes and can be hashed and compared as they lie.
//!
//! ```text
//! per label, ascending by name:  varint name length, name, varint value length, value
//! ```
//! Invariants: names ascend strictly, no value is empty (an empty label is an absent one, as in Prometheus).

mod builder;

pub use builder::{Builder, Mark};

use crate::varint;
use std::cmp::Ordering;
use std::fmt;

/// The label that carries a metric's name.
pub const NAME: &str = "__name__";
/// Labels of a series; more are refused.
pub const LABELS_MAX: usize = 128;
/// Bytes of a label's name or value; longer ones are refused.
pub const LABEL_BYTES_MAX: usize = 4096;
/// Bytes of all labels of a series together, encoded; more are refused, so that a batch of samples has room for some.
pub const LABELS_BYTES_MAX: usize = 1 << 16;

/// Labels that own their bytes.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Labels(Box<[u8]>);

/// Labels in somebody else's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LabelsRef<'a>(&'a [u8]);

/// Why labels are no identity of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadLabels {
    /// More than [`LABELS_MAX`].
    TooMany,
    /// A name or a value is longer than [`LABEL_BYTES_MAX`], or all of them than [`LABELS_BYTES_MAX`].
    TooLong,
    /// The same name twice.
    Twice,
    /// A label without a name, or bytes that are not UTF-8, or not the encoding drawn above.
    Malformed,
}

impl fmt::Display for BadLabels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(f, "more than {LABELS_MAX} labels"),
            Self::TooLong => {
                write!(f, "a label longer than {LABEL_BYTES_MAX} bytes, or all than {LABELS_BYTES_MAX}")
            }
            Self::Twice | Self::Malformed => f.write_str(self.reason()),
        }
    }
}

impl BadLabels {
    /// In few words, to count by.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TooMany => "too many labels",
            Self::TooLong => "label too long",
            Self::Twice => "a label twice",
            Self::Malformed => "malformed labels",
        }
    }
}

impl std::error::Error for BadLabels {}

impl Labels {
    /// Of pairs in any order; empty values are left out.
    pub fn of<N: AsRef<str>, V: AsRef<str>>(pairs: &mut [(N, V)]) -> Result<Self, BadLabels> {
        let mut out = Vec::with_capacity(pairs.len() * 32);
        encode(pairs, &mut out)?;
        LabelsRef(&out).within_bytes_max()?;
        Ok(Self(out.into_boxed_slice()))
    }

    /// Of pairs that are known to be right: those of this program's own metrics.
    ///
    /// # Panics
    /// When they are not.
    pub fn known(pairs: &[(&str, &str)]) -> Self {
        Self::of(&mut pairs.to_vec()).expect("labels of our own are right")
    }

    /// To read.
    pub fn view(&self) -> LabelsRef<'_> {
        LabelsRef(&self.0)
    }

    /// Name and value pairs, ascending by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.view().iter()
    }

    /// The value of a label; empty when there is none.
    pub fn get(&self, name: &str) -> &str {
        self.view().get(name)
    }

    /// The metric's name; empty when there is none.
    pub fn name(&self) -> &str {
        self.get(NAME)
    }
}

impl<'a> LabelsRef<'a> {
    /// Checks that `bytes` are the encoding drawn above, limits included.
    pub fn check(bytes: &'a [u8]) -> Result<Self, BadLabels> {
        // Fast path: one look at all of it as text.
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) if are_short_labels(text) => Ok(Self(bytes)),
            _ => Self::check_each(bytes),
        }
    }

    /// Slow path: long labels, and those that are none.
    fn check_each(bytes: &'a [u8]) -> Result<Self, BadLabels> {
        let mut rest = bytes;
        let mut before: Option<&str> = None;
        let mut count = 0;
        while !rest.is_empty() {
            let (name, value) = take_pair(&mut rest).ok_or(BadLabels::Malformed)?;
            if name.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX {
                return Err(BadLabels::TooLong);
            }
            if name.is_empty() || value.is_empty() || before.is_some_and(|before| before >= name) {
                return Err(BadLabels::Malformed);
            }
            (before, count) = (Some(name), count + 1);
        }
        if count > LABELS_MAX { Err(BadLabels::TooMany) } else { Self(bytes).within_bytes_max() }
    }

    fn within_bytes_max(self) -> Result<Self, BadLabels> {
        if self.0.len() > LABELS_BYTES_MAX { Err(BadLabels::TooLong) } else { Ok(self) }
    }

    /// The canonical bytes.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// A copy that owns its bytes.
    pub fn to_owned(self) -> Labels {
        Labels(self.0.into())
    }

    /// Name and value pairs, ascending by name.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || take_pair(&mut rest))
    }

    /// The value of a label; empty when there is none.
    pub fn get(self, name: &str) -> &'a str {
        self.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }
}

/// Whether these are labels as drawn above, with lengths of one byte, of which there are not too many. Lengths below 128 are ASCII,
/// so all pieces are text when the whole is, and they begin and end between its characters.
fn are_short_labels(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut count, mut before) = (0, 0, "");
    let piece = |at: &mut usize| {
        let from = *at + 1;
        *at = from + usize::from(*bytes.get(*at).filter(|len| len.is_ascii())?);
        text.get(from..*at)
    };
    while at < bytes.len() {
        let (name, value) = (piece(&mut at).unwrap_or_default(), piece(&mut at).unwrap_or_default());
        if value.is_empty() || before >= name {
            return false;
        }
        (before, count) = (name, count + 1);
    }
    count <= LABELS_MAX && bytes.len() <= LABELS_BYTES_MAX
}

/// Appends the encoding of `pairs`, which it sorts; on an error `out` may hold a part of it.
pub fn encode<N: AsRef<str>, V: AsRef<str>>(
    pairs: &mut [(N, V)],
    out: &mut Vec<u8>,
) -> Result<(), BadLabels> {
    if pairs.len() > LABELS_MAX {
        return Err(BadLabels::TooMany);
    }
    pairs.sort_unstable_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
    if pairs.windows(2).any(|two| two[0].0.as_ref() == two[1].0.as_ref()) {
        return Err(BadLabels::Twice);
    }
    for (name, value) in pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())) {
        if name.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX {
            return Err(BadLabels::TooLong);
        }
        if name.is_empty() {
            return Err(BadLabels::Malformed);
        }
        if !value.is_empty() {
            for text in [name, value] {
                varint::put(out, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
    Ok(())
}

fn take_pair<'a>(rest: &mut &'a [u8]) -> Option<(&'a str, &'a str)> {
    if rest.is_empty() {
        return None;
    }
    Some((take_text(rest)?, take_text(rest)?))
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let len = usize::try_from(varint::take(rest)?).ok()?;
    let (text, more) = rest.split_at_checked(len)?;
    *rest = more;
    std::str::from_utf8(text).ok()
}

/// By name and value pairs, as Prometheus orders series.
impl Ord for LabelsRef<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other.iter())
    }
}

impl PartialOrd for LabelsRef<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.view().cmp(&other.view())
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As PromQL writes it: `name{label="value", ...}`.
impl fmt::Display for LabelsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get(NAME))?;
        let mut between = "{";
        for (name, value) in self.iter().filter(|(name, _)| *name != NAME) {
            write!(f, "{between}{name}={value:?}")?;
            between = ", ";
        }
        if between == "{" && !self.get(NAME).is_empty() {
            return Ok(());
        }
        f.write_str(if between == "{" { "{}" } else { "}" })
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

impl fmt::Debug for LabelsRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_of_pairs_does_not_matter(pairs: std::collections::BTreeMap<String, String>) {
            let mut forward: Vec<_> = pairs.iter().filter(|(name, _)| !name.is_empty()).collect();
            let mut backward: Vec<_> = forward.iter().rev().copied().collect();
            let labels = Labels::of(&mut forward).expect("few and short");
            prop_assert_eq!(&labels, &Labels::of(&mut backward).expect("few and short"));
            let kept: Vec<_> = forward.iter().filter(|(_, value)| !value.is_empty()).copied().collect();
            prop_assert!(labels.iter().eq(kept.into_iter().map(|(n, v)| (n.as_str(), v.as_str()))));
            prop_assert_eq!(LabelsRef::check(labels.view().bytes()), Ok(labels.view()));
        }

        /// What the fast path takes the slow one takes.
        #[test]
        fn the_fast_check_is_the_slow_one(
            pairs: std::collections::BTreeMap<String, String>, at: prop::sample::Index, byte: u8
        ) {
            let mut pairs: Vec<_> = pairs.iter().filter(|(name, _)| !name.is_empty()).collect();
            let mut bytes = Labels::of(&mut pairs).expect("few and short").view().bytes().to_vec();
            prop_assert!(LabelsRef::check_each(&bytes).is_ok());
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                prop_assert_eq!(LabelsRef::check(&bytes), LabelsRef::check_each(&bytes));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(labels) = LabelsRef::check(&bytes) {
                let mut pairs: Vec<_> = labels.iter().collect();
                let again = Labels::of(&mut pairs).expect("checked");
                prop_assert_eq!(again.view(), labels);
            }
        }
    }

    #[test]
    fn shown_as_promql_writes_them() {
        let check = |pairs: &[(&str, &str)], expected: &str| {
            assert_eq!(Labels::known(pairs).to_string(), expected);
        };
        check(&[("__name__", "up")], "up");
        check(&[("job", "a"), ("__name__", "up"), ("b", "x\"y")], r#"up{b="x\"y", job="a"}"#);
        check(&[("b", "")], "{}");
    }

    #[test]
    fn a_label_twice_or_too_long_is_refused() {
        assert_eq!(Labels::of(&mut [("a", "1"), ("a", "2")]), Err(BadLabels::Twice));
        let long = "x".repeat(LABEL_BYTES_MAX + 1);
        assert_eq!(Labels::of(&mut [("a", long.as_str())]), Err(BadLabels::TooLong));
    }
}
