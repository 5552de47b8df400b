//! `/metrics`: Prometheus text about logweir itself.

use super::{Api, text};
use axum::extract::State;
use axum::response::Response;
use std::fmt::{Display, Write};
use std::sync::Arc;

/// `GET /metrics`
pub async fn metrics(State(api): State<Arc<Api>>) -> Response {
    match tokio::task::spawn_blocking(move || render(&api)).await {
        Ok(Some(body)) => text(200, body),
        _ => super::internal("the journal does not answer: its disk may hang"),
    }
}

fn render(api: &Api) -> Option<String> {
    let (router, index) = (api.router.status()?, api.store.status());
    let mut out = Page(String::with_capacity(8 << 10));
    out.help("build_info", "gauge", "Version of this server.");
    out.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.one("process_uptime_seconds", "gauge", "Seconds since the start.", api.started.elapsed().as_secs());
    for (name, help) in COUNTERS {
        let value = router.counters.get(name).copied().unwrap_or(0);
        out.one(&format!("input_{name}_total"), "counter", help, value);
    }
    out.one("journal_position", "gauge", "Last durable position.", router.durable.0);
    out.one("journal_bytes", "gauge", "Journal on disk, reserved space included.", router.journal_bytes);
    out.one(
        "journal_full",
        "gauge",
        "1 while acknowledgements have stopped.",
        u8::from(router.full.is_some()),
    );
    out.help("journal_sync_seconds", "summary", "Time a group took to become durable.");
    for (quantile, us) in [("0.5", router.sync.p50_us), ("0.99", router.sync.p99_us)] {
        out.sample("journal_sync_seconds", &[("quantile", quantile)], us as f64 / 1e6);
    }
    out.sample("journal_sync_seconds_sum", &[], router.sync.sum_us as f64 / 1e6);
    out.sample("journal_sync_seconds_count", &[], router.sync.count);
    out.help("follower_lag_records", "gauge", "Records between a follower and the journal's end.");
    for (name, progress) in &router.followers {
        let lag = router.durable.0.saturating_sub(progress.applied.0);
        out.sample("follower_lag_records", &[("follower", name)], lag);
    }
    out.one("inventory_connections", "gauge", "Shippers that are connected.", router.connections.len());
    out.one("index_lines", "gauge", "Lines that can be found.", index.split_lines + index.tail_lines);
    out.one("index_tail_lines", "gauge", "Lines in no split yet.", index.tail_lines);
    out.one("buffer_bytes", "gauge", "Memory of lines in no split yet.", index.tail_bytes);
    out.one("index_bytes", "gauge", "Splits on disk.", index.split_bytes);
    out.one("index_splits", "gauge", "Splits.", index.splits);
    out.one("index_merges_total", "counter", "Merges of splits.", index.merges);
    out.one("index_errors_total", "counter", "Failed writes, merges and removals.", index.failures);
    shipper(api, &mut out);
    Some(out.0)
}

/// Counters of the router that are shown, under `input_`.
const COUNTERS: [(&str, &str); 10] = [
    ("lines", "Lines made durable."),
    ("text_bytes", "Bytes of text made durable."),
    ("batches", "Batches made durable."),
    ("duplicate_batches", "Batches that were known already and dropped."),
    ("trimmed_batches", "Batches whose front was known already."),
    ("nacks", "Batches refused since something before them was missing."),
    ("gaps", "Gaps declared."),
    ("gap_bytes", "Bytes in declared gaps."),
    ("bad_frames", "Frames that were damaged; their connection was closed."),
    ("syncs", "Syncs of the journal."),
];

fn shipper(api: &Api, out: &mut Page) {
    let snapshot = api.shipper.snapshot();
    let lag = |file: &logweir_shipper::FileStatus| file.size.saturating_sub(file.position.0);
    let lag: u64 = snapshot.files.iter().map(lag).sum();
    out.one("input_file_lag_bytes", "gauge", "Bytes in tailed files that are not acknowledged.", lag);
    out.one("input_files", "gauge", "Files that are tailed.", snapshot.files.len());
    out.help("input_generations_total", "counter", "File generations that replaced or copied another one.");
    out.sample("input_generations_total", &[("kind", "replaced")], snapshot.counters.replaced);
    out.sample("input_generations_total", &[("kind", "copied")], snapshot.counters.copies);
    out.help("redactions_total", "counter", "Matches hidden before they were sent.");
    for (rule, count) in &snapshot.redactions {
        out.sample("redactions_total", &[("rule", rule)], count);
    }
}

/// A page of Prometheus text; every name gets the prefix `logweir_`.
struct Page(String);

impl Page {
    fn help(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP logweir_{name} {help}\n# TYPE logweir_{name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let label = |(key, text): &(&str, &str)| format!("{key}=\"{}\"", escape(text));
        let labels: Vec<_> = labels.iter().map(label).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("logweir_{name}{labels} {value}\n"));
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.help(name, kind, help);
        self.sample(name, &[], value);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("memory takes writes");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut page = Page(String::new());
        page.sample("x", &[("rule", "a\"b\\c\nd")], 1);
        assert_eq!(page.0, "logweir_x{rule=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
