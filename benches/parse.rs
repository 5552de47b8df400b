//! CPU time of the parts that every line goes through: joining lines to records, the one look at each, the normal form, the
//! index's terms, patterns. One thread, the lines in memory.
//!
//! `cargo bench --bench parse`; `LOGWEIR_BENCH_LINES` sets the number of lines.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod common;

use bytes::Bytes;
use common::{cpu_seconds, generated, size};
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::entry::RecordBatch;
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::multiline::Joiner;
use logweir_base::parse::{Parser, Record, Terms, look};
use logweir_base::pattern::{Miner, shape_of};
use logweir_base::time::Timestamp;
use std::hint::black_box;
use std::sync::Arc;

/// Text of a batch, as shippers send it.
const BATCH_BYTES: usize = 1 << 20;

/// What plain logs are made of, each line with numbers of its own.
const PLAIN: [&str; 8] = [
    "2026-11-23 06:46:24,{n3} INFO  [http-nio-8080-exec-{n1}] c.a.checkout.OrderService - order {n5} placed by user {n4} in {n2} ms",
    "2026-11-23T06:45:53.{n6}Z  INFO request{method=\"GET\" id={n5}}: shop::cart: added item {n4} to cart {n5}",
    "10.0.{n2}.{n1} - - [23/Nov/2026:06:00:{n1} +0000] \"GET /cart/{n5}?q={n3} HTTP/1.1\" 200 {n4} \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"",
    "Nov 23 06:23:{n1} web-{n1} sshd[{n5}]: Failed password for invalid user u{n4} from 10.1.{n2}.{n1} port {n5} ssh2",
    "time=\"2026-11-23T06:45:{n1}Z\" level=info msg=\"request done\" status=200 path=/cart/{n5} ms={n3} user_id=u{n4}",
    "2026/11/23 06:30:{n1} [error] {n5}#{n5}: *{n4} upstream timed out while reading, client: 10.0.{n2}.{n1}, server: shop",
    "2026-11-23 06:53:18,{n3} WARNING [MainThread] shop.db: slow query {n5} took {n3} ms",
    "[2026-11-23T06:45:57.{n6}+00:00] app.INFO: user logged in {\"user_id\":\"u{n4}\"} []",
];

fn main() {
    let lines = size("LOGWEIR_BENCH_LINES", 1_000_000, 2_000);
    let dir = tempfile::tempdir().expect("a directory");
    let (log, _) = generated(dir.path(), lines, 1);
    let json = std::fs::read(log).expect("the generated log");
    println!("parse: MB of raw lines per CPU-second, {lines} lines");
    measure("JSON lines, 385 bytes", &json);
    measure("plain lines of 8 loggers", &plain(lines));
    mine(&json);
}

fn plain(lines: u64) -> Vec<u8> {
    let mut text = Vec::new();
    let mut seed = 7u64;
    for n in 0..lines {
        let mut line = PLAIN[(n / 1000) as usize % PLAIN.len()].to_owned();
        for (name, digits) in [("{n1}", 2), ("{n2}", 2), ("{n3}", 3), ("{n4}", 4), ("{n5}", 5), ("{n6}", 6)] {
            while line.contains(name) {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let least = 10u64.pow(digits - 1);
                let most = if digits == 2 { 50 } else { 9 * least };
                line = line.replacen(name, &(least + (seed >> 33) % most).to_string(), 1);
            }
        }
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    text
}

fn measure(name: &str, text: &[u8]) {
    let mb = text.len() as f64 / 1e6;
    let (batches, joining) = timed(|| batches(text));
    let resource = Arc::new(Resource { path: "/var/log/shop.log".into(), ..Resource::default() });
    let received = Timestamp::parse("2026-11-24T00:00:00Z").expect("a time");
    let mut parser = Parser::new();
    let (looked, looking) = timed(|| {
        let look = |batch| look(batch, resource.clone(), received, &mut parser).expect("a sound batch");
        batches.iter().map(look).collect::<Vec<_>>()
    });
    let ((), shown) = timed(|| {
        each(&looked, |batch, record| drop(black_box(Record::of(&batch.view(record), &mut parser))));
    });
    let mut terms = Terms::default();
    let ((), indexed) = timed(|| {
        each(&looked, |batch, record| {
            terms.add(&batch.view(record), &mut parser);
            terms.clear();
        });
    });
    println!("  {name}: {:.0} MB, {} records", mb, looked.iter().map(|it| it.records.len()).sum::<usize>());
    println!("    framed and joined          {:>7.0}", mb / joining);
    println!(
        "    looked at                  {:>7.0}  layout, time, level, service, shape of the message",
        mb / looking
    );
    println!("    in normal form             {:>7.0}  all parts, their origins, as owned text", mb / shown);
    println!("    terms for the index        {:>7.0}", mb / indexed);
}

fn each(looked: &[RecordBatch], mut visit: impl FnMut(&RecordBatch, &logweir_base::entry::RecordSpan)) {
    looked.iter().for_each(|batch| batch.records.iter().for_each(|record| visit(batch, record)));
}

/// Lines per CPU-second of the miner, shape included; and of its slow path alone.
fn mine(json: &[u8]) {
    let messages: Vec<String> = json.split(|&b| b == b'\n').filter_map(message_of).collect();
    let mut miner = Miner::new();
    let ((), all) = timed(|| {
        messages.iter().for_each(|message| {
            black_box(miner.pattern_of(shape_of(message), || message.as_str().into()));
        });
    });
    let ((), slow) = timed(|| {
        (1..).zip(&messages).for_each(|(unknown, message)| {
            black_box(miner.pattern_of(unknown, || message.as_str().into()));
        });
    });
    let lines = messages.len() as f64 / 1e3;
    println!("  patterns: {} messages, {} patterns", messages.len(), miner.len());
    println!("    shape and pattern          {:>7.0} k lines per CPU-second", lines / all);
    println!("    every shape unknown        {:>7.0} k lines per CPU-second", lines / slow);
}

fn message_of(line: &[u8]) -> Option<String> {
    let line: serde_json::Value = serde_json::from_slice(line).ok()?;
    line["message"].as_str().map(str::to_owned)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = cpu_seconds();
    let done = work();
    (done, (cpu_seconds() - before).max(1e-9))
}

/// Frames and joins, as the shipper does.
fn batches(text: &[u8]) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let chunk = &text[at..text.len().min(at + BATCH_BYTES)];
        let rows = chunk.split_inclusive(|&b| b == b'\n').filter(|line| line.ends_with(b"\n")).map(|line| {
            let len = u32::try_from(line.len()).expect("a short line");
            BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
        });
        let mut lines: Vec<_> = rows.collect();
        let clean = Joiner::default().join(chunk, &mut lines);
        if at + chunk.len() < text.len() {
            lines.truncate(clean);
        }
        let len: usize = lines.iter().map(|line| line.range_len as usize).sum();
        batches.push(Batch {
            source: SourceId([1; 16]),
            epoch: Epoch(1),
            first_start: Offset(at as u64),
            lines,
            codec: Codec::None,
            text_len: u32::try_from(len).expect("a chunk"),
            payload: Bytes::copy_from_slice(&chunk[..len]),
        });
        at += len;
    }
    batches
}
