//! Hostile texts in every field: no header, no line, no element, no member more than a harmless twin has, and no control character.

use super::mail::{Part, parts, tags};
use super::{KINDS, http, inputs, mail_bytes, receiver, sent, sent_to};
use logweir_alerter::config::{Receiver, ReceiverKind};
use logweir_alerter::notification::{Message, Notification};
use logweir_alerter::receiver::RenderError;
use logweir_base::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Texts that mean something to serde, or to nobody if they change.
const KEPT: [&str; 14] = [
    "info",
    "warning",
    "error",
    "critical",
    "firing",
    "acknowledged",
    "resolved",
    "new",
    "regressed",
    "escalating",
    "ongoing",
    "quiet",
    "muted",
    "description",
];
/// Characters of a hostile text that go into a URL: longer ones are no links.
const URL_CHARS: usize = 100;
const SITE: &str = "https://logweir.example/";

/// Pieces that have fooled somebody.
const PIECES: [&str; 24] = [
    "\r\nBcc: victim@example.org\r\n\r\n",
    "\nX-Injected: 1",
    "\r",
    "\0",
    "<script>alert(1)</script>",
    "\"><img src=https://evil.example/x.png onerror=alert(1)>",
    "' onmouseover='x",
    "</div></body></html>",
    "{{ view.subject }}{% for a in range(9) %}",
    "\x1b[2J\x1b]0;owned\x07",
    "\u{202e}nimda\u{2066}",
    "\u{9b}31m\u{85}",
    "\u{2028}\u{2029}",
    "\\ud800\\udfff",
    "\u{fffd}\u{ffff}",
    " =?utf-8?q?=0d=0aBcc:_x@example.org?= ",
    "--=_alternative_0\r\n--=_related_0--\r\n",
    "<!channel> @channel <https://evil.example|click>",
    "`*_~",
    "\r\n.\r\nQUIT\r\n",
    "\",\"x\":\"",
    "&lt;b&gt;&amp;",
    "🦀é",
    "] [x](javascript:alert(1))",
];

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![3 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned), 1 => "\\PC{0,20}", 1 => any::<String>()];
    // It begins with a letter: a text of which nothing is left is left out, which is another shape.
    prop::collection::vec(piece, 1..12).prop_map(|pieces| format!("x{}", pieces.concat()))
}

/// A notification with a text in place of all of its texts, names of labels and annotations included.
fn poisoned(notification: &Notification, text: &str) -> Notification {
    let mut value = serde_json::to_value(notification).expect("plain data");
    poison(&mut value, text);
    serde_json::from_value(value).expect("the same shape")
}

fn poison(value: &mut Value, text: &str) {
    match value {
        Value::String(old) if KEPT.contains(&old.as_str()) || Timestamp::parse(old).is_some() => {}
        Value::String(old) if old.starts_with("https://") => {
            *old = format!("{SITE}{}", text.chars().take(URL_CHARS).collect::<String>());
        }
        Value::String(old) if old.is_empty() => {}
        Value::String(old) => *old = text.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, text)),
        Value::Object(members) => {
            members.values_mut().for_each(|member| poison(member, text));
            for name in ["labels", "annotations"] {
                if let Some(Value::Object(pairs)) = members.get_mut(name) {
                    rename(pairs, text);
                }
            }
        }
        _ => {}
    }
}

fn rename(pairs: &mut Map<String, Value>, text: &str) {
    let old = std::mem::take(pairs);
    for (number, (name, value)) in old.into_iter().enumerate() {
        let name = if KEPT.contains(&name.as_str()) { name } else { format!("n{number}{text}") };
        pairs.insert(name, value);
    }
}

fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{2028}' | '\u{2029}')
}

fn assert_harmless(text: &str, allowed: &str) {
    let found = text.chars().find(|&c| acts(c) && !allowed.contains(c));
    assert_eq!(found, None, "in {text:?}");
}

fn check_mail(hostile: &Notification, harmless: &Notification) {
    let bytes = mail_bytes(sent(hostile, ReceiverKind::Email).expect("a mail"));
    let twin = parts(&mail_bytes(sent(harmless, ReceiverKind::Email).expect("a mail")));
    let ends = bytes.windows(2).filter(|pair| *pair == b"\r\n").count();
    let breaks = |byte| bytes.iter().filter(|b| **b == byte).count();
    assert_eq!((breaks(b'\r'), breaks(b'\n')), (ends, ends), "a bare CR or LF");
    assert!(bytes.iter().all(|byte| (b' '..=b'~').contains(byte) || b"\r\n\t".contains(byte)));
    assert!(
        bytes.split(|byte| *byte == b'\n').all(|line| line.len() <= 998),
        "a line of more than 998 bytes"
    );
    let found = parts(&bytes);
    assert_eq!(found.len(), twin.len(), "parts");
    for (found, twin) in found.iter().zip(&twin) {
        assert_eq!((&found.names, &found.kind), (&twin.names, &twin.kind));
        found.headers.iter().for_each(|(_, value)| assert_harmless(value, ""));
        if found.kind.starts_with("text/") {
            let (text, twin) = (found.text(), twin.text());
            assert_harmless(&text, "\n");
            assert_eq!(text.lines().count(), twin.lines().count(), "lines of {text}");
        }
        if found.kind == "text/html" {
            assert_eq!(tags(&found.text()), tags(&twin.text()));
        }
    }
}

