//! Tests of the evaluator on what Prometheus' scripts do not have: windows, limits, and any input at all; and models that say in
//! the plainest way what a query means.

use super::{Limits, Outcome, QueryError, Row, Sample, Value, instant, range, selectors};
use crate::select::{
    Answer, MatchOp, Matcher, STALE_BITS, Samples, SelectError, Selected, SeriesPoints, Source, Span,
    WINDOWS_LOOKBACK_MS, Window, Windows, WindowsOf,
};
use logweir_base::metric::{Histogram, Labels};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Series in memory.
#[derive(Debug)]
struct Store(Vec<Selected>);

impl Source for Store {
    fn select(&self, matchers: &[Matcher], span: Span) -> Result<Answer, SelectError> {
        let passes = |one: &&Selected| matchers.iter().all(|m| m.passes(one.labels.get(&m.name)));
        let series = self.0.iter().filter(passes).map(|one| cut(one, span)).collect();
        Ok(Answer { series, warnings: Vec::new() })
    }
}

/// As a source gives them: samples in the span; windows also from before, and the rest of what was before in `before`.
fn cut(one: &Selected, span: Span) -> Selected {
    let points = match &one.points {
        SeriesPoints::Samples(all) => {
            let pairs = all.times.iter().copied().zip(all.values.iter().copied());
            let (times, values) = pairs.filter(|(time, _)| (span.start..=span.end).contains(time)).unzip();
            SeriesPoints::Samples(Samples { times, values })
        }
        SeriesPoints::Windows(all) => {
            let start = span.start - WINDOWS_LOOKBACK_MS;
            let mut kept = all.clone();
            let is_before = |row: &&Window| row.end < start;
            kept.before += all.rows.iter().filter(is_before).map(|row| row.increase).sum::<f64>();
            kept.rows.retain(|row| row.end >= start && row.end <= span.end);
            SeriesPoints::Windows(kept)
        }
    };
    Selected { labels: one.labels.clone(), points }
}

fn samples(labels: &[(&str, &str)], points: &[(i64, f64)]) -> Selected {
    let (times, values) = points.iter().copied().unzip();
    let points = SeriesPoints::Samples(Samples { times, values });
    Selected { labels: Arc::new(Labels::known(labels)), points }
}

fn windows(name: &str, of: WindowsOf, step_ms: i64, rows: Vec<Window>) -> Selected {
    let points = SeriesPoints::Windows(Windows { of, step_ms, rows, before: 0.0 });
    Selected { labels: Arc::new(Labels::known(&[("__name__", name)])), points }
}

/// A window in which these numbers were seen; of a counter, their sum is what it grew.
fn window(end: i64, numbers: &[f64]) -> Window {
    let mut histogram = Histogram::default();
    numbers.iter().for_each(|&number| histogram.record(number));
    Window {
        end,
        count: numbers.len() as u64,
        sum: numbers.iter().sum(),
        min: histogram.min,
        max: histogram.max,
        last: numbers.last().copied().unwrap_or_default(),
        increase: numbers.iter().sum(),
        histogram: Some(Arc::new(histogram)),
    }
}

fn ask(store: &Store, query: &str, time: i64) -> Result<Outcome, QueryError> {
    instant(query, time, store, &Limits::with_stop(&|| false))
}

/// The numbers that a query gives, by labels as PromQL writes them.
fn numbers(store: &Store, query: &str, time: i64) -> BTreeMap<String, f64> {
    let outcome = ask(store, query, time).unwrap_or_else(|e| panic!("{query}: {e}"));
    let Value::Vector(found) = outcome.value else { panic!("{query} gives no vector") };
    let number = |sample: &Sample| match sample {
        Sample::Float(value) => *value,
        Sample::Histogram(_) => panic!("{query} gives a histogram"),
    };
    found.iter().map(|one| (one.labels.to_string(), number(&one.sample))).collect()
}

/// The only number that a query gives.
fn number(store: &Store, query: &str, time: i64) -> Option<f64> {
    let found = numbers(store, query, time);
    assert!(found.len() < 2, "{query} gives {found:?}");
    found.into_values().next()
}

fn matrix(store: &Store, query: &str, start: i64, end: i64, step: i64) -> Vec<Row> {
    let outcome = range(query, start, end, step, store, &Limits::with_stop(&|| false));
    match outcome.unwrap_or_else(|e| panic!("{query}: {e}")).value {
        Value::Matrix(rows) => rows,
        other => panic!("{query} gives {other:?}"),
    }
}

