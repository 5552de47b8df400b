//! Real senders against a real server: Prometheus writing to us and scraping us, `promtool`, OpenTelemetry's Python exporter,
//! a StatsD client. What is not installed here is said and skipped; `.ci/run` installs all of it.

#![allow(clippy::print_stdout)] // what is skipped, and how much was compared, must be seen

mod common;

use common::{Process, Server, encode, free_port, get, wait_for};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is asked of both Prometheus and us. All of it is about the metrics of the server under test.
const QUERIES: &[&str] = &[
    "up",
    "logweir_uptime_seconds",
    "process_resident_memory_bytes / 1024 / 1024",
    "rate(logweir_input_syncs_total[10s])",
    "irate(process_cpu_seconds_total[10s])",
    "increase(logweir_uptime_seconds[7s])",
    "delta(logweir_uptime_seconds[7s])",
    "idelta(logweir_uptime_seconds[7s])",
    "deriv(logweir_uptime_seconds[10s])",
    "predict_linear(logweir_uptime_seconds[10s], 60)",
    "changes(logweir_uptime_seconds[10s])",
    "resets(logweir_uptime_seconds[10s])",
    "avg_over_time(scrape_duration_seconds[10s])",
    "max_over_time(scrape_duration_seconds[10s])",
    "min_over_time(scrape_duration_seconds[10s])",
    "sum_over_time(scrape_duration_seconds[10s])",
    "count_over_time(scrape_duration_seconds[10s])",
    "stddev_over_time(scrape_duration_seconds[10s])",
    "stdvar_over_time(scrape_duration_seconds[10s])",
    "quantile_over_time(0.9, scrape_duration_seconds[10s])",
    "last_over_time(scrape_duration_seconds[10s])",
    "present_over_time(up[10s])",
    "holt_winters(logweir_uptime_seconds[10s], 0.5, 0.5)",
    "sum by (follower) (logweir_follower_lag_records)",
    "sum without (instance) (logweir_search_seconds)",
    "avg(logweir_search_seconds)",
    "topk(2, scrape_samples_scraped)",
    "bottomk(1, scrape_series_added)",
    "quantile(0.5, {__name__=~\"scrape_.+\"})",
    "count by (job) ({__name__=~\"logweir_.+\"})",
    "count_values(\"value\", up)",
    "stddev({__name__=~\"logweir_input_.+\"})",
    "group(up)",
    "max(process_open_fds) - min(process_open_fds)",
    "process_open_fds > bool 3",
    "process_open_fds > 3",
    "process_open_fds and on (instance) up",
    "process_open_fds unless up",
    "up or process_open_fds",
    "process_open_fds * on (instance, job) group_left () up",
    "scrape_samples_scraped % 7 ^ 2",
    "-up",
    "abs(-scrape_duration_seconds)",
    "ceil(scrape_duration_seconds)",
    "floor(scrape_duration_seconds * 1e3)",
    "round(scrape_duration_seconds, 0.001)",
    "exp(up) + ln(up + 1) + log2(up + 7) + log10(up + 99) + sqrt(up + 1)",
    "clamp(scrape_samples_scraped, 1, 10)",
    "clamp_min(up, 5)",
    "clamp_max(up, 0.5)",
    "sgn(up) + scalar(up)",
    "label_replace(up, \"copy\", \"$1-x\", \"job\", \"(.*)\")",
    "label_join(up, \"both\", \"/\", \"job\", \"instance\")",
    "absent(nothing_of_this_name)",
    "absent_over_time(nothing_of_this_name[5s])",
    "timestamp(up)",
    "time()",
    "vector(1)",
    "hour() + minute() + day_of_week() + day_of_month() + days_in_month() + month() + year()",
    "sin(up) + cos(up) + tan(up) + pi() + rad(up) + deg(up)",
    "sort_desc(scrape_samples_scraped)",
    "max_over_time(rate(process_cpu_seconds_total[5s])[6s:2s])",
    "avg_over_time((up + 1)[6s:1s])",
    "logweir_uptime_seconds offset 3s",
    "rate(process_cpu_seconds_total[5s] offset 2s)",
    "logweir_build_info",
    "{job=\"logweir\", __name__=~\"process_.+_bytes\"}",
];
/// Rounding differs with the order of additions.
const TOLERANCE: f64 = 1e-9;

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

fn json(port: u16, path: &str) -> Option<Value> {
    serde_json::from_str(&get(port, path).ok()?).ok()
}

fn instant(port: u16, query: &str, seconds: f64) -> Value {
    let path = format!("/api/v1/query?query={}&time={seconds}", encode(query));
    json(port, &path).unwrap_or_else(|| panic!("no answer to {query}"))["data"].clone()
}

/// The newest sample of a series as a server has it, in ms.
fn newest(port: u16, series: &str) -> Option<i64> {
    let path = format!("/api/v1/query?query={}", encode(&format!("max(timestamp({series}))")));
    let answer = json(port, &path)?;
    let seconds: f64 = answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()?;
    Some((seconds * 1000.0).round() as i64)
}

