//! The journal against a model: what was synced is there, what was not is there wholly or not at all, in order, whatever the
//! crash leaves and however often recovery itself is cut off.

use super::format::{SEGMENT_HEADER_BYTES, segment_name, segments_among};
use super::reader::{Read, Reader};
use super::recover::{Recovered, open};
use super::writer::{NewRecord, WriteError, Writer};
use crate::config::JournalOptions;
use crate::table::Table;
use crate::testing::{batch, open as open_of, small, source};
use logweir_base::dir::sim::{SimDir, Survival};
use logweir_base::dir::{Dir, SharedDir};
use logweir_base::frame::{Frame, Kind, Open};
use logweir_base::ids::{Epoch, Offset, Position};
use logweir_base::time::Timestamp;
use proptest::prelude::*;
use std::io;
use std::sync::Arc;

const NOW: Timestamp = Timestamp(5);

/// A journal and what it must hold: the frames of one source, from its OPEN on.
struct Journal {
    writer: Writer,
    table: Table,
    frames: Vec<Frame>,
}

impl Journal {
    fn open(dir: &SimDir, options: JournalOptions) -> Result<Recovered, String> {
        let dir: SharedDir = Arc::new(dir.clone());
        open(&dir, options, NOW).map_err(|e| e.to_string())
    }

    fn new(dir: &SimDir) -> Result<Self, String> {
        let Recovered { writer, table, .. } = Self::open(dir, small())?;
        Ok(Self { writer, table, frames: Vec::new() })
    }

    /// The frames that come next: an OPEN first, then batches of one line of the given lengths.
    fn next_frames(&self, lengths: &[usize]) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut at = match self.table.source(source(1)) {
            Some(known) => known.hwm.0,
            None => {
                frames.push(Frame::Open(Open { shipper: "s".into(), ..open_of(1) }));
                0
            }
        };
        for &len in lengths {
            let line = format!("{}\n", "x".repeat(len));
            frames.push(Frame::Batch(batch(1, Epoch(1), at, &[&line])));
            at += line.len() as u64;
        }
        frames
    }

    /// Appends a group; on success it counts as acknowledged.
    fn append(&mut self, group: &[Frame]) -> Result<(), WriteError> {
        self.writer.make_room(&self.table, NOW)?;
        let record =
            |frame: &Frame| NewRecord { frame: frame.encode(), received: NOW, config: self.table.config() };
        self.writer.append(&group.iter().map(record).collect::<Vec<_>>())?;
        for frame in group {
            self.table.apply(frame, NOW);
            self.frames.push(frame.clone());
        }
        Ok(())
    }
}

/// All that a reader gets after `after`, with positions.
fn read_after(dir: &SimDir, after: Position, durable: Position) -> io::Result<Vec<(Position, Frame)>> {
    let mut reader = Reader::new(Arc::new(dir.clone()), after);
    let mut out = Vec::new();
    loop {
        match reader.next(durable)? {
            Read::Record(record) => {
                out.push((record.header.position, record.frame.decode().expect("sound")));
            }
            Read::State(record) => assert!(matches!(record.frame.kind, Kind::Snapshot | Kind::Open)),
            Read::End => return Ok(out),
        }
    }
}

/// Opens what a crash left, checks it against `acked` and the group that may have been under way, and returns it.
fn check_opened(dir: &SimDir, acked: &[Frame], pending: &[Frame]) -> Result<Journal, String> {
    let recovered = Journal::open(dir, small())?;
    let durable = recovered.writer.synced().position();
    let read = read_after(dir, Position(0), durable).expect("reads");
    let positions: Vec<_> = read.iter().map(|(position, _)| position.0).collect();
    assert_eq!(positions, (1..=durable.0).collect::<Vec<_>>(), "strictly +1");
    let frames: Vec<_> = read.into_iter().map(|(_, frame)| frame).collect();
    let may_be = [acked, pending].concat();
    assert!(frames.len() >= acked.len(), "{} of {} acknowledged", frames.len(), acked.len());
    assert_eq!(frames, may_be[..frames.len()]);
    let hwm = frames.iter().rev().find_map(|frame| match frame {
        Frame::Batch(batch) => Some(batch.end()),
        Frame::Open(_) => Some(Offset(0)),
        _ => None,
    });
    assert_eq!(recovered.table.hwm(source(1), "s"), hwm);
    assert_eq!(recovered.gaps, []);
    assert_eq!(recovered.report.corrupt_ranges, 0);
    Ok(Journal { writer: recovered.writer, table: recovered.table, frames })
}

