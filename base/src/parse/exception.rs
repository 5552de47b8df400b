//! The exception a record's text tells of, or a stack in a JSON field: its type, its message, its trace.
//!
//! The header that comes first is the one: it names the outermost exception. Python prints it last, so there it is the
//! last line of the last traceback. Each form is a function from a header and what follows it; [`FORMS`] lists them.
//!
//! Limits: a message is the rest of its line; a type in the middle of a line is looked for in the line above the first
//! frame only, in its first [`EMBEDDED_WITHIN_BYTES`].

use crate::multiline::text::Thrown;
use memchr::{memchr, memmem};

/// What was thrown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Exception<'a> {
    /// Its type, as written; `panic` for Go and Rust.
    pub kind: Option<&'a str>,
    /// What it says; may be empty.
    pub message: &'a str,
    /// From the header to the end.
    pub stacktrace: &'a str,
}

/// Type and message.
type Named<'a> = (Option<&'a str>, &'a str);

/// How headers look: from the header's line and the lines behind it.
static FORMS: &[for<'a> fn(&'a str, &'a str) -> Option<Named<'a>>] =
    &[python, java_thread, dotnet, dart, go, rust, php, cpp, sanitizer, ruby, rails, thrown];

const TRACEBACK: &str = "Traceback (most recent call last):";
const EMBEDDED_WITHIN_BYTES: usize = 512;
const PHP_OBJECT: &str = "[object] (";
const GOROUTINE_WITHIN_BYTES: usize = 4096;

/// Finds the exception in a text of one or more lines.
pub fn exception_in(text: &str) -> Option<Exception<'_>> {
    let is_one_line = memchr(b'\n', text.trim_end().as_bytes()).is_none();
    let mut above = 0;
    for (at, line, behind) in lines(text) {
        let named = FORMS.iter().find_map(|form| form(line, behind));
        // `Error: text` alone is what any program prints.
        if let Some((kind, message)) = named.filter(|named| !is_one_line || !is_vague(named)) {
            return Some(Exception { kind, message, stacktrace: &text[at..] });
        }
        if at > 0 && is_frame(line) {
            return embedded(&text[above..]);
        }
        above = at;
    }
    None
}

fn is_vague(named: &Named<'_>) -> bool {
    matches!(named.0, Some("Error" | "Exception"))
}

/// Lines with where they begin, without their endings, and the text behind each.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |whole| {
        let begin = at;
        at += whole.len();
        (begin, whole.trim_end_matches(['\n', '\r']), &text[at..])
    })
}

/// A part of a text, cut where it has ASCII.
fn part(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn is_frame(line: &str) -> bool {
    let text = line.trim_start();
    let begins = ["goroutine ", "Stack trace:", "[stacktrace]", "#0 "];
    begins.iter().any(|begin| line.starts_with(begin)) || text.len() < line.len() && text.starts_with("at ")
}

/// An exception whose header is the end of an event's line; `text` begins with that line.
fn embedded(text: &str) -> Option<Exception<'_>> {
    let line = text.lines().next()?;
    if let Some((_, serving)) = line.split_once("http: panic serving ") {
        let message = serving.split_once(": ").map_or("", |(_, message)| message);
        return Some(Exception { kind: Some("panic"), message, stacktrace: text });
    }
    if let Some(at) = line.find("PHP Fatal error: ") {
        return php(&line[at..], "").map(|(kind, message)| Exception {
            kind,
            message,
            stacktrace: &text[at..],
        });
    }
    if let Some(at) = line.find(PHP_OBJECT) {
        let (kind, message) = php_object(&line[at..])?;
        return Some(Exception { kind: Some(kind), message, stacktrace: text });
    }
    let starts = memchr::memchr_iter(b' ', line.as_bytes()).map(|blank| blank + 1);
    starts.take_while(|&at| at < EMBEDDED_WITHIN_BYTES).find_map(|at| {
        let (kind, message) = thrown(&line[at..], "")?;
        Some(Exception { kind, message, stacktrace: &text[at..] })
    })
}

/// Type and message of an exception that Monolog wrote as text: `[object] (RuntimeException(code: 3): boom at /t.php:5)`.
pub(super) fn php_object(text: &str) -> Option<(&str, &str)> {
    let (kind, rest) = text.strip_prefix(PHP_OBJECT)?.split_once("(code: ")?;
    let message = rest.split_once("): ").map_or("", |(_, message)| message);
    Some((kind, message.rsplit_once(" at ").map_or(message, |(message, _)| message)))
}

