//! What happens between shipper and router when frames, answers or whole connections are lost, late or cut.

use crate::connection::LinkEvent;
use crate::model::Bench;
use logweir_base::frame::Frame;
use logweir_base::ids::{Epoch, Offset};

const CHUNKS: u32 = 120_000; // lines; some MiB

/// N02: all that was sent arrived, but no answer did.
#[test]
fn n02_lost_acks_double_nothing() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..100));
    bench.connect();
    bench.scan();
    let open = bench.next().expect("OPEN");
    bench.deliver(open);
    while let Some(frame) = bench.next() {
        drop(bench.model.take(frame));
    }
    bench.disconnect();
    bench.append("a.log", Bench::numbered(100..110));
    bench.step_after(1);
    bench.assert_numbered(0..110);
    assert_eq!(bench.model.duplicates, 0, "RESUME said how far it was");
}

/// N03: the checkpoint is old and the file has grown, so that batches have other borders than before.
#[test]
fn n03_other_borders_after_a_restart_double_nothing() {
    let mut bench = Bench::new(&["a.log"]);
    for n in 0..5 {
        bench.append("a.log", Bench::numbered(n * 10..n * 10 + 10));
        bench.step_after(1);
    }
    let old = bench.saved.clone();
    bench.append("a.log", Bench::numbered(50..60));
    bench.step_after(1);
    bench.kill();
    bench.saved = old;
    bench.append("a.log", Bench::numbered(60..100));
    bench.step_after(1);
    bench.assert_numbered(0..100);
}

#[test]
fn n04_what_an_old_session_left_behind_changes_nothing() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.connect();
    bench.scan();
    let open = bench.next().expect("OPEN");
    bench.deliver(open);
    let held = bench.next().expect("the batch");
    bench.disconnect();
    bench.connect();
    // The batch of the first connection comes late, and so does an answer to it.
    assert!(bench.model.take(held).is_empty());
    let source = *bench.model.sources.keys().next().expect("one");
    let late = LinkEvent::Frame { session: 1, frame: Frame::Ack { source, hwm: Offset(9999) } };
    let now = bench.now;
    bench.tailer().apply(late, now);
    bench.step_after(1);
    bench.assert_numbered(0..10);
    bench.save();
}

#[test]
fn n05_a_gap_is_answered_by_going_back_once() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..CHUNKS));
    bench.connect();
    bench.scan();
    let open = bench.next().expect("OPEN");
    bench.deliver(open);
    let lost = bench.next().expect("the first batch");
    let late = [bench.next().expect("the second"), bench.next().expect("the third")];
    drop(lost);
    let answers: Vec<_> = late.into_iter().flat_map(|frame| bench.model.take(frame)).collect();
    assert_eq!(bench.model.nacks, 2);
    bench.answer(answers);
    bench.drain();
    bench.assert_numbered(0..CHUNKS);
    assert_eq!((bench.tailer().counters().rewinds, bench.model.duplicates), (1, 0));
}

/// The router has lost the source (its disk is gone): it is opened and sent again.
#[test]
fn n11_a_router_without_memory_gets_everything_again() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    bench.disconnect();
    bench.model.sources.clear();
    bench.append("a.log", Bench::numbered(10..20));
    bench.step_after(1);
    bench.assert_numbered(0..20);
}

#[test]
fn n11_a_router_that_restarts_all_the_time_gets_every_line_once() {
    let mut bench = Bench::new(&["*.log"]);
    for n in 0..40 {
        bench.append(&format!("{}.log", n % 3), Bench::numbered(n * 10..n * 10 + 10));
        bench.step_after(1);
        bench.append(&format!("{}.log", n % 3), Bench::numbered(1000 + n..1001 + n));
        bench.scan();
        // It dies after the journal and before the answer.
        while let Some(frame) = bench.next() {
            drop(bench.model.take(frame));
        }
        bench.disconnect();
    }
    bench.step_after(1);
    assert_eq!((bench.model.arrived.len(), bench.model.duplicates), (440, 0));
}

/// A router that takes nothing: what is on its way stays below the window (M01), and 0 stops all.
#[test]
fn n06_m01_the_window_bounds_what_is_on_its_way() {
    let mut bench = Bench::new(&["*.log"]);
    for n in 0..4 {
        bench.append(&format!("{n}.log"), Bench::numbered(0..CHUNKS));
    }
    bench.connect();
    bench.scan();
    let mut on_its_way = 0;
    let mut answers = Vec::new();
    while let Some(frame) = bench.next() {
        match frame {
            Frame::Batch(batch) => {
                on_its_way += u64::from(batch.text_len);
                answers.extend(bench.model.take(Frame::Batch(batch)));
            }
            other => bench.deliver(other),
        }
        assert!(on_its_way <= 4 << 20);
    }
    assert!(on_its_way > 2 << 20, "the window is used");
    bench.answer(vec![Frame::Credit { window_bytes: 0 }]);
    bench.answer(answers);
    assert!(bench.next().is_none());
    bench.answer(vec![Frame::Credit { window_bytes: 1 }]);
    bench.drain();
    assert_eq!(bench.model.arrived.len(), 4 * CHUNKS as usize);
}

/// The byte stream of a session is cut at every place; what is whole before it counts, then a new session begins.
#[test]
fn n09_cut_at_every_byte_of_a_session() {
    let mut at = 0;
    loop {
        let mut bench = Bench::new(&["a.log"]);
        bench.append("a.log", Bench::numbered(0..3));
        bench.connect();
        bench.scan();
        let mut sent = 0;
        let mut cut = false;
        while let Some(frame) = bench.next() {
            sent += frame.encode().len();
            cut = sent > at;
            if cut {
                break;
            }
            bench.deliver(frame);
        }
        bench.disconnect();
        bench.append("a.log", Bench::numbered(3..5));
        bench.step_after(1);
        bench.assert_numbered(0..5);
        assert_eq!(bench.model.sources.len(), 1);
        if !cut {
            break;
        }
        // Cuts inside one frame are all alike to the router, which applies whole frames only.
        at += 7;
    }
    assert!(at > 400, "the session had {at} bytes");
}

#[test]
fn resume_asks_for_at_most_a_thousand_at_a_time() {
    let mut bench = Bench::new(&["*.log"]);
    for n in 0..1200 {
        bench.append(&format!("{n}.log"), Bench::numbered(n..n + 1));
    }
    bench.step();
    bench.kill();
    bench.append("7.log", Bench::numbered(1200..1201));
    bench.step_after(1);
    bench.assert_numbered(0..1201);
    assert_eq!(bench.model.epoch, 2);
}

#[test]
fn s12_turns_show_progress() {
    let mut bench = Bench::new(&["a.log"]);
    bench.append("a.log", Bench::numbered(0..10));
    bench.step();
    let before = bench.tailer().counters();
    bench.append("a.log", Bench::numbered(10..20));
    bench.step_after(1);
    let after = bench.tailer().counters();
    assert!(
        after.turns > before.turns && after.scans > before.scans && after.bytes_acked > before.bytes_acked
    );
    let status = &bench.tailer().file_statuses()[0];
    assert_eq!(status.position.0, status.size);
    let now = bench.now;
    bench.tailer().apply(LinkEvent::Up { session: 9, epoch: Epoch(9), window_bytes: 0 }, now);
    assert!(bench.tailer().session().1.is_some());
}
