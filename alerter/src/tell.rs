//! Whom to tell what: from alerts that fire, are looked after or are over to messages in the outbox. Silences and inhibition keep
//! an alert from being told of while they last; many at once become one message.

use crate::alert::{Alert, Labels, Phase, Seen, hash};
use crate::config::{Receiver, ReceiverKind};
use crate::configured::{Configured, STALE};
use crate::digest::{self, Links};
use crate::memory::{Episode, Memory, Outgoing};
use crate::notification::{Message, Notification, Page, Status, Storm};
use crate::rule::{Check, Rule};
use crate::schedule;
use crate::text;
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Messages that wait for one receiver; beyond, the oldest is given up.
const WAITING_MAX: usize = 1_000;
/// Alerts that a storm's message names.
const EXAMPLES_MAX: usize = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// How many pages each receiver got lately.
#[derive(Debug, Default)]
pub struct Pace(BTreeMap<String, Vec<Timestamp>>);

impl Pace {
    /// Whether so many more would be more than `most` in a minute.
    fn is_over(&mut self, receiver: &str, more: usize, most: usize, now: Timestamp) -> bool {
        let sent = self.0.entry(receiver.to_owned()).or_default();
        sent.retain(|at| now.since(*at) < MINUTE);
        if sent.len() + more > most {
            return true;
        }
        sent.extend(std::iter::repeat_n(now, more));
        false
    }
}

/// An alert's labels as everybody sees them: its own, the rule's, and what alerts are told apart by everywhere.
pub fn labels_of(rule: &Rule, labels: &Labels) -> Labels {
    let mut all = rule.labels.clone();
    all.extend(labels.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.insert("alertname".to_owned(), rule.name.clone());
    all.insert("severity".to_owned(), rule.severity.name().to_owned());
    all
}

/// Puts messages about alerts that are due into the outbox. `ended` are episodes that were over at this tick.
pub fn pages(configured: &Configured, ended: &[Alert], now: Timestamp, pace: &mut Pace, memory: &mut Memory) {
    let mut pages: BTreeMap<&str, Vec<Page>> = BTreeMap::new();
    let mut told = Vec::new();
    for (key, alert) in memory.alerts.iter() {
        let Some(rule) = configured.rule(&alert.rule) else { continue };
        if alert.is_due(&rule.timing, now) && !is_held(alert, rule, memory) {
            told.push(key.to_owned());
            add(configured, alert, rule, Status::Firing, memory, &mut pages);
        }
    }
    for alert in ended.iter().filter(|alert| alert.told_episode) {
        let removed = configured.removed(&alert.rule);
        if let Some(rule) = configured.rule(&alert.rule).or(removed.as_ref()) {
            add(configured, alert, rule, Status::Resolved, memory, &mut pages);
        }
    }
    for key in told {
        if let Some(alert) = memory.alerts.get_mut(&key) {
            (alert.told, alert.told_episode) = (Some(now), true);
        }
    }
    for (receiver, pages) in pages {
        send(configured, receiver, pages, now, pace, memory);
    }
    end_storms(configured, now, memory);
}

/// Where many alerts were one incident, it is over when no alert fires any more.
fn end_storms(configured: &Configured, now: Timestamp, memory: &mut Memory) {
    if memory.storms.is_empty() || memory.alerts.iter().any(|(_, alert)| alert.phase == Phase::Firing) {
        return;
    }
    let receivers: Vec<String> = memory.storms.iter().map(|(receiver, _)| receiver.to_owned()).collect();
    for receiver in receivers {
        memory.storms.remove(&receiver);
        put(&receiver, Message::Storm(storm(&[], &configured.links)), now, memory);
    }
}

/// Tells those that keep track of who does what that somebody looks after an alert.
pub fn acknowledged(configured: &Configured, alert: &Alert, now: Timestamp, memory: &mut Memory) {
    let Some(rule) = configured.rule(&alert.rule).filter(|_| alert.told_episode) else { return };
    let mut pages = BTreeMap::new();
    add(configured, alert, rule, Status::Acknowledged, memory, &mut pages);
    for (receiver, pages) in pages {
        pages.into_iter().for_each(|page| put(receiver, Message::Page(Box::new(page)), now, memory));
    }
}

/// Whether a silence or another alert keeps it from being told of.
fn is_held(alert: &Alert, rule: &Rule, memory: &Memory) -> bool {
    let labels = labels_of(rule, &alert.labels);
    let is_silenced = memory
        .silences
        .iter()
        .any(|(_, silence)| silence.labels.iter().all(|(name, value)| labels.get(name) == Some(value)));
    let inhibits = |other: &Alert| {
        let shared = other.labels.iter().filter(|(name, _)| alert.labels.contains_key(*name));
        other.phase == Phase::Firing
            && rule.inhibited_by.contains(&other.rule)
            && shared.into_iter().all(|(name, value)| alert.labels.get(name) == Some(value))
    };
    is_silenced || !rule.inhibited_by.is_empty() && memory.alerts.iter().any(|(_, other)| inhibits(other))
}

fn add<'c>(
    configured: &'c Configured,
    alert: &Alert,
    rule: &Rule,
    status: Status,
    memory: &Memory,
    pages: &mut BTreeMap<&'c str, Vec<Page>>,
) {
    let Some(episode) = memory.episodes.get(&alert.episode) else { return };
    let page = page(&alert.episode, episode, status);
    let wants = |receiver: &&Receiver| wants(receiver, rule, status);
    for receiver in configured.receivers.iter().filter(wants) {
        pages.entry(&receiver.name).or_default().push(page.clone());
    }
}

