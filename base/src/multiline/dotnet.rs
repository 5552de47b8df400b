//! .NET.
//!
//! ```text
//! Unhandled exception. System.InvalidOperationException: outer      or the type alone, maybe behind an event
//!  ---> System.Exception: inner
//!    at App.Main() in Program.cs:line 11
//!    --- End of inner exception stack trace ---
//! --- End of stack trace from previous location ---                 not indented
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{Thrown, starts_with_any};

pub(super) const DOTNET: Language = Language { begins, next };

fn begins(line: &[u8]) -> Option<Header> {
    let place = match line.first()? {
        b'U' if starts_with_any(line, &[b"Unhandled exception. ", b"Unhandled Exception: "]) => Place::Alone,
        b'A'..=b'Z' if Thrown::error(line).is_some_and(|thrown| is_namespaced(thrown.path)) => {
            Place::AfterEvent
        }
        _ => return None,
    };
    Some(Header { step: 0, place })
}

fn is_namespaced(path: &[u8]) -> bool {
    path.contains(&b'.')
}

fn next(_step: u8, line: &[u8]) -> Next {
    if starts_with_any(line, &[b"--- End of ", b"---> "]) { Next::Step(0) } else { Next::Other }
}
