//! Remote write: requests of real senders, requests written by hand, and hostile ones.

use super::super::samples::SAMPLES_BYTES_MAX;
use super::super::testing::{captures, field, fixed64, integer, lines};
use super::super::{Kind, STALE};
use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Instant;

fn label(name: &[u8], value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name), field(2, value)].concat())
}

fn sample(time: i64, value: f64) -> Vec<u8> {
    field(2, &[fixed64(1, value.to_bits()), integer(2, time as u64)].concat())
}

fn series(parts: &[Vec<u8>]) -> Vec<u8> {
    field(1, &parts.concat())
}

fn metadata(kind: u64, name: &str) -> Vec<u8> {
    field(3, &[integer(1, kind), field(2, name.as_bytes()), field(4, b"Helps."), field(5, b"s")].concat())
}

fn read_all(body: &[u8]) -> (Received, Vec<String>) {
    let mut out = Writer::default();
    let received = read(body, &mut out).expect("sound");
    (received, lines(&mut out))
}

#[test]
fn series_metadata_and_what_is_refused() {
    let long = "x".repeat(5000);
    let up = label(b"__name__", b"up");
    let body = [
        series(&[
            up.clone(),
            label(b"job", b"a"),
            sample(1000, 1.0),
            sample(2000, STALE),
            sample(3000, f64::INFINITY),
        ]),
        series(&[
            label(b"job", b"a"),
            label(b"__name__", b"late_bucket"),
            label(b"empty", b""),
            sample(5, 2.5),
        ]),
        series(&[up.clone(), label(b"a", b"1"), label(b"a", b"2"), sample(1, 1.0), sample(2, 1.0)]),
        series(&[up.clone(), label(b"a", long.as_bytes()), sample(1, 1.0)]),
        series(&[up.clone(), label(b"a", b"\xff"), sample(1, 1.0)]),
        series(&[label(b"a", b"1"), sample(1, 1.0)]),
        series(&[up.clone(), field(4, b""), field(3, b"")]),
        series(&[label(b"__name__", b"last"), sample(-7, -0.0)]),
        metadata(2, "up"),
        field(99, b"later"),
    ]
    .concat();
    let (received, lines) = read_all(&body);
    let expected = [
        "# up gauge [s] Helps.",
        r#"Gauge up{job="a"} 1@1000 NaN@2000 inf@3000"#,
        r#"Counter late_bucket{job="a"} 2.5@5"#,
        "Unknown last -0@-7",
    ];
    assert_eq!(lines, expected);
    let refused = [
        ("a label twice", 2),
        ("label too long", 1),
        ("malformed labels", 1),
        ("native histogram", 1),
        ("no metric name", 1),
    ];
    assert_eq!(received, Received { series: 3, samples: 5, ignored: 0, refused: refused.into() });
}

#[test]
fn a_series_of_nothing_but_samples_does_not_fill_the_memory() {
    let name = label(b"__name__", b"m");
    let body = series(&[name, [0x12, 0].repeat(SERIES_SAMPLES_MAX + 5)]);
    let received = read(&body, &mut Writer::default()).expect("sound");
    assert_eq!(received.samples, SERIES_SAMPLES_MAX as u64);
    assert_eq!(received.refused, [("too many samples of a series", 5)].into());
}

#[test]
fn the_stale_mark_keeps_its_bits() {
    let body = series(&[label(b"__name__", b"up"), sample(1, STALE)]);
    let mut out = Writer::default();
    read(&body, &mut out).expect("sound");
    assert!(out.take().ends_with(&0x7ff0_0000_0000_0002u64.to_le_bytes()));
}

#[test]
fn a_long_series_and_a_long_request_are_batches_that_read() {
    let mut parts = vec![label(b"__name__", b"up")];
    parts.extend((0..200_000).map(|at| sample(at, 0.5)));
    let (received, lines) = read_all(&series(&parts));
    assert_eq!((received.series, received.samples), (1, 200_000));
    assert_eq!(lines.len(), 200_000usize.div_ceil(4096));
    let mut out = Writer::default();
    read(&series(&parts), &mut out).expect("sound");
    assert!(out.batches().iter().all(|batch| batch.len() < SAMPLES_BYTES_MAX + 100_000));
}

