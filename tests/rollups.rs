//! Pipes answered from metrics give what reading all lines gives, and are not used where they would not.

mod common;

use common::{Server, encode, get, path_text, ship_once};
use logweir_base::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use std::time::Duration;

const QUERIES: [&str; 9] = [
    "* | count",
    "* | count by level",
    "* | count by service, level",
    "* | count by service every 1m",
    "level:error | count by service every 10s",
    "level:>=warn service:cart | count",
    "NOT service:cart | count by level every 5m",
    "message:order | count by service",
    "level:error | count every 7s",
];

/// Rows, and the metric they came from.
fn table(server: &Server, query: &str, more: &str) -> (Vec<String>, Option<String>) {
    let path = format!("/api/v1/search?q={}&{more}", encode(query));
    let body = get(server.http, &path).expect("answers");
    let mut rows: Vec<String> = body.lines().map(str::to_owned).collect();
    let summary: Value = serde_json::from_str(&rows.pop().expect("a summary")).expect("JSON");
    assert_eq!(summary["summary"]["partial"], false, "{query}");
    (rows, summary["summary"]["counted_by"].as_str().map(str::to_owned))
}

/// Both ways; whether a metric had the answer.
#[track_caller]
fn compare(server: &Server, query: &str, more: &str) -> bool {
    let (fast, metric) = table(server, query, more);
    let (plain, none) = table(server, query, &format!("{more}&rollups=off"));
    assert_eq!(fast, plain, "{query} by {metric:?}");
    assert!(plain.len() > 1 && none.is_none(), "{query}: {plain:?}");
    metric.is_some()
}

#[test]
fn pipes_are_answered_from_metrics_where_these_are_exact() {
    let dir = tempfile::tempdir().expect("a directory");
    let rule = dir.path().join("rule.toml");
    std::fs::write(
        &rule,
        "[[metric]]\nrule = 'metric \"orders_total\" = count where message:order by service'\n",
    )
    .expect("writes");
    let mut server = Server::start(dir.path(), &["-c", path_text(&rule)]);
    let now = SystemClock.now();
    let log = dir.path().join("app.log");
    let line = |n: u64| {
        let time = now.minus(Duration::from_secs(n * 7 % 1800));
        let level = ["INFO", "WARN", "ERROR"][(n % 3) as usize];
        let service = ["cart", "shop", "pay"][(n / 3 % 3) as usize];
        let what = if n.is_multiple_of(5) { "order" } else { "look" };
        format!(
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"service\":\"{service}\",\"message\":\"{what} {n}\"}}\n"
        )
    };
    std::fs::write(&log, (0..3000).map(line).collect::<String>()).expect("writes");
    ship_once(dir.path(), server.ingest, &[&log]);
    let times = |from: u64, until: u64| {
        let at = |back| now.minus(Duration::from_secs(back)).to_string();
        format!("since={}&until={}", encode(&at(from)), encode(&at(until)))
    };
    let all = |server: &Server| {
        let ways: Vec<bool> = QUERIES.iter().map(|query| compare(server, query, &times(1713, 31))).collect();
        (ways.iter().filter(|from_metrics| **from_metrics).count(), ways[8])
    };
    // Only windows that are no multiple of ten seconds cannot be had.
    assert_eq!(all(&server), (8, false));
    server.process.kill();
    server.restart();
    assert_eq!(all(&server), (8, false), "after a kill");
    assert!(!compare(&server, "* | count", ""), "of all time, what was before nobody knows");
    // What was deleted is counted no more by reading, and so the metric is not asked.
    let url = format!("http://127.0.0.1:{}", server.http);
    common::check(&["delete", "--server", &url, "--yes", "--wait", "message:order level:info"], 0, "");
    assert_eq!(all(&server), (0, false), "after a deletion");
}

/// A server with these lines of configuration, which may be written anew before it restarts.
struct Configured {
    dir: tempfile::TempDir,
    server: Server,
    files: usize,
}

impl Configured {
    fn start(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("logweir.toml"), config).expect("writes");
        let server = Server::start(dir.path(), &["-c", path_text(&dir.path().join("logweir.toml"))]);
        Self { dir, server, files: 0 }
    }

    fn restart_with(&mut self, config: &str) {
        std::fs::write(self.dir.path().join("logweir.toml"), config).expect("writes");
        assert_eq!(self.server.process.terminate(), Some(0));
        self.server.restart();
    }

    /// Ships lines: seconds from `now` on, and further fields.
    fn ship(&mut self, now: Timestamp, lines: &[(i64, String)]) {
        self.files += 1;
        let log = self.dir.path().join(format!("{}.log", self.files));
        let line = |(at, fields): &(i64, String)| {
            let time = Timestamp(now.0 + at * 1_000_000_000);
            format!("{{\"time\":\"{time}\",\"level\":\"INFO\",\"message\":\"m\"{fields}}}\n")
        };
        std::fs::write(&log, lines.iter().map(line).collect::<String>()).expect("writes");
        ship_once(self.dir.path(), self.server.ingest, &[&log]);
    }
}

