//! Searches over HTTP: NDJSON, closed by a summary line so that a cut answer shows. Hits are streamed as they are found; the
//! rows of a table, and hits of chosen fields, follow a line that names their columns.

use super::hits::{HitPlan, HitWriter};
use super::params::{BadParam, SearchParams, Wanted};
use super::{Api, SEARCHES_MAX, error, internal, ndjson, table};
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_indexer::{Cancel, Order, SearchRequest, SearchSummary};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// A search gives what it has after this long and says that it is partial.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// A search waits at least this long for its turn, however little time it has.
const TURN_MIN: Duration = Duration::from_secs(1);
/// How long a search waits for the tail to cover what is acknowledged, before it answers for what it has.
const COVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Answer bytes handed over at a time, and how many of such chunks wait for a slow client.
pub(super) const CHUNK_BYTES: usize = 32 << 10;
pub(super) const CHUNKS_MAX: usize = 8;

/// `GET /api/v1/search?q=&since=&until=&limit=&order=&timeout=`
pub async fn search(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<SearchParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let wanted = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| params.read(&api.moment()));
    match wanted {
        Ok(wanted) => run(api, wanted).await,
        Err(bad) => error(400, &bad),
    }
}

/// Runs the search on a thread where it may take its time; a client that leaves ends it. Waiting for its turn counts.
async fn run(api: Arc<Api>, mut wanted: Wanted) -> Response {
    let asked = Instant::now();
    let turn = tokio::time::timeout(wanted.deadline.max(TURN_MIN), api.searches.clone().acquire_owned());
    let permit = match turn.await {
        Ok(Ok(permit)) => permit,
        Ok(Err(_)) => return internal("the server is stopping"),
        Err(_) => {
            return internal(&format!("{SEARCHES_MAX} other searches have taken all the time; try again"));
        }
    };
    wanted.deadline = wanted.deadline.saturating_sub(asked.elapsed());
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        let covered = covered(&api);
        // Failing means that the client has left, which is its right.
        let _ = match &wanted.reduce {
            Some(reduce) => table::answer(&api, &wanted, reduce, covered, &chunks),
            None => hits(&api, &wanted, covered, &chunks),
        };
        api.latencies.search.record(asked.elapsed());
        drop(permit);
    });
    ndjson(answer)
}

fn hits(api: &Api, wanted: &Wanted, covered: bool, chunks: &mpsc::Sender<Bytes>) -> Result<(), ()> {
    let plan = HitPlan::of(&wanted.steps, wanted.limit);
    let request = SearchRequest { limit: plan.first, ..request_of(wanted, chunks) };
    let mut writer = HitWriter::new(api, &plan, &request);
    let mut left = Ok(());
    let mut summary = api.store.search(&request, &mut |hit| {
        writer.take(hit);
        if writer.buffer.len() >= CHUNK_BYTES {
            left = send(chunks, &mut writer.buffer);
        }
        if left.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    left?;
    writer.finish(&mut summary);
    for chunk in writer.buffer.chunks(CHUNK_BYTES) {
        chunks.blocking_send(Bytes::copy_from_slice(chunk)).map_err(drop)?;
    }
    let mut buffer = Vec::new();
    write_summary(&mut buffer, &summary, covered);
    send(chunks, &mut buffer)
}

/// Waits until all that is acknowledged can be found; false when that takes too long.
pub(super) fn covered(api: &Api) -> bool {
    api.store.wait_covers(api.router.durable(), COVER_TIMEOUT)
}

/// What is wanted, as the store is asked for it; ended when the client leaves.
pub(super) fn request_of(wanted: &Wanted, chunks: &mpsc::Sender<Bytes>) -> SearchRequest {
    let chunks = chunks.clone();
    SearchRequest { cancel: Cancel::when(move || chunks.is_closed()), ..request_without_client(wanted) }
}

/// As [`request_of`], for an answer that is made as a whole.
pub(super) fn request_without_client(wanted: &Wanted) -> SearchRequest {
    SearchRequest {
        since: wanted.since,
        until: wanted.until,
        order: if wanted.newest_first { Order::Newest } else { Order::Oldest },
        limit: wanted.limit,
        deadline: Some(wanted.deadline),
        ..SearchRequest::of(wanted.query.clone())
    }
}

/// Hands over what is written so far; an error when the client has left.
pub(super) fn send(chunks: &mpsc::Sender<Bytes>, buffer: &mut Vec<u8>) -> Result<(), ()> {
    let chunk = Bytes::copy_from_slice(buffer);
    buffer.clear();
    chunks.blocking_send(chunk).map_err(drop)
}

/// Appends the line that closes an answer.
pub(super) fn write_summary(buffer: &mut Vec<u8>, summary: &SearchSummary, covered: bool) {
    write_summary_of(buffer, summary, covered, None);
}

/// The same, with the metric that counts come from, if they do.
pub(super) fn write_summary_of(
    buffer: &mut Vec<u8>,
    summary: &SearchSummary,
    covered: bool,
    metric: Option<&str>,
) {
    let mut json = serde_json::json!({ "summary": {
        "hits": summary.hits,
        "partial": summary.partial || !covered,
        "complete_up_to": summary.complete_up_to,
        "blocks_decoded": summary.blocks_decoded,
        "lines_verified": summary.lines_verified,
        "errors": summary.errors,
    }});
    if let Some(metric) = metric {
        json["summary"]["counted_by"] = metric.into();
    }
    writeln!(buffer, "{json}").expect("memory takes writes");
}
