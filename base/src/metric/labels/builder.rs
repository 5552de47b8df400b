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
    count: usize,
    /// Where the name before lies in `bytes`.
    before: Range<usize>,
    /// Where the metric's name lies in `bytes`.
    metric: Range<usize>,
    is_descending: bool,
}

impl Builder {
    /// Begins other labels.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.count, self.is_descending) = (0, false);
        (self.before, self.metric) = (0..0, 0..0);
    }

    /// Adds a label; one without a value is left out.
    #[inline]
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), BadLabels> {
        if name.len() > LABEL_BYTES_MAX || value.len() > LABEL_BYTES_MAX {
            return Err(BadLabels::TooLong);
        }
        if name.is_empty() || !is_text(name) || !is_text(value) {
            return Err(BadLabels::Malformed);
        }
        if value.is_empty() {
            return Ok(());
        }
        if self.count == LABELS_MAX {
            return Err(BadLabels::TooMany);
        }
        // Not greater than the one before: sorted when all are there, which also finds the same one twice.
        self.is_descending |= self.count > 0 && self.bytes[self.before.clone()] >= *name;
        self.before = self.put(name);
        let value = self.put(value);
        if name == NAME.as_bytes() {
            self.metric = value;
        }
        self.count += 1;
        Ok(())
    }

    /// The metric's name; empty when there is none so far.
    pub fn metric(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.metric.clone()]).unwrap_or_default()
    }

    /// All of them.
    #[inline]
    pub fn labels(&mut self) -> Result<LabelsRef<'_>, BadLabels> {
        if !self.is_descending {
            // Fast path: what `push` has checked is what `LabelsRef::check` would.
            return LabelsRef(&self.bytes).within_bytes_max();
        }
        let mut pairs: Vec<(&str, &str)> = LabelsRef(&self.bytes).iter().collect();
        self.sorted.clear();
        encode(&mut pairs, &mut self.sorted)?;
        LabelsRef(&self.sorted).within_bytes_max()
    }

    #[inline]
    fn put(&mut self, text: &[u8]) -> Range<usize> {
        match u8::try_from(text.len()) {
            // Fast path: a length of one byte.
            Ok(len) if len < 0x80 => self.bytes.push(len),
            _ => varint::put(&mut self.bytes, text.len() as u64),
        }
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(text);
        begin..self.bytes.len()
    }
}

/// Most labels are ASCII, which is sooner seen than that they are UTF-8.
#[inline]
fn is_text(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::Labels;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn built_one_by_one_they_are_the_same(
            pairs in prop::collection::vec(("[a-c_]{0,3}", "[xé]{0,2}"), 0..6), metric in "[a-z]{0,3}"
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
}
