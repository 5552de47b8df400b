//! The HTTP side: search, traces, export, fields, live tail, deletion, metrics in and out, status, health, reload. Only this folder knows
//! HTTP's server side.

pub mod alerting;
mod delete;
mod export;
mod export_metrics;
mod fields;
mod hit;
mod hits;
mod metrics;
mod params;
mod patterns;
mod projection;
mod prometheus;
mod rate;
mod receive;
mod rollups;
mod sample;
mod search;
mod serve;
mod status;
mod table;
mod tail;
#[cfg(test)]
mod testing;
mod trace;

pub use hit::write_hit;
pub use receive::Receivers;
pub use serve::serve;
pub use status::Watchdog;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use logweir_alerter::memory::Memory;
use logweir_base::ids::Position;
use logweir_base::query::Moment;
use logweir_base::time::{Clock, Timestamp};
use logweir_rollup::node::NodeNames;
use logweir_router::Stopwatch;
use params::BadParam;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;

/// Searches that run at a time; further ones wait their turn.
pub const SEARCHES_MAX: usize = 8;
/// Exports that run at a time, beside the searches: one goes at the pace of its client, for hours if need be, and must not
/// hold up those who look for something. Further ones are refused.
pub const EXPORTS_MAX: usize = 4;

/// Metric queries that run at a time; further ones wait their turn. A dashboard asks for dozens at once.
pub const QUERIES_MAX: usize = 8;

/// What the handlers need of the running server.
pub struct Api {
    /// The log store.
    pub store: logweir_indexer::Store,
    /// The metrics store, which knows the node exporter's names too.
    pub metrics: NodeNames<logweir_rollup::Store>,
    /// How long its windows are those of ten seconds and no line has left the log store for its age.
    pub windows_age: Duration,
    /// Exceptions and alerts.
    pub alerter: logweir_alerter::Reader,
    /// What came over HTTP.
    pub receivers: Receivers,
    /// The router.
    pub router: Arc<logweir_router::Router>,
    /// The shipper in this process; empty when it tails nothing itself.
    pub shipper: logweir_shipper::ShipperStatus,
    /// Takes a changed configuration over; the text is why not.
    pub reload: Box<dyn Fn() -> Result<(), String> + Send + Sync>,
    /// How reloads went.
    pub reloads: Arc<Reloads>,
    /// Where the data lies.
    pub data: std::path::PathBuf,
    /// End of the journal at the start: ready when the log store has come so far.
    pub starting: Position,
    /// Notices when what waits does not move.
    pub watchdog: Watchdog,
    /// When the server started.
    pub started: Instant,
    /// Wall time, for `since=15m`.
    pub clock: Arc<dyn Clock>,
    /// Bounds [`SEARCHES_MAX`].
    pub searches: Arc<Semaphore>,
    /// Bounds [`EXPORTS_MAX`].
    pub exports: Arc<Semaphore>,
    /// Bounds [`QUERIES_MAX`].
    pub queries: Arc<Semaphore>,
    /// Held by a metric query that takes much memory.
    pub large_query: Mutex<()>,
    /// How long answers took.
    pub latencies: Latencies,
}

impl Api {
    /// What the alerter remembers. Whoever writes it may hold it while a disk syncs, so other tasks are handed over meanwhile.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        tokio::task::block_in_place(|| self.alerter.memory())
    }

    /// What words of time in a query count from.
    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), deploys: self.alerter.latest_deploys() }
    }
}

/// How the last reload of the configuration went, and when one last succeeded; the start counts as one.
#[derive(Debug)]
pub struct Reloads(Mutex<(bool, Timestamp)>);

impl Reloads {
    /// The server starts now.
    pub fn new(now: Timestamp) -> Self {
        Self(Mutex::new((true, now)))
    }

    /// One has ended.
    pub fn ended(&self, is_fine: bool, now: Timestamp) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *last = if is_fine { (true, now) } else { (false, last.1) };
    }

    /// Whether the last one succeeded, and when one last did.
    pub fn last(&self) -> (bool, Timestamp) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long things took that people wait for.
#[derive(Debug, Default)]
pub struct Latencies {
    /// Searches, from the request to the end of the answer.
    pub search: Stopwatch,
    /// Metric queries, likewise.
    pub query: Stopwatch,
    /// Heartbeats of shippers by host, from the line's own time to being found by a search.
    end_to_end: Mutex<BTreeMap<String, Arc<Stopwatch>>>,
}

/// Hosts whose heartbeats are timed; a stopwatch takes some 10 KiB.
const TIMED_HOSTS_MAX: usize = 1_000;

impl Latencies {
    /// A heartbeat of a host was found.
    pub fn end_to_end(&self, host: &str, took: Duration) {
        let mut hosts = self.end_to_end.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.contains_key(host) || hosts.len() < TIMED_HOSTS_MAX {
            hosts.entry(host.to_owned()).or_default().record(took);
        }
    }

