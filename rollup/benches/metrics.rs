//! The metrics store: remote write in, from the compressed body to files; bytes at rest; a query over 10,000 series; the size of a
//! histogram's window; what the default rules take of a log line. CPU time counts all threads.
//!
//! `cargo bench -p logweir-rollup` runs it at full size (`LOGWEIR_BENCH_SERIES`, `_STEPS`, `_ROUNDS` and `_HOSTS` set others); under
//! `cargo test` it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::dir::{RealDir, SharedDir};
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::frame::{Frame, Packed, RawFrame, Resource};
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Offset, Position, SourceId};
use logweir_base::metric::samples::Writer;
use logweir_base::metric::{Histogram, Labels, LabelsRef, remote_write};
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use logweir_base::varint;
use logweir_rollup::promql::{self, Limits};
use logweir_rollup::rules::{RuleSet, Sink, WithDefaults};
use logweir_rollup::{Rollup, RollupConfig, RollupStatus};
use std::sync::Arc;
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START_MS: i64 = 1_795_392_000_000;
const STEP_MS: i64 = 15_000;
/// Series of a request, as Prometheus sends them.
const SERIES_A_REQUEST: usize = 500;
/// An hour and five minutes, which is what the query reads.
const IN_MEMORY_STEPS: usize = 261;
const RATE: &str = "sum by (service) (rate(http_requests_total[5m]))";
const QUANTILE: &str = "histogram_quantile(0.99, sum(rate(latency_ms[5m])))";

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let size = |name: &str, full: usize, small: usize| {
        let chosen = std::env::var(name).ok().and_then(|text| text.parse().ok());
        chosen.unwrap_or(if is_full { full } else { small })
    };
    let series = size("LOGWEIR_BENCH_SERIES", 10_000, 200);
    let steps = size("LOGWEIR_BENCH_STEPS", 480, 30);
    let rounds = size("LOGWEIR_BENCH_ROUNDS", 7, 1);
    let end = |steps: usize| START_MS + steps as i64 * STEP_MS;
    let config = RollupConfig { workers: 0, ..RollupConfig::default() };

    let mut mixed = Bench::open(config.clone());
    mixed.ingest(series, steps, Mix::All).print();
    mixed.rest(series, steps);
    query(&mixed.rollup, RATE, end(steps), rounds, "mixed values, from files");

    let mut counters = Bench::open(config.clone());
    counters.ingest(series, steps, Mix::Counters);
    counters.rollup.flush().expect("writes");
    query(&counters.rollup, RATE, end(steps), rounds, "counters, from files");

    let (flush_age, journal_bytes_max) = (Duration::from_secs(86_400), u64::MAX);
    let mut memory = Bench::open(RollupConfig { flush_age, journal_bytes_max, ..config.clone() });
    let few = steps.min(IN_MEMORY_STEPS);
    memory.ingest(series, few, Mix::Counters);
    assert_eq!(memory.rollup.store().status().blocks, 0);
    query(&memory.rollup, RATE, end(few), rounds, "counters, in memory");

    let mut latency = Bench::open(config);
    latency.observe(size("LOGWEIR_BENCH_HOSTS", 100, 5), steps / 4);
    query(&latency.rollup, QUANTILE, end(steps), rounds, "hosts merged, from files");
    histograms();
    rules(if is_full { 200_000 } else { 2_000 });
}

/// A store and the directory it is in.
struct Bench {
    rollup: Rollup,
    first_flush: Option<f64>,
    _dir: tempfile::TempDir,
}

/// CPU seconds of this process, all threads, user and system.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What a step took, added up.
struct Lap(f64);

impl Lap {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let before = cpu_seconds();
        let done = work();
        self.0 += cpu_seconds() - before;
        done
    }
}

/// What each part of ingesting took.
struct Ingest {
    samples: usize,
    decode: Lap,
    frame: Lap,
    apply: Lap,
    tick: Lap,
    body_bytes: usize,
    journal_bytes: usize,
}

