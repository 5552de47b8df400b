//! Tables of prefixes, searched by halves: each frame of each trace is looked up in one.
//!
//! Compared are the first [`KEY_BYTES`] bytes as one number, then the whole of the only prefix that it may be. That needs
//! prefixes that are sorted and differ in these bytes, and none that begins with another; the compiler checks it. It is three
//! times as fast as comparing texts.

/// Bytes of a number of 128 bits.
const KEY_BYTES: usize = 16;
/// Room for the largest table.
const PREFIXES_MAX: usize = 96;

/// A table.
#[derive(Debug)]
pub(super) struct Prefixes {
    texts: &'static [&'static str],
    /// Of each text; behind them nothing is less.
    keys: [u128; PREFIXES_MAX],
}

impl Prefixes {
    /// Panics, at compile time where it is a constant, when `texts` are not in order.
    pub(super) const fn of(texts: &'static [&'static str]) -> Self {
        let mut keys = [u128::MAX; PREFIXES_MAX];
        let mut at = 0;
        while at < texts.len() {
            keys[at] = key_of(texts[at].as_bytes());
            assert!(at == 0 || keys[at - 1] < keys[at], "sorted, and told apart by their first bytes");
            assert!(
                at == 0 || !begins_with(texts[at].as_bytes(), texts[at - 1].as_bytes()),
                "none begins with another"
            );
            at += 1;
        }
        Self { texts, keys }
    }

    /// Whether `name` begins with one of them.
    pub(super) fn begin(&self, name: &str) -> bool {
        let key = key_of(name.as_bytes());
        let behind = self.keys[..self.texts.len()].partition_point(|&prefix| prefix <= key);
        behind > 0 && name.starts_with(self.texts[behind - 1])
    }
}

const fn key_of(text: &[u8]) -> u128 {
    let mut bytes = [0; KEY_BYTES];
    let mut at = 0;
    while at < KEY_BYTES && at < text.len() {
        bytes[at] = text[at];
        at += 1;
    }
    u128::from_be_bytes(bytes)
}

const fn begins_with(text: &[u8], prefix: &[u8]) -> bool {
    let mut at = 0;
    while at < prefix.len() && at < text.len() && prefix[at] == text[at] {
        at += 1;
    }
    at == prefix.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXTS: &[&str] = &["a.", "b.c.", "b.d", "org.apache.commons.dbcp", "org.apache.http.", "z"];
    const TABLE: Prefixes = Prefixes::of(TEXTS);

    proptest! {
        #[test]
        fn as_asking_one_after_the_other(
            prefix in prop::sample::select(TEXTS),
            cut in 0usize..24,
            more in "[a-z.\\PC]{0,5}",
        ) {
            let name = format!("{}{more}", &prefix[..cut.min(prefix.len())]);
            prop_assert_eq!(TABLE.begin(&name), TEXTS.iter().any(|text| name.starts_with(text)), "{}", name);
        }
    }
}
