//! Live tail: lines as they become durable, before they are in any split, judged by the same matcher as a search.
//!
//! ```text
//! {...a hit...}
//! {"skipped": 1234}                         records that match and were left out since the last such line
//! {"skipped": 0, "unread_batches": 7}       and batches that left memory before anybody could look at them
//! ```
//!
//! A record is left out when its second has had `rate` hits, or when the client does not take what waits for it. Either way
//! it is judged first, so that the count is one of hits.

use super::hit::write_hit;
use super::params::{BadParam, parse_query};
use super::rate::RateLimit;
use super::search::CHUNKS_MAX;
use super::{Api, error, internal, ndjson};
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::entry::{Entry, EntryBody, RecordBatch};
use logweir_base::ids::Position;
use logweir_base::parse::{Parser, RecordView};
use logweir_base::query::{Matcher, Moment, Query};
use logweir_base::time::Timestamp;
use logweir_indexer::Hit;
use logweir_router::Step;
use serde::Deserialize;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{self, error::TrySendError};

/// How often a quiet tail looks whether its client is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Hits a second when nobody says how many: more than anybody reads.
const RATE_DEFAULT: u64 = 500;
/// Answer bytes collected before hits are left out for a client that does not take them.
const CHUNK_BYTES: usize = 64 << 10;
/// How long a client that is busy is waited for: entries stay in memory for longer than that.
const PATIENCE: Duration = Duration::from_millis(100);

/// Parameters of `/api/v1/tail`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TailParams {
    q: Option<String>,
    rate: Option<String>,
}

impl TailParams {
    /// Reads all parameters: what to show, and how much of it a second.
    fn read(&self, now: &Moment) -> Result<(Query, u64), BadParam> {
        let query = parse_query(self.q.as_deref().unwrap_or("*"), now)?;
        let rate = match self.rate.as_deref().unwrap_or_default() {
            "" => Ok(RATE_DEFAULT),
            text => text.parse().map_err(|_| {
                let text = text.escape_debug();
                let reason = format!("rate: `{text}` is not a whole number of hits a second; 0 means all");
                BadParam { reason, column: None }
            }),
        };
        Ok((query, rate?))
    }
}

/// `GET /api/v1/tail?q=&rate=`: endless NDJSON, hits and now and then how many records were left out.
pub async fn tail(
    State(api): State<Arc<Api>>,
    params: Result<UrlQuery<TailParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let wanted = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| params.read(&api.moment()));
    let (query, rate) = match wanted {
        Ok(wanted) => wanted,
        Err(bad) => return error(400, &bad),
    };
    let Ok(runtime) = Builder::new_current_thread().enable_time().build() else {
        return internal("there are too many open files");
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    let tail = Tail {
        matcher: Matcher::new(&query),
        parser: Parser::new(),
        after: api.router.durable(),
        limit: RateLimit::new(rate),
        unread: 0,
        out: Outlet { chunks, runtime, buffer: Vec::new(), is_slow: false },
    };
    std::thread::spawn(move || tail.run(&api));
    ndjson(answer)
}

struct Tail {
    matcher: Matcher,
    parser: Parser,
    after: Position,
    limit: RateLimit,
    /// Journal records that left memory before they were read; not reported yet.
    unread: u64,
    out: Outlet,
}

/// The client has left.
struct Left;

impl Tail {
    /// Until the client leaves or the server stops. What is more than the rate, or more than the client takes, is left out,
    /// and the client is told how much: the lines are there for a search.
    fn run(mut self, api: &Api) {
        while !self.out.chunks.is_closed() {
            let step = api.router.feed().next(self.after, LOOK_EVERY);
            let taken = match step {
                Step::Entry(entry) => {
                    self.after = entry.position;
                    self.take(&entry, api)
                }
                Step::Behind => {
                    let durable = api.router.durable();
                    self.unread += durable.0.saturating_sub(self.after.0);
                    self.after = durable;
                    Ok(())
                }
                Step::Idle => Ok(()),
                Step::Closed => return,
            };
            self.report(api.clock.now());
            if taken.and_then(|()| self.out.hand_over(Wait::No)).is_err() {
                return;
            }
        }
    }

