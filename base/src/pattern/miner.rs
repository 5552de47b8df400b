//! The miner: shapes it knows, patterns it found, and the leaves where a new shape's pattern is looked for.

mod codec;

use super::PatternId;
use super::template::{Fit, Template};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Patterns at a time; the least recently used go first.
pub const PATTERNS_MAX: usize = 10_000;
/// Patterns that go when there is no room: many at a time, since each time costs a walk over all.
const EVICT_BATCH: usize = PATTERNS_MAX / 16;
/// Shapes of a generation. There are two, and a shape lives on when it is seen again before both are full.
const SHAPES_MAX: usize = 1 << 15;
/// Patterns of a leaf. When it is full, a message joins whichever is most like it: what has so many patterns
/// with the same gaps and the same first word has no patterns, and the search stays short.
const LEAF_MAX: usize = 64;
/// This many words at one place of otherwise equal patterns are values, wherever they stand.
const CHOICES_MAX: usize = 8;

/// Finds the pattern of each message, as they come. What it answers depends on the messages before and
/// nothing else.
#[derive(Debug, Clone, Default)]
pub struct Miner {
    /// In the order they were found.
    patterns: Vec<Pattern>,
    slots: HashMap<u32, u32, AsIs>,
    leaves: HashMap<u64, Vec<u32>, AsIs>,
    young: Shapes,
    old: Shapes,
    /// Messages seen.
    tick: u64,
    evicted: Vec<PatternId>,
}

/// From a shape to its pattern's place.
type Shapes = HashMap<u64, u32, AsIs>;
type AsIs = BuildHasherDefault<AsIsHasher>;

/// The keys are hashes already.
#[derive(Debug, Clone, Copy, Default)]
struct AsIsHasher(u64);

