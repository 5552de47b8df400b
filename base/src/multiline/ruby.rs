//! Ruby and Rails.
//!
//! ```text
//! -e:1:in `f': boom (ArgumentError)                         a cause comes behind the frames, as a header again
//!         from -e:1:in `<main>'
//!
//!  ActionController::RoutingError (No route matches):       Rails; a blank before it, and frames without `from`
//! ```
//! Newer versions quote the line at fault below the header, behind a blank line.

use super::language::{Header, Language, Next, Place};
use super::text::after_number;
use memchr::memmem;

pub(super) const RUBY: Language = Language { begins, next };

const HEAD: u8 = 0;
const SNIPPET: u8 = 1;
const FRAMES: u8 = 2;

fn begins(line: &[u8]) -> Option<Header> {
    let (step, place) = match line.first()? {
        b' ' | b'A'..=b'Z' if is_rails(line) => (FRAMES, Place::AfterEvent),
        _ if is_thrown(line) => (HEAD, Place::AfterEvent),
        _ => return None,
    };
    Some(Header { step, place })
}

/// ``routes.rb:6:in `/': divided by 0 (ZeroDivisionError)``
fn is_thrown(line: &[u8]) -> bool {
    line.ends_with(b")") && frame_end(line).is_some_and(|rest| rest.contains(&b'('))
}

/// What is behind ``file:line:in ``.
fn frame_end(line: &[u8]) -> Option<&[u8]> {
    let at = memmem::find(line, b":in ")?;
    let rest = &line[at + 4..];
    let has_number = line[..at].last().is_some_and(u8::is_ascii_digit);
    (has_number && matches!(rest.first(), Some(b'`' | b'\''))).then_some(rest)
}

/// ` NoMethodError (undefined method):`
fn is_rails(line: &[u8]) -> bool {
    let line = line.strip_prefix(b" ").unwrap_or(line);
    let is_path = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_');
    let len = line.iter().take_while(|b| is_path(b)).count();
    line.first().is_some_and(u8::is_ascii_uppercase)
        && line[len..].starts_with(b" (")
        && line.ends_with(b"):")
}

fn next(step: u8, line: &[u8]) -> Next {
    match step {
        HEAD if line.is_empty() => Next::Step(SNIPPET),
        SNIPPET if !line.is_empty() && !line.starts_with(b"\t") => Next::Step(FRAMES),
        _ if frame_end(line).is_some() => Next::Step(FRAMES),
        FRAMES if line.iter().all(|&b| b == b'^' || b == b'~') => Next::Step(FRAMES),
        _ if line.starts_with(b"\tfrom ") || is_elided(line) => Next::Step(FRAMES),
        _ => Next::Other,
    }
}

/// ` ... 12 levels...`
fn is_elided(line: &[u8]) -> bool {
    let count = line.trim_ascii_start().strip_prefix(b"... ").and_then(after_number);
    count.is_some_and(|rest| rest.starts_with(b" levels..."))
}
