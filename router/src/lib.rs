//! The receiving side: connections of shippers, the dedupe state, the journal, and the feed of its followers; routes and
//! sinks. [`Router`] puts it together: open, add followers, serve.
//!
//! Deliberately absent: any follower by name, HTTP, and a clock that is not handed in.

pub mod config;
mod core;
mod decode;
mod feed;
mod follow;
mod journal;
pub mod route;
mod server;
pub mod sinks;
mod status;
mod table;

pub use feed::{Feed, Pace, Progress, Step};
pub use journal::recover::OpenError;
pub use status::{ConnectionStatus, ErrorStatus, Fatal, Latency, SourceStatus, Status, Stopwatch};

use crate::config::RouterConfig;
use crate::core::{Control, Core, Durable, Links};
use crate::decode::Decoder;
use crate::server::{FRAME_COST_MIN, Server};
use crate::status::{Count, FatalSender, Tally};
use bytes::Bytes;
use crossbeam::channel::{Receiver, Sender, bounded};
use logweir_base::action::Action;
use logweir_base::dir::SharedDir;
use logweir_base::entry::{Follower, FollowerError};
use logweir_base::frame::{Frame, Packed};
use logweir_base::ids::{ConfigVersion, JournalId, Position};
use logweir_base::time::Clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Requests from within that wait for the core.
const CONTROL_MAX: usize = 16;
/// Groups between the core and the decode thread; frames in them hold their share of the memory in flight.
const GROUPS_MAX: usize = 4096;
/// The core answers within this unless its disk hangs.
const CONTROL_WAIT: Duration = Duration::from_secs(5);

/// An open router. All methods may be called from any thread.
pub struct Router {
    journal: JournalId,
    source: follow::Source,
    server: Arc<Server>,
    control: Sender<Control>,
    fatal: Receiver<Fatal>,
    tally: Arc<Tally>,
    serving: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<Running>>,
}

/// A thread, and the end of a channel that closes when it ends.
struct Running {
    name: String,
    ended: Receiver<()>,
}

impl Router {
    /// Opens the journal in `dir` (creates it when there is none), recovers, and starts the journal and decode threads.
    /// `dir` must be this process's alone; whoever calls holds its lock.
    pub fn open(config: &RouterConfig, dir: SharedDir, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let recovered = journal::recover::open(&dir, config.journal, clock.now())?;
        let journal::recover::Recovered { writer, table, gaps, report } = recovered;
        let tally = Arc::new(Tally::new());
        tally.add(Count::TornTails, report.torn_tails);
        tally.add(Count::CorruptRanges, report.corrupt_ranges);
        tally.add(Count::PositionsLost, report.positions_lost);
        let journal = writer.journal();
        let feed = Arc::new(Feed::new(writer.synced().position(), config.ring_bytes));
        let (fatal_sender, fatal) = FatalSender::new();
        let (requests, requests_in) =
            bounded(config.in_flight_bytes / FRAME_COST_MIN + 2 * config.connections_max);
        let (control, control_in) = bounded(CONTROL_MAX);
        let (decode, decode_in) = bounded(GROUPS_MAX);
        let serving = Arc::new(AtomicBool::new(false));
        let decoder = Decoder::new(table.sources());
        let links = Links {
            requests: requests_in,
            control: control_in,
            decode,
            feed: Arc::clone(&feed),
            tally: Arc::clone(&tally),
            fatal: fatal_sender.clone(),
            clock: Arc::clone(&clock),
            serving: Arc::clone(&serving),
            window_bytes: config.window_bytes,
        };
        let core = Core::new(table, writer, links);
        let server = Server {
            requests,
            in_flight: Arc::new(Semaphore::new(config.in_flight_bytes)),
            in_flight_bytes: config.in_flight_bytes,
            connections: Arc::new(Semaphore::new(config.connections_max)),
            next_id: AtomicU64::new(1),
            tally: Arc::clone(&tally),
            clock: Arc::clone(&clock),
            stop: CancellationToken::new(),
        };
        let router = Self {
            journal,
            source: follow::Source { dir, feed: Arc::clone(&feed), fatal: fatal_sender },
            server: Arc::new(server),
            control,
            fatal,
            tally,
            serving,
            clock,
            threads: Mutex::default(),
        };
        router.spawn("journal", move || core.run(gaps));
        router.spawn("decode", move || decode_all(&decode_in, decoder, &feed));
        Ok(router)
    }

    /// The journal's id; followers store it beside their position.
    pub fn journal_id(&self) -> JournalId {
        self.journal
    }

    /// Recent entries and everybody's progress.
    pub fn feed(&self) -> Arc<Feed> {
        Arc::clone(&self.source.feed)
    }

    /// All up to here is durable.
    pub fn durable(&self) -> Position {
        self.source.feed.durable()
    }

