//! Gathering the columns of a block while its lines are sealed.

use super::{EXACT_MAX, FEW_MAX, KIND_FEW, PATHS_MAX, PURE, SCALE_MAX, UNFIT, packed};
use logweir_base::parse::{Number, Severity, Value};
use logweir_base::varint::{put, zigzag};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Builds the columns of one block after the other; paths are numbered through a run.
#[derive(Default)]
pub(crate) struct ColumnsBuilder {
    rows: u32,
    /// Each pair of severity and service with its number of rows.
    groups: Vec<(Severity, u32, u32)>,
    /// The group of each row.
    group_of: Vec<u64>,
    /// By hash of the path.
    places: BTreeMap<u64, usize>,
    columns: Vec<Column>,
    paths: Vec<Arc<str>>,
    /// A field has found no place in this block.
    has_others: bool,
    hides_words: bool,
}

#[derive(Default)]
struct Column {
    rows: Vec<u32>,
    numbers: Vec<f64>,
    is_impure: bool,
    is_unfit: bool,
}

/// What a block's columns are, as bytes.
pub(crate) struct Built {
    pub(crate) stats: Box<[u8]>,
    pub(crate) columns: Box<[u8]>,
}

impl ColumnsBuilder {
    /// The next row.
    pub(crate) fn row(&mut self, severity: Severity, service: u32) {
        let is_it = |group: &(Severity, u32, u32)| (group.0, group.1) == (severity, service);
        let group = self.groups.iter().position(is_it).unwrap_or_else(|| {
            self.groups.push((severity, service, 0));
            self.groups.len() - 1
        });
        self.groups[group].2 += 1;
        self.group_of.push(group as u64);
        self.rows += 1;
    }

    /// Words of the latest row do not stand in its text as they are.
    pub(crate) fn hides_words(&mut self) {
        self.hides_words = true;
    }

    /// A field of the latest row.
    pub(crate) fn field(&mut self, hash: u64, path: &str, value: Value<'_>) {
        let number = Number::of(value);
        let Some(place) = self.place_of(hash, path) else {
            self.has_others |= number.is_some();
            return;
        };
        let column = &mut self.columns[place];
        column.is_impure |= matches!(value, Value::Str(_) | Value::Bool(_));
        if let Some(number) = number {
            column.add(self.rows - 1, number);
        }
    }

    /// The columns of the rows so far; the next row begins a new block.
    pub(crate) fn cut(&mut self) -> Built {
        let mut columns = Vec::new();
        packed::put(&mut columns, &self.group_of);
        let mut entry = Vec::new();
        put(&mut entry, u64::from(self.rows));
        let mut groups = Vec::new();
        for (severity, service, rows) in &self.groups {
            [u64::from(severity.0), u64::from(*service), u64::from(*rows)]
                .iter()
                .for_each(|&n| put(&mut groups, n));
        }
        put(&mut entry, groups.len() as u64);
        entry.extend_from_slice(&groups);
        let used = self.columns.iter().filter(|column| column.is_used()).count() as u64;
        put(&mut entry, used << 2 | u64::from(self.hides_words) << 1 | u64::from(!self.has_others));
        for (path, column) in self.columns.iter().enumerate().filter(|(_, column)| column.is_used()) {
            put(&mut entry, path as u64);
            column.write(self.rows, &mut entry, &mut columns);
        }
        let mut stats = Vec::with_capacity(entry.len() + 2);
        put(&mut stats, entry.len() as u64);
        stats.extend_from_slice(&entry);
        self.clear();
        Built { stats: stats.into(), columns: columns.into() }
    }

    /// The paths that numbers stand for; the next run begins anew.
    pub(crate) fn take_paths(&mut self) -> Vec<Arc<str>> {
        self.places.clear();
        self.columns.clear();
        std::mem::take(&mut self.paths)
    }

    fn place_of(&mut self, hash: u64, path: &str) -> Option<usize> {
        if let Some(&place) = self.places.get(&hash) {
            return Some(place);
        }
        if self.paths.len() >= PATHS_MAX {
            return None;
        }
        self.places.insert(hash, self.paths.len());
        self.paths.push(path.into());
        self.columns.push(Column::default());
        Some(self.paths.len() - 1)
    }

    fn clear(&mut self) {
        self.rows = 0;
        self.groups.clear();
        self.group_of.clear();
        (self.has_others, self.hides_words) = (false, false);
        for column in &mut self.columns {
            column.rows.clear();
            column.numbers.clear();
            (column.is_impure, column.is_unfit) = (false, false);
        }
    }
}

impl Column {
    fn add(&mut self, row: u32, number: Number) {
        let exact = match number {
            Number::Int(n) => n.unsigned_abs() < EXACT_MAX as u128,
            Number::Float(n) => n.is_finite(),
        };
        self.is_unfit |= !exact || self.rows.last() == Some(&row);
        self.rows.push(row);
        self.numbers.push(number.as_f64());
    }

    fn is_used(&self) -> bool {
        !self.rows.is_empty()
    }

    fn write(&self, rows: u32, stats: &mut Vec<u8>, columns: &mut Vec<u8>) {
        let flags = if self.is_unfit { UNFIT } else { 0 } | if self.is_impure { 0 } else { PURE };
        stats.push(flags);
        if self.is_unfit {
            return;
        }
        let start = columns.len();
        if self.rows.len() < rows as usize {
            let mut present = vec![0; rows as usize];
            self.rows.iter().for_each(|&row| present[row as usize] = 1);
            packed::put(columns, &present);
        }
        write_numbers(&self.numbers, columns);
        put(stats, self.rows.len() as u64);
        put(stats, (columns.len() - start) as u64);
        let least = self.numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self.numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        stats.extend_from_slice(&least.to_le_bytes());
        stats.extend_from_slice(&greatest.to_le_bytes());
    }
}

fn write_numbers(numbers: &[f64], out: &mut Vec<u8>) {
    let Some((scale, integers)) = as_integers(numbers) else {
        out.push(0);
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        return;
    };
    let mut few = integers.clone();
    few.sort_unstable();
    few.dedup();
    if few.len() <= FEW_MAX {
        out.push(KIND_FEW + scale);
        put(out, few.len() as u64);
        few.iter().for_each(|&integer| put(out, zigzag(integer)));
        let which = integers.iter().map(|integer| few.partition_point(|it| it < integer) as u64);
        return packed::put(out, &which.collect::<Vec<_>>());
    }
    out.push(1 + scale);
    put(out, zigzag(few[0]));
    packed::put(
        out,
        &integers.iter().map(|&integer| integer.wrapping_sub(few[0]) as u64).collect::<Vec<_>>(),
    );
}

/// Integers that give back just these numbers when they are divided by 10 to the power of the scale, the least there is.
fn as_integers(numbers: &[f64]) -> Option<(u8, Vec<i64>)> {
    let mut scale = 0;
    let mut at = 0;
    let mut integers = Vec::with_capacity(numbers.len());
    while at < numbers.len() {
        let factor = 10f64.powi(i32::from(scale));
        let integer = (numbers[at] * factor).round();
        if integer.abs() < EXACT_MAX && (integer as i64 as f64 / factor).to_bits() == numbers[at].to_bits() {
            integers.push(integer as i64);
            at += 1;
        } else if scale < SCALE_MAX && numbers[at].to_bits() != (-0.0f64).to_bits() {
            scale += 1;
            integers.clear();
            at = 0;
        } else {
            return None;
        }
    }
    Some((scale, integers))
}
