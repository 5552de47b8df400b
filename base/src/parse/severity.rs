//! Severity: OpenTelemetry's numbers, and the names and numbers loggers write for them.

use super::json::Value;
use serde::{Deserialize, Serialize};

/// OpenTelemetry severity number: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal; 0 unspecified.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Severity(pub u8);

/// Names of every library in use, lower-cased.
const NAMES: &[(&[u8], u8)] = &[
    (b"info", 9),
    (b"error", 17),
    (b"warn", 13),
    (b"warning", 13),
    (b"debug", 5),
    (b"trace", 1),
    (b"fatal", 21),
    (b"critical", 18),
    (b"verbose", 1),
    (b"silly", 1),
    (b"finest", 1),
    (b"finer", 5),
    (b"trce", 1),
    (b"trc", 1),
    (b"vrb", 1),
    (b"t", 1),
    (b"fine", 5),
    (b"config", 5),
    (b"http", 5),
    (b"debg", 5),
    (b"dbug", 5),
    (b"dbg", 5),
    (b"d", 5),
    (b"information", 9),
    (b"informational", 9),
    (b"success", 9),
    (b"inf", 9),
    (b"i", 9),
    (b"log", 9),
    (b"notice", 10),
    (b"wrn", 13),
    (b"w", 13),
    (b"erro", 17),
    (b"err", 17),
    (b"severe", 17),
    (b"e", 17),
    (b"dpanic", 18),
    (b"crit", 18),
    (b"crt", 18),
    (b"ftl", 21),
    (b"panic", 21),
    (b"pnc", 21),
    (b"f", 21),
    (b"alert", 19),
    (b"emerg", 21),
    (b"emergency", 21),
];
const NAME_BYTES_MAX: usize = 16;

impl Severity {
    /// The line does not tell.
    pub const UNSPECIFIED: Self = Self(0);
    /// The least of what is worth telling.
    pub const INFO: Self = Self(9);
    /// The least of the warnings.
    pub const WARN: Self = Self(13);
    /// The least of the errors.
    pub const ERROR: Self = Self(17);

    /// Reads a level's name in any case, with or without an offset as in `DEBUG+2`.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text = text.trim_ascii();
        let name_len = text.iter().position(|b| matches!(b, b'+' | b'-')).unwrap_or(text.len());
        let (name, offset) = text.split_at(name_len);
        let base = number_of_name(name)?;
        if offset.is_empty() {
            return Some(Self(base));
        }
        let offset: i16 = std::str::from_utf8(offset).ok()?.parse().ok()?;
        let number = i16::from(base).saturating_add(offset).clamp(1, 24);
        u8::try_from(number).ok().map(Self)
    }

    /// Reads a level's number by its range: 0-7 syslog and GELF, 10-69 pino and bunyan, 100-600 Monolog.
    pub fn from_int(level: i64) -> Option<Self> {
        const SYSLOG: [u8; 8] = [21, 19, 18, 17, 13, 10, 9, 5];
        let number = match level {
            0..=7 => SYSLOG[usize::try_from(level).expect("below 8")],
            10..=19 => 1,
            20..=29 | 100 => 5,
            30..=39 | 200 => 9,
            250 => 10,
            40..=49 | 300 => 13,
            50..=59 | 400 => 17,
            500 => 18,
            550 => 19,
            60..=69 | 600 => 21,
            _ => return None,
        };
        Some(Self(number))
    }

    /// Reads what a line has under a level's key.
    pub fn from_value(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Str(text) => {
                Self::from_text(text.as_bytes()).or_else(|| text.parse().ok().and_then(Self::from_int))
            }
            Value::I64(n) => Self::from_int(n),
            Value::U64(n) => i64::try_from(n).ok().and_then(Self::from_int),
            Value::F64(_) | Value::Bool(_) | Value::Null => None,
        }
    }

    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`; empty when unspecified.
    pub fn text(self) -> &'static str {
        ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"][usize::from(self.class())]
    }

    /// 0 unspecified, 1 trace, 2 debug, 3 info, 4 warn, 5 error, 6 fatal.
    pub fn class(self) -> u8 {
        self.0.div_ceil(4).min(6)
    }
}

fn number_of_name(name: &[u8]) -> Option<u8> {
    let mut buffer = [0; NAME_BYTES_MAX];
    let lower = buffer.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    // PostgreSQL and MongoDB number how much they tell.
    let lower = match &*lower {
        [debug @ .., b'1'..=b'5'] if matches!(debug, b"d" | b"debug") => debug,
        all => all,
    };
    NAMES.iter().find(|(known, _)| *known == lower).map(|&(_, number)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_loggers() {
        let check = |text: &str, expected: u8| {
            assert_eq!(Severity::from_text(text.as_bytes()).unwrap_or_default().0, expected, "{text}");
        };
        check("INFO", 9);
        check("warning", 13);
        check("ERRO", 17);
        check("Critical", 18);
        check("DEBUG2", 5);
        check("DEBUG+2", 7);
        check("ERROR+4", 21);
        check("INFO-99", 1);
        check(" info ", 9);
        check("DEBUG+x", 0);
        check("information overload", 0);
        check("", 0);
        check("+", 0);
    }

    #[test]
    fn numbers_by_range() {
        let check = |level: i64, expected: &str| {
            assert_eq!(Severity::from_int(level).unwrap_or_default().text(), expected, "{level}");
        };
        check(30, "INFO");
        check(60, "FATAL");
        check(3, "ERROR");
        check(400, "ERROR");
        check(20_000, "");
        check(-1, "");
    }
}
