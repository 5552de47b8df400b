//! Exports, and what is listed for whoever types a query: the real binary against a real server.

mod common;

use common::{LOGWEIR, Server, check, get, get_any, path_text, run, ship_once, wait_for};
use logweir::http::EXPORTS_MAX;
use logweir::workload::{Truth, log_path, truth_path};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const LINES: usize = 20_000;

/// What a command prints that must succeed.
#[track_caller]
fn printed(args: &[&str]) -> Vec<u8> {
    let Output { status, stdout, stderr } = run(args);
    assert_eq!(status.code(), Some(0), "{args:?}\n{}", String::from_utf8_lossy(&stderr));
    stdout
}

/// A server that has the generated workload, and where its log lies.
fn with_workload(dir: &Path) -> (Server, String, std::path::PathBuf) {
    let logs = dir.join("logs");
    let logs_text = path_text(&logs).to_owned();
    printed(&["gen", "--lines", &LINES.to_string(), "--seed", "7", &logs_text]);
    let server = Server::start(dir, &["--tail", &format!("{logs_text}/*.log")]);
    wait_for("all lines", || (server.count("*") == LINES).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    (server, url, logs)
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut unpacked).expect("whole gzip");
    unpacked
}

/// Rows and cells of RFC 4180.
fn csv_rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => cell.extend(chars.next()),
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(std::mem::take(&mut cell)),
            ('\r', false) => {
                assert_eq!(chars.next(), Some('\n'), "a row ends with CRLF");
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            _ => cell.push(c),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted, "the last row has an end");
    rows
}

#[test]
fn an_export_is_everything_in_every_format() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, url, logs) = with_workload(dir.path());
    let log = fs::read(log_path(&logs)).expect("the log");
    let export = |more: &[&str]| printed(&[&["export", "--server", &url, "*"], more].concat());
    assert!(export(&["-o", "raw"]) == log, "raw is not the file");
    assert!(gunzip(&export(&["-o", "raw", "--gzip"])) == log, "gzip is not the file");
    assert!(
        zstd::decode_all(&*export(&["-o", "raw", "--zstd"])).expect("zstd") == log,
        "zstd is not the file"
    );
    check_ndjson_and_csv(&export(&[]), &export(&["-o", "csv"]));
    check_file(dir.path(), &url, &log);
    check_newest_and_times(&url);
    check_lists(&server, &url, &logs);
    check(&["export", "--server", &url, "level:error)"], 2, "level:error)\n             ^");
    check(&["export", "--server", &url, "--since", "yesterday", "*"], 2, "since");
    check(&["export", "--server", &url, "--fields", "level", "*"], 2, "only -o csv");
    check(&["export", "--server", &url, "--to", path_text(dir.path()), "*"], 2, "no regular file");
    let nowhere = dir.path().join("none/out");
    check(&["export", "--server", &url, "--to", path_text(&nowhere), "*"], 1, "out.tmp");
}

fn check_ndjson_and_csv(ndjson: &[u8], csv: &[u8]) {
    let lines: Vec<Value> = ndjson
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), LINES);
    assert!(lines.iter().all(|line| line["raw"].is_string() && line["progress"].is_null()));
    let rows = csv_rows(std::str::from_utf8(csv).expect("text"));
    assert_eq!(rows.len(), LINES + 1);
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (row, line) in rows[1..].iter().zip(&lines) {
        for (name, cell) in rows[0].iter().zip(row) {
            let expected = if line[name].is_null() { String::new() } else { text(&line[name]) };
            assert_eq!(*cell, expected, "{name} of {line}");
        }
    }
}

fn check_file(dir: &Path, url: &str, log: &[u8]) {
    let path = dir.join("out.log.gz");
    fs::write(&path, "older").expect("writes");
    let said = run(&["export", "--server", url, "-o", "raw", "--gzip", "--to", path_text(&path), "*"]);
    assert!(said.status.success() && said.stdout.is_empty());
    assert!(String::from_utf8_lossy(&said.stderr).contains("20000 records in"));
    assert!(gunzip(&fs::read(&path).expect("the export")) == log);
    assert!(!dir.join("out.log.gz.tmp").exists());
}

