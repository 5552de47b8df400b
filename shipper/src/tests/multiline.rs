//! Lines that belong together: they lie in one batch, they wait for each other but not for long, and none is
//! lost, doubled or stuck over it.

use crate::model::{Bench, Kept};
use crate::redact::RedactRule;
use logweir_base::batch::{LINE_BYTES_MAX, LINES_MAX, LineMeta};
use logweir_base::frame::Frame;
use proptest::prelude::*;
use std::fs::File;
use std::time::{Duration, UNIX_EPOCH};

const IDLE_MS: u64 = 500;

fn bench() -> Bench {
    bench_of("*.log*", IDLE_MS)
}

fn bench_of(glob: &str, idle_ms: u64) -> Bench {
    let mut bench = Bench::new(&[glob]);
    bench.config.settings.multiline_idle = Duration::from_millis(idle_ms);
    bench
}

/// A letter a line: head or continuation.
fn marks(kept: &Kept) -> String {
    let mark = |meta: &LineMeta| if meta.has(LineMeta::CONTINUATION) { 'c' } else { 'h' };
    kept.lines.iter().map(|(_, meta, _)| mark(meta)).collect()
}

/// The only source, once everything has come to rest.
fn settled(bench: &mut Bench) -> Kept {
    for _ in 0..3 {
        bench.step();
        bench.pass(IDLE_MS);
    }
    assert_eq!(bench.tailer().next_due(), None);
    bench.model.only().clone()
}

#[test]
fn json_lines_are_never_held() {
    let mut bench = bench();
    for n in 1..4 {
        bench.append("a.log", format!("{{\"n\":{n}}}\n"));
        bench.step();
        assert_eq!(bench.model.arrived.len(), n);
        assert_eq!(bench.tailer().next_due(), None);
    }
    bench.append("a.log", "plain\n{\"n\":4}\n");
    bench.step();
    assert_eq!(bench.model.arrived.len(), 5, "it closes the line before it");
}

/// Without a scan, and without a look before its time.
#[test]
fn a_last_plain_line_is_sent_when_its_time_has_come() {
    let mut bench = bench();
    bench.append("a.log", "one\ntwo\n");
    bench.step();
    assert_eq!(bench.model.arrived, ["one"]);
    assert_eq!(bench.tailer().next_due(), Some(Duration::from_millis(IDLE_MS)));
    let turns = bench.tailer().counters().turns;
    for _ in 0..4 {
        bench.pass(IDLE_MS / 5);
    }
    assert_eq!(bench.tailer().counters().turns, turns);
    bench.pass(IDLE_MS / 5);
    assert_eq!(bench.model.arrived, ["one", "two"]);
    assert_eq!(bench.tailer().next_due(), None);
}

#[test]
fn a_group_that_grows_by_small_writes_stays_together() {
    let mut bench = bench();
    bench.append("a.log", "before\nhead\n");
    for _ in 0..8 {
        bench.step();
        bench.pass(IDLE_MS - 100);
        bench.append("a.log", "  at");
        bench.step();
        bench.append("a.log", " somewhere\n");
    }
    bench.append("a.log", "after\n");
    let kept = settled(&mut bench);
    assert_eq!(marks(&kept), "hhcccccccch");
    assert_eq!(kept.firsts, [0, 1, 10]);
    assert!(!kept.lines.iter().any(|(_, meta, _)| meta.has(LineMeta::TRUNCATED)));
}

/// Large enough that only what is new is looked at.
#[test]
fn a_large_group_that_grows_line_by_line_stays_together() {
    let mut bench = bench();
    bench.append("a.log", "head\n".to_owned() + &"  at somewhere\n".repeat(2_000));
    for _ in 0..200 {
        bench.append("a.log", "  at some");
        bench.step();
        bench.append("a.log", "where\n");
        bench.pass(20);
        bench.step();
        assert_eq!(bench.model.batches, 0);
    }
    bench.append("a.log", "after\n");
    bench.step();
    assert_eq!(bench.model.arrived.len(), 2_201);
    assert_eq!(settled(&mut bench).firsts, [0, 2_201]);
}

/// Somebody waits for its lines.
#[test]
fn a_group_that_never_ends_is_not_held_for_ever() {
    let mut bench = bench();
    bench.append("a.log", "head\n");
    for n in 0..13 {
        bench.step();
        bench.pass(IDLE_MS - 100);
        assert_eq!(bench.model.batches > 0, n >= 12, "after {:?}", bench.now);
        bench.append("a.log", "  more\n");
    }
    let kept = settled(&mut bench);
    assert_eq!(marks(&kept), "h".to_owned() + &"c".repeat(13));
}

