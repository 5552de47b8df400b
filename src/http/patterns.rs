//! Patterns over HTTP: of all records as the indexer counts them, or of those a query finds. NDJSON, the most frequent first,
//! closed by a summary line.

use super::params::{BadParam, SearchParams, Wanted};
use super::search::{covered, request_without_client};
use super::{Api, error, internal, respond};
use axum::body::Body;
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use logweir_base::pattern::PatternId;
use logweir_base::time::Timestamp;
use logweir_indexer::{Pattern, PatternStats, SearchRequest, SearchSummary, TREND_HOURS};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// One line of the answer.
#[derive(Serialize)]
struct PatternJson<'a> {
    pattern: PatternId,
    template: &'a str,
    count: u64,
    first: String,
    last: String,
    severity_number: u8,
    #[serde(rename = "service.name")]
    service: &'a str,
    sample: &'a str,
    /// Records of each of the last hours, the latest last: the same hours for all patterns of the answer.
    trend: [u32; TREND_HOURS],
}

/// `GET /api/v1/patterns?q=&since=&until=&limit=`
pub async fn patterns(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<SearchParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let wanted =
        params.map_err(|rejection| BadParam { reason: rejection.body_text(), column: None }).and_then(
            |UrlQuery(params)| Ok((params.asks_for_all(), params.read(&api.moment())?.without_pipes()?)),
        );
    let (all, wanted) = match wanted {
        Ok(wanted) => wanted,
        Err(bad) => return error(400, &bad),
    };
    let Ok(permit) = api.searches.clone().acquire_owned().await else {
        return internal("the server is stopping");
    };
    let answer = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let limit = wanted.limit;
        let (patterns, summary) = if all { counted(&api) } else { found(&api, wanted) };
        answer(&patterns, limit, &summary)
    });
    match answer.await {
        Ok(body) => respond(200, "application/x-ndjson", Body::from(body)),
        Err(_) => internal("the patterns could not be listed"),
    }
}

/// Of all records, as they were counted.
fn counted(api: &Api) -> (Vec<Pattern>, SearchSummary) {
    let covered = covered(api);
    (api.store.patterns(), SearchSummary { partial: !covered, ..SearchSummary::default() })
}

/// Of the records that a search finds.
fn found(api: &Api, wanted: Wanted) -> (Vec<Pattern>, SearchSummary) {
    let covered = covered(api);
    let (patterns, mut summary) = of_request(api, &request_without_client(&wanted));
    summary.partial |= !covered;
    (patterns, summary)
}

/// The patterns of all records that a request finds, the most frequent first.
pub(super) fn of_request(api: &Api, request: &SearchRequest) -> (Vec<Pattern>, SearchSummary) {
    let mut stats: BTreeMap<PatternId, PatternStats> = BTreeMap::new();
    let request = SearchRequest { limit: None, ..request.clone() };
    let summary = api.store.search(&request, &mut |hit| {
        let view = &hit.view;
        if view.pattern != PatternId::NONE {
            stats
                .entry(view.pattern)
                .and_modify(|stats| stats.add(view.time, view.severity))
                .or_insert_with(|| PatternStats::new(view.time, view.severity, view.service, view.text));
        }
        ControlFlow::Continue(())
    });
    let named = |(id, stats)| Pattern { id, template: api.store.template(id).unwrap_or_default(), stats };
    let mut patterns: Vec<_> = stats.into_iter().map(named).collect();
    patterns.sort_by(|a, b| b.stats.count.cmp(&a.stats.count).then(a.id.cmp(&b.id)));
    (patterns, summary)
}

fn answer(patterns: &[Pattern], limit: Option<u64>, summary: &SearchSummary) -> Vec<u8> {
    let latest = patterns.iter().map(|pattern| pattern.stats.last).max().unwrap_or_default();
    let most = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    for pattern in patterns.iter().take(most) {
        serde_json::to_writer(&mut body, &json_of(pattern, latest)).expect("plain data always serialises");
        body.push(b'\n');
    }
    let records: u64 = patterns.iter().map(|pattern| pattern.stats.count).sum();
    let summary = serde_json::json!({ "summary": {
        "patterns": patterns.len(),
        "records": records,
        "partial": summary.partial,
        "errors": summary.errors,
    }});
    body.extend_from_slice(format!("{summary}\n").as_bytes());
    body
}

fn json_of(pattern: &Pattern, latest: Timestamp) -> PatternJson<'_> {
    let Pattern { id, template, stats } = pattern;
    PatternJson {
        pattern: *id,
        template,
        count: stats.count,
        first: stats.first.to_string(),
        last: stats.last.to_string(),
        severity_number: stats.severity.0,
        service: &stats.service,
        sample: &stats.sample,
        trend: stats.trend_until(latest),
    }
}