/// Whether a receiver is told. That an exception is no longer new is told only where incidents stay open until it is.
fn wants(receiver: &Receiver, rule: &Rule, status: Status) -> bool {
    let keeps_open = matches!(receiver.kind, ReceiverKind::PagerDuty | ReceiverKind::Alertmanager);
    let is_asked = rule.to.is_empty() && !receiver.digest_only || rule.to.contains(&receiver.name);
    is_asked
        && match status {
            Status::Firing => true,
            Status::Acknowledged => receiver.kind == ReceiverKind::PagerDuty,
            Status::Resolved => keeps_open || !matches!(rule.check, Check::Exception(_)),
        }
}

fn page(id: &str, episode: &Episode, status: Status) -> Page {
    Page {
        episode: id.to_owned(),
        status,
        rule: episode.rule.clone(),
        severity: episode.severity,
        labels: episode.labels.clone(),
        annotations: episode.annotations.clone(),
        summary: episode.summary.clone(),
        since: episode.since,
        ended: episode.ended,
        evidence: episode.evidence.clone(),
    }
}

fn send(
    configured: &Configured,
    receiver: &str,
    pages: Vec<Page>,
    now: Timestamp,
    pace: &mut Pace,
    memory: &mut Memory,
) {
    for page in &pages {
        if let Some(episode) = memory.episodes.get_mut(&page.episode)
            && !episode.told.iter().any(|told| told == receiver)
        {
            episode.told.push(receiver.to_owned());
        }
    }
    // An incident is closed by a message of its own, however many there are.
    let keeps_open = keeps_open(configured, receiver);
    let can_join = |page: &Page| !keeps_open || page.status == Status::Firing;
    let (joined, single): (Vec<Page>, Vec<Page>) = pages.into_iter().partition(can_join);
    let most = configured.alerts.storm.max(1) as usize;
    let is_storm = pace.is_over(receiver, joined.len(), most, now) && joined.len() > 1;
    if is_storm {
        if keeps_open {
            memory.storms.insert(receiver.to_owned(), now);
        }
        put(receiver, Message::Storm(storm(&joined, &configured.links)), now, memory);
    }
    let joined = joined.into_iter().filter(|_| !is_storm);
    joined.chain(single).for_each(|page| put(receiver, Message::Page(Box::new(page)), now, memory));
}

/// Whether a receiver keeps incidents open until they are said to be over.
fn keeps_open(configured: &Configured, receiver: &str) -> bool {
    let found = configured.receivers.iter().find(|known| known.name == receiver);
    found.is_some_and(|known| known.kind == ReceiverKind::PagerDuty)
}

