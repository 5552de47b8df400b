//! A trace over HTTP: its lines in the order in which things happened, then what they say together, then a summary.
//!
//! ```text
//! {...a hit..., "offset_ms": 12.345, "adjusted": "2026-11-23T10:15:00.012345Z"}    adjusted: when its host's clock was corrected
//! {"story": {"trace_id", "start", "duration_ms", "services", "hosts", "spans", "gaps", ...}}    see trace::Story
//! {"took_part": {"exceptions": [...], "episodes": [...]}}    when it took part in any; see alerting::TookPart
//! {"summary": {"hits", "partial", "complete_up_to", "errors", ...}}
//! ```
//!
//! Order needs all lines before the first is sent, so they are held: at most [`LINES_MAX`] and [`HELD_BYTES_MAX`]. A longer
//! trace is told up to there, and the summary says that it is partial and why.

use super::alerting::{Looker, TookPart, TraceLine};
use super::hit::{extend_hit, write_record};
use super::params::{BadParam, Wanted};
use super::search::{CHUNKS_MAX, covered, request_of, send};
use super::{Api, error, internal, ndjson};
use crate::trace::{Clocks, Line, Placed, Story, tell};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as UrlQuery, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::parse::{Parser, Record};
use logweir_base::query::Query;
use logweir_indexer::{Hit, SearchSummary};
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Lines of a trace that are told. Requests of hundreds of services have some thousand.
const LINES_MAX: usize = 10_000;
/// Their hits as JSON; with the names in them twice that is held. Times the searches that run at once it is bounded too.
const HELD_BYTES_MAX: usize = 16 << 20;
/// Answer bytes handed over at a time.
const CHUNK_BYTES: usize = 32 << 10;

/// Parameters of `/api/v1/trace/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceParams {
    clocks: Option<String>,
}

/// `GET /api/v1/trace/{id}?clocks=`
pub async fn trace(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    params: Result<UrlQuery<TraceParams>, QueryRejection>,
) -> Response {
    let params = params.map_err(|rejection| bad(rejection.body_text()));
    let clocks = params.and_then(|UrlQuery(params)| clocks_of(params.clocks.as_deref()));
    let (query, clocks) = match query_of(&id).and_then(|query| Ok((query, clocks?))) {
        Ok(wanted) => wanted,
        Err(bad) => return error(400, &bad),
    };
    let Ok(permit) = api.searches.clone().acquire_owned().await else {
        return internal("the server is stopping");
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        let wanted = Wanted::all_of(query);
        // Failing means that the client has left, which is its right.
        let _ = answer_with(&api, &id, wanted, clocks, &chunks);
        drop(permit);
    });
    ndjson(answer)
}

pub(super) fn query_of(id: &str) -> Result<Query, BadParam> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if id.is_empty() || id.len() > 128 || !id.chars().all(plain) {
        return Err(bad("trace: an id of letters, digits, `-`, `_`, `.` and `:` is expected".to_owned()));
    }
    let query = format!("trace:\"{id}\"").parse::<Query>();
    query.map_err(BadParam::from)
}

fn clocks_of(text: Option<&str>) -> Result<Clocks, BadParam> {
    match text.unwrap_or_default() {
        "" | "corrected" => Ok(Clocks::Corrected),
        "written" => Ok(Clocks::AsWritten),
        text => Err(bad(format!("clocks: `{}` is not corrected or written", text.escape_debug()))),
    }
}

fn bad(reason: String) -> BadParam {
    BadParam { reason, column: None }
}

fn answer_with(
    api: &Api,
    id: &str,
    wanted: Wanted,
    clocks: Clocks,
    chunks: &mpsc::Sender<Bytes>,
) -> Result<(), ()> {
    let covered = covered(api);
    let mut held = Held::new(Looker::new(&api.alerter));
    let summary = api.store.search(&request_of(&wanted, chunks), &mut |hit| {
        if chunks.is_closed() { ControlFlow::Break(()) } else { held.take(hit) }
    });
    let told = tell(id, &held.lines, clocks);
    let mut buffer = Vec::with_capacity(2 * CHUNK_BYTES);
    for placed in &told.lines {
        extend_hit(&mut buffer, &held.hits[held.places[placed.line].clone()], &Place::of(placed));
        if buffer.len() >= CHUNK_BYTES {
            send(chunks, &mut buffer)?;
        }
    }
    serde_json::to_writer(&mut buffer, &StoryLine { story: &told.story })
        .expect("plain data always serialises");
    let part = TookPart::of(&api.alerter, id, &held.looked);
    let part = if part.is_empty() {
        String::new()
    } else {
        format!("\n{}", serde_json::json!({ "took_part": part.to_json() }))
    };
    let summary = summary_of(&summary, &held, covered);
    writeln!(buffer, "{part}\n{summary}").expect("memory takes writes");
    send(chunks, &mut buffer)
}

