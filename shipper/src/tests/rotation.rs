//! Rotation, deletion, links, descriptors: files that come, go and change their names.

use crate::model::Bench;
use crate::status::FileState;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;

#[test]
fn a_growing_file_is_sent_line_by_line() {
    let mut bench = Bench::new(&["*.log"]);
    bench.config.zone = "CET-1CEST,M3.5.0,M10.5.0/3".to_owned();
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.append("a.log", Bench::numbered(10..20));
    bench.step();
    bench.step();
    bench.assert_numbered(0..20);
    assert_eq!(bench.model.duplicates, 0);
    let resource = &bench.model.only().open.resource;
    assert_eq!(resource.path, bench.path("a.log").display().to_string());
    assert_eq!(resource.zone, bench.config.zone);
}

/// Both where the rotated name is to be tailed and where it is not.
#[test]
fn t01_rename_rotation_keeps_every_generation() {
    for glob in ["a.log*", "a.log"] {
        let mut bench = Bench::new(&[glob]);
        for generation in 0..5 {
            bench.append("a.log", Bench::numbered(generation * 10..generation * 10 + 6));
            bench.step_after(1);
            bench.append("a.log", Bench::numbered(generation * 10 + 6..generation * 10 + 10));
            bench.rename("a.log", &format!("a.log.{generation}"));
        }
        bench.step_after(1);
        bench.step_after(1);
        bench.assert_numbered(0..50);
        assert_eq!(bench.model.sources.len(), 5, "{glob}");
    }
}

#[test]
fn t02_what_the_writer_adds_after_the_rename_is_read() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..3));
    let mut old = File::options().append(true).open(bench.path("a.log")).expect("opens");
    bench.step();
    bench.rename("a.log", "elsewhere");
    bench.append("a.log", Bench::numbered(3..5));
    bench.step_after(60);
    old.write_all(Bench::numbered(5..8).as_bytes()).expect("writes");
    bench.step_after(60);
    bench.step_after(60);
    old.write_all(Bench::numbered(8..9).as_bytes()).expect("writes");
    bench.step_after(1);
    bench.assert_numbered(0..9);
    assert_eq!(bench.model.sources.len(), 2);
}

#[test]
fn t05_generations_rotated_while_down_are_finished_oldest_first() {
    let mut bench = Bench::new(&["a.log*"]);
    bench.append("a.log", Bench::numbered(0..5));
    bench.step();
    bench.append("a.log", Bench::numbered(5..7));
    bench.kill();
    for n in 1..=5 {
        for generation in (1..n).rev() {
            bench.rename(&format!("a.log.{generation}"), &format!("a.log.{}", generation + 1));
        }
        bench.rename("a.log", "a.log.1");
        bench.append("a.log", Bench::numbered(n * 10..n * 10 + 5));
        let age = std::time::UNIX_EPOCH + std::time::Duration::from_secs(u64::from(n) * 100);
        let file = File::options().append(true).open(bench.path("a.log")).expect("opens");
        file.set_modified(age).expect("sets the time");
    }
    let oldest = File::options().append(true).open(bench.path("a.log.5")).expect("opens");
    oldest.set_modified(std::time::UNIX_EPOCH).expect("sets the time");
    bench.step_after(1);
    let expected: Vec<_> = [0..7, 10..15, 20..25, 30..35, 40..45, 50..55]
        .into_iter()
        .flat_map(|range| Bench::numbered(range).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(bench.model.arrived, expected);
    assert_eq!((bench.model.sources.len(), bench.model.duplicates), (6, 0));
}

#[test]
fn t16_a_swung_link_leads_to_a_new_source_and_the_old_file_is_finished() {
    let mut bench = Bench::new(&["current", "*.data"]);
    bench.append("one.data", Bench::numbered(0..3));
    bench.append("two.data", Bench::numbered(10..13));
    symlink(bench.path("one.data"), bench.path("current")).expect("links");
    bench.step();
    bench.append("one.data", Bench::numbered(3..5));
    bench.remove("current");
    symlink(bench.path("two.data"), bench.path("current")).expect("links");
    bench.step();
    bench.step();
    assert_eq!(bench.model.sources.len(), 2);
    assert_eq!(bench.model.arrived.len(), 8);
}

#[test]
fn t17_t18_link_and_second_name_are_read_once() {
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..3));
    symlink(bench.path("a.log"), bench.path("b.log")).expect("links");
    fs::hard_link(bench.path("a.log"), bench.path("c.log")).expect("links");
    bench.step();
    bench.append("c.log", Bench::numbered(3..6));
    bench.step();
    bench.assert_numbered(0..6);
    assert_eq!(bench.model.sources.len(), 1);
}

