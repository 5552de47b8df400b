//! Patterns of the records that were applied: the miner that gives each record its pattern, and for each pattern how often,
//! since when and how lately it was seen.
//!
//! State is kept with the index: a file `patterns-POSITION` for the position of each split that is written, durable before the
//! manifest's append that commits the position (R4, R10). After a start the records behind that position come again
//! and are given the same patterns again.
//!
//! ```text
//!  0  magic    8   "LWPATTN\n"
//!  8  version  4   VERSION, little endian as all numbers here
//! 12  crc32c   4   of all behind it
//! 16  length   8   of the miner's state
//! 24  miner        see `Miner::encode`
//!  .  patterns     JSON: what is known of each
//! ```
//! Limits: as many patterns as the miner keeps; of each a sample of [`SAMPLE_BYTES_MAX`] and [`TREND_HOURS`] counts.

use logweir_base::dir::{SharedDir, read_exact_at, write_whole};
use logweir_base::entry::{Entry, EntryBody};
use logweir_base::frame::Resource;
use logweir_base::ids::Position;
use logweir_base::parse::{Parser, RecordView, Severity};
use logweir_base::pattern::{Miner, PatternId};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

const PREFIX: &str = "patterns-";
const MAGIC: &[u8; 8] = b"LWPATTN\n";
const VERSION: u32 = 1;
const HEAD_BYTES: usize = 24;
/// A longer record is shown by its beginning.
const SAMPLE_BYTES_MAX: usize = 512;
/// Hours back that are counted one by one.
pub const TREND_HOURS: usize = 24;
const HOUR_NS: i64 = 3_600_000_000_000;

/// What is known of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternStats {
    /// Records so far.
    pub count: u64,
    /// Time of the earliest.
    pub first: Timestamp,
    /// Time of the latest.
    pub last: Timestamp,
    /// The worst severity among them.
    pub severity: Severity,
    /// The service of the first of them.
    pub service: String,
    /// The beginning of the first of them, as it was written.
    pub sample: String,
    /// Records of each hour, the latest last; that is the hour of `last`.
    pub trend: [u32; TREND_HOURS],
}

/// A pattern, for whoever lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pattern {
    /// Its id.
    pub id: PatternId,
    /// What its messages have in common, values as `<*>`.
    pub template: String,
    /// What is known of it.
    #[serde(flatten)]
    pub stats: PatternStats,
}

/// The miner and what is known of its patterns.
#[derive(Default)]
pub(crate) struct Patterns {
    miner: Miner,
    stats: BTreeMap<PatternId, PatternStats>,
    parser: Parser,
}

impl Patterns {
    /// What was known at `committed`; and what was wrong with it, if anything was.
    pub(crate) fn open(dir: &SharedDir, committed: Option<Position>) -> io::Result<(Self, Option<String>)> {
        let Some(committed) = committed else {
            return Ok((Self::default(), None));
        };
        let latest = positions(dir)?.into_iter().filter(|&at| at <= committed).max();
        let Some(name) = latest.map(file_name) else {
            return Ok((Self::default(), None));
        };
        let file = dir.open(&name)?;
        let len = usize::try_from(file.len()?).map_err(io::Error::other)?;
        let bytes = read_exact_at(file.as_ref(), 0, len)?;
        Ok(match Self::decode(&bytes) {
            Some(patterns) => (patterns, None),
            None => (Self::default(), Some(format!("{name}: damaged; patterns are counted anew"))),
        })
    }

    /// Gives every record of `entry` its pattern, and counts it.
    pub(crate) fn assign(&mut self, entry: &Entry) -> Vec<PatternId> {
        let EntryBody::Records(batch) = &entry.body else {
            return Vec::new();
        };
        let of_record = |record: &_| {
            let record: &logweir_base::entry::RecordSpan = record;
            if record.shape == 0 {
                return PatternId::NONE;
            }
            let (miner, parser) = (&mut self.miner, &mut self.parser);
            let id = miner.pattern_of(record.shape, || parser.message(&batch.view(record)).into());
            match self.stats.get_mut(&id) {
                Some(stats) => stats.add(record.time, record.severity),
                None => {
                    let stats = PatternStats::new(
                        record.time,
                        record.severity,
                        batch.service_of(record),
                        batch.text_of(record),
                    );
                    self.stats.insert(id, stats);
                }
            }
            id
        };
        let ids = batch.records.iter().map(of_record).collect();
        for id in self.miner.take_evicted() {
            self.stats.remove(&id);
        }
        ids
    }

    /// The pattern of records of this shape, when one is known.
    pub(crate) fn known(&self, shape: u64) -> PatternId {
        self.miner.known(shape).unwrap_or_default()
    }

    /// A pattern's template.
    pub(crate) fn template(&self, id: PatternId) -> Option<String> {
        self.miner.template(id)
    }

