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

/// The loop. Ends when the feed closes, or when a pacing follower fails.
pub(crate) fn run(mut follower: Box<dyn Follower>, pace: Pace, start: Position, source: &Source) {
    let mut after = start;
    let mut catch_up: Option<CatchUp> = None;
    loop {
        let entry = match source.feed.next(after, IDLE) {
            Step::Entry(entry) => {
                catch_up = None;
                entry
            }
            Step::Behind => {
                let reader = catch_up.get_or_insert_with(|| CatchUp::new(source, after));
                match reader.next(source) {
                    Ok(Some(entry)) => entry,
                    Ok(None) => continue,
                    Err(e) => return fail(source, follower.name(), &e),
                }
            }
            Step::Idle => {
                if !attempt(follower.as_mut(), pace, source, |follower| follower.commit().map(drop)) {
                    return;
                }
                report(follower.as_ref(), source, |progress| progress.error = None);
                continue;
            }
            Step::Closed => break,
        };
        if !attempt(follower.as_mut(), pace, source, |follower| follower.apply(&entry)) {
            break;
        }
        // A follower that has nothing yet begins with the oldest record there is; that is no loss.
        let missed = if after == Position(0) { 0 } else { entry.position.0 - after.next().0 };
        after = entry.position;
        report(follower.as_ref(), source, |progress| {
            progress.applied = after;
            progress.missed += missed;
            progress.error = None;
        });
    }
    if let Err(e) = follower.commit() {
        source.feed.report(follower.name(), |progress| progress.error = Some(e.to_string()));
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

/// Does it, again and again when the follower may be stuck; `false` when it is time to end.
fn attempt(
    follower: &mut dyn Follower,
    pace: Pace,
    source: &Source,
    mut work: impl FnMut(&mut dyn Follower) -> Result<(), FollowerError>,
) -> bool {
    while let Err(e) = work(follower) {
        if pace == Pace::Acks {
            fail(source, follower.name(), &e);
            return false;
        }
        source.feed.report(follower.name(), |progress| progress.error = Some(e.to_string()));
        if source.feed.wait_closed(RETRY) {
            return false;
        }
    }
    true
}

fn report(follower: &dyn Follower, source: &Source, change: impl FnOnce(&mut Progress)) {
    let committed = follower.committed().map(|(_, position)| position);
    source.feed.report(follower.name(), |progress| {
        progress.committed = committed.unwrap_or(progress.committed);
        change(progress);
    });
}

fn fail(source: &Source, name: &str, e: &FollowerError) {
    source.feed.report(name, |progress| progress.error = Some(e.to_string()));
    source.fatal.send(Fatal { at: name.to_owned(), reason: e.to_string() });
}
