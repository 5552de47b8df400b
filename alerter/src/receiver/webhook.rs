//! A URL that takes JSON in the shape of Alertmanager's webhooks, version 4, signed after Standard Webhooks.
//!
//! ```text
//! webhook-id         the notification's id: the same when it is sent again
//! webhook-timestamp  seconds since 1970 when it is sent
//! webhook-signature  v1, and base64 of HMAC-SHA256(secret, id.timestamp.body); absent without a secret
//! ```
//! A page is a message with one alert. A storm has an alert for each rule, a digest one for each group (`section`, `state` and
//! `group` are labels); `truncatedAlerts` counts those that are left out.
//!
//! Limits: [`ALERTS_MAX`] alerts.

use super::alertmanager::{self, ANNOTATION_CHARS, LABEL_CHARS, Pairs, label_name};
use super::text::{link, token, visible};
use super::view::{DigestView, EntryView, SectionView, StormView, digest_subject, is_quiet, storm_subject};
use super::{Means, Outgoing, RenderError, Secret, json, post, url};
use crate::config::Receiver;
use crate::notification::{Digest, Entry, Message, Notification, Page, Section, Status, Storm};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use logweir_base::time::Timestamp;
use serde::Serialize;
use sha2::Sha256;

/// Alerts of a message: so many of the greatest size are some 440 KB.
const ALERTS_MAX: usize = 60;
/// Alertmanager's way to say that it has not ended.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// What Standard Webhooks puts before a secret in base64.
const SECRET_PREFIX: &str = "whsec_";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    version: &'static str,
    group_key: String,
    truncated_alerts: u64,
    status: &'static str,
    receiver: String,
    group_labels: Pairs,
    common_labels: Pairs,
    common_annotations: Pairs,
    #[serde(rename = "externalURL")]
    external_url: String,
    #[serde(rename = "notification_reason")]
    notification_reason: &'static str,
    alerts: Vec<Alert>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    status: &'static str,
    labels: Pairs,
    annotations: Pairs,
    starts_at: String,
    ends_at: String,
    #[serde(rename = "generatorURL")]
    generator_url: String,
    fingerprint: String,
}

/// A message without what all have.
struct Told {
    firing: bool,
    group: Pairs,
    common: Pairs,
    annotations: Pairs,
    alerts: Vec<Alert>,
    left_out: u64,
}

pub(super) fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    let told = match &notification.message {
        Message::Page(page) => of_page(page, notification.at),
        Message::Storm(storm) => of_storm(storm, notification.at),
        Message::Digest(digest) => of_digest(digest),
    };
    let body = Body {
        version: "4",
        group_key: group_key(&told.group),
        truncated_alerts: told.left_out,
        status: status(told.firing),
        receiver: visible(&receiver.name, LABEL_CHARS),
        group_labels: told.group,
        common_labels: told.common,
        common_annotations: told.annotations,
        external_url: means.url.and_then(link).unwrap_or_default(),
        notification_reason: if told.firing { "new alerts in group" } else { "all alerts resolved" },
        alerts: told.alerts,
    };
    let body = json(&body);
    let headers = signed(&token(&notification.id), means.now, &body, means.secrets.secret.as_ref())?;
    post(url(receiver, means)?, headers, body)
}

fn of_page(page: &Page, at: Timestamp) -> Told {
    let firing = page.status != Status::Resolved;
    let (labels, annotations) = (alertmanager::labels(page), alertmanager::annotations(page));
    let ended = page.ended.unwrap_or(at).to_string();
    let alert = Alert {
        status: status(firing),
        fingerprint: fingerprint(&labels),
        labels: labels.clone(),
        annotations: annotations.clone(),
        starts_at: page.since.to_string(),
        ends_at: if firing { NEVER.to_owned() } else { ended },
        generator_url: alertmanager::first_link(page),
    };
    let group = labels.iter().filter(|(name, _)| *name == "alertname");
    let group = group.map(|(name, text)| (name.clone(), text.clone())).collect();
    Told { firing, group, common: labels, annotations, alerts: vec![alert], left_out: 0 }
}

fn of_storm(storm: &Storm, at: Timestamp) -> Told {
    let firing = storm.firing > 0;
    let view = StormView::new(storm, ALERTS_MAX);
    let alerts = view.rules.into_iter().map(|rule| {
        let labels = pairs([("alertname", &rule.name), ("severity", &rule.severity.to_owned())]);
        Alert {
            status: status(firing),
            fingerprint: fingerprint(&labels),
            labels,
            annotations: pairs([("summary", &format!("{} alerts", rule.count))]),
            starts_at: at.to_string(),
            ends_at: if firing { NEVER.to_owned() } else { at.to_string() },
            generator_url: view.link.clone().unwrap_or_default(),
        }
    });
    let alerts: Vec<_> = alerts.collect();
    let name = pairs([("alertname", &"logweir_storm".to_owned())]);
    Told {
        firing,
        group: name,
        common: Pairs::new(),
        annotations: pairs([("summary", &storm_subject(storm))]),
        left_out: storm.firing.saturating_add(storm.resolved).saturating_sub(alerts.len() as u64),
        alerts,
    }
}