#[derive(Debug, Clone)]
enum Action {
    Append(Vec<usize>),
    /// Let go of the older half.
    Release,
    /// The power goes after so many operations of the next group, and then after so many of the first recovery.
    Crash {
        lengths: Vec<usize>,
        after: u64,
        in_recovery: u64,
        seed: u64,
    },
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let lengths = || prop::collection::vec(0usize..700, 1..4);
    let crash = (lengths(), 0u64..8, 0u64..16, any::<u64>());
    let action = prop_oneof![
        4 => lengths().prop_map(Action::Append),
        1 => Just(Action::Release),
        2 => crash.prop_map(|(lengths, after, in_recovery, seed)| {
            Action::Crash { lengths, after, in_recovery, seed }
        }),
    ];
    prop::collection::vec(action, 1..14)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// R2, R5, R9, D05, D07: the journal is its model through crashes, torn writes and crashes during recovery.
    #[test]
    fn r02_r05_d07_what_was_synced_survives_and_the_rest_is_whole_or_absent(actions in actions()) {
        let mut dir = SimDir::new();
        let mut journal = Journal::new(&dir).expect("opens");
        let mut released = 0;
        for action in actions {
            match action {
                Action::Append(lengths) => {
                    let group = journal.next_frames(&lengths);
                    journal.append(&group).expect("appends");
                }
                Action::Release => {
                    let floor = Position(journal.writer.synced().position().0 / 2);
                    journal.writer.release(floor).expect("removes");
                    let oldest = journal.writer.oldest();
                    released = oldest.0 - 1;
                    prop_assert!(oldest <= floor.next(), "R6: nothing above the floor goes");
                }
                Action::Crash { lengths, after, in_recovery, seed } => {
                    let group = journal.next_frames(&lengths);
                    dir.stop_after(dir.operations() + after);
                    let acked = journal.frames.clone();
                    let done = journal.append(&group).is_ok();
                    let acked = if done { journal.frames.clone() } else { acked };
                    dir = dir.crash(Survival::Random(seed));
                    dir.stop_after(in_recovery);
                    if Journal::open(&dir, small()).is_err() {
                        dir = dir.crash(Survival::Random(seed.rotate_left(7)));
                    }
                    dir = dir.crash(Survival::Nothing);
                    let pending: &[Frame] = if done { &[] } else { &group };
                    journal = reopen(&dir, &acked, pending, released).map_err(TestCaseError::fail)?;
                }
            }
        }
    }
}

/// As [`check_opened`], for a journal whose oldest records have been released; these are taken as read.
fn reopen(dir: &SimDir, acked: &[Frame], pending: &[Frame], released: u64) -> Result<Journal, String> {
    let Recovered { writer, table, gaps, .. } = Journal::open(dir, small())?;
    let durable = writer.synced().position();
    let oldest = writer.oldest();
    let read = read_after(dir, Position(0), durable).expect("reads");
    let positions: Vec<_> = read.iter().map(|(position, _)| position.0).collect();
    assert_eq!(positions, (oldest.0..=durable.0).collect::<Vec<_>>(), "strictly +1");
    assert!(oldest.0 <= released + 1);
    let may_be = [acked, pending].concat();
    let count = usize::try_from(durable.0).expect("few");
    assert!(count >= acked.len(), "{count} of {} acknowledged", acked.len());
    let first = usize::try_from(oldest.0 - 1).expect("few");
    assert!(read.iter().map(|(_, frame)| frame).eq(&may_be[first..count]));
    let mut expected = Table::default();
    may_be[..count].iter().for_each(|frame| drop(expected.apply(frame, NOW)));
    assert_eq!(table, expected, "dedupe state outlives released segments");
    assert_eq!(gaps, []);
    Ok(Journal { writer, table, frames: may_be[..count].to_vec() })
}