    /// Runs a follower on its own thread, from its committed position on. Add all of them before [`Router::serve`]: from
    /// then on segments are released that none of them needs. Refuses a follower that belongs to another journal, that is
    /// ahead of this one, or whose name is taken.
    pub fn follow(&self, follower: Box<dyn Follower>, pace: Pace) -> Result<(), FollowerError> {
        let start = follow::start_of(&*follower, self.journal, self.durable())?;
        let name = follower.name().to_owned();
        if !self.source.feed.register(&name, pace, start) {
            return Err(FollowerError {
                at: name,
                reason: "a follower of this name is running already".to_owned(),
            });
        }
        let source = self.source.clone();
        self.spawn(&name, move || follow::run(follower, pace, start, &source));
        Ok(())
    }

    /// Takes connections of shippers until [`Router::shutdown`].
    pub fn serve(&self, listener: TcpListener) -> impl Future<Output = ()> + Send + use<> {
        self.serving.store(true, Ordering::Release);
        Arc::clone(&self.server).serve(listener)
    }

    /// Journals a new configuration, as the user wrote it; returns its number once it is durable. `None` when the
    /// journal is full or has ended.
    pub fn append_config(&self, text: String) -> Option<ConfigVersion> {
        let (done, version) = bounded(1);
        self.control.send_timeout(Control::Config { text, done }, CONTROL_WAIT).ok()?;
        version.recv_timeout(CONTROL_WAIT).ok()
    }

    /// Journals that everything which `query` finds and that came before is to be removed; returns the record's position once
    /// it is durable. `None` when the journal is full or has ended.
    pub fn append_delete(&self, id: String, query: String) -> Option<Position> {
        self.append(Frame::Delete { id, query })
    }

    /// Journals what somebody did; returns the record's position once it is durable. `None` when the journal is full or has
    /// ended.
    pub fn append_action(&self, action: Action) -> Option<Position> {
        self.append(Frame::Action(action))
    }

    fn append(&self, frame: Frame) -> Option<Position> {
        let (done, position) = bounded(1);
        self.control.send_timeout(Control::Append { frame, done }, CONTROL_WAIT).ok()?;
        position.recv_timeout(CONTROL_WAIT).ok()
    }

    /// Journals a batch of samples ([`logweir_base::metric::samples`]) that came over HTTP; returns its position once it is
    /// durable. Waits for a share of the memory in flight, and while the journal is full; `None` when it has ended.
    pub async fn append_samples(&self, chunk: Bytes) -> Option<Position> {
        let bytes = chunk.len();
        self.server.append_samples(Packed::of(chunk), bytes).await
    }

    /// The router as it is now; `None` when the core does not answer because its disk hangs.
    pub fn status(&self) -> Option<Status> {
        let (done, core) = bounded(1);
        self.control.send_timeout(Control::Status(done), CONTROL_WAIT).ok()?;
        let core = core.recv_timeout(CONTROL_WAIT).ok()?;
        Some(Status {
            journal: self.journal,
            durable: self.durable(),
            oldest: core.oldest,
            segments: core.segments,
            journal_bytes: core.journal_bytes,
            full: core.full,
            sources: core.sources,
            connections: core.connections,
            followers: self.source.feed.followers(),
            counters: self.tally.all(),
            errors: self.tally.errors(),
            sync: self.tally.sync(),
        })
    }

    /// Where a failure arrives after which the process must end at once (R9); at most one ever does.
    pub fn fatal(&self) -> Receiver<Fatal> {
        self.fatal.clone()
    }

    /// Stops: connections first, then the journal, then followers, each of which commits. Never waits for the network.
    /// Returns the names of threads that have not ended within `wait`; what they hold is safe in the journal.
    pub fn shutdown(&self, wait: Duration) -> Vec<String> {
        let until = Instant::now() + wait;
        self.server.stop.cancel();
        // Refused only when the core has ended already.
        let _ = self.control.send_deadline(Control::Stop, until);
        self.source.feed.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let hangs = |running: &Running| {
            let waited = running.ended.recv_deadline(until);
            matches!(waited, Err(crossbeam::channel::RecvTimeoutError::Timeout))
        };
        threads.into_iter().filter(hangs).map(|running| running.name).collect()
    }

    /// Notes an error for the status, from a part that has no place of its own.
    pub fn note_error(&self, text: String) {
        self.tally.error(self.clock.now(), text);
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        let (ends, ended) = bounded::<()>(0);
        let fatal = self.source.fatal.clone();
        let named = name.to_owned();
        let started = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ends = ends;
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
                fatal.send(Fatal { at: named, reason: "the thread broke".to_owned() });
            }
        });
        match started {
            Ok(_) => {
                let running = Running { name: name.to_owned(), ended };
                self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(running);
            }
            Err(e) => self.source.fatal.send(Fatal { at: name.to_owned(), reason: e.to_string() }),
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        self.shutdown(CONTROL_WAIT);
    }
}

/// The decode thread: looks at each line once, for all followers.
fn decode_all(groups: &Receiver<Vec<Durable>>, mut decoder: Decoder, feed: &Feed) {
    for Durable { header, frame, permit } in groups.iter().flatten() {
        let entry = decoder.entry(&header, frame);
        if !feed.publish(Arc::new(entry)) {
            return;
        }
        drop(permit);
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