fn near(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * (a.abs() + b.abs())
}

/// Samples with gaps and stale marks, or a counter with resets.
fn any_samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![8 => (0..50i32).prop_map(f64::from), 1 => Just(f64::from_bits(STALE_BITS))];
    prop::collection::btree_map(0..3_600_000i64, value, 0..80).prop_map(|all| all.into_iter().collect())
}

fn any_store() -> impl Strategy<Value = Store> {
    prop::collection::vec(any_samples(), 1..6).prop_map(|all| {
        let series = all.iter().enumerate().map(|(i, points)| {
            let group = if i % 2 == 0 { "even" } else { "odd" };
            samples(&[("__name__", "m"), ("group", group), ("i", &i.to_string())], points)
        });
        Store(series.collect())
    })
}

const QUERIES: [&str; 24] = [
    "m",
    "-m",
    "rate(m[7m])",
    "increase(m[90s])",
    "delta(m[7m])",
    "irate(m[7m])",
    "changes(m[10m] offset 3m)",
    "quantile_over_time(0.3, m[10m])",
    "predict_linear(m[10m], 60)",
    "max_over_time(m[5m] @ 1800)",
    "sum by (group) (m)",
    "avg without (i) (rate(m[9m]))",
    "stddev(m)",
    "topk by (group) (1, m)",
    "quantile(0.7, m)",
    "count_values(\"v\", m)",
    "m > 20",
    "m * on (i) group_left sum by (i) (m)",
    "m or on (group) vector(1)",
    "m unless m > 10",
    "absent(m{i=\"0\"})",
    "sum_over_time(max(m)[20m:2m])",
    "label_replace(m, \"j\", \"x$1\", \"i\", \"(.*)\")",
    "timestamp(m) - time()",
];

