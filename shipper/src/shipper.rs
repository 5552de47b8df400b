//! The loop around the tailer: one thread reads files, one carries frames, and this is where they meet.
//!
//! The reading thread never waits for the network: it produces while the queue has room and then waits for an event, so
//! that it hears at once when it is told to stop.

use crate::config::{Compression, ConfigError, ShipConfig, is_loopback};
use crate::connection::{self, LinkEvent, Outgoing, Peer, QUEUE_FRAMES};
use crate::identity::hash;
use crate::meter::Meter;
use crate::redact::Redactor;
use crate::state::{StateDir, StateError, Store};
use crate::status::{Counters, FileStatus, ShipperStatus};
use crate::tail::Tailer;
use crate::watch::{Hint, Watcher};
use crossbeam::channel::{Receiver, Sender, TrySendError, bounded};
use logweir_base::batch::Codec;
use logweir_base::frame::Hello;
use logweir_base::ids::{Epoch, SourceId, random_bytes};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// Events on their way to the reading thread. Acknowledgements wait when it is full; hints turn into one scan.
const EVENTS_MAX: usize = 1024;
const STATUS_INTERVAL: Duration = Duration::from_secs(1);
/// Between two scans that hints ask for.
const HINTED_SCAN_INTERVAL: Duration = Duration::from_millis(50);
/// Writing the checkpoint takes at most this part of the time: one in so many.
const CHECKPOINT_SHARE: u32 = 20;

/// Why a shipper cannot start or has to end.
#[derive(Debug)]
pub enum ShipError {
    /// The configuration is wrong.
    Config(ConfigError),
    /// The state directory cannot be used.
    State(StateError),
    /// A thread or the network runtime cannot be started.
    Start(io::Error),
}

impl fmt::Display for ShipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(e) => e.fmt(f),
            Self::State(e) => e.fmt(f),
            Self::Start(e) => write!(f, "cannot start: {e}"),
        }
    }
}

impl std::error::Error for ShipError {}

impl From<ConfigError> for ShipError {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

impl From<StateError> for ShipError {
    fn from(e: StateError) -> Self {
        Self::State(e)
    }
}

/// What a shipper has done when it ends.
#[derive(Clone, Debug, Default)]
pub struct ShipReport {
    /// Who it was to the router.
    pub shipper: String,
    /// Totals.
    pub counters: Counters,
    /// Files that could not be read, with why.
    pub failed: Vec<FileStatus>,
    /// All that was there is acknowledged. Only `once` waits for that.
    pub complete: bool,
}

/// What the reading thread waits for.
#[derive(Debug)]
enum Event {
    Link(LinkEvent),
    Hint(Hint),
    Stop,
}

impl From<LinkEvent> for Event {
    fn from(event: LinkEvent) -> Self {
        Self::Link(event)
    }
}

/// Ships until `stop` turns true (or its sender is gone), or with `once` until all is acknowledged. Blocks the calling
/// thread, which does the reading. On `stop` it ends at once: what is not acknowledged is still in the files.
pub fn run(
    config: ShipConfig,
    status: ShipperStatus,
    stop: watch::Receiver<bool>,
) -> Result<ShipReport, ShipError> {
    let state = StateDir::lock(&config.state_dir)?;
    let (records, moved_aside) = state.load();
    let redactor = Redactor::new(&config.redact, &state.redact_key()?)?;
    let config = tuned(config);
    let peer = Peer { to: config.to.clone(), hello: hello(&config, state.path()) };
    let codec = codec_for(&config);
    let tailer = Tailer::new(config.clone(), codec, redactor, state.path(), records)?;
    status.update(|s| {
        s.shipper.clone_from(&peer.hello.shipper);
        s.last_error = moved_aside.unwrap_or_default();
    });
    let (events, inbox) = bounded(EVENTS_MAX);
    let (queue, outgoing) = mpsc::channel(QUEUE_FRAMES);
    let network = start_network(peer.clone(), &config, outgoing, events.clone(), stop)?;
    let missed = Arc::new(AtomicBool::new(false));
    let watcher = start_watcher(&config, events, missed.clone());
    let meter = start_meter(&config, &peer, &status)?;
    let mut reader = ReadLoop {
        tailer,
        state,
        store: None,
        status,
        watcher,
        missed,
        queue,
        slots: QUEUE_FRAMES,
        begun: Instant::now(),
        last_scan: None,
        checkpoint_failed: false,
        next_checkpoint: Duration::ZERO,
        next_status: Duration::ZERO,
        shown: None,
        config,
    };
    let report = reader.run(&inbox);
    drop((inbox, reader));
    // It ends at once: both its channels are closed.
    let _ = network.join();
    if let Some(meter) = meter {
        meter.stop();
    }
    Ok(report)
}

/// The reading thread.
struct ReadLoop {
    config: ShipConfig,
    tailer: Tailer,
    state: StateDir,
    /// None before the first write and after a failed one.
    store: Option<Store>,
    checkpoint_failed: bool,
    status: ShipperStatus,
    watcher: Option<Watcher>,
    /// A hint did not fit into the queue.
    missed: Arc<AtomicBool>,
    queue: mpsc::Sender<Outgoing>,
    slots: usize,
    begun: Instant,
    last_scan: Option<Duration>,
    next_checkpoint: Duration,
    next_status: Duration,
    /// What was shown last; an idle shipper shows nothing new.
    shown: Option<(Counters, Option<Epoch>)>,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

impl ReadLoop {
    fn run(&mut self, inbox: &Receiver<Event>) -> ShipReport {
        let mut complete = false;
        loop {
            let now = self.begun.elapsed();
            if self.take_events(inbox, now) == Flow::Stop {
                break;
            }
            self.scan_when_due(now);
            self.checkpoint_when_due(now);
            self.tailer.wake_due(now);
            self.produce(now);
            complete = self.config.once && self.tailer.is_done();
            if complete {
                break;
            }
            self.show_when_due(now);
            if let Ok(event) = inbox.recv_timeout(self.until_next(now))
                && self.apply(event, self.begun.elapsed()) == Flow::Stop
            {
                break;
            }
        }
        self.checkpoint(self.begun.elapsed());
        self.show();
        let failed = self.tailer.file_statuses().into_iter().filter(|file| !file.error.is_empty()).collect();
        let shipper = self.status.snapshot().shipper;
        ShipReport { shipper, counters: self.tailer.counters(), failed, complete }
    }

