//! The metrics store: remote write in, from the compressed body to files; bytes at rest; a query over 10,000 series; the size of a
//! histogram's window; what the default rules take of a log line. CPU time counts all threads.
//!
//! `cargo bench -p logweir-rollup` runs it at full size (`LOGWEIR_BENCH_SERIES`, `LOGWEIR_BENCH_STEPS` set others); under
//! `cargo test` it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::dir::{RealDir, SharedDir};
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::frame::{Frame, Packed, RawFrame, Resource};
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Offset, Position, SourceId};
use logweir_base::metric::samples::Writer;
use logweir_base::metric::{Histogram, LabelsRef, remote_write};
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use logweir_base::varint;
use logweir_rollup::promql::{self, Limits};
use logweir_rollup::rules::{RuleSet, Sink, WithDefaults};
use logweir_rollup::{Rollup, RollupConfig};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const START_MS: i64 = 1_795_392_000_000;
const STEP_MS: i64 = 15_000;
/// Series of a request, as Prometheus sends them.
const SERIES_A_REQUEST: usize = 500;

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let size = |name: &str, full: usize, small: usize| {
        let chosen = std::env::var(name).ok().and_then(|text| text.parse().ok());
        chosen.unwrap_or(if is_full { full } else { small })
    };
    let series = size("LOGWEIR_BENCH_SERIES", 10_000, 200);
    let steps = size("LOGWEIR_BENCH_STEPS", 480, 30);
    let dir = tempfile::tempdir().expect("a directory");
    let shared: SharedDir = Arc::new(RealDir::open(dir.path()).expect("opens"));
    let config = RollupConfig { workers: 0, ..RollupConfig::default() };
    let mut rollup = Rollup::open(shared, JournalId([1; 16]), config).expect("opens");
    ingest(&mut rollup, series, steps);
    query(&rollup, series, steps, "in memory and files");
    rollup.flush().expect("writes");
    let status = rollup.store().status();
    assert_eq!(status.points.taken, (series * steps) as u64);
    println!(
        "at rest: {:.2} bytes a sample, {} files",
        status.block_bytes as f64 / status.block_points as f64,
        status.blocks
    );
    query(&rollup, series, steps, "from files");
    histograms();
    rules(if is_full { 200_000 } else { 2_000 });
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

fn ingest(rollup: &mut Rollup, series: usize, steps: usize) {
    let mut workload = Workload::new(series);
    let (mut decode, mut frame, mut apply, mut tick) = (Lap(0.0), Lap(0.0), Lap(0.0), Lap(0.0));
    let (mut position, mut body_bytes, mut journal_bytes) = (0, 0, 0);
    for step in 0..steps {
        let time = START_MS + step as i64 * STEP_MS;
        let received = Timestamp(time * 1_000_000);
        for body in workload.bodies(time) {
            body_bytes += body.len();
            let batches = decode.time(|| {
                let plain = remote_write::decompress(&body).expect("sound");
                let mut out = Writer::default();
                remote_write::read(&plain, &mut out).expect("sound");
                out.batches()
            });
            let chunks: Vec<_> = frame.time(|| {
                let packed = batches.into_iter().map(|batch| Frame::Samples(Packed::of(batch.into())));
                let frames: Vec<Bytes> = packed.map(|frame| frame.encode()).collect();
                journal_bytes += frames.iter().map(Bytes::len).sum::<usize>();
                frames.into_iter().map(unpacked).collect()
            });
            apply.time(|| {
                for chunk in chunks {
                    position += 1;
                    rollup.apply_samples(Position(position), received, None, &chunk).expect("takes");
                }
            });
        }
        position += 1;
        let (position, config) = (Position(position), ConfigVersion(0));
        let entry = Arc::new(Entry { position, received, config, body: EntryBody::Tick(received) });
        tick.time(|| rollup.apply(&entry).expect("ticks"));
    }
    let samples = (series * steps) as f64;
    let per = |lap: &Lap| lap.0 * 1e9 / samples;
    let all = decode.0 + frame.0 + apply.0 + tick.0;
    println!("ingest: {series} series, {steps} steps: {:.2} M samples per CPU-second", samples / all / 1e6);
    println!(
        "  ns a sample: decode {:.0}, journal's frame {:.0}, take {:.0}, write and merge {:.0}; bytes: body {:.1}, journal {:.1}",
        per(&decode),
        per(&frame),
        per(&apply),
        per(&tick),
        body_bytes as f64 / samples,
        journal_bytes as f64 / samples
    );
}

fn unpacked(frame: Bytes) -> Bytes {
    let Ok(Frame::Samples(packed)) = RawFrame::whole(frame).expect("sound").decode() else {
        panic!("these are samples");
    };
    packed.unpack().expect("sound")
}

/// Half counters that grow by whole numbers, a third gauges of two decimals, the rest constant; hosts scraped in turn.
struct Workload {
    labels: Vec<Vec<u8>>,
    values: Vec<f64>,
    dice: Dice,
}

impl Workload {
    fn new(series: usize) -> Self {
        let labels = (0..series).map(|i| encoded_labels(i / 100, i % 100)).collect();
        Self { labels, values: vec![0.0; series], dice: Dice(7) }
    }

    /// The remote write requests of one step, compressed.
    fn bodies(&mut self, time: i64) -> Vec<Vec<u8>> {
        let mut bodies = Vec::new();
        let mut body = Vec::new();
        for i in 0..self.values.len() {
            self.values[i] = match i % 6 {
                0..=2 => self.values[i] + self.dice.below(100) as f64,
                3 | 4 => {
                    ((self.values[i] * 100.0).round() + self.dice.below(2001) as f64 - 1000.0).abs() / 100.0
                }
                _ => (i % 100) as f64,
            };
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

fn query(rollup: &Rollup, series: usize, steps: usize, whence: &str) {
    const PROMQL: &str = "sum by (service) (rate(http_requests_total[5m]))";
    let end = START_MS + steps as i64 * STEP_MS;
    let start = (end - 3_600_000).max(START_MS);
    let store = rollup.store();
    let mut took: Vec<f64> = (0..7)
        .map(|_| {
            let before = cpu_seconds();
            let never = || false;
            let outcome = promql::range(PROMQL, start, end, 60_000, &store, &Limits::with_stop(&never));
            let promql::Value::Matrix(rows) = outcome.expect("answers").value else { panic!("a matrix") };
            assert_eq!(rows.len(), series.div_ceil(100).min(20));
            cpu_seconds() - before
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("query {whence}: {PROMQL}, 1 h at 60 s steps: {:.1} CPU-ms", took[3] * 1e3);
}

fn histograms() {
    let mut dice = Dice(3);
    let mut normal = || (0..12).map(|_| dice.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>() - 6.0;
    let lognormal: Vec<f64> = (0..1000).map(|_| normal().exp()).collect();
    let bimodal: Vec<f64> =
        (0..1000).map(|i| if i % 2 == 0 { 10.0 + normal() } else { 500.0 + 20.0 * normal() }).collect();
    for (name, numbers) in [("lognormal", lognormal), ("bimodal", bimodal), ("constant", vec![12.5; 1000])] {
        let mut histogram = Histogram::default();
        numbers.iter().for_each(|&number| histogram.record(number));
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        println!("histogram of 1,000 recordings, {name}: {} bytes", bytes.len());
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
    for (what, line) in [("JSON of requests", &http as &dyn Fn(usize) -> String), ("plain text", &plain)] {
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
}
