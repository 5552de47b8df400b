//! Searches whose pipes make a table: a line that names the columns, a JSON object a row, a summary.

use super::Api;
use super::params::Wanted;
use super::patterns::of_request;
use super::rollups;
use super::search::{CHUNK_BYTES, request_of, send, write_summary_of};
use bytes::Bytes;
use logweir_base::pipe::{Cell, Reduce, Stats, Table};
use logweir_indexer::SearchSummary;
use tokio::sync::mpsc;

/// Answers with the table of `reduce`. An error when the client has left.
pub(super) fn answer(
    api: &Api,
    wanted: &Wanted,
    reduce: &Reduce,
    covered: bool,
    chunks: &mpsc::Sender<Bytes>,
) -> Result<(), ()> {
    let (mut table, summary, metric) = table_of(api, wanted, reduce, chunks);
    table.apply(&wanted.steps);
    let mut buffer = Vec::new();
    write_columns(&mut buffer, &table.columns);
    for row in &table.rows {
        write_row(&mut buffer, &table.columns, row);
        if buffer.len() >= CHUNK_BYTES {
            send(chunks, &mut buffer)?;
        }
    }
    write_summary_of(&mut buffer, &summary, covered, metric.as_deref());
    send(chunks, &mut buffer)
}

fn table_of(
    api: &Api,
    wanted: &Wanted,
    reduce: &Reduce,
    chunks: &mpsc::Sender<Bytes>,
) -> (Table, SearchSummary, Option<String>) {
    let request = request_of(wanted, chunks);
    match reduce {
        Reduce::Stats(spec) => {
            if let Some(counted) = rollups::count(api, wanted, spec, &request) {
                return (counted.stats.finish(), counted.summary, Some(counted.metric));
            }
            let (stats, summary) = api.store.count(&request, Stats::new(spec));
            (stats.finish(), summary, None)
        }
        Reduce::Patterns => {
            let (patterns, summary) = of_request(api, &request);
            let rows = patterns.into_iter().map(|pattern| {
                let stats = pattern.stats;
                vec![
                    Cell::Text(pattern.id.to_string()),
                    Cell::Count(stats.count),
                    Cell::Text(stats.severity.text().to_owned()),
                    Cell::Text(stats.service),
                    Cell::Time(stats.first),
                    Cell::Time(stats.last),
                    Cell::Text(pattern.template),
                ]
            });
            let rows = rows.collect();
            (Table { columns: reduce.columns(), rows }, summary, None)
        }
    }
}

/// Appends the line that names the columns of what follows.
pub(super) fn write_columns(out: &mut Vec<u8>, columns: &[String]) {
    out.extend_from_slice(format!("{}\n", serde_json::json!({ "columns": columns })).as_bytes());
}

/// Appends a row as an object with the columns in their order.
pub(super) fn write_row(out: &mut Vec<u8>, columns: &[String], row: &[Cell]) {
    let mut before = b'{';
    for (column, cell) in columns.iter().zip(row) {
        out.push(before);
        serde_json::to_writer(&mut *out, column).expect("plain data always serialises");
        out.push(b':');
        serde_json::to_writer(&mut *out, cell).expect("plain data always serialises");
        before = b',';
    }
    if before == b'{' {
        out.push(b'{');
    }
    out.extend_from_slice(b"}\n");
}