/// `java.lang.IllegalStateException: boom`, in Java, .NET, JavaScript and others.
fn thrown<'a>(line: &'a str, _behind: &'a str) -> Option<Named<'a>> {
    let line = line.strip_prefix("Uncaught ").unwrap_or(line);
    let thrown = Thrown::error(line.as_bytes())?;
    let message = part(thrown.message);
    let message = message.split_once(" ---> ").map_or(message, |(message, _)| message);
    // Node.js opens its list of properties behind the message when there are no frames.
    Some((Some(part(thrown.path)), message.strip_suffix(" {").unwrap_or(message)))
}

fn java_thread<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    let rest = line.strip_prefix("Exception in thread \"")?;
    let (_, rest) = rest.split_once("\" ")?;
    thrown(rest, behind).or_else(|| named_or_text(rest))
}

fn dotnet<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    let rest =
        line.strip_prefix("Unhandled exception. ").or_else(|| line.strip_prefix("Unhandled Exception: "))?;
    thrown(rest, behind).or_else(|| named_or_text(rest))
}

/// `Any.Name: message`, else all of it as the message.
fn named_or_text(line: &str) -> Option<Named<'_>> {
    let thrown = Thrown::of(line.as_bytes()).filter(|thrown| !thrown.message.is_empty());
    Some(thrown.map_or((None, line), |thrown| (Some(part(thrown.path)), part(thrown.message))))
}

/// The line behind the header names it or says what happened.
fn dart<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    if line.trim_end() != "Unhandled exception:" {
        return None;
    }
    let message = behind.lines().next().unwrap_or_default();
    thrown(message, "").or(Some((None, message)))
}

fn go<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    if let Some(message) = line.strip_prefix("panic: ") {
        return Some((Some("panic"), message.strip_suffix(" [recovered]").unwrap_or(message)));
    }
    let message = line.strip_prefix("fatal error: ")?;
    // Compilers say so too; goroutines follow soon.
    let behind = &behind.as_bytes()[..behind.len().min(GOROUTINE_WITHIN_BYTES)];
    memmem::find(behind, b"goroutine ").map(|_| (Some("fatal error"), message))
}

fn rust<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    let (_, place) = line.strip_prefix("thread '")?.split_once(" panicked at ")?;
    let message = match place.strip_prefix('\'').and_then(|quoted| quoted.rsplit_once("', ")) {
        Some((message, _place)) => message,
        None => behind.lines().next().unwrap_or_default(),
    };
    Some((Some("panic"), message))
}

/// `PHP Fatal error:  Uncaught RuntimeException: boom in t.php:5`, `exception 'X' with message 'boom' in t.php:5`
fn php<'a>(line: &'a str, _behind: &'a str) -> Option<Named<'a>> {
    let rest = line.strip_prefix("PHP ").unwrap_or(line);
    let Some(fatal) = rest.strip_prefix("Fatal error: ") else { return php_quoted(line) };
    let uncaught = fatal.trim_start().strip_prefix("Uncaught ")?;
    php_quoted(uncaught).or_else(|| named_or_text(without_place(uncaught)))
}

fn php_quoted(line: &str) -> Option<Named<'_>> {
    let (kind, rest) = line.strip_prefix("exception '")?.split_once('\'')?;
    let message = rest.strip_prefix(" with message '").map(without_place).unwrap_or_default();
    Some((Some(kind), message.strip_suffix('\'').unwrap_or(message)))
}

/// Without ` in file:line`.
fn without_place(text: &str) -> &str {
    text.rsplit_once(" in ").map_or(text, |(text, _)| text)
}

/// ``-e:1:in `f': boom (ArgumentError)``
fn ruby<'a>(line: &'a str, _behind: &'a str) -> Option<Named<'a>> {
    let (place, rest) = line.split_once(":in ")?;
    let is_place = place.ends_with(|c: char| c.is_ascii_digit()) && rest.starts_with(['`', '\'']);
    let (_, rest) = rest.split_once("': ").filter(|_| is_place)?;
    let (message, kind) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    Some((Some(kind), message))
}

/// ` NoMethodError (undefined method):`
fn rails<'a>(line: &'a str, _behind: &'a str) -> Option<Named<'a>> {
    let (kind, message) = line.trim_start().strip_suffix("):")?.split_once(" (")?;
    let is_type = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_'));
    is_type.then_some((Some(kind), message))
}

/// `terminate called after throwing an instance of 'std::runtime_error'`, and behind it `  what():  boom`.
fn cpp<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    let rest = line.strip_prefix("terminate called ")?;
    let kind = rest.strip_prefix("after throwing an instance of '").and_then(|rest| rest.strip_suffix('\''));
    let what = behind.lines().next().unwrap_or_default().trim_start();
    let message =
        what.strip_prefix("what():").map_or(if kind.is_some() { "" } else { rest }, str::trim_start);
    Some((kind, message))
}

