//! Rust.
//!
//! ```text
//! thread 'main' panicked at src/cart.rs:12:5:
//! index out of bounds
//! stack backtrace:
//!    0: rust_begin_unwind
//!              at /rustc/3f2a/library/std/src/panicking.rs:12:5
//!    3: shop::cart::total::{{closure}}::h3e3f98aa01bc2d45
//!              at ./src/cart.rs:12:5
//! ```
//! Where it panicked stands for the frames when there are none.

use super::{Frame, Language, Owner, PLAIN, Prefixes, framework_if, has_any, place_of, without_line};

pub(super) static RUST: Language = Language { frame, ..PLAIN };

/// Runtimes, test runners, web frameworks, error handlers.
const FRAMEWORKS: &Prefixes = &Prefixes::of(&[
    "<alloc::",
    "<axum::",
    "<core::",
    "<futures_",
    "<hyper::",
    "<hyper_util::",
    "<std::",
    "<tokio::",
    "<tower",
    "<tracing::",
    "__",
    "_main",
    "_start",
    "actix_",
    "alloc::",
    "anyhow::",
    "axum::",
    "backtrace::",
    "clone",
    "color_eyre::",
    "core::",
    "eyre::",
    "futures_",
    "hyper::",
    "hyper_util::",
    "log::",
    "main",
    "poem::",
    "rayon::",
    "rayon_core::",
    "rocket::",
    "rust_",
    "start_thread",
    "std::",
    "std_detect::",
    "test::",
    "tokio::",
    "tower",
    "tracing::",
    "warp::",
]);
const THROWERS: &Prefixes =
    &Prefixes::of(&["__rustc::rust_begin_unwind", "core::panicking::", "rust_begin_unwind"]);
/// The standard library, and what cargo fetched.
const FRAMEWORK_FILES: &[&str] = &["/rustc/", "/.cargo/registry/", "/rustlib/"];
const PANICKED: &str = " panicked at ";
const HASH_DIGITS: usize = 16;

fn frame<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let text = line.trim();
    if text.starts_with("thread '") {
        return panicked(text);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..)?.strip_prefix(": ").filter(|_| digits > 0)?.trim_start();
    let name = match rest.strip_prefix("0x") {
        Some(address) => address.split_once(" - ")?.1,
        None => rest,
    };
    let name = without_closures(without_hash(name));
    let is_path = name.contains("::") || FRAMEWORKS.begin(name);
    let is_name = is_path && (name.starts_with('<') || !name.contains(' '));
    let owner = match THROWERS.begin(name) {
        true => Owner::Thrower,
        false => framework_if(FRAMEWORKS.begin(name) || is_of_a_builtin(name)),
    };
    is_name.then_some(Frame { name, file: "", place: "", owner })
}

/// A frame without a name, of `thread 'main' panicked at src/cart.rs:12:5:`.
fn panicked(line: &str) -> Option<Frame<'_>> {
    let (_, at) = line.split_once(PANICKED)?;
    let at = at.rsplit_once(", ").map_or(at, |(_, at)| at);
    let (file, has_line) = without_line(at.trim_end_matches(':'));
    let owner = framework_if(has_any(file, FRAMEWORK_FILES));
    has_line.then_some(Frame { name: "", file, place: place_of(file), owner })
}

/// `<usize as core::slice::index::SliceIndex<[T]>>::index`: an application's own type has a path.
fn is_of_a_builtin(name: &str) -> bool {
    name.strip_prefix('<')
        .and_then(|rest| rest.split_once(" as "))
        .is_some_and(|(own, _)| !own.contains("::"))
}

fn without_hash(name: &str) -> &str {
    let is_hash = |hash: &str| hash.len() == HASH_DIGITS && hash.bytes().all(|b| b.is_ascii_hexdigit());
    match name.rsplit_once("::h") {
        Some((before, hash)) if is_hash(hash) => before,
        _ => name,
    }
}

/// The function that a closure is in.
fn without_closures(name: &str) -> &str {
    let mut name = name;
    while let Some((before, last)) = name.rsplit_once("::") {
        if !last.starts_with("{{closure}}") && !last.starts_with("{closure") {
            break;
        }
        name = before;
    }
    name
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;
    use super::*;

    #[test]
    fn frames() {
        use Owner::{Application, Framework, Thrower};
        check(
            "thread 'main' panicked at src/cart.rs:12:5:\nout of bounds\nstack backtrace:\n   0: rust_begin_unwind\n\
             \x20            at /rustc/3f2a/library/std/src/panicking.rs:12:5\n\
             \x20  1: core::panicking::panic_fmt::h0123456789abcdef\n\
             \x20  3: shop::cart::total::{{closure}}::h3e3f98aa01bc2d45\n             at ./src/cart.rs:12:5\n\
             \x20  4:     0x55d0aa - <shop::Cart as core::ops::Drop>::drop::h3e3f98aa01bc2d45\n  5: main\n\
             \x20  6: <usize as core::slice::index::SliceIndex<[T]>>::index\n",
            &[
                ("", "src/cart", Application),
                ("rust_begin_unwind", "", Thrower),
                ("core::panicking::panic_fmt", "", Thrower),
                ("shop::cart::total", "", Application),
                ("<shop::Cart as core::ops::Drop>::drop", "", Application),
                ("main", "", Framework),
                ("<usize as core::slice::index::SliceIndex<[T]>>::index", "", Framework),
            ],
        );
        check("thread 'a' panicked at 'x, y', src/m.rs:2:7", &[("", "src/m", Application)]);
        assert_eq!(frame("   0: failed to open", ""), None);
    }
}
