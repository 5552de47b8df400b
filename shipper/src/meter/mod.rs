//! The metrics side of the shipper: what a host says of itself, what applications send (StatsD) and what they are asked for
//! (scrapes), on their way to the router beside the files and never in their way.
//!
//! ```text
//! host      /proc -> points          emit      points -> chunks: batches of samples
//! statsd    datagrams -> points      outbox    chunks -> frames: what waits for its acknowledgement
//! scrape    pages -> points          config    what goes in
//! heartbeat a line now and then
//! ```
//! A session of its own, under the shipper's name and `/metrics`, since the router gives each name one. One thread owns the
//! outbox; the network, the listeners and the scrapes share another; the host's files are read by a third, which
//! nobody waits for, as a file system may block it.

pub mod config;
pub mod emit;
mod heartbeat;
pub mod host;
pub mod outbox;
pub mod scrape;
pub mod statsd;
#[cfg(test)]
mod tests;

use crate::config::{Settings, ShipConfig};
use crate::connection::{self, LinkEvent, Outgoing, Peer, QUEUE_FRAMES};
use crate::shipper::ShipError;
use crate::status::ShipperStatus;
use config::StatsdAddress;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use emit::{Chunk, Emit};
pub use heartbeat::HEARTBEAT;
use heartbeat::Heart;
use host::Host;
use logweir_base::batch::Codec;
use logweir_base::frame::{Content, Resource};
use logweir_base::time::{Clock, SystemClock};
use outbox::{KEPT_BYTES_MAX, Outbox};
use scrape::Scraper;
use statsd::Statsd;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Chunks and answers on their way to the outbox, some 16 MiB at most; whoever has more waits a moment.
const EVENTS_MAX: usize = 32;
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
        let emit = Emit::new(&config.host, &config.labels);
        let statsd = Statsd::new(&config.metrics.statsd, emit.another(), status.clone());
        let targets = config.metrics.scrape.iter();
        let inputs = Inputs {
            statsd: statsd.clone(),
            listen: config.metrics.statsd.listen.clone(),
            scrapers: targets.map(|target| Scraper::new(target.clone(), emit.another())).collect(),
            events: events.clone(),
            status: status.clone(),
        };
        let shipper = &peer.hello.shipper;
        let mut peer = peer.clone();
        peer.hello.shipper.push_str("/metrics");
        start_network(peer, config.settings.clone(), outgoing, inputs, end.clone())?;
        if let Some(interval) = config.metrics.host {
            start_host(interval, emit, events.clone(), end)?;
        }
        let heart = config.metrics.heartbeat;
        let heart = heart.map(|interval| Heart::new(interval, shipper, resource(config)));
        let mut post = Post::new(config, codec, queue, statsd, heart, status);
        let thread = spawn("ship-metrics", move || {
            post.run(&inbox);
            post.show();
            // The network ends when it has written what it was given, or at once.
            drop((post, inbox));
            ended.send_replace(true);
        })?;
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
    heart: Option<Heart>,
    queue: mpsc::Sender<Outgoing>,
    slots: usize,
    /// And how often it is flushed.
    statsd: Option<(Arc<Statsd>, Duration)>,
    next_flush: Duration,
    described: Hourly,
    status: ShipperStatus,
    last_error: String,
    begun: Instant,
}

impl Post {
    fn new(
        config: &ShipConfig,
        codec: Codec,
        queue: mpsc::Sender<Outgoing>,
        statsd: Arc<Statsd>,
        heart: Option<Heart>,
        status: ShipperStatus,
    ) -> Self {
        let is_listening = !config.metrics.statsd.listen.is_empty();
        Self {
            outbox: Outbox::new(resource(config), codec, KEPT_BYTES_MAX),
            heart,
            queue,
            slots: QUEUE_FRAMES,
            statsd: is_listening.then_some((statsd, config.metrics.statsd.interval)),
            next_flush: Duration::MAX,
            described: Hourly::default(),
            status,
            last_error: String::new(),
            begun: Instant::now(),
        }
    }