    /// All patterns, the most frequent first.
    pub(crate) fn list(&self) -> Vec<Pattern> {
        let of = |(&id, stats): (&PatternId, &PatternStats)| {
            Some(Pattern { id, template: self.miner.template(id)?, stats: stats.clone() })
        };
        let mut all: Vec<_> = self.stats.iter().filter_map(of).collect();
        all.sort_by(|a, b| b.stats.count.cmp(&a.stats.count).then(a.id.cmp(&b.id)));
        all
    }

    /// Forgets the counts and samples of patterns that were seen before `oldest` only; they keep their ids.
    pub(crate) fn forget_before(&mut self, oldest: Timestamp) {
        self.stats.retain(|_, stats| stats.last >= oldest);
    }

    /// Patterns that may have text of records which the query finds.
    pub(crate) fn suspects(&self, suspicion: &Suspicion) -> Vec<PatternId> {
        let of_template = self.miner.templates().filter(|(_, text)| suspicion.is_of_words(text.as_bytes()));
        let of_sample = self.stats.iter().filter(|(id, stats)| suspicion.is_of_sample(**id, stats));
        of_template.map(|(id, _)| id).chain(of_sample.map(|(&id, _)| id)).collect()
    }

    /// Records of each pattern so far.
    pub(crate) fn counts(&self) -> BTreeMap<PatternId, u64> {
        self.stats.iter().map(|(&id, stats)| (id, stats.count)).collect()
    }

    /// A pattern that has got records since `counts` is not forgotten; it shows its template for want of a sample.
    pub(crate) fn keep_growing(
        &self,
        fates: &mut BTreeMap<PatternId, Fate>,
        counts: &BTreeMap<PatternId, u64>,
    ) {
        for (id, fate) in fates.iter_mut().filter(|(_, fate)| **fate == Fate::Forgotten) {
            let grows = self.stats.get(id).is_some_and(|stats| Some(&stats.count) != counts.get(id));
            if let Some(template) = self.miner.template(*id).filter(|_| grows) {
                *fate = Fate::shows("", template.as_bytes());
            }
        }
    }

    /// Forgets patterns, and changes what others show.
    pub(crate) fn purge(&mut self, fates: &BTreeMap<PatternId, Fate>) {
        let mut forgotten = BTreeSet::new();
        for (&id, fate) in fates {
            match (fate, self.stats.get_mut(&id)) {
                (Fate::Forgotten, _) => {
                    forgotten.insert(id);
                    self.stats.remove(&id);
                }
                (Fate::Shows { service, sample }, Some(stats)) => {
                    (stats.service, stats.sample) = (service.clone(), sample.clone());
                }
                (Fate::Shows { .. }, None) => {}
            }
        }
        self.miner.forget(&forgotten);
    }

    /// The whole state.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let miner = self.miner.encode();
        let stats =
            serde_json::to_vec(&self.stats.iter().collect::<Vec<_>>()).expect("plain data always serialises");
        let mut out = Vec::with_capacity(HEAD_BYTES + miner.len() + stats.len());
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(miner.len() as u64).to_le_bytes());
        out.extend_from_slice(&miner);
        out.extend_from_slice(&stats);
        let crc = crc32c::crc32c(&out[16..]);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let u32_at = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        if &head[..8] != MAGIC || u32_at(8) != VERSION || crc32c::crc32c(&bytes[16..]) != u32_at(12) {
            return None;
        }
        let len = u64::from_le_bytes(head[16..].try_into().expect("eight bytes"));
        let (miner, stats) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        let stats: Vec<(PatternId, PatternStats)> = serde_json::from_slice(stats).ok()?;
        Some(Self { miner: Miner::decode(miner)?, stats: stats.into_iter().collect(), parser: Parser::new() })
    }
}

/// Makes a state durable that belongs to `position`; the ones of earlier positions are for [`remove_before`].
pub(crate) fn write(dir: &SharedDir, position: Position, state: &[u8]) -> io::Result<()> {
    write_whole(dir.as_ref(), &file_name(position), state)
}

/// Changes the state on disk, of which `change` says whether it has; earlier states go. One that is damaged goes as well, since
/// nobody can say what it holds.
pub(crate) fn change_state(
    dir: &SharedDir,
    committed: Position,
    change: impl FnOnce(&mut Patterns) -> bool,
) -> io::Result<()> {
    let Some(position) = positions(dir)?.into_iter().filter(|&at| at <= committed).max() else {
        return Ok(());
    };
    let name = file_name(position);
    let file = dir.open(&name)?;
    let bytes = read_exact_at(file.as_ref(), 0, usize::try_from(file.len()?).map_err(io::Error::other)?)?;
    match Patterns::decode(&bytes) {
        Some(mut patterns) => {
            if change(&mut patterns) {
                write(dir, position, &patterns.encode())?;
            }
        }
        None => dir.remove(&name)?,
    }
    remove_before(dir, position)
}

/// Removes the states of positions before the one of `position`.
pub(crate) fn remove_before(dir: &SharedDir, position: Position) -> io::Result<()> {
    let stale = positions(dir)?.into_iter().filter(|&at| at < position);
    stale.into_iter().try_for_each(|at| dir.remove(&file_name(at)))
}

