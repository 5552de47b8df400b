//! What the store refuses and what it tells of it: numbers that no sum holds, budgets by name, what metrics of rules mean.

use super::model::tiny;
use super::*;
use crate::Intake;
use crate::rules::DEFAULTS;
use crate::select::{Windows, WindowsOf};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset};
use logweir_base::parse::{Parser, look};

fn windows(store: &Store, name: &str) -> Windows {
    let answer = store.select(&named(name), ALL).expect("answers");
    match answer.series.into_iter().next().map(|series| series.points) {
        Some(SeriesPoints::Windows(windows)) => windows,
        other => panic!("windows of {name} expected: {other:?}"),
    }
}

fn entry(rollup: &mut Rollup, body: EntryBody) {
    let position = Position(rollup.store().applied().0 + 1);
    let entry = Entry { position, received: timestamp(START), config: ConfigVersion(0), body };
    rollup.apply(&Arc::new(entry)).expect("applies");
}

fn lines(lines: &[&str]) -> EntryBody {
    let text = lines.join("\n") + "\n";
    let row = |line: &&str| {
        let len = line.len() as u32 + 1;
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let batch = Batch {
        source: SourceId([7; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: lines.iter().map(row).collect(),
        codec: Codec::None,
        text_len: text.len() as u32,
        payload: Bytes::from(text),
    };
    let resource = Arc::new(Resource::default());
    EntryBody::Records(look(&batch, resource, timestamp(START), &mut Parser::new()).expect("a sound batch"))
}

/// Two observations of 1e308 made the sum of a histogram, and of all that came after, +Inf. So did two increases.
#[test]
fn no_sum_becomes_infinite() {
    let mut rollup = open(&SimDir::new(), &tiny());
    let (c, h) = (labels("c", 1), labels("h", 1));
    {
        let mut intake: Intake<'_> = rollup.intake(timestamp(START), None);
        let counter = intake.series(WindowsOf::Counter, c.view()).expect("room");
        let histogram = intake.series(WindowsOf::Histogram, h.view()).expect("room");
        for value in [1e308, 2.0, 1e308, -1e308, f64::NAN] {
            assert!(intake.add_increase(counter, START, value));
            assert!(intake.add_observation(histogram, START, value, 1));
        }
    }
    let sent = [
        (Kind::Delta, labels("d", 1), vec![number(0, START, 1e308), number(0, START + 1, 3.0)]),
        (
            Kind::Histogram,
            labels("e", 1),
            vec![observations(0, START, &[1e308]), observations(0, START, &[5.0])],
        ),
        (Kind::CumulativeHistogram, labels("f", 1), vec![observations(1, START, &[f64::MAX])]),
    ];
    apply_one(&mut rollup, 1, START, &Record::Samples(sent.to_vec())).expect("applies");
    let store = rollup.store();
    let increase = |name| windows(&store, name).rows.iter().map(|row| row.increase).sum::<f64>();
    let sum = |name| windows(&store, name).rows.iter().map(|row| row.sum).sum::<f64>();
    assert_eq!((increase("c"), sum("h"), increase("d"), sum("e")), (2.0, 2.0, 3.0, 5.0));
    let counts = store.status().points;
    assert_eq!((counts.not_finite, counts.taken), (11, 4));
}

/// They were counted where nobody could read it.
#[test]
fn numbers_that_rules_refuse_are_in_the_status() {
    let mut rollup = open(&SimDir::new(), &tiny());
    let config = "[[metric]]\nrule = 'metric \"a_total\" = sum(n)'\n[[metric]]\nrule = 'metric \"h\" = histogram(n)'\n";
    entry(&mut rollup, EntryBody::Config(config.to_owned()));
    entry(&mut rollup, lines(&[r#"{"n":-1}"#, r#"{"n":1e300}"#]));
    entry(&mut rollup, EntryBody::Config("[metrics]\ndefaults = false\n".to_owned() + config));
    entry(&mut rollup, lines(&[r#"{"n":-2}"#]));
    let refused = rollup.store().status().refused_numbers;
    assert_eq!((refused.negative, refused.too_large), (2, 2), "also after the rules have changed");
}

/// The metadata of what is counted from logs was empty.
#[test]
fn metrics_of_rules_are_described() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let rule = "metric \"queue_wait_seconds\" = histogram(wait_ms) / 1000 by service";
    entry(&mut rollup, EntryBody::Config(format!("[[metric]]\nrule = '{rule}'\n")));
    let check = |store: &Store, name: &str, kind: &str, unit: &str, help: &str| {
        let meta = store.metadata().remove(name).unwrap_or_else(|| panic!("nothing of {name}"));
        assert_eq!((meta.kind.as_str(), meta.unit.as_str(), meta.help.as_str()), (kind, unit, help));
    };
    let all = |store: &Store| {
        check(store, "queue_wait_seconds", "histogram", "seconds", rule);
        check(store, "log_records_total", "counter", "", "Log records received.");
        check(store, "log_bytes_total", "counter", "bytes", "Bytes of log records in their files.");
        assert_eq!(store.metadata().len(), DEFAULTS.len() + 1);
    };
    all(&rollup.store());
    drop(rollup);
    all(&open(&dir, &tiny()).store());
}

/// Each metric had a message of its own, whichever budget was used up, and pushed all other errors out.
#[test]
fn a_budget_that_is_used_up_is_told_by_its_name_and_once() {
    let check = |config: RollupConfig, expected: &[&str]| {
        let mut rollup = open(&SimDir::new(), &config);
        let of = |host| (Kind::Delta, labels(&format!("m{}", host / 9), host), vec![number(0, START, 1.0)]);
        apply_one(&mut rollup, 1, START, &Record::Samples((0..36).map(of).collect())).expect("applies");
        let errors = rollup.store().status().errors;
        assert_eq!(errors.len(), expected.len(), "{errors:?}");
        errors
            .iter()
            .zip(expected)
            .for_each(|(error, expected)| assert!(error.starts_with(expected), "{error}"));
        assert!(rollup.store().status().overflows.len() > 2);
    };
    check(RollupConfig { series_max: 5, ..tiny() }, &["series_max = 5 is used up; "]);
    let by_source = "series_per_source_max = 5 is used up by a source; ";
    check(RollupConfig { series_per_source_max: 5, ..tiny() }, &[by_source]);
    let of = |metric| format!("series_per_metric_max = 5 is used up by {metric}; ");
    let all = ["m0", "m1", "m2", "m3"].map(of);
    check(RollupConfig { series_per_metric_max: 5, ..tiny() }, &all.each_ref().map(String::as_str));
}