impl Ingest {
    /// From a request's body to what the store takes of the journal.
    fn receive(&mut self, body: &[u8]) -> Vec<Bytes> {
        self.body_bytes += body.len();
        let batches = self.decode.time(|| {
            let plain = remote_write::decompress(body).expect("sound");
            let mut out = Writer::default();
            remote_write::read(&plain, &mut out).expect("sound");
            out.batches()
        });
        self.frame.time(|| {
            let packed = batches.into_iter().map(|batch| Frame::Samples(Packed::of(batch.into())));
            let frames: Vec<Bytes> = packed.map(|frame| frame.encode()).collect();
            self.journal_bytes += frames.iter().map(Bytes::len).sum::<usize>();
            frames.into_iter().map(unpacked).collect()
        })
    }

    fn print(&self) {
        let samples = self.samples as f64;
        let laps = [&self.decode, &self.frame, &self.apply, &self.tick];
        let per = laps.map(|lap| lap.0 * 1e9 / samples);
        let all: f64 = per.iter().sum();
        println!("ingest: {} samples: {:.2} M samples per CPU-second (bar 1.5)", self.samples, 1e3 / all);
        println!(
            "  ns a sample: decode {:.0}, journal's frame {:.0}, take {:.0}, write and merge {:.0}; bytes: body {:.1}, journal {:.1}",
            per[0],
            per[1],
            per[2],
            per[3],
            self.body_bytes as f64 / samples,
            self.journal_bytes as f64 / samples
        );
    }
}

impl Bench {
    fn open(config: RollupConfig) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let shared: SharedDir = Arc::new(RealDir::open(dir.path()).expect("opens"));
        let rollup = Rollup::open(shared, JournalId([1; 16]), config).expect("opens");
        Self { rollup, first_flush: None, _dir: dir }
    }

    fn ingest(&mut self, series: usize, steps: usize, mix: Mix) -> Ingest {
        let mut workload = Workload::new(series, mix);
        let lap = || Lap(0.0);
        let (decode, frame, apply, tick) = (lap(), lap(), lap(), lap());
        let samples = series * steps;
        let mut took = Ingest { samples, decode, frame, apply, tick, body_bytes: 0, journal_bytes: 0 };
        let mut position = 0;
        for step in 0..steps {
            let time = START_MS + step as i64 * STEP_MS;
            let received = Timestamp(time * 1_000_000);
            for body in workload.bodies(time) {
                for chunk in took.receive(&body) {
                    position += 1;
                    let take = || self.rollup.apply_samples(Position(position), received, None, &chunk);
                    took.apply.time(take).expect("takes");
                }
            }
            position += 1;
            took.tick.time(|| self.tick(Position(position), received));
        }
        assert_eq!(self.rollup.store().status().points.taken, samples as u64);
        took
    }

    fn tick(&mut self, position: Position, received: Timestamp) {
        let body = EntryBody::Tick(received);
        let entry = Entry { position, received, config: ConfigVersion(0), body };
        self.rollup.apply(&Arc::new(entry)).expect("ticks");
        if self.first_flush.is_none() {
            let status = self.rollup.store().status();
            self.first_flush = (status.flushes > 0).then(|| bytes_a_point(&status));
        }
    }

    /// Bytes at rest: of the first file as it was written, and of all files as merging has left them.
    fn rest(&mut self, series: usize, steps: usize) {
        self.rollup.flush().expect("writes");
        let status = self.rollup.store().status();
        assert_eq!(status.block_points, (series * steps) as u64);
        if let Some(first) = self.first_flush {
            println!("at rest: {first:.2} bytes a sample in the first file, labels included");
        }
        println!("at rest: {:.2} bytes a sample, {} files (bar 2)", bytes_a_point(&status), status.blocks);
    }

    /// A latency of each host, 20 observations every 10 s.
    fn observe(&mut self, hosts: usize, minutes: usize) {
        let mut dice = Dice(11);
        for window in 0..minutes * 6 {
            let time = START_MS + window as i64 * 10_000;
            let received = Timestamp(time * 1_000_000);
            let mut intake = self.rollup.intake(received, None);
            for host in 0..hosts {
                let instance = format!("host-{host}");
                let labels = Labels::known(&[("__name__", "latency_ms"), ("instance", &instance)]);
                let values: Vec<f64> = (0..20).map(|_| 20.0 * dice.normal().exp()).collect();
                intake.observe(labels.view(), time, &values);
            }
            drop(intake);
            self.tick(Position(window as u64 + 1), received);
        }
        self.rollup.flush().expect("writes");
    }
}