/// Three groups and a rotation; returns what was acknowledged when the power went, and what was under way.
fn scenario(dir: &SimDir) -> (Vec<Frame>, Vec<Frame>) {
    let Ok(mut journal) = Journal::new(dir) else {
        return (Vec::new(), Vec::new());
    };
    for lengths in [&[10usize, 900][..], &[700], &[1500, 5], &[900], &[30]] {
        let group = journal.next_frames(lengths);
        if journal.append(&group).is_err() {
            return (journal.frames, group);
        }
    }
    (journal.frames, Vec::new())
}

/// R2, R5: the power goes at every operation of a small scenario with a rotation, and then at every operation of the
/// recovery; each time several subsets of the unsynced sectors and names survive.
#[test]
fn r02_r05_every_crash_point_of_a_small_scenario() {
    let whole = SimDir::new();
    let (acked, _) = scenario(&whole);
    assert!(segments_among(&whole.list().expect("lists")).len() >= 2, "the scenario rotates");
    let mut points = 0;
    for stop in 0..=whole.operations() {
        let dir = SimDir::new();
        dir.stop_after(stop);
        let (acked, pending) = scenario(&dir);
        for survival in
            [Survival::Nothing, Survival::Everything].into_iter().chain((0..6).map(Survival::Random))
        {
            let crashed = dir.crash(survival);
            for stop_again in 0.. {
                let again = crashed.crash(Survival::Nothing);
                again.stop_after(stop_again);
                let opened = Journal::open(&again, small()).is_ok();
                let left = again.crash(survival);
                let journal = check_opened(&left, &acked, &pending).expect("opens");
                let once_more = check_opened(&left, &journal.frames, &[]).expect("opens");
                assert_eq!(once_more.frames, journal.frames, "reopening is idempotent");
                points += 1;
                if opened {
                    break;
                }
            }
        }
    }
    assert!(points > 1000, "{points} crash points");
    assert!(acked.len() == 8);
}

/// Six groups of one record each in one segment, and where each record ends in the file.
fn six_records(dir: &SimDir) -> (Vec<Frame>, Vec<usize>) {
    let mut journal = Journal::new(dir).expect("opens");
    let mut ends = Vec::new();
    for n in 0..6 {
        let group = journal.next_frames(&[20 + n]);
        for frame in group {
            journal.append(&[frame]).expect("appends");
            ends.push(content_len(dir));
        }
    }
    (journal.frames, ends)
}

fn content_len(dir: &SimDir) -> usize {
    let bytes = dir.contents(&segment_name(Position(1))).expect("exists");
    bytes.iter().rposition(|&byte| byte != 0).expect("not empty") + 1
}

/// D07: a segment cut at any byte keeps the records before the cut; reopening changes nothing more.
#[test]
fn d07_a_segment_cut_at_every_byte_keeps_what_is_before() {
    let dir = SimDir::new();
    let (frames, ends) = six_records(&dir);
    let name = segment_name(Position(1));
    let bytes = dir.contents(&name).expect("exists");
    for cut in SEGMENT_HEADER_BYTES..=*ends.last().expect("six") {
        let torn = dir.crash(Survival::Nothing);
        torn.put(&name, &bytes[..cut]);
        let kept = ends.iter().filter(|&&end| end <= cut).count();
        let recovered = Journal::open(&torn, small()).expect("opens");
        assert_eq!(recovered.writer.synced().position(), Position(kept as u64), "cut at {cut}");
        let read = read_after(&torn, Position(0), recovered.writer.synced().position()).expect("reads");
        assert!(read.iter().map(|(_, frame)| frame).eq(&frames[..kept]));
    }
}

