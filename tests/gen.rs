//! The fixed shape of the generated workload: figures are comparable only because this holds.

use logweir::workload::{Generator, SERVICES, Tally, Truth, Workload, log_path, truth_path, write};
use logweir_base::time::SystemClock;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;

const LINES: u64 = 100_000;

/// All lines of a seed, and the truth about them.
fn generate(seed: u64, lines: u64) -> (Vec<u8>, Truth) {
    let (mut generator, mut tally, mut all) = (Generator::new(seed), Tally::default(), Vec::new());
    for _ in 0..lines {
        let start = all.len();
        let facts = generator.next_line(&mut all);
        tally.add(&facts, all.len() - start);
    }
    (all, tally.truth(seed))
}

fn parse(bytes: &[u8]) -> Vec<Value> {
    let lines = bytes.split(|&b| b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("a line is JSON")).collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("{key} is a string in {line}"))
}

fn near(actual: u64, expected: u64, percent: u64) {
    assert!(
        actual.abs_diff(expected) * 100 <= expected * percent,
        "{actual} is not {expected} +- {percent} %"
    );
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (one, _) = generate(7, 1_000);
    let (again, _) = generate(7, 1_000);
    let (other, _) = generate(8, 1_000);
    assert!(one == again && one != other);
}

#[test]
fn lines_have_the_size_and_entropy_of_real_ones() {
    let (bytes, truth) = generate(1, LINES);
    let average = bytes.len() as f64 / LINES as f64;
    let packed: usize =
        bytes.chunks(1 << 20).map(|block| zstd::bulk::compress(block, 1).expect("zstd").len()).sum();
    let ratio = bytes.len() as f64 / packed as f64;
    println!("{average:.1} bytes a line, {ratio:.2}x by zstd 1 in 1 MiB blocks");
    assert!((375.0..=395.0).contains(&average), "{average} bytes a line");
    assert!((6.2..=6.6).contains(&ratio), "compresses {ratio}x");
    assert_eq!(truth.bytes, bytes.len() as u64);
}

#[test]
fn every_line_has_its_keys() {
    let (bytes, _) = generate(2, 20_000);
    let (mut last, mut hosts, mut services) = (String::new(), BTreeSet::new(), BTreeSet::new());
    for line in parse(&bytes) {
        let (time, trace, span) = (text(&line, "timestamp"), text(&line, "trace_id"), text(&line, "span_id"));
        assert!(time.len() == 27 && time >= last.as_str(), "{time} after {last}");
        last = time.to_owned();
        assert!(trace.len() == 32 && trace.bytes().all(|b| b.is_ascii_hexdigit()), "{trace}");
        assert!(span.len() == 16 && span.bytes().all(|b| b.is_ascii_hexdigit()), "{span}");
        assert!(text(&line, "user_id").starts_with('u') && !text(&line, "message").is_empty());
        let http = &line["http"];
        assert!(http["method"].is_string() && http["path"].is_string() && http["status"].is_u64(), "{http}");
        assert!(line["duration_ms"].as_f64().is_some_and(|ms| ms > 0.0), "{line}");
        hosts.insert(text(&line, "host").to_owned());
        services.insert(text(&line, "service").to_owned());
        check_exception(&line);
    }
    assert_eq!((services.len(), hosts.len()), (20, 50));
}

fn check_exception(line: &Value) {
    let stack = line["exception"]["stacktrace"].as_str();
    assert_eq!(stack.is_some(), text(line, "level") == "ERROR", "{line}");
    let frames = stack.map(|s| s.matches("\n\tat ").count());
    assert!(frames.is_none_or(|n| (8..=12).contains(&n)), "{frames:?} frames");
}

#[test]
fn levels_users_and_durations_are_spread_as_said() {
    let (bytes, truth) = generate(3, LINES);
    near(truth.levels["INFO"], 90_000, 2);
    near(truth.levels["WARN"], 7_000, 6);
    near(truth.levels["ERROR"], 3_000, 8);
    let top = truth.users.values().max().copied().unwrap_or_default();
    assert!((4_000..8_000).contains(&top), "the first of 100,000 Zipf users has {top} lines");
    let lines = parse(&bytes);
    let users: BTreeSet<_> = lines.iter().map(|l| text(l, "user_id")).collect();
    assert!(users.len() > 4_000, "{} users", users.len());
    let mut logs: Vec<_> = lines.iter().filter_map(|l| l["duration_ms"].as_f64()).map(f64::ln).collect();
    logs.sort_unstable_by(f64::total_cmp);
    let (low, median, high) = (logs[logs.len() / 10], logs[logs.len() / 2], logs[logs.len() * 9 / 10]);
    assert!(((high - median) - (median - low)).abs() < 0.1, "lognormal: {low} {median} {high}");
}

