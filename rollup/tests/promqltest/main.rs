//! Runs Prometheus' own test scripts (`../shared/data/promqltest`) against our evaluator, and holds it to what it has reached.
//!
//! Counted apart, not as failures: evaluations that see native histograms, which we do not have, and scripts of what Prometheus
//! calls experimental. A remark is asked for by its kind, not its words: ours have no place in the query.

mod script;
mod store;

use logweir_rollup::promql::{self, Limits, Outcome, QueryError, Row, Sample, Value};
use script::{Command, Expected, Item, Line, When};
use std::fs;
use std::path::Path;
use store::Store;

/// Scripts that must pass, and how many of their evaluations do at least.
const SCRIPTS: [(&str, usize); 13] = [
    ("aggregators", 125),
    ("at_modifier", 78),
    ("collision", 2),
    ("functions", 334),
    ("histograms", 93),
    ("literals", 25),
    ("name_label_dropping", 30),
    ("operators", 142),
    ("range_queries", 17),
    ("selectors", 31),
    ("staleness", 17),
    ("subquery", 32),
    ("trig_functions", 19),
];

/// Scripts that are not run, and why.
const SKIPPED: [(&str, &str); 8] = [
    ("duration_expression", "experimental: durations that are computed"),
    ("extended_vectors", "experimental: anchored and smoothed"),
    ("fill-modifier", "experimental: fill"),
    ("info", "experimental: info()"),
    ("limit", "experimental: limitk and limit_ratio, nearly all of it over native histograms"),
    ("native_histograms", "native histograms"),
    ("start_timestamps", "experimental: start timestamps"),
    ("type_and_unit", "experimental: labels for type and unit"),
];

/// How a script went.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: Vec<String>,
    native: usize,
}

#[test]
fn prometheus_own_scripts_pass() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/promqltest"));
    if !folder.exists() {
        println!("skipped: {} is not here", folder.display());
        return;
    }
    let mut faults = Vec::new();
    for (name, reached) in SCRIPTS {
        let text =
            fs::read_to_string(folder.join(format!("{name}.test"))).expect("the folder has the script");
        let tally = run(&text);
        let counted = tally.passed + tally.failed.len();
        println!("{name}: {} of {counted} pass, {} see native histograms", tally.passed, tally.native);
        tally.failed.iter().for_each(|why| println!("  {why}"));
        if tally.passed < reached || tally.passed * 10 < counted * 9 {
            faults.push(format!("{name}: {} of {counted} pass, {reached} did", tally.passed));
        }
    }
    for (name, why) in SKIPPED {
        println!("{name}: skipped, {why}");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn run(text: &str) -> Tally {
    let mut store = Store::default();
    let mut tally = Tally::default();
    for command in script::parse(text) {
        match command {
            Command::Clear => store = Store::default(),
            Command::Load { step, lines, has_nhcb } => store.load(step, &lines, has_nhcb),
            Command::Eval { line, when, query, expected } => {
                store.saw_native.set(false);
                let outcome = ask(&store, when, &query);
                if store.saw_native.get() || expected.is_native {
                    tally.native += 1;
                    continue;
                }
                match judge(when, &expected, outcome) {
                    Ok(()) => tally.passed += 1,
                    Err(why) => tally.failed.push(format!("line {line}: {query}: {why}")),
                }
            }
        }
    }
    tally
}

fn ask(store: &Store, when: When, query: &str) -> Result<Outcome, QueryError> {
    let limits = Limits::with_stop(&|| false);
    match when {
        When::At(time) => promql::instant(query, time, store, &limits),
        When::Over { start, end, step } => promql::range(query, start, end, step, store, &limits),
    }
}

fn judge(when: When, expected: &Expected, outcome: Result<Outcome, QueryError>) -> Result<(), String> {
    if let Some(why) = &expected.fail {
        return match outcome {
            Err(e) if e.to_string().contains(why) => Ok(()),
            other => Err(format!("should fail with {why:?}, not {other:?}")),
        };
    }
    let outcome = outcome.map_err(|e| format!("fails: {e}"))?;
    if expected.warn.is_some_and(|warn| warn == outcome.warnings.is_empty()) {
        return Err(format!("warnings {:?}", outcome.warnings));
    }
    if expected.info.is_some_and(|info| info == outcome.infos.is_empty()) {
        return Err(format!("infos {:?}", outcome.infos));
    }
    match (&outcome.value, when) {
        (Value::Scalar { value, .. }, _) => {
            let wanted = expected.scalar.ok_or("got a scalar")?;
            same(*value, wanted).then_some(()).ok_or(format!("got {value}, not {wanted}"))
        }
        (Value::String { value, .. }, _) => {
            let wanted = expected.text.as_deref().ok_or("got a string")?;
            (value == wanted).then_some(()).ok_or(format!("got {value:?}, not {wanted:?}"))
        }
        (Value::Vector(found), _) => {
            let rows = found
                .iter()
                .map(|one| Row { labels: one.labels.clone(), points: vec![(one.time, one.sample.clone())] });
            let time = found.first().map_or(0, |one| one.time);
            compare(expected, &rows.collect::<Vec<_>>(), (time, 0))
        }
        (Value::Matrix(rows), When::Over { start, step, .. }) => compare(expected, rows, (start, step)),
        (Value::Matrix(rows), When::At(_)) => compare(expected, rows, expected.range.ok_or("got a matrix")?),
    }
}

fn compare(expected: &Expected, rows: &[Row], times: (i64, i64)) -> Result<(), String> {
    let lines: Vec<&Line> =
        expected.lines.iter().filter(|line| line.items.iter().any(|item| *item != Item::None)).collect();
    if lines.len() != rows.len() {
        return Err(format!("{} series, not {}: {rows:?}", rows.len(), lines.len()));
    }
    for (i, line) in lines.into_iter().enumerate() {
        let found = rows.iter().position(|row| row.labels == line.labels);
        let found = found.ok_or_else(|| format!("{} is missing: {rows:?}", line.labels))?;
        if expected.is_ordered && found != i {
            return Err(format!("{} is at {found}, not {i}", line.labels));
        }
        let wanted = line.items.iter().enumerate().filter_map(|(i, item)| match item {
            Item::Value(value) => Some((times.0 + times.1 * i as i64, *value)),
            _ => None,
        });
        let wanted: Vec<(i64, f64)> = wanted.collect();
        let is_same = |((time, sample), (at, value)): (&(i64, Sample), &(i64, f64))| {
            time == at && matches!(sample, Sample::Float(number) if same(*number, *value))
        };
        let points = &rows[found].points;
        if points.len() != wanted.len() || !points.iter().zip(&wanted).all(is_same) {
            return Err(format!("{} is {points:?}, not {wanted:?}", line.labels));
        }
    }
    Ok(())
}

/// As near as Prometheus' own runner wants it.
fn same(a: f64, b: f64) -> bool {
    if a == b || (a.is_nan() && b.is_nan()) {
        return true;
    }
    let difference = (a - b).abs();
    difference < 1e-6 * f64::MIN_POSITIVE || difference / (a.abs() + b.abs()) < 1e-6
}
