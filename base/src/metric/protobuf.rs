//! Reads protobuf's wire format field by field, out of the bytes as they lie: no schema, no allocation.
//!
//! ```text
//! message:  fields, each: varint (field number << 3 | wire type), then by wire type
//!           0 varint   1 eight bytes   2 varint length, bytes   5 four bytes       3 and 4 (groups) are refused
//! ```
//! Numbers are little endian. Whoever reads skips the fields it does not know by not looking at them.

use crate::varint;
use std::fmt;

/// Bytes that are not a protobuf message, or not the one that was expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed or truncated protobuf")
    }
}

impl std::error::Error for Malformed {}

/// A field's value as the wire has it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Field<'a> {
    /// Integers and booleans.
    Varint(u64),
    /// `fixed64`, `sfixed64`, `double`.
    Fixed64(u64),
    /// `fixed32`, `sfixed32`, `float`.
    Fixed32(u32),
    /// Texts, bytes, messages, and packed lists of numbers.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    /// Of a text, bytes or a message.
    #[inline]
    pub fn bytes(self) -> Result<&'a [u8], Malformed> {
        if let Field::Bytes(bytes) = self { Ok(bytes) } else { Err(Malformed) }
    }

    /// Of a `string`, which is UTF-8.
    pub fn text(self) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// Of a message.
    #[inline]
    pub fn message(self) -> Result<Message<'a>, Malformed> {
        self.bytes().map(Message)
    }

    /// Of an integer or a boolean.
    #[inline]
    pub fn varint(self) -> Result<u64, Malformed> {
        if let Field::Varint(number) = self { Ok(number) } else { Err(Malformed) }
    }

    /// Of a `sint32` or `sint64`.
    pub fn signed(self) -> Result<i64, Malformed> {
        self.varint().map(varint::unzigzag)
    }

    /// Of a `fixed64` or `sfixed64`.
    pub fn fixed64(self) -> Result<u64, Malformed> {
        if let Field::Fixed64(number) = self { Ok(number) } else { Err(Malformed) }
    }

    /// Of a `double`.
    #[inline]
    pub fn double(self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }
}

/// The fields of a message, in the order of the wire; ends after the first fault.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a>(pub &'a [u8]);

impl<'a> Iterator for Message<'a> {
    /// The field's number and its value.
    type Item = Result<(u32, Field<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.take_field().ok_or(Malformed);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Message<'a> {
    #[inline]
    fn take_field(&mut self) -> Option<(u32, Field<'a>)> {
        let key = take_varint(&mut self.0)?;
        let number = u32::try_from(key >> 3).ok().filter(|&number| number > 0)?;
        let field = match key & 7 {
            0 => Field::Varint(take_varint(&mut self.0)?),
            1 => Field::Fixed64(u64::from_le_bytes(self.take_chunk()?)),
            2 => {
                let len = usize::try_from(take_varint(&mut self.0)?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(len)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.take_chunk()?)),
            _ => return None,
        };
        Some((number, field))
    }

    #[inline]
    fn take_chunk<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (chunk, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*chunk)
    }
}

#[inline]
fn take_varint(rest: &mut &[u8]) -> Option<u64> {
    match rest.split_first() {
        // Fast path: most keys and lengths are one byte.
        Some((&byte, after)) if byte < 0x80 => {
            *rest = after;
            Some(u64::from(byte))
        }
        _ => varint::take(rest),
    }
}

/// Adds the elements of a list of `fixed64` or `double`, packed or one a field; false when there would be more than `max`.
pub fn take_fixed64s(field: Field<'_>, max: usize, out: &mut Vec<u64>) -> Result<bool, Malformed> {
    match field {
        Field::Fixed64(number) => out.push(number),
        Field::Bytes(bytes) if bytes.len() / 8 > max => return Ok(false),
        Field::Bytes(bytes) => {
            let (chunks, rest) = bytes.as_chunks::<8>();
            out.extend(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)));
            rest.is_empty().then_some(()).ok_or(Malformed)?;
        }
        _ => return Err(Malformed),
    }
    Ok(out.len() <= max)
}

/// The same of a list of `uint64`.
pub fn take_varints(field: Field<'_>, max: usize, out: &mut Vec<u64>) -> Result<bool, Malformed> {
    match field {
        Field::Varint(number) => out.push(number),
        Field::Bytes(mut bytes) => {
            while !bytes.is_empty() && out.len() <= max {
                out.push(take_varint(&mut bytes).ok_or(Malformed)?);
            }
        }
        _ => return Err(Malformed),
    }
    Ok(out.len() <= max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fields_as_the_wire_has_them() {
        let bytes =
            [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f];
        let found: Vec<_> = Message(&bytes).collect::<Result<_, _>>().expect("sound");
        let expected = [
            (1, Field::Varint(150)),
            (2, Field::Bytes(b"hi")),
            (3, Field::Fixed32(1)),
            (4, Field::Fixed64(1f64.to_bits())),
        ];
        assert_eq!(found, expected);
        assert_eq!((found[1].1.text(), found[3].1.double()), (Ok("hi"), Ok(1.0)));
        assert_eq!((found[0].1.text(), found[0].1.signed()), (Err(Malformed), Ok(75)));
    }

    #[test]
    fn what_is_no_field_is_refused() {
        for bytes in
            [&[0x0b][..], &[0x0c], &[0x0f], &[0x00, 0], &[0x08], &[0x12, 3, 0], &[0x09, 0], &[0x80; 11]]
        {
            assert_eq!(Message(bytes).collect::<Result<Vec<_>, _>>(), Err(Malformed), "{bytes:?}");
        }
    }

    #[test]
    fn lists_packed_or_not() {
        let mut out = Vec::new();
        assert_eq!(take_varints(Field::Bytes(&[1, 0x96, 1]), 3, &mut out), Ok(true));
        assert_eq!(take_varints(Field::Varint(7), 3, &mut out), Ok(true));
        assert_eq!(out, [1, 150, 7]);
        assert_eq!(take_varints(Field::Bytes(&[1; 100]), 3, &mut out), Ok(false));
        assert_eq!(take_fixed64s(Field::Bytes(&[0; 800]), 3, &mut Vec::new()), Ok(false));
        assert_eq!(take_fixed64s(Field::Bytes(&[0; 9]), 3, &mut Vec::new()), Err(Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            prop_assert!(Message(&bytes).count() <= bytes.len());
        }
    }
}
