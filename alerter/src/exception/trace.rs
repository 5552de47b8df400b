//! A trace taken apart: the exceptions of its chain and the frames of each, as far as they are the application's own.
//!
//! Limits: [`CHAIN_MAX`] exceptions, of which the last one stays; [`FRAMES_MAX`] frames of each.

use super::Occurrence;
use super::language::{Chain, Frame, Language, Mark, Owner, Stack, Types, language_of};

/// Longer chains are loops of wrapping; what was thrown first is kept in any case.
const CHAIN_MAX: usize = 8;
/// Deeper stacks are recursion.
const FRAMES_MAX: usize = 64;

/// The chain of a trace, outermost exception first; never empty.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub links: Vec<Link<'a>>,
    /// What the record says beside it.
    pub beside: &'a str,
    /// Whether it names types.
    pub types: Types,
}

/// One exception.
#[derive(Debug, Default)]
pub(super) struct Link<'a> {
    /// Its type.
    pub kind: Option<&'a str>,
    /// What it says.
    pub message: &'a str,
    /// The application's own frames, innermost first.
    pub frames: Vec<Frame<'a>>,
}

impl<'a> Trace<'a> {
    /// Reads a text of one frame a line.
    pub(super) fn of(text: &'a str) -> Self {
        let mut reader = Reader {
            language: language_of(text),
            links: vec![Link::default()],
            current: 0,
            header: Header::Awaited,
            aside: None,
            ended: false,
        };
        let mut above = "";
        for line in text.lines() {
            reader.take(line, above);
            if reader.ended {
                break;
            }
            above = if line.trim_ascii_start().is_empty() { above } else { line };
        }
        reader.finish()
    }

    /// With what is known of the outermost exception beside the text. A chain says itself what was thrown last: of PHP's, the
    /// parser of records knows the root cause.
    pub(super) fn known_as(mut self, known: &Occurrence<'a>) -> Self {
        let is_chain = self.links.len() > 1;
        let is_trace = is_chain || !self.links[0].frames.is_empty();
        let outermost = &mut self.links[0];
        if !is_trace {
            (outermost.kind, outermost.message) = (None, known.stacktrace);
        }
        if outermost.kind.is_none() || !is_chain {
            outermost.kind = known.kind.or(outermost.kind);
            if !known.message.is_empty() || known.kind.is_some() {
                outermost.message = known.message;
            }
        }
        self.beside = known.beside;
        self
    }

    /// Whether no type tells it from other faults, though there would be one.
    pub(super) fn is_untyped(&self) -> bool {
        self.types == Types::Told && self.outermost().kind.is_none()
    }

    pub(super) fn outermost(&self) -> &Link<'a> {
        self.links.first().unwrap_or(&NOTHING)
    }

    pub(super) fn root(&self) -> &Link<'a> {
        self.links.last().unwrap_or(&NOTHING)
    }
}

/// What a chain of none would be.
static NOTHING: Link<'static> = Link { kind: None, message: "", frames: Vec::new() };

/// Where the header of the current exception is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    /// In a line to come.
    Awaited,
    /// Read.
    Known,
}

