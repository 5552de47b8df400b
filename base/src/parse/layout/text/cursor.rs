//! What heads of lines are made of: times, words, brackets, levels, separators. The readers of loggers take
//! them off the text one by one, from the left.
//!
//! Limit: a part is looked for within [`PART_BYTES_MAX`] bytes and within its line; what is longer is no
//! head. So a line of a megabyte is refused as fast as a short one.

use super::Reading;
use crate::time::Stamp;
use memchr::memchr;

/// No word, logger's name or bracket of a head is longer.
const PART_BYTES_MAX: usize = 256;
/// `INFORMATIONAL`; nor is a level's name.
const LEVEL_BYTES_MAX: usize = 13;

/// A text read from the left. Every step takes what it names, or takes nothing and says `None`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Before `text`, whose last line ending is dropped.
    pub(super) fn new(text: &'a str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        Self { rest: text.strip_suffix('\r').unwrap_or(text) }
    }

    /// All that has not been taken.
    pub(super) fn rest(self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    pub(super) fn is_at(self, literal: &str) -> bool {
        self.rest.as_bytes().starts_with(literal.as_bytes())
    }

    pub(super) fn skip(&mut self, literal: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(literal)?;
        Some(())
    }

    /// One blank or more.
    pub(super) fn blanks(&mut self) -> Option<()> {
        let count = self.rest.bytes().take_while(|&byte| byte == b' ').count();
        self.take(count)?;
        (count > 0).then_some(())
    }

    pub(super) fn time(&mut self) -> Option<Stamp> {
        let (stamp, used) = Stamp::parse_prefix(self.rest.as_bytes())?;
        self.take(used)?;
        Some(stamp)
    }

    /// What stands before `separator`, which is ASCII and is taken too.
    pub(super) fn until(&mut self, separator: &str) -> Option<&'a str> {
        let &first = separator.as_bytes().first()?;
        let window = self.window();
        let mut at = 0;
        loop {
            at += memchr(first, &window[at..])?;
            if self.rest.as_bytes()[at..].starts_with(separator.as_bytes()) {
                break;
            }
            at += 1;
        }
        let part = self.rest.get(..at).filter(|part| memchr(b'\n', part.as_bytes()).is_none())?;
        self.take(at + separator.len())?;
        Some(part)
    }

    /// What stands before the next blank or the end of the line, which are not taken; not empty.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        let len = self.window().iter().position(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let len = len.or_else(|| (self.rest.len() < PART_BYTES_MAX).then_some(self.rest.len()))?;
        let word = self.rest.get(..len).filter(|word| !word.is_empty())?;
        self.take(len)?;
        Some(word)
    }

    /// Decimals; not none.
    pub(super) fn number(&mut self) -> Option<&'a str> {
        let len = self.rest.bytes().take(20).take_while(u8::is_ascii_digit).count();
        let number = self.rest.get(..len).filter(|number| !number.is_empty())?;
        self.take(len)?;
        Some(number)
    }

    /// What stands between a bracket and the one that closes it, without blanks around.
    pub(super) fn bracketed(&mut self) -> Option<&'a str> {
        let mut depth = 0usize;
        for (at, byte) in self.window().iter().enumerate() {
            match byte {
                b'[' => depth += 1,
                b']' => depth = depth.checked_sub(1)?,
                b'\n' => return None,
                _ => {}
            }
            if depth == 0 {
                let inner = self.rest.get(1..at)?;
                self.take(at + 1)?;
                return Some(inner.trim_ascii());
            }
        }
        None
    }

    /// The name of a logger and what sets it off from the message: `: `, ` : `, ` - ` or ` -- `, after
    /// which there may be nothing.
    pub(super) fn logger(&mut self) -> Option<&'a str> {
        let mut ahead = *self;
        let word = ahead.word()?;
        let logger = match word.strip_suffix(':') {
            Some(logger) => logger,
            None => {
                ahead.blanks()?;
                ahead.skip("--").or_else(|| ahead.skip("-")).or_else(|| ahead.skip(":"))?;
                word
            }
        };
        ahead.end_of_separator()?;
        is_name(logger).then(|| *self = ahead)?;
        Some(logger)
    }

    /// A place in the code, up to `separator`.
    pub(super) fn place(&mut self, separator: &str) -> Option<&'a str> {
        let mut ahead = *self;
        let place = ahead.until(separator).filter(|place| is_place(place))?;
        *self = ahead;
        Some(place)
    }

    /// The rest of the line, whose ending is taken too.
    pub(super) fn line(&mut self) -> &'a str {
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        line.strip_suffix('\r').unwrap_or(line)
    }

    /// A word that is the name of a level.
    pub(super) fn level(&mut self, reading: &mut Reading<'a>) -> Option<()> {
        let mut ahead = *self;
        let word = ahead.word().filter(|word| word.len() <= LEVEL_BYTES_MAX)?;
        reading.level_named(word).then(|| *self = ahead)
    }

    /// A blank, or nothing where the line ends.
    fn end_of_separator(&mut self) -> Option<()> {
        match self.peek() {
            Some(b' ') => self.take(1),
            None | Some(b'\n' | b'\r') => Some(()),
            Some(_) => None,
        }
    }

    fn take(&mut self, len: usize) -> Option<()> {
        self.rest = self.rest.get(len..)?;
        Some(())
    }

    fn window(&self) -> &'a [u8] {
        let bytes = self.rest.as_bytes();
        &bytes[..bytes.len().min(PART_BYTES_MAX)]
    }
}

