//! The metrics side of the shipper: what a host says of itself, what applications send (StatsD) and what they are asked for
//! (scrapes), on their way to the router beside the files and never in their way.
//!
//! ```text
//! host      /proc -> points          emit      points -> chunks: batches of samples
//! statsd    datagrams -> points      outbox    chunks -> frames: what waits for its acknowledgement
//! scrape    pages -> points          config    what goes in
//! ```
//! A session of its own, under the shipper's name and `/metrics`, since the router gives each name one. One thread owns the
//! outbox; the network, the listeners and the scrapes share another; the host's files are read by a third, which
//! nobody waits for, as a file system may block it.

pub mod config;
pub mod emit;
pub mod host;
pub mod outbox;
#[cfg(test)]
mod tests;

use crate::config::ShipConfig;
use crate::connection::{self, LinkEvent, Outgoing, Peer, QUEUE_FRAMES};
use crate::shipper::ShipError;
use crate::status::ShipperStatus;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use emit::{Chunk, Emit};
use host::Host;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Resource};
use logweir_base::time::{Clock, SystemClock};
use outbox::{KEPT_BYTES_MAX, Outbox};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Chunks and answers on their way to the outbox; whoever has more waits a moment.
const EVENTS_MAX: usize = 256;
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// What is known of metrics is told again, for routers that begin anew.
const DESCRIBE_INTERVAL: Duration = Duration::from_secs(3600);
/// A shipper that ends waits so long for the acknowledgement of its last samples.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the outbox's thread waits for.
#[derive(Debug)]
enum Event {
    Link(LinkEvent),
    Chunk(Chunk),
    Stop,
}

impl From<LinkEvent> for Event {
    fn from(event: LinkEvent) -> Self {
        Self::Link(event)
    }
}

/// The metrics side while it runs.
#[derive(Debug)]
pub struct Meter {
    events: Sender<Event>,
    thread: JoinHandle<()>,
}

impl Meter {
    /// Starts what `config` asks for; `peer` is the shipper's own.
    pub fn start(
        config: &ShipConfig,
        peer: &Peer,
        codec: Codec,
        status: ShipperStatus,
    ) -> Result<Self, ShipError> {
        let (events, inbox) = bounded(EVENTS_MAX);
        let (queue, outgoing) = mpsc::channel(QUEUE_FRAMES);
        let (ended, end) = watch::channel(false);
        let mut peer = peer.clone();
        peer.hello.shipper.push_str("/metrics");
        start_network(peer, config, outgoing, events.clone(), end.clone())?;
        if let Some(interval) = config.metrics.host {
            let emit = Emit::new(&config.host, &config.labels);
            start_host(interval, emit, events.clone(), end)?;
        }
        let resource = Resource {
            host: config.host.clone(),
            path: "metrics".to_owned(),
            labels: config.labels.clone(),
            content: Content::Samples,
            zone: config.zone.clone(),
        };
        let outbox = Outbox::new(resource, codec, KEPT_BYTES_MAX);
        let begun = Instant::now();
        let mut post = Post { outbox, queue, slots: QUEUE_FRAMES, status, last_error: String::new(), begun };
        let work = move || {
            post.run(&inbox);
            post.show();
            // The network ends when it has written what it was given, or at once.
            drop((post, inbox));
            ended.send_replace(true);
        };
        let thread = spawn("ship-metrics", work)?;
        Ok(Self { events, thread })
    }

    /// Ends it; what is on its way has [`FAREWELL`] to arrive.
    pub fn stop(self) {
        // It is gone, or it takes this.
        let _ = self.events.send(Event::Stop);
        let _ = self.thread.join();
    }
}

/// The thread of the outbox.
struct Post {
    outbox: Outbox,
    queue: mpsc::Sender<Outgoing>,
    slots: usize,
    status: ShipperStatus,
    last_error: String,
    begun: Instant,
}

impl Post {
    fn run(&mut self, inbox: &Receiver<Event>) {
        let mut next_status = Duration::ZERO;
        let mut deadline = None;
        while !self.outbox.is_done() && deadline.is_none_or(|deadline| self.begun.elapsed() < deadline) {
            let now = self.begun.elapsed();
            if now >= next_status {
                self.show();
                next_status = now + STATUS_INTERVAL;
            }
            let wait = deadline.map_or(next_status, |deadline| next_status.min(deadline)).saturating_sub(now);
            match inbox.recv_timeout(wait) {
                Ok(Event::Link(LinkEvent::Taken)) => self.slots += 1,
                Ok(Event::Link(event)) => self.link(event),
                Ok(Event::Chunk(chunk)) => self.outbox.push(chunk),
                Ok(Event::Stop) => {
                    self.outbox.close();
                    deadline = Some(self.begun.elapsed() + FAREWELL);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Nobody is there to say farewell to.
            if deadline.is_some() && self.outbox.session().is_none() {
                return;
            }
            self.produce();
        }
    }

    fn link(&mut self, event: LinkEvent) {
        if let LinkEvent::Down(why) = &event {
            self.last_error.clone_from(why);
        }
        self.outbox.apply(event);
    }

    fn produce(&mut self) {
        while self.slots > 0
            && let Some(frame) = self.outbox.next_frame()
        {
            self.slots -= 1;
            // Slots are counted, so it fits.
            if self.queue.try_send(frame).is_err() {
                return;
            }
        }
    }

    fn show(&self) {
        let (counts, session) = (self.outbox.counts(), self.outbox.session());
        self.status.update(|s| {
            (s.meter.counts, s.meter.session) = (counts, session);
            s.meter.last_error.clone_from(&self.last_error);
        });
    }
}

fn start_network(
    peer: Peer,
    config: &ShipConfig,
    outgoing: mpsc::Receiver<Outgoing>,
    events: Sender<Event>,
    end: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, ShipError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ShipError::Start)?;
    let settings = config.settings.clone();
    spawn("ship-metrics-net", move || {
        runtime.block_on(connection::run(peer, settings, outgoing, events, end));
        runtime.shutdown_background();
    })
}

/// Collects at the multiples of `interval` of wall time, so that hosts can be compared.
fn start_host(
    interval: Duration,
    mut emit: Emit,
    events: Sender<Event>,
    mut end: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, ShipError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(ShipError::Start)?;
    spawn("ship-metrics-host", move || {
        let mut host = Host::new(Path::new("/"));
        let mut described = None;
        // The first at once, so that a host is seen as soon as it is there.
        let mut wait = Duration::ZERO;
        while runtime.block_on(async { tokio::time::timeout(wait, end.wait_for(|&end| end)).await.is_err() })
        {
            if described.is_none_or(|at: Instant| at.elapsed() >= DESCRIBE_INTERVAL) {
                host::describe(&mut emit);
                described = Some(Instant::now());
            }
            emit.at(now_ms());
            host.collect(&mut emit);
            for chunk in emit.take() {
                if events.send(Event::Chunk(chunk)).is_err() {
                    return;
                }
            }
            wait = until_next(now_ms(), interval);
        }
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ShipError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(ShipError::Start)
}

fn now_ms() -> i64 {
    SystemClock.now().0.div_euclid(1_000_000)
}

/// From `now_ms` to the next multiple of `interval`; never nothing.
fn until_next(now_ms: i64, interval: Duration) -> Duration {
    let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    Duration::from_millis(u64::try_from(interval - now_ms.rem_euclid(interval)).unwrap_or(1))
}
