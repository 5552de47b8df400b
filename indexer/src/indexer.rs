//! The follower: takes records from the journal, keeps the tail, and has splits written of it.

use crate::config::IndexerConfig;
use crate::deletion::Deletion;
use crate::keeper;
use crate::seal::Sealer;
use crate::store::{Shared, Store};
use crate::tail::ToSeal;
use crossbeam::channel::{Receiver, Sender, bounded};
use logweir_base::dir::SharedDir;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position};
use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Pause before a split that could not be written is tried again while the tail is full.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The log store's writing side, and its threads.
pub struct Indexer {
    store: Store,
    workers: Workers,
}

/// Who seals and writes.
enum Workers {
    /// The caller.
    None(Box<Sealer>),
    /// Sealing threads behind a channel of one run each, and the keeper.
    Threads { seal: Option<Sender<ToSeal>>, handles: Vec<JoinHandle<()>> },
}

impl Indexer {
    /// Opens the store in `dir`, which belongs to `journal`, and starts its threads. Errors: another journal's store,
    /// a format of another version, I/O.
    pub fn open(dir: SharedDir, journal: JournalId, config: IndexerConfig) -> io::Result<Self> {
        let threads = config.workers;
        let store = Store::open(dir, journal, config)?;
        let workers =
            if threads == 0 { Workers::None(Box::new(Sealer::new())) } else { start(&store, threads)? };
        Ok(Self { store, workers })
    }

    /// The reading side.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Waits until there is room for more in the tail; meanwhile nothing is acknowledged.
    fn make_room(&mut self) -> Result<(), FollowerError> {
        let shared = self.store.0.clone();
        while shared.state().tail.bytes() > shared.config.tail_bytes_max {
            let to_seal = {
                let mut state = shared.state();
                if state.tail.has_cuts() { None } else { state.tail.cut(shared.patterns().encode().into()) }
            };
            self.seal(to_seal);
            self.check()?;
            if matches!(self.workers, Workers::Threads { .. }) {
                self.wait_for_keeper();
            } else if shared.state().tail.bytes() > shared.config.tail_bytes_max {
                self.work(Retry::Now);
                return self.check_room();
            }
        }
        Ok(())
    }

    fn wait_for_keeper(&self) {
        let shared = &self.store.0;
        let state = shared.state();
        if state.tail.bytes() <= shared.config.tail_bytes_max || state.fatal.is_some() {
            return;
        }
        shared.work.notify_all();
        let waited = shared.work.wait_timeout(state, RETRY_AFTER);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            state.try_again();
            drop(state);
            shared.work.notify_all();
        }
    }

    fn check_room(&self) -> Result<(), FollowerError> {
        self.check()?;
        let state = self.store.0.state();
        if state.tail.bytes() <= self.store.0.config.tail_bytes_max {
            return Ok(());
        }
        Err(self.error("the tail is full and no split can be written"))
    }

    fn seal(&mut self, to_seal: Option<ToSeal>) {
        let Some(to_seal) = to_seal else {
            return;
        };
        match &mut self.workers {
            Workers::None(sealer) => seal(&self.store.0, sealer, &to_seal),
            Workers::Threads { seal, .. } => {
                let sent = seal.as_ref().map(|channel| channel.send(to_seal));
                debug_assert!(matches!(sent, Some(Ok(()))), "sealing threads end after the indexer");
            }
        }
    }

    /// Does or starts what is to be done.
    fn work(&self, retry: Retry) {
        let shared = &self.store.0;
        if retry == Retry::Now {
            shared.state().try_again();
        }
        match self.workers {
            Workers::None(_) => keeper::work_off(shared),
            Workers::Threads { .. } => shared.work.notify_all(),
        }
    }

    fn check(&self) -> Result<(), FollowerError> {
        match &self.store.0.state().fatal {
            Some(reason) => Err(self.error(reason)),
            None => Ok(()),
        }
    }

    fn error(&self, reason: &str) -> FollowerError {
        FollowerError { at: self.store.0.dir.describe(), reason: reason.to_owned() }
    }
}

/// Whether a write that failed is tried again.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    Now,
    Later,
}

impl Follower for Indexer {
    fn name(&self) -> &str {
        "indexer"
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        self.store.committed().map(|position| (self.store.0.journal(), position))
    }

    /// Skips what is not above the applied position. Waits while the tail is full.
    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        self.check()?;
        if entry.position <= self.store.applied() {
            return Ok(());
        }
        self.make_room()?;
        let shared = &self.store.0;
        let patterns = shared.patterns().assign(entry);
        let known = || shared.patterns().encode().into();
        let deletion = Deletion::of(entry);
        let is_deletion = deletion.is_some();
        let to_seal = {
            let mut state = shared.state();
            match deletion {
                Some(deletion) => state.tail.delete(entry, deletion, known()),
                None => state.tail.apply(entry, patterns, &shared.config, known),
            }
        };
        shared.applied.notify_all();
        let is_tick = matches!(entry.body, EntryBody::Tick(_));
        if to_seal.is_some() || is_tick || is_deletion {
            self.seal(to_seal);
            self.work(if is_tick { Retry::Now } else { Retry::Later });
        }
        self.check()
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        self.check()?;
        Ok(self.store.committed().unwrap_or_default())
    }
}

impl Drop for Indexer {
    /// Lets a split that is being written be finished; the rest is in the journal.
    fn drop(&mut self) {
        let shared = &self.store.0;
        shared.state().stopping = true;
        shared.work.notify_all();
        shared.applied.notify_all();
        if let Workers::Threads { seal, handles } = &mut self.workers {
            *seal = None;
            for handle in handles.drain(..) {
                // A thread that panicked has said so itself.
                let _ = handle.join();
            }
        }
    }
}

fn start(store: &Store, threads: usize) -> io::Result<Workers> {
    let (sender, receiver) = bounded(threads);
    let mut handles = Vec::new();
    for _ in 0..threads {
        let (shared, receiver) = (store.0.clone(), receiver.clone());
        let thread = thread::Builder::new().name("indexer-seal".to_owned());
        handles.push(thread.spawn(move || seal_all(&shared, &receiver))?);
    }
    let shared = store.0.clone();
    let thread = thread::Builder::new().name("indexer-keep".to_owned());
    handles.push(thread.spawn(move || keeper::keep(&shared))?);
    Ok(Workers::Threads { seal: Some(sender), handles })
}

fn seal_all(shared: &Shared, jobs: &Receiver<ToSeal>) {
    let mut sealer = Sealer::new();
    for to_seal in jobs {
        seal(shared, &mut sealer, &to_seal);
    }
}

fn seal(shared: &Shared, sealer: &mut Sealer, to_seal: &ToSeal) {
    let sealed = sealer.seal(&to_seal.run, shared.config.block_bytes);
    shared.state().tail.sealed(to_seal.number, sealed);
    shared.work.notify_all();
}
