//! JavaScript: engines agree on nothing but which functions were called.
//!
//! ```text
//!     at Cart.total (/srv/shop/cart.js:12:5)              V8, Internet Explorer, Edge
//!     at async http://shop.example/app.js:3:1
//! total@http://shop.example/cart.js:12:5                  Firefox, Safari
//! baz                                                     Safari, of code from `eval`
//!   Line 12 of linked script http://x/y.js: In function f Opera 9
//! called from line 12, column 3 in f(n) in http://x/y.js: Opera 11
//! ```
//! A script of a page is told by its functions alone: its file is a bundle whose name changes with every release, and
//! engines disagree on the file of evaluated code. On a server the file tells functions of one name apart.

use super::{Frame, Language, Mark, PLAIN, Types, after_at, framework_if, place_of, without_line};

const MARKS: &[(&str, Mark)] = &[("[cause]: ", Mark::Next), ("Caused by: ", Mark::Next)];

pub(super) static V8: Language = Language { frame: v8, marks: MARKS, ..PLAIN };

pub(super) static GECKO: Language =
    Language { frame: gecko, also: evaluated, marks: MARKS, types: Types::Untold, ..PLAIN };

/// What engines call functions without a name, and code outside of any.
const NAMELESS: &[&str] = &[
    "anonymous",
    "Anonymous function",
    "eval",
    "eval code",
    "Eval code",
    "global code",
    "Global code",
    "module code",
    "null",
];
/// Beginnings of the locations of Node.js, old and new, and of browsers' extensions.
const RUNTIMES: &[&str] = &[
    "node:",
    "internal/",
    "native",
    "[native",
    "module.js",
    "events.js",
    "net.js",
    "fs.js",
    "timers.js",
    "vm.js",
    "_http",
    "_stream",
    "bootstrap_node.js",
    "domain.js",
    "chrome-extension:",
    "moz-extension:",
    "safari-",
];
/// Packages, and what drives every page of its kind.
const PACKAGES: &[&str] = &["node_modules", "/react-dom", "/zone.js", "/jquery", "/.yarn/", "/.pnpm/"];
const PAGES: &[&str] = &["http:", "https:", "blob:", "app:", "capacitor:"];
/// Evaluated code has no file of its own.
const EVALUATED: &[&str] = &["eval at ", "eval code", "<anonymous>", "> eval", "> Function"];

fn v8<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let rest = after_at(line)?.trim_end();
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let rest = rest.strip_prefix("new ").unwrap_or(rest);
    let (name, location) = match rest.strip_suffix(')').and_then(|rest| rest.split_once(" (")) {
        Some((name, location)) => (name, location),
        None if without_line(rest).1 => ("", rest),
        None => return None,
    };
    Some(frame(name, location))
}

fn gecko<'a>(line: &'a str, _above: &'a str) -> Option<Frame<'a>> {
    let line = line.trim();
    if let Some(frame) = opera(line) {
        return Some(frame);
    }
    // A name may have the sign in quotes, a location may have it anywhere.
    let quoted = line.find("://").map_or(line, |scheme| &line[..scheme]).rfind('"').unwrap_or(0);
    let Some(sign) = line[quoted..].find('@').map(|at| quoted + at) else {
        return anonymous_location(line);
    };
    let (name, location) = (&line[..sign], &line[sign + 1..]);
    let is_location = without_line(location).1 || location == "[native code]";
    let is_name = !name.split('(').next().unwrap_or(name).contains(' ')
        || name.ends_with(" code")
        || name.starts_with('<');
    let found = frame(name, location);
    (is_location && is_name).then_some(Frame { place: "", ..found })
}

/// A location alone, as Safari wrote it.
fn anonymous_location(line: &str) -> Option<Frame<'_>> {
    let is_page = PAGES.iter().any(|page| line.starts_with(page));
    (is_page && !line.contains(' ') && without_line(line).1).then(|| frame("", line))
}

/// Safari writes code from `eval` and the functions in it by their names alone.
fn evaluated(line: &str) -> Option<Frame<'_>> {
    let is_name =
        !line.is_empty() && line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
    (is_name || NAMELESS.contains(&line)).then(|| frame(line, ""))
}