    /// What the indexer has applied has its patterns; `pattern:ID` is judged by them.
    fn take(&mut self, entry: &Entry, api: &Api) -> Result<(), Left> {
        let EntryBody::Records(batch) = &entry.body else {
            return Ok(());
        };
        api.store.wait_covers(entry.position, LOOK_EVERY);
        for (number, record) in batch.records.iter().enumerate() {
            let view = RecordView { pattern: api.store.pattern_of(record.shape), ..batch.view(record) };
            if self.matcher.matches(&view) {
                self.found(&hit_of(entry, batch, number, view), api.clock.now())?;
            }
        }
        Ok(())
    }

    /// Writes a hit, or counts it when there are too many.
    fn found(&mut self, hit: &Hit<'_>, now: Timestamp) -> Result<(), Left> {
        self.report(now);
        if !self.limit.admits(now) {
            return Ok(());
        }
        if self.out.buffer.len() >= CHUNK_BYTES {
            self.out.hand_over(Wait::ALittle)?;
        }
        match self.out.buffer.len() < CHUNK_BYTES {
            true => write_hit(&mut self.out.buffer, hit, &mut self.parser),
            false => self.limit.skip(),
        }
        Ok(())
    }

    /// Tells what was left out, where the hits are missing; later when the client takes nothing at all.
    fn report(&mut self, now: Timestamp) {
        if self.out.buffer.len() >= CHUNK_BYTES {
            return;
        }
        let skipped = self.limit.report(now);
        if skipped.is_none() && self.unread == 0 {
            return;
        }
        let mut json = serde_json::json!({ "skipped": skipped.unwrap_or(0) });
        if self.unread > 0 {
            json["unread_batches"] = self.unread.into();
        }
        self.unread = 0;
        writeln!(self.out.buffer, "{json}").expect("memory takes writes");
    }
}

/// Where hits go. At most a chunk is collected here, and [`CHUNKS_MAX`] wait for the client.
struct Outlet {
    chunks: mpsc::Sender<Bytes>,
    /// Of this tail alone, for waiting: the server's may end before it.
    runtime: Runtime,
    buffer: Vec<u8>,
    /// Was waited for in vain, and has taken nothing since.
    is_slow: bool,
}

/// Whether a client that is busy is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// It is not.
    No,
    /// For [`PATIENCE`], unless that was in vain the last time.
    ALittle,
}

impl Outlet {
    /// Hands over what is written so far; keeps it when the client does not take it.
    fn hand_over(&mut self, wait: Wait) -> Result<(), Left> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let free = match self.chunks.try_reserve() {
            Ok(free) => Some(free),
            Err(TrySendError::Closed(())) => return Err(Left),
            Err(TrySendError::Full(())) if wait == Wait::ALittle && !self.is_slow => {
                let free = async { tokio::time::timeout(PATIENCE, self.chunks.reserve()).await };
                let free = self.runtime.block_on(free).ok().transpose().map_err(|_| Left)?;
                self.is_slow = free.is_none();
                free
            }
            Err(TrySendError::Full(())) => None,
        };
        if let Some(free) = free {
            free.send(Bytes::copy_from_slice(&self.buffer));
            self.buffer.clear();
            self.is_slow = false;
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_of_hits() {
        let rate = |text: Option<&str>| {
            let params = TailParams { q: None, rate: text.map(str::to_owned) };
            params.read(&Moment::default()).map(|(_, rate)| rate).map_err(|bad| bad.reason)
        };
        assert_eq!((rate(None), rate(Some("")), rate(Some("0"))), (Ok(500), Ok(500), Ok(0)));
        assert!(rate(Some("-1")).is_err_and(|reason| reason.starts_with("rate: ")));
    }
}