/// Whether this may be the name of a logger, a class or a module: one word, and none of a sentence or of
/// `key=value`.
pub(super) fn is_name(text: &str) -> bool {
    let no_name =
        |byte: u8| matches!(byte, b' ' | b'=' | b'"' | b'\'' | b'{' | b'}' | b'(' | b')' | b',' | b';');
    let begins =
        |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'<' | b'.') || !byte.is_ascii();
    text.bytes().next().is_some_and(begins) && !text.bytes().any(no_name)
}

/// Whether this is the name of a module rather than a word of a message that begins like one.
pub(super) fn is_module(text: &str) -> bool {
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    let is_path = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(of_name)
        && !text.ends_with('.');
    let is_no_word = |byte: u8| matches!(byte, b'.' | b'_') || byte.is_ascii_digit();
    is_path && (text == "root" || text.bytes().any(is_no_word))
}

/// Whether this is a file and a line in it: `main.go:10`.
pub(super) fn is_place(text: &str) -> bool {
    split_place(text).is_some_and(|(file, _)| file.contains('.'))
}

/// What stands before the last colon, and the decimals behind it.
pub(super) fn split_place(text: &str) -> Option<(&str, &str)> {
    const LINE_DIGITS_MAX: usize = 7;
    let (file, line) = text.rsplit_once(':')?;
    let is_line =
        (1..=LINE_DIGITS_MAX).contains(&line.len()) && line.bytes().all(|byte| byte.is_ascii_digit());
    (is_line && !file.is_empty() && !file.contains(' ')).then_some((file, line))
}

/// Adds the file and line of a place.
pub(super) fn add_place<'a>(place: &'a str, reading: &mut Reading<'a>) {
    if let Some((file, line)) = split_place(place) {
        reading.field("code.file.path", file);
        reading.field("code.line.number", line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_head() {
        let mut cursor = Cursor::new("2026-11-23T06:45:53Z  INFO [a[b]c ] main.go:10: app - text\r\n");
        assert!(cursor.time().is_some());
        assert_eq!(cursor.word(), None);
        assert_eq!(cursor.blanks(), Some(()));
        assert_eq!(cursor.word(), Some("INFO"));
        assert_eq!(cursor.skip(" "), Some(()));
        assert_eq!(cursor.bracketed(), Some("a[b]c"));
        assert_eq!(cursor.skip(" "), Some(()));
        assert_eq!(cursor.place(": "), Some("main.go:10"));
        assert_eq!(cursor.logger(), Some("app"));
        assert_eq!(cursor.rest(), "text");
    }

    #[test]
    fn loggers_and_what_sets_them_off() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let mut cursor = Cursor::new(text);
            let logger = cursor.logger();
            assert_eq!(logger.map(|logger| (logger, cursor.rest())), expected, "{text}");
        };
        check("c.a.App - text", Some(("c.a.App", "text")));
        check("c.a.App -- text", Some(("c.a.App", "text")));
        check("c.a.App: text", Some(("c.a.App", "text")));
        check("c.a.App      : text", Some(("c.a.App", "text")));
        check("c.a.App:", Some(("c.a.App", "")));
        check("c.a.App -\nmore", Some(("c.a.App", "\nmore")));
        check("o.a.c.C.[Tomcat].[localhost].[/] : text", Some(("o.a.c.C.[Tomcat].[localhost].[/]", "text")));
        check("user logged in - text", None);
        check("k=v: text", None);
        check("c.a.App -1", None);
        check("", None);
    }

    #[test]
    fn nothing_is_looked_for_beyond_its_line_or_far_away() {
        let long = "x".repeat(300);
        assert_eq!(Cursor::new("a\n] b").until("] "), None);
        assert_eq!(Cursor::new("[a\n]").bracketed(), None);
        assert_eq!(Cursor::new(&format!("{long} b")).word(), None);
        assert_eq!(Cursor::new(&format!("{long}] b")).until("] "), None);
        assert_eq!(Cursor::new(&format!("[{long}]")).bracketed(), None);
        assert_eq!(Cursor::new("é] b").until("] "), Some("é"));
    }

    #[test]
    fn modules_are_not_words() {
        for module in ["d2", "root", "__main__", "app.db", "urllib3.connectionpool"] {
            assert!(is_module(module), "{module}");
        }
        for word in ["user", "GET", "started.", "10.0.0.1", "a/b.c", "k=1", ""] {
            assert!(!is_module(word), "{word}");
        }
    }

    #[test]
    fn places_are_files_with_a_line() {
        assert!(is_place("internal/queue_sender.go:128"));
        for other in ["main.go", "a:1", "10.0.0.1:port", "a b.go:1", ":1", "main.go:12345678", ""] {
            assert!(!is_place(other), "{other}");
        }
    }
}