/// Removes what a crash before the commit of its position has left.
pub(crate) fn remove_after(dir: &SharedDir, committed: Position) -> io::Result<()> {
    let orphans = positions(dir)?.into_iter().filter(|&at| at > committed);
    orphans.into_iter().try_for_each(|at| dir.remove(&file_name(at)))
}

fn positions(dir: &SharedDir) -> io::Result<Vec<Position>> {
    let of_name = |name: &String| u64::from_str_radix(name.strip_prefix(PREFIX)?, 16).ok().map(Position);
    Ok(dir.list()?.iter().filter_map(of_name).collect())
}

fn file_name(position: Position) -> String {
    format!("{PREFIX}{:016x}", position.0)
}

fn sample_of(record: &[u8]) -> String {
    String::from_utf8_lossy(&record[..record.len().min(SAMPLE_BYTES_MAX)]).into_owned()
}

/// What becomes of a pattern when records are deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No record is left.
    Forgotten,
    /// It shows this.
    Shows { service: String, sample: String },
}

impl Fate {
    /// It shows this record.
    pub(crate) fn shows(service: &str, record: &[u8]) -> Self {
        Self::Shows { service: service.to_owned(), sample: sample_of(record) }
    }
}

/// Tells whether a text may be of a record that a query finds, though it is only the beginning of one, or its words.
pub(crate) struct Suspicion {
    matcher: Matcher,
    resource: Arc<Resource>,
}

impl Suspicion {
    pub(crate) fn new(query: &Query) -> Self {
        Self { matcher: Matcher::new(query), resource: Arc::default() }
    }

    fn is_of_words(&self, text: &[u8]) -> bool {
        self.matcher.prefilter().is_some_and(|filter| filter.is_match(text))
    }

    fn is_of_sample(&self, pattern: PatternId, stats: &PatternStats) -> bool {
        let PatternStats { first: time, severity, ref service, ref sample, .. } = *stats;
        let (text, resource, layout) = (sample.as_bytes(), &self.resource, Default::default());
        let view = RecordView { text, time, severity, service, resource, layout, pattern };
        self.is_of_words(text) || self.matcher.clone().matches(&view)
    }
}

impl PatternStats {
    /// Of one record.
    pub fn new(time: Timestamp, severity: Severity, service: &str, record: &[u8]) -> Self {
        let mut trend = [0; TREND_HOURS];
        trend[TREND_HOURS - 1] = 1;
        Self {
            count: 1,
            first: time,
            last: time,
            severity,
            service: service.to_owned(),
            sample: sample_of(record),
            trend,
        }
    }

    /// One more record.
    pub fn add(&mut self, time: Timestamp, severity: Severity) {
        self.count += 1;
        self.first = self.first.min(time);
        self.severity = self.severity.max(severity);
        self.move_to(time);
        let back = usize::try_from(hour_of(self.last) - hour_of(time)).unwrap_or(TREND_HOURS);
        if let Some(count) = self.trend.iter_mut().rev().nth(back) {
            *count = count.saturating_add(1);
        }
    }

    /// The trend up to the hour of `time`, which is not before `last`.
    pub fn trend_until(&self, time: Timestamp) -> [u32; TREND_HOURS] {
        let mut shown = self.clone();
        shown.move_to(time);
        shown.trend
    }

    fn move_to(&mut self, time: Timestamp) {
        let later = hour_of(time) - hour_of(self.last);
        if later > 0 {
            let shift = usize::try_from(later).unwrap_or(TREND_HOURS).min(TREND_HOURS);
            self.trend.copy_within(shift.., 0);
            self.trend[TREND_HOURS - shift..].fill(0);
        }
        self.last = self.last.max(time);
    }
}

fn hour_of(time: Timestamp) -> i64 {
    time.0.div_euclid(HOUR_NS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_is_by_the_hour_and_takes_late_records() {
        let at = |hour: i64| Timestamp(hour * HOUR_NS + 5);
        let mut stats = PatternStats::new(at(100), Severity(9), "shop", b"x");
        for hour in [100, 101, 103, 101, 200, 178, 177, 176, 50] {
            stats.add(at(hour), Severity(13));
        }
        let mut expected = [0; TREND_HOURS];
        (expected[23], expected[1], expected[0]) = (1, 1, 1);
        assert_eq!(stats.trend, expected);
        assert_eq!(
            (stats.count, stats.first, stats.last, stats.severity),
            (10, at(50), at(200), Severity(13))
        );
    }

    #[test]
    fn a_state_that_is_not_whole_is_refused() {
        let state = Patterns::default().encode();
        assert!(Patterns::decode(&state).is_some());
        for len in 0..state.len() {
            assert!(Patterns::decode(&state[..len]).is_none(), "{len}");
        }
        for at in 0..state.len() {
            let mut damaged = state.clone();
            damaged[at] ^= 1;
            assert!(Patterns::decode(&damaged).is_none(), "{at}");
        }
    }
}
