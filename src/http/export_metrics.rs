//! `GET /api/v1/export_metrics?match[]=&start=&end=`: what the metrics store has, as CSV, a line a sample or window, metric by
//! metric, so that memory is bounded by one metric. An answer that cannot be finished is cut off, which HTTP tells apart from its end.
//!
//! Columns: `metric`, `labels` (a JSON object), `time` (RFC 3339; of a window its end), `value` (of a sample), and of a window
//! `seconds` (its length), `count`, `sum`, `min`, `max`, `last`, `increase`, `p50`, `p90`, `p99`.

use super::prometheus::{ExportOf, Problem, export_of};
use super::search::{CHUNK_BYTES, CHUNKS_MAX, send};
use super::{Api, EXPORTS_MAX, internal, respond};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::metric::Labels;
use logweir_base::metric::labels::NAME;
use logweir_base::time::Timestamp;
use logweir_rollup::select::{
    MatchOp, Matcher, SelectError, Selected, SeriesPoints, Source, Span, Window, WindowsOf,
};
use std::collections::BTreeSet;
use std::io;
use std::io::Write;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

const HEAD: &str = "metric,labels,time,value,seconds,count,sum,min,max,last,increase,p50,p90,p99\n";

/// See the module.
pub async fn export(State(api): State<Arc<Api>>, request: Request) -> Response {
    let wanted = match export_of(request, &api).await {
        Ok(wanted) => wanted,
        Err(problem) => return Problem::response(&problem),
    };
    let Ok(permit) = api.exports.clone().try_acquire_owned() else {
        return internal(&format!("{EXPORTS_MAX} exports are running; try again when one is done"));
    };
    let (chunks, answer) = mpsc::channel(CHUNKS_MAX);
    let (failed, failure) = mpsc::channel(1);
    tokio::task::spawn_blocking(move || {
        if let Err(Ended::Failed(reason)) = stream(&api, &wanted, &chunks) {
            api.router.note_error(format!("export of metrics: {reason}"));
            let _ = failed.blocking_send(Err(io::Error::other(reason)));
        }
        drop(permit);
    });
    let whole = ReceiverStream::new(answer).map(Ok::<Bytes, io::Error>);
    respond(200, "text/csv; charset=utf-8", Body::from_stream(whole.chain(ReceiverStream::new(failure))))
}

enum Ended {
    /// The client has left.
    Left,
    Failed(String),
}

impl From<SelectError> for Ended {
    fn from(error: SelectError) -> Self {
        Self::Failed(error.to_string())
    }
}

fn stream(api: &Api, wanted: &ExportOf, chunks: &mpsc::Sender<Bytes>) -> Result<(), Ended> {
    let mut buffer = HEAD.as_bytes().to_vec();
    let mut hand_over = |buffer: &mut Vec<u8>| send(chunks, buffer).map_err(|()| Ended::Left);
    for matchers in &wanted.selectors {
        for metric in api.metrics.0.label_values(NAME, matchers, wanted.span) {
            for series in of_metric(&api.metrics.0, &metric, matchers, wanted.span)? {
                write_series(&mut buffer, &metric, &series, wanted.span, &mut hand_over)?;
            }
        }
    }
    hand_over(&mut buffer)
}

fn of_metric(
    source: &dyn Source,
    metric: &str,
    matchers: &[Matcher],
    span: Span,
) -> Result<BTreeSet<BySeries>, Ended> {
    let name = Matcher { name: NAME.to_owned(), op: MatchOp::Equal(metric.to_owned()) };
    let found = source.select(&[matchers, &[name]].concat(), span)?;
    Ok(found.series.into_iter().map(BySeries).collect())
}

/// Ordered by labels.
struct BySeries(Selected);

impl Ord for BySeries {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.labels.cmp(&other.0.labels)
    }
}

impl PartialOrd for BySeries {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for BySeries {
    fn eq(&self, other: &Self) -> bool {
        self.0.labels == other.0.labels
    }
}

impl Eq for BySeries {}

fn write_series(
    buffer: &mut Vec<u8>,
    metric: &str,
    series: &BySeries,
    span: Span,
    hand_over: &mut impl FnMut(&mut Vec<u8>) -> Result<(), Ended>,
) -> Result<(), Ended> {
    let begin = format!("{},{},", cell(metric), cell(&labels_json(&series.0.labels)));
    let mut line = |time: i64, rest: String| {
        if (span.start..=span.end).contains(&time) {
            let time = Timestamp(time.saturating_mul(1_000_000));
            writeln!(buffer, "{begin}{time},{rest}").expect("memory takes writes");
        }
        if buffer.len() >= CHUNK_BYTES { hand_over(buffer) } else { Ok(()) }
    };
    match &series.0.points {
        SeriesPoints::Samples(samples) => {
            for (time, value) in samples.times.iter().zip(&samples.values) {
                line(*time, format!("{value},,,,,,,,,,"))?;
            }
        }
        SeriesPoints::Windows(windows) => {
            for row in &windows.rows {
                line(row.end, window(row, windows.of, windows.step_ms))?;
            }
        }
    }
    Ok(())
}

fn window(row: &Window, of: WindowsOf, step_ms: i64) -> String {
    let seconds = step_ms as f64 / 1e3;
    let quantile =
        |q| row.histogram.as_ref().and_then(|h| h.quantile(q)).map_or_else(String::new, |v| v.to_string());
    match of {
        WindowsOf::Counter => format!(",{seconds},,,,,,{},,,", row.increase),
        WindowsOf::Gauge => {
            format!(
                ",{seconds},{},{},{},{},{},{},,,",
                row.count, row.sum, row.min, row.max, row.last, row.increase
            )
        }
        WindowsOf::Histogram => {
            let quantiles = [0.5, 0.9, 0.99].map(quantile).join(",");
            format!(",{seconds},{},{},{},{},,,{quantiles}", row.count, row.sum, row.min, row.max)
        }
    }
}

fn labels_json(labels: &Labels) -> String {
    let pairs = labels.iter().filter(|(name, _)| *name != NAME);
    let object: serde_json::Map<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// As RFC 4180 quotes.
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_as_many_cells_as_the_head() {
        let row = Window {
            end: 0,
            count: 2,
            sum: 3.0,
            min: 1.0,
            max: 2.0,
            last: 2.0,
            increase: 1.0,
            histogram: None,
        };
        for of in [WindowsOf::Counter, WindowsOf::Gauge, WindowsOf::Histogram] {
            let line = format!("m,{{}},t,{}", window(&row, of, 10_000));
            assert_eq!(line.matches(',').count(), HEAD.matches(',').count(), "{of:?}: {line}");
        }
        assert_eq!("m,{},t,1,,,,,,,,,,".matches(',').count(), HEAD.matches(',').count());
    }

    #[test]
    fn hostile_labels_stay_in_their_cell() {
        let labels = Labels::known(&[("__name__", "m"), ("a", "x,\"y\"\n")]);
        assert_eq!(cell(&labels_json(&labels)), r#""{""a"":""x,\""y\""\n""}""#);
    }
}