/// D08: any one damaged byte costs at most the record it is in; the bytes are kept aside, and the hole is reported.
#[test]
fn d08_a_flipped_byte_costs_one_record_and_says_so() {
    let dir = SimDir::new();
    let (frames, ends) = six_records(&dir);
    let name = segment_name(Position(1));
    let bytes = dir.contents(&name).expect("exists");
    for at in 0..*ends.last().expect("six") {
        let damaged = dir.crash(Survival::Nothing);
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x20;
        damaged.put(&name, &flipped);
        let recovered = Journal::open(&damaged, small()).expect("opens");
        let snapshot_end = ends[0] - record_len(&frames[0]);
        let victim = ends.iter().position(|&end| at < end).filter(|_| at >= snapshot_end);
        let mut expected: Vec<_> = (1..).map(Position).zip(frames.clone()).collect();
        if let Some(victim) = victim {
            expected.remove(victim);
        }
        // The damage is also seen by whoever reads the old segment: a second reader, from another place.
        let durable = recovered.writer.synced().position();
        assert_eq!(read_after(&damaged, Position(0), durable).expect("reads"), expected, "byte {at}");
        let is_proven = victim.is_some_and(|victim| victim + 1 < frames.len());
        assert_eq!(recovered.report.positions_lost, u64::from(is_proven), "byte {at}");
        if let Some(victim) = victim.filter(|&victim| is_proven && victim > 0) {
            let Frame::Batch(lost) = &frames[victim] else { panic!("the first is the OPEN") };
            assert_eq!((recovered.gaps[0].start, recovered.gaps[0].end), (lost.first_start, lost.end()));
            assert!(damaged.list().expect("lists").iter().any(|name| name.ends_with(".bad")));
        }
    }
}

fn record_len(frame: &Frame) -> usize {
    super::format::RECORD_HEADER_BYTES + frame.encode().len()
}

/// R9, D05: after a failed sync nothing of the group counts, and what opens next does not trust it.
#[test]
fn r09_d05_a_failed_sync_is_fatal_and_its_group_is_not_trusted() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    journal.append(&journal.next_frames(&[10])).expect("appends");
    let group = journal.next_frames(&[11, 12]);
    dir.set_sync_fails(true);
    assert!(matches!(journal.append(&group), Err(WriteError::Fatal(_))));
    let acked = journal.frames;
    for seed in 0..64 {
        check_opened(&dir.crash(Survival::Random(seed)), &acked, &group).expect("opens");
    }
}

/// D01: on a full disk nothing is torn and nothing counts; with space it goes on, and the ballast is there again.
#[test]
fn d01_a_full_disk_stops_and_goes_on() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    let used: usize =
        dir.list().expect("lists").iter().map(|name| dir.contents(name).expect("there").len()).sum();
    dir.set_space(Some(used as u64 + 100));
    let stopped = loop {
        let group = journal.next_frames(&[600]);
        if let Err(e) = journal.append(&group) {
            break e;
        }
    };
    assert!(matches!(stopped, WriteError::Full(_)));
    assert_eq!(dir.contents("ballast"), None, "given up, so that deletions can run");
    check_opened(&dir.crash(Survival::Everything), &journal.frames, &[]).expect("opens");
    dir.set_space(None);
    journal.append(&journal.next_frames(&[600])).expect("goes on");
    assert_eq!(dir.contents("ballast").map(|bytes| bytes.len()), Some(2048));
    check_opened(&dir.crash(Survival::Nothing), &journal.frames, &[]).expect("opens");
}

/// D02: a journal on a full disk opens, since the ballast makes room, and can be read to its end.
#[test]
fn d02_a_full_disk_still_opens_and_drains() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    for _ in 0..3 {
        journal.append(&journal.next_frames(&[300])).expect("appends");
    }
    let full = dir.crash(Survival::Nothing);
    let used: usize =
        full.list().expect("lists").iter().map(|name| full.contents(name).expect("there").len()).sum();
    full.set_space(Some(used as u64));
    check_opened(&full, &journal.frames, &[]).expect("opens");
}

