//! What a receiver's configuration must say, and what stands in for what it does not.

use super::{SECRET, TEMPLATES, inputs, receiver};
use logweir_alerter::config::{Receiver, ReceiverKind};
use logweir_alerter::receiver::{Means, Outgoing, RenderError, Secret, Secrets, render};
use logweir_base::time::Timestamp;

fn sent(receiver: &Receiver, secrets: &Secrets) -> Result<Outgoing, RenderError> {
    let means = Means {
        secrets,
        templates: &TEMPLATES,
        host: "logs.example.org",
        url: None,
        now: Timestamp::from_seconds(1_795_478_405),
    };
    let (_, notification) =
        inputs().into_iter().find(|(name, _)| name == "page_firing").expect("such an input");
    render(&notification, receiver, means)
}

#[test]
fn what_is_missing_is_named() {
    let check = |change: fn(&mut Receiver), kind, secret: Option<&str>, expected: &str| {
        let mut receiver = receiver(kind);
        change(&mut receiver);
        let secrets = Secrets { url: None, secret: secret.map(Secret::new) };
        let error = sent(&receiver, &secrets).expect_err("a fault");
        assert_eq!(error, RenderError::Setting(expected.to_owned()));
        assert_eq!(error.to_string(), expected);
    };
    use ReceiverKind::*;
    check(|_| {}, PagerDuty, None, "receiver ops: secret_file is missing");
    check(|it| it.url = None, Slack, None, "receiver ops: url is missing");
    check(|it| it.url = None, Webhook, None, "receiver ops: url is missing");
    check(|it| it.url = None, Alertmanager, None, "receiver ops: url is missing");
    check(|_| {}, Webhook, Some("whsec_?"), "the signing secret is empty, or no base64 after whsec_");
    check(|it| it.to.clear(), Email, None, "receiver ops: to is empty");
    check(|it| it.to = vec!["nobody".into()], Email, None, "receiver ops: address \"nobody\": Invalid input");
}

#[test]
fn a_url_of_a_file_comes_first_and_pagerduty_has_one() {
    let url = |kind, change: fn(&mut Receiver), secret: Option<&str>| {
        let mut receiver = receiver(kind);
        change(&mut receiver);
        let secrets = Secrets { url: secret.map(Secret::new), secret: Some(Secret::new(SECRET)) };
        match sent(&receiver, &secrets).expect("a request") {
            Outgoing::Http { url, .. } => url,
            Outgoing::Mail { from, .. } => from,
        }
    };
    let hidden = Some("https://hooks.example/T1/B2\n");
    assert_eq!(url(ReceiverKind::Slack, |_| {}, hidden), "https://hooks.example/T1/B2");
    assert_eq!(
        url(ReceiverKind::PagerDuty, |it| it.url = None, None),
        "https://events.pagerduty.com/v2/enqueue"
    );
    let whole = |it: &mut Receiver| it.url = Some("https://am.example/api/v2/alerts".into());
    assert_eq!(url(ReceiverKind::Alertmanager, whole, None), "https://am.example/api/v2/alerts");
    assert_eq!(url(ReceiverKind::Email, |it| it.from = None, None), "logweir@logs.example.org");
}
