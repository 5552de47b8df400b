//! Monolog's line formatter (PHP), Laravel and Symfony with it.
//!
//! `[2026-11-23T06:45:57.034552+00:00] app.INFO: user logged in {"user_id":"u1"} []`: channel, level,
//! message, context and extra. Both objects go to fields and leave the message; an empty `[]` leaves it
//! too.
//!
//! Limit: Laravel writes exceptions into the context over many lines, and then it is no JSON. Such a
//! context stays in the message, where exceptions are looked for.

use super::cursor::Cursor;
use super::glance::{behind_time, is_set_off};
use super::json_tail;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "monolog", number: 115, begins: |byte| byte == b'[', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let rest = text.strip_prefix('[').and_then(behind_time).and_then(|rest| rest.strip_prefix(b"] "));
    rest.is_some_and(is_set_off) && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    cursor.skip("[")?;
    reading.time = Some(cursor.time()?);
    cursor.skip("] ")?;
    let (channel, level) = cursor.word()?.strip_suffix(':')?.rsplit_once('.')?;
    reading.level_named(level).then_some(())?;
    let _ = cursor.skip(" ");
    reading.field("log.logger", channel);
    reading.message = message(cursor.rest().trim_ascii_end(), reading).into();
    Some(())
}

/// The message of what is behind the level; the objects behind it are taken.
fn message<'a>(text: &'a str, reading: &mut Reading<'a>) -> &'a str {
    const EMPTY: &str = " []";
    let Some(tail) = json_tail::split(text) else {
        let text = text.strip_suffix(EMPTY).unwrap_or(text);
        return text.strip_suffix(EMPTY).unwrap_or(text);
    };
    let (message, paths) = match tail.message.strip_suffix(EMPTY) {
        Some(message) => (message, ["extra", "extra"]),
        None => (tail.message, ["context", "extra"]),
    };
    let objects = paths.into_iter().zip(tail.objects);
    reading.objects.extend(objects.filter_map(|(path, object)| Some((path, object?))));
    message
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        let check = |behind: &str, message: &str, objects: &[(&str, &str)]| {
            let mut expected = vec![
                ("time", "2026-11-23T06:45:57.034552Z"),
                ("level", "INFO"),
                ("message", message),
                ("log.logger", "app"),
            ];
            expected.extend(objects);
            check(&LAYOUT, &format!("[2026-11-23T06:45:57.034552+00:00] app.INFO: {behind}"), &expected);
        };
        let context = ("{context}", r#"{"user_id":"u1"}"#);
        let extra = ("{extra}", r#"{"ip":"203.0.113.7"}"#);
        check(r#"user logged in {"user_id":"u1"} []"#, "user logged in", &[context]);
        check(r#"user logged in {"user_id":"u1"} {"ip":"203.0.113.7"}"#, "user logged in", &[context, extra]);
        check(r#"user logged in [] {"ip":"203.0.113.7"}"#, "user logged in", &[extra]);
        check(r#"user logged in {"user_id":"u1"} "#, "user logged in", &[context]);
        check("user logged in [] []", "user logged in", &[]);
        check("user logged in  ", "user logged in", &[]);
    }

    #[test]
    fn a_context_of_many_lines_is_message() {
        check(
            &LAYOUT,
            "[2025-01-02 11:19:06] laravel.EMERGENCY: No. {\"exception\":\"[object] (Error(code: 0): Call\n\
             [stacktrace]\n#0 /var/www\n\"} \n",
            &[
                ("time", "2025-01-02T11:19:06Z"),
                ("level", "FATAL"),
                (
                    "message",
                    "No. {\"exception\":\"[object] (Error(code: 0): Call\n[stacktrace]\n#0 /var/www\n\"}",
                ),
                ("log.logger", "laravel"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "[2026-11-23T06:45:49.489] [INFO] app - user logged in");
        refuse(&LAYOUT, "[2026-11-23 06:45:52,007] INFO in app: user logged in");
        refuse(&LAYOUT, "[2026-11-23T06:45:53Z INFO  lg::web] user logged in");
        refuse(&LAYOUT, "[2026-11-23 06:45:52] app.started: text");
    }
}
