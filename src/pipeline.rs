//! The all-in-one server, wired: opens the stores, starts the loops, takes a changed configuration over, drains.
//!
//! ```text
//! DATA/lock      held while the server runs
//! DATA/journal   the router's segments
//! DATA/index     the log store's splits and manifest
//! DATA/metrics   the metrics store's blocks and manifest
//! DATA/alerter   exceptions, alerts, what is usual, messages to be sent
//! DATA/sinks     positions of sinks
//! DATA/shipper   identities and checkpoints of the shipper in this process
//! ```

use crate::command::Failure;
use crate::config::Config;
use crate::http::{self, Api, EXPORTS_MAX, QUERIES_MAX, Receivers, Reloads, SEARCHES_MAX, Watchdog};
use crate::notify::Notifier;
use crate::senses::Stores;
use crate::terminal::note;
use logweir_alerter::Alerter;
use logweir_base::dir::{RealDir, SharedDir};
use logweir_base::ids::JournalId;
use logweir_base::time::{Clock, SystemClock};
use logweir_indexer::Indexer;
use logweir_rollup::Rollup;
use logweir_rollup::node::NodeNames;
use logweir_router::route::{Kept, Routes};
use logweir_router::{Fatal, Pace, Router, sinks};
use logweir_shipper::ShipperStatus;
use std::fmt::Display;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, watch};

/// Reads the configuration again: how a reload gets at changed files.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Takes a changed configuration over, or says why not.
type Reload = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// A shutdown that takes longer names what hangs and leaves it; what it holds is in the journal.
const DRAIN: Duration = Duration::from_secs(4);

/// A running server; dropping it drains and stops it.
pub struct Server {
    /// Where searches are answered.
    pub http: SocketAddr,
    /// Where shippers send to.
    pub ingest: SocketAddr,
    router: Arc<Router>,
    api: Arc<Api>,
    shipper: Arc<LocalShipper>,
    runtime: Option<Runtime>,
    stop: watch::Sender<bool>,
    /// Ends the sending thread when it is dropped.
    _notify: crossbeam::channel::Sender<()>,
    _lock: File,
}

impl Server {
    /// Opens everything below the data directory and starts to serve. `reread` gives the configuration anew at a reload.
    pub fn start(config: Config, reread: Reread) -> Result<Self, String> {
        let data = config.data.dir.clone();
        let lock = lock(&data)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let router = open_router(&config, &data, &clock)?;
        let indexer = Indexer::open(open_dir(&data, "index")?, router.journal_id(), config.indexer())
            .map_err(|e| e.to_string())?;
        let store = indexer.store();
        let rollup = open_rollup(&config, &data, &router)?;
        let metrics = NodeNames(rollup.store());
        let alerter = open_alerter(&data, &router, &store, &metrics)?;
        let alerts = alerter.reader();
        let windows_age = windows_age(&config);
        let starting = router.durable();
        let routes = Routes::new(&config.routes()).map_err(|e| e.to_string())?;
        router.follow(Box::new(Kept::new(indexer, &routes)), Pace::Acks).map_err(|e| e.to_string())?;
        router.follow(Box::new(rollup), Pace::Free).map_err(|e| e.to_string())?;
        router.follow(Box::new(alerter), Pace::Free).map_err(|e| e.to_string())?;
        follow_sinks(&config, &router, &routes)?;
        // Rules count by the configuration in the journal, so that a replay counts alike.
        let text = config.journaled();
        let unjournaled = router.append_config(text.clone()).is_none().then_some(text);
        let runtime = runtime()?;
        let (stop, stopped) = watch::channel(false);
        let (http, ingest) = (bind(&runtime, config.http.listen)?, bind(&runtime, config.ingest.listen)?);
        let (http_addr, ingest_addr) = (address_of(&http)?, address_of(&ingest)?);
        runtime.spawn(router.serve(ingest));
        let shipper = Arc::new(LocalShipper::new(ingest_addr, router.journal_id()));
        shipper.start(&config)?;
        let reloads = Arc::new(Reloads::new(clock.now()));
        let takers = Takers { router: router.clone(), routes, shipper: shipper.clone() };
        let api = Arc::new(Api {
            reload: told(reload(reread, config, takers), reloads.clone(), clock.clone()),
            reloads,
            store,
            metrics,
            windows_age,
            alerter: alerts.clone(),
            receivers: Receivers::default(),
            router: router.clone(),
            shipper: shipper.status.clone(),
            data,
            starting,
            watchdog: Watchdog::default(),
            started: Instant::now(),
            clock,
            searches: Arc::new(Semaphore::new(SEARCHES_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            queries: Arc::new(Semaphore::new(QUERIES_MAX)),
            large_query: Mutex::default(),
            latencies: http::Latencies::default(),
        });
        runtime.spawn(http::serve(http, http::routes(api.clone()), stopped));
        let watched = api.clone();
        spawn("watch", move || crate::watch::watch(&watched, unjournaled))?;
        let (notify_stop, notify_stopped) = crossbeam::channel::bounded(0);
        let notifier = Notifier::new(alerts, Arc::new(SystemClock));
        spawn("notify", move || notifier.run(&notify_stopped))?;
        Ok(Self {
            _notify: notify_stop,
            http: http_addr,
            ingest: ingest_addr,
            router,
            api,
            shipper,
            runtime: Some(runtime),
            stop,
            _lock: lock,
        })
    }

    /// Takes a changed configuration over, or says why not; the old one runs on then.
    pub fn reload(&self) -> Result<(), String> {
        (self.api.reload)()
    }

    /// Where a failure arrives after which nothing may be acknowledged any more: the process must end at once.
    pub fn fatal(&self) -> crossbeam::channel::Receiver<Fatal> {
        self.router.fatal()
    }

    /// The log store.
    pub fn store(&self) -> &logweir_indexer::Store {
        &self.api.store
    }

    /// The router.
    pub fn router(&self) -> &Router {
        &self.router
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shipper.stop();
        self.stop.send_replace(true);
        for name in self.router.shutdown(DRAIN) {
            note(&format!("{name} has not ended in {} s and is left behind", DRAIN.as_secs()));
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_millis(500));
        }
    }
}

/// The shipper in this process, started again when its configuration changes.
struct LocalShipper {
    ingest: SocketAddr,
    name: String,
    status: ShipperStatus,
    running: Mutex<Option<Running>>,
}

struct Running {
    config: Config,
    stop: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

impl LocalShipper {
    /// Its name follows the journal: a data directory that was moved or restored knows its files again.
    fn new(ingest: SocketAddr, journal: JournalId) -> Self {
        Self {
            ingest,
            name: format!("local-{journal}"),
            status: ShipperStatus::default(),
            running: Mutex::new(None),
        }
    }

