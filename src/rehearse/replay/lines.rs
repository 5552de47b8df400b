//! Lines that rules count, or look into for exceptions: read from a server in one go, the oldest first.

use super::Replay;
use crate::client::{Ask, ClientError, Server};
use crate::config::{Config, Rule};
use crate::terminal::progress;
use logweir_alerter::config::RuleKind;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::time::Timestamp;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// Where a line comes from is kept for the next one, as long as there are no more such places than this.
const RESOURCES_MAX: usize = 10_000;

/// A line of an export, as far as it is needed here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
    #[serde(rename = "host.name", borrow)]
    host: Cow<'a, str>,
    #[serde(borrow)]
    file: Cow<'a, str>,
    labels: BTreeMap<String, String>,
    #[serde(borrow)]
    raw: Cow<'a, str>,
    /// A further part of a line that is longer than any: its first part is counted.
    part: Option<u32>,
    continuation: bool,
    #[serde(borrow)]
    progress: Option<Progress<'a>>,
    summary: Option<Summary>,
}

#[derive(Debug, Deserialize)]
struct Progress<'a> {
    hits: u64,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    partial: bool,
    errors: Vec<String>,
}

/// The query of all lines that any of the rules needs; `None` when none needs lines.
pub(super) fn query_of(config: &Config) -> Option<String> {
    let mut queries: Vec<String> = config.rule.iter().filter_map(query_of_rule).collect();
    queries.sort();
    queries.dedup();
    match queries.as_slice() {
        [] => None,
        all if all.iter().any(|query| query == "*") => Some("*".to_owned()),
        [one] => Some(one.clone()),
        all => Some(all.iter().map(|query| format!("({query})")).collect::<Vec<_>>().join(" OR ")),
    }
}

fn query_of_rule(rule: &Rule) -> Option<String> {
    match rule.kind {
        RuleKind::Threshold | RuleKind::Baseline => rule.search.clone(),
        // What it is a part of has the part.
        RuleKind::Ratio => rule.of.clone(),
        // A trace of any severity may be one, so severity cannot narrow it.
        RuleKind::Exception => Some(rule.search.clone().unwrap_or_else(|| "*".to_owned())),
        RuleKind::Absence => rule.promql.is_none().then(|| "*".to_owned()),
    }
}

/// Feeds all lines that a query finds; the time of the first.
pub(super) fn feed<W: Write>(
    server: &Server,
    query: &str,
    since: Timestamp,
    replay: &mut Replay<'_, W>,
) -> Result<Option<Timestamp>, ClientError> {
    let ask = Ask::new("/api/v1/export").param("q", query).param("order", "oldest").param("progress", "true");
    let ask = ask.param("since", &since.to_string()).param("until", &replay.until.to_string());
    let mut lines = server.ask(&ask)?;
    let (mut resources, mut first, mut summary) = (BTreeMap::new(), None, None);
    while let Some(bytes) = lines.next_line()? {
        let line: Line<'_> = serde_json::from_slice(bytes).map_err(|e| server.nonsense(&e))?;
        if let Some(told) = &line.progress {
            let seconds = told.time.get(..19).unwrap_or(&told.time);
            progress(&format!("{} lines, at {seconds}", told.hits));
        } else if line.summary.is_some() {
            summary = line.summary;
        } else if !line.continuation && line.part.is_none_or(|part| part == 0) {
            let time =
                Timestamp::parse(&line.timestamp).ok_or_else(|| server.nonsense(&"a line has no time"))?;
            first.get_or_insert(time);
            take(&line, time, &mut resources, replay)?;
        }
    }
    match summary {
        None => Err(ClientError::Failed(format!("{} cut the lines short", server.url()))),
        Some(Summary { partial: true, errors }) => {
            let errors = errors.iter().map(|e| format!("\n  {e}")).collect::<String>();
            Err(ClientError::Failed(format!("{} could not read everything{errors}", server.url())))
        }
        Some(_) => Ok(first),
    }
}

/// Host, file and labels: what tells one place from another.
type Place = (String, String, BTreeMap<String, String>);

fn take<W: Write>(
    line: &Line<'_>,
    time: Timestamp,
    resources: &mut BTreeMap<Place, Arc<Resource>>,
    replay: &mut Replay<'_, W>,
) -> Result<(), ClientError> {
    replay.go(time)?;
    let place = (line.host.to_string(), line.file.to_string(), line.labels.clone());
    if resources.len() >= RESOURCES_MAX {
        resources.clear();
    }
    let resource = resources.entry(place).or_insert_with_key(|(host, path, labels)| {
        Arc::new(Resource {
            host: host.clone(),
            path: path.clone(),
            labels: labels.clone(),
            ..Resource::default()
        })
    });
    let Some(batch) = batch_of(&line.raw) else { return Ok(()) };
    replay.engine.records(time, resource, &batch).map_err(ClientError::Failed)
}

/// One record, whatever is in it: what stands in one line of an export was put together already.
fn batch_of(text: &str) -> Option<Batch> {
    let len = u32::try_from(text.len()).ok().filter(|len| *len > 0)?;
    Some(Batch {
        source: SourceId([0; 16]),
        epoch: Epoch(0),
        first_start: Offset(0),
        lines: vec![BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }],
        codec: Codec::None,
        text_len: len,
        payload: bytes::Bytes::copy_from_slice(text.as_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_are_read_that_a_rule_can_need() {
        let check = |rules: &str, expected: Option<&str>| {
            let config: Config = toml::from_str(rules).expect("a configuration");
            assert_eq!(query_of(&config).as_deref(), expected, "{rules}");
        };
        let rule = |rest: &str| format!("[[rule]]\nname = 'r'\n{rest}\n");
        let slow = rule("type = 'threshold'\nsearch = 'duration_ms:>500'\nabove = 1");
        let share = rule("type = 'ratio'\nsearch = 'level:error'\nof = 'service:shop'\nabove = 0.1");
        let load = rule("type = 'threshold'\npromql = 'load'\nabove = 1");
        check(&load, None);
        check(&slow, Some("duration_ms:>500"));
        check(&format!("{slow}{load}{slow}"), Some("duration_ms:>500"));
        check(&format!("{slow}{share}"), Some("(duration_ms:>500) OR (service:shop)"));
        check(&format!("{slow}{}", rule("type = 'exception'")), Some("*"));
        check(&rule("type = 'exception'\nsearch = 'service:a'"), Some("service:a"));
        check(&rule("type = 'absence'\nwho = 'host'"), Some("*"));
        check(&rule("type = 'absence'\npromql = 'up'"), None);
    }
}
