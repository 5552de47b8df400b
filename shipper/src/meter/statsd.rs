//! StatsD: datagrams over UDP and unix sockets, lines over TCP, summed up until the next flush.
//!
//! Whatever is lost is counted: datagrams the kernel had no room for (the `drops` of `/proc/net/udp`, by the socket's inode),
//! and lines that are none. An address that cannot be listened at is told and tried again; nothing waits for it.

mod listen;
#[cfg(test)]
mod tests;

pub use listen::listen;

use super::config::{StatsdAddress, StatsdConfig};
use super::emit::{Chunk, Emit, Metric};
use crate::status::ShipperStatus;
use logweir_base::metric::statsd::Aggregator;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const VALUES: Metric = Metric::counter("logweir_statsd_values_total", "", "Values received by StatsD.");
const REFUSED: Metric = Metric::counter(
    "logweir_statsd_refused_lines_total",
    "",
    "Lines of StatsD that were refused, by reason.",
);
const DROPPED: Metric = Metric::counter(
    "logweir_statsd_dropped_datagrams_total",
    "",
    "Datagrams the kernel dropped because we were too slow, by listener.",
);
const UDP_TABLES: [&str; 2] = ["/proc/net/udp", "/proc/net/udp6"];
const METRICS: &[Metric] = &[VALUES, REFUSED, DROPPED];

/// What was received since the start of the process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatsdStatus {
    /// Where it is listened, as bound.
    pub listening: Vec<String>,
    /// Where it cannot be listened, as configured, and why. It is tried again.
    pub failing: BTreeMap<String, String>,
    /// Values taken in.
    pub values: u64,
    /// Of those, values counted in a series that stands for all that found no room.
    pub overflowed: u64,
    /// Events and service checks, which are not kept.
    pub ignored: u64,
    /// Lines refused, by reason.
    pub refused_lines: BTreeMap<&'static str, u64>,
    /// Datagrams the kernel has dropped, by listener.
    pub dropped_datagrams: BTreeMap<String, u64>,
}

/// What all listeners fill and a flush empties.
#[derive(Debug)]
pub struct Statsd {
    shared: Mutex<Shared>,
    status: ShipperStatus,
}

#[derive(Debug)]
struct Shared {
    aggregator: Aggregator,
    emit: Emit,
    counts: StatsdStatus,
    /// Inodes of UDP sockets.
    sockets: Vec<(String, u64)>,
}

impl Statsd {
    /// Listens nowhere yet.
    pub fn new(config: &StatsdConfig, emit: Emit, status: ShipperStatus) -> Arc<Self> {
        let (aggregator, counts) = (Aggregator::new(config.series_max), StatsdStatus::default());
        let shared = Shared { aggregator, emit, counts, sockets: Vec::new() };
        Arc::new(Self { shared: Mutex::new(shared), status })
    }

    /// What was received since the last flush, and what was lost so far.
    pub fn flush(&self, now_ms: i64, with_meta: bool) -> Vec<Chunk> {
        let mut shared = self.shared();
        shared.look_for_drops();
        let Shared { aggregator, emit, counts, .. } = &mut *shared;
        emit.at(now_ms);
        if with_meta {
            emit.describe(METRICS);
        }
        emit.receive(|writer, common| {
            let received = aggregator.flush(now_ms, common, writer);
            add(&mut counts.refused_lines, &received.refused);
            received.samples
        });
        emit.put(&VALUES, &[], counts.values as f64);
        for (reason, count) in &counts.refused_lines {
            emit.put(&REFUSED, &[("reason", reason)], *count as f64);
        }
        for (listener, count) in &counts.dropped_datagrams {
            emit.put(&DROPPED, &[("listener", listener)], *count as f64);
        }
        let chunks = emit.take();
        self.show(&shared);
        chunks
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bound(&self, address: &StatsdAddress, listener: String, inode: Option<u64>) {
        let mut shared = self.shared();
        shared.sockets.retain(|(name, _)| *name != listener);
        shared.sockets.extend(inode.map(|inode| (listener.clone(), inode)));
        shared.counts.failing.remove(&address.to_string());
        if !shared.counts.listening.contains(&listener) {
            shared.counts.listening.push(listener);
        }
        self.show(&shared);
    }

    fn failed(&self, address: &StatsdAddress, why: String) {
        let (mut shared, address) = (self.shared(), address.to_string());
        shared.counts.listening.retain(|listener| *listener != address);
        shared.counts.failing.insert(address, why);
        self.show(&shared);
    }

    fn show(&self, shared: &Shared) {
        let counts = shared.counts.clone();
        self.status.update(|s| s.meter.statsd = counts);
    }
}

impl Shared {
    fn take(&mut self, lines: &[u8]) {
        let taken = self.aggregator.take(lines);
        self.counts.values += taken.values;
        self.counts.overflowed += taken.overflowed;
        self.counts.ignored += taken.ignored;
        add(&mut self.counts.refused_lines, &taken.refused);
    }

    fn refuse(&mut self, reason: &'static str) {
        *self.counts.refused_lines.entry(reason).or_default() += 1;
    }

    fn look_for_drops(&mut self) {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let tables = if self.sockets.is_empty() { Vec::new() } else { UDP_TABLES.map(read).to_vec() };
        for (listener, inode) in &self.sockets {
            if let Some(drops) = tables.iter().find_map(|table| drops(table, *inode)) {
                self.counts.dropped_datagrams.insert(listener.clone(), drops);
            }
        }
    }
}

fn add(sum: &mut BTreeMap<&'static str, u64>, more: &BTreeMap<&'static str, u64>) {
    for (reason, count) in more {
        *sum.entry(reason).or_default() += count;
    }
}

/// The last column of a socket's line in `/proc/net/udp` or `udp6`:
///
/// ```text
/// sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops
/// ```
fn drops(table: &str, inode: u64) -> Option<u64> {
    table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(9);
        let is_ours = words.next()?.parse() == Ok(inode);
        is_ours.then(|| words.nth(2)?.parse().ok()).flatten()
    })
}
