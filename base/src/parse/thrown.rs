//! Exceptions in the fields of a JSON record: every logger has its own names for type, message and stack trace.

use super::exception;
use super::found::{Found, Part};
use super::json::Value;

/// What a field of an exception says of it.
#[derive(Clone, Copy)]
enum Says {
    Type,
    Message,
    Stack,
    /// All of it, as text: a stack trace when it has lines, else the message.
    Whole,
    /// Class, method, file or line of a frame.
    Frame(&'static str),
    Nothing,
}

/// Stack traces are kept up to here; the record has the rest.
const STACK_BYTES_MAX: usize = 64 << 10;

/// Takes what a field of an exception says.
pub(super) fn take(found: &mut Found, path: &str, value: Value<'_>) {
    let Some(text) = text_of(&value) else {
        return;
    };
    match says(path) {
        Says::Type => put_first(found, Part::ExceptionType, text, path),
        Says::Message => put_first(found, Part::ExceptionMessage, text, path),
        Says::Whole if text.contains('\n') => add_lines(found, text, path),
        Says::Whole if let Some((kind, message)) = exception::php_object(text) => {
            put_first(found, Part::ExceptionType, kind, path);
            put_first(found, Part::ExceptionMessage, message, path);
        }
        Says::Whole if found.origin_of(Part::ExceptionMessage) == Some(path) => {
            add_line_of_many(found, text, path)
        }
        Says::Whole => found.put_ranked(Part::ExceptionMessage, WHOLE_RANK, text, path),
        Says::Stack => add_lines(found, text, path),
        Says::Frame(before) if found.text(Part::Stacktrace).is_none_or(|it| it.len() < STACK_BYTES_MAX) => {
            found.append(Part::Stacktrace, format_args!("{before}{text}"));
        }
        Says::Frame(_) | Says::Nothing => {}
    }
}

/// GELF's long message: the message again with whatever is behind it, which may be a stack trace.
pub(super) fn take_full_message(found: &mut Found, path: &str, value: Value<'_>) {
    if let Value::Str(text) = value
        && exception::exception_in(text).is_some()
    {
        add_lines(found, text, path);
    }
}

/// A bare `error` says less than a message that is called so.
const WHOLE_RANK: u8 = 50;

/// The outermost exception counts; causes are nested deeper.
fn rank_of(path: &str) -> u8 {
    u8::try_from(path.split('.').count()).unwrap_or(WHOLE_RANK - 1).min(WHOLE_RANK - 1)
}

/// Of an array of exceptions the first is the outermost; the others are its causes.
fn put_first(found: &mut Found, part: Part, text: &str, path: &str) {
    if !path.contains('.') || found.origin_of(part) != Some(path) {
        found.put_ranked(part, rank_of(path), text, path);
    }
}

fn text_of<'v>(value: &'v Value<'v>) -> Option<&'v str> {
    match value {
        Value::Str(text) => Some(text),
        // The line of a frame.
        Value::I64(_) | Value::U64(_) => Some(""),
        _ => None,
    }
}

/// Several values of one field are lines of one trace.
fn add_lines(found: &mut Found, text: &str, path: &str) {
    let known = found.text(Part::Stacktrace).map(str::len);
    match known {
        None => found.put_ranked(Part::Stacktrace, rank_of(path), text, path),
        Some(len) if found.origin_of(Part::Stacktrace) == Some(path) && len < STACK_BYTES_MAX => {
            found.append(Part::Stacktrace, format_args!("\n{text}"));
        }
        Some(_) if rank_of(path) == 1 => found.put(Part::Stacktrace, text, path),
        Some(_) => {}
    }
}

/// An array of lines under a name that may also have the message alone: the first one was taken for that.
fn add_line_of_many(found: &mut Found, text: &str, path: &str) {
    if found.text(Part::Stacktrace).is_none() {
        let first = found.text(Part::ExceptionMessage).unwrap_or_default().to_owned();
        found.put_ranked(Part::Stacktrace, rank_of(path), &first, path);
    }
    add_lines(found, text, path);
}

fn says(path: &str) -> Says {
    if is_of_a_cause(path) {
        return Says::Nothing;
    }
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        // Nextcloud's.
        "Exception" if path == "exception.Exception" => Says::Type,
        "Message" if path == "exception.Message" => Says::Message,
        "class" if path.contains("extendedStackTrace.") => Says::Frame("\n\tat "),
        "method" if path.contains("extendedStackTrace.") => Says::Frame("."),
        "file" if path.contains("extendedStackTrace.") => Says::Frame("("),
        "filename" if path.contains("frames.") => Says::Frame("\n  File "),
        "name" if path.contains("frames.") => Says::Frame(" in "),
        _ if path.contains("frames.") || path.contains("extendedStackTrace.") => Says::Nothing,
        "type" | "name" | "class" | "exc_type" | "exception_class" | "errorType" | "kind" => Says::Type,
        "message" | "exc_value" | "value" | "exception_message" | "errorMessage" => Says::Message,
        "stack" | "stack_trace" | "stackTrace" | "stacktrace" | "trace" | "exc_info"
        | "extendedStackTrace" | "errorVerbose" | "error_verbose" | "@x" => Says::Stack,
        "exception" | "Exception" | "error" | "err" | "thrown" => Says::Whole,
        _ => Says::Nothing,
    }
}