/// Every capture of Prometheus and OpenTelemetry's exporter: all is taken, in order and out of it.
#[test]
fn captured_requests_are_taken_whole() {
    let mut kinds = BTreeSet::new();
    let mut samples = 0;
    let files = captures(&["http_api_v1_write"]);
    for (name, body) in &files {
        let mut out = Writer::default();
        let body = decompress(body).expect("snappy");
        let received = read(&body, &mut out).unwrap_or_else(|e| panic!("{name}: {e}"));
        let batch = out.take();
        for item in super::super::samples::read(&batch) {
            if let super::super::samples::Item::Series { kind, .. } = item.expect("reads") {
                kinds.insert(kind);
            }
        }
        assert_eq!(received.refused_total(), 0, "{name}: {received:?}");
        assert!(received.samples > 0 || !batch.is_empty(), "{name}");
        samples += received.samples;
    }
    if !files.is_empty() {
        println!("{} requests, {samples} samples", files.len());
        assert!(kinds.contains(&Kind::Counter) && kinds.contains(&Kind::Unknown), "{kinds:?}");
    }
}

#[test]
fn a_bomb_is_refused_before_there_is_memory_for_it() {
    assert_eq!(decompress(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]), Err(BadBody::TooLarge));
    assert_eq!(decompress(&[0x80, 0x80, 0x80, 0x08, 0]), Err(BadBody::Snappy));
    assert_eq!(decompress(&[]), Err(BadBody::Snappy));
    let bomb = snap::raw::Encoder::new().compress_vec(&vec![0; BODY_BYTES_MAX + 1]).expect("compresses");
    assert_eq!(decompress(&bomb), Err(BadBody::TooLarge));
    assert_eq!(read(&vec![0; BODY_BYTES_MAX + 1], &mut Writer::default()), Err(BadBody::TooLarge));
    let most = snap::raw::Encoder::new().compress_vec(&vec![0; BODY_BYTES_MAX]).expect("compresses");
    assert_eq!(decompress(&most).map(|body| body.len()), Ok(BODY_BYTES_MAX));
}

/// Prints what a CPU-second takes in; the figure counts in an optimised build.
#[test]
fn reading_is_quick() {
    let body: Vec<u8> = (0..2000)
        .flat_map(|at: i64| {
            let (host, path) = (format!("host-{}", at % 100), format!("/api/v1/path/{}", at / 100));
            let labels = [
                ("__name__", "http_request_duration_seconds_count"),
                ("cluster", "production-eu-1"),
                ("instance", &host),
                ("job", "checkout"),
                ("method", "GET"),
                ("namespace", "shop"),
                ("path", &path),
                ("status", "200"),
            ];
            let mut parts: Vec<_> = labels.iter().map(|(n, v)| label(n.as_bytes(), v.as_bytes())).collect();
            parts.push(sample(1_700_000_000_000 + at, at as f64));
            series(&parts)
        })
        .collect();
    let mut out = Writer::default();
    let mut best = std::time::Duration::MAX;
    for _ in 0..20 {
        let begin = Instant::now();
        let received = read(&body, &mut out).expect("sound");
        best = best.min(begin.elapsed());
        assert_eq!((received.samples, received.refused_total()), (2000, 0));
        out.batches();
    }
    println!("{:.2} M samples a second", 2000.0 / best.as_secs_f64() / 1e6);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = decompress(&bytes);
        let mut out = Writer::default();
        let _ = read(&bytes, &mut out);
        lines(&mut out);
    }

    #[test]
    fn captures_cut_or_altered_are_read_or_refused(which: prop::sample::Index, at: prop::sample::Index, byte: u8) {
        let files = captures(&["052_http_api_v1_write", "080_http_api_v1_write", "038_http"]);
        prop_assume!(!files.is_empty());
        let (_, body) = &files[which.index(files.len())];
        let mut body = decompress(body).expect("snappy");
        let at = at.index(body.len());
        let _ = read(&body[..at], &mut Writer::default());
        body[at] = byte;
        let mut out = Writer::default();
        let _ = read(&body, &mut out);
        lines(&mut out);
    }
}

