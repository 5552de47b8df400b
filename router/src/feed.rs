//! Recent entries in memory, bounded in bytes, and how far everybody is. A follower asks for the entry after its position;
//! what is no longer here it reads from the journal. No follower has a queue.
//!
//! Invariant: nothing above the durable position is ever in here.

use logweir_base::entry::{Entry, EntryBody, RecordSpan};
use logweir_base::ids::Position;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a follower holds up when it is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// Acknowledgements: when memory is full of what it has not taken, sockets are not read. Its failure ends the process.
    Acks,
    /// The release of journal segments, and so, when the journal's cap is reached, acknowledgements.
    Free,
    /// Nothing: what is released before it was read is missed, and counted.
    Detach,
}

/// Answer to [`Feed::next`].
#[derive(Debug, Clone)]
pub enum Step {
    /// The next entry.
    Entry(Arc<Entry>),
    /// It is not in memory any more: read the journal.
    Behind,
    /// Nothing came in the time given.
    Idle,
    /// The router stops.
    Closed,
}

/// How far a follower is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it holds up.
    pub pace: Pace,
    /// It has taken all up to here.
    pub applied: Position,
    /// Its output is durable up to here.
    pub committed: Position,
    /// Positions it can never get: released or damaged before it read them.
    pub missed: u64,
    /// Why it does not move, when it does not.
    pub error: Option<String>,
}

/// The ring. Shared by all.
pub struct Feed {
    ring_bytes_max: usize,
    state: Mutex<State>,
    /// An entry was published, or all is over.
    published: Condvar,
    /// A follower moved, or all is over.
    moved: Condvar,
}

struct State {
    ring: VecDeque<(Arc<Entry>, usize)>,
    ring_bytes: usize,
    durable: Position,
    published: Position,
    followers: BTreeMap<String, Progress>,
    closed: bool,
}

impl Feed {
    pub(crate) fn new(durable: Position, ring_bytes_max: usize) -> Self {
        let state = State {
            ring: VecDeque::new(),
            ring_bytes: 0,
            durable,
            published: durable,
            followers: BTreeMap::new(),
            closed: false,
        };
        Self { ring_bytes_max, state: Mutex::new(state), published: Condvar::new(), moved: Condvar::new() }
    }

    /// All up to here is durable in the journal.
    pub fn durable(&self) -> Position {
        self.lock().durable
    }

