//! Searches with pipes, many at once, and searches that nobody should make: the real binary over HTTP.

mod common;

use common::{Server, encode, get, get_any, logweir, path_text, wait_for};
use serde_json::Value;
use std::io::{Read, Write};
use std::path::Path;
use std::thread;

const LINES: u64 = 20_000;

/// A server that has the generated workload and a few lines of another file.
fn with_workload(dir: &Path) -> Server {
    let logs = dir.join("logs");
    let (code, _, errors) = logweir(&["gen", "--lines", &LINES.to_string(), "--seed", "5", path_text(&logs)]);
    assert_eq!(code, Some(0), "{errors}");
    let few = (0..20).map(|n| format!("{{\"message\":\"step {n}\",\"n\":{n},\"lane\":\"few\"}}\n"));
    std::fs::write(logs.join("few.log"), few.collect::<String>()).expect("written");
    let server = Server::start(dir, &["--tail", &format!("{}/*.log", path_text(&logs))]);
    wait_for("all lines", || (count(&server, "*") == LINES + 20).then_some(()));
    server
}

/// All lines of an answer.
fn lines(server: &Server, path: &str, query: &str, more: &str) -> Vec<Value> {
    let body = get(server.http, &format!("{path}?q={}{more}", encode(query))).expect("the server answers");
    body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Rows or hits of a search, and its summary.
fn search(server: &Server, query: &str) -> (Vec<Value>, Value) {
    let mut lines = lines(server, "/api/v1/search", query, "");
    let summary = lines.pop().expect("a summary");
    assert_eq!(summary["summary"]["partial"], false, "{query}: {summary}");
    if lines.first().is_some_and(|line| line.get("columns").is_some()) {
        lines.remove(0);
    }
    (lines, summary["summary"].clone())
}

fn count(server: &Server, query: &str) -> u64 {
    let (rows, _) = search(server, &format!("{query} | count"));
    rows[0]["count"].as_u64().expect("a count")
}

#[test]
fn pipes_count_arrange_and_show() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = with_workload(dir.path());
    let truth: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("logs/truth.json")).expect("written"))
            .expect("JSON");
    for level in ["INFO", "WARN", "ERROR"] {
        assert_eq!(
            count(&server, &format!("level:{level}")),
            truth["levels"][level].as_u64().expect("counted")
        );
    }
    let (by_service, _) = search(&server, "lane:* OR user_id:* | count by service");
    let of = |service: &str| {
        by_service.iter().find(|row| row["service"] == service).map(|row| row["count"].clone())
    };
    for (service, lines) in truth["services"].as_object().expect("services") {
        assert_eq!(of(service).as_ref(), Some(lines), "{service}");
    }
    let (rows, _) = search(&server, "lane:few | sum(n), max(n), p50(n)");
    assert_eq!(rows[0].to_string(), r#"{"max(n)":19.0,"p50(n)":9.03125,"sum(n)":190.0}"#);
    let (rows, _) = search(&server, "lane:few | sort n desc | limit 3 | fields n, message");
    let shown: Vec<String> = rows.iter().map(|row| format!("{} {}", row["n"], row["message"])).collect();
    assert_eq!(shown, ["\"19\" \"step 19\"", "\"18\" \"step 18\"", "\"17\" \"step 17\""]);
    let (hits, _) = search(&server, "lane:few n:7 | context 2");
    let near: Vec<String> = hits.iter().map(|hit| format!("{} {}", hit["body"], hit["context"])).collect();
    let expected = ["step 5\" true", "step 6\" true", "step 7\" null", "step 8\" true", "step 9\" true"];
    assert_eq!(near, expected.map(|text| format!("\"{text}")));
    // A neighbour that is a hit itself is shown as one.
    let (hits, _) = search(&server, "lane:few n:[7 TO 8] | context 1");
    let marks: Vec<String> = hits.iter().map(|hit| format!("{} {}", hit["body"], hit["context"])).collect();
    let expected = ["step 6\" true", "step 7\" null", "step 8\" null", "step 9\" true"];
    assert_eq!(
        marks.iter().filter(|mark| expected.map(|it| format!("\"{it}")).contains(mark)).count(),
        4,
        "{marks:?}"
    );
    assert_eq!(marks.len(), 4);
    let (rows, summary) = search(&server, "level:error | patterns | limit 2");
    assert_eq!((rows.len(), summary["hits"].as_u64() > Some(2)), (2, true));
    let (code, out, errors) = logweir(&[
        "search",
        "--server",
        &format!("http://127.0.0.1:{}", server.http),
        "lane:few | count by lane",
    ]);
    assert_eq!((code, out.as_str()), (Some(0), "lane  count\nfew      20\n"), "{errors}");
}

#[test]
fn fifty_at_once_are_all_answered_in_bounded_memory() {
    const QUERIES: [&str; 6] = [
        "level:error | limit 20",
        "* | count by level, service",
        "* | p99(duration_ms) by user",
        "message:/order \\d+7/ | limit 10",
        "from -level:info | sort duration_ms desc | limit 5",
        "* | distinct(trace) by service every 1m",
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let server = with_workload(dir.path());
    thread::scope(|scope| {
        for client in 0..50 {
            let server = &server;
            scope.spawn(move || {
                for round in 0..3 {
                    let (rows, _) = search(server, QUERIES[(client + round) % QUERIES.len()]);
                    assert!(!rows.is_empty());
                }
            });
        }
    });
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("linux has it");
    let kib: u64 = peak.trim().trim_end_matches(" kB").trim().parse().expect("a number");
    assert!(kib < 1 << 20, "{kib} KiB at the peak");
}

#[test]
fn what_nobody_should_ask_is_bounded_or_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = with_workload(dir.path());
    let clauses: Vec<String> = (0..1000).map(|n| format!("a{n}")).collect();
    assert_eq!(count(&server, &clauses.join(" OR ")), 0);
    let refused = |query: &str, status: u16, part: &str| {
        let (got, body) = get_any(server.http, &format!("/api/v1/search?q={query}"));
        assert_eq!(got, status, "{body}");
        assert!(body.contains(part), "{body}");
    };
    refused(&"a".repeat(33_000), 400, "longer than");
    refused("message:%2F(%2F", 400, "\"column\":9");
    refused("*%20%7C%20cuont", 400, "\"column\":5");
    refused("*&timeout=10m", 400, "timeout");
    // In no time nothing is found, and that is said.
    let lines = lines(&server, "/api/v1/search", "*:* | sort message", "&limit=0&timeout=0ms");
    assert_eq!(lines.last().expect("a summary")["summary"]["partial"], true);
    // A client that leaves in the middle of everything is not waited for.
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", server.http)).expect("connects");
    write!(socket, "GET /api/v1/search?q=*&limit=0 HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    drop(socket);
    assert_eq!(count(&server, "lane:few"), 20);
    // A megabyte is no query: it is refused before it is read.
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", server.http)).expect("connects");
    let sent = write!(socket, "GET /api/v1/search?q={} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20));
    let mut answer = String::new();
    let read = socket.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 4") || sent.is_err() || read.is_err(), "{answer}");
    assert_eq!(count(&server, "lane:few"), 20);
}
