//! What the tests of the whole store share: entries, and the model that a search is compared with.

mod crash;
mod damage;
mod delete;
mod fault;
mod generate;
mod model;

use crate::{Indexer, IndexerConfig, LineKey, Order, SearchRequest, SearchSummary, Store};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::dir::SharedDir;
use logweir_base::dir::sim::SimDir;
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::frame::{Gap, Resource};
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Offset, Position, SourceId};
use logweir_base::parse::{Parser, RecordView, gap_text, look};
use logweir_base::pipe::{Cell, Stats, Table};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

const JOURNAL: JournalId = JournalId([7; 16]);
/// 2026-11-23T00:00:00Z, in seconds.
const START: i64 = 1_795_392_000;

/// Small enough that a few lines make blocks, runs and splits; no threads.
fn tiny() -> IndexerConfig {
    IndexerConfig {
        block_bytes: 200,
        run_bytes: 1000,
        split_lines_max: 40,
        split_age: Duration::from_secs(600),
        tail_bytes_max: 1 << 20,
        retention_age: None,
        retention_bytes: None,
        workers: 0,
    }
}

fn open(dir: &SimDir, config: &IndexerConfig) -> Indexer {
    let shared: SharedDir = Arc::new(dir.clone());
    Indexer::open(shared, JOURNAL, config.clone()).expect("opens")
}

fn at_second(second: i64) -> Timestamp {
    Timestamp::from_seconds(START + second)
}

fn source(number: u8) -> SourceId {
    SourceId([number; 16])
}

fn resource(source: u8) -> Arc<Resource> {
    let (host, path) = (format!("host-{source}"), format!("/var/log/app{source}/x.log"));
    Arc::new(Resource { host, path, ..Resource::default() })
}

fn entry(position: u64, second: i64, body: EntryBody) -> Arc<Entry> {
    let (position, received) = (Position(position), at_second(second));
    Arc::new(Entry { position, received, config: ConfigVersion(0), body })
}

/// An entry of lines as they stand in a file, endings included; offsets are those of `position` KiB.
fn lines(position: u64, second: i64, of: u8, texts: &[&[u8]]) -> Arc<Entry> {
    let metas = vec![LineMeta(0); texts.len()];
    lines_with(position, second, of, texts, &metas)
}

fn lines_with(position: u64, second: i64, of: u8, texts: &[&[u8]], metas: &[LineMeta]) -> Arc<Entry> {
    let of_text = |(text, meta): (&&[u8], &LineMeta)| {
        let len = text.len() as u32;
        BatchLine { range_len: len, text_len: len, meta: *meta }
    };
    let payload = texts.concat();
    let batch = Batch {
        source: source(of),
        epoch: Epoch(1),
        first_start: Offset(position << 10),
        lines: texts.iter().zip(metas).map(of_text).collect(),
        codec: Codec::None,
        text_len: payload.len() as u32,
        payload: Bytes::from(payload),
    };
    let looked = look(&batch, resource(of), at_second(second), &mut Parser::new()).expect("a good batch");
    entry(position, second, EntryBody::Records(looked))
}

fn gap(position: u64, second: i64, of: u8, reason: &str) -> Arc<Entry> {
    let (start, end) = (Offset(position << 10), Offset((position << 10) + (5 << 32)));
    let gap = Gap { source: source(of), start, end, reason: reason.to_owned() };
    entry(position, second, EntryBody::Gap(gap, resource(of)))
}

fn tick(position: u64, second: i64) -> Arc<Entry> {
    entry(position, second, EntryBody::Tick(at_second(second)))
}

fn apply(indexer: &mut Indexer, entries: &[Arc<Entry>]) {
    for entry in entries {
        indexer.apply(entry).expect("applies");
    }
}

fn query(text: &str) -> Query {
    text.parse().expect("a query")
}

fn request(text: &str) -> SearchRequest {
    SearchRequest::of(query(text))
}

/// What is compared of a hit.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Found {
    key: LineKey,
    raw: Vec<u8>,
    source: SourceId,
    offset: Offset,
    range_len: u64,
    meta: LineMeta,
    gap: bool,
    received: Timestamp,
    service: String,
    host: String,
    severity: u8,
}

fn search(store: &Store, request: &SearchRequest) -> (Vec<Found>, SearchSummary) {
    let mut found = Vec::new();
    let summary = store.search(request, &mut |hit| {
        found.push(Found {
            key: hit.key(),
            raw: hit.raw.to_vec(),
            source: hit.source,
            offset: hit.offset,
            range_len: hit.range_len,
            meta: hit.meta,
            gap: hit.gap,
            received: hit.received,
            service: hit.view.service.to_owned(),
            host: hit.view.resource.host.clone(),
            severity: hit.view.severity.0,
        });
        ControlFlow::Continue(())
    });
    (found, summary)
}