/// The same members and items; names of labels and annotations may differ, their number may not.
fn check_json(found: &Value, twin: &Value, allowed: &str) {
    match (found, twin) {
        (Value::Object(found), Value::Object(twin)) => {
            found.keys().for_each(|name| assert_harmless(name, ""));
            assert_eq!(found.len(), twin.len(), "{found:?}");
            found.values().zip(twin.values()).for_each(|(found, twin)| check_json(found, twin, allowed));
        }
        (Value::Array(found), Value::Array(twin)) => {
            assert_eq!(found.len(), twin.len());
            found.iter().zip(twin).for_each(|(found, twin)| check_json(found, twin, allowed));
        }
        (Value::String(found), Value::String(twin)) => {
            assert_harmless(found, allowed);
            let lines = |text: &str| text.matches('\n').count();
            assert!(lines(found) <= lines(twin), "{found}\n---\n{twin}");
        }
        (found, twin) => assert_eq!(found, twin),
    }
}

/// Texts of Slack's markup: only our links stand in angle brackets, code spans are closed, and nobody is mentioned outside them.
fn check_slack(value: &Value) {
    match value {
        Value::String(text) => {
            let (mut rest, mut unlinked) = (text.as_str(), String::new());
            while let Some(at) = rest.find(['<', '>']) {
                assert!(rest[at..].starts_with(&format!("<{SITE}")), "{text}");
                unlinked.push_str(&rest[..at]);
                rest = &rest[at + rest[at..].find('>').expect("a link ends") + 1..];
            }
            unlinked.push_str(rest);
            assert!(unlinked.split('`').step_by(2).all(|outside| !outside.contains('@')), "{text}");
            assert!(text.lines().all(|line| line.matches('`').count() % 2 == 0), "{text}");
        }
        Value::Array(items) => items.iter().for_each(check_slack),
        Value::Object(members) if members.get("type") == Some(&Value::from("plain_text")) => {}
        Value::Object(members) => members.values().for_each(check_slack),
        _ => {}
    }
}

fn check(notification: &Notification, text: &str) {
    let (hostile, harmless) = (poisoned(notification, text), poisoned(notification, "x"));
    check_mail(&hostile, &harmless);
    for (kind, _) in KINDS.into_iter().filter(|(kind, _)| *kind != ReceiverKind::Email) {
        let outgoing = match sent(&hostile, kind) {
            Err(RenderError::NotTaken) => continue,
            result => result.expect("a request"),
        };
        let (_, headers, body) = http(outgoing);
        let (_, twin_headers, twin_body) = http(sent(&harmless, kind).expect("a request"));
        let names = |headers: &[(String, String)]| headers.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(&headers), names(&twin_headers));
        headers
            .iter()
            .for_each(|(_, value)| assert!(value.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
        let parse = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON");
        let (body, twin) = (parse(&body), parse(&twin_body));
        let is_slack = kind == ReceiverKind::Slack;
        check_json(&body, &twin, if is_slack { "\n" } else { "" });
        if is_slack {
            check_slack(&body);
        }
    }
}

#[test]
fn each_piece_is_harmless_in_every_field() {
    for (_, notification) in inputs() {
        for piece in PIECES {
            check(&notification, &format!("x{piece}"));
        }
    }
}

#[test]
fn a_megabyte_is_harmless_in_every_field() {
    for (_, notification) in inputs() {
        check(&notification, &"x\r\n<b>\u{202e}&".repeat(100_000));
    }
}

/// The boundary is a function of the notification's id, so it can be known beforehand.
#[test]
fn a_text_that_is_a_boundary_ends_no_part() {
    let (_, mut notification) =
        inputs().into_iter().find(|(name, _)| name == "page_firing").expect("such an input");
    let Message::Page(page) = &mut notification.message else { panic!("no page") };
    // What is left is short and in ASCII, so nothing but its boundary asks for an encoding.
    (page.evidence, page.labels, page.annotations) = Default::default();
    let told = |summary: &str| {
        let mut notification = notification.clone();
        let Message::Page(page) = &mut notification.message else { panic!("no page") };
        page.summary = summary.to_owned();
        parts(&mail_bytes(sent(&notification, ReceiverKind::Email).expect("a mail")))
    };
    let kinds = |parts: &[Part]| parts.iter().map(|part| part.kind.clone()).collect::<Vec<_>>();
    let harmless = told("x");
    for part in harmless.iter().filter(|part| part.kind.starts_with("multipart/")) {
        let (_, boundary) = part.header("Content-Type").split_once("boundary=").expect("a boundary");
        let text = format!("--{}--", boundary.trim_matches('"'));
        let found = told(&text);
        assert_eq!(kinds(&found), kinds(&harmless));
        assert!(
            found.iter().any(|part| part.kind == "text/plain" && part.text().lines().any(|it| it == text))
        );
    }
}

/// Who configures is trusted, but may paste anything.
#[test]
fn a_receiver_with_a_hostile_name_adds_no_header() {
    for (_, notification) in inputs() {
        let names = |receiver: &Receiver| {
            let bytes = sent_to(&notification, receiver).ok().map(mail_bytes)?;
            Some(parts(&bytes)[0].names.clone())
        };
        let plain = receiver(ReceiverKind::Email);
        let expected = names(&plain).expect("a mail");
        for piece in PIECES {
            let named = Receiver { name: format!("x{piece}"), ..plain.clone() };
            assert_eq!(names(&named).as_ref(), Some(&expected), "{piece:?}");
            let from = Receiver { from: Some(format!("x{piece} <a@example.org>")), ..plain.clone() };
            let to = Receiver {
                to: vec![format!("\"{piece}\" <a@example.org>"), piece.to_owned()],
                ..plain.clone()
            };
            for receiver in [from, to] {
                assert!(names(&receiver).is_none_or(|names| names == expected), "{piece:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn hostile_texts_add_nothing(text in hostile_text()) {
        for (_, notification) in inputs() {
            check(&notification, &text);
        }
    }
}
