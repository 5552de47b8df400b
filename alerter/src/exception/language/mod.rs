//! How the languages write a frame, which frames are not the application's own, and what begins the next exception of a
//! chain: a file for each, and [`LANGUAGES`].
//!
//! Which frames are the application's own is told by tables of what is generic: runtimes, standard libraries, test runners,
//! web frameworks, proxies, and the folders that package managers install into.

mod dart;
mod dotnet;
mod go;
mod java;
mod javascript;
mod native;
mod php;
mod prefixes;
mod python;
mod ruby;
mod rust;

use prefixes::Prefixes;

/// A frame of a stack, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Frame<'a> {
    /// The function, with its class or module where the language says it; empty when it has no name.
    pub name: &'a str,
    /// The file, without the line; empty when none is said.
    pub file: &'a str,
    /// What of the file tells functions of one name apart; empty where the name does.
    pub place: &'a str,
    /// Whose code it is.
    pub owner: Owner,
}

/// Whose code a frame runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Owner {
    /// The application's.
    #[default]
    Application,
    /// A library's that everybody uses, or the runtime's.
    Framework,
    /// The runtime's that reports a panic: what stands above it are handlers, the fault is below.
    Thrower,
}

/// What a line that is no frame says of those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The next exception of the chain; its header is what is behind the mark.
    Next,
    /// The next exception of the chain; its header comes behind its frames.
    NextUnnamed,
    /// Frames of the exception before the last one follow.
    Back,
    /// An exception beside the chain.
    Aside,
    /// Nothing more that counts, when there were frames.
    End,
}

/// Which exception of a chain is written first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    /// The one that was thrown last.
    OutermostFirst,
    /// The one that was thrown first.
    RootFirst,
}

/// Which frame of an exception is written first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stack {
    /// The one that threw.
    InnermostFirst,
    /// The one that called all others.
    InnermostLast,
}

/// Whether a trace names a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Types {
    /// Where there is one.
    Told,
    /// Never: that it is missing says nothing, and it may be known from beside the trace.
    Untold,
}

/// How a language writes a trace.
#[derive(Debug)]
pub(crate) struct Language {
    /// Reads a frame of a line and the one above it.
    pub frame: for<'a> fn(&'a str, &'a str) -> Option<Frame<'a>>,
    /// Reads a frame of a line that is one in such a trace only.
    pub also: for<'a> fn(&'a str) -> Option<Frame<'a>>,
    /// Type and message of the exception whose header is also its first frame.
    pub header: for<'a> fn(&'a str) -> Option<(&'a str, &'a str)>,
    /// What lines begin with that part the trace.
    pub marks: &'static [(&'static str, Mark)],
    /// Order of exceptions.
    pub chain: Chain,
    /// Order of frames.
    pub stack: Stack,
    /// Whether a trace names a type.
    pub types: Types,
}

/// What most languages have in common.
const PLAIN: Language = Language {
    frame: |_, _| None,
    also: |_| None,
    header: |_| None,
    marks: &[],
    chain: Chain::OutermostFirst,
    stack: Stack::InnermostFirst,
    types: Types::Told,
};

impl Language {
    /// The frame in a line of such a trace.
    pub(super) fn frame_of<'a>(&self, line: &'a str, above: &'a str) -> Option<Frame<'a>> {
        (self.frame)(line, above).or_else(|| (self.also)(line))
    }
}

/// In the order they are asked; `at ` begins frames of three of them.
static LANGUAGES: &[&Language] = &[
    &java::JAVA,
    &python::PYTHON,
    &go::GO,
    &rust::RUST,
    &dotnet::DOTNET,
    &javascript::V8,
    &ruby::RUBY,
    &php::PHP,
    &dart::DART,
    &native::NATIVE,
    &javascript::GECKO,
];

/// Lines above the first frame are looked at up to here; a message has no more.
const LINES_ABOVE_MAX: usize = 200;

/// The language of a trace: that of its first frame.
pub(super) fn language_of(text: &str) -> Option<&'static Language> {
    let mut above = "";
    text.lines().take(LINES_ABOVE_MAX).find_map(|line| {
        let found = LANGUAGES.iter().find(|language| (language.frame)(line, above).is_some());
        if !line.trim_ascii().is_empty() {
            above = line;
        }
        found.copied()
    })
}

