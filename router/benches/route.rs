//! Router alone: JSON lines in over TCP, journaled, and routed to three TCP sinks: `level:>=warn`, `*`, and one service.
//! Prints MB of input per CPU-second of the router's process. The shipper's side and the sinks' peers run in a second
//! process, so that their CPU time is not counted.
//!
//! `cargo bench -p logweir-router` runs it at full size (`LOGWEIR_BENCH_LINES` sets another); under `cargo test` it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

use bytes::{Bytes, BytesMut};
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::dir::{RealDir, SharedDir};
use logweir_base::frame::{FileIdentity, Frame, Hello, Open, RawFrame, Resource};
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::time::SystemClock;
use logweir_router::config::{OnStuck, RouteConfig, RouterConfig, SinkConfig, SinkKind};
use logweir_router::route::Routes;
use logweir_router::{Router, sinks};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const SINKS: [(&str, &str); 3] = [("warn", "level:>=warn"), ("all", "*"), ("one", "service:s7")];
/// Lines of a batch: about 1 MiB.
const BATCH_LINES: u64 = 2700;
const WINDOW_BYTES: u64 = 4 << 20;
/// Set in the second process.
const PEER: &str = "LOGWEIR_BENCH_PEER";
const WAIT: Duration = Duration::from_secs(300);

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let chosen = std::env::var("LOGWEIR_BENCH_LINES").ok().and_then(|text| text.parse().ok());
    let lines = chosen.unwrap_or(if is_full { 1_000_000 } else { 10_000 });
    if std::env::var_os(PEER).is_some() {
        return peer(lines);
    }
    let (mut child, addresses) = start_peer(lines);
    let data = tempfile::tempdir().expect("a directory");
    let dir: SharedDir = Arc::new(RealDir::open(data.path()).expect("opens"));
    let router = Router::open(&RouterConfig::default(), dir.clone(), Arc::new(SystemClock)).expect("opens");
    add_sinks(&router, &dir, &addresses);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("starts");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("binds");
    let ingest = listener.local_addr().expect("bound");
    runtime.spawn(router.serve(listener));

    let before = cpu_seconds();
    writeln!(child.stdin.as_mut().expect("piped"), "{ingest}").expect("the peer reads");
    let sent: u64 = read_line(&mut child).parse().expect("a number of bytes");
    let durable = router.durable();
    for (name, _) in SINKS {
        assert!(router.feed().wait_applied(&format!("sink:{name}"), durable, WAIT), "{name} is stuck");
    }
    let cpu = cpu_seconds() - before;
    let status = router.status().expect("answers");
    assert_eq!(status.counters["lines"], lines);
    let mb = sent as f64 / 1e6;
    println!("route: {lines} lines, {mb:.0} MB, three TCP sinks, {} syncs", status.sync.count);
    println!("  {:.0} MB of input per CPU-second ({cpu:.2} CPU-s)", mb / cpu);
    println!("  sync p50 {} us, p99 {} us", status.sync.p50_us, status.sync.p99_us);
    router.shutdown(Duration::from_secs(5));
    child.wait().expect("ends when the sinks do");
}

fn add_sinks(router: &Router, dir: &SharedDir, addresses: &[String]) {
    let route =
        |(name, when): (&str, &str)| RouteConfig { when: when.into(), to: vec![name.into()], drop: false };
    let routes = Routes::new(&SINKS.map(route)).expect("good queries");
    for ((name, _), address) in SINKS.into_iter().zip(addresses) {
        let kind = SinkKind::Tcp { address: address.clone() };
        let config = SinkConfig { name: name.into(), on_stuck: OnStuck::Block, kind };
        let (sink, pace) = sinks::open(&config, router, &routes, dir).expect("opens");
        router.follow(sink, pace).expect("follows");
    }
}

