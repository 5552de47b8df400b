//! Reading statistics and columns of a block, and what they tell a matcher.

use super::{KIND_FEW, PURE, SCALE_MAX, UNFIT, packed};
use crate::block::Names;
use logweir_base::parse::Severity;
use logweir_base::query::{NumbersAt, Presence};
use logweir_base::varint::{take, unzigzag};

/// Rows of one severity and service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Group {
    pub(crate) severity: Severity,
    /// Number in the run.
    pub(crate) service: u32,
    pub(crate) rows: u32,
}

/// What is wanted of a block's statistics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// All but groups.
    Columns,
    All,
}

/// What is known of a block's rows together. Reads one entry after the other; keeps its buffers.
#[derive(Default, Debug)]
pub(crate) struct BlockStats {
    pub(crate) rows: u32,
    pub(crate) groups: Vec<Group>,
    pub(crate) columns: Vec<ColumnStats>,
    /// A field without a column has no number in this block.
    pub(crate) is_complete: bool,
    /// Words of some line do not stand in its text as they are.
    pub(crate) hides_words: bool,
}

/// What is known of a column.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct ColumnStats {
    /// Number in the run.
    pub(crate) path: u32,
    pub(crate) is_pure: bool,
    /// `None` when it is unfit.
    pub(crate) values: Option<Values>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Values {
    pub(crate) rows: u32,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) bytes: u32,
}

impl BlockStats {
    /// Reads the entry at the front of `input` and goes past it; `None` when it is none.
    pub(crate) fn read(&mut self, input: &mut &[u8], parts: Parts) -> Option<()> {
        let len = usize::try_from(take(input)?).ok()?;
        let (mut entry, rest) = input.split_at_checked(len)?;
        *input = rest;
        self.read_entry(&mut entry, parts).filter(|()| entry.is_empty())
    }

    fn read_entry(&mut self, entry: &mut &[u8], parts: Parts) -> Option<()> {
        self.groups.clear();
        self.columns.clear();
        self.rows = take_u32(entry)?;
        let groups = usize::try_from(take(entry)?).ok()?;
        let (mut groups, rest) = entry.split_at_checked(groups)?;
        *entry = rest;
        while parts == Parts::All && !groups.is_empty() {
            let severity = Severity(u8::try_from(take(&mut groups)?).ok()?);
            let (service, rows) = (take_u32(&mut groups)?, take_u32(&mut groups)?);
            self.groups.push(Group { severity, service, rows });
        }
        let columns = take(entry)?;
        (self.is_complete, self.hides_words) = (columns & 1 == 1, columns & 2 == 2);
        for _ in 0..columns >> 2 {
            let path = take_u32(entry)?;
            let (&flags, rest) = entry.split_first()?;
            *entry = rest;
            let values = if flags & UNFIT == 0 { Some(take_values(entry)?) } else { None };
            self.columns.push(ColumnStats { path, is_pure: flags & PURE != 0, values });
        }
        Some(())
    }

    /// What is known of the numbers at a path, for all rows.
    pub(crate) fn numbers(&self, state: ColumnState) -> NumbersAt {
        let column = match state {
            ColumnState::Unknown => return NumbersAt::Unknown,
            ColumnState::Absent => None,
            ColumnState::At(path) => self.columns.iter().find(|column| column.path == path),
        };
        match column {
            None if self.is_complete => no_number(false),
            None => NumbersAt::Unknown,
            Some(ColumnStats { values: None, .. }) => NumbersAt::Unknown,
            Some(ColumnStats { values: Some(values), is_pure, .. }) => NumbersAt::Known {
                presence: if values.rows == self.rows { Presence::All } else { Presence::Some },
                low: values.low,
                high: values.high,
                pure: *is_pure,
            },
        }
    }
}

/// No row has a number.
fn no_number(pure: bool) -> NumbersAt {
    NumbersAt::Known { presence: Presence::None, low: 0.0, high: 0.0, pure }
}

/// One number, or none, of one row.
pub(crate) fn of_row(number: Option<f64>, pure: bool) -> NumbersAt {
    match number {
        None => no_number(pure),
        Some(number) => NumbersAt::Known { presence: Presence::All, low: number, high: number, pure },
    }
}

/// What a field is to the blocks of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColumnState {
    /// Its source may have the field too, so that columns do not tell.
    Unknown,
    /// No row of the run has a number there, unless a block says that it is not complete.
    Absent,
    /// Its column has this number.
    At(u32),
}

