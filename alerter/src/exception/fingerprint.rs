//! What makes two exceptions one fault: a key, and its hash.
//!
//! ```text
//! type           of the outermost exception that is no mere wrapper, 0
//! type           of the root cause, 0
//! frame 0 ...    the application's own frame that is closest to the root cause
//! patterns       8 bytes each of both messages and of what is said beside them, where no frame has a name or there is no type
//! ```
//! *How many frames.* One, but for a guard (`guard.rs`), which is followed by the two frames that called it. A frame without
//! a name does not count; the one that called it does. Measured on the labelled traces of `data/exceptions` (pairs within a
//! project): one frame .883 precision at .893 recall, two frames .873 at .582, three .995 at .573, one frame and the
//! message .932 at .893; one frame and two callers of guards **.984 at .893**. So the message is not needed where there are
//! frames, and without it no name or path in it splits a group.
//!
//! *Where the root cause has too few frames* those of the exceptions it caused follow: runtimes print shared frames once
//! (`... 23 more`). How many they leave out says nothing.
//!
//! *Wrappers.* An exception that only carries another is not what happened: [`WRAPPERS`], and any that says no more than its
//! cause does. So a fault that is wrapped once more stays the same.
//!
//! Fingerprints are stored: a change of any of this, of the tables of frameworks or of `base::pattern` regroups what it
//! concerns. A test pins some.

use super::guard::is_guard;
use super::language::Frame;
use super::message::pattern;
use super::name::add_normal;
use super::trace::{Link, Trace};
use serde::{Deserialize, Serialize};
use std::fmt;
use xxhash_rust::xxh3::xxh3_64;

/// Names a group of exceptions, within a service; printed as sixteen lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Types that only carry what another thread or a called method threw, and those that every exception is of; sorted.
const WRAPPERS: &[&str] = &[
    "Error",
    "Exception",
    "System.AggregateException",
    "System.Exception",
    "System.Reflection.TargetInvocationException",
    "System.TypeInitializationException",
    "jakarta.servlet.ServletException",
    "java.io.UncheckedIOException",
    "java.lang.Error",
    "java.lang.Exception",
    "java.lang.ExceptionInInitializerError",
    "java.lang.RuntimeException",
    "java.lang.reflect.InvocationTargetException",
    "java.lang.reflect.UndeclaredThrowableException",
    "java.security.PrivilegedActionException",
    "java.util.concurrent.CompletionException",
    "java.util.concurrent.ExecutionException",
    "javax.servlet.ServletException",
    "org.springframework.web.util.NestedServletException",
];
/// Frames of one key; more of them are guards that call guards.
const PICKED_MAX: usize = 5;
/// Frames looked at for those that count: recursion is skipped up to here.
const LOOKED_AT_MAX: usize = 64;
/// Frames that count below a guard.
const CALLERS_OF_GUARD: usize = 2;
/// Ends each part of a key; no name has it.
const PARTS_END: u8 = 0;

/// The fingerprint of what a trace tells.
pub(super) fn of(trace: &Trace<'_>) -> Fingerprint {
    Fingerprint(xxh3_64(&key(trace)))
}

fn key(trace: &Trace<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(256);
    for link in [said_first(trace), trace.root()] {
        add_normal(&mut key, link.kind.unwrap_or_default());
        key.push(PARTS_END);
    }
    let is_placed = add_frames(&mut key, trace);
    if !is_placed || trace.is_untyped() {
        let beside = if trace.is_untyped() { trace.beside } else { "" };
        for said in [trace.outermost().message, trace.root().message, beside] {
            key.extend_from_slice(&pattern(said).to_le_bytes());
        }
    }
    key
}

/// The outermost exception that says something of its own.
fn said_first<'t, 'a>(trace: &'t Trace<'a>) -> &'t Link<'a> {
    let is_wrapper = |pair: &[Link<'_>]| {
        let (outer, cause) = (&pair[0], &pair[1]);
        let behind = cause.kind.and_then(|kind| outer.message.strip_prefix(kind));
        let repeats = behind.is_some_and(|behind| behind.is_empty() || behind.starts_with(':'));
        repeats || outer.kind.is_some_and(|kind| WRAPPERS.binary_search(&kind).is_ok())
    };
    let wrappers = trace.links.windows(2).take_while(|pair| is_wrapper(pair)).count();
    trace.links.get(wrappers).unwrap_or(trace.root())
}

