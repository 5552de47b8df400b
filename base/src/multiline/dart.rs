//! Dart and Flutter.
//!
//! ```text
//! Unhandled exception:
//! FormatException: Invalid base64 data      lines of any kind, at most a few
//! #0      main (file:///dartFile.dart:24:20)
//! <asynchronous suspension>
//! ```

use super::event;
use super::language::{Header, Language, Next, Place};
use super::text::after_number;

pub(super) const DART: Language = Language { begins, next };

/// Steps below count the lines of the message.
const FRAMES: u8 = 16;

fn begins(line: &[u8]) -> Option<Header> {
    let begins = line.starts_with(b"Unhandled exception:") && line.trim_ascii_end().ends_with(b":");
    begins.then_some(Header { step: 0, place: Place::Alone })
}

fn next(step: u8, line: &[u8]) -> Next {
    let is_frame = line.strip_prefix(b"#").and_then(after_number).is_some_and(|rest| rest.starts_with(b" "));
    if is_frame || line == b"<asynchronous suspension>" {
        return Next::Step(FRAMES);
    }
    let in_message = step < FRAMES && (step == 0 || !event::begins(line));
    if in_message { Next::Step(step + 1) } else { Next::Other }
}
