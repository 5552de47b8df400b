//! Points of every kind, written by hand: what they become, why they are refused, and what bounds their memory and time.

use super::super::super::labels::{BadLabels, LABEL_BYTES_MAX, LABELS_MAX};
use super::super::super::received::RECEIVED_BYTES_MAX;
use super::super::super::testing::{field, fixed64, integer, lines};
use super::super::*;
use crate::varint::zigzag;

const MS: u64 = 1_000_000;
const GAUGE: u64 = 5;
const SUM: u64 = 7;
const HISTOGRAM: u64 = 9;
const EXPONENTIAL: u64 = 10;
const SUMMARY: u64 = 11;

fn delta() -> Vec<u8> {
    integer(2, 1)
}

fn cumulative() -> Vec<u8> {
    integer(2, 2)
}

fn monotonic() -> Vec<u8> {
    integer(3, 1)
}

fn double(number: u64, value: f64) -> Vec<u8> {
    fixed64(number, value.to_bits())
}

/// From 1 s to 2 s.
fn span() -> Vec<u8> {
    [fixed64(2, 1000 * MS), fixed64(3, 2000 * MS)].concat()
}

fn packed(number: u64, values: &[u64]) -> Vec<u8> {
    field(number, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// Counts and bounds of a histogram.
fn counts(counts: &[u64], bounds: &[f64]) -> Vec<u8> {
    [packed(6, counts), packed(7, &bounds.iter().map(|bound| bound.to_bits()).collect::<Vec<_>>())].concat()
}

/// One side of an exponential histogram.
fn side(number: u64, offset: i64, counts: &[u64]) -> Vec<u8> {
    let counts: Vec<_> = counts.iter().flat_map(|&count| integer(2, count)).collect();
    field(number, &[integer(1, zigzag(offset)), counts].concat())
}

fn scale(scale: i64) -> Vec<u8> {
    integer(6, zigzag(scale))
}

/// An attribute whose value is a message written by hand.
fn attribute_of(number: u64, key: &str, value: &[u8]) -> Vec<u8> {
    field(number, &[field(1, key.as_bytes()), field(2, value)].concat())
}

fn attribute(number: u64, key: &str, value: &str) -> Vec<u8> {
    attribute_of(number, key, &field(1, value.as_bytes()))
}

/// A request of one metric `m`; `data` stands beside its points.
fn request(resource: &[Vec<u8>], shape: u64, data: &[Vec<u8>], points: &[Vec<u8>]) -> Vec<u8> {
    let points = points.iter().map(|point| field(1, point));
    let data: Vec<_> = data.iter().cloned().chain(points).collect();
    let metric = [field(1, b"m"), field(shape, &data.concat())].concat();
    field(1, &[field(1, &resource.concat()), field(2, &field(2, &metric))].concat())
}

fn read_all(body: &[u8]) -> (Received, Vec<String>) {
    let mut out = Writer::default();
    let received = read(body, &mut out).expect("sound");
    let mut lines = lines(&mut out);
    // What is known of the metric comes first.
    lines.remove(0);
    (received, lines)
}

/// What a point from 1 s to 2 s becomes.
#[track_caller]
fn check(shape: u64, data: &[Vec<u8>], point: &[Vec<u8>], expected: &[&str]) {
    let (received, lines) = read_all(&request(&[], shape, data, &[[span(), point.concat()].concat()]));
    assert!(received.refused.is_empty(), "{received:?}");
    assert_eq!(lines, expected);
}

/// Why it is refused; a gauge's point in the same request is not.
#[track_caller]
fn check_refused(shape: u64, data: &[Vec<u8>], point: &[Vec<u8>], reason: &'static str) {
    let other = request(&[], GAUGE, &[], &[[span(), double(4, 1.0)].concat()]);
    let body = [request(&[], shape, data, &[[span(), point.concat()].concat()]), other].concat();
    let (received, _) = read_all(&body);
    assert_eq!((received.samples, received.refused), (1, [(reason, 1)].into()));
}

#[test]
fn sums_and_gauges() {
    check(SUM, &[cumulative(), monotonic()], &[double(4, 2.5)], &["Counter m_total 2.5@2000"]);
    check(SUM, &[delta(), monotonic()], &[fixed64(6, 7)], &["Delta m_total 7@1000..2000"]);
    check(SUM, &[cumulative()], &[fixed64(6, (-3i64) as u64)], &["Gauge m -3@2000"]);
    check(GAUGE, &[], &[double(4, 0.5)], &["Gauge m 0.5@2000"]);
    check(GAUGE, &[], &[fixed64(6, (-7i64) as u64)], &["Gauge m -7@2000"]);
    check(GAUGE, &[], &[double(4, f64::INFINITY)], &["Gauge m inf@2000"]);
    check_refused(SUM, &[delta()], &[double(4, 1.0)], "a delta that is not monotonic");
    check_refused(SUM, &[monotonic()], &[double(4, 1.0)], "neither delta nor cumulative");
    check_refused(GAUGE, &[], &[], "a point without value");
    check_refused(GAUGE, &[], &[double(4, 1.0), fixed64(3, 0)], "a point without time");
}

#[test]
fn histograms() {
    let point = [fixed64(4, 6), double(5, 9.5), counts(&[1, 2, 3], &[0.0, 2.5])];
    let expected = [
        r#"Counter m_bucket{le="0"} 1@2000"#,
        r#"Counter m_bucket{le="2.5"} 3@2000"#,
        r#"Counter m_bucket{le="+Inf"} 6@2000"#,
        "Counter m_sum 9.5@2000",
        "Counter m_count 6@2000",
    ];
    check(HISTOGRAM, &[cumulative()], &point, &expected);
    let of_delta = expected.map(|line| line.replace("Counter", "Delta").replace("@2000", "@1000..2000"));
    check(HISTOGRAM, &[delta()], &point, &of_delta.each_ref().map(String::as_str));
    // Without buckets there is one, of all.
    let whole = [r#"Counter m_bucket{le="+Inf"} 6@2000"#, "Counter m_count 6@2000"];
    check(HISTOGRAM, &[cumulative()], &[fixed64(4, 6)], &whole);
    let bad = |counted: Vec<u8>, reason| {
        check_refused(HISTOGRAM, &[delta()], &[fixed64(4, 6), counted], reason);
    };
    bad(counts(&[1, 2], &[0.0, 2.5]), "buckets that do not match their bounds");
    bad(counts(&[1, 2, 3], &[2.5, 0.0]), "bounds that do not ascend");
    bad(counts(&[1, 2], &[f64::NAN]), "bounds that do not ascend");
    bad(counts(&[0; BUCKETS_MAX + 1], &[]), "too many buckets");
}

/// It was written as `le="inf"`, beside the `le="+Inf"` that all histograms have.
#[test]
fn a_bound_that_is_infinite_is_not_a_bucket_of_its_own() {
    let point = [fixed64(4, 3), counts(&[1, 2, 0], &[1.0, f64::INFINITY])];
    let expected = [
        r#"Counter m_bucket{le="1"} 1@2000"#,
        r#"Counter m_bucket{le="+Inf"} 3@2000"#,
        "Counter m_count 3@2000",
    ];
    check(HISTOGRAM, &[cumulative()], &point, &expected);
}

#[test]
fn exponential_histograms() {
    // Of scale 0 the bucket of index i is from 2^i to 2^(i+1), and its geometric middle 1.414 times its beginning.
    let point = [
        fixed64(4, 7),
        double(5, 10.0),
        scale(0),
        fixed64(7, 1),
        side(8, 1, &[0, 2, 1]),
        side(9, 0, &[3]),
        double(12, -1.5),
        double(13, 9.0),
    ];
    let shown = "[-1.414x3 0.000x1 5.656x2 11.312x1; sum 10.000 min -1.5 max 9]";
    let (_, found) = read_all(&request(&[], EXPONENTIAL, &[delta()], &[[span(), point.concat()].concat()]));
    let numbers = |text: &str| -> Vec<f64> {
        let words = text.split(['[', ']', ' ', 'x', ';']);
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let (found_numbers, expected) = (numbers(&found[0]), numbers(shown));
    assert!(found[0].starts_with("Histogram m [") && found[0].ends_with("]@1000..2000"), "{found:?}");
    assert_eq!(found_numbers.len(), expected.len(), "{found:?}");
    assert!(found_numbers.iter().zip(&expected).all(|(a, b)| (a - b).abs() <= b.abs() / 100.0), "{found:?}");
    let (_, of_start) =
        read_all(&request(&[], EXPONENTIAL, &[cumulative()], &[[span(), point.concat()].concat()]));
    assert_eq!(of_start[0], found[0].replacen("Histogram", "CumulativeHistogram", 1));
}

/// Numbers beyond the greatest were left out in silence; what no number is was taken for the sum.
#[test]
fn exponential_histograms_that_cannot_be_told_are_refused() {
    let far = [fixed64(4, 1), scale(-20), side(8, 5, &[1])];
    check_refused(EXPONENTIAL, &[delta()], &far, "buckets out of range");
    check_refused(EXPONENTIAL, &[delta()], &[scale(0), side(8, 0, &[1 << 60])], "buckets out of range");
    check_refused(EXPONENTIAL, &[delta()], &[side(8, 0, &[0; BUCKETS_MAX + 1])], "too many buckets");
    let odd =
        [scale(20), side(8, 0, &[2]), double(5, f64::NAN), double(12, f64::NEG_INFINITY), double(13, 9.0)];
    let (_, lines) = read_all(&request(&[], EXPONENTIAL, &[delta()], &[[span(), odd.concat()].concat()]));
    assert!(!lines[0].contains("NaN") && !lines[0].contains("inf"), "{lines:?}");
}

#[test]
fn summaries() {
    let quantile = |q: f64, value: f64| field(6, &[double(1, q), double(2, value)].concat());
    let point = [fixed64(4, 9), double(5, 4.5), quantile(0.5, 0.25), quantile(0.99, 2.0)];
    let expected = [
        r#"Gauge m{quantile="0.5"} 0.25@2000"#,
        r#"Gauge m{quantile="0.99"} 2@2000"#,
        "Counter m_sum 4.5@2000",
        "Counter m_count 9@2000",
    ];
    check(SUMMARY, &[], &point, &expected);
}

/// The flag "no recorded value": the series ends. Windows end by themselves: there was a NaN that the store refused.
#[test]
fn a_point_without_recorded_value_ends_its_series() {
    let stale = |shape: u64, data: &[Vec<u8>], flag: u64| {
        let mut out = Writer::default();
        let point = [span(), integer(flag, 1)].concat();
        let received = read(&request(&[], shape, data, &[point]), &mut out).expect("sound");
        let bytes = out.take();
        let marks =
            bytes.windows(8).filter(|eight| *eight == super::super::super::STALE.to_bits().to_le_bytes());
        assert!(received.refused.is_empty(), "{received:?}");
        (received.samples, marks.count() as u64, received.ignored)
    };
    assert_eq!(stale(GAUGE, &[], 8), (1, 1, 0));
    assert_eq!(stale(SUM, &[cumulative(), monotonic()], 8), (1, 1, 0));
    assert_eq!(stale(HISTOGRAM, &[cumulative()], 10), (2, 2, 0));
    assert_eq!(stale(SUMMARY, &[], 8), (1, 1, 0));
    assert_eq!(stale(SUM, &[delta(), monotonic()], 8), (0, 0, 1));
    assert_eq!(stale(HISTOGRAM, &[delta()], 10), (0, 0, 1));
    assert_eq!(stale(EXPONENTIAL, &[cumulative()], 10), (0, 0, 1));
}

#[test]
fn labels_of_the_resource_and_of_the_point() {
    let resource = [
        attribute(1, "service.name", "cart"),
        attribute(1, "service.namespace", "shop"),
        attribute(1, "service.instance.id", "i1"),
        attribute(1, "host.name", "h1"),
        attribute(1, "deployment.environment", "prod"),
    ];
    let list = field(5, &[field(1, &integer(2, 1)), field(1, &double(4, 1.5))].concat());
    let point = [
        span(),
        double(4, 1.0),
        attribute(7, "a.b", "1"),
        attribute(7, "a-b", "2"),
        attribute(7, "5xx", "3"),
        attribute(7, "job", "own"),
        attribute(7, "host", "own"),
        attribute_of(7, "int", &integer(3, 12)),
        attribute_of(7, "double", &double(4, 2.0)),
        attribute_of(7, "list", &list),
        attribute_of(7, "empty", &[]),
    ];
    let (received, lines) = read_all(&request(&resource, GAUGE, &[], &[point.concat()]));
    let expected = [
        r#"Gauge m{a_b="2;1", double="2", env="prod", host="own", instance="i1", int="12", job="shop/cart", key_5xx="3", list="[true,1.5]", service="cart"} 1@2000"#,
        r#"Gauge target_info{deployment_environment="prod", env="prod", host="h1", host_name="h1", instance="i1", job="shop/cart", service="cart"} 1@2000"#,
    ];
    assert_eq!((lines.as_slice(), received.refused_total()), (expected.map(String::from).as_slice(), 0));
}

#[test]
fn attributes_are_bounded_in_number_length_and_depth() {
    let gauge = |attributes: Vec<u8>| [double(4, 1.0), attributes];
    let many: Vec<u8> = (0..200_000).flat_map(|at| attribute(7, &format!("a{at}"), "x")).collect();
    check_refused(GAUGE, &[], &gauge(many.clone()), BadLabels::TooMany.reason());
    for len in [LABEL_BYTES_MAX + 1, 1 << 16] {
        check_refused(GAUGE, &[], &gauge(attribute(7, "a", &"x".repeat(len))), BadLabels::TooLong.reason());
    }
    let deep = (0..2000).fold(field(1, b"x"), |inner, _| field(5, &field(1, &inner)));
    assert!(deep.len() < 4 * LABEL_BYTES_MAX);
    let expected = format!("Gauge m{{a=\"{}null{}\"}} 1@2000", "[".repeat(8), "]".repeat(8));
    check(GAUGE, &[], &gauge(attribute_of(7, "a", &deep)), &[&expected]);
    // Of a resource: its points are taken, what is told of the resource is refused.
    let resource: Vec<_> =
        (0..LABELS_MAX + 9).map(|at| attribute(1, &format!("a{at}"), "x")).chain([many]).collect();
    let (received, lines) = read_all(&request(&resource, GAUGE, &[], &[[span(), double(4, 1.0)].concat()]));
    assert_eq!((lines.len(), received.samples), (1, 1));
    assert_eq!(received.refused, [(BadLabels::TooMany.reason(), 1)].into());
}

/// A histogram writes its labels once a bucket: what a request may become is bounded, and so is the work behind that.
#[test]
fn a_small_request_does_not_become_an_endless_one() {
    let long = "x".repeat(LABEL_BYTES_MAX - 8);
    let labels: Vec<u8> = (0..15).flat_map(|at| attribute(9, &format!("a{at}"), &long)).collect();
    let bounds: Vec<f64> = (0..2000).map(f64::from).collect();
    let point = [span(), counts(&vec![1; bounds.len() + 1], &bounds), labels].concat();
    let mut out = Writer::default();
    let received =
        read(&request(&[], HISTOGRAM, &[cumulative()], &vec![point; 50]), &mut out).expect("sound");
    assert!(received.refused["request too large"] > 90_000, "{received:?}");
    assert!(out.len_of_all() < RECEIVED_BYTES_MAX + (1 << 20));
}

#[test]
fn json_that_nests_or_is_too_long_is_refused() {
    let refused = |body: &[u8]| read_json(body, &mut Writer::default()).expect_err("refused").to_string();
    assert!(refused("[".repeat(100_000).as_bytes()).contains("recursion"));
    assert!(refused(b"[]").contains("not an object"));
    assert!(refused(b"{\"resourceMetrics\":[").contains("EOF"));
    assert_eq!(
        read_json(&vec![b' '; JSON_BYTES_MAX + 1], &mut Writer::default()),
        Err(BadBody::TooLarge(JSON_BYTES_MAX))
    );
    assert_eq!(
        read(&vec![0; BODY_BYTES_MAX + 1], &mut Writer::default()),
        Err(BadBody::TooLarge(BODY_BYTES_MAX))
    );
}
