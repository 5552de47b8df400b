//! Bad input to the metrics side: it is refused or counted, nothing else is lost, memory stays bounded, and the server goes on.

#![allow(clippy::print_stdout)] // how much memory it took is worth seeing

mod common;

use common::{Server, encode, get, path_text, wait_for};
use logweir_base::time::{Clock, SystemClock};
use logweir_base::varint;
use serde_json::Value;

fn field(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint::put(&mut out, body.len() as u64);
    out.extend_from_slice(body);
    out
}

/// A series of a remote write request.
fn series(labels: &[(&str, &str)], points: &[(i64, f64)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in labels {
        body.extend(field(1, &[field(1, name.as_bytes()), field(2, value.as_bytes())].concat()));
    }
    for (time, value) in points {
        let mut sample = vec![0x09];
        sample.extend_from_slice(&value.to_le_bytes());
        sample.push(0x10);
        varint::put(&mut sample, *time as u64);
        body.extend(field(2, &sample));
    }
    field(1, &body)
}

fn snappy(body: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(body).expect("fits")
}

fn post(server: &Server, path: &str, content_type: &str, encoding: &str, body: &[u8]) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://127.0.0.1:{}{path}", server.http));
    let request = request.header("content-type", content_type).header("content-encoding", encoding);
    let mut response = request.send(body).expect("the server answers");
    let text = response.body_mut().read_to_string().unwrap_or_default();
    (response.status().as_u16(), text)
}

fn write(server: &Server, body: &[u8]) -> (u16, String) {
    post(server, "/api/v1/write", "application/x-protobuf", "snappy", &snappy(body))
}

fn value(server: &Server, query: &str) -> Option<String> {
    let answer: Value =
        serde_json::from_str(&get(server.http, &format!("/api/v1/query?query={}", encode(query))).ok()?)
            .ok()?;
    Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
}

fn counted(server: &Server, line: &str) -> u64 {
    let page = get(server.http, "/metrics").expect("metrics");
    let found = page.lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in /metrics"))
}

fn now_ms() -> i64 {
    SystemClock.now().0 / 1_000_000
}

#[test]
fn odd_values_times_and_labels() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let now = now_ms();
    let odd = [(now - 3000, f64::NAN), (now - 2000, f64::INFINITY), (now - 1000, f64::NEG_INFINITY)];
    assert_eq!(write(&server, &series(&[("__name__", "odd")], &odd)).0, 204);
    assert_eq!(value(&server, "odd").as_deref(), Some("-Inf"));
    // A counter that was reset twice: 10, 20, 5, 7, 1.
    let steps = [10.0, 20.0, 5.0, 7.0, 1.0];
    let reset: Vec<_> = steps.iter().zip(0..).map(|(v, i)| (now - 5000 + i * 1000, *v)).collect();
    assert_eq!(write(&server, &series(&[("__name__", "reset_total")], &reset)).0, 204);
    assert_eq!(value(&server, "resets(reset_total[1m])").as_deref(), Some("2"));
    // Clocks that jump: refused and counted, what is beside them is taken.
    let day = 86_400_000;
    let times = [(now - 30 * day, 1.0), (now - 10, 2.0), (now + 30 * day, 3.0), (1, 4.0)];
    assert_eq!(write(&server, &series(&[("__name__", "jumps")], &times)).0, 204);
    assert_eq!(value(&server, "jumps").as_deref(), Some("2"));
    assert_eq!(counted(&server, "logweir_rollup_points_total{fate=\"too_old\"}"), 2);
    assert_eq!(counted(&server, "logweir_rollup_points_total{fate=\"in_future\"}"), 1);
    // Sent again: nothing changes. Another value for the time: the first stays.
    assert_eq!(write(&server, &series(&[("__name__", "jumps")], &[(now - 10, 2.0)])).0, 204);
    assert_eq!(write(&server, &series(&[("__name__", "jumps")], &[(now - 10, 9.0)])).0, 204);
    assert_eq!(value(&server, "jumps").as_deref(), Some("2"));
    assert_eq!(counted(&server, "logweir_rollup_points_total{fate=\"conflict\"}"), 1);
    // A label of 64 KB, one without a name of the metric: refused with a reason, the rest of the request is taken.
    let long = "x".repeat(64 << 10);
    let mixed = [
        series(&[("__name__", "long"), ("a", &long)], &[(now, 1.0)]),
        series(&[("a", "b")], &[(now, 1.0)]),
        series(&[("__name__", "beside")], &[(now, 1.0)]),
    ];
    let (status, told) = write(&server, &mixed.concat());
    assert!(
        status == 400 && told.contains("2 refused") && told.contains("the rest was taken"),
        "{status} {told}"
    );
    assert_eq!(value(&server, "beside").as_deref(), Some("1"));
}

