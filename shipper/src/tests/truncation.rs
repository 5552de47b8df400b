//! Truncation, copies, reuse: the same name or inode with other content, and the same content under another inode.

use crate::model::Bench;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Unread lines at the moment of copying are in the copy, and are found there.
#[test]
fn t03_copytruncate_goes_on_in_the_copy() {
    let mut bench = Bench::new(&["a.log*"]);
    for round in 0..4 {
        let n = round * 100;
        bench.append("a.log", Bench::numbered(n..n + 60));
        bench.step_after(1);
        bench.append("a.log", Bench::numbered(n + 60..n + 90));
        bench.copy_truncate("a.log", &format!("a.log.{round}"));
        bench.append("a.log", Bench::numbered(n + 90..n + 100));
        bench.step_after(1);
    }
    bench.step_after(1);
    bench.assert_numbered(0..400);
    assert_eq!(bench.tailer().counters().copies, 4);
    assert_eq!((bench.model.sources.len(), bench.model.duplicates), (5, 0));
}

/// The copy is met while it is being made, and again before the original is cut.
#[test]
fn t03_a_copy_in_the_making_is_held() {
    let mut bench = Bench::new(&["a.log*"]);
    bench.append("a.log", Bench::numbered(0..90));
    bench.step();
    let whole = fs::read(bench.path("a.log")).expect("reads");
    for part in [100, 1500] {
        fs::write(bench.path("a.log.1"), &whole[..part]).expect("writes");
        bench.step_after(1);
    }
    fs::write(bench.path("a.log.1"), &whole).expect("writes");
    bench.step_after(1);
    assert_eq!(bench.model.sources.len(), 1);
    bench.truncate("a.log", 0);
    bench.append("a.log", Bench::numbered(90..95));
    bench.step_after(1);
    bench.step_after(1);
    bench.assert_numbered(0..95);
}

/// DURABILITY section 7, case b: lines that came between the copy and the cut were read already.
#[test]
fn t03_a_copy_that_lacks_read_lines_is_finished() {
    let mut bench = Bench::new(&["a.log*"]);
    bench.append("a.log", Bench::numbered(0..50));
    bench.step_after(1);
    fs::copy(bench.path("a.log"), bench.path("a.log.1")).expect("copies");
    bench.append("a.log", Bench::numbered(50..60));
    bench.step_after(1);
    bench.truncate("a.log", 0);
    bench.append("a.log", Bench::numbered(60..70));
    bench.step_after(1);
    bench.step_after(10);
    bench.assert_numbered(0..70);
    bench.kill();
    bench.step_after(1);
    bench.assert_numbered(0..70);
    assert_eq!(bench.model.duplicates, 0);
}

/// While there is no connection, too: the copy must not become a source of its own.
#[test]
fn t03_copytruncate_while_the_router_is_away() {
    let mut bench = Bench::new(&["a.log*"]);
    bench.append("a.log", Bench::numbered(0..50));
    bench.step();
    bench.disconnect();
    bench.append("a.log", Bench::numbered(50..60));
    bench.scan();
    bench.copy_truncate("a.log", "a.log.1");
    bench.append("a.log", Bench::numbered(60..70));
    for _ in 0..30 {
        bench.now += std::time::Duration::from_secs(1);
        bench.scan();
    }
    bench.step_after(1);
    bench.assert_numbered(0..70);
}

/// A copy that stays a copy is a file of its own: two lines.
#[test]
fn t03_a_copy_on_purpose_is_another_source() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..5));
    bench.step();
    fs::copy(bench.path("a.log"), bench.path("b.log")).expect("copies");
    bench.step_after(1);
    bench.step_after(4);
    assert_eq!(bench.model.arrived.len(), 10);
}

#[test]
fn t07_truncated_to_nothing_begins_anew() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.truncate("a.log", 0);
    bench.step_after(1);
    bench.append("a.log", Bench::numbered(10..15));
    bench.step_after(1);
    bench.assert_numbered(0..15);
    assert_eq!((bench.model.sources.len(), bench.tailer().counters().replaced), (2, 1));
}

/// Rolled back after a power loss: what is still there is not sent again.
#[test]
fn t07_rolled_back_to_an_acknowledged_offset_goes_on_there() {
    let mut bench = Bench::new(&["a.log"]);
    for n in 0..10 {
        bench.append("a.log", Bench::numbered(n * 10..n * 10 + 10));
        bench.step_after(1);
    }
    bench.kill();
    let keep = Bench::numbered(0..70).len();
    bench.truncate("a.log", keep as u64);
    bench.append("a.log", Bench::numbered(200..210));
    bench.step_after(1);
    assert_eq!(bench.model.arrived.len(), 110);
    assert_eq!(bench.model.arrived[100..], *Bench::numbered(200..210).lines().collect::<Vec<_>>());
    let new = bench.model.sources.values().find(|kept| !kept.gaps.is_empty()).expect("a gap in front");
    assert_eq!((new.gaps[0].start.0, new.gaps[0].end.0 as usize), (0, keep));
    bench.step_after(1);
    bench.kill();
    bench.step_after(1);
    assert_eq!(bench.model.arrived.len(), 110);
}