/// A search of the times between so many seconds after `now`.
fn between(now: Timestamp, from: i64, until: i64) -> String {
    let at = |seconds: i64| encode(&Timestamp(now.0 + seconds * 1_000_000_000).to_string());
    format!("since={}&until={}", at(from), at(until))
}

#[test]
fn what_labels_cannot_tell_is_read() {
    let mut it = Configured::start("[[metric]]\nrule = 'metric \"codes_total\" = count by code'\n");
    let now = SystemClock.now();
    let (query, times) = ("* | count by code", between(now, -600, -100));
    let codes = |codes: &[&str]| -> Vec<(i64, String)> {
        (-300..).zip(codes).map(|(at, code)| (at, format!(",\"code\":\"{code}\""))).collect()
    };
    it.ship(now, &codes(&["a", "b", "a", "c", "7"]));
    assert!(compare(&it.server, query, &times));
    // A clock that is five days ahead: such a record stands a day ahead.
    it.ship(now, &[(5 * 86_400, ",\"code\":\"a\"".to_owned())]);
    assert!(compare(&it.server, query, &between(now, 86_000, 2 * 86_400)), "of the future");
    it.ship(now, &[(-250, ",\"code\":\"\"".to_owned())]);
    assert!(!compare(&it.server, query, &times), "a field without a value");
    assert!(compare(&it.server, "* | count by level", &times));
    assert!(compare(&it.server, query, &between(now, -600, -270)));
    let long = "x".repeat(300);
    it.ship(now, &[(-200, format!(",\"code\":\"{long}\""))]);
    assert!(!compare(&it.server, query, &between(now, -220, -100)), "too long for a label");
}

#[test]
fn what_has_overflowed_is_read() {
    let config = "[metrics]\nseries_per_metric_max = 3\n\n[[metric]]\nrule = 'metric \"codes_total\" = count by code'\n";
    let mut it = Configured::start(config);
    let now = SystemClock.now();
    let (query, times) = ("* | count by code", between(now, -600, -100));
    let lines = |codes: std::ops::Range<i64>| -> Vec<(i64, String)> {
        codes.map(|code| (code - 300, format!(",\"code\":\"c{code}\""))).collect()
    };
    it.ship(now, &lines(0..3));
    assert!(compare(&it.server, query, &times));
    it.ship(now, &lines(0..6));
    assert!(!compare(&it.server, query, &times));
    assert_eq!(it.server.process.terminate(), Some(0));
    it.server.restart();
    assert!(!compare(&it.server, query, &times), "after a restart");
}

#[test]
fn what_was_before_a_rule_is_read() {
    let mut it = Configured::start("");
    let now = SystemClock.now();
    let lines = |at: i64| -> Vec<(i64, String)> {
        (0..40).map(|n| (at + n, format!(",\"shop\":\"s{}\"", n % 3))).collect()
    };
    it.ship(now, &lines(-300));
    let query = "* | count by shop every 10s";
    assert!(!compare(&it.server, query, &between(now, -600, -100)));
    assert!(compare(&it.server, "* | count by level", &between(now, -600, -100)));
    it.restart_with("[[metric]]\nrule = 'metric \"shops_total\" = count by shop'\n");
    let later = SystemClock.now();
    it.ship(later, &lines(60));
    assert!(!compare(&it.server, query, &between(now, -600, -100)));
    assert!(compare(&it.server, query, &between(later, 33, 500)));
    it.server.process.kill();
    it.server.restart();
    assert!(!compare(&it.server, query, &between(now, -600, -100)), "after a kill");
    assert!(compare(&it.server, query, &between(later, 33, 500)), "after a kill");
    // The same metric of other records.
    it.restart_with("[[metric]]\nrule = 'metric \"shops_total\" = count where shop:s1 by shop'\n");
    assert!(!compare(&it.server, "shop:s1 | count by shop", &between(later, 33, 500)));
    it.ship(later, &lines(200));
    assert!(compare(&it.server, "shop:s1 | count by shop", &between(later, 133, 500)));
}

#[test]
fn what_a_route_drops_is_not_counted() {
    let route = "[[route]]\nwhen = 'noise:*'\ndrop = true\n";
    let mut it = Configured::start(route);
    let now = SystemClock.now();
    let lines = |at: i64| -> Vec<(i64, String)> {
        (0..20)
            .map(|n| (at + n, if n % 4 == 0 { ",\"noise\":1".to_owned() } else { String::new() }))
            .collect()
    };
    it.ship(now, &lines(-300));
    assert!(!compare(&it.server, "* | count by level", &between(now, -600, -100)));
    it.restart_with("");
    let later = SystemClock.now();
    assert!(!compare(&it.server, "* | count by level", &between(now, -600, -100)));
    it.ship(later, &lines(60));
    assert!(compare(&it.server, "* | count by level", &between(later, 31, 500)));
}
