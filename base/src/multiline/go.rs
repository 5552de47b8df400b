//! Go.
//!
//! ```text
//! panic: assignment to entry in nil map
//!                                            blank lines inside
//! goroutine 1 [running]:                     net/http logs an event of its own and begins here
//! main.main()
//!         /srv/app/m.go:2 +0x28
//! created by main.main
//! exit status 2                              from `go run`
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::starts_with_any;

pub(super) const GO: Language = Language { begins, next };

/// Lines of a trace beside calls and their files.
const PARTS: [&[u8]; 10] = [
    b"goroutine ",
    b"created by ",
    b"[signal ",
    b"runtime stack:",
    b"runtime: ",
    b"fatal error: ",
    b"...additional frames elided...",
    b"stack: ",
    b"sp=0x",
    b"[recovered]",
];

fn begins(line: &[u8]) -> Option<Header> {
    let place = match line.first()? {
        b'p' if line.starts_with(b"panic: ") => Place::Alone,
        b'f' if line.starts_with(b"fatal error: ") => Place::Alone,
        b'r' if line.starts_with(b"runtime: goroutine stack exceeds") => Place::Alone,
        b'g' if line.starts_with(b"goroutine ") && line.ends_with(b"]:") => Place::AfterEvent,
        _ => return None,
    };
    Some(Header { step: 0, place })
}

fn next(_step: u8, line: &[u8]) -> Next {
    if line.starts_with(b"exit status ") {
        Next::Ends
    } else if line.is_empty() || starts_with_any(line, &PARTS) || is_call(line) || is_register(line) {
        Next::Step(0)
    } else {
        Next::Other
    }
}

/// `net/http.(*conn).serve(0xc00007eaa0, 0x12f10a0)`
fn is_call(line: &[u8]) -> bool {
    let function = &line[..line.iter().position(|&b| b == b' ').unwrap_or(line.len())];
    line.ends_with(b")") && function.contains(&b'(') && !matches!(line.first(), Some(b'0'..=b'9'))
}

/// `rip    0x45c2e1`, of a crash's register dump.
fn is_register(line: &[u8]) -> bool {
    let name_len = line.iter().take(7).take_while(|b| b.is_ascii_alphanumeric()).count();
    (2..=6).contains(&name_len) && line[name_len..].starts_with(b" ") && {
        let value = line[name_len..].trim_ascii_start();
        value.strip_prefix(b"0x").is_some_and(|hex| !hex.is_empty() && hex.iter().all(u8::is_ascii_hexdigit))
    }
}
