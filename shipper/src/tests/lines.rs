//! Incomplete, endless, odd lines; redaction and compression.

use crate::model::Bench;
use crate::redact::RedactRule;
use logweir_base::batch::{Codec, LINE_BYTES_MAX, LineMeta};

#[test]
fn t22_half_a_line_waits_for_its_newline_even_over_a_restart() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", "one\nha");
    bench.step();
    bench.append("a.log", "lf of");
    bench.step_after(1);
    assert_eq!(bench.model.arrived, ["one"]);
    bench.kill();
    bench.append("a.log", " it\n");
    bench.step_after(1);
    assert_eq!(bench.model.arrived, ["one", "half of it"]);
}

#[test]
fn t22_a_line_that_waits_too_long_is_cut_and_flagged() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", "prompt> ");
    bench.step();
    bench.step_after(299);
    assert!(bench.model.arrived.is_empty());
    bench.step_after(2);
    bench.append("a.log", "rest\n");
    bench.step_after(1);
    let kept = bench.model.only();
    assert_eq!(kept.text_lines(), ["prompt> ", "rest"]);
    assert!(kept.lines[0].1.has(LineMeta::TRUNCATED) && !kept.lines[1].1.has(LineMeta::TRUNCATED));
}

#[test]
fn t23_a_rotated_file_gives_its_last_line_without_newline() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", "x");
    bench.step();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "new\n");
    bench.step_after(1);
    assert_eq!(bench.model.arrived, ["new"]);
    bench.step_after(31);
    assert_eq!(bench.model.arrived, ["new", "x"]);
}

#[test]
fn t24_a_line_of_many_mebibytes_travels_in_flagged_parts() {
    let long = "z".repeat(5 * LINE_BYTES_MAX + 77) + "\n";
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", "before\n");
    bench.append("a.log", &long);
    bench.append("a.log", "after\n");
    bench.step();
    let kept = bench.model.only();
    assert_eq!(kept.bytes(), ["before\n", &long, "after\n"].concat().into_bytes());
    let parts: Vec<_> = kept.lines.iter().filter_map(|(_, meta, _)| meta.part_number()).collect();
    assert_eq!(parts, [0, 1, 2, 3, 4, 5]);
    let last: Vec<_> = kept.lines.iter().map(|(_, meta, _)| meta.has(LineMeta::LAST_PART)).collect();
    assert_eq!(last, [false, false, false, false, false, false, true, false]);
    assert!(bench.model.batch_bytes_max <= LINE_BYTES_MAX);
}

#[test]
fn t25_an_endless_line_keeps_moving() {
    let mut bench = Bench::new(&["a.log"]);
    for n in 1..=6_u64 {
        bench.append("a.log", "y".repeat(LINE_BYTES_MAX / 2));
        bench.step_after(1);
        assert_eq!(
            bench.model.sources.values().map(|kept| kept.hwm.0).sum::<u64>(),
            n / 2 * LINE_BYTES_MAX as u64
        );
        if n == 3 {
            bench.disconnect();
        }
    }
    let parts: Vec<_> =
        bench.model.only().lines.iter().filter_map(|(_, meta, _)| meta.part_number()).collect();
    assert_eq!(parts, [0, 1, 2]);
}

#[test]
fn t27_t28_bytes_are_kept_as_they_are() {
    let odd = b"\xff\xfe\x00\x80\n\r\n\xef\xbb\xbfbom\r\nlone\rcr\n";
    let mut bench = Bench::new(&["a.log"]);
    for byte in odd {
        bench.append("a.log", [*byte]);
        bench.step_after(1);
    }
    assert_eq!(bench.model.only().bytes(), odd);
    assert_eq!(bench.model.only().lines.len(), 4);
}

#[test]
fn compressed_batches_carry_the_same_lines() {
    let mut bench = Bench::new(&["a.log"]);
    bench.codec = Codec::Zstd;
    bench.append("a.log", Bench::numbered(0..100_000));
    bench.step();
    bench.assert_numbered(0..100_000);
    let counters = bench.tailer().counters();
    assert!(counters.payload_bytes_sent * 4 < counters.bytes_sent, "{counters:?}");
}

/// Offsets stay those of the file, over restarts too.
#[test]
fn redaction_changes_text_but_not_offsets() {
    let mut bench = Bench::new(&["a.log"]);
    bench.config.redact = vec![RedactRule { name: "email".to_owned(), regex: None }];
    bench.append("a.log", "from a@example.org\nplain\n");
    bench.step();
    bench.kill();
    bench.append("a.log", "{\"to\":\"b@example.org\"}\n");
    bench.step_after(1);
    let kept = bench.model.only();
    assert!(kept.lines[0].2.starts_with(b"from [email:") && kept.lines[0].1.has(LineMeta::TEXT_LEN));
    assert_eq!((kept.lines[1].0.0, kept.lines[1].2.as_slice()), (19, &b"plain\n"[..]));
    assert!(!bench.model.lines().concat().contains("example"));
    assert_eq!(kept.hwm.0, 48);
    assert_eq!(bench.tailer().redactions()["email"], 1);
}

/// Many short secrets in long lines: the text may grow, the batch stays within its limit and nothing is left out.
#[test]
fn redaction_never_breaks_the_limits_of_a_batch() {
    let mut bench = Bench::new(&["a.log"]);
    bench.config.redact = vec![RedactRule { name: "x".to_owned(), regex: Some("x".to_owned()) }];
    for _ in 0..20 {
        bench.append("a.log", "xy".repeat(40_000) + "\n");
    }
    bench.append("a.log", "x".repeat(LINE_BYTES_MAX - 1) + "\n");
    bench.step();
    let kept = bench.model.only();
    assert_eq!(kept.lines.len(), 21);
    assert_eq!(kept.hwm.0, 20 * 80_001 + LINE_BYTES_MAX as u64);
    assert!(bench.model.batch_bytes_max <= 2 << 20);
}
