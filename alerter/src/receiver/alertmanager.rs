//! A Prometheus Alertmanager, API v2: `POST /api/v2/alerts` takes a list of alerts.
//!
//! ```text
//! [{labels: {alertname, severity, ...}, annotations: {summary, description, trace_ids, deploy, ...},
//!   startsAt, endsAt, generatorURL}]
//! ```
//! An alert without `endsAt` would be resolved after Alertmanager's `resolve_timeout` (5 minutes) unless it is sent again all
//! the time, as Prometheus does. We send what changes, so what fires ends in [`FIRES_FOR`] and is told to end before that. Digests
//! and storms are news: they end by themselves, after [`NEWS_FOR`].
//!
//! Limits: [`PAIRS_MAX`] labels and annotations each, of [`LABEL_CHARS`] and [`ANNOTATION_CHARS`].

use super::text::{hash, line, link, quantity, visible};
use super::{Means, Outgoing, RenderError, json, post, url, view};
use crate::config::{Receiver, Severity};
use crate::notification::{Message, Notification, Page, Status};
use logweir_base::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer than any alert goes without being told of again.
const FIRES_FOR: Duration = Duration::from_secs(7 * 86_400);
/// Long enough to be grouped and sent on.
const NEWS_FOR: Duration = Duration::from_secs(3_600);
const PATH: &str = "/api/v2/alerts";
pub(super) const PAIRS_MAX: usize = 32;
pub(super) const LABEL_CHARS: usize = 300;
pub(super) const ANNOTATION_CHARS: usize = 1_000;
/// Traces in an annotation.
const TRACES_MAX: usize = 5;

/// Names and texts.
pub(super) type Pairs = BTreeMap<String, String>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: Pairs,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
}

pub(super) fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    let base = url(receiver, means)?;
    let base = base.trim_end_matches('/');
    let url = if base.ends_with(PATH) { base.to_owned() } else { format!("{base}{PATH}") };
    let alert = match &notification.message {
        Message::Page(page) => of_page(page, notification.at),
        Message::Storm(storm) => {
            let worst = storm.rules.iter().map(|(_, _, severity)| *severity).max().unwrap_or(Severity::Info);
            news("logweir_storm", worst, &view::storm_subject(storm), &storm.link, notification.at)
        }
        Message::Digest(digest) => {
            let mut alert = news(
                "logweir_digest",
                Severity::Info,
                &view::digest_subject(digest),
                &digest.link,
                notification.at,
            );
            alert.labels.insert("digest".into(), visible(&digest.name, LABEL_CHARS));
            alert
        }
    };
    post(url, Vec::new(), json(&[alert]))
}

fn of_page(page: &Page, at: Timestamp) -> Alert {
    let ends = match page.status {
        // Alertmanager refuses an alert that ends before it starts.
        Status::Resolved => page.ended.unwrap_or(at).max(page.since),
        Status::Firing | Status::Acknowledged => at.plus(FIRES_FOR),
    };
    Alert {
        labels: labels(page),
        annotations: annotations(page),
        starts_at: page.since.to_string(),
        ends_at: ends.to_string(),
        generator_url: first_link(page),
    }
}

fn news(name: &str, severity: Severity, summary: &str, url: &str, at: Timestamp) -> Alert {
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    Alert {
        labels: Pairs::from([pair("alertname", name), pair("severity", severity.name())]),
        annotations: Pairs::from([pair("summary", summary)]),
        starts_at: at.to_string(),
        ends_at: at.plus(NEWS_FOR).to_string(),
        generator_url: link(url).unwrap_or_default(),
    }
}

/// The link where it came from; empty when there is none.
pub(super) fn first_link(page: &Page) -> String {
    view::links(page, 1).pop().map_or_else(String::new, |link| link.url)
}

/// What names the alert; always with `alertname` and `severity`.
pub(super) fn labels(page: &Page) -> Pairs {
    let mut labels = pairs(&page.labels, |text| visible(text, LABEL_CHARS));
    labels.insert("alertname".into(), visible(&page.rule, LABEL_CHARS));
    labels.insert("severity".into(), page.severity.name().into());
    labels
}

/// What names an alert from firing to being over, and when it fires again: rule and labels. Neither a trace nor the severity is in
/// it, which may differ from one time to the next.
pub(super) fn key(page: &Page) -> String {
    let varies = |name: &str| name == "severity" || name.contains("trace");
    let labels = page.labels.iter().filter(|(name, _)| !varies(name));
    hash(std::iter::once(page.rule.as_str()).chain(labels.flat_map(|(name, text)| [name.as_str(), text])))
}

/// What explains the alert: the rule's texts, and the evidence in short.
pub(super) fn annotations(page: &Page) -> Pairs {
    let evidence = &page.evidence;
    let mut annotations = pairs(&page.annotations, |text| line(text, ANNOTATION_CHARS));
    let traces: Vec<_> = evidence.traces.iter().take(TRACES_MAX).map(|(_, id)| visible(id, 60)).collect();
    let acknowledged = (page.status == Status::Acknowledged).then(|| "true".to_owned());
    let ours = [
        ("summary", Some(view::summary(page, ANNOTATION_CHARS))),
        ("why", Some(line(&evidence.why, ANNOTATION_CHARS))),
        ("value", evidence.value.map(quantity)),
        ("trace_ids", Some(traces.join(","))),
        ("deploy", view::deploy(page)),
        ("acknowledged", acknowledged),
    ];
    for (name, text) in ours {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            annotations.insert(name.to_owned(), text);
        }
    }
    annotations
}

/// Pairs with names that Prometheus takes, `[a-zA-Z_][a-zA-Z0-9_]*`; those without a text are none.
fn pairs(map: &BTreeMap<String, String>, clean: impl Fn(&str) -> String) -> Pairs {
    let full = map.iter().filter(|(_, text)| !text.is_empty()).take(PAIRS_MAX);
    full.map(|(name, text)| (label_name(name), clean(text))).collect()
}

pub(super) fn label_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = name.chars().take(LABEL_CHARS).map(|c| if fits(c) { c } else { '_' }).collect();
    let is_free = name.starts_with(|c: char| !c.is_ascii_digit());
    if is_free { name } else { format!("_{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_those_of_prometheus() {
        let check = |name: &str, expected: &str| assert_eq!(label_name(name), expected);
        check("service", "service");
        check("service.name", "service_name");
        check("5xx", "_5xx");
        check("", "_");
        check("a\r\nü", "a___");
    }
}