fn bytes_a_point(status: &RollupStatus) -> f64 {
    status.block_bytes as f64 / status.block_points as f64
}

fn unpacked(frame: Bytes) -> Bytes {
    let Ok(Frame::Samples(packed)) = RawFrame::whole(frame).expect("sound").decode() else {
        panic!("these are samples");
    };
    packed.unpack().expect("sound")
}

/// What the values are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mix {
    /// Of fifty series 24 counters that grow by whole numbers, 12 gauges of two decimals, 6 sizes in pages, 2 measured fractions
    /// with all their digits, 6 constant.
    All,
    /// Counters alone: what a rate is asked of.
    Counters,
}

impl Mix {
    fn next(self, series: usize, before: f64, dice: &mut Dice) -> f64 {
        match if self == Self::Counters { 0 } else { series % 50 } {
            0..24 => before + dice.below(100) as f64,
            24..36 => ((before * 100.0).round() + dice.below(2001) as f64 - 1000.0).abs() / 100.0,
            36..42 => before + 4096.0 * dice.below(1000) as f64 - 4096.0 * 499.0,
            42..44 => dice.below(1 << 52) as f64 / (1u64 << 52) as f64,
            _ => (series % 100) as f64,
        }
    }
}

/// Hosts of 100 series, scraped in turn.
struct Workload {
    labels: Vec<Vec<u8>>,
    values: Vec<f64>,
    dice: Dice,
    mix: Mix,
}

impl Workload {
    fn new(series: usize, mix: Mix) -> Self {
        let labels = (0..series).map(|i| encoded_labels(i / 100, i % 100)).collect();
        Self { labels, values: vec![0.0; series], dice: Dice(7), mix }
    }

    /// The remote write requests of one step, compressed.
    fn bodies(&mut self, time: i64) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let mut body = Vec::new();
        for i in 0..self.values.len() {
            self.values[i] = self.mix.next(i, self.values[i], &mut self.dice);
            let mut sample = vec![0x09];
            sample.extend_from_slice(&self.values[i].to_le_bytes());
            sample.push(0x10);
            // A host's samples have one time, another host's another.
            varint::put(&mut sample, (time + (i as i64 / 100 * 137) % STEP_MS) as u64);
            field(&mut body, 1, &[self.labels[i].as_slice(), &message(2, &sample)].concat());
            if (i + 1) % SERIES_A_REQUEST == 0 || i + 1 == self.values.len() {
                bodies.push(snap::raw::Encoder::new().compress_vec(&body).expect("fits"));
                body.clear();
            }
        }
        bodies
    }
}

fn encoded_labels(host: usize, metric: usize) -> Vec<u8> {
    let (host_name, service) = (format!("host-{host}.example.com:9100"), format!("svc-{}", host % 20));
    let path = format!("/api/v1/thing/{metric}");
    let pairs = [
        ("__name__", "http_requests_total"),
        ("cluster", "eu-west-1"),
        ("code", "200"),
        ("instance", &host_name),
        ("job", "node"),
        ("method", "GET"),
        ("path", &path),
        ("service", &service),
    ];
    let label = |(name, value): &(&str, &str)| {
        message(1, &[message(1, name.as_bytes()), message(2, value.as_bytes())].concat())
    };
    pairs.iter().flat_map(label).collect()
}

fn message(number: u8, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    field(&mut out, number, body);
    out
}