fn check_newest_and_times(url: &str) {
    let times = |args: &[&str]| -> Vec<String> {
        let csv =
            printed(&[&["export", "--server", url, "-o", "csv", "--fields", "timestamp"], args].concat());
        let rows = csv_rows(std::str::from_utf8(&csv).expect("text"));
        rows[1..].iter().map(|row| row[0].clone()).collect()
    };
    let mut all = times(&["*"]);
    let middle = all[LINES / 2].clone();
    let before = all.iter().filter(|time| **time < middle).count();
    assert_eq!(times(&["--until", &middle, "*"]).len(), before);
    assert_eq!(times(&["--since", &middle, "*"]).len(), LINES - before);
    all.reverse();
    assert_eq!(times(&["--order", "newest", "*"]), all);
    assert!(times(&["nosuchword"]).is_empty());
}

fn check_lists(server: &Server, url: &str, logs: &Path) {
    let truth: Truth = serde_json::from_slice(&fs::read(truth_path(logs)).expect("truth")).expect("JSON");
    let fields: Value =
        serde_json::from_slice(&printed(&["fields", "--server", url, "-o", "json"])).expect("JSON");
    assert_eq!((&fields["sampled"], &fields["partial"]), (&Value::from(10_000), &Value::from(true)));
    let names: Vec<&str> =
        fields["fields"].as_array().expect("fields").iter().filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(names[..5], ["level", "service", "host", "user", "trace"], "{names:?}");
    check(&["fields", "--server", url], 0, "of a sample, the newest 10000 records");
    check(&["fields", "--server", url, "level:)"], 2, "^");
    // Fewer than a sample has are counted exactly.
    let (user, count) = truth.users.iter().next().expect("users");
    let user = user.to_string();
    let values = printed(&["values", "--server", url, "-o", "json", "user", &format!("user:{user}")]);
    let values: Value = serde_json::from_slice(&values).expect("JSON");
    assert_eq!(values["values"][0], serde_json::json!({ "value": user, "records": count }));
    assert_eq!((&values["records"], &values["partial"]), (&Value::from(*count), &Value::from(false)));
    check(&["values", "--server", url, "level"], 0, "  INFO\n");
    check(&["values", "--server", url, "level", "--prefix", "wa"], 0, "  WARN\n");
    check(&["values", "--server", url, "nosuchfield"], 0, "none was found");
    let refused = |path: &str, said: &str| {
        let (status, body) = get_any(server.http, path);
        assert!(status == 400 && body.contains(said), "{path}: {status} {body}");
    };
    refused("/api/v1/values", "field:");
    refused("/api/v1/fields?field=level", "field:");
    refused("/api/v1/fields?nonsense=1", "nonsense");
    refused("/api/v1/export?limit=x", "limit:");
}

/// Lines that only an enemy or an accident writes, without times, so that they stay in the file's order.
#[test]
fn odd_lines_come_out_as_they_went_in() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let path = dir.path().join("odd.log");
    let mut log = Vec::new();
    log.extend_from_slice(
        b"{\"msg\":\"=cmd|' /C calc'!A0\",\"who\":\"a,\\\"b\\\"\",\"took\":-5,\"tags\":[1,\"x\"]}\n",
    );
    log.extend_from_slice(b"{\"msg\":\"@SUM(1)\",\"who\":\"+1 2\",\"took\":\"-5\"}\n");
    log.extend_from_slice(b"not \xff text \x1b[31m\r\n\n");
    log.extend_from_slice(
        b"java.lang.IllegalStateException: boom\n\tat a.B.c(B.java:1)\n\tat a.B.d(B.java:2)\n",
    );
    log.extend_from_slice(&vec![b'x'; 2_500_000]);
    log.extend_from_slice(b" end of a long one\n");
    fs::write(&path, &log).expect("writes");
    ship_once(dir.path(), server.ingest, &[&path]);
    let url = format!("http://127.0.0.1:{}", server.http);
    let raw = printed(&["export", "--server", &url, "-o", "raw", "*"]);
    assert!(raw == log, "{} bytes instead of {}", raw.len(), log.len());
    let csv = printed(&["export", "--server", &url, "-o", "csv", "--fields", "body,who,took,tags", "took:*"]);
    let expected = "body,who,took,tags\r\n\
        '=cmd|' /C calc'!A0,\"a,\"\"b\"\"\",-5,\"[1,\"\"x\"\"]\"\r\n\
        '@SUM(1),'+1 2,-5,\r\n";
    assert_eq!(String::from_utf8_lossy(&csv), expected);
}