/// The line behind the hits.
#[derive(Serialize)]
struct StoryLine<'a> {
    story: &'a Story,
}

/// Where a line stands in its trace.
#[derive(Serialize)]
struct Place {
    offset_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    adjusted: Option<String>,
}

impl Place {
    fn of(placed: &Placed) -> Self {
        Self {
            offset_ms: placed.offset_ns as f64 / 1e6,
            adjusted: placed.adjusted.then(|| placed.time.to_string()),
        }
    }
}

/// The lines of a trace, and their hits.
struct Held {
    lines: Vec<Line>,
    /// The same, looked at for exceptions and alerts.
    looked: Vec<TraceLine>,
    looker: Looker,
    /// Hits as JSON, back to back.
    hits: Vec<u8>,
    /// Where in `hits` each line's is.
    places: Vec<Range<usize>>,
    /// Why there may be more.
    cut: Option<String>,
    parser: Parser,
}

impl Held {
    fn new(looker: Looker) -> Self {
        let (lines, looked, hits, places) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { lines, looked, looker, hits, places, cut: None, parser: Parser::default() }
    }

    fn take(&mut self, hit: &Hit<'_>) -> ControlFlow<()> {
        let too_much = if self.lines.len() == LINES_MAX {
            format!("{LINES_MAX} lines")
        } else if self.hits.len() >= HELD_BYTES_MAX {
            format!("{} MiB", HELD_BYTES_MAX >> 20)
        } else {
            self.add(hit);
            return ControlFlow::Continue(());
        };
        let count = self.lines.len();
        self.cut = Some(format!(
            "the trace is longer than {too_much}: its first {count} lines, by time as written, are told"
        ));
        ControlFlow::Break(())
    }

    fn add(&mut self, hit: &Hit<'_>) {
        let record = Record::of(&hit.view, &mut self.parser);
        let start = self.hits.len();
        write_record(&mut self.hits, hit, &record);
        self.looked.push(self.looker.look(&hit.view, &record));
        self.places.push(start..self.hits.len());
        self.lines.push(Line {
            time: record.timestamp,
            service: record.service,
            host: record.host,
            severity: record.severity,
            span: record.span_id,
            parent: record.parent_span_id,
        });
    }
}

fn summary_of(summary: &SearchSummary, held: &Held, covered: bool) -> serde_json::Value {
    let errors: Vec<&String> = summary.errors.iter().chain(&held.cut).collect();
    serde_json::json!({ "summary": {
        "hits": held.lines.len(),
        "partial": summary.partial || !covered || held.cut.is_some(),
        "complete_up_to": summary.complete_up_to,
        "blocks_decoded": summary.blocks_decoded,
        "lines_verified": summary.lines_verified,
        "errors": errors,
    }})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_clocks_are_checked() {
        let accepts = |id: &str| query_of(id).is_ok();
        assert!(accepts("4bf92f3577b34da6a3ce929d0e0e4736") && accepts("req-1_a.b:c"));
        assert!(!accepts("") && !accepts("a\"b") && !accepts(&"a".repeat(129)));
        assert_eq!(clocks_of(None).ok(), Some(Clocks::Corrected));
        assert_eq!(clocks_of(Some("written")).ok(), Some(Clocks::AsWritten));
        assert!(clocks_of(Some("off")).is_err_and(|bad| bad.reason.starts_with("clocks")));
    }

    #[test]
    fn a_hit_with_its_place_is_one_object() {
        let check = |offset_ns, adjusted, expected: &str| {
            let mut out = Vec::new();
            let placed = Placed { line: 0, time: logweir_base::time::Timestamp(1_000), offset_ns, adjusted };
            extend_hit(&mut out, b"{\"raw\":\"}\\n\"}\n", &Place::of(&placed));
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        };
        check(1_234_567, false, "{\"raw\":\"}\\n\",\"offset_ms\":1.234567}\n");
        check(0, true, "{\"raw\":\"}\\n\",\"offset_ms\":0.0,\"adjusted\":\"1970-01-01T00:00:00.000001Z\"}\n");
    }
}
