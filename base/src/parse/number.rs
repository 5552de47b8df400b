//! Numbers as the query language compares them: two integers exactly, anything else as 64-bit floats; NaN never.

use super::json::Value;
use std::cmp::Ordering;

/// A number in a line or a query.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// An integer.
    Int(i128),
    /// Any other finite number.
    Float(f64),
}

/// Longer runs of digits are read as floats.
const INT_DIGITS_MAX: usize = 38;

impl Number {
    /// Reads text that is a number and nothing else: sign, digits, fraction, exponent. No `inf`, no `nan`, no hex.
    pub fn from_text(text: &str) -> Option<Self> {
        if !matches!(text.as_bytes().first()?, b'0'..=b'9' | b'+' | b'-' | b'.') {
            return None;
        }
        if !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) {
            return None;
        }
        if text.len() <= INT_DIGITS_MAX
            && let Ok(int) = text.parse()
        {
            return Some(Self::Int(int));
        }
        text.parse().ok().filter(|float: &f64| float.is_finite()).map(Self::Float)
    }

    /// The number a JSON value is or, when it is a string, says.
    pub fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Str(text) => Self::from_text(text),
            Value::I64(n) => Some(Self::Int(n.into())),
            Value::U64(n) => Some(Self::Int(n.into())),
            Value::F64(n) => n.is_finite().then_some(Self::Float(n)),
            Value::Bool(_) | Value::Null => None,
        }
    }

    /// How this number compares with `other`.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(&b)),
            _ => self.as_f64().partial_cmp(&other.as_f64()),
        }
    }

    /// The nearest float.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_text() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(Number::from_text(text).map(Number::as_f64), expected, "{text}");
        };
        check("42", Some(42.0));
        check("-7", Some(-7.0));
        check("007", Some(7.0));
        check("1e3", Some(1000.0));
        check(".5", Some(0.5));
        for bad in ["", "nan", "inf", "-inf", "0x10", "1e999", "1.2.3", "-", "1 ", "e"] {
            check(bad, None);
        }
    }

    #[test]
    fn integers_compare_exactly_otherwise_as_floats() {
        let big = |n: u64| Number::of(Value::U64(n)).expect("a number");
        assert_eq!(big(u64::MAX).compare(big(u64::MAX - 1)), Some(Ordering::Greater));
        let float = Number::from_text("18446744073709551615.0").expect("a number");
        assert_eq!(big(u64::MAX - 1).compare(float), Some(Ordering::Equal));
        assert!(Number::of(Value::F64(f64::NAN)).is_none());
    }
}
