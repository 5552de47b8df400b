//! What a digest says: which groups of exceptions are new, back, more, or gone since the last one, and the numbers.

use crate::config::Digest as Config;
use crate::group::{Group, GroupId, State, hour_of};
use crate::memory::Memory;
use crate::notification::{Digest, Entry, Headline, QUIET_SECTION, Section, USERS_SECTION};
use crate::schedule;
use logweir_base::time::Timestamp;

/// Groups of a section that are told in full.
const ENTRIES_MAX: usize = 20;
/// Points of a trend picture.
const TREND_POINTS: usize = 24;

/// Sections in the order in which they are read, and what a group must have become for each.
const SECTIONS: [(&str, State); 4] = [
    ("New", State::New),
    ("Regressed", State::Regressed),
    ("Escalating", State::Escalating),
    (QUIET_SECTION, State::Quiet),
];

/// Links of this server: to what it has, which is its API.
#[derive(Debug, Clone)]
pub struct Links(pub String);

impl Links {
    /// Where a group is shown.
    pub fn group(&self, id: GroupId) -> String {
        format!("{}/api/v1/exceptions/{id}", self.0)
    }

    /// Where all groups are.
    pub fn groups(&self) -> String {
        format!("{}/api/v1/exceptions", self.0)
    }

    /// Where the records of a query are, from a time on.
    pub fn search(&self, query: &str, since: Timestamp) -> String {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
        let encoded =
            query.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
        format!("{}/api/v1/search?since={since}&q={}", self.0, encoded.collect::<String>())
    }

    /// Where alerts are.
    pub fn alerts(&self) -> String {
        format!("{}/api/v1/alerts", self.0)
    }
}

/// The digest of a span.
pub fn make(config: &Config, from: Timestamp, to: Timestamp, memory: &Memory, links: &Links) -> Digest {
    let is_of = |group: &Group| config.search.as_ref().is_none_or(|query| group.found_by.contains(query));
    let groups: Vec<(GroupId, &Group)> = memory.groups.iter().filter(|(_, group)| is_of(group)).collect();
    let mut sections: Vec<Section> = SECTIONS
        .iter()
        .map(|(title, state)| {
            let became = |group: &Group| group.became.get(state).is_some_and(|at| *at > from && *at <= to);
            let of_it = groups.iter().filter(|(_, group)| became(group) && group.state != State::Muted);
            section(title, of_it.copied().collect(), from, to, links, |group| in_span(group, from, to))
        })
        .collect();
    let hit = |group: &Group| group.users.count() > 0 && in_span(group, from, to) > 0;
    let of_it = groups.iter().filter(|(_, group)| hit(group) && group.state != State::Muted);
    sections
        .push(section(USERS_SECTION, of_it.copied().collect(), from, to, links, |group| group.users.count()));
    sections.retain(|section| !section.entries.is_empty());
    Digest {
        name: config.name.clone(),
        from,
        to,
        offset_seconds: schedule::offset_at(config, to),
        zone: zone_name(schedule::offset_at(config, to)),
        headline: headline(&groups, from, to, memory),
        sections,
        late: false,
        link: links.groups(),
    }
}

/// `UTC+01:00`: the configuration in the journal has a rule, which nobody reads.
fn zone_name(offset_seconds: i32) -> String {
    let sign = if offset_seconds < 0 { '-' } else { '+' };
    let minutes = offset_seconds.unsigned_abs() / 60;
    match minutes {
        0 => "UTC".to_owned(),
        _ => format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60),
    }
}

/// Occurrences of the hours that the span touches: of a digest that is not due at a full hour, its first and last are those of its
/// neighbours too.
fn in_span(group: &Group, from: Timestamp, to: Timestamp) -> u64 {
    group.hours.count(hour_of(from), hour_of(Timestamp(to.0 - 1)) + 1)
}

fn headline(groups: &[(GroupId, &Group)], from: Timestamp, to: Timestamp, memory: &Memory) -> Vec<Headline> {
    let before = from.minus(to.since(from));
    let number = |what: &str, count: &dyn Fn(Timestamp, Timestamp) -> u64| Headline {
        what: what.to_owned(),
        now: count(from, to),
        before: count(before, from),
    };
    let occurrences = |from, to| groups.iter().map(|(_, group)| in_span(group, from, to)).sum();
    let kinds = |from, to| groups.iter().filter(|(_, group)| in_span(group, from, to) > 0).count() as u64;
    let alerts = |from, to| {
        let began = memory.episodes.iter().filter(|(_, it)| it.since > from && it.since <= to);
        began.count() as u64
    };
    vec![number("exceptions", &occurrences), number("groups", &kinds), number("alerts", &alerts)]
}

fn section(
    title: &str,
    mut groups: Vec<(GroupId, &Group)>,
    from: Timestamp,
    to: Timestamp,
    links: &Links,
    weight: impl Fn(&Group) -> u64,
) -> Section {
    groups.sort_by_key(|(id, group)| (std::cmp::Reverse(weight(group)), *id));
    let more = groups.len().saturating_sub(ENTRIES_MAX) as u64;
    let entries =
        groups.iter().take(ENTRIES_MAX).map(|(id, group)| entry(*id, group, from, to, links)).collect();
    Section { title: title.to_owned(), entries, more }
}

fn entry(id: GroupId, group: &Group, from: Timestamp, to: Timestamp, links: &Links) -> Entry {
    // Twice the span, so that what was before is seen beside what is.
    let hours = (hour_of(to) - hour_of(from)).max(1);
    let step = (2 * hours).div_euclid(TREND_POINTS as i64).max(1);
    Entry {
        group: id.to_string(),
        state: group.state,
        kind: group.kind.clone(),
        message: group.message.clone(),
        culprit: group.culprit.clone(),
        services: group.services.names.clone(),
        versions: group.versions.names.clone(),
        hosts: group.hosts.names.clone(),
        count: in_span(group, from, to),
        users: group.users.count(),
        trend: group.hours.trend(to, step, TREND_POINTS),
        first: group.first,
        last: group.last,
        trace: group.traces.all().first().map(|trace| (*trace).to_owned()),
        deploy: group.deploy.clone(),
        link: links.group(id),
    }
}
