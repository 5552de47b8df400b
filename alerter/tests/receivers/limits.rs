//! Sizes: digests of ten thousand groups, pages and storms of whatever length, with the longest and the worst of texts.

use super::mail::{part, parts, tags};
use super::{KINDS, http, inputs, mail_bytes, sent};
use logweir_alerter::config::{ReceiverKind, Severity};
use logweir_alerter::notification::{Digest, Entry, Message, Notification, Page, Storm};
use logweir_alerter::receiver::{HTTP_BYTES_MAX, MAIL_BYTES_MAX};
use serde_json::Value;

const GROUPS: usize = 10_000;
/// More than any receiver shows of a text.
const TEXT_CHARS: usize = 3_000;
/// What is kept of a group's texts and names; in bytes, here characters.
const GROUP_TEXT_CHARS: usize = 500;
const GROUP_NAME_CHARS: usize = 120;
/// Longer than what is kept of any text, and as long as possible in each encoding.
const WORST: [&str; 5] = ["a", "&\"<>'", "🦀", "\u{202e}", "\\\""];

fn input(name: &str) -> Notification {
    inputs().into_iter().find(|(known, _)| known == name).expect("such an input").1
}

fn long(piece: &str, chars: usize) -> String {
    piece.repeat(chars / piece.chars().count())
}

fn digest(piece: &str) -> Notification {
    let mut notification = input("digest");
    let Message::Digest(digest) = &mut notification.message else { panic!("no digest") };
    let Digest { sections, .. } = &mut **digest;
    let count = GROUPS / sections.len();
    for section in sections {
        let entry = longest(&section.entries[0], piece);
        let numbered = |number: usize| Entry {
            trend: (0..168).map(|at| (at * number) as u64 % 97).collect(),
            ..entry.clone()
        };
        section.entries = (0..count).map(numbered).collect();
    }
    notification
}

fn longest(entry: &Entry, piece: &str) -> Entry {
    let text = long(piece, GROUP_TEXT_CHARS);
    let names = vec![long(piece, GROUP_NAME_CHARS); 5];
    Entry {
        group: text.clone(),
        kind: text.clone(),
        message: text.clone(),
        culprit: Some(text.clone()),
        services: names.clone(),
        versions: names.clone(),
        hosts: names,
        count: u64::MAX,
        users: u64::MAX,
        trace: Some(text.clone()),
        deploy: Some(text.clone()),
        link: format!("https://logweir.example/{}", &"a".repeat(1_900)),
        ..entry.clone()
    }
}

fn page(text: &str) -> Notification {
    let mut notification = input("page_firing");
    let Message::Page(page) = &mut notification.message else { panic!("no page") };
    let numbered = |number: usize| (format!("n{number}{text}"), text.to_owned());
    let Page { labels, annotations, evidence, .. } = &mut **page;
    labels.extend((0..1_000).map(numbered));
    annotations.extend((0..1_000).map(numbered));
    evidence.traces = vec![(text.into(), text.into()); 1_000];
    evidence.patterns = vec![(text.into(), 1, 2); 1_000];
    evidence.hosts = vec![text.into(); 1_000];
    evidence.links = vec![(text.into(), format!("https://logweir.example/{}", "a".repeat(1_900))); 1_000];
    evidence.why = text.into();
    (page.summary, page.rule, page.episode) = (text.into(), text.into(), text.into());
    notification
}

fn storm(text: &str) -> Notification {
    let mut notification = input("storm");
    let rules = vec![(text.to_owned(), 7, Severity::Error); 1_000];
    let examples = vec![(Severity::Error, text.to_owned()); 1_000];
    notification.message =
        Message::Storm(Storm { firing: u64::MAX, resolved: u64::MAX, rules, examples, link: text.into() });
    notification
}

#[test]
fn nothing_is_larger_than_its_receiver_takes() {
    for piece in WORST {
        let text = long(piece, TEXT_CHARS);
        for (name, notification) in
            [("digest", digest(piece)), ("page", page(&text)), ("storm", storm(&text))]
        {
            for (kind, kind_name) in KINDS {
                let is_mail = kind == ReceiverKind::Email;
                if kind == ReceiverKind::PagerDuty && name == "digest" {
                    continue;
                }
                let outgoing = sent(&notification, kind).expect("something to send");
                let bytes = if is_mail { mail_bytes(outgoing) } else { http(outgoing).2 };
                println!("{name} of {piece:?} for {kind_name}: {} bytes", bytes.len());
                assert!(bytes.len() < if is_mail { MAIL_BYTES_MAX } else { HTTP_BYTES_MAX });
                match kind {
                    ReceiverKind::Slack => check_slack(&bytes),
                    ReceiverKind::PagerDuty => check_pagerduty(&bytes),
                    _ => {}
                }
            }
        }
    }
}

fn check_slack(body: &[u8]) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let blocks = body["blocks"].as_array().expect("blocks");
    assert!(blocks.len() <= 50 && length(&body["text"]) <= 40_000);
    assert!(length(&blocks[0]["text"]["text"]) <= 150);
    for block in &blocks[1..] {
        assert!((1..=3_000).contains(&length(&block["text"]["text"])), "{block}");
    }
}

fn check_pagerduty(body: &[u8]) {
    let body: Value = serde_json::from_slice(body).expect("JSON");
    let summary = body["payload"]["summary"].as_str().expect("a summary");
    assert!((1..=1_024).contains(&summary.chars().count()));
    assert!((1..=255).contains(&body["dedup_key"].as_str().expect("a key").len()));
}

#[test]
fn what_a_digest_leaves_out_is_counted() {
    let notification = digest("IllegalStateException");
    let parts = parts(&mail_bytes(sent(&notification, ReceiverKind::Email).expect("a mail")));
    let html = part(&parts, "text/html").text();
    let shown = tags(&html).iter().filter(|tag| tag.starts_with("img ")).count();
    let Message::Digest(digest) = &notification.message else { panic!("no digest") };
    let sections = digest.sections.len();
    let each = shown / sections;
    assert!(each >= 2 && shown == each * sections, "{shown} entries");
    let left_out = digest.sections[0].entries.len() as u64 + digest.sections[0].more - each as u64;
    let thousands = format!("and {},{:03} more", left_out / 1_000, left_out % 1_000);
    for text in [html, part(&parts, "text/plain").text()] {
        assert!(text.contains(&thousands), "{thousands:?} in {text}");
    }
    let pictures = parts.iter().filter(|part| part.kind == "image/png").count();
    assert!((1..=shown).contains(&pictures), "{pictures} pictures");
}
