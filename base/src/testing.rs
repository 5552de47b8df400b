//! How text becomes records in tests: framed, joined and cut to batches as a shipper does it, looked at as a router does.

use crate::batch::{Batch, BatchLine, Codec, LINE_BYTES_MAX, LINES_MAX, LineMeta};
use crate::entry::RecordBatch;
use crate::frame::Resource;
use crate::ids::{Epoch, Offset, SourceId};
use crate::multiline::Joiner;
use crate::parse::{Parser, look};
use crate::time::Timestamp;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// When everything is received in tests.
pub(crate) const RECEIVED: &str = "2026-11-24T00:00:00Z";
/// Text of a batch; a record at a batch's end may take it beyond.
const TEXT_BYTES: usize = LINE_BYTES_MAX;

/// The batches of a file that is complete, of a source without any particulars.
pub(crate) fn batches_of(file: &[u8]) -> Vec<RecordBatch> {
    batches_from(file, Resource::default())
}

/// The same, of a source.
pub(crate) fn batches_from(file: &[u8], resource: Resource) -> Vec<RecordBatch> {
    let rows = framed(file);
    let resource = Arc::new(resource);
    let (mut batches, mut at, mut next) = (Vec::new(), 0, 0);
    let mut joiner = Joiner::default();
    while next < rows.len() {
        let mut lines = rows[next..next + lines_that_fit(&rows[next..])].to_vec();
        let is_last = next + lines.len() == rows.len();
        let clean = joiner.join(&file[at..][..bytes_of(&lines)], &mut lines);
        if clean > 0 && !is_last {
            // What is behind the cut is judged anew, by a joiner that need not know what was before it.
            lines.truncate(clean);
            joiner = Joiner::default();
        }
        let text = &file[at..at + bytes_of(&lines)];
        (at, next) = (at + text.len(), next + lines.len());
        batches.push(looked_at(text, lines, Offset((at - text.len()) as u64), Arc::clone(&resource)));
    }
    batches
}

/// One batch of these lines, looked at.
pub(crate) fn looked_at(
    text: &[u8],
    lines: Vec<BatchLine>,
    first_start: Offset,
    resource: Arc<Resource>,
) -> RecordBatch {
    let batch = Batch {
        source: SourceId([3; 16]),
        epoch: Epoch(1),
        first_start,
        lines,
        codec: Codec::None,
        text_len: u32::try_from(text.len()).expect("within TEXT_BYTES_MAX"),
        payload: Bytes::copy_from_slice(text),
    };
    let received = Timestamp::parse(RECEIVED).expect("a time");
    look(&batch, resource, received, &mut Parser::new()).expect("a sound batch")
}

/// A row of a batch's line table.
pub(crate) fn row(len: usize, meta: LineMeta) -> BatchLine {
    let len = u32::try_from(len).expect("within LINE_BYTES_MAX");
    BatchLine { range_len: len, text_len: len, meta }
}

/// A file's lines; one over the limit is parts.
fn framed(file: &[u8]) -> Vec<BatchLine> {
    let mut rows = Vec::new();
    for line in file.split_inclusive(|&b| b == b'\n') {
        let parts = line.len().div_ceil(LINE_BYTES_MAX);
        for (number, part) in (0u32..).zip(line.chunks(LINE_BYTES_MAX)) {
            let meta = match parts {
                1 => LineMeta::default(),
                _ => LineMeta::part(number, number as usize + 1 == parts),
            };
            rows.push(row(part.len(), meta));
        }
    }
    rows
}

fn lines_that_fit(rows: &[BatchLine]) -> usize {
    let mut bytes = 0;
    let fits = |row: &&BatchLine| {
        bytes += row.text_len as usize;
        bytes <= TEXT_BYTES
    };
    rows.iter().take(LINES_MAX).take_while(fits).count().max(1)
}

fn bytes_of(lines: &[BatchLine]) -> usize {
    lines.iter().map(|line| line.text_len as usize).sum()
}

/// Every file below `folder` of the shared test material; says so when it is not there.
pub(crate) fn shared_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(folder);
    let mut paths = Vec::new();
    if !folder.is_dir() {
        println!("skipped: {} is not here", folder.display());
        return Vec::new();
    }
    files_below(&folder, &mut paths);
    paths.sort();
    let read = |path: &Path| std::fs::read(path).expect("a readable file");
    paths.iter().map(|path| (path.display().to_string(), read(path))).collect()
}

fn files_below(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        match path.is_dir() {
            true => files_below(&path, paths),
            false => paths.push(path),
        }
    }
}
