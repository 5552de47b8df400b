//! All exception groups there are: found by id, bounded in number, and what has changed since it was asked last.

use super::{Group, GroupId, Occurrence, State};
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Groups that are kept. When there are more, the one that came least lately goes; a group takes some 2 KiB as a rule.
pub const GROUPS_MAX: usize = 20_000;

/// A group whose state has become another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub group: GroupId,
    /// What it was; `None` when it was not there.
    pub from: Option<State>,
    /// What it is.
    pub to: State,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    all: BTreeMap<GroupId, Group>,
    /// By the latest occurrence, to find the one that goes first.
    by_last: BTreeSet<(Timestamp, GroupId)>,
    /// Changed since they were written.
    dirty: BTreeSet<GroupId>,
    /// Went since they were written.
    gone: BTreeSet<GroupId>,
    /// Changes of state since they were asked for.
    changes: Vec<Change>,
    /// The minute of the last look at the time.
    minute: i64,
    /// Groups that had to go while they were in use.
    pub evicted: u64,
}

impl Groups {
    /// Those that were written.
    pub fn of(all: impl IntoIterator<Item = (GroupId, Group)>) -> Self {
        let all: BTreeMap<_, _> = all.into_iter().collect();
        let by_last = all.iter().map(|(id, group)| (group.last, *id)).collect();
        Self { all, by_last, ..Self::default() }
    }

    /// A group.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.all.get(&id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.all.iter().map(|(id, group)| (*id, group))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes an occurrence; `deploy` is asked for when the group is a new one.
    pub fn occur(&mut self, id: GroupId, it: &Occurrence<'_>, deploy: impl FnOnce() -> Option<String>) {
        if !self.all.contains_key(&id) {
            self.make_room();
            self.gone.remove(&id);
            let mut group = Group::new(it);
            group.deploy = deploy();
            self.changes.push(Change { group: id, from: None, to: group.state });
            self.by_last.insert((group.last, id));
            self.all.insert(id, group);
        }
        self.change(id, |group| group.occur(it));
    }

    /// Changes a group and notes what became of it; false when there is none.
    pub fn change(&mut self, id: GroupId, change: impl FnOnce(&mut Group)) -> bool {
        let Some(group) = self.all.get_mut(&id) else {
            return false;
        };
        let (state, last) = (group.state, group.last);
        change(group);
        if group.state != state {
            self.changes.push(Change { group: id, from: Some(state), to: group.state });
        }
        if group.last != last {
            self.by_last.remove(&(last, id));
            self.by_last.insert((group.last, id));
        }
        self.dirty.insert(id);
        true
    }

    /// Time has come so far. All are looked at once a minute, which takes some 20 ms when there are [`GROUPS_MAX`].
    pub fn tick(&mut self, now: Timestamp) {
        let minute = now.0.div_euclid(60_000_000_000);
        if std::mem::replace(&mut self.minute, minute) == minute {
            return;
        }
        for (&id, group) in &mut self.all {
            let state = group.state;
            group.tick(now);
            if group.state != state {
                self.changes.push(Change { group: id, from: Some(state), to: group.state });
                self.dirty.insert(id);
            }
        }
    }

    fn make_room(&mut self) {
        while self.all.len() >= GROUPS_MAX {
            let Some((_, id)) = self.by_last.pop_first() else { return };
            self.all.remove(&id);
            self.dirty.remove(&id);
            self.gone.insert(id);
            self.evicted += 1;
        }
    }

    /// What has changed in state since it was asked last, each group once and from what it was to what it is.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let mut merged: BTreeMap<GroupId, Change> = BTreeMap::new();
        for change in std::mem::take(&mut self.changes) {
            let to = change.to;
            merged.entry(change.group).and_modify(|known| known.to = to).or_insert(change);
        }
        merged.into_values().filter(|change| change.from != Some(change.to) && self.all.contains_key(&change.group)).collect()
    }

    /// Those to write and those to forget since this was asked last.
    pub fn take_dirty(&mut self) -> (Vec<GroupId>, Vec<GroupId>) {
        (std::mem::take(&mut self.dirty).into_iter().collect(), std::mem::take(&mut self.gone).into_iter().collect())
    }
}