proptest! {
    /// A range query is as many instant queries.
    #[test]
    fn a_range_is_its_instants(store in any_store(), start in 0..3_000_000i64, step in 1..400_000i64) {
        for query in QUERIES {
            let mut of_range: BTreeMap<(i64, String), Sample> = BTreeMap::new();
            for row in matrix(&store, query, start, start + 4 * step, step) {
                let points = row.points.into_iter();
                of_range.extend(points.map(|(time, sample)| ((time, row.labels.to_string()), sample)));
            }
            let mut count = 0;
            for time in (0..5).map(|i| start + i * step) {
                for (labels, value) in numbers(&store, query, time) {
                    count += 1;
                    let found = of_range.get(&(time, labels.clone()));
                    let Some(Sample::Float(found)) = found else {
                        panic!("{query} at {time}: {labels} is {value}, not {found:?}")
                    };
                    prop_assert!(near(*found, value), "{} at {}: {} is {}, not {}", query, time, labels, value, found);
                }
            }
            prop_assert_eq!(count, of_range.len(), "{}", query);
        }
    }

    /// Aggregations, said as plainly as can be.
    #[test]
    fn aggregations_follow_a_model(store in any_store(), time in 0..3_600_000i64) {
        let mut groups: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        for (labels, value) in numbers(&store, "m", time) {
            let group = if labels.contains("even") { "{group=\"even\"}" } else { "{group=\"odd\"}" };
            groups.entry(group.to_owned()).or_default().push(value);
        }
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
        let variance = |of: &[f64]| of.iter().map(|v| (v - mean(of)).powi(2)).sum::<f64>() / of.len() as f64;
        let sorted = |of: &[f64]| {
            let mut of = of.to_vec();
            of.sort_by(f64::total_cmp);
            of
        };
        let check = |op: &str, model: &dyn Fn(&[f64]) -> f64| {
            let found = numbers(&store, &format!("{op} by (group) (m)"), time);
            let wanted: BTreeMap<_, _> = groups.iter().map(|(group, of)| (group.clone(), model(of))).collect();
            assert!(found.keys().eq(wanted.keys()), "{op}: {found:?}, not {wanted:?}");
            for (group, value) in &found {
                assert!((value - wanted[group]).abs() < 1e-6, "{op}: {found:?}, not {wanted:?}");
            }
        };
        check("sum", &|of| of.iter().sum());
        check("avg", &mean);
        check("count", &|of| of.len() as f64);
        check("group", &|_| 1.0);
        check("min", &|of| sorted(of)[0]);
        check("max", &|of| sorted(of)[of.len() - 1]);
        check("stdvar", &variance);
        check("stddev", &|of| variance(of).sqrt());
    }

    /// A rate over windows is what was counted, by the seconds; nothing is extrapolated.
    #[test]
    fn a_rate_over_windows_is_exact(
        counts in prop::collection::btree_map(0..720i64, 1..1000u32, 1..200),
        time in 0..9_000_000i64,
        seconds in 10..7200i64,
    ) {
        let rows = counts.iter().map(|(&i, &count)| window(i * 10_000, &[f64::from(count)])).collect();
        let store = Store(vec![windows("c", WindowsOf::Counter, 10_000, rows)]);
        let is_in = |end: i64| end > time - seconds * 1000 && end <= time;
        let ends: Vec<i64> = counts.keys().map(|i| i * 10_000).collect();
        let sum: f64 = counts.iter().filter(|(i, _)| is_in(*i * 10_000)).map(|(_, &count)| f64::from(count)).sum();
        let last = ends.iter().copied().rfind(|&end| end <= time);
        let is_alive = last.is_some_and(|end| time < end + WINDOWS_LOOKBACK_MS);
        let wanted = (is_alive || ends.iter().any(|&end| is_in(end))).then_some(sum);
        let found = number(&store, &format!("increase(c[{seconds}s])"), time);
        prop_assert_eq!(found, wanted);
        let found = number(&store, &format!("rate(c[{seconds}s])"), time);
        prop_assert_eq!(found, wanted.map(|sum| sum / seconds as f64));
        let all: f64 = counts.iter().filter(|(i, _)| *i * 10_000 <= time).map(|(_, &count)| f64::from(count)).sum();
        prop_assert_eq!(number(&store, "c", time), is_alive.then_some(all));
    }

    /// Windows that slide through a range are merged as if each range were merged by itself.
    #[test]
    fn sliding_histograms_are_merged_as_plain_ones(
        all in prop::collection::btree_map(0..60i64, prop::collection::vec(1..500u32, 0..5), 1..40),
        minutes in 1..30i64,
        step in 1..200_000i64,
    ) {
        let of = |numbers: &Vec<u32>| numbers.iter().map(|&n| f64::from(n)).collect::<Vec<_>>();
        let rows: Vec<Window> = all.iter().map(|(i, numbers)| window(i * 60_000, &of(numbers))).collect();
        let store = Store(vec![windows("h", WindowsOf::Histogram, 60_000, rows.clone())]);
        let mut found = BTreeMap::new();
        for row in matrix(&store, &format!("increase(h[{minutes}m])"), 0, 40 * step, step) {
            found.extend(row.points);
        }
        for time in (0..=40).map(|i| i * step) {
            let mut wanted = Histogram::default();
            let is_in = |row: &&Window| row.end > time - minutes * 60_000 && row.end <= time;
            let histograms = rows.iter().filter(is_in).filter_map(|row| row.histogram.as_ref());
            histograms.for_each(|one| wanted.merge(one));
            match found.get(&time) {
                Some(Sample::Histogram(scaled)) => prop_assert_eq!(&*scaled.histogram, &wanted),
                other => prop_assert!(other.is_none() && wanted.count == 0, "{:?}, not {:?}", other, wanted),
            }
        }
    }

    /// Anything that may be typed is answered or refused.
    #[test]
    fn any_query_is_answered_or_refused(words in prop::collection::vec(any_word(), 0..12), text: String) {
        let store = Store(vec![samples(&[("__name__", "m")], &[(0, 1.0), (60_000, 2.0)])]);
        let limits = Limits { samples_max: 10_000, ..Limits::with_stop(&|| false) };
        for query in [words.concat(), words.join(" "), text] {
            let _ = instant(&query, 60_000, &store, &limits);
            let _ = range(&query, 0, 600_000, 60_000, &store, &limits);
            let _ = selectors(&query);
        }
    }
}

