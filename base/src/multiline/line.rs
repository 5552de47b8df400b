//! A physical line as the rules see it: whose stream, how its text begins, how it ends.

use super::JUDGED_BYTES_MAX;
use super::text::skip_escapes;
use crate::entry::trim_line_ending;
use crate::parse::wrapper::{Wrapped, Wrapper, unescape, unwrap};

/// How much of docker's escaped text is judged.
const ESCAPED_BYTES_MAX: usize = 256;

pub(super) struct Line<'a> {
    pub stream: u8,
    /// What the application wrote: the beginning, without colours; empty when blank.
    pub text: &'a [u8],
    /// It is a JSON object.
    pub object: bool,
    /// Its last byte is a closing brace.
    pub closes: bool,
    pub more: More,
}

/// Whether the line itself says that the next goes on with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum More {
    #[default]
    No,
    /// It is a piece of a line that the runtime cut; the next is the next piece.
    Piece,
    /// It ends with a backslash.
    Backslash,
}

impl<'a> Line<'a> {
    /// Reads a line with its ending; `scratch` holds its text when it must be unescaped.
    pub fn read(line: &'a [u8], scratch: &'a mut Vec<u8>) -> Self {
        match unwrap(line) {
            Some(wrapped) => Self::wrapped(&wrapped, scratch),
            None => Self::of(0, trim_line_ending(line), false),
        }
    }

    fn wrapped(wrapped: &Wrapped<'a>, scratch: &'a mut Vec<u8>) -> Self {
        let content = match wrapped.content.strip_suffix(b"\\r") {
            Some(rest) if rest.ends_with(b"}") => rest,
            _ => wrapped.content,
        };
        let line = Self::of(wrapped.stream(), content, wrapped.partial);
        let escaped = &content[..content.len().min(ESCAPED_BYTES_MAX)];
        let has_escape = wrapped.wrapper == Wrapper::Docker && memchr::memchr(b'\\', escaped).is_some();
        if line.object || !has_escape {
            return line;
        }
        scratch.clear();
        unescape(escaped, scratch);
        Self { text: beginning(scratch), ..line }
    }

    fn of(stream: u8, text: &'a [u8], partial: bool) -> Self {
        let closes = text.trim_ascii_end().last() == Some(&b'}');
        let more = match text.last() {
            _ if partial => More::Piece,
            Some(b'\\') => More::Backslash,
            _ => More::No,
        };
        let object = !partial && closes && text.first() == Some(&b'{');
        // Fast path: nobody asks how an object begins.
        let text = if object { text } else { beginning(text) };
        Self { stream, text, object, closes, more }
    }
}

fn beginning(text: &[u8]) -> &[u8] {
    let text = skip_escapes(&text[..text.len().min(JUDGED_BYTES_MAX)]);
    if text.trim_ascii().is_empty() { b"" } else { text }
}