    fn take_events(&mut self, inbox: &Receiver<Event>, now: Duration) -> Flow {
        for event in inbox.try_iter().take(EVENTS_MAX) {
            if self.apply(event, now) == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn apply(&mut self, event: Event, now: Duration) -> Flow {
        match event {
            Event::Stop => return Flow::Stop,
            Event::Hint(Hint::Changed(path)) => self.tailer.hint(&path, now),
            Event::Hint(Hint::Rescan) => self.missed.store(true, Ordering::Relaxed),
            Event::Link(LinkEvent::Taken) => self.slots += 1,
            Event::Link(event) => {
                let trouble = match &event {
                    LinkEvent::Down(why) => Some(why.clone()),
                    _ => None,
                };
                self.tailer.apply(event, now);
                if let Some(why) = trouble {
                    self.status.update(|s| {
                        s.session = None;
                        s.last_error = why;
                    });
                }
            }
        }
        Flow::Continue
    }

    /// Fills the queue; afterwards there is nothing to do before an event.
    fn produce(&mut self, now: Duration) {
        while self.slots > 0 {
            let Some(frame) = self.tailer.next_frame(now) else {
                return;
            };
            let (session, _) = self.tailer.session();
            self.slots -= 1;
            // Slots are counted, so it fits; when the network thread has ended, the next event says so.
            if self.queue.try_send(Outgoing { session, frame }).is_err() {
                return;
            }
        }
    }

    fn scan_when_due(&mut self, now: Duration) {
        let missed = self.missed.load(Ordering::Relaxed);
        let hinted = missed || self.tailer.take_scan_wish();
        let due = self.last_scan.is_none_or(|last| now >= last + self.scan_interval(hinted));
        if !due {
            self.missed.fetch_or(hinted, Ordering::Relaxed);
            return;
        }
        self.missed.store(false, Ordering::Relaxed);
        self.tailer.scan(now);
        self.last_scan = Some(self.begun.elapsed());
        if let Some(watcher) = &mut self.watcher
            && let Err(e) = watcher.watch(self.tailer.dirs())
        {
            self.watcher = None;
            self.status
                .update(|s| s.last_error = format!("no inotify ({e}): files are looked at in intervals"));
        }
    }

    fn scan_interval(&self, hinted: bool) -> Duration {
        let settings = &self.config.settings;
        match &self.watcher {
            Some(_) if hinted => HINTED_SCAN_INTERVAL.min(settings.scan_interval),
            Some(_) if !self.tailer.wants_scan_soon() => settings.scan_interval_watched,
            _ => settings.scan_interval,
        }
    }

    fn until_next(&self, now: Duration) -> Duration {
        let hinted = self.missed.load(Ordering::Relaxed);
        let mut next = self.last_scan.unwrap_or_default() + self.scan_interval(hinted);
        if self.tailer.has_changes() {
            next = next.min(self.next_checkpoint);
        }
        if let Some(due) = self.tailer.next_due() {
            next = next.min(due);
        }
        next.min(self.next_status).saturating_sub(now)
    }

    fn checkpoint_when_due(&mut self, now: Duration) {
        let urgent = self.tailer.has_new_sources() && !self.checkpoint_failed;
        if urgent || (now >= self.next_checkpoint && self.tailer.has_changes()) {
            self.checkpoint(now);
        }
    }

    /// Writes what changed. A failure is shown and tried again: the router knows all of it anyway (D04).
    fn checkpoint(&mut self, now: Duration) {
        if !self.tailer.has_changes() {
            return;
        }
        let saved = self.save();
        self.checkpoint_failed = saved.is_err();
        if let Err(e) = saved {
            self.store = None;
            self.status.update(|s| s.last_error = e.to_string());
        }
        let end = self.begun.elapsed();
        let pause = self.config.settings.flush_interval.max(end.saturating_sub(now) * CHECKPOINT_SHARE);
        self.next_checkpoint = end + pause;
    }

    fn save(&mut self) -> Result<(), StateError> {
        match &self.store {
            Some(store) => self.tailer.checkpoint(|records, forget: &[SourceId]| store.save(records, forget)),
            None => {
                self.store = Some(self.state.begin_store(self.tailer.records())?);
                self.tailer.checkpoint(|_, _| Ok(()))
            }
        }
    }

    fn show_when_due(&mut self, now: Duration) {
        if now >= self.next_status {
            if self.shown != Some((self.tailer.counters(), self.tailer.session().1)) {
                self.show();
            }
            self.next_status = now + STATUS_INTERVAL;
        }
    }

    fn show(&mut self) {
        self.shown = Some((self.tailer.counters(), self.tailer.session().1));
        let files = self.tailer.file_statuses();
        let (counters, redactions) = (self.tailer.counters(), self.tailer.redactions());
        let (_, session) = self.tailer.session();
        let watching = self.watcher.is_some();
        self.status.update(|s| {
            (s.files, s.counters, s.redactions, s.session, s.watching) =
                (files, counters, redactions, session, watching);
        });
    }
}

/// `once` does not wait for what may come later.
fn tuned(mut config: ShipConfig) -> ShipConfig {
    if config.once {
        let settings = &mut config.settings;
        settings.inotify = false;
        settings.scan_interval = settings.scan_interval.min(Duration::from_millis(200));
        settings.partial_idle = settings.partial_idle.min(Duration::from_secs(1));
        settings.multiline_idle = Duration::ZERO;
    }
    config
}

fn codec_for(config: &ShipConfig) -> Codec {
    match config.compression {
        Compression::None => Codec::None,
        Compression::Auto if is_loopback(&config.to) => Codec::None,
        Compression::Auto | Compression::Zstd => Codec::Zstd,
    }
}

/// Metrics go beside the files; `once` is for files alone. They say the same labels again and again, and the journal keeps
/// them as they come: compressed even for a router on this machine.
fn start_meter(config: &ShipConfig, peer: &Peer, status: &ShipperStatus) -> Result<Option<Meter>, ShipError> {
    let codec = if config.compression == Compression::None { Codec::None } else { Codec::Zstd };
    let is_wanted = !config.once && !config.metrics.is_off();
    is_wanted.then(|| Meter::start(config, peer, codec, status.clone())).transpose()
}

fn start_network(
    peer: Peer,
    config: &ShipConfig,
    outgoing: mpsc::Receiver<Outgoing>,
    events: Sender<Event>,
    stop: watch::Receiver<bool>,
) -> Result<thread::JoinHandle<()>, ShipError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ShipError::Start)?;
    let settings = config.settings.clone();
    let work = move || {
        runtime.block_on(connection::run(peer, settings, outgoing, events.clone(), stop));
        // The reader is either gone, or this is the news it waits for.
        let _ = events.send(Event::Stop);
        // Not waited for: a name look-up may still be on its way.
        runtime.shutdown_background();
    };
    thread::Builder::new().name("ship-network".to_owned()).spawn(work).map_err(ShipError::Start)
}

/// `None` when the kernel gives no hints; scans do without.
fn start_watcher(config: &ShipConfig, events: Sender<Event>, missed: Arc<AtomicBool>) -> Option<Watcher> {
    let hint = move |hint| {
        if let Err(TrySendError::Full(_)) = events.try_send(Event::Hint(hint)) {
            missed.store(true, Ordering::Relaxed);
        }
    };
    config.settings.inotify.then(|| Watcher::new(hint).ok()).flatten()
}

/// Who this is: `--name`, or made from the machine and the state directory, so that it survives the loss of the latter's
/// contents.
fn hello(config: &ShipConfig, state_dir: &Path) -> Hello {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let made = || {
        let machine = read("/etc/machine-id") + "\n" + &config.host + "\n" + &state_dir.to_string_lossy();
        format!("auto-{:016x}", hash(machine.as_bytes()))
    };
    Hello {
        shipper: config.name.clone().unwrap_or_else(made),
        boot_id: read("/proc/sys/kernel/random/boot_id"),
        instance: random_bytes().iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
