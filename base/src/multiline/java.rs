//! Java and the other languages of its machine, and the two lines of `java.util.logging`.
//!
//! ```text
//! Exception in thread "main" java.lang.IllegalStateException: boom     may stand alone
//!         at L.main(L.java:2)                                          indented, goes on with anything
//! Caused by: javax.mail.SendFailedException: Invalid Addresses;
//!   nested exception is:                                               and then the next line, whatever it is
//! com.sun.mail.smtp.SMTPAddressFailedException: 550 5.7.1
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{Thrown, first_word, fits, starts_with_any};

pub(super) const JAVA: Language = Language { begins, next };
pub(super) const JUL: Language = Language { begins: jul_begins, next: jul_next };

const FRAMES: u8 = 0;
const NESTED: u8 = 1;

fn begins(line: &[u8]) -> Option<Header> {
    if line.starts_with(b"Exception in thread \"") {
        return Some(Header { step: FRAMES, place: Place::Alone });
    }
    let thrown = Thrown::error(line)?;
    let in_package = thrown.path[0].is_ascii_lowercase() && thrown.path.contains(&b'.');
    in_package.then_some(Header { step: after(line), place: Place::AfterEvent })
}

fn next(step: u8, line: &[u8]) -> Next {
    let goes_on = step == NESTED
        || line.first().is_none_or(u8::is_ascii_whitespace)
        || starts_with_any(line, &[b"Caused by: ", b"Suppressed: ", b"Wrapped by: "]);
    if goes_on { Next::Step(after(line)) } else { Next::Other }
}

fn after(line: &[u8]) -> u8 {
    if line.trim_ascii_end().ends_with(b"nested exception is:") { NESTED } else { FRAMES }
}

/// `Nov 23, 2026 6:46:51 AM com.acme.App main`; newer Javas write a narrow no-break space before `AM`.
fn jul_begins(line: &[u8]) -> Option<Header> {
    let rest = after_any(line, &[b"AAA 99, 9999 ", b"AAA 9, 9999 "])?;
    let rest = after_any(rest, &[b"99:99:99", b"9:99:99"])?;
    after_any(rest, &[b" AM ", b"\xe2\x80\xafAM "])?;
    Some(Header { step: 0, place: Place::Event })
}

/// What is behind the pattern that `text` begins with.
fn after_any<'a>(text: &'a [u8], patterns: &[&[u8]]) -> Option<&'a [u8]> {
    patterns.iter().find_map(|pattern| fits(text, pattern).then(|| &text[pattern.len()..]))
}

/// The second line begins with the level and is followed by the message, and maybe a trace.
fn jul_next(_step: u8, line: &[u8]) -> Next {
    const LEVELS: [&[u8]; 7] = [b"SEVERE", b"WARNING", b"INFO", b"CONFIG", b"FINE", b"FINER", b"FINEST"];
    let word = first_word(line);
    let is_level = LEVELS.contains(&word) && line[word.len()..].starts_with(b": ");
    if is_level { Next::Leaves } else { Next::Other }
}
