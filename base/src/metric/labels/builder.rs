//! Labels put together one by one, as receivers find them: those that come in ascending order, as Prometheus sends them, are
//! encoded as they come, into memory that is used again; only others are sorted.

use super::{BadLabels, LABEL_BYTES_MAX, LABELS_MAX, LabelsRef, NAME, encode};
use crate::varint;
use std::ops::Range;

/// Labels in the making.
#[derive(Debug, Default)]
pub struct Builder {
    bytes: Vec<u8>,
    sorted: Vec<u8>,
    made: Mark,
}

/// How far labels were made: to go on from there with others.
#[derive(Clone, Debug, Default)]
pub struct Mark {
    len: usize,
    count: usize,
    /// Where the name before lies in `bytes`.
    before: Range<usize>,
    /// Where the metric's name lies in `bytes`.
    metric: Range<usize>,
    is_descending: bool,
    /// Some length takes more than one byte.
    has_long: bool,
}

impl Builder {
    /// Begins other labels.
    pub fn clear(&mut self) {
        self.back_to(&Mark::default());
    }

    /// The labels so far.
    pub fn mark(&self) -> Mark {
        self.made.clone()
    }

    /// Forgets the labels that were pushed since a mark; there must have been no going back to an earlier one.
    pub fn back_to(&mut self, mark: &Mark) {
        self.bytes.truncate(mark.len);
        self.made.clone_from(mark);
    }

    /// Adds a label; one without a value is left out. Whether all are UTF-8 is looked at when they are taken.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadLabels> {
        if name.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX {
            return Err(BadLabels::TooLong);
        }
        if name.is_empty() {
            return Err(BadLabels::Malformed);
        }
        if value.is_empty() {
            return Ok(());
        }
        if self.made.count == LABELS_MAX {
            return Err(BadLabels::TooMany);
        }
        // Not greater than the one before: sorted when all are there, which also finds the same one twice.
        self.made.is_descending |= self.made.count > 0 && self.bytes[self.made.before.clone()] >= *name;
        self.made.before = self.put(name);
        let value = self.put(value);
        if name == NAME.as_bytes() {
            self.made.metric = value;
        }
        (self.made.count, self.made.len) = (self.made.count + 1, self.bytes.len());
        Ok(())
    }

    /// The metric's name, which need not be UTF-8; empty when there is none so far.
    pub fn metric_bytes(&self) -> &[u8] {
        &self.bytes[self.made.metric.clone()]
    }

    /// The metric's name; empty when there is none so far, or it is not UTF-8.
    pub fn metric(&self) -> &str {
        std::str::from_utf8(self.metric_bytes()).unwrap_or_default()
    }

    /// All of them.
    #[inline]
    pub fn labels(&mut self) -> Result<LabelsRef<'_>, BadLabels> {
        if !self.are_texts() {
            return Err(BadLabels::Malformed);
        }
        if !self.made.is_descending {
            // Fast path: what is checked here and in `push` is what `LabelsRef::check` would.
            return LabelsRef(&self.bytes).within_bytes_max();
        }
        let mut pairs: Vec<(&str, &str)> = LabelsRef(&self.bytes).iter().collect();
        self.sorted.clear();
        encode(&mut pairs, &mut self.sorted)?;
        LabelsRef(&self.sorted).within_bytes_max()
    }

    #[inline]
    fn are_texts(&self) -> bool {
        if !self.made.has_long {
            // Fast path: lengths of one byte are ASCII, so all of it is UTF-8 exactly when each text is.
            return simdutf8::basic::from_utf8(&self.bytes).is_ok();
        }
        LabelsRef(&self.bytes).iter().count() == self.made.count
    }

    #[inline]
    fn put(&mut self, text: &[u8]) -> Range<usize> {
        self.bytes.reserve(text.len() + 2);
        match u8::try_from(text.len()) {
            Ok(len) if len < 0x80 => self.bytes.push(len),
            _ => {
                self.made.has_long = true;
                varint::put(&mut self.bytes, text.len() as u64);
            }
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        begin..self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Labels;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn built_one_by_one_they_are_the_same(
            pairs in prop::collection::vec(("[a-c_]{0,3}", "[xé]{0,2}|y{126,129}"), 0..6), metric in "[a-z]{0,3}"
        ) {
            let mut builder = Builder::default();
            builder.push(b"left", b"over").expect("a label");
            builder.clear();
            let mut pairs: Vec<_> = pairs.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            pairs.push((NAME.into(), metric.clone()));
            pairs.retain(|(_, value)| !value.is_empty());
            let pushed: Result<Vec<_>, _> =
                pairs.iter().map(|(name, value)| builder.push(name.as_bytes(), value.as_bytes())).collect();
            let found = pushed.and_then(|_| builder.labels().map(LabelsRef::to_owned));
            match (found, Labels::of(&mut pairs)) {
                (Ok(found), Ok(expected)) => {
                    prop_assert_eq!(LabelsRef::check(found.view().bytes()), Ok(expected.view()));
                    prop_assert_eq!(builder.metric(), metric);
                }
                (found, expected) => prop_assert!(found.is_err() && expected.is_err()),
            }
        }
    }

    proptest! {
        /// Going back to a mark is as never having gone on.
        #[test]
        fn going_back(
            kept in prop::collection::vec(("[a-c_]{1,3}", "y{0,2}|y{126,129}"), 0..4),
            left in prop::collection::vec(("[a-c_]{1,3}|__name__", "y{0,2}|y{126,129}"), 0..4),
            more in prop::collection::vec(("[a-c_]{1,3}|__name__", "y{0,2}|y{126,129}"), 0..4),
        ) {
            let push = |builder: &mut Builder, pairs: &[(String, String)]| {
                pairs.iter().for_each(|(name, value)| builder.push(name.as_bytes(), value.as_bytes()).expect("few"));
            };
            let (mut found, mut expected) = (Builder::default(), Builder::default());
            push(&mut found, &kept);
            let mark = found.mark();
            push(&mut found, &left);
            found.back_to(&mark);
            push(&mut found, &more);
            push(&mut expected, &kept);
            push(&mut expected, &more);
            prop_assert_eq!(found.metric(), expected.metric());
            prop_assert_eq!(found.labels(), expected.labels());
        }
    }

    #[test]
    fn what_is_not_utf_8_is_refused() {
        let long = [b'x'; 200];
        let check = |pairs: &[(&[u8], &[u8])], expected: bool| {
            let mut builder = Builder::default();
            pairs.iter().for_each(|(name, value)| builder.push(name, value).expect("short and few"));
            let is_right = builder.labels().is_ok_and(|labels| LabelsRef::check(labels.bytes()).is_ok());
            assert_eq!(is_right, expected, "{pairs:?}");
        };
        check(&[(b"a", "é".as_bytes())], true);
        check(&[(b"a", b"\xff")], false);
        check(&[(b"\xff", b"a"), (b"b", b"c")], false);
        // Two halves of a character make none.
        check(&[(b"a\xc3", b"\xa9")], false);
        check(&[(b"a", b"\xc3"), (b"\xa9", b"b")], false);
        check(&[(b"a", &long), (b"b", "é".as_bytes())], true);
        check(&[(b"a", &long), (b"b", b"\xff")], false);
        check(&[(b"b", &long), (b"a", b"\xff")], false);
    }
}
