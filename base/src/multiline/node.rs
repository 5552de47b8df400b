//! Node.js and other JavaScript; any `SomethingError: text` that no other language claims.
//!
//! ```text
//! /srv/app/t.js:2                          an uncaught one begins with the line at fault
//! throw new TypeError("boom")
//! ^
//!
//! TypeError: boom
//!     at Object.<anonymous> (/srv/app/t.js:2:11) {
//!   code: 'X',
//!   [cause]: Error: inner
//! }
//!
//! Node.js v20.19.2
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{Thrown, starts_with_any};

pub(super) const NODE: Language = Language { begins, next };

const SOURCE: u8 = 0;
const MARK: u8 = 1;
const THROWN: u8 = 2;
const FRAMES: u8 = 3;

fn begins(line: &[u8]) -> Option<Header> {
    let text = line.strip_prefix(b"Uncaught ").unwrap_or(line);
    let (step, place) = match text.first()? {
        b'A'..=b'Z' | b'a'..=b'z' if Thrown::error(text).is_some() => (FRAMES, Place::AfterEvent),
        b'/' | b'f' | b'n' | b'A'..=b'Z' if is_source(line) => (SOURCE, Place::Alone),
        _ => return None,
    };
    Some(Header { step, place })
}

/// `/srv/app/t.js:2`
fn is_source(line: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', line) else { return false };
    let (path, number) = (&line[..colon], &line[colon + 1..]);
    let is_script =
        || [b".js".as_slice(), b".cjs", b".mjs", b".ts"].iter().any(|ending| path.ends_with(ending));
    !number.is_empty()
        && number.iter().all(u8::is_ascii_digit)
        && !path.contains(&b' ')
        && (path.starts_with(b"node:internal/") || is_script())
}

fn next(step: u8, line: &[u8]) -> Next {
    match step {
        SOURCE => Next::Step(MARK),
        MARK if line.trim_ascii_start().starts_with(b"^") => Next::Step(THROWN),
        THROWN if line.is_empty() => Next::Step(THROWN),
        THROWN => Next::Step(FRAMES),
        FRAMES if line.starts_with(b"Node.js v") => Next::Ends,
        FRAMES
            if starts_with_any(
                line,
                &[b"[cause]", b"(Use `node ", b"Thrown at:", b"Require stack:", b"- /"],
            ) =>
        {
            Next::Step(FRAMES)
        }
        _ => Next::Other,
    }
}