    fn run(&mut self, inbox: &Receiver<Event>) {
        let mut next_status = Duration::ZERO;
        let mut deadline = None;
        self.plan_flush();
        while !self.is_done() && deadline.is_none_or(|deadline| self.begun.elapsed() < deadline) {
            let now = self.begun.elapsed();
            if now >= next_status {
                self.show();
                next_status = now + STATUS_INTERVAL;
            }
            if now >= self.next_flush {
                self.flush();
            }
            let mut next = next_status.min(self.next_flush).min(deadline.unwrap_or(Duration::MAX));
            if let Some(heart) = &mut self.heart {
                heart.beat(now, SystemClock.now());
                next = next.min(heart.next());
            }
            self.produce();
            match inbox.recv_timeout(next.saturating_sub(now)) {
                Ok(Event::Link(LinkEvent::Taken)) => self.slots += 1,
                Ok(Event::Link(event)) => self.link(event),
                Ok(Event::Chunk(chunk)) => self.outbox.push(chunk),
                Ok(Event::Stop) => {
                    self.flush();
                    self.outboxes().for_each(Outbox::close);
                    deadline = Some(self.begun.elapsed() + FAREWELL);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            // Nobody is there to say farewell to.
            if deadline.is_some() && self.outbox.session().is_none() {
                return;
            }
        }
    }

    fn outboxes(&mut self) -> impl Iterator<Item = &mut Outbox> {
        self.heart.iter_mut().map(|heart| &mut heart.outbox).chain([&mut self.outbox])
    }

    fn is_done(&mut self) -> bool {
        self.outboxes().all(|outbox| outbox.is_done())
    }

    /// At the multiples of the interval of wall time, so that hosts can be compared.
    fn plan_flush(&mut self) {
        let wait = self.statsd.as_ref().map(|(_, interval)| until_next(now_ms(), *interval));
        self.next_flush = wait.map_or(Duration::MAX, |wait| self.begun.elapsed() + wait);
    }

    fn flush(&mut self) {
        if let Some((statsd, _)) = &self.statsd {
            for chunk in statsd.flush(now_ms(), self.described.is_due()) {
                self.outbox.push(chunk);
            }
        }
        self.plan_flush();
    }

    fn link(&mut self, event: LinkEvent) {
        if let LinkEvent::Down(why) = &event {
            self.last_error.clone_from(why);
        }
        self.outboxes().for_each(|outbox| outbox.apply(&event));
    }

    fn produce(&mut self) {
        while self.slots > 0 {
            let frame = self.outboxes().find_map(Outbox::next_frame);
            let Some(frame) = frame else {
                return;
            };
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

/// Whose the samples are.
fn resource(config: &ShipConfig) -> Resource {
    Resource {
        host: config.host.clone(),
        path: "metrics".to_owned(),
        labels: config.labels.clone(),
        content: Content::Samples,
        zone: config.zone.clone(),
    }
}

/// What comes over the network.
struct Inputs {
    statsd: Arc<Statsd>,
    listen: Vec<StatsdAddress>,
    scrapers: Vec<Scraper>,
    events: Sender<Event>,
    status: ShipperStatus,
}

impl Inputs {
    /// On the runtime it is called from, which ends them.
    fn spawn(self) {
        for address in self.listen {
            tokio::spawn(statsd::listen(self.statsd.clone(), address));
        }
        let targets = self.scrapers.iter().map(|scraper| scraper.status().clone()).collect();
        self.status.update(|s| s.meter.targets = targets);
        for (number, scraper) in self.scrapers.into_iter().enumerate() {
            tokio::spawn(scrape(scraper, number, self.events.clone(), self.status.clone()));
        }
    }
}

async fn scrape(mut scraper: Scraper, number: usize, events: Sender<Event>, status: ShipperStatus) {
    let mut described = Hourly::default();
    loop {
        tokio::time::sleep(scraper.until_next(now_ms())).await;
        if described.is_due() {
            scraper.describe();
        }
        let (now, begun) = (now_ms(), Instant::now());
        let answer = scraper.ask().await;
        let answer = answer.as_deref().map_err(Clone::clone);
        for chunk in scraper.take(answer, now, begun.elapsed()) {
            if events.send(Event::Chunk(chunk)).is_err() {
                return;
            }
        }
        let shown = scraper.status().clone();
        status.update(|s| {
            if let Some(target) = s.meter.targets.get_mut(number) {
                *target = shown;
            }
        });
    }
}

fn start_network(
    peer: Peer,
    settings: Settings,
    outgoing: mpsc::Receiver<Outgoing>,
    inputs: Inputs,
    end: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, ShipError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ShipError::Start)?;
    spawn("ship-metrics-net", move || {
        runtime.block_on(async {
            let events = inputs.events.clone();
            inputs.spawn();
            connection::run(peer, settings, outgoing, events, end).await;
        });
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
        let mut described = Hourly::default();
        // The first at once, so that a host is seen as soon as it is there.
        let mut wait = Duration::ZERO;
        while runtime.block_on(async { tokio::time::timeout(wait, end.wait_for(|&end| end)).await.is_err() })
        {
            if described.is_due() {
                host::describe(&mut emit);
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

/// Due at first, and every hour.
#[derive(Debug, Default)]
struct Hourly(Option<Instant>);

impl Hourly {
    fn is_due(&mut self) -> bool {
        let is_due = self.0.is_none_or(|last| last.elapsed() >= DESCRIBE_INTERVAL);
        if is_due {
            self.0 = Some(Instant::now());
        }
        is_due
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ShipError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(ShipError::Start)
}

fn now_ms() -> i64 {
    SystemClock.now().0.div_euclid(1_000_000)
}

/// From `now_ms` to the next multiple of `interval`. One that is very near is passed over: a timer may wake just before the
/// moment it was set for, as the wall clock is adjusted, and the moment would be used twice.
fn until_next(now_ms: i64, interval: Duration) -> Duration {
    let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    let left = interval - now_ms.rem_euclid(interval);
    let is_near = left < interval / 20;
    Duration::from_millis(left.saturating_add(if is_near { interval } else { 0 }).unsigned_abs())
}
