//! The text formats: what a node exporter says, odd cases one by one, and hostile text.

use super::super::testing::lines;
use super::*;
use proptest::prelude::*;

const NODE: &str = r#"# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{cpu="0",mode="idle"} 9.35892721e+06
node_cpu_seconds_total{cpu="0",mode="user"} 12345.67
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1 0.21
# HELP go_gc_duration_seconds A summary of the pause duration.
# TYPE go_gc_duration_seconds summary
go_gc_duration_seconds{quantile="0.5"} 4.9e-05
go_gc_duration_seconds_sum 17.391350544
go_gc_duration_seconds_count 2693

# TYPE http_seconds histogram
http_seconds_bucket{job="own",le="0.1"} 3
http_seconds_bucket{job="own",le="+Inf"} 4
http_seconds_sum{job="own"} 0.5
http_seconds_count{job="own"} 4
some_untyped 3 1395066363000
"#;

fn read_all(text: &str) -> (Scraped, Vec<String>) {
    let mut out = Writer::default();
    let scraped = read(text.as_bytes(), 1000, &[("instance", "h:9100"), ("job", "node")], &mut out);
    (scraped, lines(&mut out))
}

#[test]
fn a_node_exporter() {
    let (scraped, lines) = read_all(NODE);
    let expected = [
        r#"Counter node_cpu_seconds_total{cpu="0", instance="h:9100", job="node", mode="idle"} 9358927.21@1000"#,
        r#"Counter node_cpu_seconds_total{cpu="0", instance="h:9100", job="node", mode="user"} 12345.67@1000"#,
        r#"Gauge node_load1{instance="h:9100", job="node"} 0.21@1000"#,
        r#"Gauge go_gc_duration_seconds{instance="h:9100", job="node", quantile="0.5"} 0.000049@1000"#,
        r#"Counter go_gc_duration_seconds_sum{instance="h:9100", job="node"} 17.391350544@1000"#,
        r#"Counter go_gc_duration_seconds_count{instance="h:9100", job="node"} 2693@1000"#,
        r#"Counter http_seconds_bucket{exported_job="own", instance="h:9100", job="node", le="0.1"} 3@1000"#,
        r#"Counter http_seconds_bucket{exported_job="own", instance="h:9100", job="node", le="+Inf"} 4@1000"#,
        r#"Counter http_seconds_sum{exported_job="own", instance="h:9100", job="node"} 0.5@1000"#,
        r#"Counter http_seconds_count{exported_job="own", instance="h:9100", job="node"} 4@1000"#,
        r#"Unknown some_untyped{instance="h:9100", job="node"} 3@1395066363000"#,
        "# go_gc_duration_seconds summary [] A summary of the pause duration.",
        "# http_seconds histogram [] ",
        "# node_cpu_seconds_total counter [] Seconds the CPUs spent in each mode.",
        "# node_load1 gauge [] 1m load average.",
    ];
    assert_eq!(lines, expected);
    let received = Received { series: 11, samples: 11, ..Received::default() };
    assert_eq!(scraped, Scraped { received, first_fault: None });
}

#[test]
fn openmetrics() {
    let text = "# TYPE reqs counter\n# UNIT reqs s\n# HELP reqs Says \\\"hi\\\"\\nthere.\n\
        reqs_total{a=\"b\"} 5 1395066363.5 # {trace_id=\"x\"} 1 1395066363\n\
        reqs_created{a=\"b\"} 1395066360\nother_created 7\n\
        # TYPE b info\nb_info{version=\"1\"} 1 # {} 2\n# EOF\n";
    let (scraped, lines) = read_all(text);
    let expected = [
        r#"Counter reqs_total{a="b", instance="h:9100", job="node"} 5@1395066363500"#,
        r#"Unknown other_created{instance="h:9100", job="node"} 7@1000"#,
        r#"Gauge b_info{instance="h:9100", job="node", version="1"} 1@1000"#,
        "# b info [] ",
        "# reqs counter [s] Says \"hi\"\nthere.",
    ];
    assert_eq!(lines, expected);
    assert_eq!((scraped.received.ignored, scraped.first_fault), (1, None));
}

#[test]
fn odd_lines() {
    let check = |line: &str, expected: &str| {
        let mut out = Writer::default();
        let scraped = read(line.as_bytes(), 5, &[], &mut out);
        assert_eq!((scraped.first_fault, lines(&mut out).join("|").as_str()), (None, expected), "{line}");
    };
    check("m NaN", "Unknown m NaN@5");
    check("m +Inf", "Unknown m inf@5");
    check("m -Inf -3\r\n", "Unknown m -inf@-3");
    check("m{} 1", "Unknown m 1@5");
    check("  m  {  a = \"x\" , }\t1  7  ", r#"Unknown m{a="x"} 1@7"#);
    check(r#"m{a="\\ \" \n \x é"} 1"#, "Unknown m{a=\"\\\\ \\\" \\n \\\\x é\"} 1@5");
    check(r##"m{a="}",b=",",c="#"} 1"##, r##"Unknown m{a="}", b=",", c="#"} 1@5"##);
    check(r#"{"a.b",c="d"} 1"#, r#"Unknown a.b{c="d"} 1@5"#);
    check(r#"m{empty=""} 1"#, "Unknown m 1@5");
    check("# just a comment\n#\n# TYPE\u{20}m untyped", "# m unknown [] ");
    check("", "");
}

#[test]
fn a_bad_line_is_counted_and_the_first_is_told() {
    let check = |line: &str, reason: &'static str| {
        let text = format!("good 1\n{line}\nbad\ngood 2");
        let (scraped, lines) = read_all(&text);
        assert_eq!(scraped.first_fault, Some((2, reason)), "{line}");
        let series = lines.iter().filter(|line| !line.starts_with('#')).count();
        assert_eq!((scraped.received.samples, scraped.received.refused_total(), series), (2, 2, 2));
    };
    check("m", "no value");
    check("m x", "bad value");
    check("m{a=\"b\"}", "bad value");
    check("m 1 x", "bad timestamp");
    check("m 1 2 3", "text behind the value");
    check("m{a=\"b\" 1", "labels without end");
    check("m{a=\"b} 1", "a quote without end");
    check("m{a=b} 1", "a label's value without quotes");
    check("m{a} 1", "a label without value");
    check("{m} 1", "a label without value");
    // What a page that is no metrics has: `<h1>Error 5` was a metric.
    check("<h1>Error 5", "bad metric name");
    check("5m 1", "bad metric name");
    check("m{a-b=\"1\"} 1", "bad label name");
    check("{a=\"b\"} 1", "no metric name");
    check("m{a=\"1\",a=\"2\"} 1", "a label twice");
    check("# TYPE m nonsense", "unknown type");
    check("# TYPE", "a comment without metric name");
    let mut out = Writer::default();
    assert_eq!(read(b"a 1\n\xff 1", 1, &[], &mut out).first_fault, Some((2, "not UTF-8")));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(bytes: Vec<u8>, odd in r#"[a-z{}="\\,# \n0-9.+é]{0,60}"#) {
        for text in [bytes.as_slice(), odd.as_bytes()] {
            let mut out = Writer::default();
            read(text, 1, &[("job", "j")], &mut out);
            lines(&mut out);
        }
    }

    #[test]
    fn a_text_cut_short_is_read_to_there(at: prop::sample::Index) {
        let mut out = Writer::default();
        let scraped = read(&NODE.as_bytes()[..at.index(NODE.len())], 1, &[("job", "j")], &mut out);
        prop_assert!(scraped.received.refused_total() <= 1);
    }
}
