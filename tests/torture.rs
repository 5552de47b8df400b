//! The main promise, end to end: real binaries, real files, rotations all the time, `kill -9` of shipper and server at
//! random (seeded). Then, through the public API: every line written is found, exactly once, byte for byte, in order; and
//! what the metrics say of the lines is the truth, minute by minute.
//!
//! `cargo test --test torture` is the short form. The long form: `LOGWEIR_TORTURE_KILLS=1000 LOGWEIR_TORTURE_SEED=7
//! cargo test --release --test torture -- --nocapture`.

#![allow(clippy::print_stdout)] // the report of the run is its point

mod common;

use common::{Dice, Server, Shipper, get, try_search, wait_for};
use logweir_base::time::{Clock, SystemClock, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

const KILLS: u64 = 30;
const FILES: u64 = 4;
const LINES_BETWEEN_KILLS: u64 = 1_500;
/// Over which lines that tell a time are spread.
const MINUTES: u64 = 20;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// One log file that is written to and rotated; remembers every line it has written.
struct Writer {
    path: PathBuf,
    file: fs::File,
    generation: u64,
    sequence: u64,
    /// line -> (generation, sequence): the obligations.
    ledger: HashMap<String, (u64, u64)>,
    /// When the lines that tell a time are to have been written, in seconds; as many as there are minutes.
    times: u64,
    /// (minute, level) -> lines that told so: what counters owe.
    counts: BTreeMap<(u64, &'static str), u64>,
}

impl Writer {
    fn new(dir: &Path, number: u64, times: u64) -> Self {
        let path = dir.join(format!("app{number}.log"));
        let file = fs::File::create(&path).expect("the log file is created");
        let counts = BTreeMap::new();
        Self { path, file, generation: 0, sequence: 0, ledger: HashMap::new(), times, counts }
    }

    fn write_line(&mut self, dice: &mut Dice) {
        let line = self.make_line(dice);
        writeln!(self.file, "{line}").expect("the log takes a line");
        let earlier = self.ledger.insert(line, (self.generation, self.sequence));
        assert!(earlier.is_none(), "obligations are distinct");
        self.sequence += 1;
    }

    fn make_line(&mut self, dice: &mut Dice) -> String {
        let name = self.path.file_name().expect("has a name").to_string_lossy().into_owned();
        let stamp = format!("{name}|{}|{}", self.generation, self.sequence);
        let padding = "é\u{1F980} \\\" x".repeat(dice.below(12) as usize);
        match dice.below(4) {
            0 => format!("plain {stamp} {padding}"),
            1 => format!("\u{1b}[31m{stamp}\u{0} tail {padding}"),
            2 => serde_json::json!({"level": "info", "message": stamp, "pad": padding}).to_string(),
            _ => self.timed_line(dice, &stamp),
        }
    }

    /// A line of some minute before the test, in no order; counters are to have it there.
    fn timed_line(&mut self, dice: &mut Dice, stamp: &str) -> String {
        let second = dice.below(60 * MINUTES);
        let level = ["ERROR", "WARN"][dice.below(2) as usize];
        *self.counts.entry((second / 60, level)).or_default() += 1;
        let time = Timestamp::from_seconds((self.times + second) as i64);
        serde_json::json!({"time": time.to_string(), "level": level, "message": stamp, "service": "timed"})
            .to_string()
    }

    /// Rename and create, as logrotate does; sometimes the writer keeps the old descriptor for some lines (T02).
    fn rotate(&mut self, dice: &mut Dice) {
        let to = self.path.with_extension(format!("log.{}", self.generation + 1));
        fs::rename(&self.path, to).expect("rotates");
        let fresh = fs::File::create(&self.path).expect("creates anew");
        for _ in 0..dice.below(20) {
            self.write_line(dice);
        }
        self.file = fresh;
        self.generation += 1;
    }
}

/// Bytes that are durable and acknowledged, by the server's own account; `None` while it does not answer.
fn acknowledged_bytes(server: &Server) -> Option<u64> {
    let status: serde_json::Value = serde_json::from_str(&get(server.http, "/api/v1/status").ok()?).ok()?;
    let sources = status.get("sources")?.as_array()?;
    Some(sources.iter().filter_map(|s| s.get("position")?.as_u64()).sum())
}

struct Nemesis {
    server_kills: u64,
    shipper_kills: u64,
    acknowledged: u64,
}

impl Nemesis {
    /// Kills one or both, mostly once something has moved since the last time, sometimes at once: in recovery.
    fn strike(&mut self, dice: &mut Dice, server: &mut Server, shipper: &mut Shipper) {
        if dice.below(3) > 0 {
            // Lines have been written since the last strike, so this must grow.
            let more = || acknowledged_bytes(server).filter(|&now| now > self.acknowledged);
            self.acknowledged = wait_for("progress between kills", more);
        }
        let victim = dice.below(3);
        if victim != 0 {
            server.process.kill();
            self.server_kills += 1;
        }
        if victim != 1 {
            shipper.process.kill();
            self.shipper_kills += 1;
            shipper.restart();
        }
        if victim != 0 {
            server.restart_unready();
        }
    }
}

#[test]
fn kill_nine_loses_and_doubles_nothing() {
    let (kills, seed) = (setting("LOGWEIR_TORTURE_KILLS", KILLS), setting("LOGWEIR_TORTURE_SEED", 1));
    println!("seed {seed}, {kills} kills");
    let mut dice = Dice(seed);
    let dir = tempfile::tempdir().expect("a directory");
    let logs = dir.path().join("logs");
    fs::create_dir(&logs).expect("creates");
    let glob = format!("{}/*.log*", logs.display());
    let mut server = Server::start(dir.path(), &[]);
    let mut shipper = Shipper::start(dir.path(), server.ingest, &[], &[&glob]);
    let times = SystemClock.now().0 as u64 / 1_000_000_000 / 60 * 60 - 60 * MINUTES;
    let mut writers: Vec<_> = (0..FILES).map(|n| Writer::new(&logs, n, times)).collect();
    let mut nemesis = Nemesis { server_kills: 0, shipper_kills: 0, acknowledged: 0 };
    while nemesis.server_kills + nemesis.shipper_kills < kills {
        for _ in 0..LINES_BETWEEN_KILLS {
            let writer = &mut writers[dice.below(FILES) as usize];
            writer.write_line(&mut dice);
            if dice.below(1_000) == 0 {
                writer.rotate(&mut dice);
            }
        }
        nemesis.strike(&mut dice, &mut server, &mut shipper);
    }
    server.wait_ready();
    let obligations: usize = writers.iter().map(|w| w.ledger.len()).sum();
    let hits = wait_for("every line to be found", || {
        let hits = try_search(server.http, "*", "limit=0&order=oldest").ok()?;
        (hits.len() >= obligations).then_some(hits)
    });
    println!("{} server and {} shipper kills", nemesis.server_kills, nemesis.shipper_kills);
    check_exactly_once(&writers, &hits);
    check_counters(&writers, &server, obligations);
    check_alive(&mut writers[0], &mut dice, &server, obligations);
}

fn check_exactly_once(writers: &[Writer], hits: &[serde_json::Value]) {
    let mut owed: HashMap<&str, (u64, u64)> = HashMap::new();
    for writer in writers {
        owed.extend(writer.ledger.iter().map(|(line, at)| (line.as_str(), *at)));
    }
    let total = owed.len();
    let (mut doubled, mut spurious) = (Vec::new(), Vec::new());
    let mut found: HashMap<&str, u64> = HashMap::new();
    for hit in hits {
        let raw = hit["raw"].as_str().expect("a hit has its line").trim_end_matches('\n');
        if !owed.contains_key(raw) {
            spurious.push(raw);
        }
        if found.insert(raw, hit["offset"].as_u64().expect("a hit has its offset")).is_some() {
            doubled.push(raw);
        }
    }
    let lost: Vec<_> = owed.keys().filter(|line| !found.contains_key(*line)).collect();
    println!("{total} lines: {} lost, {} doubled, {} spurious", lost.len(), doubled.len(), spurious.len());
    let sample = |lines: &[&str]| lines.iter().take(3).map(|l| (*l).to_owned()).collect::<Vec<_>>();
    assert!(
        lost.is_empty() && doubled.is_empty() && spurious.is_empty(),
        "{:?} {:?}",
        sample(&doubled),
        sample(&spurious)
    );
    for writer in writers {
        check_order(writer, &found);
    }
}

/// Every counter of the logs is what was written, per minute; and all together are all lines.
fn check_counters(writers: &[Writer], server: &Server, obligations: usize) {
    let mut owed: BTreeMap<(u64, &str), u64> = BTreeMap::new();
    for ((minute, level), count) in writers.iter().flat_map(|writer| &writer.counts) {
        *owed.entry((*minute, *level)).or_default() += count;
    }
    for ((minute, level), count) in owed {
        let end = writers[0].times + 60 * (minute + 1);
        let query = format!("sum(increase(log_records_total{{service=\"timed\", level=\"{level}\"}}[1m]))");
        assert_eq!(counted(server, &query, end), Some(count as f64), "minute {minute}, {level}");
    }
    let later = SystemClock.now().0 as u64 / 1_000_000_000 + 20;
    let all = counted(server, "sum(log_records_total)", later);
    assert_eq!(all, Some(obligations as f64), "all lines");
    println!("counters are equal to the truth in each of {MINUTES} minutes");
}

fn counted(server: &Server, query: &str, time: u64) -> Option<f64> {
    let path = format!("/api/v1/query?query={}&time={time}", common::encode(query));
    let answer: serde_json::Value = serde_json::from_str(&get(server.http, &path).ok()?).ok()?;
    answer["data"]["result"][0]["value"][1].as_str()?.parse().ok()
}

/// Within a generation offsets grow as the lines were written.
fn check_order(writer: &Writer, offsets: &HashMap<&str, u64>) {
    let mut lines: Vec<_> = writer.ledger.iter().map(|(line, at)| (*at, offsets[line.as_str()])).collect();
    lines.sort_unstable();
    for pair in lines.windows(2) {
        let (((generation, _), offset), ((next_generation, _), next_offset)) = (pair[0], pair[1]);
        assert!(generation != next_generation || offset < next_offset, "{:?}", pair);
    }
}

/// After all that a fresh line still arrives.
fn check_alive(writer: &mut Writer, dice: &mut Dice, server: &Server, before: usize) {
    writer.write_line(dice);
    let found = || try_search(server.http, "*", "limit=0").ok().map(|h| h.len()).filter(|&n| n > before);
    assert_eq!(wait_for("a fresh line", found), before + 1);
}