/// What some fields are to the blocks of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunColumns(pub(crate) Vec<ColumnState>);

impl RunColumns {
    /// Of the fields `wanted` in a run with these names.
    pub(crate) fn of(wanted: &[String], names: Names<'_>) -> Self {
        let state = |path: &String| {
            let of_source = matches!(path.as_str(), "file" | "host")
                || names.resources().any(|resource| resource.labels.contains_key(path));
            let place = || names.paths().position(|known| **known == **path);
            match of_source {
                true => ColumnState::Unknown,
                false => place().map_or(ColumnState::Absent, |at| ColumnState::At(at as u32)),
            }
        };
        Self(wanted.iter().map(state).collect())
    }
}

/// The group of each row, as an index into the statistics' groups; what follows are the columns.
pub(crate) fn read_groups<'a>(stats: &BlockStats, blob: &'a [u8], groups: &mut Vec<u64>) -> Option<&'a [u8]> {
    let mut rest = blob;
    packed::take(&mut rest, stats.rows as usize, groups)?;
    groups.iter().all(|&group| (group as usize) < stats.groups.len()).then_some(rest)
}

/// The number of each row at the path, if it has one. `columns` is what [`read_groups`] left.
pub(crate) fn read_numbers(
    stats: &BlockStats,
    path: u32,
    columns: &[u8],
    scratch: &mut Vec<u64>,
    numbers: &mut Vec<Option<f64>>,
) -> Option<()> {
    let mut rest = columns;
    for column in &stats.columns {
        let Some(values) = column.values else {
            continue;
        };
        let (mut own, behind) = rest.split_at_checked(values.bytes as usize)?;
        rest = behind;
        if column.path == path {
            return read_column(stats.rows as usize, values, &mut own, scratch, numbers);
        }
    }
    None
}

fn read_column(
    rows: usize,
    values: Values,
    input: &mut &[u8],
    scratch: &mut Vec<u64>,
    numbers: &mut Vec<Option<f64>>,
) -> Option<()> {
    numbers.clear();
    let count = values.rows as usize;
    if count == rows {
        return read_values(count, input, scratch, |number| numbers.push(Some(number)));
    }
    let mut present = Vec::new();
    packed::take(input, rows, &mut present)?;
    if present.iter().filter(|&&bit| bit == 1).count() != count {
        return None;
    }
    let mut dense = Vec::with_capacity(count);
    read_values(count, input, scratch, |number| dense.push(number))?;
    let mut next = dense.into_iter();
    numbers.extend(present.iter().map(|&bit| if bit == 1 { next.next() } else { None }));
    Some(())
}

fn read_values(
    count: usize,
    input: &mut &[u8],
    scratch: &mut Vec<u64>,
    mut each: impl FnMut(f64),
) -> Option<()> {
    let (&kind, rest) = input.split_first()?;
    *input = rest;
    if kind == 0 {
        let bytes = input.get(..count.checked_mul(8)?)?;
        bytes.chunks_exact(8).for_each(|it| each(f64::from_le_bytes(it.try_into().expect("eight bytes"))));
        return Some(());
    }
    let scale = if kind >= KIND_FEW { kind - KIND_FEW } else { kind - 1 };
    if scale > SCALE_MAX {
        return None;
    }
    let factor = 10f64.powi(i32::from(scale));
    let number = |integer: i64| integer as f64 / factor;
    if kind < KIND_FEW {
        let least = unzigzag(take(input)?);
        packed::take(input, count, scratch)?;
        scratch.iter().for_each(|&more| each(number(least.wrapping_add_unsigned(more))));
        return Some(());
    }
    let mut few = [0.0; super::FEW_MAX];
    for slot in few.get_mut(..usize::try_from(take(input)?).ok()?)? {
        *slot = number(unzigzag(take(input)?));
    }
    packed::take(input, count, scratch)?;
    scratch.iter().try_for_each(|&which| few.get(which as usize).map(|&number| each(number)))
}

fn take_values(entry: &mut &[u8]) -> Option<Values> {
    let (rows, bytes) = (take_u32(entry)?, take_u32(entry)?);
    let (low, rest) = entry.split_first_chunk::<8>()?;
    let (high, rest) = rest.split_first_chunk::<8>()?;
    *entry = rest;
    Some(Values { rows, low: f64::from_le_bytes(*low), high: f64::from_le_bytes(*high), bytes })
}

fn take_u32(input: &mut &[u8]) -> Option<u32> {
    u32::try_from(take(input)?).ok()
}