fn opera(line: &str) -> Option<Frame<'_>> {
    if let Some(rest) = line.strip_prefix("Line ") {
        let (_, place) = rest.split_once(" of ")?.1.split_once("script ")?;
        let place = place.strip_prefix("in ").unwrap_or(place);
        let (location, name) = place.split_once(": In function ").unwrap_or((place, ""));
        return Some(Frame { place: "", ..frame(name, location) });
    }
    let rest =
        line.strip_prefix("called from line ").or_else(|| line.strip_prefix("Error thrown at line "))?;
    let call = rest.split_once(" in ")?.1.strip_suffix(':')?;
    let (name, location) = call.rsplit_once(" in ").unwrap_or(("", call));
    Some(Frame { place: "", ..frame(name, location) })
}

fn frame<'a>(name: &'a str, location: &'a str) -> Frame<'a> {
    let is_any = |prefixes: &[&str]| prefixes.iter().any(|prefix| location.starts_with(prefix));
    let is_evaluated = EVALUATED.iter().any(|part| location.contains(part));
    let file = if is_evaluated { "" } else { without_line(location).0 };
    let place = if is_any(PAGES) { "" } else { place_of(file) };
    // `Array.map (<anonymous>)` is the engine's.
    let is_builtin = location == "<anonymous>" || is_any(RUNTIMES);
    let owner = framework_if(is_builtin || PACKAGES.iter().any(|package| file.contains(package)));
    Frame { name: name_of(name), file, place, owner }
}

/// The function's own name: `handle` of `Layer.handle [as handle_request]`; empty when it has none.
fn name_of(name: &str) -> &str {
    let name = name.split(" [as ").next().unwrap_or(name);
    let name = name.strip_prefix("async*").unwrap_or(name);
    let name = name.split('(').next().unwrap_or(name);
    let is_nameless = name.contains('<') || NAMELESS.contains(&name);
    if is_nameless { "" } else { name.rsplit('.').next().unwrap_or(name) }
}

#[cfg(test)]
mod tests {
    use super::super::Owner;
    use super::super::tests::check;
    use Owner::{Application, Framework};

    #[test]
    fn frames_of_v8() {
        check(
            "TypeError: boom\n    at Cart.total (/srv/shop/cart.js:12:5)\n    at async Object.<anonymous> (/srv/a.js:1:2)\n\
             \x20   at /srv/node_modules/express/index.js:6:1\n    at Array.map (<anonymous>)\n\
             \x20   at new Item [as x] (http://h:80/app.js:1:2)\n    at node:internal/main:28:49\n\
             \x20   at baz (eval at foo (eval at speak (http://h/file.js:21:17)), <anonymous>:1:30)\n\
             \x20   at Anonymous function (http://h/file.js:48:13)",
            &[
                ("total", "shop/cart", Application),
                ("", "srv/a", Application),
                ("", "express/index", Framework),
                ("map", "", Framework),
                ("Item", "", Application),
                ("", "node:internal/main", Framework),
                ("baz", "", Application),
                ("", "", Application),
            ],
        );
    }

    #[test]
    fn frames_of_other_engines() {
        check(
            "foo@http://h/file.js:41:13\nbar(1)@http://h/file.js:13\n(null)@http://h/file.js:1\n\
             obj[\"@who\"]@http://h/@stuff/foo.js:4:9\nglobal code@http://h/file.js:33:18\neval@[native code]\n\
             http://h/file.js:48:22\nfoo/<@http://h/file.js:4:1\nbaz@http://h/file.js line 26 > eval line 2 > eval:1:30",
            &[
                ("foo", "", Application),
                ("bar", "", Application),
                ("", "", Application),
                ("obj[\"@who\"]", "", Application),
                ("", "", Application),
                ("", "", Framework),
                ("", "", Application),
                ("", "", Application),
                ("baz", "", Application),
            ],
        );
        check(
            "  Line 27 of linked script http://h/file.js\n    run()\n\
             \x20 Line 4 of inline#1 script in http://h/file.js: In function bar\n\
             called from line 4, column 5 in foo(n) in http://h/file.js:\n\
             called from line 15, column 3 in http://h/file.js:",
            &[
                ("", "", Application),
                ("bar", "", Application),
                ("foo", "", Application),
                ("", "", Application),
            ],
        );
    }
}
