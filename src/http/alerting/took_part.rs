//! In which exceptions and alerts a trace took part, told from its lines: those that are exceptions belong to groups, and those
//! that a rule's search finds belong to its episodes of that time. Nothing is stored for it, so it holds for as long as the lines.

use super::alerts::episode_json;
use crate::http::Api;
use crate::http::params::BadParam;
use logweir_alerter::group::GroupId;
use logweir_alerter::memory::{Episode, Memory};
use logweir_alerter::{Configured, Reader, exception, group_of, narrowed};
use logweir_base::parse::{Parser, Record, RecordView};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use logweir_indexer::SearchRequest;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

/// Lines of a trace that are looked at.
const LINES_MAX: u64 = 10_000;
/// Episodes that are looked at, the latest.
const EPISODES_MAX: usize = 1_000;
/// A rule looks back from when an alert begins by about so much.
const BEFORE: Duration = Duration::from_secs(600);
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);

/// What is known of one line of a trace.
pub struct TraceLine {
    time: Timestamp,
    group: Option<GroupId>,
    /// Rules whose search finds it, each with the labels of its episodes that fit.
    episodes: BTreeSet<String>,
}

/// In what a trace took part.
pub struct TookPart {
    groups: BTreeMap<GroupId, Value>,
    episodes: BTreeMap<String, Value>,
}

impl TookPart {
    /// Of the lines of a trace.
    pub fn of(alerter: &Reader, trace: &str, lines: &[TraceLine]) -> Self {
        let memory = alerter.memory();
        let ids: BTreeSet<GroupId> = lines.iter().filter_map(|line| line.group).collect();
        let groups = ids.into_iter().filter_map(|id| Some((id, group_json(id, &memory)?))).collect();
        let mut took_part = Self { groups, episodes: BTreeMap::new() };
        for (id, episode) in memory.episodes.iter() {
            if took_part.has(trace, id, episode, lines) {
                took_part.episodes.insert(id.to_owned(), episode_json(id, episode));
            }
        }
        took_part
    }

    fn has(&self, trace: &str, id: &str, episode: &Episode, lines: &[TraceLine]) -> bool {
        let is_named = episode.evidence.traces.iter().any(|(_, named)| named == trace);
        let is_of_group = |group: &String| self.groups.keys().any(|id| id.to_string() == *group);
        is_named
            || episode.group.as_ref().is_some_and(is_of_group)
            || lines.iter().any(|line| line.episodes.contains(id))
    }

    /// As it is shown.
    pub fn to_json(&self) -> Value {
        let groups: Vec<&Value> = self.groups.values().collect();
        let episodes: Vec<&Value> = self.episodes.values().collect();
        serde_json::json!({ "exceptions": groups, "episodes": episodes })
    }

    /// Whether it is nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.episodes.is_empty()
    }
}

fn group_json(id: GroupId, memory: &Memory) -> Option<Value> {
    let group = memory.groups.get(id)?;
    Some(serde_json::json!({
        "id": id.to_string(),
        "state": group.state,
        "type": group.kind,
        "message": group.message,
        "count": group.count,
        "first": group.first.to_string(),
        "last": group.last.to_string(),
    }))
}

/// Looks at lines of a trace as they are found.
pub struct Looker {
    parser: Parser,
    episodes: Vec<(String, Timestamp, Timestamp, Matcher)>,
}

impl Looker {
    /// With the episodes that there are.
    pub fn new(alerter: &Reader) -> Self {
        let configured = alerter.configured();
        let memory = alerter.memory();
        let mut latest: Vec<(&str, &Episode)> = memory.episodes.iter().collect();
        latest.sort_by_key(|(_, episode)| std::cmp::Reverse(episode.since));
        let of = |(id, episode): &(&str, &Episode)| {
            let matcher = Matcher::new(&query_of(&configured, episode)?);
            let (from, to) = (episode.since.minus(BEFORE), episode.ended.unwrap_or(Timestamp::MAX));
            Some(((*id).to_owned(), from, to, matcher))
        };
        let episodes = latest.iter().take(EPISODES_MAX).filter_map(of).collect();
        Self { parser: Parser::default(), episodes }
    }

    /// Looks at a line.
    pub fn look(&mut self, view: &RecordView<'_>, record: &Record) -> TraceLine {
        let group = exception::of(record).map(|exception| group_of(&exception, &record.service));
        let found =
            self.episodes.iter_mut().filter(|(_, from, to, _)| view.time >= *from && view.time <= *to);
        let found = found.filter_map(|(id, _, _, matcher)| matcher.matches(view).then(|| id.clone()));
        TraceLine { time: view.time, group, episodes: found.collect() }
    }
}

/// The query of the records of an episode.
fn query_of(configured: &Configured, episode: &Episode) -> Option<Query> {
    let rule = configured.rule(&episode.rule)?;
    let is_of_series =
        |name: &str| !rule.labels.contains_key(name) && name != "alertname" && name != "severity";
    let labels = episode.labels.iter().filter(|(name, _)| is_of_series(name));
    let labels = labels.map(|(name, value)| (name.clone(), value.clone())).collect();
    narrowed(rule.search.as_ref()?, &labels)
}

/// All lines of a trace, looked at.
pub fn lines_of_trace(api: &Api, trace: &str) -> Result<Vec<TraceLine>, BadParam> {
    let query = crate::http::trace::query_of(trace)?;
    let request =
        SearchRequest { limit: Some(LINES_MAX), deadline: Some(LOOK_TIMEOUT), ..SearchRequest::of(query) };
    let (mut looker, mut lines) = (Looker::new(&api.alerter), Vec::new());
    api.store.search(&request, &mut |hit| {
        let record = Record::of(&hit.view, &mut looker.parser);
        let line = looker.look(&hit.view, &record);
        lines.push(line);
        ControlFlow::Continue(())
    });
    lines.sort_by_key(|line| line.time);
    Ok(lines)
}
