//! `/metrics`: Prometheus text about logweir itself.

mod alerts;
mod page;
mod process;
mod series;

use super::{Api, text};
use axum::extract::State;
use axum::response::Response;
use page::Page;
use std::collections::BTreeSet;
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
    out.help("logweir_build_info", "gauge", "Version of this server.");
    out.sample("logweir_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    out.one("logweir_uptime_seconds", "gauge", "Seconds since the start.", api.started.elapsed().as_secs());
    for (name, help) in COUNTERS {
        let value = router.counters.get(name).copied().unwrap_or(0);
        out.one(&format!("logweir_input_{name}_total"), "counter", help, value);
    }
    out.one("logweir_journal_position", "gauge", "Last durable position.", router.durable.0);
    out.one(
        "logweir_journal_bytes",
        "gauge",
        "Journal on disk, reserved space included.",
        router.journal_bytes,
    );
    out.one(
        "logweir_journal_full",
        "gauge",
        "1 while acknowledgements have stopped.",
        u8::from(router.full.is_some()),
    );
    out.help("logweir_journal_sync_seconds", "summary", "Time a group took to become durable.");
    out.summary("logweir_journal_sync_seconds", &[], &router.sync);
    out.help("logweir_follower_lag_records", "gauge", "Records between a follower and the journal's end.");
    for (name, progress) in &router.followers {
        let lag = router.durable.0.saturating_sub(progress.applied.0);
        out.sample("logweir_follower_lag_records", &[("follower", name)], lag);
    }
    out.one(
        "logweir_inventory_connections",
        "gauge",
        "Shippers that are connected.",
        router.connections.len(),
    );
    out.one("logweir_index_lines", "gauge", "Lines that can be found.", index.split_lines + index.tail_lines);
    out.one("logweir_index_tail_lines", "gauge", "Lines in no split yet.", index.tail_lines);
    out.one("logweir_buffer_bytes", "gauge", "Memory of lines in no split yet.", index.tail_bytes);
    out.one("logweir_index_bytes", "gauge", "Splits on disk.", index.split_bytes);
    out.one("logweir_index_splits", "gauge", "Splits.", index.splits);
    out.one("logweir_index_merges_total", "counter", "Merges of splits.", index.merges);
    out.one("logweir_index_errors_total", "counter", "Failed writes, merges and removals.", index.failures);
    for (name, help, stopwatch) in [
        ("logweir_search_seconds", "Time a search took.", &api.latencies.search),
        ("logweir_query_seconds", "Time a metric query took.", &api.latencies.query),
    ] {
        out.help(name, "summary", help);
        out.summary(name, &[], &stopwatch.latency());
    }
    let help = "Time from a heartbeat line's own time until a search finds it.";
    out.help("logweir_e2e_latency_seconds", "summary", help);
    for (host, stopwatch) in api.latencies.hosts() {
        out.summary("logweir_e2e_latency_seconds", &[("host", &host)], &stopwatch.latency());
    }
    series::write(api, &mut out);
    alerts::write(api, &mut out);
    shipper(api, &mut out);
    inventory(&router, &mut out);
    reloads(api, &mut out);
    process::write(&mut out);
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

fn inventory(router: &logweir_router::Status, out: &mut Page) {
    let open: BTreeSet<_> = router.sources.iter().filter(|s| !s.closed).map(|s| &s.host).collect();
    let all: BTreeSet<_> = router.sources.iter().map(|s| &s.host).collect();
    out.help(
        "logweir_inventory_hosts",
        "gauge",
        "Hosts with an open source, and those that have none any more.",
    );
    out.sample("logweir_inventory_hosts", &[("state", "open")], open.len());
    out.sample("logweir_inventory_hosts", &[("state", "closed")], all.len() - open.len());
}

fn reloads(api: &Api, out: &mut Page) {
    let (is_fine, time) = api.reloads.last();
    let help = "Whether the last reload of the configuration succeeded.";
    out.one("logweir_config_last_reload_successful", "gauge", help, u8::from(is_fine));
    let help = "When the configuration was loaded last, in seconds since 1970.";
    out.one("logweir_config_last_reload_success_timestamp_seconds", "gauge", help, time.0 as f64 / 1e9);
}

fn shipper(api: &Api, out: &mut Page) {
    let snapshot = api.shipper.snapshot();
    let lag = |file: &logweir_shipper::FileStatus| file.size.saturating_sub(file.position.0);
    let lag: u64 = snapshot.files.iter().map(lag).sum();
    out.one("logweir_input_file_lag_bytes", "gauge", "Bytes in tailed files that are not acknowledged.", lag);
    out.one("logweir_input_files", "gauge", "Files that are tailed.", snapshot.files.len());
    out.help(
        "logweir_input_generations_total",
        "counter",
        "File generations that replaced or copied another one.",
    );
    out.sample("logweir_input_generations_total", &[("kind", "replaced")], snapshot.counters.replaced);
    out.sample("logweir_input_generations_total", &[("kind", "copied")], snapshot.counters.copies);
    out.help("logweir_redactions_total", "counter", "Matches hidden before they were sent.");
    for (rule, count) in &snapshot.redactions {
        out.sample("logweir_redactions_total", &[("rule", rule)], count);
    }
}
