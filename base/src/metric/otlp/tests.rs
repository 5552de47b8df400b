//! OTLP: what real exporters sent, cut anywhere, every kind of point written by hand (`points.rs`), and hostile bytes.

mod points;

use super::super::testing::{captures, lines};
use super::*;
use crate::testing::shared_files;
use proptest::prelude::*;
use std::io::Read as _;

fn all_of(body: &[u8]) -> Vec<String> {
    let mut out = Writer::default();
    let received = read(body, &mut out).expect("sound");
    assert!(received.refused.is_empty(), "{received:?}");
    lines(&mut out)
}

fn metric_captures() -> Vec<(String, Vec<u8>)> {
    [http_captures(), captures(&["MetricsService_Export"])].concat()
}

/// Gzip, in which some came, is taken off before the decoder.
fn http_captures() -> Vec<(String, Vec<u8>)> {
    let mut files = captures(&["http_v1_metrics"]);
    for (_, body) in files.iter_mut().filter(|(_, body)| body.starts_with(&[0x1f, 0x8b])) {
        let packed = std::mem::take(body);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(body).expect("gzip");
    }
    files
}

#[test]
fn what_pythons_exporter_sends_over_http() {
    for (name, body) in http_captures() {
        let all = all_of(&body);
        let has = |start: &str, end: &str| all.iter().any(|l| l.starts_with(start) && l.contains(end));
        assert_eq!(all.len(), 24, "{name}");
        assert!(
            has("Counter orders_total{env=\"prod\"", "route=\"/pay\", service=\"checkout\"} 3@"),
            "{name}"
        );
        assert!(
            has("Counter latency_ms_bucket{", "le=\"5\", route=\"/pay\", service=\"checkout\"} 2@"),
            "{name}"
        );
        assert!(
            has("Counter latency_ms_bucket{", "le=\"+Inf\", route=\"/pay\", service=\"checkout\"} 5@"),
            "{name}"
        );
        assert!(
            has("Counter latency_ms_sum{", "} 9268@") && has("Counter latency_ms_count{", "} 5@"),
            "{name}"
        );
        assert!(has("Gauge inflight{", "job=\"checkout\", service=\"checkout\"} 2@"), "{name}");
        assert!(has("Gauge target_info{", "service_version=\"1.4.2\""), "{name}");
        assert!(has("# orders_total counter", "") && has("# latency_ms histogram", ""), "{name}");
    }
}

#[test]
fn what_pythons_exporter_sends_over_grpc() {
    for (name, body) in captures(&["MetricsService_Export"]) {
        let all = all_of(&body);
        let counter = all.iter().find(|line| line.starts_with("Counter c_total{")).expect("the counter");
        assert!(counter.contains("job=\"grpc-svc\", service=\"grpc-svc\"} 1@"), "{name}: {counter}");
    }
}

/// OpenTelemetry's own example, every kind once, increases as increases.
#[test]
fn the_example_in_json() {
    for (_, body) in shared_files("otlp").into_iter().filter(|(name, _)| name.ends_with("metrics.json")) {
        let mut out = Writer::default();
        let received = read_json(&body, &mut out).expect("sound");
        assert_eq!((received.samples, received.refused_total()), (7, 0));
        let all = lines(&mut out);
        let has = |line: &str| assert!(all.iter().any(|l| l.starts_with(line)), "{line} in {all:#?}");
        has(
            "Delta my_counter_total{job=\"my.service\", my_counter_attr=\"some value\", service=\"my.service\"} 5@",
        );
        has(
            "Gauge my_gauge_ratio{job=\"my.service\", my_gauge_attr=\"some value\", service=\"my.service\"} 10@",
        );
        has("Delta my_histogram_bucket{job=\"my.service\", le=\"1\"");
        has("Delta my_histogram_sum{");
        has("Histogram my_exponential_histogram{job=\"my.service\"");
        has("# my_counter_total counter [1] I am a Counter");
    }
}

#[test]
fn captures_cut_anywhere_are_read_or_refused() {
    for (_, body) in metric_captures() {
        for end in 0..body.len() {
            let _ = read(&body[..end], &mut Writer::default());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let _ = read(&bytes, &mut Writer::default());
        let _ = read_json(&bytes, &mut Writer::default());
        for (_, mut body) in metric_captures() {
            let at = at.index(body.len());
            body[at] = byte;
            let _ = read(&body, &mut Writer::default());
        }
    }
}