proptest! {
    /// What a series keeps of the one before it makes no difference.
    #[test]
    fn series_of_one_request_are_as_each_in_its_own(
        all in prop::collection::vec(prop::collection::vec(0usize..12, 0..7), 1..6)
    ) {
        let long = [b'y'; 130];
        let parts = [
            label(b"__name__", b"up"),
            label(b"__name__", b"up_total"),
            label(b"__name__", b"\xff"),
            label(b"a", b"1"),
            label(b"a", b"12"),
            label(b"a", b""),
            label(b"", b"nameless"),
            label(b"b", &long),
            label(b"c", b"\xff"),
            sample(7, 1.5),
            field(4, b""),
            field(99, b"later"),
        ];
        let one = |of: &Vec<usize>| series(&of.iter().map(|&at| parts[at].clone()).collect::<Vec<_>>());
        let (found, found_lines) = read_all(&all.iter().map(one).collect::<Vec<_>>().concat());
        let (mut expected, mut expected_lines) = (Received::default(), Vec::new());
        for of in &all {
            let (received, lines) = read_all(&one(of));
            expected.add(&received);
            expected_lines.extend(lines);
        }
        prop_assert_eq!((found, found_lines), (expected, expected_lines));
    }
}

#[test]
fn how_many_bytes_are_the_same() {
    let check = |a: &[u8], b: &[u8], expected: usize| assert_eq!(same_bytes(a, b), expected, "{a:?} {b:?}");
    check(b"", b"abc", 0);
    check(b"abcdefgh", b"abcdefghi", 8);
    check(b"abcdefghij", b"abcdefghiJ", 9);
    check(b"abcdefghijklmnopq", b"abcdefgHijklmnopq", 7);
    check(b"abcdefghijklmnopq", b"abcdefghijklmnopq", 17);
}

/// What the fast paths take of any bytes is what reading them field by field gives.
fn check_fast_paths(bytes: &[u8]) {
    if let Some((name, value)) = usual_label(bytes) {
        let fields: Vec<_> = Message(bytes).collect::<Result<_, _>>().expect("sound");
        let texts = fields.iter().map(|(number, field)| (*number, field.bytes().expect("a text")));
        assert!(texts.eq([(1, name), (2, value)]), "{bytes:?}");
    }
    if let Some((time, value)) = usual_sample(bytes) {
        let fields: Vec<_> = Message(bytes).collect::<Result<_, _>>().expect("sound");
        let [(1, of_value), (2, of_time)] = fields.as_slice() else { panic!("{fields:?}") };
        assert_eq!(of_value.double().expect("a double").to_bits(), value.to_bits());
        assert_eq!(of_time.varint().expect("an integer") as i64, time);
    }
}

proptest! {
    #[test]
    fn the_fast_paths_read_what_the_slow_ones_read(
        name in "[a-z]{0,3}", value in "[a-z]{0,140}", time: i64, number: f64,
        at: prop::sample::Index, byte: u8, cut: prop::sample::Index
    ) {
        let label = [field(1, name.as_bytes()), field(2, value.as_bytes())].concat();
        let sample = [fixed64(1, number.to_bits()), integer(2, time as u64)].concat();
        prop_assert_eq!(usual_label(&label).is_some(), value.len() < 128);
        prop_assert_eq!(usual_sample(&sample).map(|usual| usual.0), Some(time));
        for mut bytes in [label, sample] {
            check_fast_paths(&bytes);
            let place = at.index(bytes.len());
            bytes[place] = byte;
            check_fast_paths(&bytes);
            bytes.truncate(cut.index(bytes.len() + 1));
            check_fast_paths(&bytes);
        }
    }
}