    /// Starts it when there is something to tail; starts it anew when it runs with other settings.
    fn start(&self, config: &Config) -> Result<(), String> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |old: &Config| {
            let of = |c: &Config| (c.tail.clone(), c.ship.clone(), c.redact.clone(), c.meter());
            of(old) == of(config)
        };
        if running.as_ref().is_some_and(|running| same(&running.config)) {
            return Ok(());
        }
        stop_running(running.take());
        if config.tail.is_empty() && config.meter().is_off() {
            return Ok(());
        }
        let mut ship = config.shipper(self.ingest);
        ship.name.get_or_insert_with(|| self.name.clone());
        let (stop, stopped) = watch::channel(false);
        let status = self.status.clone();
        let work = move || {
            if let Err(error) = logweir_shipper::run(ship, status, stopped) {
                note(&format!("the shipper has stopped: {error}"));
            }
        };
        let thread = std::thread::Builder::new().name("shipper".to_owned()).spawn(work);
        let thread = thread.map_err(|e| format!("cannot start the shipper: {e}"))?;
        *running = Some(Running { config: config.clone(), stop, thread });
        Ok(())
    }

    fn stop(&self) {
        stop_running(self.running.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

fn stop_running(running: Option<Running>) {
    if let Some(Running { stop, thread, .. }) = running {
        stop.send_replace(true);
        // A panic of the shipper has been printed where it happened.
        let _ = thread.join();
    }
}

/// `logweir run`: serves until a signal, and exits as the signal or a failure says.
pub fn run(config: Config, reread: Reread) -> Result<(), Failure> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let (sender, signals) = crossbeam::channel::bounded(4);
    let mut source = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|e| Failure::Failed(format!("cannot listen for signals: {e}")))?;
    let listen = move || {
        let mut ending = false;
        for signal in source.forever() {
            if signal != SIGHUP && std::mem::replace(&mut ending, true) {
                // The second one means: now. Everything acknowledged is durable.
                std::process::exit(1);
            }
            if sender.send(signal).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned()).spawn(listen);
    thread.map_err(|e| Failure::Failed(format!("cannot listen for signals: {e}")))?;
    let server = Server::start(config, reread).map_err(Failure::Failed)?;
    note(&format!("search at http://{}, shippers send to {}", server.http, server.ingest));
    let fatal = server.fatal();
    loop {
        crossbeam::channel::select! {
            recv(signals) -> signal => match signal {
                Ok(SIGHUP) => note(&server.reload().map_or_else(
                    |reason| format!("the old configuration runs on: {reason}"),
                    |()| "the configuration was reloaded".to_owned(),
                )),
                _ => return Ok(()),
            },
            recv(fatal) -> failure => {
                let reason = failure.map_or_else(|_| "the router has ended".to_owned(), |f| f.to_string());
                note(&format!("error: {reason}; ending at once, everything acknowledged is in the journal"));
                // R9: no draining, no destructor may touch a disk that has failed a sync.
                std::process::exit(1);
            }
        }
    }
}

fn open_router(config: &Config, data: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<Router>, String> {
    let router = Router::open(&config.router(), open_dir(data, "journal")?, clock.clone())
        .map_err(|e| e.to_string())?;
    Ok(Arc::new(router))
}

fn open_rollup(config: &Config, data: &Path, router: &Router) -> Result<Rollup, String> {
    let dir = open_dir(data, "metrics")?;
    Rollup::open(dir, router.journal_id(), config.rollup()).map_err(|e| e.to_string())
}

fn open_alerter(
    data: &Path,
    router: &Router,
    logs: &logweir_indexer::Store,
    metrics: &NodeNames<logweir_rollup::Store>,
) -> Result<Alerter, String> {
    let senses = Stores { logs: logs.clone(), metrics: NodeNames(metrics.0.clone()) };
    Alerter::open(&data.join("alerter"), router.journal_id(), Box::new(senses)).map_err(|e| e.to_string())
}

/// Starts a thread that ends by itself when the server does.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(work).map(drop).map_err(|e| format!("cannot start the thread {name}: {e}"))
}

/// A log store that is bounded in size may drop lines at any age.
fn windows_age(config: &Config) -> Duration {
    match config.retention.size_max {
        None => config.metrics.windows_10s_age_max.0.min(config.retention.age_max.0),
        Some(_) => Duration::ZERO,
    }
}

/// Who takes a changed configuration over.
struct Takers {
    router: Arc<Router>,
    routes: Routes,
    shipper: Arc<LocalShipper>,
}

/// What a reload does: all of the new configuration is right and journaled before any of it counts.
fn reload(reread: Reread, running: Config, takers: Takers) -> Reload {
    let Takers { router, routes, shipper } = takers;
    let running = Mutex::new(running);
    Box::new(move || {
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let config = reread()?;
        if let Some(what) = needs_restart(&running, &config) {
            return Err(format!("{what} cannot change while the server runs: restart it"));
        }
        let text = config.journaled();
        if text != running.journaled() {
            let journaled = router.append_config(text);
            journaled.ok_or("the journal takes nothing at the moment: try again when it does")?;
        }
        routes.replace(&config.routes()).map_err(|e| e.to_string())?;
        shipper.start(&config)?;
        *running = config;
        Ok(())
    })
}

/// A reload whose outcome is remembered.
fn told(reload: Reload, reloads: Arc<Reloads>, clock: Arc<dyn Clock>) -> Reload {
    Box::new(move || {
        let outcome = reload();
        reloads.ended(outcome.is_ok(), clock.now());
        outcome
    })
}

/// The first setting that differs and is fixed for the life of the process.
fn needs_restart(old: &Config, new: &Config) -> Option<&'static str> {
    let fixed = [
        ("http", old.http != new.http),
        ("ingest", old.ingest != new.ingest),
        ("data", old.data != new.data),
        ("journal", old.journal != new.journal),
        ("index", old.index != new.index),
        ("retention", old.retention != new.retention),
        ("metrics' ages and bounds", old.rollup() != new.rollup()),
        ("sink", old.sink != new.sink),
    ];
    fixed.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
}

/// D16: the data directory belongs to one process at a time.
fn lock(data: &Path) -> Result<File, String> {
    RealDir::open(data).map_err(|e| e.to_string())?;
    let path = data.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|e| format!("{}: {e}", path.display()))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        format!(
            "{} is used by another logweir: stop it, or name another directory with --data",
            data.display()
        )
    })?;
    Ok(file)
}

/// Every sink is a follower of its own.
fn follow_sinks(config: &Config, router: &Router, routes: &Routes) -> Result<(), String> {
    let state = open_dir(&config.data.dir, "sinks")?;
    for sink in config.sinks() {
        let (follower, pace) = sinks::open(&sink, router, routes, &state).map_err(|e| e.to_string())?;
        router.follow(follower, pace).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn open_dir(data: &Path, name: &str) -> Result<SharedDir, String> {
    let dir = RealDir::open(data.join(name)).map_err(|e| e.to_string())?;
    Ok(Arc::new(dir))
}

fn runtime() -> Result<Runtime, String> {
    let built = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("sockets")
        .enable_all()
        .build();
    built.map_err(|e| format!("cannot start the sockets' threads: {e}"))
}

fn bind(runtime: &Runtime, address: SocketAddr) -> Result<TcpListener, String> {
    let why = |e: &dyn Display| {
        format!("cannot listen on {address}: {e}; name another address with --http or --ingest")
    };
    runtime.block_on(TcpListener::bind(address)).map_err(|e| why(&e))
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|e| e.to_string())
}
