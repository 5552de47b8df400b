//! Metrics end to end: the host's own, the node exporter's names, heartbeats timed in search, counts of logs, restarts.

mod common;

use common::{Server, get, logweir, wait_for};
use logweir_base::time::{Clock, SystemClock};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The value of the first series, ten seconds from now: what is being counted is in a window that ends until then.
fn value(server: &Server, query: &str) -> Option<f64> {
    let time = SystemClock.now().0 / 1_000_000_000 + 10;
    let path = format!("/api/v1/query?query={}&time={time}", common::encode(query));
    let answer: Value = serde_json::from_str(&get(server.http, &path).ok()?).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

fn write_config(dir: &Path, text: &str) -> String {
    let path = dir.join("logweir.toml");
    std::fs::write(&path, text).expect("writes");
    common::path_text(&path).to_owned()
}

#[test]
fn a_server_knows_its_host_and_how_long_a_line_takes() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = write_config(dir.path(), "[metrics]\ninterval = \"1s\"\nheartbeat = \"1s\"\n");
    let server = Server::start_with(dir.path(), &["-c", &config]);
    let uptime = wait_for("the host's uptime", || value(&server, "system_uptime_seconds"));
    assert!(uptime > 0.0);
    let boot = wait_for("the same under its other name", || value(&server, "node_boot_time_seconds"));
    assert!(boot > 1e9, "{boot}");
    let memory = value(&server, "node_memory_MemTotal_bytes").expect("memory");
    let states =
        value(&server, "sum(system_memory_usage_bytes{state!~\"slab_unreclaimable\"})").expect("by state");
    assert!((memory - states).abs() <= 0.05 * memory, "{memory} and {states}");
    let timed = || {
        let page = get(server.http, "/metrics").ok()?;
        let count = page.lines().find(|line| line.starts_with("logweir_e2e_latency_seconds_count"))?;
        count.rsplit_once(' ')?.1.parse::<u64>().ok().filter(|count| *count > 1)
    };
    wait_for("heartbeats to be found", timed);
    let beats =
        || value(&server, "sum(log_records_total{service=\"heartbeat\"})").filter(|beats| *beats >= 2.0);
    wait_for("heartbeats to be counted as any line is", beats);
}

/// What is counted of logs is counted once, whatever is restarted, and rules change while the server runs.
#[test]
fn rules_count_through_restarts_and_reloads() {
    let dir = tempfile::tempdir().expect("a directory");
    let logs = dir.path().join("app.log");
    let rule = "[[metric]]\nrule = 'metric \"orders_total\" = count where message:order by service'\n";
    let quiet = "[metrics]\nhost = false\nheartbeat = \"0s\"\n";
    let config = write_config(dir.path(), quiet);
    let lines = |from: u64, to: u64| {
        let line = |n| format!("{{\"level\":\"info\",\"service\":\"shop\",\"message\":\"order {n}\"}}\n");
        let text: String = (from..to).map(line).collect();
        use std::io::Write;
        let file = std::fs::File::options().create(true).append(true).open(&logs);
        file.expect("opens").write_all(text.as_bytes()).expect("writes");
    };
    lines(0, 100);
    let mut server = Server::start_with(dir.path(), &["-c", &config, "--tail", common::path_text(&logs)]);
    let is = |server: &Server, query: &str, expected: f64| {
        wait_for(&format!("{query} to be {expected}"), || value(server, query).filter(|v| *v == expected))
    };
    is(&server, "log_records_total{service=\"shop\"}", 100.0);
    write_config(dir.path(), &format!("{quiet}{rule}"));
    server.process.signal(rustix::process::Signal::HUP);
    let reloaded = || server.process.output().contains("the configuration was reloaded").then_some(());
    wait_for("the reload", reloaded);
    lines(100, 150);
    is(&server, "orders_total", 50.0);
    for kill in 1..=3u64 {
        server.process.kill();
        lines(100 + 50 * kill, 150 + 50 * kill);
        server.restart();
        is(&server, "orders_total{service=\"shop\"}", 50.0 + 50.0 * kill as f64);
    }
    is(&server, "log_records_total{level=\"INFO\"}", 300.0);
    assert_eq!(server.process.terminate(), Some(0));
    server.restart();
    is(&server, "orders_total", 200.0);
    let url = format!("http://127.0.0.1:{}", server.http);
    let (code, csv, errors) =
        logweir(&["export-metrics", "--server", &url, "--until", "2100-01-01", "orders_total"]);
    assert_eq!(code, Some(0), "{errors}");
    let increase = |line: &str| line.rsplit(',').nth(3).and_then(|cell| cell.parse::<f64>().ok());
    let rows: Vec<_> = csv.lines().skip(1).collect();
    assert!(
        rows.iter().all(|row| row.starts_with("orders_total,\"{\"\"service\"\":\"\"shop\"\"}\",")),
        "{csv}"
    );
    assert_eq!(rows.iter().filter_map(|row| increase(row)).sum::<f64>(), 200.0, "{csv}");
    let until = SystemClock.now().plus(Duration::from_secs(10)).to_string();
    let args = ["query", "--server", &url, "--since", "10m", "--until", &until, "sum(orders_total)"];
    let (code, table, errors) = logweir(&args);
    assert_eq!(code, Some(0), "{errors}");
    assert!(table.lines().any(|line| line.starts_with("{}") && line.contains("200")), "{table}");
}