fn start_peer(lines: u64) -> (Child, Vec<String>) {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.env(PEER, "1").env("LOGWEIR_BENCH_LINES", lines.to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let addresses = read_line(&mut child).split(' ').map(str::to_owned).collect();
    (child, addresses)
}

fn read_line(child: &mut Child) -> String {
    let out = child.stdout.as_mut().expect("piped");
    let mut line = Vec::new();
    let mut byte = [0];
    while out.read(&mut byte).expect("readable") == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    String::from_utf8(line).expect("text")
}

/// The second process: drains the sinks, ships the lines, says how many bytes were acknowledged.
fn peer(lines: u64) {
    let listeners = SINKS.map(|_| TcpListener::bind("127.0.0.1:0").expect("binds"));
    let addresses = listeners.each_ref().map(|listener| listener.local_addr().expect("bound").to_string());
    println!("{}", addresses.join(" "));
    let drains = listeners.map(|listener| {
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepts");
            let mut buf = vec![0; 1 << 18];
            while stream.read(&mut buf).expect("reads") > 0 {}
        })
    });
    let mut ingest = String::new();
    BufReader::new(std::io::stdin()).read_line(&mut ingest).expect("told where");
    println!("{}", ship(ingest.trim(), lines));
    drains.into_iter().for_each(|drain| drain.join().expect("no panic"));
}

fn ship(ingest: &str, lines: u64) -> u64 {
    let mut wire = Wire { stream: TcpStream::connect(ingest).expect("connects"), buf: BytesMut::new() };
    wire.send(&Frame::Hello(Hello { shipper: "s".into(), boot_id: "b".into(), instance: "i".into() }));
    let Frame::Welcome { epoch, .. } = wire.receive() else { panic!("not welcome") };
    let source = SourceId::random();
    let resource =
        Arc::new(Resource { host: "h".into(), path: "/var/log/app.log".into(), ..Resource::default() });
    let identity = FileIdentity::default();
    wire.send(&Frame::Open(Open { source, identity, resource, fresh: true, shipper: String::new() }));
    assert!(matches!(wire.receive(), Frame::Opened { .. }));
    let (mut at, mut acked, mut number) = (0, 0, 0);
    while acked < at || number < lines {
        if number < lines && at - acked < WINDOW_BYTES {
            let batch = batch(source, epoch, at, number..(number + BATCH_LINES).min(lines));
            (at, number) = (batch.end().0, (number + BATCH_LINES).min(lines));
            wire.send(&Frame::Batch(batch));
        } else if let Frame::Ack { hwm, .. } = wire.receive() {
            acked = hwm.0;
        }
    }
    acked
}

fn batch(source: SourceId, epoch: Epoch, start: u64, numbers: std::ops::Range<u64>) -> Batch {
    let texts: Vec<_> = numbers.map(json_line).collect();
    let row = |text: &String| {
        let len = u32::try_from(text.len()).expect("short");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let lines = texts.iter().map(row).collect();
    let payload = Bytes::from(texts.concat());
    let text_len = u32::try_from(payload.len()).expect("a batch");
    Batch { source, epoch, first_start: Offset(start), lines, codec: Codec::None, text_len, payload }
}

/// About 385 bytes, shaped as what `logweir gen` writes.
fn json_line(n: u64) -> String {
    let level = match n % 100 {
        0..3 => "ERROR",
        3..10 => "WARN",
        _ => "INFO",
    };
    let (second, micro, service, host) = (n / 1000 % 60, n % 1_000_000, n % 20, n % 50);
    let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!(
        "{{\"timestamp\":\"2026-11-23T10:15:{second:02}.{micro:06}Z\",\"level\":\"{level}\",\"service\":\"s{service}\",\
         \"host\":\"host-{host}\",\"trace_id\":\"{id:016x}{n:016x}\",\"span_id\":\"{id:016x}\",\"user_id\":\"u{}\",\
         \"message\":\"request {n} took longer than usual because the cache was cold and the pool of connections was busy\",\
         \"http\":{{\"method\":\"GET\",\"path\":\"/api/v1/orders/{n}\",\"status\":200}},\"duration_ms\":{}.{}}}\n",
        n % 100_000,
        n % 977,
        n % 10
    )
}

struct Wire {
    stream: TcpStream,
    buf: BytesMut,
}

impl Wire {
    fn send(&mut self, frame: &Frame) {
        self.stream.write_all(&frame.encode()).expect("sends");
    }

    fn receive(&mut self) -> Frame {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.buf).expect("sound") {
                return raw.decode().expect("sound");
            }
            let mut chunk = [0; 4096];
            let n = self.stream.read(&mut chunk).expect("reads");
            assert_ne!(n, 0, "the router has closed the connection");
            self.buf.extend_from_slice(&chunk[..n]);
        }
    }
}

/// CPU seconds of this process, all threads, user and system.
fn cpu_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").expect("linux has it");
    let fields: Vec<&str> =
        stat.rsplit(')').next().expect("a name in parentheses").split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}
