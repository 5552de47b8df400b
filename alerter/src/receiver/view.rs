//! What templates and receivers show of a message: texts that are cut, cleaned and formatted, so nothing hostile is left to do
//! for whoever lays them out; HTML is escaped by the template engine, Slack's three characters by `slack`.
//!
//! Limits: texts have the `*_CHARS` below, lists the length that is asked for, so a view is bounded whatever the message holds.

use super::text::{line, link, list, local, number, quantity, utc, visible};
use super::trend;
use crate::notification::{
    Digest, Entry, Headline, Page, QUIET_SECTION, Section, Status, Storm, USERS_SECTION,
};
use logweir_base::time::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

const NAME_CHARS: usize = 60;
const KIND_CHARS: usize = 120;
const TEXT_CHARS: usize = 240;
const DESCRIPTION_CHARS: usize = 1_000;
const NAMES_SHOWN: usize = 3;
/// Headline numbers and sections; the digest has four and five.
const PARTS_MAX: usize = 8;

/// A digest.
#[derive(Debug, Serialize)]
pub(super) struct DigestView {
    pub name: String,
    pub subject: String,
    pub from: String,
    pub to: String,
    pub zone: String,
    pub late: bool,
    /// Nothing changed.
    pub quiet: bool,
    pub headline: Vec<HeadlineView>,
    pub sections: Vec<SectionView>,
    pub link: Option<String>,
}

/// A number against the one before.
#[derive(Debug, Serialize)]
pub(super) struct HeadlineView {
    pub what: String,
    pub now: String,
    pub before: String,
    /// `+37 %`, `-5 %`, `same`, or nothing when there was none before.
    pub change: String,
}

/// Groups that have something in common.
#[derive(Debug, Serialize)]
pub(super) struct SectionView {
    pub title: String,
    /// How many there are, shown or not.
    pub total: String,
    pub entries: Vec<EntryView>,
    /// How many are not shown; empty when none.
    pub more: String,
}

/// A group.
#[derive(Debug, Serialize)]
pub(super) struct EntryView {
    pub group: String,
    pub state: &'static str,
    pub kind: String,
    pub message: String,
    pub culprit: String,
    pub services: String,
    pub versions: String,
    pub hosts: String,
    pub count: String,
    pub users: String,
    pub spark: String,
    /// Content-id of the trend's picture; only in mail.
    pub picture: Option<String>,
    pub first: String,
    pub last: String,
    pub trace: String,
    pub deploy: String,
    pub link: Option<String>,
    /// What the picture shows.
    #[serde(skip)]
    pub bars: Vec<u64>,
}

/// An alert.
#[derive(Debug, Serialize)]
pub(super) struct PageView {
    pub subject: String,
    pub status: &'static str,
    pub severity: &'static str,
    pub rule: String,
    pub summary: String,
    pub description: String,
    /// What is now, what is usual, since when, where: name and text.
    pub facts: Vec<Fact>,
    pub traces: Vec<Fact>,
    pub patterns: Vec<PatternView>,
    /// The rule's texts but the summary and the description.
    pub annotations: Vec<Fact>,
    pub labels: Vec<Fact>,
    pub links: Vec<LinkView>,
}

/// A name and a text.
#[derive(Debug, Serialize)]
pub(super) struct Fact {
    pub name: String,
    pub text: String,
}

/// A pattern of messages that changed.
#[derive(Debug, Serialize)]
pub(super) struct PatternView {
    pub text: String,
    pub before: String,
    pub now: String,
}

/// A link of ours.
#[derive(Debug, Serialize)]
pub(super) struct LinkView {
    pub text: String,
    pub url: String,
}

/// Many alerts.
#[derive(Debug, Serialize)]
pub(super) struct StormView {
    pub subject: String,
    pub firing: String,
    pub resolved: String,
    pub rules: Vec<RuleView>,
    pub examples: Vec<Fact>,
    pub link: Option<String>,
}

/// A rule of a storm.
#[derive(Debug, Serialize)]
pub(super) struct RuleView {
    pub name: String,
    pub count: String,
    pub severity: &'static str,
}

impl DigestView {
    /// At most `entries_max` of each section.
    pub fn new(digest: &Digest, entries_max: usize) -> Self {
        let sections = digest.sections.iter().filter(|section| total(section) > 0).take(PARTS_MAX);
        Self {
            name: visible(&digest.name, NAME_CHARS),
            subject: digest_subject(digest),
            from: local(digest.from, digest.offset_seconds),
            to: local(digest.to, digest.offset_seconds),
            zone: visible(&digest.zone, NAME_CHARS),
            late: digest.late,
            quiet: is_quiet(digest),
            headline: digest.headline.iter().take(PARTS_MAX).map(HeadlineView::new).collect(),
            sections: sections
                .map(|section| SectionView::new(section, entries_max, digest.offset_seconds))
                .collect(),
            link: link(&digest.link),
        }
    }
}

