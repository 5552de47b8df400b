//! The work behind the tail: writing splits, removing old ones, deleting lines, merging small ones. One owner does it, one job at a
//! time, so the manifest has one writer: the keeper thread, or the caller when there are no threads.

use crate::config::IndexerConfig;
use crate::deletion::{Deletion, Step, Surroundings};
use crate::patterns;
use crate::purge::purge;
use crate::rewrite::{Rewritten, rewrite};
use crate::split::ids::Spare;
use crate::split::write::{self, Head};
use crate::split::{Split, file_name, format, merge};
use crate::store::{Commit, Shared, State};
use crate::tail::ToWrite;
use logweir_base::ids::Position;
use logweir_base::query::Query;
use logweir_base::time::Timestamp;
use std::io;
use std::sync::{Arc, PoisonError};

/// Small splits that wait until they are merged.
const MERGE_COUNT: usize = 8;
/// A split of fewer lines than `split_lines_max` over this is small.
const SMALL_FRACTION: u64 = 4;
const DAY_NS: i64 = 86_400_000_000_000;

/// One piece of work.
pub(crate) enum Job {
    Write(ToWrite),
    Remove(Vec<Arc<Split>>),
    Delete(Deletion, Step),
    Merge(Vec<Arc<Split>>),
}

/// Does jobs until the store stops.
pub(crate) fn keep(shared: &Shared) {
    let mut state = shared.state();
    while !state.stopping && state.fatal.is_none() {
        match next_job(&state, &shared.config) {
            Some(job) => {
                drop(state);
                run(shared, job);
                shared.work.notify_all();
                state = shared.state();
            }
            None => state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// Does all jobs there are.
pub(crate) fn work_off(shared: &Shared) {
    loop {
        let state = shared.state();
        let job = next_job(&state, &shared.config).filter(|_| state.fatal.is_none());
        drop(state);
        match job {
            Some(job) => run(shared, job),
            None => return,
        }
    }
}

fn next_job(state: &State, config: &IndexerConfig) -> Option<Job> {
    if let Some(to_write) = state.tail.to_write().filter(|_| !state.write_failed) {
        return Some(Job::Write(to_write));
    }
    let expired = expired(&state.splits, state.tail.now(), config);
    if !expired.is_empty() && !state.remove_failed {
        return Some(Job::Remove(expired));
    }
    if let Some((deletion, step)) = next_step(state).filter(|_| !state.delete_failed) {
        return Some(Job::Delete(deletion, step));
    }
    let group = merge_group(&state.splits, config).filter(|_| !state.merge_failed)?;
    Some(Job::Merge(group.to_vec()))
}

fn run(shared: &Shared, job: Job) {
    let done = match &job {
        Job::Write(to_write) => write_split(shared, to_write),
        Job::Remove(splits) => remove(shared, splits),
        Job::Delete(deletion, step) => delete(shared, deletion, step),
        Job::Merge(splits) => merge_splits(shared, splits),
    };
    let mut state = shared.state();
    match (done, job) {
        (Ok(()), Job::Write(_)) => state.merge_failed = false,
        (Ok(()), _) => {}
        (Err(e), job) => {
            state.counters.failures += 1;
            state.counters.report(e.to_string());
            match job {
                Job::Write(_) => state.write_failed = true,
                Job::Remove(_) => state.remove_failed = true,
                Job::Delete(deletion, Step::Split(split)) if !is_passing(&e) => {
                    state.deletions.set_trouble(deletion.position, &split.info.name, e.to_string());
                }
                Job::Delete(..) => state.delete_failed = true,
                // What cannot be read today cannot be read tomorrow: its neighbours shall not wait for it.
                Job::Merge(splits) if e.kind() == io::ErrorKind::InvalidData => {
                    splits.iter().for_each(|split| split.set_damaged());
                }
                Job::Merge(_) => state.merge_failed = true,
            }
        }
    }
}

/// The split file first, then the manifest: R10. Without lines only the position is committed.
fn write_split(shared: &Shared, to_write: &ToWrite) -> io::Result<()> {
    // A deletion is known from its record or from the manifest: were its position the split's, and the manifest's append torn,
    // the split would stand for it and nobody would know of it.
    let to = to_write.last;
    let (first, last) = (to_write.first, if to_write.deletion.is_some() { Position(to.0 - 1) } else { to });
    let mut info = None;
    if !to_write.runs.is_empty() {
        let lines = to_write.runs.iter().map(|run| run.lines).sum::<u64>();
        let (spare, name) = (spare_of(lines, &shared.config), file_name(first, last));
        let head = Head { journal: shared.journal(), first, last, merged: false };
        patterns::write(&shared.dir, last, &to_write.patterns)?;
        info = Some(write::write(shared.dir.as_ref(), &name, head, &to_write.runs, spare)?);
    }
    let written = u64::from(info.is_some());
    let deletion = to_write.deletion.clone();
    shared.commit(Commit { add: info, position: Some(to), deletion, ..Commit::default() })?;
    if written > 0 {
        // What stays of earlier states is removed with the next one.
        let _ = patterns::remove_before(&shared.dir, last);
    }
    shared.state().counters.splits_written += written;
    Ok(())
}

fn remove(shared: &Shared, splits: &[Arc<Split>]) -> io::Result<()> {
    shared.commit(Commit { remove: splits, ..Commit::default() })?;
    let mut state = shared.state();
    state.counters.splits_removed += splits.len() as u64;
    let oldest = shared.config.retention_age.map(|age| state.tail.now().minus(age));
    drop(state);
    if let Some(oldest) = oldest {
        shared.patterns().forget_before(oldest);
    }
    Ok(())
}

fn merge_splits(shared: &Shared, splits: &[Arc<Split>]) -> io::Result<()> {
    let readers: Vec<_> = splits.iter().map(|split| split.reader(&shared.open)).collect::<io::Result<_>>()?;
    let info = merge::merge(shared.dir.as_ref(), &readers)?;
    shared.commit(Commit { add: Some(info), remove: splits, ..Commit::default() })?;
    shared.state().counters.merges += 1;
    Ok(())
}

fn next_step(state: &State) -> Option<(Deletion, Step)> {
    let (has_cuts, has_readers) = (state.tail.has_cuts(), state.has_readers());
    state.deletions.next(&Surroundings { splits: &state.splits, has_cuts, has_readers })
}

fn delete(shared: &Shared, deletion: &Deletion, step: &Step) -> io::Result<()> {
    let now = shared.state().tail.now();
    let query = match deletion.parsed() {
        Ok(query) => query,
        Err(why) => return shared.end(deletion.clone().ended(now, Some(why))),
    };
    match step {
        Step::Split(split) => delete_in_split(shared, deletion, &query, split),
        Step::Patterns => {
            if purge(shared, deletion, &query)? {
                shared.state().deletions.set_patterns_clean(deletion.position);
            }
            Ok(())
        }
        Step::End => {
            shared.sweep()?;
            shared.end(deletion.clone().ended(now, None))
        }
    }
}

fn delete_in_split(
    shared: &Shared,
    deletion: &Deletion,
    query: &Query,
    split: &Arc<Split>,
) -> io::Result<()> {
    let at = deletion.position;
    let reader = split.reader(&shared.open)?;
    let done = rewrite(shared.dir.as_ref(), &split.info, &reader, (query, at), &shared.config)?;
    let Some(Rewritten { info, lines, patterns }) = done else {
        shared.state().deletions.set_clean(at, &split.info.name);
        return Ok(());
    };
    let name = info.as_ref().map(|info| info.name.clone());
    let mut after = deletion.clone();
    after.lines += lines;
    after.patterns.extend(patterns);
    let (remove, deletion) = (std::slice::from_ref(split), Some(after));
    shared.commit(Commit { add: info, remove, deletion, ..Commit::default() })?;
    let mut state = shared.state();
    state.deletions.set_removed(at);
    if let Some(name) = name {
        state.deletions.set_clean(at, &name);
    }
    Ok(())
}

/// Whether an error may be over the next time; what cannot be read today cannot be read tomorrow.
fn is_passing(e: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(e.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

/// Room in the id table of a split, for the case that it is merged.
pub(crate) fn spare_of(lines: u64, config: &IndexerConfig) -> Spare {
    if is_small(lines, config) { Spare::Byte } else { Spare::None }
}

/// Splits that retention no longer keeps: received too long ago, or the oldest of too many bytes.
fn expired(splits: &[Arc<Split>], now: Timestamp, config: &IndexerConfig) -> Vec<Arc<Split>> {
    let mut bytes: u64 = splits.iter().map(|split| split.info.bytes).sum();
    let mut expired = Vec::new();
    for split in splits {
        let too_old = config.retention_age.is_some_and(|age| split.info.received_max < now.minus(age));
        let too_much = config.retention_bytes.is_some_and(|max| bytes > max);
        if too_old || too_much {
            bytes -= split.info.bytes;
            expired.push(split.clone());
        }
    }
    expired
}

/// The first neighbours that are worth merging: small, not merged before, received on one day, and enough of them.
fn merge_group<'a>(splits: &'a [Arc<Split>], config: &IndexerConfig) -> Option<&'a [Arc<Split>]> {
    let mut start = 0;
    let mut lines = 0;
    for (at, split) in splits.iter().enumerate() {
        let joins = at == start || day_of(split) == day_of(&splits[start]);
        if !joins || !is_mergeable(split, config) {
            lines = 0;
            start = if is_mergeable(split, config) { at } else { at + 1 };
        }
        if start > at {
            continue;
        }
        lines += split.info.lines;
        let group = &splits[start..=at];
        if group.len() >= MERGE_COUNT || (group.len() > 1 && lines >= config.split_lines_max) {
            return Some(group);
        }
    }
    None
}

fn is_mergeable(split: &Split, config: &IndexerConfig) -> bool {
    let current = split.info.version == format::VERSION;
    current
        && !split.info.merged
        && !split.is_damaged()
        && is_small(split.info.lines, config)
        && day_of(split).is_some()
}

fn is_small(lines: u64, config: &IndexerConfig) -> bool {
    lines < config.split_lines_max / SMALL_FRACTION
}

/// The day on which all its lines were received; `None` when there are two.
fn day_of(split: &Split) -> Option<i64> {
    let day = |time: Timestamp| time.0.div_euclid(DAY_NS);
    let (first, last) = (day(split.info.received_min), day(split.info.received_max));
    (first == last).then_some(first)
}
