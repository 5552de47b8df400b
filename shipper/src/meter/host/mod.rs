//! What a host says of itself, read from `/proc`: one file a group, one parser a file of the kernel, text in and points out.
//!
//! Names are OpenTelemetry's (`system.cpu.time`) as Prometheus writes them. A file the kernel does not have, or that says
//! something else than expected, gives fewer points, never an error. Absent: numbers that need a
//! look at each process.

mod cpu;
mod disk;
mod filesystem;
mod load;
mod memory;
mod network;
mod paging;
mod pressure;
mod processes;
#[cfg(test)]
mod tests;
pub mod top;

use super::emit::{Emit, Metric};
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Of one file of the kernel; the longest, `/proc/stat` with thousands of interrupts and processors, is well below.
const FILE_BYTES_MAX: usize = 1 << 20;
/// What a read begins with: enough for nearly all files, so that one call reads all.
const READ_BYTES: usize = 16 << 10;

/// Reads one file.
type Parser = fn(&str, &mut Emit);

/// A file of the kernel below the root, and who reads it.
const FILES: [(&str, Parser); 13] = [
    ("proc/stat", cpu::stat),
    ("proc/stat", counted),
    ("proc/loadavg", load::loadavg),
    ("proc/uptime", load::uptime),
    ("proc/sys/fs/file-nr", load::file_nr),
    ("proc/meminfo", memory::meminfo),
    ("proc/vmstat", paging::vmstat),
    ("proc/diskstats", disk::diskstats),
    ("proc/net/dev", network::dev),
    ("proc/pressure/cpu", pressure::cpu),
    ("proc/pressure/memory", pressure::memory),
    ("proc/pressure/io", pressure::io),
    ("proc/self/mounts", mounted),
];

/// What all of them write.
const METRICS: [&[Metric]; 9] = [
    cpu::METRICS,
    load::METRICS,
    memory::METRICS,
    paging::METRICS,
    disk::METRICS,
    network::METRICS,
    pressure::METRICS,
    processes::METRICS,
    filesystem::METRICS,
];

/// The files of a host, held open between collections.
#[derive(Debug)]
pub struct Host {
    files: Vec<(Option<File>, PathBuf, Parser)>,
    buf: Vec<u8>,
}

impl Host {
    /// Reads below `root`, which is `/` but in tests.
    pub fn new(root: &Path) -> Self {
        let files = FILES.iter().map(|(path, parser)| (None, root.join(path), *parser)).collect();
        Self { files, buf: Vec::with_capacity(READ_BYTES) }
    }

    /// Writes all there is.
    pub fn collect(&mut self, emit: &mut Emit) {
        for (file, path, parser) in &mut self.files {
            if file.is_none() {
                *file = File::open(path.as_path()).ok();
            }
            match file.as_ref().map(|file| read_whole(file, &mut self.buf)) {
                Some(true) => parser(&String::from_utf8_lossy(&self.buf), emit),
                // The next collection opens it anew.
                _ => *file = None,
            }
        }
    }
}

/// Writes what is known of the metrics of a host.
pub fn describe(emit: &mut Emit) {
    METRICS.iter().for_each(|metrics| emit.describe(metrics));
}

fn counted(text: &str, emit: &mut Emit) {
    processes::states(text, processes::count(Path::new("/proc")), emit);
}

fn mounted(text: &str, emit: &mut Emit) {
    filesystem::filesystems(text, |point| filesystem::space(Path::new(point)), emit);
}

/// From its start, as the kernel writes it anew for that.
fn read_whole(file: &File, buf: &mut Vec<u8>) -> bool {
    buf.resize(READ_BYTES, 0);
    let mut filled = 0;
    loop {
        match file.read_at(&mut buf[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return false,
        }
        if filled == buf.len() {
            if filled >= FILE_BYTES_MAX {
                break;
            }
            buf.resize(2 * filled, 0);
        }
    }
    buf.truncate(filled);
    true
}

/// The first word, when it is a number as the kernel writes them.
fn first_number(text: &str) -> Option<f64> {
    let number: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// The first `N` words, when all of them are whole numbers.
fn numbers<'a, const N: usize>(words: impl Iterator<Item = &'a str>) -> Option<[f64; N]> {
    let mut found = [0.0; N];
    let mut words = words;
    for slot in &mut found {
        *slot = words.next()?.parse::<u64>().ok()? as f64;
    }
    Some(found)
}