/// Nobody tells of the growth before the time has come: what is new is waited for, too.
#[test]
fn growth_that_was_not_noticed_counts() {
    let mut bench = bench();
    bench.append("a.log", "head\n");
    bench.step();
    bench.append("a.log", "  at one\n");
    bench.pass(IDLE_MS);
    assert_eq!(bench.model.batches, 0);
    bench.append("a.log", "  at two\n");
    bench.pass(IDLE_MS);
    bench.pass(IDLE_MS);
    assert_eq!(bench.model.only().firsts, [0]);
    assert_eq!(marks(bench.model.only()), "hcc");
}

/// T35: whether the first half has been sent by then or not.
#[test]
fn t35_a_trace_split_by_a_rotation_is_kept_and_its_second_half_is_marked() {
    for (sent_before, glob) in [(false, "a.log*"), (true, "a.log*"), (false, "a.log"), (true, "a.log")] {
        let mut bench = bench_of(glob, IDLE_MS);
        bench.append("a.log", "head\n  at one\n");
        bench.step();
        if sent_before {
            bench.pass(IDLE_MS);
        }
        bench.rename("a.log", "a.log.1");
        File::create(bench.path("a.log")).expect("creates");
        bench.step();
        bench.append("a.log", "  at two\nnext\n");
        for _ in 0..2 {
            bench.step();
            bench.pass(IDLE_MS);
        }
        let halves: Vec<_> = bench.model.sources.values().map(|k| (k.bytes(), marks(k))).collect();
        assert!(halves.contains(&(b"head\n  at one\n".to_vec(), "hc".to_owned())), "{halves:?}");
        assert!(halves.contains(&(b"  at two\nnext\n".to_vec(), "ch".to_owned())), "{halves:?}");
    }
}

/// T35: the writer still has the old file, and ends its trace there.
#[test]
fn t35_a_trace_that_goes_on_in_the_rotated_file_is_joined() {
    let mut bench = bench();
    bench.append("a.log", "head\n  at one\n");
    bench.step();
    bench.rename("a.log", "a.log.1");
    bench.append("a.log", "new\n");
    bench.step();
    bench.append("a.log.1", "  at two\n");
    bench.step();
    bench.pass(IDLE_MS);
    let old = bench.model.sources.values().find(|kept| kept.lines.len() == 3).expect("three lines");
    assert_eq!((marks(old).as_str(), old.firsts.as_slice()), ("hcc", &[0][..]));
    assert_eq!(bench.model.arrived.len(), 4);
}

/// T35: the rest of the trace is in the copy, or behind the cut.
#[test]
fn t35_a_trace_split_by_copytruncate_is_kept() {
    let mut bench = bench();
    bench.append("a.log", "first\nhead\n  at one\n");
    bench.step();
    bench.append("a.log", "  at two\n");
    bench.copy_truncate("a.log", "a.log.1");
    bench.append("a.log", "  at three\n");
    for _ in 0..4 {
        bench.step();
        bench.pass(IDLE_MS);
    }
    let mut lines = bench.model.arrived.clone();
    lines.sort();
    assert_eq!(lines, ["  at one", "  at three", "  at two", "first", "head"]);
    let copied = bench.model.sources.values().find(|kept| kept.lines.len() == 4).expect("four lines");
    assert_eq!(marks(copied), "hhcc");
}

/// T36: two pieces, ranges disjoint. Killed in between, the mark may be lost and no byte.
#[test]
fn t36_what_comes_after_an_idle_flush_is_a_continuation() {
    for (killed, cut) in [(false, false), (false, true), (true, false)] {
        let mut bench = bench();
        bench.append("a.log", "head\n  at one\n");
        bench.step();
        bench.pass(IDLE_MS);
        assert_eq!(bench.model.arrived.len(), 2);
        bench.save();
        if killed {
            bench.kill();
        } else if cut {
            bench.disconnect();
        }
        bench.append("a.log", "  at two\n  at three\nnext\n");
        let kept = settled(&mut bench);
        assert_eq!(kept.bytes(), b"head\n  at one\n  at two\n  at three\nnext\n");
        assert_eq!((kept.firsts[1], bench.model.duplicates), (2, 0));
        if !killed {
            assert_eq!(marks(&kept), "hccch");
        }
    }
}