fn any_word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "m",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "[5m]",
        "[1h:1m]",
        "[Inf]",
        "[1e30]",
        "[-1]",
        ":",
        "offset",
        "-5m",
        "inf",
        "NaN",
        "@",
        "1e300",
        "end()",
        "start()",
        "+",
        "-",
        "*",
        "/",
        "%",
        "^",
        "==",
        "bool",
        ">",
        "and",
        "or",
        "on (a)",
        "group_left",
        "sum",
        "by (a)",
        "without",
        "topk(1,",
        "rate(",
        "vector(",
        "scalar(",
        "time()",
        "1",
        "0x7fffffffffffffff",
        "\"a\"",
        "'\\xff'",
        "`",
        "\\",
        "#",
        "\n",
        ",",
        "=~",
        "\"(\"",
        "a=\"b\"",
        "label_replace(",
        "quantile_over_time(",
        "histogram_quantile(",
        "absent(",
        "5m",
        "99999999999y",
        "é",
        "exp(",
        "predict_linear(",
        "sort(",
        "timestamp(",
    ])
}

#[test]
fn a_counter_of_windows_goes_on_between_them() {
    let rows = vec![window(60_000, &[2.0]), window(120_000, &[3.0]), window(600_000, &[1.0])];
    let store = Store(vec![windows("c", WindowsOf::Counter, 60_000, rows)]);
    let check = |query: &str, time: i64, wanted: Option<f64>| {
        assert_eq!(number(&store, query, time), wanted, "{query} at {time}");
    };
    check("c", 59_999, None);
    check("c", 60_000, Some(2.0));
    check("c", 599_999, Some(5.0));
    check("c", 600_000 + WINDOWS_LOOKBACK_MS - 1, Some(6.0));
    check("c", 600_000 + WINDOWS_LOOKBACK_MS, None);
    check("increase(c[1m])", 120_000, Some(3.0));
    check("increase(c[2m])", 120_000, Some(5.0));
    check("rate(c[1m])", 400_000, Some(0.0));
    check("resets(c[10m])", 600_000, Some(0.0));
    check("count_over_time(c[10m])", 600_000, Some(3.0));
    check("timestamp(c)", 610_000, Some(600.0));
    let rows = matrix(&store, "c", 0, 120_000, 60_000);
    let points: Vec<_> = [(0, 0.0), (60_000, 2.0), (120_000, 5.0)].map(|(t, v)| (t, Sample::Float(v))).into();
    assert_eq!(rows[0].points, points, "before its first window ends a counter is 0");
}

/// An increase was the difference of sums from the start on, in which 1.5 is nothing beside 1e17: of what came behind a huge
/// window 0 was told.
#[test]
fn small_increases_behind_a_huge_one_are_not_lost() {
    let rows =
        (1..).zip([1e17, 1.5, 1.5, 1.5, 1.5, 1.5]).map(|(at, by)| window(at * 10_000, &[by])).collect();
    let store = Store(vec![windows("c", WindowsOf::Counter, 10_000, rows)]);
    assert_eq!(number(&store, "increase(c[40s])", 60_000), Some(6.0));
    assert_eq!(number(&store, "sum(rate(c[40s]))", 60_000), Some(0.15));
    let found = matrix(&store, "increase(c[20s])", 10_000, 90_000, 10_000);
    let sums = [1e17, 1e17 + 1.5, 3.0, 3.0, 3.0, 3.0, 1.5, 0.0, 0.0];
    let points: Vec<_> = (1..).zip(sums).map(|(at, sum)| (at * 10_000, Sample::Float(sum))).collect();
    assert_eq!(found[0].points, points);
}

#[test]
fn a_gauge_of_windows_answers_from_its_columns() {
    let rows = vec![window(60_000, &[1.0, 9.0, 2.0]), window(120_000, &[4.0]), window(180_000, &[8.0, 6.0])];
    let store = Store(vec![windows("g", WindowsOf::Gauge, 60_000, rows)]);
    let check =
        |query: &str, wanted: f64| assert_eq!(number(&store, query, 180_000), Some(wanted), "{query}");
    check("g", 6.0);
    check("g offset 1m", 4.0);
    check("avg_over_time(g[3m])", 5.0);
    check("min_over_time(g[3m])", 1.0);
    check("max_over_time(g[3m])", 9.0);
    check("sum_over_time(g[2m])", 18.0);
    check("count_over_time(g[3m])", 6.0);
    check("last_over_time(g[3m])", 6.0);
    check("changes(g[3m])", 2.0);
    check("increase(g[2m])", 18.0);
    assert_eq!(number(&store, "g", 180_000 + 300_000), None, "older than the lookback");
}