/// `==12345==ERROR: AddressSanitizer: heap-use-after-free on address`
fn sanitizer<'a>(line: &'a str, _behind: &'a str) -> Option<Named<'a>> {
    let (_, rest) = line.strip_prefix("==")?.split_once("==ERROR: ")?;
    let (kind, message) = rest.split_once(": ")?;
    Some((Some(kind), message))
}

fn python<'a>(line: &'a str, behind: &'a str) -> Option<Named<'a>> {
    let text = line.trim_start_matches([' ', '\t', '|', '+']);
    if let Some(rest) = text.strip_prefix("Exception Group ") {
        // Its own line comes before those of the exceptions it holds.
        let marked = |line: &'a str| thrown(line.trim_start_matches([' ', '|']), "");
        return rest.starts_with(TRACEBACK).then(|| behind.lines().find_map(marked).unwrap_or((None, "")));
    }
    if !text.starts_with(TRACEBACK) {
        return None;
    }
    let last = memmem::rfind(behind.as_bytes(), TRACEBACK.as_bytes());
    let indent = match last {
        Some(at) => at - behind[..at].rfind('\n').map_or(0, |newline| newline + 1),
        None => line.len() - text.len(),
    };
    let frames = last.map_or(behind, |at| behind[at..].split_once('\n').map_or("", |(_, frames)| frames));
    let is_last = |line: &&str| {
        let text = line.trim_start_matches([' ', '\t', '|']);
        !text.is_empty() && line.len() - text.len() <= indent && !text.starts_with("> File \"")
    };
    let line = frames.lines().find(is_last).unwrap_or_default().trim_start_matches([' ', '\t', '|']);
    Some(match Thrown::of(line.as_bytes()) {
        Some(thrown) => (Some(part(thrown.path)), part(thrown.message)),
        None => (None, line),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

    /// `header` is the line the trace is expected to begin with.
    fn check(text: &str, kind: &str, message: &str, header: &str) {
        let exception = exception_in(text).unwrap_or_else(|| panic!("nothing in {text}"));
        assert_eq!((exception.kind.unwrap_or_default(), exception.message), (kind, message), "{text}");
        assert!(exception.stacktrace.starts_with(header) && text.ends_with(exception.stacktrace), "{text}");
    }

    #[test]
    fn exceptions_of_java_and_python() {
        check(
            "2026-11-23 06:46:24,116 ERROR [main] c.a.App - failed\n\
                java.lang.IllegalStateException: boom\n\tat L.main(L.java:2)\n\
                Caused by: java.lang.RuntimeException: cause\n\t... 8 more\n",
            "java.lang.IllegalStateException",
            "boom",
            "java.lang.Ill",
        );
        check(
            "java.lang.NullPointerException\n\tat A.b(A.java:1)",
            "java.lang.NullPointerException",
            "",
            "java",
        );
        check(
            "Exception in thread \"main\" java.lang.Error: x\n\tat A",
            "java.lang.Error",
            "x",
            "Exception in",
        );
        check(
            "ERROR:d:request failed\n\
                Traceback (most recent call last):\n  File \"t.py\", line 10, in both\n    try: 1/0\n         ~^~\n\
                ZeroDivisionError: division by zero\n",
            "ZeroDivisionError",
            "division by zero",
            "Traceback",
        );
        check(
            "Traceback (most recent call last):\n  File \"e.py\", line 8\nKeyError: 'cart'\n\n\
                The above exception was the direct cause of the following exception:\n\n\
                Traceback (most recent call last):\n\n> File \"e.py\", line 9\n\n\
                sqlalchemy.exc.Timeout: late\n",
            "sqlalchemy.exc.Timeout",
            "late",
            "Traceback",
        );
        check(
            concat!(
                "  + Exception Group Traceback (most recent call last):\n  |   File \"x.py\", line 1\n",
                "  | ExceptionGroupError: two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n",
                "    | ValueError: 1\n",
            ),
            "ExceptionGroupError",
            "two (2 sub-exceptions)",
            "  + Exc",
        );
    }

    #[test]
    fn exceptions_of_javascript_go_and_rust() {
        check("TypeError: boom\n    at x (/t.js:2:11)", "TypeError", "boom", "TypeError");
        check("TypeError: boom", "TypeError", "boom", "TypeError");
        check("Error: boom {\n  code: 'X'\n}", "Error", "boom", "Error");
        check(
            "2026-11-23T06:53:19.807Z error: TypeError: Cannot read 'c'\n    at deep (/n.cjs:4:31)",
            "TypeError",
            "Cannot read 'c'",
            "TypeError",
        );
        check("panic: nil map\n\ngoroutine 1 [running]:\nmain.main()\n", "panic", "nil map", "panic: ");
        check(
            "2019/01/15 07:48:05 http: panic serving [::1]:54143: test\ngoroutine 24 [running]:",
            "panic",
            "test",
            "2019",
        );
        check(
            "\nthread 'main' (8) panicked at s.rs:2:7:\nout of bounds\nnote: x",
            "panic",
            "out of bounds",
            "thr",
        );
        check("thread 'main' panicked at 'boom', src/m.rs:2:7", "panic", "boom", "thread");
    }

    #[test]
    fn exceptions_of_php_and_ruby() {
        check(
            "PHP Fatal error:  Uncaught RuntimeException: boom in t.php:1\nStack trace:\n#0 {main}",
            "RuntimeException",
            "boom",
            "PHP",
        );
        check(
            "PHP Fatal error:  Uncaught exception 'Exception' with message 'm' in /e.php:60\nStack trace:",
            "Exception",
            "m",
            "PHP",
        );
        check("exception 'E' with message 'm' in /e.php:60\nStack trace:", "E", "m", "exc");
        check(
            "[23-Nov-2026 06:45:57 UTC] PHP Fatal error:  Uncaught E: m in /t.php:1\nStack trace:\n#0 {main}",
            "E",
            "m",
            "PHP Fatal",
        );
        check(
            "[2025-01-02 11:19:06] laravel.ERROR: no {\"exception\":\"[object] (Error(code: 0): m at /a.php:1)\n\
                [stacktrace]\n#0 a\n\"} ",
            "Error",
            "m",
            "[2025",
        );
        check("-e:1:in `f': boom (ArgumentError)\n\tfrom -e:1:in `<main>'", "ArgumentError", "boom", "-e:1");
        check(
            " NoMethodError (undefined `x'):\n  app/a.rb:6:in `y'",
            "NoMethodError",
            "undefined `x'",
            " NoM",
        );
    }

    #[test]
    fn exceptions_of_dotnet_dart_and_cpp() {
        check(
            "System.InvalidOperationException: outer ---> System.Exception: inner\n  at A.B()",
            "System.InvalidOperationException",
            "outer",
            "System",
        );
        check("Unhandled exception. App.Boom: x\n   at A.B()", "App.Boom", "x", "Unhandled");
        check("Unhandled exception:\nBad state: oops\n#0 main", "", "Bad state: oops", "Unhandled");
        check(
            "Unhandled exception:\nRangeError (index): Invalid value: 1\n#0 main",
            "RangeError",
            "Invalid value: 1",
            "Unhandled",
        );
        check(
            "terminate called after throwing an instance of 'std::logic_error'\n  what():  boom\n",
            "std::logic_error",
            "boom",
            "terminate",
        );
        check(
            "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x6",
            "AddressSanitizer",
            "heap-use-after-free on address 0x6",
            "==1==",
        );
    }

    #[test]
    fn texts_without_one() {
        let texts = [
            "",
            "Error: could not connect",
            "2026-11-23 INFO the Exception: was handled",
            "a line\nand another (of two):\n",
            "SELECT 1\n  at the end",
            "fatal error: cc1 not found\ncompilation terminated",
        ];
        for text in texts {
            assert_eq!(exception_in(text), None, "{text}");
        }
    }

    #[test]
    fn known_traces_have_a_type_or_a_message() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/exceptions/detect_exceptions.json");
        let Ok(traces) = std::fs::read(Path::new(path)) else {
            println!("skipped: {path} is not here");
            return;
        };
        let traces: Vec<serde_json::Value> = serde_json::from_slice(&traces).expect("JSON");
        for trace in traces {
            let lines: Vec<&str> =
                trace["lines"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
            let text = lines.join("\n");
            let found = exception_in(&text);
            let named = found.is_some_and(|found| found.kind.is_some() || !found.message.is_empty());
            assert_eq!(named, trace["name"] != "ARBITRARY_TEXT", "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            words in prop::collection::vec(prop::sample::select(vec![
                "Traceback (most recent call last):", "\n", " ", "\t", "at ", "Error", ": ", "é", "(", "):", "[",
                "panic: ", "thread '", " panicked at ", "PHP ", "Fatal error: ", "Uncaught ", "exception '", "':",
                ":1:in `", "terminate called ", "==", "==ERROR: ", "Unhandled exception:", "| ", "+ ", "' ", " in ",
            ]), 0..30),
            any: String,
        ) {
            for text in [words.concat(), any] {
                if let Some(found) = exception_in(&text) {
                    prop_assert!(text.ends_with(found.stacktrace));
                }
            }
        }
    }
}
