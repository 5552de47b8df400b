//! The commands as a person or a script uses them: the real binary, its output and its exit codes. The generated workload
//! is shipped and searched, and what is found is what its truth file says.

mod common;

use common::{LOGWEIR, Process, Server, check, free_port, run, wait_for};
use logweir::workload::{Truth, log_path, truth_path};
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

const LINES: usize = 20_000;

#[test]
fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("bad.toml");
    fs::write(&config, "[http]\nlisen = '127.0.0.1:1'\n").expect("writes");
    let config = config.display().to_string();
    check(&["validate", &config], 78, "bad.toml:2:1: unknown key `lisen`; did you mean `listen`?");
    check(&["run", "-c", &config], 78, "bad.toml:2:1");
    check(&["run", "--http", "0.0.0.0:1"], 2, "--insecure");
    check(&["ship", "--to", "192.0.2.1:1", "x.log"], 2, "--insecure");
    check(&["ship", "x.log"], 2, "--to");
    check(&["nonsense"], 2, "Usage");
    check(&["restore", &config], 1, "backup.json");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    for command in ["search", "trace", "tail"] {
        check(&[command, "--server", &nobody, "x"], 1, &nobody);
    }
    check(&["status", "--server", &nobody], 1, "logweir run");
}

#[test]
fn what_is_generated_is_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let logs = dir.path().join("logs");
    let logs_text = logs.display().to_string();
    check(&["gen", "--lines", &LINES.to_string(), "--seed", "7", &logs_text], 0, "20000 lines");
    let server = Server::start(dir.path(), &["--tail", &format!("{logs_text}/*.log")]);
    wait_for("all lines", || (server.count("*") == LINES).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    let truth: Truth = serde_json::from_slice(&fs::read(truth_path(&logs)).expect("truth")).expect("JSON");
    check_truth(&url, &truth);
    check_verbatim(&url, &logs);
    check_views(&url, &truth);
    check(&["doctor", "--help"], 0, "copytruncate");
    check(&["status", "--server", &url], 0, "20000 lines");
}

/// Lines that `query` finds, by the command.
fn found(url: &str, query: &str) -> u64 {
    let output = run(&["search", "--server", url, "--limit", "0", "-o", "raw", query]);
    assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout.iter().filter(|&&byte| byte == b'\n').count() as u64
}

fn check_truth(url: &str, truth: &Truth) {
    for (level, count) in &truth.levels {
        assert_eq!(found(url, &format!("level:{}", level.to_lowercase())), *count, "{level}");
    }
    for (service, count) in truth.services.iter().take(5) {
        assert_eq!(found(url, &format!("service:{service}")), *count, "{service}");
    }
    for (user, count) in truth.users.iter().take(5) {
        assert_eq!(found(url, &format!("user:{user}")), *count, "{user}");
    }
    for (word, count) in
        truth.words.iter().take(10).chain(truth.words.iter().filter(|(w, _)| truth.rare_words.contains(w)))
    {
        assert_eq!(found(url, word), *count, "{word}");
    }
}

/// Oldest first and raw is the file, byte for byte: its times ascend.
fn check_verbatim(url: &str, logs: &Path) {
    let output = run(&["search", "--server", url, "--limit", "0", "--order", "oldest", "-o", "raw", "*"]);
    assert!(output.stdout == fs::read(log_path(logs)).expect("the log"), "raw output is not the file");
}

