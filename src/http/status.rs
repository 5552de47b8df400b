//! Status for people and for probes, and the reload.

use super::delete::is_of_another_site;
use super::params::BadParam;
use super::{Api, error, json};
use crate::client::{
    DiskStatus, ErrorStatus, FollowerStatus, GapStatus, IndexStatus, JournalStatus, SourceStatus, Status,
};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use logweir_base::ids::{Position, SourceId};
use logweir_indexer::SearchRequest;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Work that waits this long without any of it being done means that something hangs.
const STALL: Duration = Duration::from_secs(30);

/// Gaps that a status shows, and how long it may look for them.
const GAPS_MAX: u64 = 20;
const GAPS_DEADLINE: Duration = Duration::from_secs(2);

/// `GET /api/v1/status`
pub async fn status(State(api): State<Arc<Api>>) -> Response {
    let status = tokio::task::spawn_blocking(move || gather(&api)).await;
    match status {
        Ok(Some(status)) => json(200, &serde_json::to_value(status).expect("plain data always serialises")),
        _ => super::internal("the journal does not answer: its disk may hang"),
    }
}

/// `GET /ready`: 200 when the server takes and finds lines, 503 with the reason otherwise.
pub async fn ready(State(api): State<Arc<Api>>) -> Response {
    let reason = if api.store.applied() < api.starting {
        Some("starting: the journal is being replayed")
    } else if api.watchdog.is_stalled(api.router.durable(), api.store.applied()) {
        Some("lines wait and the index does not move")
    } else {
        None
    };
    match reason {
        None => json(200, &serde_json::json!({ "ready": true })),
        Some(reason) => json(503, &serde_json::json!({ "ready": false, "reason": reason })),
    }
}

/// `POST /-/reload`: the changed configuration is taken over when all of it is right; else the old one runs on.
pub async fn reload(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    if is_of_another_site(&headers) {
        let reason = "a page of another site must not reload this server".to_owned();
        return error(403, &BadParam { reason, column: None });
    }
    let outcome = tokio::task::spawn_blocking(move || (api.reload)()).await;
    match outcome {
        Ok(Ok(())) => json(200, &serde_json::json!({ "reloaded": true })),
        Ok(Err(reason)) => error(400, &BadParam { reason, column: None }),
        Err(_) => super::internal("the reload failed"),
    }
}

/// Health by progress (S12): up is not enough, what waits has to move.
#[derive(Default)]
pub struct Watchdog {
    last: Mutex<Option<(Position, Instant)>>,
}

impl Watchdog {
    fn is_stalled(&self, durable: Position, applied: Position) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *last {
            Some((seen, since)) if seen == applied && applied < durable => since.elapsed() > STALL,
            _ => {
                *last = Some((applied, Instant::now()));
                false
            }
        }
    }
}

fn gather(api: &Api) -> Option<Status> {
    let router = api.router.status()?;
    let index = api.store.status();
    let durable = router.durable.0;
    let follower = |(name, progress): (String, logweir_router::Progress)| FollowerStatus {
        lag: durable.saturating_sub(progress.applied.0),
        position: progress.committed.0,
        name,
    };
    let errors = router.errors.iter().rev();
    let mut errors: Vec<_> =
        errors.map(|e| ErrorStatus { time: e.time.to_string(), message: e.text.clone() }).collect();
    let now = api.clock.now().to_string();
    errors.extend(index.errors.iter().map(|e| ErrorStatus { time: now.clone(), message: e.clone() }));
    let alerter = api.alerter.memory().errors.clone();
    errors.extend(alerter.into_iter().map(|message| ErrorStatus { time: now.clone(), message }));
    Some(Status {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: api.started.elapsed().as_secs(),
        sources: sources(api, &router),
        journal: JournalStatus {
            position: durable,
            bytes: router.journal_bytes,
            segments: router.segments as u64,
            full: router.full,
        },
        index: IndexStatus {
            lines: index.split_lines + index.tail_lines,
            splits: index.splits as u64,
            bytes: index.split_bytes,
            tail_lines: index.tail_lines,
        },
        disk: DiskStatus { path: api.data.display().to_string(), free_bytes: free_bytes(&api.data) },
        gaps: gaps(api),
        errors,
        followers: router.followers.into_iter().map(follower).collect(),
    })
}

/// Sources as the router knows them, newest first; sizes where this process tails the file itself.
fn sources(api: &Api, router: &logweir_router::Status) -> Vec<SourceStatus> {
    let files = api.shipper.snapshot().files;
    let sizes: HashMap<SourceId, u64> = files.iter().filter_map(|f| Some((f.source?, f.size))).collect();
    let mut known: Vec<_> = router.sources.iter().collect();
    known.sort_by_key(|source| std::cmp::Reverse(source.last_received));
    let row = |source: &&logweir_router::SourceStatus| SourceStatus {
        path: source.path.clone(),
        host: source.host.clone(),
        shipper: source.shipper.clone(),
        position: source.hwm.0,
        size: sizes.get(&source.source).copied(),
        state: if source.closed { "closed" } else { "live" }.to_owned(),
    };
    known.iter().map(row).collect()
}

/// The newest gaps, as the log store has them: each is a line of JSON of our own making.
fn gaps(api: &Api) -> Vec<GapStatus> {
    let request = SearchRequest {
        limit: Some(GAPS_MAX),
        deadline: Some(GAPS_DEADLINE),
        ..SearchRequest::of("kind:gap".parse().expect("a query of ours"))
    };
    let mut gaps = Vec::new();
    api.store.search(&request, &mut |hit| {
        if let (true, Ok(gap)) = (hit.gap, serde_json::from_slice::<serde_json::Value>(hit.view.text)) {
            gaps.push(GapStatus {
                path: hit.view.resource.path.clone(),
                host: hit.view.resource.host.clone(),
                start: hit.offset.0,
                end: hit.offset.0.saturating_add(hit.range_len),
                reason: gap["reason"].as_str().unwrap_or_default().to_owned(),
            });
        }
        ControlFlow::Continue(())
    });
    gaps
}

/// Bytes that can still be written where `path` is; 0 when nobody can tell.
fn free_bytes(path: &std::path::Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
