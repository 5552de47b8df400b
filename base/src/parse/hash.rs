//! How a term becomes the 64 bits the index knows it by. Part of the split format: changing anything here means a new
//! format version.
//!
//! ```text
//! token   T = xxh3_64(token, lower-cased)
//! tag     "text" | "user" | "service" | "host" | "severity" | "pattern" | "id" | "number", zero-padded to 8 bytes, little endian
//! scope   S = tag of the part a well-known field plays, whatever its key; bodies, exceptions and plain lines are text
//!           | xxh3_64("field" 00 path)                          any other field, by its path as written
//! word      = mix(S, T)
//! severity  = mix(tag severity, class 0-6)
//! pattern   = mix(tag pattern, its id)
//! id        = mix(tag id, T)                     token of class Id, or a canonical id: the field does not matter
//! number    = as the token of its decimal text, sign included, when it is an integer below 2^53
//!           | mix(tag number, bits of the nearest f64)          any other, kept as an id: a fraction only where it is text
//! mix(a, b) = x ^ x >> 29 where x = (a ^ b <<< 32) * 0x9e3779b97f4a7c15
//! ```

use super::number::Number;
use super::role::{Role, role_of};
use super::tokens::{Token, TokenClass};
use crate::pattern::PatternId;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

/// Where a word was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Scope(u64);

/// How the index knows a token or a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    /// By an entry of the dictionary.
    Word(u64),
    /// By an entry of the id table.
    Id(u64),
    /// Not at all.
    Skipped,
}

/// Integers below this are told apart by 64-bit floats.
const EXACT_MAX: u128 = 1 << 53;
/// Shorter integers are words of their field: there are few of them.
const WORD_DIGITS_MAX: usize = 3;

impl Scope {
    /// Of bodies, exceptions and plain lines.
    pub(crate) fn text() -> Self {
        Self(tag(b"text"))
    }

    /// Of what identifies a user.
    pub(crate) fn user() -> Self {
        Self(tag(b"user"))
    }

    /// Of the service.
    pub(crate) fn service() -> Self {
        Self(tag(b"service"))
    }

    /// Of the host.
    pub(crate) fn host() -> Self {
        Self(tag(b"host"))
    }

    /// Of the field at `path`, by the part it plays.
    pub(crate) fn of_path(path: &str) -> Self {
        Self::of(path, role_of(path))
    }

    /// As [`Scope::of_path`], the role being known.
    pub(crate) fn of(path: &str, role: Role) -> Self {
        match role {
            Role::Body | Role::Exception => Self::text(),
            Role::User => Self::user(),
            Role::Service => Self::service(),
            Role::Host => Self::host(),
            _ => Self(hash_path(path)),
        }
    }

    /// The hash that stands for it.
    pub(crate) fn hash(self) -> u64 {
        self.0
    }

    pub(crate) fn token(self, token: Token<'_>) -> Term {
        match token.class() {
            TokenClass::Word => Term::Word(mix(self.0, xxh3_64(token.text))),
            TokenClass::Id => Term::Id(id_of(token.text)),
            TokenClass::Skipped => Term::Skipped,
        }
    }

    /// Text taken as one word, whatever it looks like.
    pub(crate) fn word(self, text: &[u8]) -> u64 {
        mix(self.0, xxh3_64(text))
    }

    /// Equal numbers give equal terms.
    pub(crate) fn number(self, number: Number) -> Term {
        let int = match number {
            Number::Int(n) if n.unsigned_abs() < EXACT_MAX => n as i64,
            Number::Float(n) if n.fract() == 0.0 && n.abs() < EXACT_MAX as f64 => n as i64,
            // Fractions are measured, not looked up; columns have them.
            Number::Float(n) if n.fract() != 0.0 && self != Self::text() => return Term::Skipped,
            _ => return Term::Id(mix(tag(b"number"), number.as_f64().to_bits())),
        };
        let mut buffer = [0; 20];
        let (text, digits) = decimal(int, &mut buffer);
        match digits {
            0..=WORD_DIGITS_MAX => Term::Word(self.word(text)),
            _ => Term::Id(id_of(text)),
        }
    }
}

/// The entry of severity class `class` (see `Severity::class`).
pub(crate) fn severity_word(class: u8) -> u64 {
    mix(tag(b"severity"), u64::from(class))
}

/// The entry of a pattern.
pub(crate) fn pattern_word(pattern: PatternId) -> u64 {
    mix(tag(b"pattern"), u64::from(pattern.0))
}

/// The entry of an id in canonical form or of a token of class Id.
pub(crate) fn id_of(text: &[u8]) -> u64 {
    mix(tag(b"id"), xxh3_64(text))
}

fn mix(scope: u64, token: u64) -> u64 {
    let x = (scope ^ token.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^ (x >> 29)
}

const fn tag(name: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    let mut i = 0;
    while i < name.len() {
        bytes[i] = name[i];
        i += 1;
    }
    u64::from_le_bytes(bytes)
}

fn hash_path(path: &str) -> u64 {
    const PREFIX: &[u8] = b"field\0";
    const STACK_BYTES: usize = 128;
    let mut buffer = [0; STACK_BYTES];
    match buffer.get_mut(..PREFIX.len() + path.len()) {
        Some(whole) => {
            whole[..PREFIX.len()].copy_from_slice(PREFIX);
            whole[PREFIX.len()..].copy_from_slice(path.as_bytes());
            xxh3_64(whole)
        }
        None => {
            let mut hasher = Xxh3Default::new();
            hasher.update(PREFIX);
            hasher.update(path.as_bytes());
            hasher.digest()
        }
    }
}

/// Decimal text of `n` and its number of digits.
fn decimal(n: i64, buffer: &mut [u8; 20]) -> (&[u8], usize) {
    let mut at = buffer.len();
    let mut rest = n.unsigned_abs();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let digits = buffer.len() - at;
    if n < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    (&buffer[at..], digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_numbers_have_equal_terms() {
        let scope = Scope::of_path("n");
        let term = |text: &str| scope.number(Number::from_text(text).expect("a number"));
        for (a, b) in [("200", "200.0"), ("4821", "4.821e3"), ("0", "-0.0"), ("1e3", "1000")] {
            assert_eq!(term(a), term(b), "{a} {b}");
        }
        assert_eq!(term("9007199254740993"), term("9007199254740992.0"));
        assert_ne!(term("5"), term("-5"));
        assert!(matches!(term("999"), Term::Word(_)));
        assert!(matches!(term("0.5"), Term::Skipped));
        assert!(matches!(Scope::text().number(Number::Float(0.5)), Term::Id(_)));
    }

    /// Splits on disk hold these.
    #[test]
    fn hashes_never_change() {
        let hashes = [
            Scope::text().word(b"reset"),
            Scope::of_path("http.status").word(b"200"),
            id_of(b"4bf92f3577b34da6a3ce929d0e0e4736"),
            severity_word(5),
        ];
        assert_eq!(
            hashes,
            [
                11_793_414_832_213_922_610,
                14_144_924_056_334_925_885,
                6_716_859_092_771_350_438,
                2_284_230_570_328_308_391
            ]
        );
    }
}
