//! Identifiers and numbers that must not be mixed up: each its own type, each printed one way.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Defines a random 128-bit id, printed as 32 lower-case hex digits.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// Mints a new id from the operating system's random source.
            pub fn random() -> Self {
                Self(random_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                parse_hex16(text).map(Self).ok_or_else(|| BadId(text.to_owned()))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                text.parse()
            }
        }
    };
}

random_id! {
    /// One generation of one input: a file generation, a socket, a spool. Minted by the shipper.
    SourceId
}
random_id! {
    /// One journal, minted when it is created; every follower stores it beside its position.
    JournalId
}

/// Text that is not a 32-digit hex id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadId(String);

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not an id of 32 hex digits", self.0.escape_debug())
    }
}

impl std::error::Error for BadId {}

/// Defines a number with a meaning of its own.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// Place in the journal. The first record has position 1; 0 means "nothing yet". Strictly +1.
    Position(u64)
}
number! {
    /// Byte offset in a source; the offset of a line's first byte is the line's number.
    Offset(u64)
}
number! {
    /// Session of a shipper, minted by the router; frames of older epochs are dropped.
    Epoch(u64)
}
number! {
    /// Number of configuration changes the journal has seen.
    ConfigVersion(u32)
}

impl Position {
    /// The position after this one.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Offset {
    /// This offset moved on by `bytes`.
    pub fn plus(self, bytes: u64) -> Self {
        Self(self.0.saturating_add(bytes))
    }
}

/// Sixteen bytes from the operating system's random source.
pub fn random_bytes() -> [u8; 16] {
    let mut bytes = [0; 16];
    let mut filled = 0;
    while filled < bytes.len() {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            // Linux has had the call since 3.17; without randomness ids would collide, so stop.
            Err(e) => panic!("the operating system gives no random bytes: {e}"),
        }
    }
    bytes
}

fn parse_hex16(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_and_parses_back() {
        let id = SourceId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<SourceId>().is_err());
        assert!("é".repeat(16).parse::<SourceId>().is_err());
    }
}