/// T36: killed while it is held, it is read again and stays together.
#[test]
fn t36_a_group_that_was_held_is_read_again_after_a_kill() {
    let mut bench = bench();
    bench.append("a.log", "one\nhead\n");
    bench.step();
    bench.kill();
    bench.append("a.log", "  at one\n");
    let kept = settled(&mut bench);
    assert_eq!((marks(&kept).as_str(), kept.firsts.as_slice()), ("hhc", &[0, 1][..]));
}

#[test]
fn a_group_of_more_than_a_batch_of_bytes_is_cut_and_marked() {
    const FRAMES: usize = 50_000;
    let group = "head\n".to_owned() + &"  at somewhere in a long trace\n".repeat(FRAMES);
    let mut bench = bench();
    bench.append("a.log", "before\n".to_owned() + &group + "after\n");
    bench.step();
    let kept = settled(&mut bench);
    assert_eq!(kept.bytes(), ("before\n".to_owned() + &group + "after\n").into_bytes());
    assert!(bench.model.batch_bytes_max <= LINE_BYTES_MAX);
    assert!(marks(&kept) == "hh".to_owned() + &"c".repeat(FRAMES) + "h");
    let &[0, 1, cut, last] = kept.firsts.as_slice() else {
        panic!("the cut before the group is clean: {:?}", kept.firsts);
    };
    assert!(kept.lines[cut - 1].1.has(LineMeta::TRUNCATED));
    assert_eq!(last, FRAMES + 2);
}

#[test]
fn a_group_of_more_than_a_batch_of_lines_is_cut_and_marked() {
    let mut bench = bench();
    bench.append("a.log", "head\n".to_owned() + &"\t|\n".repeat(LINES_MAX + 10));
    bench.step();
    assert!(bench.model.arrived.len() >= LINES_MAX);
    let kept = settled(&mut bench);
    assert!(marks(&kept) == "h".to_owned() + &"c".repeat(LINES_MAX + 10));
    assert_eq!(kept.firsts[..2], [0, LINES_MAX]);
}

#[test]
fn over_long_lines_and_groups_do_not_mix() {
    let long = "z".repeat(2 * LINE_BYTES_MAX + 77) + "\n";
    let text = ["head\n  at one\n", &long, "head\n  at two\n", &long].concat();
    let mut bench = bench();
    bench.append("a.log", &text);
    bench.step();
    let kept = settled(&mut bench);
    assert_eq!(kept.bytes(), text.into_bytes());
    let parts: Vec<_> = kept.lines.iter().map(|(_, meta, _)| meta.part_number()).collect();
    let long = [Some(0), Some(1), Some(2)];
    assert_eq!(parts, [&[None, None][..], &long, &[None, None], &long].concat());
}

/// The text grows over the limit of a batch: it ends between two groups, or else what follows is marked.
#[test]
fn redaction_that_makes_a_batch_too_long_cuts_between_groups() {
    let long = "xy".repeat(40_000) + "\n";
    for lines_of_group in [2, 3, 7] {
        let mut bench = bench();
        bench.config.redact = vec![RedactRule { name: "x".to_owned(), regex: Some("x".to_owned()) }];
        let group = "head ".to_owned() + &long + &("  at ".to_owned() + &long).repeat(lines_of_group - 1);
        bench.append("a.log", group.repeat(8));
        bench.step();
        let kept = settled(&mut bench);
        let expected = ("h".to_owned() + &"c".repeat(lines_of_group - 1)).repeat(8);
        assert_eq!(marks(&kept), expected);
        let clean = kept.firsts.iter().all(|first| first % lines_of_group == 0);
        assert_eq!(clean, lines_of_group < 7, "{:?}", kept.firsts);
        assert!(bench.model.batch_bytes_max <= 2 << 20);
    }
}

#[test]
fn once_does_not_end_while_lines_are_held() {
    let mut bench = bench();
    bench.append("a.log", "head\n  at one\n");
    bench.step();
    assert!(!bench.tailer().is_done());
    bench.now += Duration::from_millis(IDLE_MS);
    let frame = bench.next().expect("the lines");
    assert!(!bench.tailer().is_done());
    bench.deliver(frame);
    assert!(bench.tailer().is_done());
}

/// T05: their last lines do not wait, since later generations show that they were quiet for long.
#[test]
fn t05_generations_rotated_while_down_stay_in_order() {
    let mut bench = bench();
    for n in 0..5 {
        let name = format!("a.log.{}", 5 - n);
        bench.append(&name, format!("{n} one\n{n} two\n"));
        let file = File::options().append(true).open(bench.path(&name)).expect("opens");
        file.set_modified(UNIX_EPOCH + Duration::from_secs(n)).expect("sets the time");
    }
    bench.step();
    bench.pass(IDLE_MS);
    let expected: Vec<_> = (0..5).flat_map(|n| [format!("{n} one"), format!("{n} two")]).collect();
    assert_eq!(bench.model.arrived, expected);
}