/// Many pages as one message.
pub fn storm(pages: &[Page], links: &Links) -> Storm {
    let mut rules: BTreeMap<&str, (u64, crate::config::Severity)> = BTreeMap::new();
    for page in pages {
        let of_rule = rules.entry(&page.rule).or_insert((0, page.severity));
        *of_rule = (of_rule.0 + 1, of_rule.1.max(page.severity));
    }
    let mut rules: Vec<_> =
        rules.into_iter().map(|(rule, (count, worst))| (rule.to_owned(), count, worst)).collect();
    rules.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let mut examples: Vec<_> = pages.iter().map(|page| (page.severity, page.summary.clone())).collect();
    examples.sort_by_key(|(severity, _)| std::cmp::Reverse(*severity));
    examples.truncate(EXAMPLES_MAX);
    let of = |status| pages.iter().filter(|page| page.status == status).count() as u64;
    Storm {
        firing: of(Status::Firing),
        resolved: of(Status::Resolved),
        rules,
        examples,
        link: links.alerts(),
    }
}

/// Puts pages that nothing is followed any more into the outbox; whether it was told just now.
pub fn is_stale_told(configured: &Configured, since: Timestamp, now: Timestamp, memory: &mut Memory) -> bool {
    let Some(rule) = configured.rule(STALE) else { return false };
    let key = Alert::key(STALE, &Labels::new());
    let mut alert = Alert::new(STALE, Labels::new(), since);
    if memory.alerts.get(&key).is_some_and(|alert| alert.phase == Phase::Firing) {
        return false;
    }
    alert.observe(Seen::Holds(None), &rule.timing, now);
    let summary = text::summary(rule, &alert, None, &BTreeMap::new());
    let episode = Episode {
        rule: STALE.to_owned(),
        severity: rule.severity,
        labels: labels_of(rule, &alert.labels),
        annotations: BTreeMap::new(),
        summary,
        since,
        ended: None,
        acknowledged: None,
        group: None,
        evidence: Default::default(),
        told: Vec::new(),
    };
    memory.episodes.insert(alert.episode.clone(), episode);
    memory.alerts.insert(key, alert);
    pages(configured, &[], now, &mut Pace::default(), memory);
    true
}

/// Puts digests that are due into the outbox.
pub fn digests(configured: &Configured, now: Timestamp, memory: &mut Memory) {
    for config in &configured.digests {
        let due = schedule::latest(config, now);
        // The first one tells of all since it would have been due the last time.
        let last = memory.digests.get(&config.name).copied();
        let Some(last) = last.filter(|last| due > *last) else {
            memory.digests.entry(&config.name, || due);
            continue;
        };
        let digest = digest::make(config, last, due, memory, &configured.links);
        memory.digests.insert(config.name.clone(), due);
        for receiver in &config.to {
            put(receiver, Message::Digest(Box::new(digest.clone())), now, memory);
        }
    }
}

/// Puts a message into the outbox, under a name that says what it is for ever.
pub fn put(receiver: &str, message: Message, now: Timestamp, memory: &mut Memory) {
    let facts = |facts: &[(&str, &str)]| {
        let labels = facts.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        format!("{:016x}", hash(receiver, &labels, Some(now)))
    };
    let id = match &message {
        Message::Page(page) => facts(&[("episode", &page.episode), ("status", page.status.name())]),
        Message::Storm(_) => facts(&[("storm", "")]),
        Message::Digest(digest) => facts(&[("digest", &digest.name)]),
    };
    let key = format!("{receiver}/{:020}/{id}", now.0);
    let notification = Notification { id, receiver: receiver.to_owned(), at: now, message };
    memory.outbox.insert(key, Outgoing { notification, tries: 0, not_before: now, error: None });
    let prefix = format!("{receiver}/");
    let waiting: Vec<_> = memory.outbox.below(&prefix).map(|(key, _)| key.to_owned()).collect();
    for key in waiting.iter().take(waiting.len().saturating_sub(WAITING_MAX)) {
        memory.outbox.remove(key);
        memory.counters.given_up += 1;
    }
}