fn of_digest(digest: &Digest) -> Told {
    let view = DigestView::new(digest, 0);
    let name = pairs([("alertname", &"logweir_digest".to_owned()), ("digest", &view.name)]);
    let mut annotations = pairs([("summary", &digest_subject(digest))]);
    for headline in &view.headline {
        let what = label_name(&headline.what);
        annotations.insert(format!("{what}_before"), headline.before.clone());
        annotations.insert(what, headline.now.clone());
    }
    let entries =
        digest.sections.iter().flat_map(|section| section.entries.iter().map(move |it| (section, it)));
    let alerts: Vec<_> =
        entries.take(ALERTS_MAX).map(|(section, entry)| of_entry(&name, section, entry)).collect();
    let all =
        digest.sections.iter().fold(0u64, |all, section| all.saturating_add(super::view::total(section)));
    Told {
        firing: !is_quiet(digest),
        group: name.clone(),
        common: name,
        annotations,
        left_out: all.saturating_sub(alerts.len() as u64),
        alerts,
    }
}

fn of_entry(digest: &Pairs, section: &Section, entry: &Entry) -> Alert {
    let view = EntryView::new(entry, 0);
    let title = SectionView::title(section);
    let labels = [("section", &title), ("state", &view.state.to_owned()), ("group", &view.group)];
    let labels: Pairs = digest.clone().into_iter().chain(pairs(labels)).collect();
    let annotations = [
        ("summary", &view.title()),
        ("culprit", &view.culprit),
        ("services", &view.services),
        ("versions", &view.versions),
        ("hosts", &view.hosts),
        ("count", &view.count),
        ("users", &view.users),
        ("last_seen", &entry.last.to_string()),
        ("trace_ids", &view.trace),
        ("deploy", &view.deploy),
    ];
    Alert {
        status: status(true),
        fingerprint: fingerprint(&labels),
        labels,
        annotations: pairs(annotations),
        starts_at: entry.first.to_string(),
        ends_at: NEVER.to_owned(),
        generator_url: view.link.unwrap_or_default(),
    }
}

fn status(firing: bool) -> &'static str {
    if firing { "firing" } else { "resolved" }
}

/// Those that have a text.
fn pairs<const N: usize>(pairs: [(&str, &String); N]) -> Pairs {
    let full = pairs.into_iter().filter(|(_, text)| !text.is_empty());
    full.map(|(name, text)| (name.to_owned(), visible(text, ANNOTATION_CHARS))).collect()
}

/// `{}:{alertname="slow_checkout"}`
fn group_key(labels: &Pairs) -> String {
    let labels: Vec<_> = labels.iter().map(|(name, text)| format!("{name}={text:?}")).collect();
    format!("{{}}:{{{}}}", labels.join(", "))
}

/// As Alertmanager computes it: FNV-1a over names and texts in order, each ended by 0xff.
fn fingerprint(labels: &Pairs) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let texts = labels.iter().flat_map(|(name, text)| [name, text]);
    let bytes = texts.flat_map(|text| text.bytes().chain([0xff]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

/// The headers of Standard Webhooks.
fn signed(
    id: &str,
    now: Timestamp,
    body: &[u8],
    secret: Option<&Secret>,
) -> Result<Vec<(String, String)>, RenderError> {
    let seconds = now.0.div_euclid(1_000_000_000).to_string();
    let mut headers =
        vec![("webhook-id".to_owned(), id.to_owned()), ("webhook-timestamp".to_owned(), seconds)];
    if let Some(secret) = secret {
        let key = key(secret)?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{}.", headers[1].1).as_bytes());
        mac.update(body);
        let signature = STANDARD.encode(mac.finalize().into_bytes());
        headers.push(("webhook-signature".to_owned(), format!("v1,{signature}")));
    }
    Ok(headers)
}

fn key(secret: &Secret) -> Result<Vec<u8>, RenderError> {
    let text = secret.expose();
    let key = match text.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(text.as_bytes().to_vec()),
    };
    let fault = || RenderError::Setting("the signing secret is empty, or no base64 after whsec_".to_owned());
    key.filter(|key| !key.is_empty()).ok_or_else(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n");
        let now = Timestamp::from_seconds(1_614_265_330);
        let body = br#"{"test": 2432232314}"#;
        let headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", now, body, Some(&secret)).unwrap();
        assert_eq!(headers[1].1, "1614265330");
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(signed("a", now, body, None).unwrap().len(), 2);
        for bad in ["", "whsec_", "whsec_!"] {
            assert!(signed("a", now, body, Some(&Secret::new(bad))).is_err(), "{bad}");
        }
    }

    /// Labels and fingerprints as Alertmanager 0.25 sent them.
    #[test]
    fn fingerprints_are_those_of_alertmanager() {
        let check = |labels: &[(&str, &str)], expected: &str| {
            let labels = labels.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            assert_eq!(fingerprint(&labels), expected);
        };
        check(
            &[("alertname", "NewException"), ("fingerprint", "ab12"), ("service", "checkout")],
            "f35a5ebdeaaae796",
        );
        check(
            &[
                ("alertname", "AppHigh"),
                ("instance", "127.0.0.1:22091"),
                ("job", "app"),
                ("replica", "r1"),
                ("route", "/pay"),
                ("severity", "page"),
            ],
            "454952c8fe08d40c",
        );
    }

    #[test]
    fn group_keys_quote_their_texts() {
        let labels = Pairs::from([("alertname".to_owned(), "a\"b".to_owned())]);
        assert_eq!(group_key(&labels), "{}:{alertname=\"a\\\"b\"}");
    }
}