/// `3 new, 1 regressed, 12 ongoing: daily`, and `(late)` when it is.
pub(super) fn digest_subject(digest: &Digest) -> String {
    let changes = digest.sections.iter().filter(|section| is_change(section) && total(section) > 0);
    let count = |section: &Section| {
        format!("{} {}", number(total(section)), line(&section.title, NAME_CHARS).to_lowercase())
    };
    let mut parts: Vec<_> = changes.take(PARTS_MAX).map(count).collect();
    if parts.is_empty() {
        parts.push("all quiet".to_owned());
    }
    let ongoing = ongoing(digest);
    if ongoing > 0 {
        parts.push(format!("{} ongoing", number(ongoing)));
    }
    let late = if digest.late { " (late)" } else { "" };
    format!("{}: {}{late}", parts.join(", "), line(&digest.name, NAME_CHARS))
}

/// Groups that came and of which no section tells a change. A group that fell silent did not come.
fn ongoing(digest: &Digest) -> u64 {
    let groups = digest.headline.iter().find(|headline| headline.what == "groups").map_or(0, |it| it.now);
    let came = digest.sections.iter().filter(|section| is_change(section) && section.title != QUIET_SECTION);
    came.fold(groups, |left, section| left.saturating_sub(total(section)))
}

pub(super) fn is_quiet(digest: &Digest) -> bool {
    !digest.sections.iter().any(|section| is_change(section) && total(section) > 0)
}

fn is_change(section: &Section) -> bool {
    section.title != USERS_SECTION
}

/// Entries of a section, shown or not.
pub(super) fn total(section: &Section) -> u64 {
    section.more.saturating_add(section.entries.len() as u64)
}

impl HeadlineView {
    fn new(headline: &Headline) -> Self {
        let change = match (headline.now, headline.before) {
            (now, before) if now == before => "same".to_owned(),
            (_, 0) => String::new(),
            (now, before) => {
                let percent = (now as f64 - before as f64) / before as f64 * 100.0;
                format!("{}{} %", if percent > 0.0 { "+" } else { "" }, quantity(percent.round()))
            }
        };
        Self {
            what: visible(&headline.what, NAME_CHARS),
            now: number(headline.now),
            before: number(headline.before),
            change,
        }
    }
}

impl SectionView {
    fn new(section: &Section, entries_max: usize, offset_seconds: i32) -> Self {
        let shown = section.entries.len().min(entries_max);
        let more = total(section) - shown as u64;
        Self {
            title: Self::title(section),
            total: number(total(section)),
            entries: section.entries[..shown].iter().map(|it| EntryView::new(it, offset_seconds)).collect(),
            more: if more > 0 { number(more) } else { String::new() },
        }
    }

    pub fn title(section: &Section) -> String {
        visible(&section.title, NAME_CHARS)
    }
}

impl EntryView {
    pub fn new(entry: &Entry, offset_seconds: i32) -> Self {
        let names = |names: &[String]| list(names, NAMES_SHOWN, NAME_CHARS);
        let maybe = |text: &Option<String>, chars| visible(text.as_deref().unwrap_or_default(), chars);
        let bars = trend::bars(&entry.trend);
        Self {
            group: visible(&entry.group, NAME_CHARS),
            state: entry.state.name(),
            kind: visible(&entry.kind, KIND_CHARS),
            message: visible(&entry.message, TEXT_CHARS),
            culprit: maybe(&entry.culprit, KIND_CHARS),
            services: names(&entry.services),
            versions: names(&entry.versions),
            hosts: names(&entry.hosts),
            count: number(entry.count),
            users: number(entry.users),
            spark: trend::spark(&bars),
            picture: None,
            first: local(entry.first, offset_seconds),
            last: local(entry.last, offset_seconds),
            trace: maybe(&entry.trace, NAME_CHARS),
            deploy: maybe(&entry.deploy, NAME_CHARS),
            link: link(&entry.link),
            bars,
        }
    }

    /// `type: message`, or what there is of it.
    pub fn title(&self) -> String {
        let parts = [&self.kind, &self.message].map(String::as_str);
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
    }
}

