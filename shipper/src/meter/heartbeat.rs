//! Heartbeats: a line of text in each interval, so that whoever searches can time how long a line takes to be found, and
//! see which shipper has fallen silent. Off unless asked for.
//!
//! ```text
//! {"time":"2026-11-25T11:35:00.001Z","level":"debug","message":"heartbeat","shipper":"NAME","count":7}
//! ```
//! `time` is when it was written, `count` ascends by one. The lines are a source of their own, `heartbeat`, of the metrics'
//! session; those that wait for a router are few, and the oldest go first.

use super::emit::Chunk;
use super::outbox::Outbox;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Resource};
use logweir_base::time::Timestamp;
use std::time::Duration;

/// The path of their source, and their message.
pub const HEARTBEAT: &str = "heartbeat";
/// Some hundreds of lines: an hour.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// The lines of one shipper.
#[derive(Debug)]
pub struct Heart {
    /// Where they wait.
    pub outbox: Outbox,
    interval: Duration,
    /// On the clock of whoever asks.
    next: Duration,
    shipper: String,
    count: u64,
}

impl Heart {
    /// One that beats at once, and then in each interval. `resource` says of which host it is.
    pub fn new(interval: Duration, shipper: &str, resource: Resource) -> Self {
        let resource = Resource { path: HEARTBEAT.to_owned(), content: Content::Text, ..resource };
        Self {
            outbox: Outbox::new(resource, Codec::None, KEPT_BYTES_MAX),
            interval,
            next: Duration::ZERO,
            shipper: shipper.to_owned(),
            count: 0,
        }
    }

    /// When the next is due.
    pub fn next(&self) -> Duration {
        self.next
    }

    /// Writes a line when it is due.
    pub fn beat(&mut self, now: Duration, time: Timestamp) {
        if now < self.next {
            return;
        }
        self.next = now + self.interval;
        self.count += 1;
        let line = serde_json::json!({
            "time": time.to_string(),
            "level": "debug",
            "message": HEARTBEAT,
            "shipper": self.shipper,
            "count": self.count,
        });
        let bytes = format!("{line}\n").into_bytes();
        self.outbox.push(Chunk { bytes, ..Chunk::default() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_in_each_interval() {
        let mut heart = Heart::new(Duration::from_secs(10), "s", Resource::default());
        let mut beat = |now| {
            heart.beat(Duration::from_secs(now), Timestamp::from_seconds(now as i64));
            (heart.outbox.counts().chunks, heart.next().as_secs())
        };
        assert_eq!([beat(3), beat(12), beat(13), beat(99)], [(1, 13), (1, 13), (2, 23), (3, 109)]);
    }
}