/// The same size, and larger: only the hash of what was read tells.
#[test]
fn t08_t09_rewritten_to_the_same_or_a_larger_size_is_noticed() {
    for lines in [100..200, 100..300] {
        let mut bench = Bench::new(&["a.log"]);
        bench.append("a.log", Bench::numbered(100..200).replace("some", "any!"));
        bench.step();
        fs::write(bench.path("a.log"), Bench::numbered(lines.clone())).expect("writes");
        bench.step_after(1);
        bench.step_after(1);
        assert_eq!(bench.model.arrived.len(), 100 + lines.len());
        assert_eq!(bench.model.sources.len(), 2);
    }
}

#[test]
fn t10_truncated_while_down_and_the_reset_is_persistent() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.kill();
    fs::write(bench.path("a.log"), Bench::numbered(10..13)).expect("writes");
    bench.step_after(1);
    bench.assert_numbered(0..13);
    let batches = bench.model.batches;
    bench.kill();
    bench.step_after(1);
    assert_eq!(bench.model.batches, batches);
}

#[test]
fn t11_a_reused_inode_is_a_new_source() {
    let mut bench = Bench::new(&["a.log"]);
    for n in 0..20 {
        bench.append("a.log", Bench::numbered(n..n + 1));
        bench.step_after(1);
        // Parked files are not held open, so that their inode can be used again.
        bench.kill();
        bench.remove("a.log");
    }
    bench.assert_numbered(0..20);
}

#[test]
fn t12_a_common_header_does_not_make_files_one() {
    const FILES: u32 = 200;
    let header = "# the same header in every file\n".repeat(128);
    let mut bench = Bench::new(&["*.csv"]);
    for n in 0..FILES / 2 {
        bench.append(&format!("{n}.csv"), header.clone() + &Bench::numbered(n..n + 1));
    }
    bench.step();
    for n in FILES / 2..FILES {
        bench.append(&format!("{n}.csv"), header.clone() + &Bench::numbered(n..n + 1));
    }
    bench.step_after(1);
    bench.step_after(1);
    assert_eq!(bench.model.sources.len(), FILES as usize);
    let numbered = bench.model.arrived.iter().filter(|line| line.starts_with("line")).count();
    assert_eq!((numbered, bench.model.arrived.len()), (FILES as usize, FILES as usize * 129));
}

#[test]
fn t13_a_short_file_is_read_at_once_and_stays_the_same_source() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", "\n");
    bench.step();
    assert_eq!(bench.model.arrived, [""]);
    for n in 0..100 {
        bench.append("a.log", Bench::numbered(n..n + 1));
        bench.step_after(1);
        if n % 10 == 0 {
            bench.kill();
        }
    }
    assert_eq!(bench.model.only().lines.len(), 101);
}

/// The writer goes on at its old offset; before it is nothing but a hole.
#[test]
fn t26_a_hole_is_skipped_and_recorded() {
    let mut bench = Bench::new(&["a.log"]);
    let old = Bench::numbered(0..40_000);
    let writer =
        File::options().write(true).create(true).truncate(false).open(bench.path("a.log")).expect("opens");
    writer.write_all_at(old.as_bytes(), 0).expect("writes");
    bench.step();
    bench.truncate("a.log", 0);
    bench.step_after(1);
    writer.write_all_at(b"after the hole\nand more\n", old.len() as u64).expect("writes");
    bench.step_after(1);
    bench.step_after(1);
    let skipped = bench.tailer().counters().hole_bytes;
    let new = bench.model.sources.values().find(|kept| !kept.gaps.is_empty()).expect("a gap");
    let hole = new.gaps[0].end.0 - new.gaps[0].start.0;
    assert_eq!(skipped, hole);
    assert!(hole > 4096 && new.gaps[0].reason.contains("hole"));
    let (first, rest) = (&new.lines[0], &new.lines[1]);
    assert!(first.2.ends_with(b"\0after the hole\n"), "the NULs of the hole's last page are the line's");
    assert_eq!(rest.2, b"and more\n");
    assert_eq!(new.hwm.0, old.len() as u64 + 24);
}