/// All lines of the store, newest first; fails when anything could not be read.
fn all(store: &Store) -> Vec<Found> {
    let (found, summary) = search(store, &request("*"));
    assert_eq!(summary.errors, Vec::<String>::new());
    found
}

/// What counting records of `entries` one by one must give, those left out that a deletion among them has removed.
fn model_count(entries: &[Arc<Entry>], request: &SearchRequest, mut stats: Stats) -> Stats {
    let mut matcher = Matcher::new(&request.query);
    let mut deletions: Vec<(Position, Matcher)> = entries.iter().filter_map(deletion_of).collect();
    let mut add = |entry: &Entry, view: &RecordView<'_>| {
        let mut later = deletions.iter_mut().filter(|(position, _)| *position > entry.position);
        if matcher.matches(view) && !later.any(|(_, gone)| gone.matches(view)) {
            stats.add(view);
        }
    };
    for entry in entries {
        match &entry.body {
            EntryBody::Records(batch) => {
                batch.records.iter().for_each(|line| add(entry, &batch.view(line)));
            }
            EntryBody::Gap(gap, resource) => {
                add(entry, &gap_view(&gap_text(gap, resource), entry, resource));
            }
            _ => {}
        }
    }
    stats
}

fn deletion_of(entry: &Arc<Entry>) -> Option<(Position, Matcher)> {
    match &entry.body {
        EntryBody::Delete { query, .. } => Some((entry.position, Matcher::new(&query.parse().ok()?))),
        _ => None,
    }
}

/// Sums of floats depend on their order, in the last digits.
fn same_tables(a: &Table, b: &Table) -> bool {
    let same = |(a, b): (&Cell, &Cell)| match (a, b) {
        (Cell::Number(a), Cell::Number(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-300),
        (a, b) => a == b,
    };
    let same_rows = |(a, b): (&Vec<Cell>, &Vec<Cell>)| a.len() == b.len() && a.iter().zip(b).all(same);
    a.columns == b.columns && a.rows.len() == b.rows.len() && a.rows.iter().zip(&b.rows).all(same_rows)
}

/// What a search of `entries` must give: the matcher judges every line, and the order is the total one.
fn model(entries: &[Arc<Entry>], request: &SearchRequest) -> Vec<Found> {
    let mut matcher = Matcher::new(&request.query);
    let mut found = Vec::new();
    for entry in entries {
        match &entry.body {
            EntryBody::Records(batch) => {
                for (number, line) in (0u32..).zip(&batch.records) {
                    let view = batch.view(line);
                    if matcher.matches(&view) {
                        let raw = &batch.text[line.at as usize..(line.at + line.len) as usize];
                        let key = LineKey { time: line.time, position: entry.position, line: number };
                        found.push(Found {
                            key,
                            raw: raw.to_vec(),
                            source: batch.source,
                            offset: line.offset,
                            range_len: u64::from(line.range_len),
                            meta: line.meta,
                            gap: false,
                            received: entry.received,
                            service: view.service.to_owned(),
                            host: view.resource.host.clone(),
                            severity: view.severity.0,
                        });
                    }
                }
            }
            EntryBody::Gap(gap, resource) if matches_gap(&mut matcher, entry, gap, resource) => {
                let mut raw = gap_text(gap, resource);
                raw.push(b'\n');
                found.push(Found {
                    key: LineKey { time: entry.received, position: entry.position, line: 0 },
                    raw,
                    source: gap.source,
                    offset: gap.start,
                    range_len: gap.end.0 - gap.start.0,
                    meta: LineMeta(0),
                    gap: true,
                    received: entry.received,
                    service: resource.service().to_owned(),
                    host: resource.host.clone(),
                    severity: 13,
                });
            }
            _ => {}
        }
    }
    let in_time = |it: &Found| {
        request.since.is_none_or(|since| it.key.time >= since)
            && request.until.is_none_or(|until| it.key.time < until)
    };
    found.retain(in_time);
    found.sort_by_key(|it| it.key);
    if request.order == Order::Newest {
        found.reverse();
    }
    found.truncate(request.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

fn matches_gap(matcher: &mut Matcher, entry: &Entry, gap: &Gap, resource: &Arc<Resource>) -> bool {
    let text = gap_text(gap, resource);
    matcher.matches(&gap_view(&text, entry, resource))
}

fn gap_view<'a>(text: &'a [u8], entry: &Entry, resource: &'a Arc<Resource>) -> RecordView<'a> {
    RecordView {
        text,
        time: entry.received,
        severity: logweir_base::parse::Severity::WARN,
        service: resource.service(),
        resource,
        layout: Default::default(),
        pattern: Default::default(),
    }
}
