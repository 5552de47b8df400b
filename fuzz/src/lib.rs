//! What the targets share: bytes become records as they do between a shipper and a follower, and what an index promises
//! of a record is checked against the matcher.

use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LINE_BYTES_MAX, LINES_MAX, LineMeta};
use logweir_base::entry::RecordBatch;
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::multiline::Joiner;
use logweir_base::parse::{Parser, RecordView, Terms, look};
use logweir_base::query::{Candidates, Matcher, Query};
use logweir_base::time::Timestamp;
use std::sync::Arc;

/// When everything is received: 2026-11-24.
pub const RECEIVED: Timestamp = Timestamp(1_795_478_400_000_000_000);

/// The physical lines of a file.
pub fn framed(file: &[u8]) -> Vec<BatchLine> {
    let lines = file.split_inclusive(|&b| b == b'\n').flat_map(|line| line.chunks(LINE_BYTES_MAX));
    let row = |line: &[u8]| {
        let len = u32::try_from(line.len()).expect("at most LINE_BYTES_MAX");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    lines.take(LINES_MAX).map(row).collect()
}

/// The records of a file that fits one batch.
pub fn records_of(file: &[u8], parser: &mut Parser) -> Option<RecordBatch> {
    let mut lines = framed(file);
    let text_len = lines.iter().map(|line| line.text_len).sum::<u32>();
    let text = &file[..text_len as usize];
    Joiner::default().join(text, &mut lines);
    let batch = Batch {
        source: SourceId([7; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines,
        codec: Codec::None,
        text_len,
        payload: Bytes::copy_from_slice(text),
    };
    let batch = Batch::decode(&batch.encode()).ok()?;
    Some(look(&batch, resource(), RECEIVED, parser).expect("a sound batch"))
}

/// A source with something for each alias of the query language.
pub fn resource() -> Arc<Resource> {
    Arc::new(Resource {
        host: "vm-3".into(),
        path: "/var/log/shop/app.log".into(),
        labels: [("env".to_owned(), "prod-1".to_owned())].into(),
        zone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
    })
}

/// Judges a record, and fails when the index or the prefilter would have passed it over.
pub fn judge(query: &Query, matcher: &mut Matcher, view: &RecordView<'_>, terms: &Terms, file: &[u8]) -> bool {
    let matched = matcher.matches(view);
    assert!(!matched || is_possible(&query.candidates(), terms), "the index misses it: {query}");
    let filter = matcher.prefilter();
    let hides = logweir_base::parse::hides_words(view.text, view.layout);
    let passes = filter.is_none_or(|filter| hides || filter.is_match(file));
    assert!(!matched || passes, "the prefilter misses it: {query}");
    matched
}

/// Whether the index would name a record with these terms.
fn is_possible(candidates: &Candidates, terms: &Terms) -> bool {
    match candidates {
        Candidates::All => true,
        Candidates::None => false,
        Candidates::Word(word) => terms.words.contains(word) || terms.source_words.contains(word),
        Candidates::Id(id) => terms.ids.contains(id),
        Candidates::And(parts) => parts.iter().all(|part| is_possible(part, terms)),
        Candidates::Or(parts) => parts.iter().any(|part| is_possible(part, terms)),
    }
}