impl Hasher for AsIsHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }
    fn write_u32(&mut self, key: u32) {
        self.0 = u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

#[derive(Debug, Clone)]
struct Pattern {
    id: PatternId,
    last_used: u64,
    /// Follows from the template, and does not change when that does.
    leaf: u64,
    template: Arc<Template>,
}

impl Miner {
    /// A miner that knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The pattern of a message of this shape: known, or the one it fits, or a new one. The message itself is asked for
    /// when its shape is not known.
    pub fn pattern_of<'m>(&mut self, shape: u64, message: impl FnOnce() -> Cow<'m, str>) -> PatternId {
        self.tick = self.tick.saturating_add(1);
        // Fast path.
        let slot = match self.young.get(&shape) {
            Some(&slot) => slot,
            None => {
                let slot = self.old.get(&shape).copied().unwrap_or_else(|| self.search(&message()));
                self.remember(shape, slot);
                slot
            }
        };
        let pattern = &mut self.patterns[slot as usize];
        pattern.last_used = self.tick;
        pattern.id
    }

    /// The pattern of `shape`, when it is known.
    pub fn known(&self, shape: u64) -> Option<PatternId> {
        let slot = *self.young.get(&shape).or_else(|| self.old.get(&shape))?;
        Some(self.patterns[slot as usize].id)
    }

    /// The template of a pattern as it is now, values written `<*>`.
    pub fn template(&self, id: PatternId) -> Option<String> {
        let slot = *self.slots.get(&id.0)?;
        Some(self.patterns[slot as usize].template.to_string())
    }

    /// All patterns and their templates.
    pub fn templates(&self) -> impl Iterator<Item = (PatternId, String)> {
        self.patterns.iter().map(|pattern| (pattern.id, pattern.template.to_string()))
    }

    /// Forgets these patterns and all shapes of theirs: their messages are gone, and so are the words that only they had.
    pub fn forget(&mut self, ids: &BTreeSet<PatternId>) {
        let stays: Vec<bool> = self.patterns.iter().map(|pattern| !ids.contains(&pattern.id)).collect();
        self.keep(&stays);
    }

    /// How many patterns there are.
    pub fn len(&self) -> usize {
        self.patterns.len()
    }

    /// Whether no message was seen.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The patterns that went since this was asked last. An id that came back meanwhile is not among them.
    pub fn take_evicted(&mut self) -> Vec<PatternId> {
        std::mem::take(&mut self.evicted)
    }

    fn remember(&mut self, shape: u64, slot: u32) {
        if self.young.len() >= SHAPES_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(shape, slot);
    }

    /// Slow path: looks through the leaf of a shape that is new.
    fn search(&mut self, message: &str) -> u32 {
        let line = Template::of(message);
        let leaf = line.leaf();
        match self.leaves.get(&leaf).and_then(|slots| self.best_of(slots, &line)) {
            Some(slot) => {
                let pattern = &mut self.patterns[slot as usize];
                if let Some(merged) = pattern.template.generalise(&line) {
                    pattern.template = Arc::new(merged);
                }
                slot
            }
            None => self.found(line, leaf),
        }
    }

    /// The pattern that `line` joins; the older one when two fit alike.
    fn best_of(&self, slots: &[u32], line: &Template) -> Option<u32> {
        let (mut joins, mut gaps) = (None, None);
        // The place where a word differs, the first pattern of which that is so, and how many there are.
        let mut choice: Option<(usize, u32, usize)> = None;
        let better = |best: Option<(u32, u32)>, points| best.is_none_or(|(most, _)| points > most);
        for &slot in slots {
            match self.patterns[slot as usize].template.fit(line) {
                Fit::Joins(points) if better(joins, points) => joins = Some((points, slot)),
                Fit::Gaps(points) if better(gaps, points) => gaps = Some((points, slot)),
                Fit::OneWord(at) => match &mut choice {
                    Some((place, _, count)) if *place == at => *count += 1,
                    Some(_) => {}
                    None => choice = Some((at, slot, 1)),
                },
                Fit::Joins(_) | Fit::Gaps(_) | Fit::Foreign => {}
            }
        }
        let chosen = choice.filter(|&(_, _, count)| count >= CHOICES_MAX || slots.len() >= LEAF_MAX);
        let forced = gaps.filter(|_| slots.len() >= LEAF_MAX);
        joins.map(|(_, slot)| slot).or(chosen.map(|(_, slot, _)| slot)).or(forced.map(|(_, slot)| slot))
    }

    /// Adds a pattern.
    fn found(&mut self, template: Template, leaf: u64) -> u32 {
        if self.patterns.len() >= PATTERNS_MAX {
            self.evict();
        }
        let id = self.free_id(&template);
        self.evicted.retain(|&gone| gone != id);
        let slot = place(self.patterns.len());
        self.slots.insert(id.0, slot);
        self.leaves.entry(leaf).or_default().push(slot);
        self.patterns.push(Pattern { id, last_used: self.tick, leaf, template: Arc::new(template) });
        slot
    }

    fn free_id(&self, template: &Template) -> PatternId {
        let mut id = xxh3_64(template.to_string().as_bytes()) as u32;
        while id == PatternId::NONE.0 || self.slots.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        PatternId(id)
    }

    /// Forgets the least recently used patterns and all shapes of theirs.
    fn evict(&mut self) {
        let mut used: Vec<(u64, u32)> =
            (0..).zip(&self.patterns).map(|(slot, p)| (p.last_used, slot)).collect();
        let (oldest, ..) = used.select_nth_unstable(EVICT_BATCH);
        let mut stays = vec![true; self.patterns.len()];
        oldest.iter().for_each(|&(_, slot)| stays[slot as usize] = false);
        let room = PATTERNS_MAX.saturating_sub(self.evicted.len());
        let gone = self.patterns.iter().zip(&stays).filter(|(_, stays)| !**stays);
        self.evicted.extend(gone.map(|(pattern, _)| pattern.id).take(room));
        self.keep(&stays);
    }

    /// Keeps the patterns for which `stays`, by slot, and their shapes.
    fn keep(&mut self, stays: &[bool]) {
        let mut moved: Vec<Option<u32>> = stays.iter().map(|stays| stays.then_some(0)).collect();
        (0..).zip(moved.iter_mut().flatten()).for_each(|(new, slot)| *slot = new);
        let mut old_slots = stays.iter();
        self.patterns.retain(|_| old_slots.next() == Some(&true));
        for shapes in [&mut self.young, &mut self.old] {
            shapes.retain(|_, slot| moved[*slot as usize].map(|new| *slot = new).is_some());
        }
        self.index();
    }

    /// Makes anew what follows from the patterns.
    fn index(&mut self) {
        self.slots.clear();
        self.leaves.clear();
        for (slot, pattern) in (0..).zip(&self.patterns) {
            self.slots.insert(pattern.id.0, slot);
            self.leaves.entry(pattern.leaf).or_default().push(slot);
        }
    }
}

fn place(slot: usize) -> u32 {
    u32::try_from(slot).expect("at most PATTERNS_MAX")
}
