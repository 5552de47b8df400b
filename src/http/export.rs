//! Exports over HTTP: all that a query finds, however much, in constant memory. NDJSON as a search gives it, with a line
//! about progress now and then for whoever asks for it (`progress=true`), closed by the summary line: an answer without one was cut short.
//!
//! There is no deadline. An export ends when all is sent, or at its next chunk once the client has left; a client that
//! reads slowly is waited for, and holds one of [`super::EXPORTS_MAX`] places and the splits as they were at its start.

use super::hit::write_with_fields;
use super::params::{BadParam, Wanted, limit_param, order_param};
use super::projection::Projection;
use super::search::{CHUNK_BYTES, CHUNKS_MAX, covered, request_of, send, write_summary};
use super::{Api, EXPORTS_MAX, error, internal, ndjson};
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::parse::{Parser, Record};
use logweir_base::query::Moment;
use logweir_base::time::Timestamp;
use logweir_indexer::{Hit, Order, SearchRequest};
use serde::Deserialize;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Chunks between two lines about progress: 2 MiB.
const CHUNKS_PER_PROGRESS: u64 = 64;
/// What looking for the last record's time may cost; it only serves to show progress.
const LAST_DEADLINE: Duration = Duration::from_millis(500);

/// Parameters of `/api/v1/export`; unknown ones are refused, since a typo must not widen an export.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportParams {
    q: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    fields: Option<String>,
    /// `true` for lines about progress.
    progress: Option<String>,
}

impl ExportParams {
    /// Reads all parameters. Unlike a search, an export is of all, the oldest first, when nothing else is said.
    fn read(&self, now: &Moment) -> Result<(Wanted, Projection), BadParam> {
        let scope = Wanted::in_scope(self.q.as_deref(), self.since.as_deref(), self.until.as_deref(), now)?;
        let wanted = Wanted {
            limit: limit_param(self.limit.as_deref(), None)?,
            newest_first: order_param(self.order.as_deref(), false)?,
            ..scope
        };
        Ok((wanted, Projection::read(self.fields.as_deref().unwrap_or_default())?))
    }
}

/// `GET /api/v1/export?q=&since=&until=&limit=&order=&fields=&progress=`
pub async fn export(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<ExportParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let wanted = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| {
            let shows = params.progress.as_deref() == Some("true");
            params.read(&api.moment()).map(|(wanted, projection)| (wanted, projection, shows))
        });
    let (wanted, projection, shows_progress) = match wanted {
        Ok(wanted) => wanted,
        Err(bad) => return error(400, &bad),
    };
    let Ok(permit) = api.exports.clone().try_acquire_owned() else {
        return internal(&format!("{EXPORTS_MAX} exports are running; try again when one is done"));
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        stream(&api, wanted, projection, shows_progress, chunks);
        drop(permit);
    });
    ndjson(answer)
}

/// Runs the export on a thread where it may take its time.
fn stream(
    api: &Api,
    wanted: Wanted,
    projection: Projection,
    shows_progress: bool,
    chunks: mpsc::Sender<Bytes>,
) {
    let covered = covered(api);
    let request = SearchRequest { deadline: None, ..request_of(&wanted, &chunks) };
    let mut export = Export {
        chunks,
        buffer: Vec::with_capacity(2 * CHUNK_BYTES),
        parser: Parser::new(),
        projection,
        progress: shows_progress.then(|| Progress::of(&request, last_time(api, &request))),
        client: Client::Listens,
    };
    let summary = api.store.search(&request, &mut |hit| export.take(hit));
    if export.client == Client::Listens {
        write_summary(&mut export.buffer, &summary, covered);
        // Failing means that the client has left, which is its right.
        let _ = send(&export.chunks, &mut export.buffer);
    }
}

/// The time of the record that will come last, if it is found soon.
fn last_time(api: &Api, request: &SearchRequest) -> Option<Timestamp> {
    let order = if request.order == Order::Oldest { Order::Newest } else { Order::Oldest };
    let request = SearchRequest { order, limit: Some(1), deadline: Some(LAST_DEADLINE), ..request.clone() };
    let mut time = None;
    api.store.search(&request, &mut |hit| {
        time = Some(hit.view.time);
        ControlFlow::Break(())
    });
    time
}