struct Reader<'a> {
    /// None when there are no frames.
    language: Option<&'static Language>,
    links: Vec<Link<'a>>,
    /// Whose frames are being read.
    current: usize,
    header: Header,
    /// The indentation of what stands beside the chain, while that lasts.
    aside: Option<usize>,
    ended: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, line: &'a str, above: &'a str) {
        let text = line.trim_ascii_start();
        let mark = self.language.and_then(|language| mark_of(language, text));
        if let Some((mark, behind)) = mark {
            return self.mark(mark, behind, line.len() - text.len());
        }
        if self.aside.is_some() || text.is_empty() {
            return;
        }
        match self.language.and_then(|language| language.frame_of(line, above)) {
            Some(frame) => {
                self.header_of_frame(line);
                self.frame(frame);
            }
            None => self.text(line, text),
        }
    }

    fn mark(&mut self, mark: Mark, behind: &'a str, indent: usize) {
        match mark {
            Mark::Next if self.aside.is_some_and(|aside| indent > 0 && indent >= aside) => {}
            Mark::Next => {
                let behind = behind.trim_start_matches("(Inner Exception #0) ").trim();
                self.push(if behind.is_empty() { Link::default() } else { link_of(behind) });
                self.header = if behind.is_empty() { Header::Awaited } else { Header::Known };
                self.aside = None;
            }
            Mark::NextUnnamed => {
                self.push(Link::default());
                self.header = Header::Awaited;
            }
            Mark::Back => self.current = self.current.saturating_sub(1),
            Mark::Aside => self.aside = self.aside.or(Some(indent)),
            Mark::End => self.ended = self.links.iter().any(|link| !link.frames.is_empty()),
        }
    }

    fn push(&mut self, link: Link<'a>) {
        if self.links.len() == CHAIN_MAX {
            self.links.pop();
        }
        self.current = self.links.len();
        self.links.push(link);
    }

    /// As Python writes it: the header comes behind the frames.
    fn is_innermost_last(&self) -> bool {
        self.language.is_some_and(|language| language.stack == Stack::InnermostLast)
    }

    fn frame(&mut self, frame: Frame<'a>) {
        let is_last = self.is_innermost_last();
        if is_last {
            self.header = Header::Awaited;
        }
        let frames = &mut self.links[self.current].frames;
        match frame.owner {
            Owner::Thrower => frames.clear(),
            Owner::Framework => {}
            Owner::Application => {
                if frames.len() == FRAMES_MAX && is_last {
                    frames.remove(0);
                }
                if frames.len() < FRAMES_MAX {
                    frames.push(frame);
                }
            }
        }
    }

    /// As Ruby writes it: the first frame is in the header's line.
    fn header_of_frame(&mut self, line: &'a str) {
        let Some((kind, message)) = self.language.and_then(|language| (language.header)(line)) else {
            return;
        };
        let link = Link { kind: Some(kind), message, frames: Vec::new() };
        match self.header {
            Header::Known => self.push(link),
            Header::Awaited => self.links[self.current] = link,
        }
        self.header = Header::Known;
    }

    /// A line of text, which may be a header: behind Python's frames the first one that is not indented.
    fn text(&mut self, line: &'a str, text: &'a str) {
        let is_last = self.is_innermost_last();
        if self.header == Header::Known
            || is_last && text.len() < line.len()
            || text.starts_with("Traceback (")
        {
            return;
        }
        let link = link_of(text);
        let Link { kind, message, .. } = link;
        if kind.is_some() || self.links[self.current].message.is_empty() {
            let known = &mut self.links[self.current];
            (known.kind, known.message) = (kind, message);
        }
        if kind.is_some() || is_last {
            self.header = Header::Known;
        }
        self.inner(text);
    }

    /// The inner exceptions that .NET writes in the line of the outermost.
    fn inner(&mut self, header: &'a str) {
        let mut headers = header.split(" ---> ");
        let Some(first) = headers.next() else { return };
        let inner: Vec<&str> = headers.collect();
        if inner.is_empty() || self.links[self.current].kind.is_none() {
            return;
        }
        self.links[self.current].message = link_of(first).message;
        for header in inner {
            self.push(link_of(header));
        }
    }

    fn finish(mut self) -> Trace<'a> {
        if self.is_innermost_last() {
            for link in &mut self.links {
                link.frames.reverse();
            }
        }
        if self.language.is_some_and(|language| language.chain == Chain::RootFirst) {
            self.links.reverse();
        }
        let types = self.language.map_or(Types::Told, |language| language.types);
        Trace { links: self.links, beside: "", types }
    }
}

fn mark_of<'a>(language: &'static Language, text: &'a str) -> Option<(Mark, &'a str)> {
    language.marks.iter().find_map(|&(begin, mark)| Some((mark, text.strip_prefix(begin)?)))
}

/// `Type: message` or `Type`, also at the end of a logger's line; else all of it as the message.
fn link_of(header: &str) -> Link<'_> {
    let words = header.split(' ').scan(0, |at, word| {
        let begin = *at;
        *at += word.len() + 1;
        Some((begin, word))
    });
    for (begin, word) in words.take(WORDS_MAX) {
        let kind = word.strip_suffix(':').unwrap_or(word);
        let is_whole = begin == 0 && kind.len() < word.len();
        if is_type(kind) && (is_whole || is_error_name(kind)) {
            let message = header.get(begin + word.len()..).unwrap_or_default().trim();
            return Link { kind: Some(kind), message, frames: Vec::new() };
        }
    }
    Link { kind: None, message: header.trim(), frames: Vec::new() }
}

/// A type is looked for in this many words of a line.
const WORDS_MAX: usize = 32;

fn is_type(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$' | b':' | b'\\'))
}

