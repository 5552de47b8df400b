//! The commands as a person or a script uses them: the real binary, its output and its exit codes. The generated workload
//! is shipped and searched, and what is found is what its truth file says.

mod common;

use common::{LOGWEIR, Server, free_port, wait_for};
use logweir::workload::{Truth, log_path, truth_path};
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const LINES: usize = 20_000;

/// Runs logweir to its end.
fn logweir(args: &[&str]) -> Output {
    let mut command = Command::new(LOGWEIR);
    command.args(args).stdin(Stdio::null()).env_remove("LOGWEIR_SERVER").env("NO_COLOR", "1");
    command.output().expect("the binary starts")
}

#[track_caller]
fn check(args: &[&str], code: i32, said: &str) {
    let Output { status, stdout, stderr } = logweir(args);
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert_eq!(status.code(), Some(code), "{args:?}\n{stdout}{stderr}");
    assert!(stdout.contains(said) || stderr.contains(said), "{args:?}\n{stdout}{stderr}");
}

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
    let output = logweir(&["search", "--server", url, "--limit", "0", "-o", "raw", query]);
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
    let output = logweir(&["search", "--server", url, "--limit", "0", "--order", "oldest", "-o", "raw", "*"]);
    assert!(output.stdout == fs::read(log_path(logs)).expect("the log"), "raw output is not the file");
}

fn check_views(url: &str, truth: &Truth) {
    for (trace, count) in truth.traces.iter().take(5) {
        let output = logweir(&["trace", "--server", url, trace]);
        let text = String::from_utf8(output.stdout).expect("text");
        // Once for each line, and once above them.
        assert_eq!(text.matches(trace.as_str()).count(), *count as usize + 1, "{text}");
        assert!(text.contains("+0.0ms") && text.contains(&format!("  {count} line")), "{text}");
        let raw = logweir(&["trace", "--server", url, "-o", "raw", trace]).stdout;
        assert_eq!(raw.iter().filter(|&&byte| byte == b'\n').count(), *count as usize);
    }
    let output = logweir(&["search", "--server", url, "--limit", "3", "-o", "json", "level:error"]);
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