/// Adds the frames that count; whether one of them has a name.
fn add_frames(key: &mut Vec<u8>, trace: &Trace<'_>) -> bool {
    let (mut named, mut callers, mut last) = (0, 0, 0..0);
    for frame in stack(&trace.links).take(LOOKED_AT_MAX) {
        if frame.name.is_empty() {
            if named == 0 && last.is_empty() && !frame.place.is_empty() {
                last = add_part(key, frame);
            }
            continue;
        }
        let part = add_part(key, frame);
        if key[part.clone()] == key[last.clone()] {
            // An overload, or recursion.
            key.truncate(part.start);
            continue;
        }
        last = part;
        named += 1;
        callers += usize::from(!is_guard(frame.name));
        let is_below_guard = named > callers;
        let needed = if is_below_guard { CALLERS_OF_GUARD } else { 1 };
        if callers == needed || named == PICKED_MAX {
            break;
        }
    }
    named > 0
}

fn add_part(key: &mut Vec<u8>, frame: &Frame<'_>) -> std::ops::Range<usize> {
    let begin = key.len();
    add_normal(key, frame.place);
    key.push(b' ');
    add_normal(key, frame.name);
    key.push(PARTS_END);
    begin..key.len()
}

/// The application's own frames from the root cause outward.
fn stack<'t, 'a>(links: &'t [Link<'a>]) -> impl Iterator<Item = &'t Frame<'a>> {
    let mut last: Option<&Frame<'a>> = None;
    links.iter().rev().flat_map(move |link| {
        let is_last =
            |frame: &Frame<'a>| last.is_some_and(|last| (last.name, last.place) == (frame.name, frame.place));
        let known = link.frames.iter().position(is_last).map_or(0, |at| at + 1);
        let more = &link.frames[known..];
        last = more.last().or(last);
        more
    })
}

/// The frame where people look first: the innermost one that is no guard.
pub(super) fn culprit<'t, 'a>(trace: &'t Trace<'a>) -> Option<&'t Frame<'a>> {
    let blamed = stack(&trace.links).find(|frame| !frame.name.is_empty() && !is_guard(frame.name));
    blamed.or_else(|| stack(&trace.links).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key, with `|` for the ends of its parts; without patterns.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let key = key(&Trace::of(text));
        assert_eq!(String::from_utf8_lossy(&key).replace('\0', "|"), expected, "{text}");
    }

    #[test]
    fn keys() {
        check("a.XError: boom\n\tat a.B.c(B.java:1)\n\tat a.D.e(D.java:1)", "a.XError|a.XError| a.B.c|");
        check(
            "a.XError: boom\n\tat a.B.check(B.java:1)\n\tat a.B.check(B.java:3)\n\tat a.D.e(D.java:1)\n\tat a.D.e(D.java:7)\n\
             \tat a.F.g(F.java:1)\n\tat a.H.i(H.java:1)",
            "a.XError|a.XError| a.B.check| a.D.e| a.F.g|",
        );
        check(
            "java.lang.RuntimeException: out\n\tat a.W.w(W.java:1)\nCaused by: a.MError\n\tat a.M.m(M.java:1)\n\
             Caused by: a.RError\n\tat java.util.X.y(X.java:1)\n\t... 2 more",
            "a.MError|a.RError| a.M.m|",
        );
        // A guard's callers go on where the trace of what it caused does.
        check(
            "a.XError\n\tat a.W.w(W.java:1)\n\tat a.S.s(S.java:9)\nCaused by: a.RError\n\tat a.G.check(G.java:1)\n\
             \tat a.W.w(W.java:3)\n\t... 1 more",
            "a.XError|a.RError| a.G.check| a.W.w| a.S.s|",
        );
        check(
            "TypeError: x\n    at /srv/shop/a.js:1:2\n    at go (/srv/shop/b.js:1:2)",
            "TypeError|TypeError|shop/a |shop/b go|",
        );
    }

    #[test]
    fn what_is_searched_is_sorted() {
        assert!(WRAPPERS.is_sorted());
    }
}
