//! The work behind the tail: writing splits, removing old ones, merging small ones. One owner does it, one job at a
//! time, so the manifest has one writer: the keeper thread, or the caller when there are no threads.

use crate::config::IndexerConfig;
use crate::patterns;
use crate::split::ids::Spare;
use crate::split::write::{self, Head};
use crate::split::{Split, format, merge};
use crate::store::{Shared, State};
use crate::tail::ToWrite;
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
    let group = merge_group(&state.splits, config).filter(|_| !state.merge_failed)?;
    Some(Job::Merge(group.to_vec()))
}

fn run(shared: &Shared, job: Job) {
    let done = match &job {
        Job::Write(to_write) => write_split(shared, to_write),
        Job::Remove(splits) => remove(shared, splits),
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
    let (first, last) = (to_write.first, to_write.last);
    let mut info = None;
    if !to_write.runs.is_empty() {
        let lines = to_write.runs.iter().map(|run| run.lines).sum::<u64>();
        let spare = if is_small(lines, &shared.config) { Spare::Byte } else { Spare::None };
        let head = Head { journal: shared.journal(), first, last, merged: false };
        patterns::write(&shared.dir, last, &to_write.patterns)?;
        info = Some(write::write(shared.dir.as_ref(), head, &to_write.runs, spare)?);
    }
    let written = u64::from(info.is_some());
    shared.commit(info, &[], Some(last))?;
    if written > 0 {
        // What stays of earlier states is removed with the next one.
        let _ = patterns::remove_before(&shared.dir, last);
    }
    shared.state().counters.splits_written += written;
    Ok(())
}

fn remove(shared: &Shared, splits: &[Arc<Split>]) -> io::Result<()> {
    shared.commit(None, splits, None)?;
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
    shared.commit(Some(info), splits, None)?;
    shared.state().counters.merges += 1;
    Ok(())
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
