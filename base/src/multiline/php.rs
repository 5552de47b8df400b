//! PHP and its frameworks.
//!
//! ```text
//! PHP Fatal error:  Uncaught RuntimeException: boom in t.php:5
//! Stack trace:
//! #0 t.php(9): f()
//! #1 {main}
//!
//! Next LogicException: outer in t.php:7                       what was thrown while handling it
//!   thrown in t.php on line 5
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::starts_with_any;

pub(super) const PHP: Language = Language { begins, next };

const TRACE: u8 = 0;

fn begins(line: &[u8]) -> Option<Header> {
    const UNCAUGHT: [&[u8]; 5] = [
        b"PHP Fatal error: ",
        b"PHP Parse error: ",
        b"Fatal error: Uncaught ",
        b"PHP Stack trace:",
        b"PHP Recoverable fatal error: ",
    ];
    let place = match line.first()? {
        b'P' | b'F' if starts_with_any(line, &UNCAUGHT) => Place::Alone,
        b'e' if line.starts_with(b"exception '") => Place::AfterEvent,
        _ => return None,
    };
    Some(Header { step: TRACE, place })
}

fn next(_step: u8, line: &[u8]) -> Next {
    let goes_on = line.is_empty()
        || starts_with_any(
            line,
            &[b"Stack trace:", b"#", b"Next ", b"[previous exception]", b"PHP Stack trace:"],
        )
        || line.strip_prefix(b"PHP ").is_some_and(|rest| rest.starts_with(b"  "));
    if goes_on { Next::Step(TRACE) } else { Next::Other }
}