/// A FIFO without a writer would block for ever if it were opened.
#[test]
fn t19_what_is_no_file_is_refused_and_shown() {
    let mut bench = Bench::new(&["*.log"]);
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mknodat(rustix::fs::CWD, bench.path("pipe.log"), rustix::fs::FileType::Fifo, mode, 0)
        .expect("fifo");
    symlink("/etc/hostname", bench.path("out.log")).expect("links");
    bench.append("a.log", "one\n");
    bench.step();
    assert_eq!(bench.model.lines(), ["one"]);
    let refused = |file: &&crate::status::FileStatus| file.state == FileState::Refused;
    assert_eq!(bench.tailer().file_statuses().iter().filter(refused).count(), 2);
}

#[test]
fn t29_a_deleted_file_is_read_while_it_is_written() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..3));
    let mut writer = File::options().append(true).open(bench.path("a.log")).expect("opens");
    bench.step();
    bench.remove("a.log");
    for n in 3..8 {
        writer.write_all(Bench::numbered(n..n + 1).as_bytes()).expect("writes");
        bench.step_after(20);
    }
    writer.write_all(b"line 8 of some text").expect("writes");
    bench.step_after(20);
    bench.step_after(31);
    bench.assert_numbered(0..9);
    bench.step_after(31);
    assert_eq!(bench.tailer().file_statuses()[0].state, FileState::Gone);
    bench.step_after(700);
    assert!(bench.model.only().closed.is_some() && bench.model.only().gaps.is_empty());
    assert!(bench.saved.is_empty());
}

/// T06: rotated away and deleted while down. The loss is counted in bytes and recorded.
#[test]
fn t06_a_file_deleted_while_down_leaves_a_gap() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..3));
    bench.step();
    bench.append("a.log", Bench::numbered(3..6));
    bench.scan();
    bench.save();
    bench.kill();
    bench.remove("a.log");
    bench.step_after(1);
    bench.step_after(601);
    bench.step_after(1);
    let lost = (Bench::numbered(0..6).len() - Bench::numbered(0..3).len()) as u64;
    let gap = &bench.model.only().gaps[0];
    assert_eq!(gap.end.0 - gap.start.0, lost);
    assert_eq!(bench.tailer().counters().lost_bytes, lost);
    assert!(bench.model.only().closed.is_some());
}

/// Without permission a file waits, whatever else happens; with it, it goes on where it was. As root the permission
/// is taken away from the test's thread, too.
#[test]
fn t31_permission_taken_and_given_back() {
    drop_file_capabilities();
    let allow = |bench: &Bench, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(bench.path("a.log"), mode).expect("own file");
    };
    let mut bench = Bench::new(&["*.log"]);
    bench.append("a.log", Bench::numbered(0..3));
    bench.step();
    bench.kill();
    bench.append("a.log", Bench::numbered(3..6));
    allow(&bench, 0o000);
    bench.append("b.log", Bench::numbered(6..7));
    bench.step_after(1);
    bench.step_after(1000);
    assert_eq!(bench.model.arrived.len(), 4);
    let status = bench.tailer().file_statuses();
    assert!(status.iter().any(|file| file.error.contains("ermission")), "{status:?}");
    allow(&bench, 0o600);
    bench.step_after(1);
    bench.assert_numbered(0..7);
    assert_eq!((bench.model.sources.len(), bench.model.duplicates), (2, 0));
}

fn drop_file_capabilities() {
    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
    let mut sets = capabilities(None).expect("own capabilities");
    sets.effective.remove(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH);
    set_capabilities(None, sets).expect("fewer capabilities are always allowed");
}

#[test]
fn t32_t34_many_files_few_descriptors_and_nobody_starves() {
    const FILES: u32 = 300;
    const DESCRIPTORS: usize = 16;
    let open = || fs::read_dir("/proc/self/fd").expect("own descriptors").count();
    let mut bench = Bench::new(&["*.log"]);
    bench.config.settings.fds_max = DESCRIPTORS;
    for n in 0..FILES {
        bench.append(&format!("{n}.log"), Bench::numbered(n..n + 1));
    }
    bench.append("big.log", "x".repeat(99).as_str().to_owned() + "\n");
    let big = ("y".repeat(1023) + "\n").repeat(4096);
    bench.append("big.log", &big);
    let before = open();
    bench.connect();
    bench.scan();
    let mut turns = 0;
    while let Some(frame) = bench.next() {
        bench.deliver(frame);
        turns += 1;
        // Other tests of this process open files, too; a few are allowed for.
        assert!(open() < before + DESCRIPTORS + 40 || turns == 0);
        if turns == 2 * FILES as usize + 4 {
            let small = bench.model.arrived.iter().filter(|line| line.starts_with("line")).count();
            assert_eq!(small, FILES as usize, "every file has had its turn");
        }
    }
    assert_eq!(bench.model.arrived.len(), FILES as usize + 4097);
    for n in 0..FILES {
        bench.append(&format!("{n}.log"), Bench::numbered(FILES + n..FILES + n + 1));
    }
    bench.step_after(1);
    assert_eq!(bench.model.arrived.len(), 2 * FILES as usize + 4097);
    assert_eq!((bench.model.duplicates, bench.model.sources.len()), (0, FILES as usize + 1));
}
