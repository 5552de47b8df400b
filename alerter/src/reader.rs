//! The alerter as others share it: what it remembers, for those who show it, and the outbox, for the one who sends.

use crate::config::Receiver;
use crate::configured::Configured;
use crate::memory::{Memory, Outgoing};
use crate::outbox;
use crate::store::{Rows, Store, StoreError};
use crate::table::Change;
use crate::tell;
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A message that nobody took for so long is given up.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);
/// The alerter, for reading and sending. Cheap to clone.
#[derive(Clone)]
pub struct Reader(Arc<Shared>);

struct Shared {
    memory: Mutex<Memory>,
    store: Mutex<Option<Store>>,
    configured: Mutex<Arc<Configured>>,
    /// The latest deploy of each service, apart from the memory, so that a search need not wait for it.
    deploys: Mutex<Arc<BTreeMap<String, Timestamp>>>,
}

/// How sending a message went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The receiver has it.
    Taken,
    /// Not now.
    Later {
        /// Why.
        reason: String,
        /// The receiver wants it not earlier than after this.
        after: Option<Duration>,
    },
    /// Never: it will not take it.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Reader {
    pub(crate) fn new(store: Store, memory: Memory, configured: Configured) -> Self {
        let deploys = Mutex::new(Arc::new(latest(&memory)));
        let (memory, store) = (Mutex::new(memory), Mutex::new(Some(store)));
        Self(Arc::new(Shared { memory, store, configured: Mutex::new(Arc::new(configured)), deploys }))
    }

    /// What is remembered. Held for a short time only: the follower waits meanwhile.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in force.
    pub fn configured(&self) -> Arc<Configured> {
        self.0.configured.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When each service was deployed last.
    pub fn latest_deploys(&self) -> Arc<BTreeMap<String, Timestamp>> {
        self.0.deploys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// There was a deploy.
    pub(crate) fn deployed(&self, memory: &Memory) {
        *self.0.deploys.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(latest(memory));
    }

    pub(crate) fn configure(&self, configured: Configured) {
        *self.0.configured.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(configured);
    }

    pub(crate) fn write(&self, changes: &[Change]) -> Result<(), StoreError> {
        let store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.as_ref().map_or(Ok(()), |store| store.commit(changes))
    }

    /// Reads the memory again from the file.
    pub(crate) fn reopen(&self, dir: &Path) -> Result<Rows, StoreError> {
        let mut memory = self.memory();
        let mut store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        *store = None;
        let (opened, rows, notes) = Store::open(dir)?;
        *store = Some(opened);
        *memory = Memory::load(&rows, notes);
        self.deployed(&memory);
        Ok(rows)
    }

    /// The time of the last tick that counts.
    pub fn ticked(&self) -> Option<Timestamp> {
        self.memory().reached.as_ref().map(|reached| reached.now)
    }

    /// Tells that the journal is not followed, which the follower cannot: no tick comes. It tells itself when that is over. Told
    /// again it is the same alert.
    pub fn tell_standstill(&self, now: Timestamp) -> Result<(), StoreError> {
        let configured = self.configured();
        let mut memory = self.memory();
        let Some(reached) = memory.reached.clone() else { return Ok(()) };
        if !tell::is_stale_told(&configured, reached.now, now, &mut memory) {
            return Ok(());
        }
        let mut changes = Vec::new();
        memory.alerts.take_changes(&mut changes);
        memory.episodes.take_changes(&mut changes);
        memory.outbox.take_changes(&mut changes);
        self.write(&changes)
    }

    /// Writes the file anew, so that nothing of what was taken out stays in it.
    pub(crate) fn purge(&self, dir: &Path) -> Result<(), StoreError> {
        let mut store = self.0.store.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = store.take() else { return Ok(()) };
        *store = Some(old.rewritten(dir)?);
        Ok(())
    }

    /// The next message to each receiver that is due, with its key. What waited for long is put together first, and written so: a
    /// message has the same id whenever it is sent.
    pub fn due(&self, now: Timestamp) -> Result<Vec<(String, Receiver, Outgoing)>, StoreError> {
        let configured = self.configured();
        let mut memory = self.memory();
        let receivers = || configured.receivers.iter();
        receivers().for_each(|receiver| outbox::put_together(&configured, receiver, now, &mut memory));
        let mut changes = Vec::new();
        memory.outbox.take_changes(&mut changes);
        if !changes.is_empty() {
            self.write(&changes)?;
        }
        let mut due = Vec::new();
        for receiver in receivers() {
            let prefix = format!("{}/", receiver.name);
            let first = memory.outbox.below(&prefix).next();
            if let Some((key, outgoing)) = first.filter(|(_, outgoing)| outgoing.not_before <= now) {
                due.push((key.to_owned(), receiver.clone(), outgoing.clone()));
            }
        }
        Ok(due)
    }

    /// Notes how sending the message of a key went. It is gone from the file when this returns, or will be sent once more.
    pub fn sent(&self, key: &str, how: Sent, now: Timestamp) -> Result<(), StoreError> {
        let mut memory = self.memory();
        let Some(outgoing) = memory.outbox.get_mut(key) else { return Ok(()) };
        let (receiver, id) = (outgoing.notification.receiver.clone(), outgoing.notification.id.clone());
        match how {
            Sent::Taken => {
                memory.outbox.remove(key);
                memory.counters.sent += 1;
            }
            Sent::Later { reason, after } if now.since(outgoing.notification.at) < GIVE_UP_AFTER => {
                outgoing.tries = outgoing.tries.saturating_add(1);
                outgoing.not_before = now.plus(after.unwrap_or_else(|| outbox::pause(outgoing.tries, &id)));
                outgoing.error = Some(reason.clone());
                memory.counters.put_off += 1;
                memory.report(format!("receiver {receiver}: {reason}"));
            }
            Sent::Later { reason, .. } | Sent::Refused { reason } => {
                memory.outbox.remove(key);
                memory.counters.given_up += 1;
                memory.report(format!("receiver {receiver}: a message was given up: {reason}"));
            }
        }
        let mut changes = Vec::new();
        memory.outbox.take_changes(&mut changes);
        self.write(&changes)
    }
}

fn latest(memory: &Memory) -> BTreeMap<String, Timestamp> {
    memory.deploys.iter().map(|(_, mark)| (mark.service.clone(), mark.at)).collect()
}
