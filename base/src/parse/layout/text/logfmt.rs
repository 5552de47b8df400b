//! logfmt: `ts=2026-11-23T06:43:42.465Z level=info msg="user logged in" user_id=u1`. Written by Go's slog and
//! logrus in text, go-kit, Grafana and Loki, tracing-logfmt, Heroku's router, lograge's KeyValue and L2met.
//! <https://brandur.org/logfmt>
//!
//! A line is taken when all of it is pairs, at least two; or when it begins with a time, level or message,
//! and then stray words are passed over. Prose with a `=` in it is neither.

use super::keyed::Keyed;
use super::scan;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "logfmt",
    number: 163,
    begins: |byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'@'),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (key, value, _) = scan::pair(text).filter(|(key, ..)| is_key(key))?;
    let by_intent = Keyed::is_head(key, &value);
    let (line, _) = scan::first_line(text);
    let mut keyed = Keyed::default();
    let mut rest = line;
    let mut open_message = None;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            break;
        }
        match scan::pair(rest).filter(|(key, ..)| is_key(key)) {
            Some((key, value, behind)) => {
                let bare = &rest[key.len() + 1..];
                let is_bare = bare.starts_with(&*value);
                keyed.take(key, value, reading);
                open_message = (is_bare && keyed.is_message(key)).then_some(bare);
                rest = behind;
            }
            None if by_intent => {
                rest = behind_word(rest);
                if let Some(message) = open_message {
                    keyed.extend_message(message, message.len() - rest.len());
                }
            }
            None => return None,
        }
    }
    let is_logfmt = by_intent || keyed.count >= 2;
    keyed.finish(text, reading);
    is_logfmt.then_some(())
}

/// Names, paths of names, and L2met's `measure#page.duration`.
fn is_key(key: &str) -> bool {
    let begins = key.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'@'));
    begins
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'@' | b'/' | b'#' | b':'))
}

fn behind_word(text: &str) -> &str {
    text.find([' ', '\t']).map_or("", |end| &text[end..])
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            r#"time=2026-11-23T06:30:37.696Z level=INFO msg="user \"u1\" logged in" user_id=u1"#,
            &[
                ("time", "2026-11-23T06:30:37.696Z"),
                ("level", "INFO"),
                ("message", "user \"u1\" logged in"),
                ("user_id", "u1"),
            ],
        );
        check(
            &LAYOUT,
            "logger=settings t=2025-04-24T19:51:48.520963849Z level=info msg=\"Starting Grafana\" version=11.5.2\n",
            &[
                ("time", "2025-04-24T19:51:48.520963849Z"),
                ("level", "INFO"),
                ("message", "Starting Grafana"),
                ("logger", "settings"),
                ("version", "11.5.2"),
            ],
        );
        check(
            &LAYOUT,
            "ts=2026-11-23T06:45:53Z level=error target=lg span_path=sp>work message=failed event=login a= b=-",
            &[
                ("time", "2026-11-23T06:45:53Z"),
                ("level", "ERROR"),
                ("message", "failed"),
                ("target", "lg"),
                ("span_path", "sp>work"),
                ("event", "login"),
            ],
        );
    }

    #[test]
    fn lograge() {
        check(
            &LAYOUT,
            "method=GET path=/users/1 status=200 error='it failed' measure#page.view=40.43 location=",
            &[
                ("message", "GET /users/1 200"),
                ("method", "GET"),
                ("path", "/users/1"),
                ("status", "200"),
                ("error", "it failed"),
                ("measure#page.view", "40.43"),
            ],
        );
    }

    #[test]
    fn a_message_without_quotes() {
        check(
            &LAYOUT,
            "level=warn msg=user  logged in: user=u1 again",
            &[("level", "WARN"), ("message", "user  logged in:"), ("user", "u1")],
        );
    }

    #[test]
    fn a_message_of_its_own_and_none() {
        check(&LAYOUT, "event=a msg=b", &[("message", "b"), ("event", "a")]);
        check(&LAYOUT, "a=1 b=2", &[("message", "a=1 b=2"), ("a", "1"), ("b", "2")]);
        check(&LAYOUT, "level=40 a=1", &[("level", "WARN"), ("message", "level=40 a=1"), ("a", "1")]);
    }

    #[test]
    fn what_is_prose() {
        for text in [
            "x=5 is wrong",
            "a=1",
            "time=5 seconds went by",
            "set a=1 b=2",
            "level=unknown thing",
            "PATH=/bin:/usr/bin is set",
            "a==b c=d x",
            "let x=1 y=2",
        ] {
            refuse(&LAYOUT, text);
        }
    }
}
