//! Searches over HTTP: NDJSON, streamed as it is found, closed by a summary line so that a cut answer shows.

use super::hit::write_hit;
use super::params::{BadParam, SearchParams, Wanted, parse_query};
use super::{Api, error, internal, ndjson};
use axum::extract::{Path, Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::parse::Parser;
use logweir_indexer::{Order, SearchRequest, SearchSummary};
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A search gives what it has after this long and says that it is partial.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// How long a search waits for the tail to cover what is acknowledged, before it answers for what it has.
const COVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Answer bytes handed over at a time, and how many of such chunks wait for a slow client.
pub(super) const CHUNK_BYTES: usize = 32 << 10;
pub(super) const CHUNKS_MAX: usize = 8;

/// `GET /api/v1/search?q=&since=&until=&limit=&order=`
pub async fn search(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<SearchParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let wanted = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| params.read(api.clock.now()));
    match wanted {
        Ok(wanted) => run(api, wanted).await,
        Err(bad) => error(400, &bad),
    }
}

/// `GET /api/v1/trace/{id}`: every line of one trace, oldest first.
pub async fn trace(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if id.is_empty() || id.len() > 128 || !id.chars().all(plain) {
        let reason = "trace: an id of letters, digits, `-`, `_`, `.` and `:` is expected".to_owned();
        return error(400, &BadParam { reason, column: None });
    }
    match parse_query(&format!("trace:\"{id}\"")) {
        Ok(query) => {
            run(api, Wanted { query, since: None, until: None, limit: None, newest_first: false }).await
        }
        Err(bad) => error(400, &bad),
    }
}

async fn run(api: Arc<Api>, wanted: Wanted) -> Response {
    let Ok(permit) = api.searches.clone().acquire_owned().await else {
        return internal("the server is stopping");
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        stream(&api, wanted, &chunks);
        drop(permit);
    });
    ndjson(answer)
}

/// Runs the search on a thread where it may take its time; a client that leaves ends it at its next chunk.
fn stream(api: &Api, wanted: Wanted, chunks: &mpsc::Sender<Bytes>) {
    let covered = covered(api);
    let request = request_of(wanted, DEADLINE);
    let mut parser = Parser::new();
    let mut buffer = Vec::with_capacity(2 * CHUNK_BYTES);
    let mut left = false;
    let summary = api.store.search(&request, &mut |hit| {
        write_hit(&mut buffer, hit, &mut parser);
        left = buffer.len() >= CHUNK_BYTES && send(chunks, &mut buffer).is_err();
        if left { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if !left {
        write_summary(&mut buffer, &summary, covered);
        // Failing means that the client has left, which is its right.
        let _ = send(chunks, &mut buffer);
    }
}

/// Waits until all that is acknowledged can be found; false when that takes too long.
pub(super) fn covered(api: &Api) -> bool {
    api.store.wait_covers(api.router.durable(), COVER_TIMEOUT)
}

/// What is wanted, as the store is asked for it.
pub(super) fn request_of(wanted: Wanted, deadline: Duration) -> SearchRequest {
    SearchRequest {
        query: wanted.query,
        since: wanted.since,
        until: wanted.until,
        order: if wanted.newest_first { Order::Newest } else { Order::Oldest },
        limit: wanted.limit,
        deadline: Some(deadline),
    }
}

/// Hands over what is written so far; an error when the client has left.
pub(super) fn send(chunks: &mpsc::Sender<Bytes>, buffer: &mut Vec<u8>) -> Result<(), ()> {
    let chunk = Bytes::copy_from_slice(buffer);
    buffer.clear();
    chunks.blocking_send(chunk).map_err(drop)
}

/// The line that closes an answer.
pub(super) fn write_summary(buffer: &mut Vec<u8>, summary: &SearchSummary, covered: bool) {
    let json = serde_json::json!({ "summary": {
        "hits": summary.hits,
        "partial": summary.partial || !covered,
        "complete_up_to": summary.complete_up_to,
        "blocks_decoded": summary.blocks_decoded,
        "lines_verified": summary.lines_verified,
        "errors": summary.errors,
    }});
    writeln!(buffer, "{json}").expect("memory takes writes");
}