    /// All of them.
    pub fn hosts(&self) -> BTreeMap<String, Arc<Stopwatch>> {
        self.end_to_end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Every route there is.
pub fn routes(api: Arc<Api>) -> Router {
    let health = get(|| async { text(200, "ok\n".to_owned()) });
    Router::new()
        .route("/api/v1/search", get(search::search))
        .route("/api/v1/export", get(export::export))
        .route("/api/v1/fields", get(fields::fields))
        .route("/api/v1/values", get(fields::values))
        .route("/api/v1/trace/{id}", get(trace::trace))
        .route("/api/v1/patterns", get(patterns::patterns))
        .route("/api/v1/tail", get(tail::tail))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/delete", get(delete::deletions).post(delete::delete))
        .route("/api/v1/delete/{id}", get(delete::deletion))
        .merge(metric_routes())
        .merge(alert_routes())
        .route("/health", health.clone())
        .route("/-/healthy", health.clone())
        .route("/health/livez", health)
        .route("/ready", get(status::ready))
        .route("/-/ready", get(status::ready))
        .route("/health/readyz", get(status::ready))
        .route("/version", get(|| async { text(200, format!("logweir {}\n", env!("CARGO_PKG_VERSION"))) }))
        .route("/metrics", get(metrics::metrics))
        .route("/-/reload", post(status::reload))
        .fallback(|method: Method, uri: axum::http::Uri| async move {
            let reason = format!("no {method} {}; try /api/v1/search?q=*", uri.path());
            error(404, &BadParam { reason, column: None })
        })
        .with_state(api)
}

/// Exceptions, alerts, silences, deploys.
fn alert_routes() -> Router<Arc<Api>> {
    use alerting::{alerts, deploys, exceptions};
    Router::new()
        .route("/api/v1/exceptions", get(exceptions::list))
        .route("/api/v1/exceptions/{id}", get(exceptions::one))
        .route("/api/v1/exceptions/{id}/resolve", post(exceptions::resolve))
        .route("/api/v1/exceptions/{id}/mute", post(exceptions::mute))
        .route("/api/v1/exceptions/{id}/reopen", post(exceptions::reopen))
        .route("/api/v1/alerts", get(alerts::list))
        .route("/api/v1/episodes", get(alerts::episodes))
        .route("/api/v1/episodes/{id}/acknowledge", post(alerts::acknowledge))
        .route("/api/v1/silences", get(alerts::silences).post(alerts::silence))
        .route("/api/v1/silences/{id}", axum::routing::delete(alerts::unsilence))
        .route("/api/v1/deploys", get(deploys::list).post(deploys::deploy))
}

/// Metrics: those that are sent to us, and Prometheus' API to ask for them.
fn metric_routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/api/v1/write", post(receive::remote_write))
        .route("/v1/metrics", post(receive::otlp_metrics))
        .route("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", post(receive::grpc_export))
        .route("/api/v1/query", get(prometheus::query).post(prometheus::query))
        .route("/api/v1/query_range", get(prometheus::query_range).post(prometheus::query_range))
        .route("/api/v1/series", get(prometheus::series).post(prometheus::series))
        .route("/api/v1/labels", get(prometheus::labels).post(prometheus::labels))
        .route("/api/v1/label/{name}/values", get(prometheus::label_values))
        .route("/api/v1/export_metrics", get(export_metrics::export).post(export_metrics::export))
        .route("/api/v1/metadata", get(prometheus::metadata))
        .route("/api/v1/status/buildinfo", get(prometheus::buildinfo))
}

/// A JSON error: `{"error": reason, "column": n}`.
fn error(status: u16, bad: &BadParam) -> Response {
    let json = serde_json::json!({ "error": bad.reason, "column": bad.column });
    respond(status, "application/json", Body::from(format!("{json}\n")))
}

fn internal(reason: &str) -> Response {
    error(503, &BadParam { reason: reason.to_owned(), column: None })
}

fn text(status: u16, body: String) -> Response {
    respond(status, "text/plain; charset=utf-8", Body::from(body))
}

fn json(status: u16, value: &serde_json::Value) -> Response {
    respond(status, "application/json", Body::from(format!("{value}\n")))
}

/// One JSON object a line, as they come; the sender of the chunks notices when the client has left.
fn ndjson(chunks: mpsc::Receiver<Bytes>) -> Response {
    let stream = ReceiverStream::new(chunks).map(Ok::<_, Infallible>);
    respond(200, "application/x-ndjson", Body::from_stream(stream))
}

/// Log bytes are hostile wherever a browser might show them, so it is told not to guess.
fn respond(status: u16, content_type: &str, body: Body) -> Response {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status of ours"))
        .header(header::CONTENT_TYPE, content_type)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_SECURITY_POLICY, "default-src 'none'")
        .header(header::CACHE_CONTROL, "no-store")
        .body(body)
        .expect("headers of ours are valid")
}
