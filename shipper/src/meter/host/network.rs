//! What network interfaces carry, from `/proc/net/dev`: two lines of heading, then
//!
//! ```text
//! name: bytes packets errs drop fifo frame compressed multicast  bytes packets errs drop fifo colls carrier compressed
//! ```
//! There may be no blank behind the colon. Left out: the host's ends of containers' interfaces (`veth*`), which come and go
//! under random names, and whose packets count at the bridge again.

use super::numbers;
use crate::meter::emit::{Emit, Metric};

const BYTES: Metric = Metric::counter("system_network_io_bytes_total", "bytes", "Bytes received and sent.");
const PACKETS: Metric = Metric::counter("system_network_packets_total", "", "Packets received and sent.");
const ERRORS: Metric = Metric::counter("system_network_errors_total", "", "Errors in receiving and sending.");
const DROPPED: Metric =
    Metric::counter("system_network_packet_dropped_total", "", "Packets dropped when received or sent.");

/// What this file writes.
pub const METRICS: &[Metric] = &[BYTES, PACKETS, ERRORS, DROPPED];

const COLUMNS: usize = 16;

/// `/proc/net/dev`.
pub fn dev(text: &str, emit: &mut Emit) {
    for line in text.lines() {
        let Some((device, rest)) = line.rsplit_once(':').map(|(name, rest)| (name.trim(), rest)) else {
            continue;
        };
        let numbers = numbers::<COLUMNS>(rest.split_ascii_whitespace());
        if let Some(n) = numbers.filter(|_| !device.is_empty() && !device.starts_with("veth")) {
            for (direction, at) in [("receive", 0), ("transmit", 8)] {
                let labels = [("device", device), ("direction", direction)];
                for (metric, value) in METRICS.iter().zip(&n[at..]) {
                    emit.put(metric, &labels, *value);
                }
            }
        }
    }
}
