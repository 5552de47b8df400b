//! The rules by which points become series, one by one, with messages written by hand; and that no request becomes too large.

use super::super::super::received::RECEIVED_BYTES_MAX;
use super::super::super::testing::{field, fixed64, integer, lines};
use super::*;

const DELTA: u64 = 1;
const CUMULATIVE: u64 = 2;
/// Start and time of points written by hand: 1000 and 2000 ms.
const SPAN: [u64; 2] = [1_000_000_000, 2_000_000_000];

fn read_all(body: &[u8]) -> (Received, Vec<String>) {
    let mut out = Writer::default();
    let received = read(body, &mut out).expect("sound");
    (received, lines(&mut out))
}

fn attribute(number: u64, key: &str, value: &str) -> Vec<u8> {
    field(number, &[field(1, key.as_bytes()), field(2, &field(1, value.as_bytes()))].concat())
}

fn double(number: u64, value: f64) -> Vec<u8> {
    fixed64(number, value.to_bits())
}

fn packed(number: u64, values: &[u64]) -> Vec<u8> {
    field(number, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}

/// A data point of this content.
fn point(parts: &[Vec<u8>]) -> Vec<u8> {
    field(1, &[fixed64(2, SPAN[0]), fixed64(3, SPAN[1]), parts.concat()].concat())
}

fn metric(name: &str, unit: &str, shape: u64, data: &[Vec<u8>]) -> Vec<u8> {
    field(2, &[field(1, name.as_bytes()), field(3, unit.as_bytes()), field(shape, &data.concat())].concat())
}

fn request(resource: &[Vec<u8>], metrics: &[Vec<u8>]) -> Vec<u8> {
    field(1, &[field(1, &resource.concat()), field(2, &metrics.concat())].concat())
}

/// What a metric without resource becomes, its metadata left out, and why not.
fn check(metric: Vec<u8>, expected: &[&str], refused: &[(&'static str, u64)]) {
    let (received, mut lines) = read_all(&request(&[], &[metric]));
    lines.retain(|line| !line.starts_with('#'));
    assert_eq!(lines, expected);
    assert_eq!(received.refused, refused.iter().copied().collect());
}

#[test]
fn gauges_and_sums() {
    let number = [double(4, 1.5), attribute(7, "a.b", "x")];
    let integral = [fixed64(6, -3i64 as u64)];
    check(metric("g", "1", 5, &[point(&number)]), &[r#"Gauge g_ratio{a_b="x"} 1.5@2000"#], &[]);
    check(metric("g", "", 5, &[point(&integral)]), &["Gauge g -3@2000"], &[]);
    let sum = |temporality, monotonic| {
        metric("s", "By", 7, &[point(&number), integer(2, temporality), integer(3, monotonic)])
    };
    check(sum(CUMULATIVE, 1), &[r#"Counter s_bytes_total{a_b="x"} 1.5@2000"#], &[]);
    check(sum(CUMULATIVE, 0), &[r#"Gauge s_bytes{a_b="x"} 1.5@2000"#], &[]);
    check(sum(DELTA, 1), &[r#"Delta s_bytes_total{a_b="x"} 1.5@1000..2000"#], &[]);
    check(sum(DELTA, 0), &[], &[("a delta that is not monotonic", 1)]);
    check(sum(0, 1), &[], &[("neither delta nor cumulative", 1)]);
    check(metric("g", "", 5, &[point(&[integer(8, 1)])]), &["Gauge g NaN@2000"], &[]);
    check(metric("g", "", 5, &[point(&[])]), &[], &[("a point without value", 1)]);
    check(metric("g", "", 5, &[field(1, &number.concat())]), &[], &[("a point without time", 1)]);
    check(metric("", "", 5, &[point(&number)]), &[], &[("no metric name", 1)]);
}

/// The flag "no recorded value" ends values at times. Windows end by themselves: there the mark was a NaN among increases.
#[test]
fn a_window_without_value_is_ignored() {
    let windows = |shape: u64, flag: u64, temporality: u64| {
        let data = [point(&[integer(flag, 1)]), integer(2, temporality), integer(3, 1)];
        let (received, lines) = read_all(&request(&[], &[metric("m", "", shape, &data)]));
        assert!(received.refused.is_empty() && lines.len() == 1, "{received:?} {lines:?}");
        (received.samples, received.ignored)
    };
    assert_eq!(windows(7, 8, DELTA), (0, 1));
    assert_eq!(windows(9, 10, DELTA), (0, 1));
    assert_eq!(windows(10, 10, CUMULATIVE), (0, 1));
}

#[test]
fn labels_too_many_or_too_long() {
    let integral = [fixed64(6, 1)];
    let many: Vec<_> = (0..200).map(|at| attribute(7, &format!("a{at}"), "x")).collect();
    let points = [point(&[many.concat(), double(4, 1.0)]), point(&integral)];
    check(metric("g", "", 5, &points), &["Gauge g 1@2000"], &[("too many labels", 1)]);
    let long = [attribute(7, "a", &"x".repeat(5000)), double(4, 1.0)];
    let longer = [attribute(7, "a", &"x".repeat(50_000)), double(4, 1.0)];
    check(metric("g", "", 5, &[point(&long), point(&longer)]), &[], &[("label too long", 2)]);
}

#[test]
fn attributes_of_all_kinds() {
    let any = |key: &str, value: Vec<u8>| field(7, &[field(1, key.as_bytes()), field(2, &value)].concat());
    let list = [field(1, &integer(3, 1)), field(1, &field(1, b"x"))].concat();
    let map = field(1, &[field(1, b"k"), field(2, &double(4, 0.5))].concat());
    let attributes = [
        any("i", integer(3, -1i64 as u64)),
        any("b", integer(2, 1)),
        any("l", field(5, &list)),
        any("m", field(6, &map)),
        any("y", field(7, &[0xab, 1])),
        any("none", Vec::new()),
        any("same.name", field(1, b"1")),
        any("same-name", field(1, b"2")),
        any("5", field(1, b"five")),
        double(4, 1.0),
    ];
    let labels = concat!(
        r#"b="true", i="-1", key_5="five", l="[1,\"x\"]", m="{\"k\":0.5}", "#,
        r#"same_name="2;1", y="ab01""#
    );
    check(metric("g", "", 5, &[point(&attributes)]), &[&format!("Gauge g{{{labels}}} 1@2000")], &[]);
    // Nested without end: cut off, not followed.
    let mut deep = integer(3, 1);
    (0..1000).for_each(|_| deep = field(5, &field(1, &deep)));
    let _ =
        read(&request(&[], &[metric("g", "", 5, &[point(&[any("deep", deep)])])]), &mut Writer::default());
}

#[test]
fn classic_histograms() {
    let histogram = |temporality, counts: &[u64], bounds: &[f64]| {
        let bounds: Vec<u64> = bounds.iter().map(|bound| bound.to_bits()).collect();
        let attributes = attribute(9, "a", "x");
        let parts = [fixed64(4, 6), double(5, 2.5), packed(6, counts), packed(7, &bounds), attributes];
        metric("h", "s", 9, &[point(&parts), integer(2, temporality)])
    };
    let series = |kind: &str, span: &str| {
        let line = |suffix: &str, le: &str, value: &str| {
            format!(r#"{kind} h_seconds_{suffix}{{a="x"{le}}} {value}@{span}"#)
        };
        [
            line("bucket", r#", le="0.5""#, "1"),
            line("bucket", r#", le="1""#, "3"),
            line("bucket", r#", le="+Inf""#, "6"),
            line("sum", "", "2.5"),
            line("count", "", "6"),
        ]
    };
    let (cumulative, delta) = (series("Counter", "2000"), series("Delta", "1000..2000"));
    let (cumulative, delta) =
        (cumulative.each_ref().map(String::as_str), delta.each_ref().map(String::as_str));
    check(histogram(CUMULATIVE, &[1, 2, 3], &[0.5, 1.0]), &cumulative, &[]);
    check(histogram(DELTA, &[1, 2, 3], &[0.5, 1.0]), &delta, &[]);
    check(histogram(DELTA, &[], &[]), &delta[2..], &[]);
    check(histogram(DELTA, &[1, 2], &[0.5, 1.0]), &[], &[("buckets that do not match their bounds", 1)]);
    check(histogram(DELTA, &[1, 2, 3], &[1.0, 0.5]), &[], &[("bounds that do not ascend", 1)]);
    check(histogram(DELTA, &[1; BUCKETS_MAX + 1], &[]), &[], &[("too many buckets", 1)]);
}

#[test]
fn exponential_histograms() {
    let buckets = |offset: u64, counts: &[u8]| [integer(1, offset), field(2, counts)].concat();
    let histogram = |temporality, more: &[Vec<u8>]| {
        let (positive, negative) = (field(8, &buckets(2, &[0, 2])), field(9, &buckets(0, &[1])));
        let parts = [fixed64(4, 4), integer(6, 0), fixed64(7, 1), positive, negative, more.concat()];
        metric("e", "", 10, &[point(&parts), integer(2, temporality)])
    };
    // Offset 1 in zigzag: the second bucket is (4, 8], its geometric middle 5.657; the negative one's is -1.414.
    let shown = |body: &[u8]| {
        let (received, lines) = read_all(body);
        assert_eq!(received.refused_total(), 0);
        lines[1].clone()
    };
    let told = [double(5, 10.0), double(12, -1.5), double(13, 7.0)];
    let delta = shown(&request(&[], &[histogram(DELTA, &told)]));
    assert!(delta.starts_with("Histogram e [-1.4") && delta.contains("x1 0.000x1 5.6"), "{delta}");
    assert!(delta.ends_with("x2; sum 10.000 min -1.5 max 7]@1000..2000"), "{delta}");
    let cumulative = shown(&request(&[], &[histogram(CUMULATIVE, &[])]));
    assert!(
        cumulative.starts_with("CumulativeHistogram e [") && cumulative.contains("sum 9.899"),
        "{cumulative}"
    );
    for scale in [u64::from(u32::MAX), u64::from(u32::MAX) - 1, 19, 40, 0] {
        let extreme = [field(8, &buckets(u64::from(u32::MAX), &[9; 40])), integer(6, scale)];
        read_all(&request(&[], &[histogram(DELTA, &extreme)]));
    }
}

/// Numbers beyond the greatest were left out in silence, and what is no number was taken for the sum and the extremes.
#[test]
fn exponential_histograms_that_cannot_be_told_are_refused() {
    let histogram = |parts: &[Vec<u8>]| metric("e", "", 10, &[point(parts), integer(2, DELTA)]);
    let side = |offset: u64, counts: &[u8]| field(8, &[integer(1, offset), field(2, counts)].concat());
    // Scale -20 in zigzag; the fifth bucket begins beyond what a float holds.
    check(histogram(&[integer(6, 39), side(10, &[1])]), &[], &[("buckets out of range", 1)]);
    let odd = [side(0, &[2]), double(5, f64::NAN), double(12, f64::NEG_INFINITY), double(13, 9.0)];
    let (received, lines) = read_all(&request(&[], &[histogram(&odd)]));
    assert_eq!((received.samples, received.refused_total()), (1, 0));
    assert!(!lines[1].contains("NaN") && !lines[1].contains("inf"), "{lines:?}");
}

/// It was written as `le="inf"`, beside the `le="+Inf"` that all histograms have.
#[test]
fn a_bound_that_is_infinite_is_not_a_bucket_of_its_own() {
    let bounds = [1.0f64, f64::INFINITY].map(f64::to_bits);
    let parts = [fixed64(4, 3), packed(6, &[1, 2, 0]), packed(7, &bounds)];
    let expected = [
        r#"Counter h_bucket{le="1"} 1@2000"#,
        r#"Counter h_bucket{le="+Inf"} 3@2000"#,
        "Counter h_count 3@2000",
    ];
    check(metric("h", "", 9, &[point(&parts), integer(2, CUMULATIVE)]), &expected, &[]);
}

#[test]
fn summaries() {
    let quantile = field(6, &[double(1, 0.99), double(2, 7.0)].concat());
    let summary = metric("q", "", 11, &[point(&[fixed64(4, 3), double(5, 9.0), quantile])]);
    check(
        summary,
        &[r#"Gauge q{quantile="0.99"} 7@2000"#, "Counter q_sum 9@2000", "Counter q_count 3@2000"],
        &[],
    );
}

#[test]
fn the_resource_becomes_labels() {
    let resource = [
        attribute(1, "service.name", "cart"),
        attribute(1, "service.namespace", "shop"),
        attribute(1, "service.instance.id", "i-1"),
        attribute(1, "host.name", "h1"),
        attribute(1, "deployment.environment", "prod"),
        attribute(1, "os.type", "linux"),
    ];
    let own = [attribute(7, "job", "mine"), attribute(7, "host", "mine"), double(4, 1.0)];
    let gauge = || metric("g", "s", 5, &[point(&own)]);
    let (received, lines) = read_all(&request(&resource, &[gauge()]));
    let expected = [
        "# g_seconds gauge [s] ",
        r#"Gauge g_seconds{env="prod", host="mine", instance="i-1", job="shop/cart", service="cart"} 1@2000"#,
        concat!(
            r#"Gauge target_info{deployment_environment="prod", env="prod", host="h1", host_name="h1", "#,
            r#"instance="i-1", job="shop/cart", os_type="linux", service="cart"} 1@2000"#
        ),
    ];
    assert_eq!(lines, expected);
    assert_eq!((received.series, received.samples), (2, 2));
    // Without identity, or with nothing more to tell, there is no `target_info`.
    for resource in [&resource[..1], &resource[3..]] {
        assert_eq!(read_all(&request(resource, &[gauge()])).0.series, 1);
    }
}

/// A small request may not become a large one: a long label of the resource, written again for each point.
#[test]
fn what_a_request_becomes_is_bounded() {
    let resource = [attribute(1, "service.name", &"x".repeat(4000))];
    let points: Vec<_> = (0..20_000).map(|_| point(&[double(4, 1.0)])).collect();
    let mut out = Writer::default();
    let received = read(&request(&resource, &[metric("g", "", 5, &points)]), &mut out).expect("sound");
    assert!(out.len_of_all() < RECEIVED_BYTES_MAX + 100_000);
    assert_eq!(received.samples + received.refused["request too large"], 20_000);
}

#[test]
fn json_as_senders_vary_it() {
    let text = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"s","sum":{
          "aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE","isMonotonic":true,"dataPoints":[
            {"asInt":"7","timeUnixNano":2000000000,"attributes":[
              {"key":"l","value":{"arrayValue":{"values":[{"intValue":"1"},{"stringValue":"x"}]}}},
              {"key":"b","value":{"boolValue":true}}]},
            {"asDouble":"NaN","timeUnixNano":"3000000000"},{"flags":1,"timeUnixNano":"4000000000"},{}]}},
        {"name":"nothing"}, 7]}]}, null]}"#;
    let mut out = Writer::default();
    let received = read_json(text.as_bytes(), &mut out).expect("sound");
    let expected = [
        "# s_total counter [] ",
        r#"Counter s_total{b="true", l="[1,\"x\"]"} 7@2000"#,
        "Counter s_total NaN@3000",
        "Counter s_total NaN@4000",
    ];
    assert_eq!(lines(&mut out), expected);
    assert_eq!(received.refused, [("a point without time", 1)].into());
    for bad in ["", "[]", "{", "7"] {
        assert!(matches!(read_json(bad.as_bytes(), &mut out), Err(BadBody::Json(_))), "{bad}");
    }
}

/// Without a start a resent increase could not be told from the next one, and counted twice.
#[test]
fn an_increase_without_a_start_is_known_by_its_time() {
    let parts = field(1, &[fixed64(3, SPAN[1]), double(4, 1.0)].concat());
    let sum = |temporality| metric("s", "", 7, &[parts.clone(), integer(2, temporality), integer(3, 1)]);
    check(sum(DELTA), &["Delta s_total 1@2000..2000"], &[]);
    check(sum(CUMULATIVE), &["Counter s_total 1@2000"], &[]);
}
