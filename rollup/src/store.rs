//! The metrics store as readers share it.

use crate::block::read::Block;
use crate::config::RollupConfig;
use crate::intake::Intake;
use crate::live::Live;
use crate::manifest::Manifest;
use crate::query;
use crate::rules::RulesOfConfig;
use crate::select::{Answer, Matcher, SelectError, Source, Span};
use crate::status::RollupStatus;
use logweir_base::dir::SharedDir;
use logweir_base::ids::{JournalId, Position, SourceId};
use logweir_base::metric::{Labels, Meta};
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The metrics store, for reading. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) dir: SharedDir,
    pub(crate) config: RollupConfig,
    pub(crate) journal: JournalId,
    live: Mutex<Live>,
    /// A record was applied.
    pub(crate) applied: Condvar,
}

impl Store {
    /// Opens what the manifest names. A block that cannot be read is reported and left out.
    pub(crate) fn open(
        dir: SharedDir,
        manifest: &Manifest,
        notes: Vec<String>,
        config: RollupConfig,
    ) -> io::Result<Self> {
        let mut live = Live::default();
        notes.into_iter().for_each(|note| live.counters.report(note));
        let known = manifest.known().clone();
        for info in &known.blocks {
            let opened = Block::open(dir.clone(), &info.name, |known, row| live.id_in_block(known, row));
            match opened {
                Ok(block) => {
                    for (name, (kind, unit, help)) in block.meta.metrics.clone() {
                        live.metrics.insert(name, Meta { kind, unit, help });
                    }
                    live.blocks.push(Arc::new(block));
                }
                Err(e) if e.kind() == io::ErrorKind::Unsupported => return Err(e),
                Err(e) => {
                    live.counters.report(format!("{}/{}: {e}", dir.describe(), info.name));
                    live.unreadable.push(info.name.clone());
                }
            }
        }
        live.blocks.sort_by_key(|block| block.info.to);
        (live.committed, live.now) = (known.position, known.now);
        live.applied = known.position.unwrap_or_default();
        live.revive(&config);
        let (journal, live) = (manifest.journal(), Mutex::new(live));
        Ok(Self(Arc::new(Shared { dir, config, journal, live, applied: Condvar::new() })))
    }

    pub(crate) fn intake(&self, received: Timestamp, source: Option<SourceId>) -> Intake<'_> {
        Intake::new(self.0.live(), &self.0.config, received, source)
    }

    /// The labels of all series that match and have points in the span, in any order.
    pub fn series(&self, matchers: &[Matcher], span: Span) -> Vec<Arc<Labels>> {
        query::series(&self.0.live(), matchers, span)
    }

    /// The names of labels of series that match and have points in the span.
    pub fn label_names(&self, matchers: &[Matcher], span: Span) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for labels in self.series(matchers, span) {
            for (name, _) in labels.iter() {
                if !names.contains(name) {
                    names.insert(name.to_owned());
                }
            }
        }
        names
    }

    /// The values of a label of series that match and have points in the span.
    pub fn label_values(&self, name: &str, matchers: &[Matcher], span: Span) -> BTreeSet<String> {
        let all = self.series(matchers, span);
        all.iter()
            .map(|labels| labels.get(name))
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// What is known of metrics, by name.
    pub fn metadata(&self) -> BTreeMap<String, Meta> {
        self.0.live().metrics.clone()
    }

    /// The rules that count logs, and the time from which on they have counted exactly the records that the log store has; `None`
    /// when there is no such time.
    pub fn exact_rules(&self) -> Option<(RulesOfConfig, Timestamp)> {
        self.0.live().exact_rules.clone()
    }

    /// Waits until all up to `position` can be queried; false when that did not happen within `timeout`.
    pub fn wait_covers(&self, position: Position, timeout: Duration) -> bool {
        let covers = |live: &mut Live| live.applied < position && !live.stopping;
        let waited = self.0.applied.wait_timeout_while(self.0.live(), timeout, covers);
        let (live, _) = waited.unwrap_or_else(PoisonError::into_inner);
        live.applied >= position
    }

    /// The last position that can be queried.
    pub fn applied(&self) -> Position {
        self.0.live().applied
    }

    /// The last position that is in files, and durable.
    pub fn committed(&self) -> Option<Position> {
        self.0.live().committed
    }

    /// How it is doing.
    pub fn status(&self) -> RollupStatus {
        RollupStatus::of(&self.0.live())
    }
}

impl Source for Store {
    fn select(&self, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError> {
        query::select(self, matchers, span)
    }
}

impl Shared {
    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
