//! Pipes as text; every example of `docs/query.md`; and the numbers of [`Stats`] against plain ones.

use super::{Cell, FieldReader, Named, Pipeline, Reduce, Stats, Step, Table};
use crate::batch::{Batch, BatchLine, Codec, LineMeta};
use crate::entry::RecordBatch;
use crate::frame::Resource;
use crate::ids::{Epoch, Offset, SourceId};
use crate::parse::{Parser, RecordView, look};
use crate::query::Matcher;
use crate::time::Timestamp;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const DOC: &str = include_str!("../../../docs/query.md");

fn now() -> Timestamp {
    Timestamp::parse("2026-11-23T12:00:00Z").expect("a time")
}

fn records(lines: &[&str]) -> RecordBatch {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let rows = lines.iter().map(|line| {
        let len = line.len() as u32 + 1;
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    });
    let batch = Batch {
        source: SourceId([7; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: rows.collect(),
        codec: Codec::None,
        text_len: text.len() as u32,
        payload: Bytes::from(text),
    };
    let resource = Resource { host: "web-1".into(), path: "/var/log/app.log".into(), ..Resource::default() };
    look(&batch, Arc::new(resource), now(), &mut Parser::new()).expect("a sound batch")
}

/// Fenced blocks of this kind.
fn blocks(kind: &str) -> Vec<Vec<&'static str>> {
    let fence = format!("```{kind}\n");
    let parts = DOC.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().lines().collect()).collect()
}

