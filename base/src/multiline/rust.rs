//! Rust.
//!
//! ```text
//! thread 'main' (8535) panicked at src/main.rs:25:72:       older: thread 'main' panicked at 'boom', src/main.rs:25:72
//! index out of bounds: the len is 0 but the index is 3      the next line, whatever it is
//! stack backtrace:
//!    0: __rustc::rust_begin_unwind
//! note: Some details are omitted, run with `RUST_BACKTRACE=full`
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{after_number, starts_with_any};

pub(super) const RUST: Language = Language { begins, next };

const MESSAGE: u8 = 0;
const REST: u8 = 1;

const PARTS: [&[u8]; 4] =
    [b"note: ", b"stack backtrace:", b"fatal runtime error: ", b"thread panicked while"];

fn begins(line: &[u8]) -> Option<Header> {
    let rest = line.strip_prefix(b"thread '")?;
    memchr::memmem::find(rest, b" panicked at ")?;
    let step = if line.ends_with(b":") { MESSAGE } else { REST };
    Some(Header { step, place: Place::Alone })
}

fn next(step: u8, line: &[u8]) -> Next {
    let is_frame = || after_number(line).is_some_and(|rest| rest.starts_with(b": "));
    if step == MESSAGE || starts_with_any(line, &PARTS) || is_frame() {
        Next::Step(REST)
    } else {
        Next::Other
    }
}
