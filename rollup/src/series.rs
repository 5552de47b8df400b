//! The series there are: found by their labels, each with what of it is in no file yet and with the state that its next points
//! are judged by. Ids are places in a list; they are used again when a series is gone from memory and from all files.

use crate::block::Totals;
use crate::window::Row;
use hashbrown::HashTable;
use logweir_base::ids::{Position, SourceId};
use logweir_base::metric::labels::NAME;
use logweir_base::metric::{Histogram, Kind, Labels, LabelsRef};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// What a series' finest points are. The same labels in two forms are two series.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub(crate) enum Form {
    /// Values at times.
    Samples = 0,
    /// Windows of increases.
    Counter = 1,
    /// Windows of values.
    Gauge = 2,
    /// Windows of observations.
    Histogram = 3,
}

impl Form {
    /// All, by number.
    pub(crate) const ALL: [Self; 4] = [Self::Samples, Self::Counter, Self::Gauge, Self::Histogram];

    /// How points of a kind are kept.
    pub(crate) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Unknown | Kind::Gauge | Kind::Counter => Self::Samples,
            Kind::Delta => Self::Counter,
            Kind::Histogram | Kind::CumulativeHistogram => Self::Histogram,
        }
    }
}

/// What the next points of a series of windows are judged by, and where its counter stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// All that was ever added.
    pub(crate) totals: Totals,
    /// The end of the last interval that was taken, of those whose start is known.
    pub(crate) last_end: i64,
    /// The last point of observations since a start.
    pub(crate) cumulative: Option<Arc<Cumulative>>,
}

/// Observations since a start.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cumulative {
    pub(crate) start: i64,
    pub(crate) time: i64,
    pub(crate) histogram: Histogram,
}

/// Points in no file yet.
#[derive(Debug)]
pub(crate) enum Head {
    /// As they come, ascending, and those that came too late for that: of no time that is there already.
    Samples(Vec<(i64, f64)>, BTreeMap<i64, f64>),
    /// By end.
    Rows(BTreeMap<i64, Row>),
}

impl Head {
    pub(crate) fn of(form: Form) -> Self {
        if form == Form::Samples {
            Self::Samples(Vec::new(), BTreeMap::new())
        } else {
            Self::Rows(BTreeMap::new())
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Samples(points, late) => points.is_empty() && late.is_empty(),
            Self::Rows(rows) => rows.is_empty(),
        }
    }
}

/// A series.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) labels: Arc<Labels>,
    pub(crate) form: Form,
    pub(crate) kind: Kind,
    pub(crate) source: Option<SourceId>,
    /// Whether it counts towards the budgets.
    pub(crate) is_active: bool,
    /// Tells this one from those that had its id before.
    pub(crate) generation: u32,
    /// Files it is in.
    pub(crate) blocks: u32,
    /// The latest time it has points of.
    pub(crate) last_time: i64,
    pub(crate) head: Head,
    pub(crate) state: State,
    /// What the state is as of, when it was read from a file.
    pub(crate) state_of: Position,
}

impl Series {
    /// What its sender says it is; one that says nothing changes nothing.
    #[inline]
    pub(crate) fn learn(&mut self, kind: Kind) {
        if kind != Kind::Unknown {
            self.kind = kind;
        }
    }
}

/// All series.
#[derive(Default)]
pub(crate) struct Registry {
    by_labels: HashTable<u32>,
    all: Vec<Option<Series>>,
    free: Vec<u32>,
    generations: u32,
    /// By hash of a label's name and value: who has it. To propose; the labels decide.
    by_pair: HashMap<u64, Vec<u32>>,
}

fn hash_of(form: Form, labels: &[u8]) -> u64 {
    xxh3_64_with_seed(labels, form as u64)
}

fn hash_of_pair(name: &str, value: &str) -> u64 {
    xxh3_64_with_seed(value.as_bytes(), xxh3_64(name.as_bytes()))
}

impl Registry {
    /// The id of a series that is known, by the bytes of its labels.
    #[inline]
    pub(crate) fn find(&self, form: Form, labels: &[u8]) -> Option<u32> {
        let is_it = |&id: &u32| {
            let series = self.all[id as usize].as_ref();
            series.is_some_and(|it| it.form == form && it.labels.view().bytes() == labels)
        };
        self.by_labels.find(hash_of(form, labels), is_it).copied()
    }

    /// Adds a series that is not known yet.
    pub(crate) fn add(&mut self, form: Form, kind: Kind, labels: Labels, source: Option<SourceId>) -> u32 {
        self.generations = self.generations.wrapping_add(1);
        let labels = Arc::new(labels);
        let series = Series {
            labels: labels.clone(),
            form,
            kind,
            source,
            is_active: false,
            generation: self.generations,
            blocks: 0,
            last_time: i64::MIN,
            head: Head::of(form),
            state: State::default(),
            state_of: Position(0),
        };
        let id = self.free.pop().unwrap_or(self.all.len() as u32);
        match self.all.get_mut(id as usize) {
            Some(place) => *place = Some(series),
            None => self.all.push(Some(series)),
        }
        let rehash = |id: &u32| {
            let series = self.all[*id as usize].as_ref().expect("ids in the table are in use");
            hash_of(series.form, series.labels.view().bytes())
        };
        self.by_labels.insert_unique(hash_of(form, labels.view().bytes()), id, rehash);
        for (name, value) in labels.iter() {
            self.by_pair.entry(hash_of_pair(name, value)).or_default().push(id);
        }
        id
    }

    /// The series of an id in use.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> &Series {
        self.all[id as usize].as_ref().expect("an id in use")
    }

    /// As [`Self::get`], to change.
    #[inline]
    pub(crate) fn get_mut(&mut self, id: u32) -> &mut Series {
        self.all[id as usize].as_mut().expect("an id in use")
    }

    /// The series of a handle, unless it is gone.
    pub(crate) fn is_alive(&self, id: u32, generation: u32) -> bool {
        let series = self.all.get(id as usize).and_then(Option::as_ref);
        series.is_some_and(|it| it.generation == generation)
    }

    /// All ids in use, with their series.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Series)> {
        (0u32..).zip(&self.all).filter_map(|(id, series)| Some((id, series.as_ref()?)))
    }

    /// How many places there are: ids are below.
    pub(crate) fn places(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len() - self.free.len()
    }

    /// Who may have this label.
    pub(crate) fn having(&self, name: &str, value: &str) -> &[u32] {
        self.by_pair.get(&hash_of_pair(name, value)).map_or(&[], Vec::as_slice)
    }

    /// Forgets the series of which nothing is left.
    pub(crate) fn sweep(&mut self) {
        let is_gone = |it: &Series| it.blocks == 0 && !it.is_active && it.head.is_empty();
        let gone: Vec<u32> = self.iter().filter(|(_, it)| is_gone(it)).map(|(id, _)| id).collect();
        for &id in &gone {
            let Some(series) = self.all[id as usize].take() else { continue };
            let hash = hash_of(series.form, series.labels.view().bytes());
            if let Ok(entry) = self.by_labels.find_entry(hash, |&it| it == id) {
                entry.remove();
            }
        }
        if !gone.is_empty() {
            let all = &self.all;
            self.by_pair.retain(|_, ids| {
                ids.retain(|&id| all[id as usize].is_some());
                !ids.is_empty()
            });
        }
        self.free.extend(gone);
    }
}

/// The metric of a series.
pub(crate) fn metric_of(labels: LabelsRef<'_>) -> &str {
    labels.get(NAME)
}