#[test]
fn every_condition_of_the_manual_finds_what_it_says() {
    let batch = records(&blocks("json lines")[0]);
    let rows: Vec<Vec<&str>> = DOC
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.replace("\\|", "\u{0}"))
        .map(|line| -> Vec<&'static str> { line.leak().split('|').map(str::trim).collect() })
        .collect();
    assert!(rows.len() > 35, "the table of conditions is read");
    for row in rows {
        let text = row[1].trim_matches('`');
        let pipeline = Pipeline::parse(text, now()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let mut matcher = Matcher::new(&pipeline.query);
        let numbers = (1..).zip(&batch.records);
        let found = numbers.filter(|(_, record)| matcher.matches(&batch.view(record)));
        let found: Vec<String> = found.map(|(number, _): (u32, _)| number.to_string()).collect();
        assert_eq!(found.join(" "), row[2], "{text}");
    }
}

#[test]
fn every_table_of_the_manual_is_what_comes() {
    let batch = records(&blocks("json lines")[0]);
    let tables = blocks("table");
    assert!(tables.len() > 7, "the tables are read");
    for block in tables {
        let text = block[0];
        let pipeline = Pipeline::parse(text, now()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let table = table_of(&batch, &pipeline);
        let mut lines = vec![table.columns.clone()];
        lines.extend(table.rows.iter().map(|row| row.iter().map(shown).collect()));
        let expected: Vec<Vec<String>> = block[1..]
            .iter()
            .map(|line| {
                line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
            })
            .collect();
        assert_eq!(lines, expected, "{text}");
    }
}

/// The table of a pipe; of records, the fields that are shown.
fn table_of(batch: &RecordBatch, pipeline: &Pipeline) -> Table {
    let mut matcher = Matcher::new(&pipeline.query);
    let views = batch.records.iter().map(|record| batch.view(record));
    let views: Vec<RecordView<'_>> = views.filter(|view| matcher.matches(view)).collect();
    let Some(Reduce::Stats(spec)) = &pipeline.reduce else {
        return fields_of(&views, &pipeline.steps);
    };
    let mut stats = Stats::new(spec);
    views.iter().for_each(|view| stats.add(view));
    let mut table = stats.finish();
    table.apply(&pipeline.steps);
    table
}

fn fields_of(views: &[RecordView<'_>], steps: &[Step]) -> Table {
    let names = steps.iter().find_map(|step| match step {
        Step::Fields(names) => Some(names.clone()),
        _ => None,
    });
    let columns = names.expect("an example of records shows fields");
    let mut reader = FieldReader::new(columns.iter().map(|name| Named::of(name)).collect());
    let rows = views.iter().map(|view| {
        reader.read(view);
        let text = |at| reader.text(at).map_or(Cell::Missing, |text| Cell::Text(text.to_owned()));
        (0..columns.len()).map(text).collect()
    });
    let mut table = Table { rows: rows.collect(), columns: columns.clone() };
    table.apply(steps);
    table
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "-".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Count(n) => n.to_string(),
        // Six digits, as the command line shows them.
        Cell::Number(n) => format!("{:.2}", n).trim_end_matches('0').trim_end_matches('.').to_owned(),
        Cell::Time(time) => time.to_string(),
    }
}

#[test]
fn mistakes_in_pipes_say_where_and_what() {
    let check = |text: &str, column: usize, part: &str| {
        let error = Pipeline::parse(text, now()).expect_err(text);
        assert_eq!(error.column, column, "{text}: {error}");
        assert!(error.message.contains(part), "{text}: {error}");
    };
    check("* |", 4, "a pipe is expected");
    check("* | cuont", 5, "a pipe is expected");
    check("* | count by", 13, "name of a field");
    check("* | count every soon", 17, "a span is expected");
    check("* | count every 0s", 17, "a span is expected");
    check("* | p99", 8, "field in parentheses");
    check("* | p101(x)", 5, "a pipe is expected");
    check("* | sum(", 9, "name of a field");
    check("* | sum(x", 10, "`)` is expected");
    check("* | count | count", 13, "first pipe");
    check("* | limit 5 | count", 15, "first pipe");
    check("* | limit x", 11, "a whole number");
    check("* | top user", 9, "a whole number");
    check("* | context 1000", 5, "more than");
    check("* | count | context 1", 13, "only `limit`");
    check("* | context 1 | limit 1", 17, "stands last");
    check("* | count ) x", 11, "another pipe, or the end");
    check("* | count, count", 5, "two columns");
    check("* | count by count", 5, "two columns");
    check("* | count by time every 1m", 5, "two columns");
    check("* | count by a | sort b", 23, "there is no column `b`; there are `a`, `count`");
    check("* | count by a | fields a | sort count", 34, "no column");
    check("* | patterns | sort nope", 21, "no column");
    check("a | b:c", 5, "a pipe is expected");
    check(&format!("*{}", " | limit 1".repeat(17)), 164, "more than");
}

#[test]
fn pipes_are_read_as_they_are_meant() {
    let check = |text: &str, columns: &[&str]| {
        let pipeline = Pipeline::parse(text, now()).unwrap_or_else(|e| panic!("{text}: {e}"));
        let Some(Reduce::Stats(spec)) = pipeline.reduce else { panic!("{text} counts nothing") };
        assert_eq!(Stats::new(&spec).finish().columns, columns, "{text}");
    };
    check("* | count", &["count"]);
    check("*|count by level,service every 5m", &["time", "level", "service", "count"]);
    check("* | p50, p99 (d), count", &["p50(d)", "p99(d)", "count"]);
    check("* | sum avg(d) by \"odd name\"", &["odd name", "sum(d)", "avg(d)"]);
    check("* | top 3 http.path", &["http.path", "count"]);
    check("* | p99.9(d)", &["p99.9(d)"]);
}

proptest! {
    #[test]
    fn any_text_is_a_search_or_an_error(text in "[a-z0-9|,() .*:]{0,40}( \\| (count|p5|sum|by|every|top|sort|limit|fields)[a-z0-9|,() ]{0,12}){0,3}") {
        if let Err(error) = Pipeline::parse(&text, now()) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}: {}", text, error);
        }
    }

    /// Counts, sums and the like of each group are those of its numbers, however records are split and merged.
    #[test]
    fn numbers_are_those_of_each_group(
        rows in prop::collection::vec((0u8..4, prop::option::of(-1000i32..1000), 0i64..100), 0..40), cut in any::<prop::sample::Index>()
    ) {
        let line = |(group, number, second): &(u8, Option<i32>, i64)| {
            let number = number.map(|n| format!(",\"n\":{n}")).unwrap_or_default();
            let time = Timestamp::from_seconds(1_795_400_000 + second);
            format!("{{\"time\":\"{time}\",\"g\":\"{group}\"{number}}}")
        };
        let lines: Vec<String> = rows.iter().map(line).collect();
        let batch = records(&lines.iter().map(String::as_str).collect::<Vec<_>>());
        let text = "* | count, sum(n), min(n), max(n), distinct(n) by g every 10s";
        let Some(Reduce::Stats(spec)) = Pipeline::parse(text, now()).expect("parses").reduce else { panic!("counts") };
        let (mut a, mut b) = (Stats::new(&spec), Stats::new(&spec).share_of(2));
        let cut = cut.index(batch.records.len() + 1);
        batch.records[..cut].iter().for_each(|record| a.add(&batch.view(record)));
        batch.records[cut..].iter().for_each(|record| b.add(&batch.view(record)));
        a.merge(b);
        let mut groups: BTreeMap<(i64, String), Vec<Option<i32>>> = BTreeMap::new();
        for (group, number, second) in &rows {
            let window = (1_795_400_000 + second).div_euclid(10) * 10;
            groups.entry((window, group.to_string())).or_default().push(*number);
        }
        let expected: Vec<Vec<Cell>> = groups.into_iter().map(|((window, group), all)| {
            let numbers: Vec<i32> = all.iter().copied().flatten().collect();
            let cell = |n: Option<i32>| n.map_or(Cell::Missing, |n| Cell::Number(f64::from(n)));
            let mut different = numbers.clone();
            different.sort_unstable();
            different.dedup();
            vec![
                Cell::Time(Timestamp::from_seconds(window)),
                Cell::Text(group),
                Cell::Count(all.len() as u64),
                cell((!numbers.is_empty()).then(|| numbers.iter().sum())),
                cell(numbers.iter().copied().min()),
                cell(numbers.iter().copied().max()),
                Cell::Count(different.len() as u64),
            ]
        }).collect();
        prop_assert_eq!(a.finish().rows, expected);
    }
}