#[test]
fn histograms_of_windows_are_merged() {
    let hosts = ["a", "b"].map(|host| {
        let row = |i: i64| {
            let from = if host == "a" { 0 } else { 50 };
            let numbers: Vec<f64> = (0..10).map(|k| f64::from(from + i as i32 * 10 + k + 1)).collect();
            window((i + 1) * 60_000, &numbers)
        };
        let points = SeriesPoints::Windows(Windows {
            of: WindowsOf::Histogram,
            step_ms: 60_000,
            rows: (0..5).map(row).collect(),
            before: 0.0,
        });
        Selected { labels: Arc::new(Labels::known(&[("__name__", "h"), ("host", host)])), points }
    });
    let store = Store(hosts.into());
    let check = |query: &str, wanted: f64| {
        let found = number(&store, query, 300_000).unwrap_or_else(|| panic!("{query} gives nothing"));
        assert!((found - wanted).abs() <= wanted.abs() / 100.0, "{query} is {found}, not {wanted}");
    };
    check("histogram_quantile(0.5, sum(h))", 50.0);
    check("histogram_quantile(0.99, sum(increase(h[5m])))", 99.0);
    check("histogram_quantile(1, h{host=\"a\"})", 50.0);
    check("histogram_count(sum(increase(h[5m])))", 100.0);
    check("histogram_count(sum(rate(h[5m])))", 100.0 / 300.0);
    check("histogram_sum(sum(rate(h[5m]))) * 300", 5050.0);
    check("histogram_avg(sum(h))", 50.5);
    check("histogram_count(avg(h))", 50.0);
    check("histogram_count(sum(h) * 2 / 4)", 50.0);
    check("histogram_fraction(0, 50.4, sum(h))", 0.5);
    check("histogram_stddev(sum(h))", 28.87);
    check("count(h)", 2.0);
    check("histogram_count(increase(h{host=\"b\"}[1m]))", 10.0);
}

#[test]
fn errors_are_of_prometheus_kinds() {
    let points: Vec<(i64, f64)> = (0..100).map(|i| (i * 1000, i as f64)).collect();
    let store = Store(vec![samples(&[("__name__", "m")], &points)]);
    let bad = |query: &str| {
        let found = ask(&store, query, 0);
        assert!(matches!(found, Err(QueryError::BadData(_))), "{query}: {found:?}");
    };
    bad("sum(");
    bad("m[");
    bad("rate(m)");
    bad("m[1e30]");
    bad("m offset inf");
    bad("{}");
    bad(&"(".repeat(3000));
    bad(&format!("{}m", "-".repeat(3000)));
    bad(&format!("{}m{}", "abs(".repeat(200), ")".repeat(200)));
    bad("info(m)");
    let limited = |limits: Limits<'_>| range("rate(m[1m])", 0, 99_000, 1000, &store, &limits);
    let stop = || true;
    assert_eq!(limited(Limits::with_stop(&stop)), Err(QueryError::Timeout));
    let few = Limits { samples_max: 150, ..Limits::with_stop(&|| false) };
    assert!(matches!(limited(few), Err(QueryError::TooMuch(_))));
    let few = Limits { series_max: 0, ..Limits::with_stop(&|| false) };
    assert!(matches!(limited(few), Err(QueryError::TooMuch(_))));
    let few = Limits { steps_max: 99, ..Limits::with_stop(&|| false) };
    assert!(matches!(limited(few), Err(QueryError::BadData(_))));
    let endless = ask(&store, "count_over_time(vector(1)[300y:1ms])", 0);
    assert!(matches!(endless, Err(QueryError::TooMuch(_))), "{endless:?}");
}

#[test]
fn selectors_are_matchers() {
    let found = selectors("up{job=~\"a.*\", x!=\"\"}").expect("it is one").remove(0);
    let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["__name__", "job", "x"]);
    let MatchOp::Matches(regex) = &found[1].op else { panic!("{:?}", found[1].op) };
    assert!(regex.is_match("ab\nc") && !regex.is_match("bab"));
    for no_selector in ["up + up", "up offset 5m", "up[5m]", "1", "", "{a=\"b\" or c=\"d\"}"] {
        assert!(selectors(no_selector).is_err(), "{no_selector}");
    }
}