/// Prometheus scraping `server` and writing to it.
fn start_prometheus(dir: &Path, server: &Server) -> (Process, u16) {
    let port = free_port();
    let (config, data) = (dir.join("prometheus.yml"), dir.join("prometheus"));
    let http = server.http;
    let text = format!(
        "global:\n  scrape_interval: 1s\nscrape_configs:\n  - job_name: logweir\n    static_configs:\n      \
         - targets: ['127.0.0.1:{http}']\nremote_write:\n  - url: http://127.0.0.1:{http}/api/v1/write\n    \
         queue_config:\n      batch_send_deadline: 200ms\n"
    );
    std::fs::write(&config, text).expect("writes");
    let args = [
        format!("--config.file={}", config.display()),
        format!("--storage.tsdb.path={}", data.display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--log.level=warn".to_owned(),
    ];
    (Process::start("prometheus", &args, &dir.join("prometheus.log")), port)
}

/// Series as a sorted list of labels and values.
fn flat(data: &Value) -> Vec<(String, Vec<(f64, f64)>)> {
    let number = |v: &Value| v.as_str().and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    let point = |p: &Value| (p[0].as_f64().expect("a time"), number(&p[1]));
    let result = data["result"].as_array().cloned().unwrap_or_default();
    if data["resultType"] == "scalar" {
        return vec![("scalar".to_owned(), vec![(0.0, number(&result[1]))])];
    }
    let series = |s: &Value| {
        let labels: std::collections::BTreeMap<String, Value> =
            serde_json::from_value(s["metric"].clone()).expect("labels");
        let points = match s.get("values") {
            Some(values) => values.as_array().expect("points").iter().map(point).collect(),
            None => vec![point(&s["value"])],
        };
        (format!("{labels:?}"), points)
    };
    let mut all: Vec<_> = result.iter().map(series).collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn differ(a: f64, b: f64) -> bool {
    let same = a == b || (a.is_nan() && b.is_nan());
    !same && (a - b).abs().partial_cmp(&(TOLERANCE * a.abs().max(b.abs()).max(1.0))).is_none_or(|o| o.is_gt())
}

fn compare(query: &str, theirs: &Value, ours: &Value) -> Result<usize, String> {
    let (theirs, ours) = (flat(theirs), flat(ours));
    let names =
        |all: &[(String, Vec<(f64, f64)>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    if names(&theirs) != names(&ours) {
        return Err(format!("{query}: Prometheus has {:?}, we have {:?}", names(&theirs), names(&ours)));
    }
    let mut compared = 0;
    for ((name, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        let times = |points: &[(f64, f64)]| points.iter().map(|(time, _)| *time).collect::<Vec<_>>();
        if times(theirs) != times(ours) {
            return Err(format!("{query}: {name}: times {:?} and {:?}", times(theirs), times(ours)));
        }
        for ((time, a), (_, b)) in theirs.iter().zip(ours) {
            if differ(*a, *b) {
                return Err(format!("{query}: {name} at {time}: Prometheus has {a}, we have {b}"));
            }
            compared += 1;
        }
    }
    Ok(compared)
}

#[test]
fn prometheus_writes_to_us_and_answers_as_we_do() {
    if !is_there("prometheus") {
        return println!("skipped: prometheus is not installed");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let (_prometheus, port) = start_prometheus(dir.path(), &server);
    let first = wait_for("Prometheus to write", || newest(server.http, "up"));
    // So long that no range reaches back to the first scrape: how far a counter is extrapolated there has changed since 2.42.
    let last = wait_for("some scrapes", || newest(server.http, "up").filter(|now| *now >= first + 22_000));
    // Between two scrapes, so that no sample lies on the border of a range: there 2.42 differs from 3, which we follow.
    let end = (last - 750) as f64 / 1000.0;
    let start = end - 8.0;
    let (mut compared, mut faults) = (0, Vec::new());
    for query in QUERIES {
        let path = format!("/api/v1/query_range?query={}&start={start}&end={end}&step=0.5", encode(query));
        let range =
            |port| json(port, &path).unwrap_or_else(|| panic!("no answer to {query}"))["data"].clone();
        let both = [
            compare(query, &instant(port, query, end), &instant(server.http, query, end)),
            compare(query, &range(port), &range(server.http)),
        ];
        for outcome in both {
            match outcome {
                Ok(points) => compared += points,
                Err(fault) => faults.push(fault),
            }
        }
    }
    println!("{} queries, {compared} values equal to those of Prometheus", QUERIES.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(compared > 1_000, "only {compared} values were compared");
}

#[test]
fn promtool_finds_nothing_wrong_with_our_metrics() {
    if !is_there("promtool") {
        return println!("skipped: promtool is not installed");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let page = dir.path().join("metrics.txt");
    std::fs::write(&page, get(server.http, "/metrics").expect("metrics")).expect("writes");
    let input = std::fs::File::open(&page).expect("opens");
    let output = Command::new("promtool").args(["check", "metrics"]).stdin(input).output().expect("runs");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

/// The Python that `.ci/run` gives the exporters to, else the system's.
fn python() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/senders/bin/python");
    if own.exists() { own } else { PathBuf::from("python3") }
}

/// Runs a script, unless a module that it needs is not installed.
fn run_python(modules: &str, script: &str, args: &[String]) -> bool {
    let has =
        Command::new(python()).args(["-c", &format!("import {modules}")]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        println!("skipped: python has no {modules}");
        return false;
    }
    let output = Command::new(python()).arg("-c").arg(script).args(args).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    true
}

const OTEL: &str = r#"
import sys
endpoint, protocol = sys.argv[1], sys.argv[2]
if protocol == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    exporter = OTLPMetricExporter(endpoint=endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    exporter = OTLPMetricExporter(endpoint=endpoint + "/v1/metrics")
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import View, ExponentialBucketHistogramAggregation
from opentelemetry.sdk.resources import Resource
reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3600000)
view = View(instrument_name="request.size", aggregation=ExponentialBucketHistogramAggregation())
provider = MeterProvider([reader], resource=Resource({"service.name": "shop-" + protocol, "host.name": "h1"}), views=[view])
meter = provider.get_meter("test")
orders = meter.create_counter("orders")
latency = meter.create_histogram("latency", unit="ms")
size = meter.create_histogram("request.size", unit="By")
inflight = meter.create_up_down_counter("inflight")
for i in range(100):
    orders.add(2, {"kind": "a" if i % 2 else "b"})
    latency.record(float(i))
    size.record(1000.0 + i)
inflight.add(5)
assert provider.force_flush()
provider.shutdown()
"#;

fn value(server: &Server, query: &str) -> Option<f64> {
    let answer = json(server.http, &format!("/api/v1/query?query={}", encode(query)))?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// A query whose one value must come to be `expected`, give or take a part of it.
#[track_caller]
fn comes_to(server: &Server, query: &str, expected: f64, part: f64) {
    let mut last = None;
    wait_for(&format!("{query} to be {expected}"), || {
        last = value(server, query);
        last.filter(|value| (value - expected).abs() <= part * expected.abs())
    });
}

#[test]
fn opentelemetry_exports_over_http_and_grpc() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    for protocol in ["http", "grpc"] {
        let module = format!("opentelemetry.exporter.otlp.proto.{protocol}.metric_exporter");
        let args = [format!("http://127.0.0.1:{}", server.http), protocol.to_owned()];
        if !run_python(&module, OTEL, &args) {
            continue;
        }
        let of = |metric: &str| format!("{metric}{{service=\"shop-{protocol}\"}}");
        comes_to(&server, &format!("sum({})", of("orders_total")), 200.0, 0.0);
        comes_to(&server, &of("inflight"), 5.0, 0.0);
        comes_to(&server, &of("latency_milliseconds_count"), 100.0, 0.0);
        comes_to(&server, &of("latency_milliseconds_sum"), 4950.0, 0.0);
        comes_to(
            &server,
            &format!("histogram_quantile(0.5, {})", of("latency_milliseconds_bucket")),
            50.0,
            0.1,
        );
        comes_to(&server, &format!("histogram_count({})", of("request_size_bytes")), 100.0, 0.0);
        comes_to(&server, &format!("histogram_quantile(0.5, {})", of("request_size_bytes")), 1050.0, 0.01);
    }
}

#[test]
fn a_statsd_client_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let port = free_port();
    let config = dir.path().join("logweir.toml");
    let text =
        format!("[statsd]\nlisten = [\"127.0.0.1:{port}\", \"tcp:127.0.0.1:{port}\"]\ninterval = \"1s\"\n");
    std::fs::write(&config, text).expect("writes");
    let server = Server::start(dir.path(), &["-c", common::path_text(&config)]);
    let up = || get(server.http, "/metrics").ok()?.contains("logweir_statsd_").then_some(());
    wait_for("StatsD to be listened for", up);
    let script = r#"
import sys, statsd
port = int(sys.argv[1])
for client in (statsd.StatsClient("127.0.0.1", port), statsd.TCPStatsClient("127.0.0.1", port)):
    for i in range(50):
        client.incr("shop.orders", 2)
        client.timing("shop.latency", i)
    client.gauge("shop.inflight", 7)
    if hasattr(client, "close"):
        client.close()
"#;
    if run_python("statsd", script, &[port.to_string()]) {
        comes_to(&server, "sum(shop_orders)", 200.0, 0.0);
        comes_to(&server, "shop_inflight", 7.0, 0.0);
        comes_to(&server, "histogram_count(shop_latency)", 100.0, 0.0);
        comes_to(&server, "histogram_quantile(0.9, shop_latency)", 44.0, 0.01);
    }
}
