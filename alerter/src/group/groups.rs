//! All exception groups there are: found by id, bounded in number, and which of them must be written.

use super::{Group, GroupId, Occurrence, State};
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Groups that are kept. When there are more, the one that came least lately goes; a group takes some 2 KiB as a rule.
pub const GROUPS_MAX: usize = 20_000;

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    all: BTreeMap<GroupId, Group>,
    /// By the latest occurrence, to find the one that goes first.
    by_last: BTreeSet<(Timestamp, GroupId)>,
    /// Those that are new, regressed or escalating.
    notable: BTreeSet<GroupId>,
    /// Changed since they were written.
    dirty: BTreeSet<GroupId>,
    /// Went since they were written.
    gone: BTreeSet<GroupId>,
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
        let notable = all.iter().filter(|(_, group)| is_notable(group.state)).map(|(id, _)| *id).collect();
        Self { all, by_last, notable, ..Self::default() }
    }

    /// A group.
    pub fn get(&self, id: GroupId) -> Option<&Group> {
        self.all.get(&id)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.all.iter().map(|(id, group)| (*id, group))
    }

    /// Those that are new, regressed or escalating.
    pub fn notable(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        self.notable.iter().filter_map(|id| Some((*id, self.all.get(id)?)))
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
            self.noted(id, group.state);
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
        let before = group.last;
        change(group);
        let (state, last) = (group.state, group.last);
        self.noted(id, state);
        if last != before {
            self.by_last.remove(&(before, id));
            self.by_last.insert((last, id));
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
        let mut changed = Vec::new();
        for (&id, group) in &mut self.all {
            let state = group.state;
            group.tick(now);
            if group.state != state {
                changed.push((id, group.state));
            }
        }
        for (id, state) in changed {
            self.noted(id, state);
            self.dirty.insert(id);
        }
    }

    fn noted(&mut self, id: GroupId, state: State) {
        match is_notable(state) {
            true => self.notable.insert(id),
            false => self.notable.remove(&id),
        };
    }

    fn make_room(&mut self) {
        while self.all.len() >= GROUPS_MAX {
            let Some((_, id)) = self.by_last.pop_first() else { return };
            self.all.remove(&id);
            self.notable.remove(&id);
            self.dirty.remove(&id);
            self.gone.insert(id);
            self.evicted += 1;
        }
    }

    /// Those to write and those to forget since this was asked last.
    pub fn take_dirty(&mut self) -> (Vec<GroupId>, Vec<GroupId>) {
        (
            std::mem::take(&mut self.dirty).into_iter().collect(),
            std::mem::take(&mut self.gone).into_iter().collect(),
        )
    }
}

fn is_notable(state: State) -> bool {
    matches!(state, State::New | State::Regressed | State::Escalating)
}