fn is_of_a_cause(path: &str) -> bool {
    path.split('.').any(|key| matches!(key, "cause" | "previous" | "suppressed"))
}

#[cfg(test)]
mod tests {
    use super::super::found::Wanted;
    use super::super::json::Parser;
    use super::*;
    use std::ops::ControlFlow;

    /// Type, message and the beginning of the trace.
    #[track_caller]
    fn check(line: &str, expected: [&str; 3]) {
        let (mut found, mut parser) = (Found::default(), Parser::new());
        found.clear(Wanted::All);
        parser.walk_fields(line.as_bytes(), |field, value| {
            found.take(&field, value);
            ControlFlow::Continue(())
        });
        let parts = [Part::ExceptionType, Part::ExceptionMessage, Part::Stacktrace];
        let got = parts.map(|part| found.text(part).unwrap_or_default().to_owned());
        assert_eq!((&got[0], &got[1]), (&expected[0].to_owned(), &expected[1].to_owned()), "{line}");
        assert!(got[2].starts_with(expected[2]), "{line}: {}", got[2]);
    }

    #[test]
    fn exceptions_of_all_loggers() {
        check(
            r#"{"err":{"type":"TypeError","message":"boom","stack":"TypeError: boom\n    at f"}}"#,
            ["TypeError", "boom", "TypeError: boom\n"],
        );
        check(
            r#"{"err":{"message":"boom","name":"TypeError","stack":"TypeError: boom"}}"#,
            ["TypeError", "boom", "TypeError"],
        );
        check(r#"{"error":{"type":"T","message":"m","stack_trace":"s\nt"}}"#, ["T", "m", "s\nt"]);
        check(r#"{"error":"boom"}"#, ["", "boom", ""]);
        check(r#"{"exception":["line 1","line 2"],"message":"m"}"#, ["", "line 1", "line 1\nline 2"]);
        check(r#"{"exception":{"name":"T","message":"m","stack_trace":["a","b"]}}"#, ["T", "m", "a\nb"]);
        check(
            r#"{"thrown":{"name":"T","message":"m","cause":{"name":"C","message":"c"},"extendedStackTrace":[{"class":"L","method":"main","file":"L.java","line":2}]}}"#,
            ["T", "m", "\n\tat L.main(L.java"],
        );
        check(
            r#"{"exception":[{"exc_type":"ZeroDivisionError","exc_value":"by zero","frames":[{"filename":"/a.py","lineno":2,"name":"f","locals":{"x":"1"}}]}]}"#,
            ["ZeroDivisionError", "by zero", "\n  File /a.py in f"],
        );
        check(
            r#"{"exception":[{"exc_type":"RuntimeError","exc_value":"late"},{"exc_type":"KeyError","exc_value":"'a'","is_cause":true}]}"#,
            ["RuntimeError", "late", ""],
        );
        check(
            r#"{"context":{"exception":"[object] (RuntimeException(code: 3): boom at /srv/t.php:5)"}}"#,
            ["RuntimeException", "boom", ""],
        );
        check(
            r#"{"context":{"exception":{"class":"RuntimeException","message":"boom","code":3,"trace":["/t.php:8","/t.php:9"]}}}"#,
            ["RuntimeException", "boom", "/t.php:8\n/t.php:9"],
        );
        check(r#"{"errorType":"E","errorMessage":"m","stackTrace":["a","b"]}"#, ["E", "m", "a\nb"]);
        check(r#"{"@x":"System.Exception: m\n   at X"}"#, ["", "", "System.Exception: m"]);
        check(r#"{"record":{"exception":{"type":"T","value":"v","traceback":true}}}"#, ["T", "v", ""]);
    }
}