#[test]
fn traces_cross_services_and_are_interleaved() {
    let (bytes, truth) = generate(4, LINES);
    let mut traces: HashMap<String, Vec<(usize, String)>> = HashMap::new();
    for (at, line) in parse(&bytes).iter().enumerate() {
        let service = text(line, "service").to_owned();
        traces.entry(text(line, "trace_id").to_owned()).or_default().push((at, service));
    }
    assert!(truth.traces.len() >= 100);
    for (id, &count) in &truth.traces {
        let lines = &traces[id];
        assert_eq!(lines.len(), count as usize, "{id}");
        assert!((3..=12).contains(&count), "{count} lines");
        let services: BTreeSet<_> = lines.iter().map(|(_, service)| service).collect();
        assert!(services.len() >= 2, "{id} stays in {services:?}");
    }
    let apart =
        traces.values().filter(|t| t.len() > 2).filter(|t| t[t.len() - 1].0 - t[0].0 > t.len()).count();
    assert!(apart * 10 > traces.len() * 8, "{apart} of {} traces have others in between", traces.len());
}

#[test]
fn the_truth_is_what_the_lines_say() {
    let (bytes, truth) = generate(5, LINES);
    let lines = parse(&bytes);
    let count = |key: &str| {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        lines.iter().for_each(|line| *counts.entry(text(line, key).to_owned()).or_default() += 1);
        counts
    };
    assert_eq!(truth.lines, lines.len() as u64);
    assert_eq!(truth.levels, count("level"));
    assert_eq!(truth.services, count("service"));
    let users = count("user_id");
    assert!(truth.users.iter().all(|(user, n)| users[user] == *n));
    let mut words: HashMap<String, u64> = HashMap::new();
    for line in &lines {
        let exception = line["exception"].as_object().into_iter().flat_map(|e| e.values());
        let exception: String = exception.map(|value| format!(" {value}")).collect();
        let body = format!("{} {exception}", text(line, "message")).to_lowercase();
        let tokens: BTreeSet<_> = body.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        tokens.into_iter().for_each(|token| *words.entry(token.to_owned()).or_default() += 1);
    }
    for (word, n) in &truth.words {
        assert_eq!(words.get(word).copied().unwrap_or_default(), *n, "{word}");
    }
    assert!(truth.rare_words.iter().all(|word| truth.words[word] == 1));
}

#[test]
fn files_are_written_as_generated() {
    let dir = tempfile::tempdir().expect("a directory");
    let workload = Workload { lines: 500, seed: 9, rate: None };
    let truth = write(workload, dir.path(), &SystemClock).expect("writes");
    let (bytes, expected) = generate(9, 500);
    assert!(fs::read(log_path(dir.path())).expect("a log") == bytes && truth == expected);
    let stored: Truth =
        serde_json::from_slice(&fs::read(truth_path(dir.path())).expect("truth")).expect("JSON");
    assert_eq!(stored, truth);
}

#[test]
fn a_live_workload_carries_the_present_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let workload = Workload { lines: 200, seed: 9, rate: Some(10_000) };
    let truth = write(workload, dir.path(), &SystemClock).expect("writes");
    assert_eq!(truth.lines, 200);
    let now = logweir_base::time::Clock::now(&SystemClock).to_string();
    assert!(truth.last <= now && truth.last[..4] >= now[..4], "{} at {now}", truth.last);
}

#[test]
fn fewer_services_on_demand() {
    let mut generator = Generator::with_services(1, 5);
    let mut line = Vec::new();
    let services: BTreeSet<_> = (0..1_000).map(|_| generator.next_line(&mut line).service).collect();
    assert_eq!(services, (0..5).collect());
    assert_eq!(SERVICES.len(), 20);
}
