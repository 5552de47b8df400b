//! What receivers are sent: golden files, sizes, hostile texts, and the shapes that Alertmanager itself sends.

#![allow(clippy::print_stdout)] // what is skipped, and how large things are, must be seen

mod golden;
mod hostile;
mod limits;
mod mail;
mod settings;
mod shapes;

use logweir_alerter::config::{Receiver, ReceiverKind};
use logweir_alerter::notification::Notification;
use logweir_alerter::receiver::{Means, Outgoing, RenderError, Secret, Secrets, Templates, render};
use logweir_base::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

const KINDS: [(ReceiverKind, &str); 5] = [
    (ReceiverKind::Email, "email"),
    (ReceiverKind::PagerDuty, "pagerduty"),
    (ReceiverKind::Alertmanager, "alertmanager"),
    (ReceiverKind::Webhook, "webhook"),
    (ReceiverKind::Slack, "slack"),
];
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const URL: &str = "https://receiver.example/hook/";

static TEMPLATES: LazyLock<Templates> =
    LazyLock::new(|| Templates::load(None).expect("the defaults are sound"));

fn receiver(kind: ReceiverKind) -> Receiver {
    Receiver {
        name: "ops".into(),
        kind,
        url: Some(URL.into()),
        url_file: None,
        to: vec!["Ops <ops@example.org>".into(), "ann@example.org".into()],
        from: Some("logweir@logs.example.org".into()),
        user: None,
        secret_file: None,
        plaintext: false,
        digest_only: false,
        rate_max: None,
    }
}

/// What a receiver of a kind is sent.
fn sent(notification: &Notification, kind: ReceiverKind) -> Result<Outgoing, RenderError> {
    sent_to(notification, &receiver(kind))
}

fn sent_to(notification: &Notification, receiver: &Receiver) -> Result<Outgoing, RenderError> {
    let secrets = Secrets { url: None, secret: Some(Secret::new(SECRET)) };
    let means = Means {
        secrets: &secrets,
        templates: &TEMPLATES,
        host: "logs.example.org",
        url: Some("https://logweir.example"),
        now: Timestamp::from_seconds(1_795_478_405),
    };
    render(notification, receiver, means)
}

/// URL, headers and body.
fn http(outgoing: Outgoing) -> (String, Vec<(String, String)>, Vec<u8>) {
    match outgoing {
        Outgoing::Http { url, headers, body } => (url, headers, body),
        Outgoing::Mail { .. } => panic!("a mail"),
    }
}

fn mail_bytes(outgoing: Outgoing) -> Vec<u8> {
    match outgoing {
        Outgoing::Mail { bytes, .. } => bytes,
        Outgoing::Http { .. } => panic!("no mail"),
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/receivers")
}

/// The notifications of the fixtures, by name.
fn inputs() -> Vec<(String, Notification)> {
    let entries = std::fs::read_dir(fixtures().join("input")).expect("the fixtures are there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a readable file");
        let notification = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        (path.file_stem().expect("a file").to_string_lossy().into_owned(), notification)
    };
    paths.into_iter().map(read).collect()
}
