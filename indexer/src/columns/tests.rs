//! Columns give back what was put in, and their statistics bound it.

use super::build::ColumnsBuilder;
use super::read::{BlockStats, Parts, read_groups, read_numbers};
use logweir_base::parse::{Number, Severity, Value};
use proptest::prelude::*;

const PATHS: [&str; 3] = ["a", "b.c", "d"];

#[derive(Debug, Clone)]
enum Field {
    Int(i64),
    Float(f64),
    Text(String),
    Flag,
}

impl Field {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Int(n) => Value::I64(*n),
            Self::Float(n) => Value::F64(*n),
            Self::Text(text) => Value::Str(text),
            Self::Flag => Value::Bool(true),
        }
    }
}

fn field() -> impl Strategy<Value = Field> {
    prop_oneof![
        4 => (-50i64..50).prop_map(Field::Int),
        4 => (0u32..400_000).prop_map(|n| Field::Float(f64::from(n) / 1000.0)),
        1 => any::<i64>().prop_map(Field::Int),
        1 => any::<f64>().prop_map(Field::Float),
        1 => prop::sample::select(vec!["7", "-0.0", "x", "1e3", "007"]).prop_map(|t| Field::Text(t.to_owned())),
        1 => Just(Field::Flag),
    ]
}

type Row = (u8, u32, Vec<(usize, Field)>);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let fields = prop::collection::vec((0..PATHS.len(), field()), 0..3);
    prop::collection::vec((prop::sample::select(vec![0u8, 9, 17]), 0u32..4, fields), 1..80)
}

fn check_column(path: usize, rows: &[Row], stats: &BlockStats, columns: &[u8]) {
    let of_row = |row: &Row| {
        let fields = row.2.iter().filter(|(at, _)| *at == path);
        fields.filter_map(|(_, field)| Number::of(field.value())).collect::<Vec<_>>()
    };
    let expected: Vec<_> = rows.iter().map(of_row).collect();
    let column = stats.columns.iter().find(|column| column.path as usize == path);
    let Some(values) = column.and_then(|column| column.values) else {
        let fits = |n: &Number| !matches!(n, Number::Int(n) if n.unsigned_abs() >= 1 << 53);
        let fit = expected.iter().all(|numbers| numbers.len() <= 1 && numbers.iter().all(fits));
        assert!(!fit || expected.iter().all(Vec::is_empty), "a column is missing");
        return;
    };
    let mut numbers = Vec::new();
    read_numbers(stats, path as u32, columns, &mut Vec::new(), &mut numbers).expect("reads");
    let bits = |n: Option<f64>| n.map(f64::to_bits);
    let plain: Vec<_> = expected.iter().map(|numbers| bits(numbers.first().map(|n| n.as_f64()))).collect();
    assert_eq!(numbers.iter().map(|n| bits(*n)).collect::<Vec<_>>(), plain);
    assert!(numbers.iter().flatten().all(|n| (values.low..=values.high).contains(n)));
    let pure = rows.iter().flat_map(|row| &row.2).filter(|(at, _)| *at == path);
    let pure = pure.into_iter().all(|(_, field)| matches!(field, Field::Int(_) | Field::Float(_)));
    assert_eq!(column.map(|column| column.is_pure), Some(pure));
}

proptest! {
    #[test]
    fn columns_give_back_what_was_put_in(blocks in prop::collection::vec(rows(), 1..3)) {
        let mut builder = ColumnsBuilder::default();
        // Paths are numbered in order of appearance: let it be ours.
        builder.row(Severity(0), 0);
        (0u64..).zip(PATHS).for_each(|(hash, path)| builder.field(hash, path, Value::Null));
        builder.cut();
        for rows in blocks {
            for (severity, service, fields) in &rows {
                builder.row(Severity(*severity), *service);
                fields.iter().for_each(|(at, field)| builder.field(*at as u64, PATHS[*at], field.value()));
            }
            let built = builder.cut();
            let (mut stats, mut input) = (BlockStats::default(), &*built.stats);
            stats.read(&mut input, Parts::All).expect("an entry");
            prop_assert!(input.is_empty() && stats.is_complete);
            let mut groups = Vec::new();
            let columns = read_groups(&stats, &built.columns, &mut groups).expect("groups");
            for (row, group) in rows.iter().zip(&groups) {
                let group = stats.groups[*group as usize];
                prop_assert_eq!((group.severity, group.service), (Severity(row.0), row.1));
            }
            (0..PATHS.len()).for_each(|path| check_column(path, &rows, &stats, columns));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(entry: Vec<u8>, blob: Vec<u8>) {
        let mut stats = BlockStats::default();
        if stats.read(&mut entry.as_slice(), Parts::All).is_some() && stats.rows < 10_000 {
            let _ = read_groups(&stats, &blob, &mut Vec::new());
            let _ = read_numbers(&stats, 0, &blob, &mut Vec::new(), &mut Vec::new());
        }
    }
}