/// What is behind `at ` of a frame's line.
fn after_at(line: &str) -> Option<&str> {
    line.trim_ascii_start().strip_prefix("at ")
}

/// `path:12` or `path:12:5` in two: the path, and whether it had a line.
fn without_line(location: &str) -> (&str, bool) {
    let is_number =
        |(_, number): &(&str, &str)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    match location.rsplit_once(':').filter(is_number) {
        Some((path, _)) => (path.rsplit_once(':').filter(is_number).map_or(path, |(path, _)| path), true),
        None => (location, false),
    }
}

/// The end of a path that stays the same wherever the program is installed: the file without its ending, and its folder
/// unless that has a digit, as folders of releases do.
fn place_of(path: &str) -> &str {
    let is_slash = |c: char| c == '/' || c == '\\';
    let stem_end = match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains(is_slash) && !stem.is_empty() => stem.len(),
        _ => path.len(),
    };
    let path = without_build(&path[..stem_end]);
    let Some(slash) = path.rfind(is_slash) else {
        return path;
    };
    let folder = path[..slash].rfind(is_slash).map_or(0, |at| at + 1);
    let is_release = path[folder..slash].bytes().any(|b| b.is_ascii_digit());
    &path[if is_release { slash + 1 } else { folder }..]
}

/// Without the hash of a build: `dist/main` of `dist/main.3f2a9c1b`.
fn without_build(stem: &str) -> &str {
    let is_hash = |part: &str| {
        part.len() >= BUILD_HASH_MIN
            && part.bytes().all(|b| b.is_ascii_hexdigit())
            && part.bytes().any(|b| b.is_ascii_digit())
    };
    match stem.rsplit_once(['.', '-']) {
        Some((before, part)) if is_hash(part) => before,
        _ => stem,
    }
}

/// Digits of the shortest hash that bundlers put in names.
const BUILD_HASH_MIN: usize = 6;

/// Whether `path` has one of `parts`.
fn has_any(path: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| path.contains(part))
}

fn framework_if(is_framework: bool) -> Owner {
    if is_framework { Owner::Framework } else { Owner::Application }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, place and owner of each frame that the trace's language reads.
    #[track_caller]
    pub(super) fn check(text: &str, expected: &[(&str, &str, Owner)]) {
        let language = language_of(text).unwrap_or_else(|| panic!("no language: {text}"));
        let mut above = "";
        let mut frames = Vec::new();
        for line in text.lines() {
            frames.extend((language.frame)(line, above).map(|frame| (frame.name, frame.place, frame.owner)));
            above = line;
        }
        assert_eq!(frames, expected, "{text}");
    }

    #[test]
    fn paths_without_what_an_installation_adds() {
        let check = |path: &str, expected: &str| assert_eq!(place_of(path), expected, "{path}");
        check("/srv/app/shop/cart.py", "shop/cart");
        check("/srv/releases/20261123/cart.py", "cart");
        check("C:\\shop\\cart.js", "shop\\cart");
        check("/srv/dist/main.3f2a9c1b.js", "dist/main");
        check("/srv/dist/carts.service.js", "dist/carts.service");
        check("cart.py", "cart");
        check("/cart", "/cart");
        check("<stdin>", "<stdin>");
        check(".env", ".env");
        check("a.b/c", "a.b/c");
        check("", "");
    }

    #[test]
    fn lines_are_cut_off() {
        assert_eq!(without_line("/a.js:1:2"), ("/a.js", true));
        assert_eq!(without_line("http://h:80/a.js:1"), ("http://h:80/a.js", true));
        assert_eq!(without_line("http://h/a.js"), ("http://h/a.js", false));
        assert_eq!(without_line("x:"), ("x:", false));
    }

    #[test]
    fn text_is_of_no_language() {
        for text in ["", "at", "a line\n  at the end", "see #3 (below)", "mail me@home", "0: one\n1: two"] {
            assert!(language_of(text).is_none(), "{text}");
        }
    }
}