/// S11: a cap below what is on disk does not keep the journal from opening and draining; it stops new segments.
#[test]
fn s11_a_cap_below_what_is_there_opens_and_drains() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    for _ in 0..30 {
        journal.append(&journal.next_frames(&[600])).expect("appends");
    }
    let capped = JournalOptions { disk_bytes_max: 6000, ..small() };
    let Recovered { writer, table, .. } = Journal::open(&dir, capped).expect("opens");
    let mut journal = Journal { writer, table, frames: journal.frames };
    let durable = journal.writer.synced().position();
    assert_eq!(read_after(&dir, Position(0), durable).expect("reads").len(), journal.frames.len());
    let stopped = loop {
        let group = journal.next_frames(&[600]);
        if let Err(e) = journal.append(&group) {
            break e;
        }
    };
    assert!(matches!(stopped, WriteError::Full(why) if why.contains("cap")));
    let durable = journal.writer.synced().position();
    journal.writer.release(durable).expect("removes");
    journal.append(&journal.next_frames(&[600])).expect("goes on when followers have moved");
}

/// M08, S08: a reader of a long journal holds one chunk; it never reads above the durable position (R13).
#[test]
fn m08_r13_a_reader_stops_at_the_durable_position_and_starts_anywhere() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    for _ in 0..20 {
        journal.append(&journal.next_frames(&[500, 1])).expect("appends");
    }
    let durable = journal.writer.synced().position();
    for after in 0..=durable.0 {
        for until in [after, (after + 7).min(durable.0)] {
            let read = read_after(&dir, Position(after), Position(until)).expect("reads");
            let positions: Vec<_> = read.iter().map(|(position, _)| position.0).collect();
            assert_eq!(positions, (after + 1..=until).collect::<Vec<_>>());
        }
    }
}

/// A file of another journal among the segments is noticed before anything is served.
#[test]
fn d15_segments_of_two_journals_are_refused() {
    let (one, two) = (SimDir::new(), SimDir::new());
    drop(Journal::new(&one).expect("opens"));
    drop(Journal::new(&two).expect("opens"));
    let name = segment_name(Position(1));
    one.put(&segment_name(Position(9)), &two.contents(&name).expect("there"));
    let refused = Journal::open(&one, small()).err().expect("refused");
    assert!(refused.contains("two journals are mixed"), "{refused}");
}

/// A segment ends behind a DELETE, also when a crash came before the next one was begun; so the DELETE and all before it
/// can be released although nothing comes after it.
#[test]
fn a_delete_ends_its_segment() {
    let dir = SimDir::new();
    let mut journal = Journal::new(&dir).expect("opens");
    journal.append(&journal.next_frames(&[10])).expect("appends");
    journal.append(&[Frame::Delete { id: "d".into(), query: "secret".into() }]).expect("appends");
    let durable = journal.writer.synced().position();
    let holds = |dir: &SimDir| {
        let names = dir.list().expect("lists");
        names.iter().any(|name| {
            let bytes = dir.contents(name).unwrap_or_default();
            bytes.windows(6).any(|window| window == b"secret")
        })
    };
    let check = |dir: &SimDir, journal: &mut Journal, context: &str| {
        assert!(holds(dir), "{context}");
        journal.writer.make_room(&journal.table, NOW).expect("room");
        journal.writer.release(durable).expect("removes");
        assert_eq!((journal.writer.oldest(), holds(dir)), (durable.next(), false), "{context}");
    };
    for survival in [Survival::Nothing, Survival::Everything] {
        let dir = dir.crash(survival);
        let mut after = check_opened(&dir, &journal.frames, &[]).expect("opens");
        check(&dir, &mut after, &format!("{survival:?}"));
    }
    check(&dir, &mut journal, "no crash");
}
