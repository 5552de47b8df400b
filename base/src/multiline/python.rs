//! Python.
//!
//! ```text
//! Traceback (most recent call last):
//!   File "t.py", line 10, in both           indented, or loguru's `> File`; loguru has blank lines between
//! ZeroDivisionError: division by zero       the first line that is not indented ends it
//!
//! During handling of the above exception, another exception occurred:
//!
//! Traceback (most recent call last):
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{Thrown, first_word, starts_with_any};

pub(super) const PYTHON: Language = Language { begins, next };

const HEADER: &[u8] = b"Traceback (most recent call last):";
const CHAIN: [&[u8]; 2] =
    [b"During handling of the above exception", b"The above exception was the direct cause"];

const FRAMES: u8 = 0;
const THROWN: u8 = 1;
const CHAINED: u8 = 2;

fn begins(line: &[u8]) -> Option<Header> {
    let text = line.trim_ascii_start();
    let is_group = text.starts_with(b"+ Exception Group Traceback");
    let is_fault = line.starts_with(b"Fatal Python error: ");
    let begins = line.starts_with(HEADER) || is_group || is_fault;
    begins.then_some(Header { step: FRAMES, place: Place::AfterEvent })
}

fn next(step: u8, line: &[u8]) -> Next {
    match step {
        FRAMES if line.first().is_none_or(u8::is_ascii_whitespace) => Next::Step(FRAMES),
        FRAMES if starts_with_any(line, &[b"> File \"", b"Current thread 0x", b"Thread 0x", HEADER]) => {
            Next::Step(FRAMES)
        }
        FRAMES if is_last(line) => Next::Step(THROWN),
        THROWN if line.is_empty() => Next::Step(THROWN),
        _ if starts_with_any(line, &CHAIN) => Next::Step(CHAINED),
        CHAINED if line.is_empty() => Next::Step(CHAINED),
        CHAINED if begins(line).is_some() => Next::Step(FRAMES),
        _ => Next::Other,
    }
}

/// `KeyError: 'cart'`. Exceptions may have any name but a level's in capitals: that is the next event.
fn is_last(line: &[u8]) -> bool {
    let is_capital = |word: &[u8]| word.len() > 1 && word.iter().all(u8::is_ascii_uppercase);
    Thrown::of(line).is_some_and(|thrown| !is_capital(thrown.path)) && !is_capital(first_word(line))
}
