//! C and C++: the runtime's last words, sanitizers, valgrind, gdb.
//!
//! ```text
//! terminate called after throwing an instance of 'std::runtime_error'
//!   what():  boom
//!
//! ==12345==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010
//! READ of size 4 at 0x602000000010 thread T0
//!     #0 0x4c0d3f in main t.cpp:5:10
//!
//! Program received signal SIGSEGV, Segmentation fault.
//! 0x0000555555555131 in main () at t.c:3
//! #0  main () at t.c:3
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::{after_number, starts_with_any};

pub(super) const CPP: Language = Language { begins, next };

const ABORT: u8 = 0;
const SANITIZER: u8 = 1;
const DEBUGGER: u8 = 2;

fn begins(line: &[u8]) -> Option<Header> {
    let step = match line.first()? {
        b't' if line.starts_with(b"terminate called ") => ABORT,
        b'*' if line.starts_with(b"*** Error in `") => ABORT,
        b'*' if line.starts_with(b"*** stack smashing detected ***") => ABORT,
        b'=' if is_rule(line) || after_process(line).is_some() => SANITIZER,
        b'W' if line.starts_with(b"WARNING: ThreadSanitizer:") => SANITIZER,
        b'P' if line.starts_with(b"Program received signal ") => DEBUGGER,
        b'P' if line.starts_with(b"Program terminated with signal ") => DEBUGGER,
        b'T' if line.starts_with(b"Thread ") && contains(line, b" received signal ") => DEBUGGER,
        _ => return None,
    };
    Some(Header { step, place: Place::Alone })
}

/// The line of `=` above a sanitizer's report, and no other length.
fn is_rule(line: &[u8]) -> bool {
    (65..=66).contains(&line.len()) && line.iter().all(|&b| b == b'=')
}

/// What is behind `==12345==`.
fn after_process(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"==").and_then(after_number)?.strip_prefix(b"==")
}

fn contains(line: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(line, text).is_some()
}

fn next(step: u8, line: &[u8]) -> Next {
    let goes_on = match step {
        ABORT => is_abort(line),
        SANITIZER => line.is_empty() || is_sanitizer(line),
        _ => {
            starts_with_any(line, &[b"#", b"0x", b"Thread ", b"[Switching to "])
                || after_number(line).is_some()
        }
    };
    if goes_on { Next::Step(step) } else { Next::Other }
}

/// glibc's backtrace and memory map, or the shell's word for it.
fn is_abort(line: &[u8]) -> bool {
    starts_with_any(line, &[b"======= ", b"Aborted", b"Stack dump:"])
        || line.starts_with(b"/") && line.ends_with(b"]")
        || is_mapping(line)
}

/// `00400000-00401000 r-xp 00000000 08:01 1234 /a.out`
fn is_mapping(line: &[u8]) -> bool {
    let hex = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    hex >= 8 && line[hex..].starts_with(b"-")
}

fn is_sanitizer(line: &[u8]) -> bool {
    const PARTS: [&[u8]; 12] = [
        b"READ of size",
        b"WRITE of size",
        b"0x",
        b"freed by ",
        b"previously allocated by ",
        b"allocated by ",
        b"SUMMARY: ",
        b"Shadow byte",
        b"Direct leak of",
        b"Indirect leak of",
        b"Thread T",
        b"WARNING: ThreadSanitizer:",
    ];
    after_process(line).is_some() || is_rule(line) || starts_with_any(line, &PARTS)
}