/// The time comes while the router takes nothing, or is away: nothing spins, and nothing is forgotten.
#[test]
fn held_lines_survive_a_full_window_and_a_lost_connection() {
    let mut bench = bench();
    bench.append("a.log", "one\n");
    bench.step();
    bench.answer(vec![Frame::Credit { window_bytes: 0 }]);
    bench.pass(IDLE_MS);
    assert_eq!((bench.model.batches, bench.tailer().next_due()), (0, None));
    bench.answer(vec![Frame::Credit { window_bytes: 1 }]);
    bench.drain();
    assert_eq!(bench.model.arrived, ["one"]);
    bench.append("a.log", "two\n");
    bench.step();
    bench.disconnect();
    bench.pass(IDLE_MS);
    assert_eq!((bench.model.batches, bench.tailer().next_due()), (1, None));
    bench.connect();
    bench.drain();
    assert_eq!(bench.model.arrived, ["one", "two"]);
}

/// Growth puts off the look that was due.
#[test]
fn a_file_that_has_grown_is_not_looked_at_when_it_was_due() {
    let mut bench = bench();
    bench.append("a.log", "head\n");
    bench.step();
    bench.pass(IDLE_MS - 100);
    bench.append("a.log", "  at one\n");
    bench.step();
    bench.step();
    let turns = bench.tailer().counters().turns;
    bench.pass(IDLE_MS - 100);
    assert_eq!(bench.tailer().counters().turns, turns);
    bench.pass(100);
    assert_eq!(bench.model.arrived.len(), 2);
}

/// A file with lines held stays open while others can be parked: parked and deleted, it could not be read.
#[test]
fn t34_files_with_held_lines_are_parked_last() {
    let mut bench = bench();
    bench.config.settings.fds_max = 16;
    bench.append("a.log", "held\n");
    bench.step();
    for n in 0..40 {
        bench.append(&format!("{n}.log"), format!("{{\"n\":{n}}}\n"));
        bench.step();
    }
    bench.remove("a.log");
    bench.step();
    bench.pass(IDLE_MS);
    assert_eq!(bench.model.arrived.len(), 41);
}

/// When there are nothing but such files, they are parked, too, and opened in time.
#[test]
fn t34_held_lines_of_more_files_than_descriptors() {
    const FILES: u32 = 60;
    let mut bench = bench();
    bench.config.settings.fds_max = 16;
    for n in 0..FILES {
        bench.append(&format!("{n}.log"), Bench::numbered(n..n + 1));
    }
    bench.step();
    assert_eq!(bench.model.batches, 0);
    bench.pass(IDLE_MS);
    bench.assert_numbered(0..FILES);
}

/// Rolled back to within what was held, and written on: what is there now is read.
#[test]
fn t07_held_lines_that_are_cut_off_are_not_sent() {
    let before = Bench::numbered(0..100);
    let mut bench = bench();
    bench.append("a.log", before.clone() + "head\n" + &"  at somewhere\n".repeat(2_000));
    bench.step();
    bench.truncate("a.log", before.len() as u64 + 5);
    bench.append("a.log", "  at home\nafter\n");
    bench.step();
    assert_eq!(bench.model.arrived[100..], ["head", "  at home"], "without waiting");
    assert_eq!(settled(&mut bench).bytes(), (before + "head\n  at home\nafter\n").into_bytes());
}

/// A line of a container's log, as docker writes it.
fn docker(stream: &str, text: &str) -> String {
    format!("{{\"log\":\"{text}\\n\",\"stream\":\"{stream}\",\"time\":\"2026-11-25T03:41:09.5Z\"}}\n")
}

/// What waits on one stream does not hold up the other.
#[test]
fn one_quiet_stream_of_two_is_not_waited_for() {
    let mut bench = bench();
    bench.append("a.log", docker("stderr", "warning"));
    for n in 0..40 {
        bench.append("a.log", docker("stdout", &format!("request {n}")));
        bench.step();
        bench.pass(IDLE_MS / 2);
        assert!(bench.model.arrived.len() + 3 > n, "{} of {n}", bench.model.arrived.len());
    }
    assert_eq!(settled(&mut bench).lines.len(), 41);
}

