//! Our shapes beside those that Alertmanager 0.25 itself sent (`captures` of the shared material, where it is there), and what
//! receivers rely on: keys, threads, ends.

use super::mail::parts;
use super::{URL, http, inputs, mail_bytes, sent};
use logweir_alerter::config::ReceiverKind;
use logweir_alerter::notification::{Message, Notification, Page, Status};
use logweir_alerter::receiver::{RenderError, takes};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

fn captured(name: &str) -> Option<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/captures").join(name);
    match std::fs::read(&path) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).expect("JSON")),
        Err(e) => {
            println!("skipped: {}: {e}", path.display());
            None
        }
    }
}

fn input(name: &str) -> Notification {
    inputs().into_iter().find(|(known, _)| known == name).expect("such an input").1
}

fn body(notification: &Notification, kind: ReceiverKind) -> Value {
    let (_, _, body) = http(sent(notification, kind).expect("a request"));
    serde_json::from_slice(&body).expect("JSON")
}

fn page(notification: &mut Notification) -> &mut Page {
    match &mut notification.message {
        Message::Page(page) => page,
        _ => panic!("no page"),
    }
}

/// Whatever `theirs` has, `ours` has with the same type; what stands in labels, annotations and details is the rule's.
fn assert_covers(ours: &Value, theirs: &Value, at: &str) {
    const FREE: [&str; 6] =
        ["labels", "groupLabels", "commonLabels", "annotations", "commonAnnotations", "custom_details"];
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, theirs) in theirs {
                let ours = ours.get(name).unwrap_or_else(|| panic!("{at}.{name} is missing"));
                match FREE.contains(&name.as_str()) {
                    true => assert!(ours.is_object() && theirs.is_object(), "{at}.{name}"),
                    false => assert_covers(ours, theirs, &format!("{at}.{name}")),
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_covers(&ours[0], &theirs[0], &format!("{at}[0]"))
        }
        (Value::String(_), Value::String(_)) | (Value::Number(_), Value::Number(_)) => {}
        _ => panic!("{at}: {ours} and {theirs}"),
    }
}

#[test]
fn we_send_all_that_alertmanager_sends() {
    let firing = input("page_firing");
    for (kind, names) in [
        (ReceiverKind::Webhook, ["055_http_hook_alertmanager.bin", "067_http_hook_alertmanager.bin"]),
        (ReceiverKind::PagerDuty, ["056_http_v2_enqueue.bin", "068_http_v2_enqueue.bin"]),
    ] {
        for theirs in names.into_iter().filter_map(captured) {
            assert_covers(&body(&firing, kind), &theirs, "");
        }
    }
}

#[test]
fn an_incident_is_named_by_rule_and_labels() {
    let key = |notification: &Notification| body(notification, ReceiverKind::PagerDuty)["dedup_key"].clone();
    let firing = input("page_firing");
    assert_eq!(key(&firing), key(&input("page_acknowledged")));
    assert_eq!(key(&firing), key(&input("page_resolved")));
    let mut other = firing.clone();
    page(&mut other).evidence.traces = vec![("worst".into(), "other".into())];
    page(&mut other).labels.insert("trace_id".into(), "other".into());
    page(&mut other).labels.insert("severity".into(), "info".into());
    other.id = "other".into();
    assert_eq!(key(&firing), key(&other));
    page(&mut other).labels.insert("service".into(), "other".into());
    assert_ne!(key(&firing), key(&other));
    let actions = ["page_firing", "page_acknowledged", "page_resolved"]
        .map(|name| body(&input(name), ReceiverKind::PagerDuty)["event_action"].clone());
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    let details =
        body(&firing, ReceiverKind::PagerDuty)["payload"]["custom_details"]["trace_ids"].to_string();
    assert!(details.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{details}");
}

#[test]
fn alertmanager_is_told_when_an_alert_ends() {
    let ends = |name: &str| body(&input(name), ReceiverKind::Alertmanager)[0]["endsAt"].clone();
    assert_eq!(ends("page_resolved"), "2026-11-24T09:40:00Z");
    assert_eq!(ends("page_firing"), "2026-12-01T09:20:05Z");
    let mut odd = input("page_resolved");
    page(&mut odd).ended = Some(page(&mut odd).since.minus(Duration::from_secs(60)));
    let alert = body(&odd, ReceiverKind::Alertmanager)[0].clone();
    assert_eq!(alert["endsAt"], alert["startsAt"]);
    let (url, _, _) = http(sent(&input("page_firing"), ReceiverKind::Alertmanager).expect("a request"));
    assert_eq!(url, format!("{URL}api/v2/alerts"));
}

#[test]
fn mails_of_an_episode_answer_the_same() {
    let header = |name: &str, header: &str| {
        let bytes = mail_bytes(sent(&input(name), ReceiverKind::Email).expect("a mail"));
        parts(&bytes)[0].header(header).to_owned()
    };
    let root = header("page_firing", "In-Reply-To");
    assert!(root.starts_with("<episode.") && root.ends_with("@logs.example.org>"), "{root}");
    assert_eq!(header("page_resolved", "In-Reply-To"), root);
    assert_eq!(header("page_resolved", "References"), root);
    assert_ne!(header("page_resolved", "Message-ID"), header("page_firing", "Message-ID"));
    assert_eq!(header("digest", "References"), header("digest_quiet", "References"));
    assert_eq!(header("digest", "Auto-Submitted"), "auto-generated");
    let check = |name: &str, expected: &str| assert_eq!(header(name, "Subject"), expected);
    check("digest", "[logweir] 2 new, 1 regressed, 1 gone quiet, 13 ongoing: daily (late)");
    check("digest_quiet", "[logweir] all quiet, 7 ongoing: daily");
    check("page_firing", "[logweir] CRITICAL slow_checkout: p99 of checkout is 3.2 s, usual is 0.2 to 0.6");
    check(
        "page_resolved",
        "[logweir] resolved: slow_checkout: p99 of checkout is 3.2 s, usual is 0.2 to 0.6",
    );
    check("storm", "[logweir] 57 alerts firing, 3 resolved: slow_checkout (40), disk_full (17)");
    assert_eq!(header("page_firing", "Date"), "Tue, 24 Nov 2026 09:20:05 +0000");
}

#[test]
fn pagerduty_takes_no_digest() {
    let digest = input("digest");
    assert!(!takes(ReceiverKind::PagerDuty, &digest.message) && takes(ReceiverKind::Slack, &digest.message));
    assert!(takes(ReceiverKind::PagerDuty, &input("storm").message));
    assert_eq!(sent(&digest, ReceiverKind::PagerDuty), Err(RenderError::NotTaken));
}

#[test]
fn secrets_are_not_printed() {
    for (kind, _) in super::KINDS {
        let shown = format!("{:?}", sent(&input("page_firing"), kind).expect("something to send"));
        assert!(!shown.contains(super::SECRET) && !shown.contains(URL), "{shown}");
    }
    assert_eq!(format!("{:?}", logweir_alerter::receiver::Secret::new("a")), "***");
}

#[test]
fn what_is_acknowledged_still_fires() {
    let acknowledged = input("page_acknowledged");
    let Message::Page(page) = &acknowledged.message else { panic!("no page") };
    assert_eq!(page.status, Status::Acknowledged);
    let body = body(&acknowledged, ReceiverKind::Webhook);
    assert_eq!(
        (&body["status"], &body["alerts"][0]["endsAt"]),
        (&"firing".into(), &"0001-01-01T00:00:00Z".into())
    );
    assert_eq!(body["commonAnnotations"]["acknowledged"], "true");
}