/// Whether anybody still wants it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Client {
    Listens,
    HasLeft,
}

/// An export under way.
struct Export {
    chunks: mpsc::Sender<Bytes>,
    buffer: Vec<u8>,
    parser: Parser,
    projection: Projection,
    progress: Option<Progress>,
    client: Client,
}

impl Export {
    fn take(&mut self, hit: &Hit<'_>) -> ControlFlow<()> {
        let fields = self.projection.of(&hit.view, &mut self.parser);
        let record = Record::of(&hit.view, &mut self.parser);
        write_with_fields(&mut self.buffer, hit, &record, fields);
        self.progress.iter_mut().for_each(|progress| progress.hit(hit.view.time));
        if self.buffer.len() < CHUNK_BYTES {
            return ControlFlow::Continue(());
        }
        if let Some(progress) = self.progress.as_mut().and_then(Progress::chunk) {
            writeln!(self.buffer, "{progress}").expect("memory takes writes");
        }
        match send(&self.chunks, &mut self.buffer) {
            Ok(()) => ControlFlow::Continue(()),
            Err(()) => {
                self.client = Client::HasLeft;
                ControlFlow::Break(())
            }
        }
    }
}

/// How far an export is. It goes through time, so the share that is done is a share of time.
#[derive(Debug)]
struct Progress {
    hits: u64,
    chunks: u64,
    /// Time of the first record, then of the latest.
    first: Option<Timestamp>,
    now_at: Timestamp,
    /// Where it will end, as far as known.
    last: Option<Timestamp>,
}

impl Progress {
    fn of(request: &SearchRequest, last: Option<Timestamp>) -> Self {
        let bound = if request.order == Order::Oldest { request.until } else { request.since };
        Self { hits: 0, chunks: 0, first: None, now_at: Timestamp::default(), last: last.or(bound) }
    }

    fn hit(&mut self, time: Timestamp) {
        self.hits += 1;
        self.first.get_or_insert(time);
        self.now_at = time;
    }

    /// One more chunk is full; now and then that is worth a line.
    fn chunk(&mut self) -> Option<serde_json::Value> {
        self.chunks += 1;
        self.chunks.is_multiple_of(CHUNKS_PER_PROGRESS).then(|| {
            serde_json::json!({ "progress": {
                "hits": self.hits,
                "time": self.now_at.to_string(),
                "share": self.share(),
            }})
        })
    }

    /// From 0 to 1; `None` when it is not known where it ends.
    fn share(&self) -> Option<f64> {
        let (first, last) = (self.first?, self.last?);
        let span = |from: Timestamp, to: Timestamp| (to.0 as f64 - from.0 as f64).abs();
        let whole = span(first, last);
        (whole > 0.0).then(|| (span(first, self.now_at) / whole).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_is_of_all_the_oldest_first() {
        let now = Moment::from(Timestamp::from_seconds(1_000_000));
        let (wanted, _) = ExportParams::default().read(&now).expect("defaults are fine");
        assert_eq!((wanted.limit, wanted.newest_first), (None, false));
        let params = ExportParams { order: Some("up".to_owned()), ..ExportParams::default() };
        assert!(params.read(&now).is_err_and(|bad| bad.reason.starts_with("order: `up`")));
    }

    #[test]
    fn progress_is_a_share_of_the_time_in_either_direction() {
        let check = |first: i64, at: i64, last: Option<i64>, expected: Option<f64>| {
            let time = Timestamp::from_seconds;
            let mut progress =
                Progress { hits: 0, chunks: 0, first: None, now_at: time(0), last: last.map(time) };
            progress.hit(time(first));
            progress.hit(time(at));
            assert_eq!(progress.share(), expected, "{first} {at} {last:?}");
        };
        check(100, 125, Some(200), Some(0.25));
        check(200, 150, Some(100), Some(0.5));
        check(100, 300, Some(200), Some(1.0));
        check(100, 100, Some(100), None);
        check(100, 125, None, None);
    }

    #[test]
    fn a_line_about_progress_comes_now_and_then() {
        let mut progress =
            Progress { hits: 0, chunks: 0, first: None, now_at: Timestamp::default(), last: None };
        let lines = (0..CHUNKS_PER_PROGRESS * 3).filter(|_| progress.chunk().is_some()).count();
        assert_eq!(lines, 3);
    }
}