#[test]
fn one_quiet_stream_of_two_does_not_cut_the_groups_of_the_other() {
    let mut bench = bench();
    bench.append("a.log", docker("stderr", "warning"));
    let group = [docker("stdout", "request"), docker("stdout", "  at somewhere")].concat();
    bench.append("a.log", group.repeat(20_000));
    bench.step();
    let kept = settled(&mut bench);
    assert_eq!(kept.lines.len(), 40_001);
    let truncated = kept.lines.iter().filter(|(_, meta, _)| meta.has(LineMeta::TRUNCATED)).count();
    assert!(truncated <= 1, "{truncated} groups were cut in {} batches", kept.firsts.len());
}

/// What may happen next.
#[derive(Clone, Debug)]
enum Act {
    Write(Vec<Kind>),
    /// A line in two writes, with steps in between.
    Halves(Kind),
    Step(u16),
    SendWithoutAnswers,
    Cut,
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    Json,
    Indented,
}

fn line(kind: Kind, number: usize) -> String {
    match kind {
        Kind::Plain => format!("line {number} of some text\n"),
        Kind::Json => format!("{{\"line\":{number}}}\n"),
        Kind::Indented => format!("    at frame number {number}\n"),
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    prop_oneof![2 => Just(Kind::Plain), 1 => Just(Kind::Json), 3 => Just(Kind::Indented)]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::collection::vec(any_kind(), 1..12).prop_map(Act::Write),
        1 => any_kind().prop_map(Act::Halves),
        4 => (0u16..2_000).prop_map(Act::Step),
        1 => Just(Act::SendWithoutAnswers),
        1 => Just(Act::Cut),
        1 => Just(Act::Kill),
    ]
}

/// Runs `acts` and lets everything settle. Returns the kinds of the lines written and the source.
fn live(acts: Vec<Act>, idle_ms: u64) -> (Vec<Kind>, Kept) {
    let mut bench = bench_of("a.log", idle_ms);
    let mut written = Vec::new();
    let mut text = String::new();
    for act in acts {
        match act {
            Act::Write(kinds) => {
                let lines: String =
                    (0..).zip(&kinds).map(|(n, &kind)| line(kind, written.len() + n)).collect();
                written.extend(kinds);
                bench.append("a.log", &lines);
                text += &lines;
            }
            Act::Halves(kind) => {
                let line = line(kind, written.len());
                written.push(kind);
                bench.append("a.log", &line[..3]);
                bench.step();
                bench.append("a.log", &line[3..]);
                text += &line;
            }
            Act::Step(millis) => {
                bench.now += Duration::from_millis(u64::from(millis));
                bench.step();
            }
            Act::SendWithoutAnswers => {
                bench.scan();
                while let Some(frame) = bench.next() {
                    drop(bench.model.take(frame));
                }
                bench.disconnect();
            }
            Act::Cut => bench.disconnect(),
            Act::Kill => bench.kill(),
        }
    }
    for _ in 0..3 {
        bench.step();
        bench.pass(idle_ms);
    }
    let kept = bench.model.sources.values().next().cloned();
    let bytes = kept.as_ref().map_or(Vec::new(), Kept::bytes);
    assert_eq!(String::from_utf8_lossy(&bytes), text);
    let kept = kept.unwrap_or_else(|| {
        bench.append("a.log", "{}\n");
        written.push(Kind::Json);
        bench.step();
        bench.model.only().clone()
    });
    (written, kept)
}

/// Whether a line belongs to the one before it.
fn goes_on(written: &[Kind], at: usize) -> bool {
    at > 0 && written[at] == Kind::Indented && written[at - 1] != Kind::Json
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// With time enough for every group: none is split, whatever breaks, and every line is marked as what it
    /// is.
    #[test]
    fn groups_stay_together_over_kills_and_lost_connections(acts in prop::collection::vec(any_act(), 1..40)) {
        let (written, kept) = live(acts, 3_600_000);
        for &first in &kept.firsts {
            prop_assert!(!goes_on(&written, first), "line {first} of {written:?} was cut off");
        }
        let expected: String =
            (0..written.len()).map(|at| if goes_on(&written, at) { 'c' } else { 'h' }).collect();
        prop_assert_eq!(marks(&kept), expected);
    }

    /// With less: every byte is there once all the same.
    #[test]
    fn no_line_is_lost_doubled_or_stuck(acts in prop::collection::vec(any_act(), 1..40)) {
        live(acts, IDLE_MS);
    }
}
