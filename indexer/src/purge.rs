//! Patterns after a deletion. A template and a sample are text of records, so when records go, what only they had to say goes too:
//!
//! * A pattern none of whose records is left in the store is forgotten, template, counts and all.
//! * One that has lost records, or whose sample or template looks like the query, shows another record as its sample. Its
//!   template stays: it has only words that the records which are left have as well.
//!
//! Both the patterns in memory and the state on disk are changed, each as of its own position: records in the tail count for the
//! former only.

use crate::deletion::Deletion;
use crate::open::OpenRun;
use crate::patterns::{self, Fate, Patterns, Suspicion};
use crate::search::{self, SearchRequest};
use crate::store::{Shared, Snapshot};
use logweir_base::pattern::PatternId;
use logweir_base::query::{Matcher, Query};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::ControlFlow;

/// The first format of splits did not store patterns.
const VERSION_WITHOUT_PATTERNS: u32 = 1;

/// Takes what was deleted out of the patterns. False when splits wait to be written, with states from before: to be done
/// again when they are.
pub(crate) fn purge(shared: &Shared, deletion: &Deletion, query: &Query) -> io::Result<bool> {
    let suspicion = Suspicion::new(query);
    let committed = shared.state().committed.unwrap_or_default();
    let mut affected: BTreeSet<PatternId> = deletion.patterns.clone();
    let counts = {
        let patterns = shared.patterns();
        affected.extend(patterns.suspects(&suspicion));
        patterns.counts()
    };
    patterns::change_state(&shared.dir, committed, |patterns| {
        affected.extend(patterns.suspects(&suspicion));
        false
    })?;
    affected.remove(&PatternId::NONE);
    let judge = |id, snapshot| survivor(shared, snapshot, id, deletion, query);
    let (mut on_disk, mut in_memory) = (BTreeMap::new(), BTreeMap::new());
    for &id in &affected {
        let (splits, tail) = apart(shared.snapshot());
        let in_splits = judge(id, splits);
        let anywhere = if in_splits == Fate::Forgotten { judge(id, tail) } else { in_splits.clone() };
        on_disk.insert(id, in_splits);
        in_memory.insert(id, anywhere);
    }
    {
        // Under the state's lock no split is cut: the states of later ones come from the patterns as they are now.
        let state = shared.state();
        if state.tail.has_cuts() {
            return Ok(false);
        }
        let mut patterns = shared.patterns();
        patterns.keep_growing(&mut in_memory, &counts);
        patterns.purge(&in_memory);
    }
    patterns::change_state(&shared.dir, committed, |patterns: &mut Patterns| {
        patterns.purge(&on_disk);
        !on_disk.is_empty()
    })?;
    Ok(true)
}

/// What is in splits that know patterns, and what is in none.
fn apart(all: Snapshot) -> (Snapshot, Snapshot) {
    let splits = all.splits.iter().filter(|split| split.info.version > VERSION_WITHOUT_PATTERNS);
    let splits = splits.cloned().collect();
    let (runs, open, applied) = (Vec::new(), OpenRun::default(), all.applied);
    (Snapshot { splits, runs, open, applied }, Snapshot { splits: Vec::new(), ..all })
}

/// What becomes of a pattern as far as `snapshot` goes.
fn survivor(shared: &Shared, snapshot: Snapshot, id: PatternId, deletion: &Deletion, query: &Query) -> Fate {
    let Ok(of_pattern) = format!("pattern:{id}").parse() else {
        return Fate::Forgotten;
    };
    let request = SearchRequest::of(of_pattern);
    let (mut fate, mut matcher) = (Fate::Forgotten, Matcher::new(query));
    search::search(snapshot, &shared.open, &request, &mut |hit| {
        // One that is to go can only be here when its split could not be written anew.
        if hit.position <= deletion.position && matcher.matches(&hit.view) {
            return ControlFlow::Continue(());
        }
        fate = Fate::shows(hit.view.service, hit.view.text);
        ControlFlow::Break(())
    });
    fate
}
