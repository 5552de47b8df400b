//! Live tail: lines as they become durable, before they are in any split, judged by the same matcher as a search.

use super::hit::write_hit;
use super::params::{BadParam, parse_query};
use super::search::{CHUNKS_MAX, send};
use super::{Api, error, ndjson};
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::entry::{Entry, EntryBody, RecordBatch};
use logweir_base::ids::Position;
use logweir_base::parse::{Parser, RecordView};
use logweir_base::query::Matcher;
use logweir_indexer::{Hit, Store};
use logweir_router::Step;
use serde::Deserialize;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often a quiet tail looks whether its client is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Parameters of `/api/v1/tail`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailParams {
    q: Option<String>,
}

/// `GET /api/v1/tail?q=`: endless NDJSON.
pub async fn tail(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<TailParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let query = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| parse_query(params.q.as_deref().unwrap_or("*")));
    let matcher = match query {
        Ok(query) => Matcher::new(&query),
        Err(bad) => return error(400, &bad),
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    let after = api.router.durable();
    std::thread::spawn(move || {
        Tail { matcher, parser: Parser::new(), after, buffer: Vec::new() }.run(&api, &chunks)
    });
    ndjson(answer)
}

struct Tail {
    matcher: Matcher,
    parser: Parser,
    after: Position,
    buffer: Vec<u8>,
}

impl Tail {
    /// Until the client leaves or the server stops. A client that is too slow for the stream loses the stretch that has
    /// left memory, and is told so: the lines are there for a search.
    fn run(mut self, api: &Api, chunks: &mpsc::Sender<Bytes>) {
        while !chunks.is_closed() {
            match api.router.feed().next(self.after, LOOK_EVERY) {
                Step::Entry(entry) => {
                    self.take(&entry, &api.store);
                    self.after = entry.position;
                }
                Step::Behind => self.skip_to(api.router.durable()),
                Step::Idle => {}
                Step::Closed => return,
            }
            if !self.buffer.is_empty() && send(chunks, &mut self.buffer).is_err() {
                return;
            }
        }
    }

    fn skip_to(&mut self, position: Position) {
        let skipped = position.0.saturating_sub(self.after.0);
        self.after = position;
        writeln!(self.buffer, "{}", serde_json::json!({ "skipped": skipped })).expect("memory takes writes");
    }

    /// What the indexer has applied has its patterns; `pattern:ID` is judged by them.
    fn take(&mut self, entry: &Entry, store: &Store) {
        let EntryBody::Records(batch) = &entry.body else {
            return;
        };
        store.wait_covers(entry.position, LOOK_EVERY);
        for (number, record) in batch.records.iter().enumerate() {
            let view = RecordView { pattern: store.pattern_of(record.shape), ..batch.view(record) };
            if self.matcher.matches(&view) {
                let hit = hit_of(entry, batch, number, view);
                write_hit(&mut self.buffer, &hit, &mut self.parser);
            }
        }
    }
}

fn hit_of<'a>(entry: &Entry, batch: &'a RecordBatch, number: usize, view: RecordView<'a>) -> Hit<'a> {
    let line = &batch.records[number];
    Hit {
        view,
        raw: batch.raw_of(line),
        position: entry.position,
        line: u32::try_from(number).expect("a batch has fewer lines"),
        received: entry.received,
        source: batch.source,
        offset: line.offset,
        range_len: u64::from(line.range_len),
        meta: line.meta,
        gap: false,
    }
}