impl PageView {
    /// At most `items_max` of each list.
    pub fn new(page: &Page, items_max: usize) -> Self {
        let evidence = &page.evidence;
        let told = |name: &str| matches!(name, "summary" | "description");
        let description = page.annotations.get("description").map_or("", String::as_str);
        let pattern = |(text, before, now): &(String, u64, u64)| PatternView {
            text: visible(text, TEXT_CHARS),
            before: number(*before),
            now: number(*now),
        };
        Self {
            subject: page_subject(page),
            status: page.status.name(),
            severity: page.severity.name(),
            rule: visible(&page.rule, NAME_CHARS),
            summary: summary(page, TEXT_CHARS),
            description: line(description, DESCRIPTION_CHARS),
            facts: facts(page),
            traces: evidence
                .traces
                .iter()
                .take(items_max)
                .map(|(why, id)| Fact { name: visible(why, NAME_CHARS), text: visible(id, NAME_CHARS) })
                .collect(),
            patterns: evidence.patterns.iter().take(items_max).map(pattern).collect(),
            annotations: pairs(&page.annotations, items_max, |name| !told(name)),
            labels: pairs(&page.labels, items_max, |_| true),
            links: links(page, items_max),
        }
    }
}

/// `CRITICAL slow_checkout: p99 is 3.2 s`; of one that is over: `resolved: ...`.
pub(super) fn page_subject(page: &Page) -> String {
    let status = match page.status {
        Status::Firing => page.severity.name().to_uppercase(),
        status => format!("{}:", status.name()),
    };
    format!("{status} {}: {}", line(&page.rule, NAME_CHARS), line(&page.summary, TEXT_CHARS))
}

/// In one line what is the matter; never empty, which PagerDuty would refuse.
pub(super) fn summary(page: &Page, chars_max: usize) -> String {
    let texts = [page.summary.as_str(), &page.rule, "an alert"].map(|text| line(text, chars_max));
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

/// Links of ours, and where they lead.
pub(super) fn links(page: &Page, items_max: usize) -> Vec<LinkView> {
    let shown = |(text, url): &(String, String)| {
        link(url).map(|url| LinkView { text: visible(text, NAME_CHARS), url })
    };
    page.evidence.links.iter().filter_map(shown).take(items_max).collect()
}

/// `checkout 1.4.2 by ann at 2026-11-23 10:15 UTC`
pub(super) fn deploy(page: &Page) -> Option<String> {
    page.evidence.deploy.as_ref().map(|deploy| {
        let name = |text: &str| visible(text, NAME_CHARS);
        let by = if deploy.by.is_empty() { String::new() } else { format!(" by {}", name(&deploy.by)) };
        format!("{} {}{by} at {}", name(&deploy.service), name(&deploy.version), utc(deploy.at))
    })
}

fn facts(page: &Page) -> Vec<Fact> {
    let evidence = &page.evidence;
    let time = |time: Timestamp| utc(time);
    let usual = evidence.usual.map(|(from, to)| format!("{} to {}", quantity(from), quantity(to)));
    let facts = [
        ("now", evidence.value.map(quantity)),
        ("usual", usual),
        ("why", Some(line(&evidence.why, TEXT_CHARS))),
        ("since", Some(time(page.since))),
        ("ended", page.ended.map(time)),
        ("hosts", Some(list(&evidence.hosts, 2 * NAMES_SHOWN, NAME_CHARS))),
        ("last deploy", deploy(page)),
    ];
    let named = |(name, text): (&str, Option<String>)| {
        text.filter(|text| !text.is_empty()).map(|text| Fact { name: name.to_owned(), text })
    };
    facts.into_iter().filter_map(named).collect()
}

fn pairs(map: &BTreeMap<String, String>, items_max: usize, wanted: impl Fn(&str) -> bool) -> Vec<Fact> {
    let shown = map.iter().filter(|(name, _)| wanted(name)).take(items_max);
    shown.map(|(name, text)| Fact { name: visible(name, NAME_CHARS), text: line(text, TEXT_CHARS) }).collect()
}

impl StormView {
    /// At most `items_max` of each list.
    pub fn new(storm: &Storm, items_max: usize) -> Self {
        let rule = |(name, count, severity): &(String, u64, crate::config::Severity)| RuleView {
            name: visible(name, NAME_CHARS),
            count: number(*count),
            severity: severity.name(),
        };
        Self {
            subject: storm_subject(storm),
            firing: number(storm.firing),
            resolved: number(storm.resolved),
            rules: storm.rules.iter().take(items_max).map(rule).collect(),
            examples: storm
                .examples
                .iter()
                .take(items_max)
                .map(|(severity, text)| Fact {
                    name: severity.name().to_owned(),
                    text: line(text, TEXT_CHARS),
                })
                .collect(),
            link: link(&storm.link),
        }
    }
}

/// `57 alerts firing, 3 resolved: slow_checkout (40), disk_full (17)`
pub(super) fn storm_subject(storm: &Storm) -> String {
    let rules = storm.rules.iter().take(NAMES_SHOWN);
    let rules: Vec<_> =
        rules.map(|(name, count, _)| format!("{} ({})", line(name, NAME_CHARS), number(*count))).collect();
    format!(
        "{} alerts firing, {} resolved: {}",
        number(storm.firing),
        number(storm.resolved),
        rules.join(", ")
    )
}
