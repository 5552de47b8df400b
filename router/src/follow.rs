//! Runs a follower on its own thread: from its own position through the journal to the present, and then along with the
//! feed. The follower says what it has made durable; nobody else keeps its position.

use crate::decode::Decoder;
use crate::feed::{Feed, Pace, Progress, Step};
use crate::journal::reader::Read;
use crate::journal::{JournalRecord, Reader};
use crate::status::{Fatal, FatalSender};
use logweir_base::dir::SharedDir;
use logweir_base::entry::{Entry, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position};
use std::sync::Arc;
use std::time::Duration;

/// Nothing came for so long: a good time to commit.
const IDLE: Duration = Duration::from_secs(1);
/// Pause before an entry is offered again to a follower that could not take it.
const RETRY: Duration = Duration::from_millis(500);

/// Where a follower reads what is no longer in memory.
#[derive(Clone)]
pub(crate) struct Source {
    pub dir: SharedDir,
    pub feed: Arc<Feed>,
    pub fatal: FatalSender,
}

/// R14, D15: where a follower must go on; refuses one that belongs to another journal or is ahead of this one.
pub(crate) fn start_of(
    follower: &dyn Follower,
    journal: JournalId,
    durable: Position,
) -> Result<Position, FollowerError> {
    let refuse = |reason: String| Err(FollowerError { at: follower.name().to_owned(), reason });
    match follower.committed() {
        None => Ok(Position(0)),
        Some((other, _)) if other != journal => refuse(format!(
            "its state belongs to journal {other}, here is journal {journal}: the data directory is mixed from two; \
             restore both from one backup, or remove the follower's state to build it anew from this journal"
        )),
        Some((_, position)) if position > durable => refuse(format!(
            "its state has reached position {position}, the journal ends at {durable}: the journal is older than the \
             follower's state; restore both from one backup, or remove the follower's state to build it anew"
        )),
        Some((_, position)) => Ok(position),
    }
}

/// The loop. Ends when the feed closes, or when a pacing follower fails. Any other follower that fails is fed again
/// from its committed position, after a pause.
pub(crate) fn run(follower: Box<dyn Follower>, pace: Pace, start: Position, source: &Source) {
    let mut running = Running { follower, source, after: start, catch_up: None };
    loop {
        match running.step() {
            Ok(Flow::On) => {}
            Ok(Flow::Stop) => break,
            Err(e) if pace == Pace::Acks => return running.fail(&e),
            Err(e) => {
                source.feed.report(running.follower.name(), |progress| progress.error = Some(e.to_string()));
                if source.feed.wait_closed(RETRY) {
                    break;
                }
                running.go_back();
            }
        }
    }
    if let Err(e) = running.follower.commit() {
        source.feed.report(running.follower.name(), |progress| progress.error = Some(e.to_string()));
    }
}

enum Flow {
    On,
    Stop,
}

struct Running<'a> {
    follower: Box<dyn Follower>,
    source: &'a Source,
    after: Position,
    /// While it is behind what memory holds.
    catch_up: Option<CatchUp>,
}

impl Running<'_> {
    fn step(&mut self) -> Result<Flow, FollowerError> {
        let entry = match self.source.feed.next(self.after, IDLE) {
            Step::Entry(entry) => {
                self.catch_up = None;
                entry
            }
            Step::Behind => {
                let catch_up = self.catch_up.get_or_insert_with(|| CatchUp::new(self.source, self.after));
                match catch_up.next(self.source)? {
                    Some(entry) => entry,
                    None => return Ok(Flow::On),
                }
            }
            Step::Idle => {
                self.follower.commit()?;
                self.report(|progress| progress.error = None);
                return Ok(Flow::On);
            }
            Step::Closed => return Ok(Flow::Stop),
        };
        self.follower.apply(&entry)?;
        // A follower that has nothing yet begins with the oldest record there is; that is no loss.
        let missed = if self.after == Position(0) { 0 } else { entry.position.0 - self.after.next().0 };
        self.after = entry.position;
        self.report(|progress| {
            progress.applied = entry.position;
            progress.missed += missed;
            progress.error = None;
        });
        Ok(Flow::On)
    }

    fn report(&self, change: impl FnOnce(&mut Progress)) {
        let committed = self.committed();
        self.source.feed.report(self.follower.name(), |progress| {
            progress.committed = committed.unwrap_or(progress.committed);
            change(progress);
        });
    }

    fn go_back(&mut self) {
        self.after = self.committed().unwrap_or(Position(0));
        self.catch_up = None;
    }

    fn committed(&self) -> Option<Position> {
        self.follower.committed().map(|(_, position)| position)
    }

    fn fail(&self, e: &FollowerError) {
        let name = self.follower.name();
        self.source.feed.report(name, |progress| progress.error = Some(e.to_string()));
        self.source.fatal.send(Fatal { at: name.to_owned(), reason: e.to_string() });
    }
}

/// Reads the journal for one follower.
struct CatchUp {
    reader: Reader,
    decoder: Decoder,
}

impl CatchUp {
    fn new(source: &Source, after: Position) -> Self {
        let reader = Reader::new(Arc::clone(&source.dir), after);
        Self { reader, decoder: Decoder::new(std::iter::empty()) }
    }

    fn next(&mut self, source: &Source) -> Result<Option<Arc<Entry>>, FollowerError> {
        let failed = |reason: String| FollowerError { at: source.dir.describe(), reason };
        let read = self.reader.next(source.feed.durable()).map_err(|e| failed(e.to_string()))?;
        let decode = |record: &JournalRecord| record.frame.decode().map_err(|e| failed(e.to_string()));
        Ok(match read {
            Read::State(record) => {
                self.decoder.learn(&decode(&record)?);
                None
            }
            Read::Record(record) => Some(Arc::new(self.decoder.entry(&record.header, decode(&record)?))),
            Read::End => None,
        })
    }
}