fn check_views(url: &str, truth: &Truth) {
    for (trace, count) in truth.traces.iter().take(5) {
        let output = run(&["trace", "--server", url, trace]);
        let text = String::from_utf8(output.stdout).expect("text");
        // Once for each line, and once above them.
        assert_eq!(text.matches(trace.as_str()).count(), *count as usize + 1, "{text}");
        assert!(text.contains("+0.0ms") && text.contains(&format!("  {count} line")), "{text}");
        let raw = run(&["trace", "--server", url, "-o", "raw", trace]).stdout;
        assert_eq!(raw.iter().filter(|&&byte| byte == b'\n').count(), *count as usize);
    }
    let output = run(&["search", "--server", url, "--limit", "3", "-o", "json", "level:error"]);
    let lines: Vec<serde_json::Value> =
        output.stdout.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 3);
    for key in [
        "timestamp",
        "severity_text",
        "service.name",
        "host.name",
        "trace_id",
        "body",
        "file",
        "offset",
        "raw",
    ] {
        assert!(lines.iter().all(|line| !line[key].is_null()), "{key}: {lines:?}");
    }
    check(&["search", "--server", url, "nosuchword"], 0, "");
    check(&["search", "--server", url, "level:error)"], 2, "  level:error)\n             ^");
    check(&["search", "--server", url, "--since", "yesterday", "*"], 2, "since");
}

/// The clock of the host that pays is two seconds slow: its lines come first as written, and in their place when told.
#[test]
fn a_trace_is_told_by_one_clock() {
    let dir = tempfile::tempdir().expect("a directory");
    let line = |time: &str, service: &str, span: &str, message: &str| {
        format!(
            "{{\"time\":\"2026-11-23T10:15:{time}Z\",\"level\":\"info\",\"service\":\"{service}\",\"host\":\"{service}-1\",\
             \"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",{span},\"msg\":\"{message}\"}}\n"
        )
    };
    let (parent, child) =
        ("\"span_id\":\"00f067aa0ba902b7\"", "\"span_id\":\"b7\",\"parent_span_id\":\"00f067aa0ba902b7\"");
    let lines = [
        line("10.000", "shop", parent, "order"),
        line("10.100", "shop", parent, "ordered"),
        line("08.020", "pay", child, "charge"),
        line("08.060", "pay", child, "charged"),
    ];
    fs::write(dir.path().join("all.log"), lines.concat()).expect("writes");
    let glob = dir.path().join("all.log").display().to_string();
    let server = Server::start(dir.path(), &["--tail", &glob]);
    wait_for("all lines", || (server.count("*") == lines.len()).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    let told = |more: &[&str]| {
        let args = ["trace", "--server", &url, "4bf92f3577b34da6a3ce929d0e0e4736"];
        String::from_utf8(run(&[&args[..], more].concat()).stdout).expect("text")
    };
    let messages = |text: &str| {
        let mut found: Vec<(usize, &str)> = ["order ", "charge ", "charged ", "ordered "]
            .iter()
            .filter_map(|message| text.find(&format!("-1 {message}")).map(|at| (at, *message)))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, message)| message).collect::<String>()
    };
    let text = told(&[]);
    assert_eq!(messages(&text), "order charge charged ordered ", "{text}");
    assert!(text.contains("clock of pay-1 corrected by +2.010s") && text.contains("  pay b7"), "{text}");
    let text = told(&["--as-written"]);
    assert_eq!(messages(&text), "charge charged order ordered ", "{text}");
    let json = told(&["-o", "json"]);
    let last: serde_json::Value = serde_json::from_str(json.lines().last().expect("lines")).expect("JSON");
    assert_eq!(last["story"]["duration_ms"], 100.0, "{json}");
    assert_eq!(json.matches("\"adjusted\":\"2026-11-23T10:15:10.").count(), 2, "{json}");
}

#[test]
fn a_live_tail_says_what_it_skips() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("busy.log");
    let mut log = File::create(&path).expect("creates");
    let server = Server::start(dir.path(), &["--tail", &path.display().to_string()]);
    let url = format!("http://127.0.0.1:{}", server.http);
    let args = ["tail", "--server", &url, "--rate", "2", "*"].map(str::to_owned);
    let tail = Process::start(LOGWEIR, &args, &dir.path().join("tail.out"));
    let shown = wait_for("a note", || {
        log.write_all(b"busy\nbusy\nbusy\n").expect("writes");
        Some(tail.output()).filter(|shown| shown.contains("lines skipped: narrow the query or raise --rate"))
    });
    let before = shown.lines().take_while(|line| !line.starts_with("-- ")).count();
    assert!(before >= 2, "{shown}");
}
