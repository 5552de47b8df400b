//! StatsD: what clients sent, line by line, and more than there is room for.

use super::super::labels::LABELS_MAX;
use super::super::testing::{captures, lines};
use super::*;
use proptest::prelude::*;

fn flushed(aggregator: &mut Aggregator, now: i64) -> Vec<String> {
    let mut out = Writer::default();
    aggregator.flush(now, &[("host", "h")], &mut out);
    lines(&mut out)
}

/// What all lines become in one interval.
fn check(datagrams: &[&str], expected: &[&str]) {
    let mut aggregator = Aggregator::new(100);
    for datagram in datagrams {
        let taken = aggregator.take(datagram.as_bytes());
        assert!(taken.refused.is_empty(), "{datagram}: {taken:?}");
    }
    assert_eq!(flushed(&mut aggregator, 5000), expected, "{datagrams:?}");
}

#[test]
fn lines_and_what_they_become() {
    check(&["a.b-c:1|c\na.b-c:2.5|c|@0.5", "a.b-c:1|c"], &[r#"Delta a_b_c{host="h"} 7@5000"#]);
    check(&["g:7|g", "g:-2|g", "g:+0.5|g"], &[r#"Gauge g{host="h"} 5.5@5000"#]);
    check(&["s:u1|s", "s:u2|s", "s:u1|s"], &[r#"Gauge s{host="h"} 2@5000"#]);
    check(&["a:1:2:3|c"], &[r#"Delta a{host="h"} 6@5000"#]);
    let histogram = r#"Histogram t{env="p", host="h"} [2.016x1 4.031x2; sum 10.000 min 2 max 4]@5000"#;
    check(&["t:4|ms|@0.5|#env:p\n\nt:2|h|#env:p\r\n"], &[histogram]);
    check(&["t:4|d|@0.5|#env:p|c:abc\nt:2|h|e:x|#env:p"], &[histogram]);
    check(
        &["v:1|c|#b,a:1,a:2,host:own,__name__:x,3:y,a:1"],
        &[r#"Delta v{_3="y", a="1,2", b="true", host="own", tag_name__="x"} 1@5000"#],
    );
    check(
        &["late:1|c|T100\nlate:1|c|T100\nlate:1|c"],
        &[r#"Delta late{host="h"} 1@5000"#, r#"Delta late{host="h"} 2@100000"#],
    );
}

#[test]
fn a_gauge_is_told_only_when_set_and_remembered() {
    let mut aggregator = Aggregator::new(10);
    aggregator.take(b"g:7|g\nc:1|c");
    assert_eq!(flushed(&mut aggregator, 1).len(), 2);
    assert!(flushed(&mut aggregator, 2).is_empty());
    aggregator.take(b"g:-2|g");
    assert_eq!(flushed(&mut aggregator, 3), [r#"Gauge g{host="h"} 5@3"#]);
    (0..=GAUGE_FLUSHES_MAX).for_each(|_| assert!(flushed(&mut aggregator, 4).is_empty()));
    assert!(aggregator.series.is_empty());
}

/// One that has as many labels as may be has no room for the host: it was refused at each flush, and kept for good.
#[test]
fn a_gauge_that_cannot_be_written_is_forgotten_too() {
    let mut aggregator = Aggregator::new(10);
    let tags: Vec<String> = (1..LABELS_MAX).map(|at| format!("t{at}:x")).collect();
    assert_eq!(aggregator.take(format!("g:7|g|#{}", tags.join(",")).as_bytes()).values, 1);
    (0..=GAUGE_FLUSHES_MAX).for_each(|_| assert!(flushed(&mut aggregator, 1).is_empty()));
    assert!(aggregator.series.is_empty());
}

/// Numbers of all sizes: each new bucket moves those behind it, which took longer and longer.
#[test]
fn a_histogram_has_only_so_many_buckets() {
    let mut aggregator = Aggregator::new(10);
    let mut refused = 0;
    for exponent in -300..280 {
        let line: Vec<String> = (100..200).map(|at| format!("m:{at}e{exponent}|ms")).collect();
        let taken = aggregator.take(line.join("\n").as_bytes());
        refused += taken.refused.get("too many buckets").copied().unwrap_or_default();
        assert_eq!(taken.values + taken.refused.values().sum::<u64>(), 100);
    }
    assert!(refused > 0 && aggregator.buckets <= SERIES_BUCKETS_MAX);
    assert_eq!(aggregator.take(b"other:1|ms").values, 1);
}

#[test]
fn a_bad_line_is_counted_and_no_other_lost() {
    let check = |line: &str, reason: &'static str| {
        let mut aggregator = Aggregator::new(10);
        let taken = aggregator.take(format!("a:1|c\n{line}\na:1|c").as_bytes());
        assert_eq!((taken.values, taken.refused), (2, [(reason, 1)].into()), "{line}");
        assert_eq!(flushed(&mut aggregator, 1), [r#"Delta a{host="h"} 2@1"#]);
    };
    check("x", "no value");
    check("x:1", "no type");
    check("x:1|q", "unknown type");
    check(":1|c", "no metric name");
    check("a:NaN|c", "bad value");
    check("a:inf|c", "bad value");
    check("a:|c", "bad value");
    check("a:1:x|c", "bad value");
    check("a:1|c|@0", "bad sample rate");
    check("a:1|c|@2", "bad sample rate");
    check("a:1|c|T0", "bad timestamp");
    let taken = Aggregator::new(10).take(b"_e{1,1}:a|b\n_sc|x|0\nx\xff:1|c");
    assert_eq!((taken.ignored, taken.refused), (2, [("not UTF-8", 1)].into()));
}

/// The series was made before its numbers were read: a line that was refused left a gauge of 0 that nobody had sent, and with
/// enough such lines there was no room for others.
#[test]
fn a_refused_line_leaves_no_series_and_takes_no_room() {
    let bad = ["abc|g", "nan|g", "1:x|g", "abc|c", "zz|ms", "1e308|ms", "1e308:1e308|c", "1e308|c|@0.5"];
    for bad in bad {
        let mut aggregator = Aggregator::new(1);
        let lines: Vec<String> = (0..3).map(|at| format!("m:{bad}|#id:{at}")).collect();
        let taken = aggregator.take(lines.join("\n").as_bytes());
        assert_eq!((taken.values, taken.overflowed, taken.refused.values().sum()), (0, 0, 3), "{bad}");
        assert!(flushed(&mut aggregator, 1).is_empty(), "{bad}");
        assert_eq!(aggregator.take(b"m:5|c").overflowed, 0, "{bad}");
        assert_eq!(aggregator.take(format!("m:{bad}|#id:1").as_bytes()).values, 0);
        assert_eq!((aggregator.series.len(), aggregator.overflow_names), (1, 0), "{bad}");
        assert_eq!(flushed(&mut aggregator, 2), [r#"Delta m{host="h"} 5@2"#], "{bad}");
    }
}

/// Two observations of 1e308 made a sum of +Inf; a counter or a gauge that became infinite was lost with all its interval.
#[test]
fn no_sum_becomes_infinite() {
    let check = |lines: &str, expected: &str| {
        let mut aggregator = Aggregator::new(9);
        let taken = aggregator.take(lines.as_bytes());
        assert_eq!(taken.refused, [("number too large", 1)].into(), "{lines}");
        assert_eq!(flushed(&mut aggregator, 1), [expected]);
    };
    check("m:2|ms\nm:1e308|ms", r#"Histogram m{host="h"} [2.016x1; sum 2.000 min 2 max 2]@1"#);
    check("m:2|c\nm:1e308|c", r#"Delta m{host="h"} 2@1"#);
    check("m:2|g\nm:+1e308|g", r#"Gauge m{host="h"} 2@1"#);
}

#[test]
fn what_finds_no_room_is_counted_with_its_name() {
    let mut aggregator = Aggregator::new(2);
    let all: Vec<String> = (0..5).map(|at| format!("m:1|c|#id:{at}")).collect();
    let taken = aggregator.take(all.join("\n").as_bytes());
    assert_eq!((taken.values, taken.overflowed, taken.refused.len()), (5, 3, 0));
    let expected = [
        r#"Delta m{__overflow__="true", host="h"} 3@1"#,
        r#"Delta m{host="h", id="0"} 1@1"#,
        r#"Delta m{host="h", id="1"} 1@1"#,
    ];
    assert_eq!(flushed(&mut aggregator, 1), expected);
    aggregator.take(all.join("\n").as_bytes());
    let names: Vec<String> = (0..2 * OVERFLOW_NAMES_MAX).map(|at| format!("m{at}:1|c")).collect();
    let taken = aggregator.take(names.join("\n").as_bytes());
    assert!(taken.refused["too many series"] > 0);
    assert!(aggregator.series.len() <= 2 + OVERFLOW_NAMES_MAX);
}

#[test]
fn captured_datagrams_are_taken() {
    let files = captures(&["statsd_udp"]);
    let mut aggregator = Aggregator::new(100);
    let mut ignored = 0;
    for (name, datagram) in &files {
        let taken = aggregator.take(datagram);
        assert!(taken.refused.is_empty(), "{name}: {taken:?}");
        ignored += taken.ignored;
    }
    let expected = [
        r#"Histogram dist{host="h"} [3.016x1; sum 3.000 min 3 max 3]@9"#,
        r#"Histogram lat{env="prod", host="h"} [12.562x1; sum 12.500 min 12.5 max 12.5]@9"#,
        r#"Delta page_views{env="prod", host="h", route="/pay"} 1@9"#,
        r#"Delta shop_a{host="h"} 1@9"#,
        r#"Delta shop_b{host="h"} 1@9"#,
        r#"Gauge shop_inflight{host="h"} 5@9"#,
        r#"Histogram shop_latency{host="h"} [322.000x1; sum 320.000 min 320 max 320]@9"#,
        r#"Delta shop_orders{host="h"} 1@9"#,
        r#"Delta shop_sampled{host="h"} 1.0101010101010102@9"#,
        r#"Histogram shop_t{host="h"} [5.031x1; sum 5.000 min 5 max 5]@9"#,
        r#"Gauge shop_users{host="h"} 1@9"#,
    ];
    if !files.is_empty() {
        let mut found = flushed(&mut aggregator, 9);
        found.sort_by(|a, b| a.split_once(' ').map(|two| two.1).cmp(&b.split_once(' ').map(|two| two.1)));
        assert_eq!((found.as_slice(), ignored), (expected.map(String::from).as_slice(), 2));
    }
}

proptest! {
    #[test]
    fn any_datagram_is_taken_or_refused(bytes: Vec<u8>, odd in r"[a-b.:|@#,0-9cghmsdT+\n-]{0,80}") {
        let mut aggregator = Aggregator::new(3);
        aggregator.take(&bytes);
        aggregator.take(odd.as_bytes());
        flushed(&mut aggregator, 1);
        flushed(&mut aggregator, 2);
    }

    #[test]
    fn counters_are_exact_whatever_the_budget(counts in prop::collection::vec((0u8..20, 1u32..100), 0..60)) {
        let mut aggregator = Aggregator::new(7);
        counts.iter().for_each(|(id, count)| assert_eq!(aggregator.take(format!("m:{count}|c|#i:{id}").as_bytes()).values, 1));
        let value = |line: &String| line.rsplit(' ').next()?.split('@').next()?.parse::<f64>().ok();
        let found: f64 = flushed(&mut aggregator, 1).iter().filter_map(value).sum();
        prop_assert_eq!(found, counts.iter().map(|(_, count)| f64::from(*count)).sum::<f64>());
    }
}