/// Begins an export and reads no more than its head.
fn begin_export(port: u16) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
    stream.write_all(b"GET /api/v1/export HTTP/1.1\r\nhost: x\r\n\r\n").expect("writes");
    let mut head = vec![0; 64];
    stream.read_exact(&mut head).expect("an answer begins");
    let head = String::from_utf8_lossy(&head).into_owned();
    (stream, head)
}

#[test]
fn clients_that_stall_or_leave_hold_up_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut server, url, logs) = with_workload(dir.path());
    for _ in 0..3 {
        let stalled: Vec<TcpStream> = (0..EXPORTS_MAX)
            .map(|_| {
                wait_for("a place for an export", || {
                    let (stream, head) = begin_export(server.http);
                    head.starts_with("HTTP/1.1 200").then_some(stream)
                })
            })
            .collect();
        let (status, body) = get_any(server.http, "/api/v1/export");
        assert!(status == 503 && body.contains("exports are running"), "{status} {body}");
        check(&["export", "--server", &url, "*"], 1, "exports are running");
        assert_eq!(server.count("*"), LINES);
        drop(stalled);
    }
    let log = fs::read(log_path(&logs)).expect("the log");
    let raw = wait_for("a place for an export", || {
        let output = run(&["export", "--server", &url, "-o", "raw", "*"]);
        output.status.success().then_some(output.stdout)
    });
    assert!(raw == log);
    let (_stalled, _) = begin_export(server.http);
    assert_eq!(server.process.terminate(), Some(0));
}

#[test]
fn an_export_that_a_dying_server_cuts_short_fails() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut server, url, _) = with_workload(dir.path());
    let out = dir.path().join("out");
    let mut client = Command::new(LOGWEIR)
        .args(["export", "--server", &url, "*"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stdout = client.stdout.take().expect("piped");
    stdout.read_exact(&mut [0; 1000]).expect("it has begun");
    server.process.kill();
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("readable");
    let output = client.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("broke off") || said.contains("cut the export short"), "{said}");
    check(&["export", "--server", &url, "--to", path_text(&out), "*"], 1, "cannot reach");
    assert!(!out.exists());
}

#[test]
fn progress_is_told_between_hits_to_whoever_asks() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, ..) = with_workload(dir.path());
    let silent = get(server.http, "/api/v1/export").expect("answers");
    assert_eq!(silent.lines().count(), LINES + 1, "hits and a summary");
    let body = get(server.http, "/api/v1/export?progress=true").expect("answers");
    let told: Vec<Value> = body
        .lines()
        .filter(|line| line.starts_with("{\"progress\""))
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert!(told.len() >= 3, "{told:?}");
    let shares: Vec<f64> = told.iter().filter_map(|it| it["progress"]["share"].as_f64()).collect();
    assert!(shares.len() == told.len() && shares.is_sorted(), "{told:?}");
    assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)), "{told:?}");
    assert!(body.lines().last().is_some_and(|line| line.contains("\"summary\"")));
}

#[test]
fn completion_names_every_command() {
    let help = String::from_utf8(printed(&["--help"])).expect("text");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.contains(&"export") && commands.contains(&"completion"), "{commands:?}");
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(printed(&["completion", shell])).expect("text");
        for command in &commands {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    check(&["completion", "--help"], 0, ".config/fish/completions/logweir.fish");
    check(&["completion", "tcsh"], 2, "bash, zsh, fish");
}
