//! PagerDuty, Events API v2: trigger, acknowledge, resolve.
//!
//! ```text
//! {routing_key, event_action, dedup_key, client, client_url, links: [{href, text}],
//!  payload: {summary, source, severity, timestamp, component, group, class, custom_details}}
//! ```
//! The dedup key names rule and labels, so the episode's messages meet in one incident; traces stand in the details, where they do
//! not make an incident of each request. Acknowledge and resolve take no payload. A storm is an incident of its own for each
//! receiver, which a storm without firing alerts resolves.
//!
//! Limits: a summary of [`SUMMARY_CHARS_MAX`], lists of [`ITEMS_MAX`]; with these an event stays far below 512,000 bytes.

use super::alertmanager::{self, Pairs};
use super::text::{hash, line, link, visible};
use super::view::{self, LinkView, PageView, StormView};
use super::{Means, Outgoing, RenderError, Secret, json, post};
use crate::config::{Receiver, Severity};
use crate::notification::{Message, Notification, Page, Status, Storm};
use serde::Serialize;
use serde_json::{Value, json};

const URL: &str = "https://events.pagerduty.com/v2/enqueue";
/// PagerDuty's limit.
const SUMMARY_CHARS_MAX: usize = 1_024;
const SOURCE_CHARS_MAX: usize = 200;
const ITEMS_MAX: usize = 20;
const CLIENT: &str = "logweir";

#[derive(Serialize)]
struct Event {
    routing_key: String,
    event_action: &'static str,
    dedup_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Payload>,
    client: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_url: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

#[derive(Serialize)]
struct Payload {
    summary: String,
    source: String,
    severity: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    component: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    class: String,
    custom_details: Value,
}

#[derive(Serialize)]
struct Link {
    href: String,
    text: String,
}

/// What is told: the action, what it belongs to, and what is shown.
type Told = (&'static str, String, Payload, Vec<Link>);

pub(super) fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    let missing = || RenderError::Setting(format!("receiver {}: secret_file is missing", receiver.name));
    let routing_key = means.secrets.secret.as_ref().map(Secret::expose).ok_or_else(missing)?;
    let (action, dedup_key, payload, links) = match &notification.message {
        Message::Page(page) => of_page(page),
        Message::Storm(storm) => of_storm(storm, receiver, notification),
        Message::Digest(_) => return Err(RenderError::NotTaken),
    };
    let is_trigger = action == "trigger";
    let event = Event {
        routing_key: routing_key.to_owned(),
        event_action: action,
        dedup_key,
        payload: is_trigger.then_some(payload),
        client: CLIENT,
        client_url: means.url.and_then(link),
        links: if is_trigger { links } else { Vec::new() },
    };
    let secret = means.secrets.url.as_ref().map(Secret::expose);
    let url = secret.or(receiver.url.as_deref()).unwrap_or(URL);
    post(url.to_owned(), Vec::new(), json(&event))
}

fn of_page(page: &Page) -> Told {
    let action = match page.status {
        Status::Firing => "trigger",
        Status::Acknowledged => "acknowledge",
        Status::Resolved => "resolve",
    };
    let label = |name: &str| {
        let text = page.labels.get(name).filter(|text| !text.is_empty());
        text.map(|text| visible(text, SOURCE_CHARS_MAX))
    };
    let host = label("host").or_else(|| page.evidence.hosts.first().map(|it| visible(it, SOURCE_CHARS_MAX)));
    let payload = Payload {
        summary: view::summary(page, SUMMARY_CHARS_MAX - 1),
        source: host.or_else(|| label("service")).unwrap_or_else(|| CLIENT.to_owned()),
        severity: severity(page.severity),
        timestamp: page.since.to_string(),
        component: label("service"),
        group: label("group").or_else(|| label("environment")),
        class: visible(&page.rule, SOURCE_CHARS_MAX),
        custom_details: details(page),
    };
    let link = |link: LinkView| Link { href: link.url, text: link.text };
    let links = view::links(page, ITEMS_MAX).into_iter().map(link).collect();
    (action, alertmanager::key(page), payload, links)
}

fn details(page: &Page) -> Value {
    let view = PageView::new(page, ITEMS_MAX);
    let facts: Pairs = view.facts.into_iter().map(|fact| (fact.name.replace(' ', "_"), fact.text)).collect();
    let traces = view.traces.iter().map(|fact| format!("{} ({})", fact.text, fact.name));
    let patterns = view.patterns.iter().map(|it| format!("{} -> {}: {}", it.before, it.now, it.text));
    json!({
        "labels": alertmanager::labels(page),
        "annotations": alertmanager::annotations(page),
        "evidence": facts,
        "trace_ids": traces.collect::<Vec<_>>(),
        "patterns": patterns.collect::<Vec<_>>(),
    })
}

fn of_storm(storm: &Storm, receiver: &Receiver, notification: &Notification) -> Told {
    let view = StormView::new(storm, ITEMS_MAX);
    let rules = view.rules.iter().map(|rule| format!("{}: {} ({})", rule.name, rule.count, rule.severity));
    let examples = view.examples.iter().map(|it| format!("{}: {}", it.name, it.text));
    let worst = storm.rules.iter().map(|(_, _, severity)| *severity).max().unwrap_or(Severity::Error);
    let payload = Payload {
        summary: line(&view.subject, SUMMARY_CHARS_MAX - 1),
        source: CLIENT.to_owned(),
        severity: severity(worst),
        timestamp: notification.at.to_string(),
        component: None,
        group: None,
        class: "storm".to_owned(),
        custom_details: json!({
            "firing": view.firing,
            "resolved": view.resolved,
            "rules": rules.collect::<Vec<_>>(),
            "examples": examples.collect::<Vec<_>>(),
        }),
    };
    let links = view.link.map(|href| Link { href, text: "All alerts".to_owned() });
    let action = if storm.firing > 0 { "trigger" } else { "resolve" };
    (action, hash(["storm", &receiver.name]), payload, links.into_iter().collect())
}

/// PagerDuty's names, which may part from ours one day.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