    /// The entry after `after`; waits up to `wait` for it.
    pub fn next(&self, after: Position, wait: Duration) -> Step {
        let mut state = self.lock();
        if state.published <= after && !state.closed {
            let is_waiting = |state: &mut State| state.published <= after && !state.closed;
            let waited = self.published.wait_timeout_while(state, wait, is_waiting);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.step(after)
    }

    /// Waits until `follower` has taken all up to `position`; `false` when it has not within `wait`, or there is no
    /// such follower. This is how a search sees every line that was acknowledged before it.
    pub fn wait_applied(&self, follower: &str, position: Position, wait: Duration) -> bool {
        let has_applied = |state: &State| state.applied(follower) >= Some(position);
        let state = self.lock();
        let waited = self
            .moved
            .wait_timeout_while(state, wait, |state| !has_applied(state) && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        has_applied(&waited.0)
    }

    /// How far a follower has come; `None` when there is none of that name.
    pub fn applied(&self, follower: &str) -> Option<Position> {
        self.lock().applied(follower)
    }

    /// How far everybody is, by name.
    pub fn followers(&self) -> BTreeMap<String, Progress> {
        self.lock().followers.clone()
    }

    /// All that holds the journal is durable up to here; `None` when nothing holds it.
    pub(crate) fn floor(&self) -> Option<Position> {
        let state = self.lock();
        let holding = state.followers.values().filter(|progress| progress.pace != Pace::Detach);
        holding.map(|progress| progress.committed).min()
    }

    /// Names the position that the journal has just made durable.
    pub(crate) fn set_durable(&self, position: Position) {
        self.lock().durable = position;
    }

    /// Adds an entry. Waits while the ring is full of what a pacing follower has not taken; `false` when all is over.
    pub(crate) fn publish(&self, entry: Arc<Entry>) -> bool {
        let bytes = size(&entry);
        let max = self.ring_bytes_max;
        let mut state = self.lock();
        loop {
            if state.closed {
                return false;
            }
            if !state.make_room(bytes, max) {
                state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            assert!(entry.position <= state.durable, "nobody sees what is not durable");
            state.published = entry.position;
            state.ring.push_back((entry, bytes));
            state.ring_bytes += bytes;
            self.published.notify_all();
            return true;
        }
    }

    /// Adds a follower at a position; `false` when the name is taken.
    pub(crate) fn register(&self, name: &str, pace: Pace, at: Position) -> bool {
        let mut state = self.lock();
        if state.followers.contains_key(name) {
            return false;
        }
        let progress = Progress { pace, applied: at, committed: at, missed: 0, error: None };
        state.followers.insert(name.to_owned(), progress);
        true
    }

    /// Says how far a follower is.
    pub(crate) fn report(&self, name: &str, change: impl FnOnce(&mut Progress)) {
        if let Some(progress) = self.lock().followers.get_mut(name) {
            change(progress);
        }
        self.moved.notify_all();
    }

    /// Waits for the end; `true` when it has come within `wait`.
    pub(crate) fn wait_closed(&self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        let mut state = self.lock();
        while !state.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.moved.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends it: everybody who waits is told.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.published.notify_all();
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&self, after: Position) -> Step {
        if self.closed {
            return Step::Closed;
        }
        if self.published <= after {
            return Step::Idle;
        }
        // Positions in the ring are strictly +1, so the place is a subtraction.
        let first = self.ring.front().map(|(entry, _)| entry.position);
        let place = first.and_then(|first| after.next().0.checked_sub(first.0));
        match place.and_then(|place| self.ring.get(usize::try_from(place).ok()?)) {
            Some((entry, _)) => Step::Entry(Arc::clone(entry)),
            None => Step::Behind,
        }
    }

    fn applied(&self, follower: &str) -> Option<Position> {
        self.followers.get(follower).map(|progress| progress.applied)
    }

    /// Drops old entries until `bytes` fit; `false` when the oldest is still needed by a pacing follower.
    fn make_room(&mut self, bytes: usize, max: usize) -> bool {
        let pacing = self.followers.values().filter(|progress| progress.pace == Pace::Acks);
        let taken = pacing.map(|progress| progress.applied).min().unwrap_or(Position(u64::MAX));
        while self.ring_bytes + bytes > max {
            let Some((oldest, oldest_bytes)) = self.ring.front() else {
                return true;
            };
            if oldest.position > taken {
                return false;
            }
            self.ring_bytes -= oldest_bytes;
            self.ring.pop_front();
        }
        true
    }
}

/// Memory that an entry holds.
fn size(entry: &Entry) -> usize {
    const ENTRY_BYTES: usize = 256;
    match &entry.body {
        EntryBody::Records(batch) => {
            ENTRY_BYTES + batch.text.len() + batch.records.len() * size_of::<RecordSpan>()
        }
        EntryBody::Samples(batch) => {
            ENTRY_BYTES + batch.chunks.iter().map(|chunk| chunk.len()).sum::<usize>()
        }
        EntryBody::Config(text) => ENTRY_BYTES + text.len(),
        _ => ENTRY_BYTES,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logweir_base::ids::ConfigVersion;
    use logweir_base::time::Timestamp;

    fn entry(position: u64) -> Arc<Entry> {
        let body = EntryBody::Other;
        let (position, received) = (Position(position), Timestamp(0));
        Arc::new(Entry { position, received, config: ConfigVersion(0), body })
    }

    fn feed_of(bytes: usize) -> Feed {
        let feed = Feed::new(Position(0), bytes);
        feed.set_durable(Position(100));
        feed
    }

    fn position_of(step: Step) -> Option<u64> {
        if let Step::Entry(entry) = step { Some(entry.position.0) } else { None }
    }

    #[test]
    fn a_follower_gets_the_next_entry_or_is_sent_to_the_journal() {
        let feed = feed_of(600);
        for n in 1..=5 {
            assert!(feed.publish(entry(n)));
        }
        assert!(matches!(feed.next(Position(0), Duration::ZERO), Step::Behind));
        assert_eq!(position_of(feed.next(Position(3), Duration::ZERO)), Some(4));
        assert_eq!(position_of(feed.next(Position(4), Duration::ZERO)), Some(5));
        assert!(matches!(feed.next(Position(5), Duration::ZERO), Step::Idle));
        feed.close();
        assert!(matches!(feed.next(Position(4), Duration::ZERO), Step::Closed));
    }

    /// M01: the ring never outgrows its bytes; publishing waits for the pacing follower.
    #[test]
    fn m01_publishing_waits_for_the_follower_that_paces() {
        let feed = Arc::new(feed_of(600));
        assert!(feed.register("indexer", Pace::Acks, Position(0)));
        let publisher = std::thread::spawn({
            let feed = Arc::clone(&feed);
            move || (1..=50).all(|n| feed.publish(entry(n)))
        });
        for n in 0..50 {
            let step = feed.next(Position(n), Duration::from_secs(10));
            assert_eq!(position_of(step), Some(n + 1), "a pacing follower is never behind");
            assert!(feed.lock().ring_bytes <= 600);
            feed.report("indexer", |progress| progress.applied = Position(n + 1));
        }
        assert!(publisher.join().expect("no panic"));
        assert!(feed.wait_applied("indexer", Position(50), Duration::ZERO));
    }

    /// R13: what the journal has not made durable cannot be published.
    #[test]
    #[should_panic(expected = "nobody sees what is not durable")]
    fn r13_an_entry_above_the_durable_position_is_a_bug() {
        Feed::new(Position(3), 1000).publish(entry(4));
    }
}