/// What errors are called in every language.
fn is_error_name(kind: &str) -> bool {
    ["Exception", "Error", "Throwable"]
        .iter()
        .any(|ending| kind.ends_with(ending) && kind.len() > ending.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type, message and names of own frames of each exception.
    #[track_caller]
    fn check(text: &str, expected: &[(&str, &str, &[&str])]) {
        let trace = Trace::of(text);
        let names =
            |link: &Link<'_>| link.frames.iter().map(|frame| frame.name.to_owned()).collect::<Vec<_>>();
        let got: Vec<_> = trace
            .links
            .iter()
            .map(|link| (link.kind.unwrap_or_default(), link.message, names(link)))
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(kind, message, names)| {
                (*kind, *message, names.iter().map(|&name| name.to_owned()).collect())
            })
            .collect();
        assert_eq!(got, expected, "{text}");
    }

    #[test]
    fn chains_of_java() {
        check(
            "2026-11-23 ERROR failed\na.OuterException: out\n\tat a.B.c(B.java:1)\n\tat java.lang.Thread.run(Thread.java:1)\n\
             \tSuppressed: a.ClosedException: beside\n\t\tat a.B.close(B.java:2)\n\tCaused by: a.AsideException: x\n\t\tat a.B.x(B.java:3)\n\
             Caused by: a.MiddleException\n\tat a.D.e(D.java:1)\n\t... 2 more\n\
             Caused by: a.Root: in\n\tat a.F.g(F.java:1)\n\t... 3 more",
            &[
                ("a.OuterException", "out", &["a.B.c"]),
                ("a.MiddleException", "", &["a.D.e"]),
                ("a.Root", "in", &["a.F.g"]),
            ],
        );
        check("failed a.b.BoomException: x\nat a.B.c(B.java:1)", &[("a.b.BoomException", "x", &["a.B.c"])]);
    }

    #[test]
    fn chains_of_python() {
        check(
            "Traceback (most recent call last):\n  File \"/s/a.py\", line 1, in f\n    g()\n\
             \x20 File \"/s/a.py\", line 2, in g\n    raise KeyError\nKeyError: 'cart'\n\n\
             During handling of the above exception, another exception occurred:\n\n\
             Traceback (most recent call last):\n  File \"/s/a.py\", line 4, in h\n    raise x\nshop.Late: two\nlines\n",
            &[("shop.Late", "two", &["h"]), ("KeyError", "'cart'", &["g", "f"])],
        );
    }

    #[test]
    fn chains_of_others() {
        check(
            "A.OuterException: out ---> B.InnerException: in\n   at Shop.Low() in c:\\x.cs:line 3\n\
             \x20  --- End of inner exception stack trace ---\n   at Shop.High()\n",
            &[("A.OuterException", "out", &["Shop.High"]), ("B.InnerException", "in", &["Shop.Low"])],
        );
        check(
            "A.OuterException: out\n ---> B.InnerException: in\n   at Shop.Low()\n\
             \x20  --- End of inner exception stack trace ---\n   at Shop.High()\n",
            &[("A.OuterException", "out", &["Shop.High"]), ("B.InnerException", "in", &["Shop.Low"])],
        );
        check(
            "/s/a.rb:1:in `high': out (OuterError)\n\tfrom /s/a.rb:9:in `<main>'\n/s/b.rb:1:in `low': in (RootError)\n\tfrom /s/a.rb:1:in `high'",
            &[("OuterError", "out", &["high", "<main>"]), ("RootError", "in", &["low", "high"])],
        );
        check(
            "Error: out\n    at high (/s/a.js:1:2)\n  [cause]: TypeError: in\n      at low (/s/b.js:1:2)",
            &[("Error", "out", &["high"]), ("TypeError", "in", &["low"])],
        );
        check(
            "PHP Fatal error:  Uncaught RootException: in in /s/a.php:5\nStack trace:\n#0 /s/a.php(9): low()\n#1 {main}\n\n\
             Next OuterException: out in /s/a.php:9\nStack trace:\n#0 /s/b.php(3): high()\n#1 {main}",
            &[
                ("OuterException", "out in /s/a.php:9", &["high"]),
                ("RootException", "in in /s/a.php:5", &["low"]),
            ],
        );
    }

    #[test]
    fn handlers_above_the_panic_are_no_frames_of_it() {
        check(
            "panic: boom\n\ngoroutine 4 [running]:\nmain.recovered()\n\t/s/m.go:9 +0x1\npanic({0x1})\n\t/go/src/runtime/panic.go:5\n\
             main.total(0x1)\n\t/s/m.go:3 +0x2\n\ngoroutine 5 [select]:\nmain.other()\n\t/s/m.go:7 +0x2",
            &[("panic", "boom", &["main.total"])],
        );
    }

    #[test]
    fn both_ends_of_a_chain_are_kept() {
        let causes: String =
            (0..40).map(|n| format!("\nCaused by: a.N{n}Error: x\n\tat a.B.c(B.java:1)")).collect();
        let text = format!("a.OuterError: x\n\tat a.B.c(B.java:1){causes}");
        let kinds: Vec<_> =
            Trace::of(&text).links.iter().map(|link| link.kind.unwrap_or_default().to_owned()).collect();
        assert_eq!(
            (kinds.len(), &*kinds[0], &*kinds[CHAIN_MAX - 1]),
            (CHAIN_MAX, "a.OuterError", "a.N39Error")
        );
    }
}
