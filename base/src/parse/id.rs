//! Trace, span and request ids in the spellings of their emitters, brought to one canonical text.
//!
//! Canonical: lower-case; a traceparent is its trace id; the dashes of UUIDs and the frame of X-Ray ids and of Google's
//! `projects/P/traces/ID` are gone; a 64-bit id padded to 128 bits is its 64 bits.
//!
//! Limit: a value over [`ID_BYTES_MAX`] bytes is no id.

/// Longest text that may be an id.
pub const ID_BYTES_MAX: usize = 128;
const PADDING: &[u8] = b"0000000000000000";

/// The canonical text of an id; borrowed from `text` or `scratch`. `None` when it is empty or too long.
pub fn canonical<'a>(text: &'a str, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    let bytes = text.as_bytes();
    if bytes.is_empty() || bytes.len() > ID_BYTES_MAX {
        return None;
    }
    if bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        // Fast path: as most emitters write it.
        return Some(without_padding(bytes));
    }
    let bytes = bytes.rsplit(|&b| b == b'/').next().unwrap_or(bytes).trim_ascii();
    scratch.clear();
    match dashed_parts(bytes) {
        Dashed::TraceParent => scratch.extend_from_slice(&bytes[3..35]),
        Dashed::XRay => scratch.extend(bytes[2..].iter().filter(|&&b| b != b'-')),
        Dashed::Uuid => scratch.extend(bytes.iter().filter(|&&b| b != b'-')),
        Dashed::No => scratch.extend_from_slice(bytes),
    }
    scratch.make_ascii_lowercase();
    (!scratch.is_empty()).then(|| without_padding(scratch))
}

/// Whether a bare word is an id by its looks: 16 or 32 hex digits or a UUID. Takes the word as typed.
pub fn looks_like_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    match bytes.len() {
        16 | 32 => bytes.iter().all(u8::is_ascii_hexdigit) && bytes.iter().any(u8::is_ascii_digit),
        _ => matches!(dashed_parts(bytes), Dashed::Uuid),
    }
}

enum Dashed {
    TraceParent,
    XRay,
    Uuid,
    No,
}

/// Recognises by the lengths of dash-separated runs of hex digits.
fn dashed_parts(bytes: &[u8]) -> Dashed {
    let mut lens = [0usize; 6];
    let mut count = 0;
    for part in bytes.split(|&b| b == b'-') {
        if count == lens.len() || !part.iter().all(u8::is_ascii_hexdigit) {
            return Dashed::No;
        }
        lens[count] = part.len();
        count += 1;
    }
    match &lens[..count] {
        [2, 32, 16, 2] => Dashed::TraceParent,
        [1, 8, 24] => Dashed::XRay,
        [8, 4, 4, 4, 12] => Dashed::Uuid,
        _ => Dashed::No,
    }
}

/// Whether an id of 128 bits has but 64.
pub fn is_padded(id: &[u8]) -> bool {
    id.len() == 2 * PADDING.len() && id.starts_with(PADDING)
}

fn without_padding(id: &[u8]) -> &[u8] {
    if is_padded(id) { &id[PADDING.len()..] } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_id() {
        let check = |text: &str, expected: &str| {
            let mut scratch = Vec::new();
            let got = canonical(text, &mut scratch).map(String::from_utf8_lossy);
            assert_eq!(got.as_deref(), Some(expected), "{text}");
        };
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        check(id, id);
        check("4BF92F3577B34DA6A3CE929D0E0E4736", id);
        check("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", id);
        check("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", id);
        check("1-4bf92f35-77b34da6a3ce929d0e0e4736", id);
        check("projects/p-1/traces/4bf92f3577b34da6a3ce929d0e0e4736", id);
        check("000000000000000000f067aa0ba902b7", "00f067aa0ba902b7");
        check("00f067aa0ba902b7", "00f067aa0ba902b7");
        check("Abc", "abc");
        check("req-1", "req-1");
        assert_eq!(canonical("", &mut Vec::new()), None);
        assert_eq!(canonical("/", &mut Vec::new()), None);
    }

    #[test]
    fn ids_by_their_looks() {
        for id in
            ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "4BF92F35-77b3-4da6-a3ce-929d0e0e4736"]
        {
            assert!(looks_like_id(id), "{id}");
        }
        for other in ["", "facefacefaceface", "4bf92f35", "payment", "4bf92f35-77b3"] {
            assert!(!looks_like_id(other), "{other}");
        }
    }
}