fn field(out: &mut Vec<u8>, number: u8, body: &[u8]) {
    out.push(number << 3 | 2);
    varint::put(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// The last hour at steps of a minute; the median of all rounds.
fn query(rollup: &Rollup, promql: &str, end: i64, rounds: usize, whence: &str) {
    let start = (end - 3_600_000).max(START_MS);
    let store = rollup.store();
    let mut found = 0;
    let mut took: Vec<f64> = (0..rounds)
        .map(|_| {
            let before = cpu_seconds();
            let never = || false;
            let outcome = promql::range(promql, start, end, 60_000, &store, &Limits::with_stop(&never));
            let promql::Value::Matrix(rows) = outcome.expect("answers").value else { panic!("a matrix") };
            found = rows.len();
            cpu_seconds() - before
        })
        .collect();
    assert!(found > 0, "{promql} has an answer");
    took.sort_by(f64::total_cmp);
    println!("query: {promql}, 1 h at 60 s: {:.1} CPU-ms, {found} rows; {whence}", took[rounds / 2] * 1e3);
}

fn histograms() {
    let mut dice = Dice(3);
    let lognormal: Vec<f64> = (0..1000).map(|_| dice.normal().exp()).collect();
    let two = |i| if i % 2 == 0 { 10.0 + dice.normal() } else { 500.0 + 20.0 * dice.normal() };
    let bimodal: Vec<f64> = (0..1000).map(two).collect();
    for (name, numbers) in [("lognormal", lognormal), ("bimodal", bimodal), ("constant", vec![12.5; 1000])] {
        let mut histogram = Histogram::default();
        numbers.iter().for_each(|&number| histogram.record(number));
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        println!("histogram of 1,000 recordings, {name}: {} bytes (bar 200)", bytes.len());
    }
}

/// Takes everything and keeps nothing: the store's part is measured by itself.
struct Nowhere;

impl Sink for Nowhere {
    fn increase(&mut self, _: LabelsRef<'_>, _: i64, _: f64) {}
    fn observe(&mut self, _: LabelsRef<'_>, _: i64, _: &[f64]) {}
    fn gauge(&mut self, _: LabelsRef<'_>, _: i64, _: f64) {}
}

fn rules(lines: usize) {
    let http = |i: usize| {
        format!(
            "{{\"timestamp\":\"2026-11-23T10:15:{:02}Z\",\"level\":\"INFO\",\"service\":\"s{}\",\"message\":\"request served\",\
             \"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e{:04x}\",\"http\":{{\"method\":\"GET\",\"path\":\"/cart\",\"status\":200}},\
             \"duration_ms\":{}}}\n",
            i % 60,
            i % 3,
            i % 65536,
            i % 977
        )
    };
    let plain = |i: usize| {
        format!("2026-11-23 10:15:{:02} INFO [main] shop.Cart - item {i} added to the cart\n", i % 60)
    };
    let json = |i: usize| {
        format!(
            "{{\"timestamp\":\"2026-11-23T10:15:{:02}Z\",\"level\":\"INFO\",\"service\":\"s{}\",\"message\":\"item added\",\
             \"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e{:04x}\",\"item\":{i}}}\n",
            i % 60,
            i % 3,
            i % 65536
        )
    };
    let kinds: [(&str, &dyn Fn(usize) -> String); 3] =
        [("JSON with http fields", &http), ("JSON without", &json), ("plain text", &plain)];
    for (what, line) in kinds {
        let mut set = RuleSet::compile(&[], WithDefaults::Yes).expect("the defaults are sound");
        let mut lap = Lap(0.0);
        for first in (0..lines).step_by(1000) {
            let texts: Vec<String> = (first..first + 1000).map(line).collect();
            let batch = looked_at(&texts);
            lap.time(|| set.apply(&batch, &mut Nowhere));
        }
        println!("default rules over {what}: {:.0} ns a line", lap.0 * 1e9 / lines as f64);
    }
}

fn looked_at(texts: &[String]) -> logweir_base::entry::RecordBatch {
    let len = |text: &str| u32::try_from(text.len()).expect("short");
    let line =
        |text: &String| BatchLine { range_len: len(text), text_len: len(text), meta: LineMeta::default() };
    let text = texts.concat();
    let batch = Batch {
        source: SourceId([1; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: texts.iter().map(line).collect(),
        codec: Codec::None,
        text_len: len(&text),
        payload: text.into(),
    };
    let resource =
        Arc::new(Resource { host: "h".into(), path: "/var/log/shop.log".into(), ..Resource::default() });
    look(&batch, resource, Timestamp::from_seconds(1_795_400_000), &mut Parser::new()).expect("sound")
}

/// Seeded (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }

    /// Nearly normal.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0
    }
}
