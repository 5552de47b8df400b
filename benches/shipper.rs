//! The shipper alone: a file to TCP, every batch acknowledged, uncompressed and with zstd. The real binary runs as a child
//! and only its CPU time counts; the peer acknowledges and keeps nothing.
//!
//! `cargo bench --bench shipper`; `LOGWEIR_BENCH_LINES` sets the size.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod common;

use bytes::BytesMut;
use common::{generated, size};
use logweir_base::frame::{Frame, RawFrame};
use logweir_base::ids::{Epoch, Offset};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

/// Clock ticks a second in /proc, fixed by the kernel's interface (USER_HZ).
const TICKS: f64 = 100.0;

fn main() {
    let lines = size("LOGWEIR_BENCH_LINES", 3_000_000, 20_000);
    let dir = tempfile::tempdir().expect("a directory");
    let (log, raw_mb) = generated(dir.path(), lines, 3);
    for compression in ["none", "zstd"] {
        let cpu = ship(dir.path(), &log, compression);
        println!(
            "shipper: {raw_mb:.0} MB, {compression}: {:.0} MB per CPU-second ({cpu:.2} CPU-s)",
            raw_mb / cpu
        );
    }
}

/// CPU seconds of one `ship --once`.
fn ship(dir: &Path, log: &Path, compression: &str) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    let to = listener.local_addr().expect("bound").to_string();
    let peer = std::thread::spawn(move || acknowledge(listener.accept().expect("a shipper comes").0));
    let before = children_cpu_seconds();
    let status = Command::new(env!("CARGO_BIN_EXE_logweir"))
        .args(["ship", "--once", "--compression", compression, "--to", &to, "--state"])
        .args([dir.join(compression).as_path(), log])
        .status()
        .expect("the binary starts");
    assert!(status.success(), "{status}");
    let acknowledged = peer.join().expect("no panic");
    assert_eq!(acknowledged, std::fs::metadata(log).expect("it is there").len());
    (children_cpu_seconds() - before).max(1.0 / TICKS)
}

/// Acknowledges everything until the shipper leaves; how far it has sent.
fn acknowledge(mut stream: TcpStream) -> u64 {
    let (mut received, mut buf, mut end) = (BytesMut::new(), vec![0; 1 << 20], Offset(0));
    loop {
        while let Some(raw) = RawFrame::take(&mut received).expect("good frames") {
            let answer = match raw.decode().expect("good bodies") {
                Frame::Hello(_) => Frame::Welcome { epoch: Epoch(1), window_bytes: 8 << 20 },
                Frame::Open(open) => {
                    Frame::Opened { asked: open.source, source: open.source, hwm: Offset(0), identity: None }
                }
                Frame::Resume { .. } => Frame::Resumed { sources: Vec::new() },
                Frame::Batch(batch) => {
                    end = batch.end();
                    Frame::Ack { source: batch.source, hwm: end }
                }
                Frame::Ping { nonce } => Frame::Pong { nonce },
                _ => continue,
            };
            stream.write_all(&answer.encode()).expect("the shipper listens");
        }
        match stream.read(&mut buf) {
            Ok(0) | Err(_) => return end.0,
            Ok(n) => received.extend_from_slice(&buf[..n]),
        }
    }
}

/// CPU seconds, user and system, of the children this process has waited for.
fn children_cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("linux has it");
    let behind_name = stat.rsplit(')').next().expect("the name stands in parentheses");
    let ticks = behind_name.split_whitespace().skip(13).take(2);
    ticks.filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / TICKS
}