#[test]
fn damaged_bodies_and_bombs_are_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &[]);
    let good = series(&[("__name__", "good")], &[(now_ms(), 1.0)]);
    let packed = snappy(&good);
    let send = |server: &Server, body: &[u8]| {
        post(server, "/api/v1/write", "application/x-protobuf", "snappy", body).0
    };
    for end in 0..packed.len() {
        assert_ne!(send(&server, &packed[..end]), 503, "snappy cut at {end}");
    }
    for end in 1..good.len() {
        assert_eq!(send(&server, &snappy(&good[..end])), 400, "protobuf cut at {end}");
    }
    // Snappy that says it holds 4 GiB, and gzip that holds 100 MB of zeros.
    assert_eq!(send(&server, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0]), 400);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::copy(&mut std::io::Read::take(std::io::repeat(0), 100 << 20), &mut gzip).expect("memory");
    let bomb = gzip.finish().expect("memory");
    assert_eq!(post(&server, "/v1/metrics", "application/x-protobuf", "gzip", &bomb).0, 400);
    assert_eq!(
        post(&server, "/v1/metrics", "application/json", "identity", b"{\"resourceMetrics\": [").0,
        400
    );
    // What is no OTLP on OTLP's path of gRPC, and remote write of a version that is not spoken.
    let grpc = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
    for body in [&b""[..], b"garbage", b"\0\xff\xff\xff\xff", b"\x01\0\0\0\x02ab"] {
        assert_eq!(
            post(&server, grpc, "application/grpc", "identity", body).0,
            200,
            "gRPC tells it in its status"
        );
    }
    assert_eq!(counted(&server, "logweir_receive_bad_requests_total{protocol=\"otlp_grpc\"}"), 4);
    let newer = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
    assert_eq!(post(&server, "/api/v1/write", newer, "snappy", &packed).0, 415);
    // Queries that would go deep or far.
    let deep = format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000));
    let wide = format!("{{a=~\"{}\"}}", "(x{0,500}){0,500}");
    for query in [deep.as_str(), "sum(", "{__name__=~\".*\"}[100y]", "rate(x)", "\u{0}", &wide] {
        let form = format!("query={}", encode(query));
        let (status, _) =
            post(&server, "/api/v1/query", "application/x-www-form-urlencoded", "identity", form.as_bytes());
        assert!([400, 422].contains(&status), "{query:.40}: {status}");
        assert!(server.process.exit_code().is_none(), "{query:.40} ended the server");
    }
    assert_eq!(send(&server, &packed), 204);
    assert_eq!(value(&server, "good").as_deref(), Some("1"));
}

/// M02: label explosion. Memory does not grow with it, it is counted, and other metrics go on.
#[test]
fn m02_a_hundred_thousand_label_values_are_bounded_and_counted() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("budget.toml");
    std::fs::write(&config, "[metrics]\nseries_per_metric_max = 1000\n").expect("writes");
    let server = Server::start(dir.path(), &["-c", path_text(&config)]);
    let now = now_ms();
    for request in 0..100 {
        let body: Vec<u8> = (0..1000)
            .flat_map(|n| series(&[("__name__", "wild"), ("id", &format!("{request}-{n}"))], &[(now, 1.0)]))
            .collect();
        assert_eq!(write(&server, &body).0, 204);
    }
    assert_eq!(write(&server, &series(&[("__name__", "tame")], &[(now, 5.0)])).0, 204);
    assert_eq!(value(&server, "tame").as_deref(), Some("5"));
    let kept: u64 = value(&server, "count(wild)").and_then(|text| text.parse().ok()).expect("some are kept");
    let beyond = counted(&server, "logweir_rollup_overflow_points_total{metric=\"wild\"}");
    assert!(kept <= 1000 && kept + beyond == 100_000, "{kept} kept, {beyond} beyond");
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.pid())).expect("lives");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("linux has it").trim();
    println!("100,000 label values: VmHWM {memory}");
    let kib: u64 = memory.trim_end_matches(" kB").parse().expect("a number");
    assert!(kib < 150 << 10, "{memory}: a thousand series of it are kept");
    wait_for("it to be told", || {
        get(server.http, "/api/v1/status")
            .ok()
            .filter(|s| s.contains("series_per_metric_max = 1000 is used up by wild"))
    });
}
