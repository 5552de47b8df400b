//! The core without threads and sockets: requests in, answers and records out, on a simulated disk.

use super::*;
use crate::journal::recover;
use crate::testing::{batch, hello, open, small, source};
use bytes::BytesMut;
use crossbeam::channel::unbounded;
use logweir_base::dir::SharedDir;
use logweir_base::dir::sim::{SimDir, Survival};
use logweir_base::frame::Close;
use logweir_base::time::ManualClock;
use proptest::prelude::*;

const WINDOW: u64 = 1000;

/// A core, and all that it talks to.
struct Rig {
    dir: SimDir,
    core: Core,
    clock: Arc<ManualClock>,
    tally: Arc<Tally>,
    feed: Arc<Feed>,
    control: Sender<Control>,
    requests: Sender<Request>,
    decoded: Receiver<Vec<Durable>>,
    outbound: BTreeMap<ConnId, (mpsc::Receiver<Reply>, Peer)>,
}

impl Rig {
    fn open(dir: SimDir) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_seconds(1000)));
        let shared: SharedDir = Arc::new(dir.clone());
        let recovered = recover::open(&shared, small(), clock.now()).expect("opens");
        let (requests, requests_in) = unbounded();
        let (control, control_in) = unbounded();
        let (decode, decoded) = unbounded();
        let tally = Arc::new(Tally::new());
        let feed = Arc::new(Feed::new(recovered.writer.synced().position(), 1 << 20));
        let links = Links {
            requests: requests_in,
            control: control_in,
            decode,
            feed: Arc::clone(&feed),
            tally: Arc::clone(&tally),
            fatal: FatalSender::new().0,
            clock: clock.clone(),
            serving: Arc::new(AtomicBool::new(true)),
            window_bytes: WINDOW,
        };
        let mut core = Core::new(recovered.table, recovered.writer, links);
        core.declare(recovered.gaps).expect("appends");
        let outbound = BTreeMap::new();
        Self { dir, core, clock, tally, feed, control, requests, decoded, outbound }
    }

    fn new() -> Self {
        Self::open(SimDir::new())
    }

    /// What is found after the power was cut now.
    fn after_crash(&self, survival: Survival) -> Self {
        Self::open(self.dir.crash(survival))
    }

    fn hello_request(&mut self, conn: ConnId, shipper: &str, boot: &str) -> Request {
        let (replies, outbound) = mpsc::channel(8);
        let heard = Arc::new(AtomicI64::new(self.clock.now().0));
        let peer = Peer { replies, cancel: CancellationToken::new(), heard };
        self.outbound.insert(conn, (outbound, peer.clone()));
        Request::Hello { conn, hello: hello(shipper, boot), peer, permit: None }
    }

    /// Takes a request and commits.
    fn take(&mut self, request: Request) {
        self.core.take(request, self.clock.now());
        assert_eq!(self.core.commit(), Ok(Flow::On));
    }

    fn hello(&mut self, conn: ConnId, shipper: &str, boot: &str) -> Vec<Frame> {
        let request = self.hello_request(conn, shipper, boot);
        self.take(request);
        self.answers(conn)
    }

    /// A welcome shipper `s` on connection 1 with source 1 open.
    fn session(&mut self) -> Epoch {
        let answers = self.hello(1, "s", "boot");
        let [Frame::Welcome { epoch, .. }] = answers[..] else { panic!("{answers:?}") };
        self.send(1, Frame::Open(open(1)));
        epoch
    }

    fn send(&mut self, conn: ConnId, frame: Frame) -> Vec<Frame> {
        self.take(frame_request(conn, &frame));
        self.answers(conn)
    }

    fn answers(&mut self, conn: ConnId) -> Vec<Frame> {
        let mut bytes = BytesMut::new();
        while let Ok(Reply::More(more) | Reply::Last(more)) =
            self.outbound.get_mut(&conn).expect("there").0.try_recv()
        {
            bytes.extend_from_slice(&more);
        }
        let mut frames = Vec::new();
        while let Some(raw) = RawFrame::take(&mut bytes).expect("sound") {
            frames.push(raw.decode().expect("sound"));
        }
        frames
    }

    fn is_cancelled(&self, conn: ConnId) -> bool {
        self.outbound[&conn].1.cancel.is_cancelled()
    }

    /// Text of all batches that went on, in order.
    fn text(&self) -> String {
        let frames = self.decoded.try_iter().flatten().map(|durable| durable.frame);
        let texts = frames.filter_map(|frame| match frame {
            Frame::Batch(batch) => Some(batch.text().expect("plain").to_vec()),
            _ => None,
        });
        String::from_utf8(texts.flatten().collect()).expect("text")
    }
}

fn frame_request(conn: ConnId, frame: &Frame) -> Request {
    let frame = RawFrame::whole(frame.encode()).expect("whole");
    Request::Frame { conn, frame, permit: None }
}

fn lines(epoch: Epoch, start: u64, lines: &[&str]) -> Frame {
    Frame::Batch(batch(1, epoch, start, lines))
}

fn ack(hwm: u64) -> Frame {
    Frame::Ack { source: source(1), hwm: Offset(hwm) }
}

fn nack(expected: u64) -> Frame {
    Frame::Nack { source: source(1), expected: Some(Offset(expected)) }
}

/// R2: nothing is said, shown or handed on before the sync; one sync and one answer for a whole group.
#[test]
fn r02_r13_nothing_is_visible_before_the_sync() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    let before = (rig.feed.durable(), rig.tally.get(Count::Syncs));
    rig.text();
    for start in [0, 2, 4] {
        rig.core.take(frame_request(1, &lines(epoch, start, &["a\n"])), Timestamp(0));
    }
    assert_eq!(rig.answers(1), []);
    assert_eq!((rig.feed.durable(), rig.tally.get(Count::Syncs)), before);
    assert_eq!(rig.text(), "");
    rig.core.commit().expect("syncs");
    assert_eq!(rig.answers(1), [ack(6)]);
    assert_eq!((rig.feed.durable().0, rig.tally.get(Count::Syncs)), (before.0.0 + 3, before.1 + 1));
    assert_eq!(rig.text(), "a\na\na\n");
}

/// R9, D05: a failed sync acknowledges nothing and ends the core.
#[test]
fn r09_d05_a_failed_sync_ends_it_without_an_answer() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    rig.dir.set_sync_fails(true);
    rig.core.take(frame_request(1, &lines(epoch, 0, &["a\n"])), Timestamp(0));
    assert!(rig.core.commit().is_err());
    assert_eq!(rig.answers(1), []);
    assert_eq!(rig.text(), "");
}

/// N02: the ack is lost with the router; what is sent again is acknowledged and dropped.
#[test]
fn n02_a_batch_sent_again_after_a_lost_ack_is_a_duplicate() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    rig.send(1, lines(epoch, 0, &["a\n", "b\n"]));
    let mut rig = rig.after_crash(Survival::Nothing);
    let epoch = rig.session();
    assert_eq!(rig.send(1, lines(epoch, 0, &["a\n", "b\n"])), [ack(4)]);
    assert_eq!(rig.text(), "");
    assert_eq!(rig.tally.get(Count::Duplicates), 1);
    assert_eq!(rig.send(1, lines(epoch, 2, &["b\n", "c\n"])), [ack(6)], "N03: and other borders are trimmed");
    assert_eq!(rig.text(), "c\n");
}

/// N04: what a connection sent before it was taken over arrives late.
#[test]
fn n04_a_late_frame_of_an_old_session_is_dropped() {
    let mut rig = Rig::new();
    let old = rig.session();
    let answers = rig.hello(2, "s", "boot");
    let [Frame::Welcome { epoch: new, .. }] = answers[..] else { panic!("{answers:?}") };
    assert_eq!(new, Epoch(old.0 + 1));
    assert!(rig.is_cancelled(1), "the same boot takes over at once");
    assert_eq!(rig.send(1, lines(old, 0, &["a\n"])), []);
    assert_eq!(rig.send(2, lines(old, 0, &["a\n"])), [], "nor with the old number on the new connection");
    assert_eq!(rig.tally.get(Count::OldEpochs), 2);
    assert_eq!(rig.send(2, lines(new, 0, &["a\n"])), [ack(2)]);
    assert_eq!(rig.text(), "a\n");
}

/// N05, R11: a hole is refused, once; after going back everything is taken.
#[test]
fn n05_r11_a_hole_is_answered_by_where_to_go_on() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    assert_eq!(rig.send(1, lines(epoch, 2, &["b\n"])), [nack(0)]);
    assert_eq!(rig.send(1, lines(epoch, 4, &["c\n"])), [], "told already");
    assert_eq!(rig.send(1, lines(epoch, 0, &["a\n"])), [ack(2)]);
    assert_eq!(rig.send(1, lines(epoch, 4, &["c\n"])), [nack(2)]);
    assert_eq!(rig.text(), "a\n");
}

/// R11: a hole that is meant is a record; the part that is known already is not part of it.
#[test]
fn r11_a_declared_gap_is_journaled_and_counted() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    rig.send(1, lines(epoch, 0, &["a\n"]));
    let gap = |start, end| {
        Frame::Gap(Gap { source: source(1), start: Offset(start), end: Offset(end), reason: "hole".into() })
    };
    assert_eq!(rig.send(1, gap(3, 9)), [nack(2)]);
    assert_eq!(rig.send(1, gap(0, 9)), [ack(9)]);
    assert_eq!(rig.send(1, gap(0, 9)), [ack(9)], "again: a duplicate");
    assert_eq!((rig.tally.get(Count::Gaps), rig.tally.get(Count::GapBytes)), (1, 7));
    assert_eq!(rig.send(1, lines(epoch, 9, &["b\n"])), [ack(11)]);
}

/// T40: a clone is refused while the other one lives; a rebooted host takes over when it is silent.
#[test]
fn t40_n04_another_boot_waits_until_the_old_one_is_silent() {
    let mut rig = Rig::new();
    rig.session();
    let answers = rig.hello(2, "s", "other boot");
    assert!(matches!(&answers[..], [Frame::Refused { reason }] if reason.contains("another boot")));
    assert!(!rig.is_cancelled(1));
    rig.clock.set(rig.clock.now().plus(Duration::from_secs(31)));
    let answers = rig.hello(3, "s", "other boot");
    assert!(matches!(answers[..], [Frame::Welcome { .. }]));
    assert!(rig.is_cancelled(1));
}

/// T38, T39, T40: a lost state gets its sources back; a renamed shipper keeps them; a clone with another name does not take
/// them from a living one.
#[test]
fn t38_t40_open_answers_with_what_is_known() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    rig.send(1, lines(epoch, 0, &["a\n"]));
    let mut asks = open(1);
    asks.source = source(7);
    let expected = Frame::Opened {
        asked: source(7),
        source: source(1),
        hwm: Offset(2),
        identity: Some(open(1).identity),
    };
    assert_eq!(rig.send(1, Frame::Open(asks)), [expected]);

    rig.hello(2, "renamed", "boot");
    let answers = rig.send(2, Frame::Open(open(1)));
    assert!(matches!(&answers[..], [Frame::Refused { reason }] if reason.contains("belongs to shipper s")));
    rig.take(Request::Closed { conn: 1 });
    rig.hello(3, "renamed", "boot");
    let opened = Frame::Opened { asked: source(1), source: source(1), hwm: Offset(2), identity: None };
    assert_eq!(rig.send(3, Frame::Open(open(1))), [opened]);
}

#[test]
fn an_unknown_source_must_be_opened_and_a_closed_one_stays_known() {
    let mut rig = Rig::new();
    let Frame::Welcome { epoch, .. } = rig.hello(1, "s", "boot")[0] else { panic!("not welcome") };
    let unknown = Frame::Nack { source: source(1), expected: None };
    assert_eq!(rig.send(1, lines(epoch, 0, &["a\n"])), [unknown]);
    rig.send(1, Frame::Open(open(1)));
    assert_eq!(rig.send(1, lines(epoch, 0, &["a\n"])), [ack(2)]);
    let close = Frame::Close(Close { source: source(1), lost_bytes: 5 });
    assert_eq!(rig.send(1, close), [ack(2)]);
    assert_eq!(rig.tally.get(Count::LostBytes), 5);
    let resumed = Frame::Resumed { sources: vec![(source(1), Offset(2))] };
    assert_eq!(rig.send(1, Frame::Resume { sources: vec![source(1), source(2)] }), [resumed]);
}

/// N10: a frame that only the router writes, or that says nothing sensible, ends the connection.
#[test]
fn n10_a_frame_that_is_not_a_shippers_ends_the_connection() {
    for bad in [Frame::Snapshot(Default::default()), Frame::Tick { now: Timestamp(0) }] {
        let mut rig = Rig::new();
        rig.session();
        assert!(matches!(rig.send(1, bad)[..], [Frame::Refused { .. }]));
        assert_eq!(rig.tally.get(Count::BadFrames), 1);
    }
}

/// D01: a full disk stops credit and answers; with space everything waiting is taken, and nothing is torn.
#[test]
fn d01_a_full_disk_stops_credit_and_resumes_by_itself() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    let mut next_tick = Instant::now() + TICK;
    rig.dir.set_space(Some(0));
    let line = format!("{}\n", "x".repeat(900));
    let mut start = 0;
    while rig.core.full.is_none() {
        rig.requests.send(frame_request(1, &lines(epoch, start, &[&line]))).expect("open");
        start += line.len() as u64;
        // Something to do, so that a full core does not wait.
        rig.control.send(Control::Status(crossbeam::channel::bounded(1).0)).expect("open");
        rig.core.turn(&mut next_tick).expect("no failure");
    }
    assert_eq!(rig.answers(1).last(), Some(&Frame::Credit { window_bytes: 0 }));
    assert_eq!(rig.tally.get(Count::DiskFull), 1);
    rig.dir.set_space(None);
    while !rig.core.links.requests.is_empty() {
        rig.core.turn(&mut next_tick).expect("no failure");
    }
    let answers = rig.answers(1);
    assert_eq!(answers[0], Frame::Credit { window_bytes: WINDOW });
    assert_eq!(answers.last(), Some(&ack(start)));
    let rig = rig.after_crash(Survival::Nothing);
    assert_eq!(rig.core.table.hwm(source(1), "s"), Some(Offset(start)));
}

/// R6: segments go when every follower that holds the journal is durable beyond them, and none sooner.
#[test]
fn r06_segments_wait_for_the_slowest_follower() {
    let mut rig = Rig::new();
    rig.feed.register("slow", crate::Pace::Free, Position(0));
    rig.feed.register("fast", crate::Pace::Free, Position(0));
    rig.feed.register("detached", crate::Pace::Detach, Position(0));
    let epoch = rig.session();
    let line = format!("{}\n", "x".repeat(900));
    for n in 0..30 {
        rig.core.has_room().expect("room");
        rig.send(1, lines(epoch, n * line.len() as u64, &[&line]));
    }
    let oldest = |rig: &mut Rig, slow: u64, fast: u64| {
        rig.feed.report("slow", |progress| progress.committed = Position(slow));
        rig.feed.report("fast", |progress| progress.committed = Position(fast));
        rig.core.tick().expect("removes");
        rig.core.writer.oldest().0
    };
    assert_eq!(oldest(&mut rig, 0, 30), 1);
    let middle = oldest(&mut rig, 15, 30);
    assert!(1 < middle && middle <= 16, "{middle}");
    assert!(oldest(&mut rig, 30, 30) > 16);
}

/// D08: damage that recovery found is declared by one gap record, and by no more at the next start.
#[test]
fn d08_a_damaged_record_is_declared_once() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    for start in [0, 2, 4] {
        rig.send(1, lines(epoch, start, &["a\n"]));
    }
    let name = crate::journal::format::segment_name(Position(1));
    let mut bytes = rig.dir.contents(&name).expect("there");
    let second = bytes.windows(2).enumerate().filter(|(_, w)| w == b"a\n").map(|(at, _)| at).nth(1);
    bytes[second.expect("three")] ^= 1;
    rig.dir.put(&name, &bytes);
    let rig = rig.after_crash(Survival::Nothing);
    assert_eq!((rig.tally.get(Count::Gaps), rig.tally.get(Count::GapBytes)), (1, 2));
    let again = rig.after_crash(Survival::Nothing);
    assert_eq!(again.tally.get(Count::Gaps), 0);
    assert_eq!(again.core.table.hwm(source(1), "s"), Some(Offset(6)));
}

/// What the shipper in the next test does.
#[derive(Debug, Clone)]
struct Step {
    lines: usize,
    /// Goes back so many lines first, as if acks were lost.
    back: usize,
    /// The router loses power before the sync, after it, or not at all.
    crash: Option<(bool, u64)>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (1usize..6, 0usize..4, prop::option::weighted(0.4, any::<(bool, u64)>()));
    prop::collection::vec(step.prop_map(|(lines, back, crash)| Step { lines, back, crash }), 1..20)
}

/// A DELETE is answered with its position once it is durable; when all followers are past it the next tick lets go of it and of
/// all before it, on an idle server too.
#[test]
fn a_delete_is_released_with_the_next_tick() {
    let mut rig = Rig::new();
    let epoch = rig.session();
    rig.send(1, lines(epoch, 0, &["one\n"]));
    assert!(rig.feed.register("f", crate::feed::Pace::Acks, Position(0)));
    let (done, position) = crossbeam::channel::bounded(1);
    rig.core.control(Control::Append { frame: Frame::Delete { id: "d".into(), query: "one".into() }, done });
    assert!(position.try_recv().is_err(), "not durable yet");
    rig.core.commit().expect("syncs");
    let position = position.try_recv().expect("durable");
    assert_eq!(position, rig.feed.durable());
    assert!(rig.core.has_room().expect("room"));
    rig.core.tick().expect("no failure");
    rig.core.commit().expect("syncs");
    assert_eq!(rig.core.status().oldest, Position(1), "a follower needs it");
    rig.feed.report("f", |progress| progress.committed = position);
    rig.core.tick().expect("no failure");
    assert_eq!(rig.core.status().oldest, position.next());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// N11, N02, N03: a router that is restarted again and again has every line once, and never less than it
    /// acknowledged.
    #[test]
    fn n11_restarts_lose_and_double_nothing(steps in steps()) {
        let file: Vec<String> = (0..200).map(|n| format!("line {n}\n")).collect();
        let offset = |line: usize| file[..line].iter().map(|line| line.len() as u64).sum::<u64>();
        let mut rig = Rig::new();
        let mut epoch = rig.session();
        let (mut next, mut acked) = (0usize, 0u64);
        for Step { lines: count, back, crash } in steps {
            next = next.saturating_sub(back);
            let until = (next + count).min(file.len());
            let texts: Vec<_> = file[next..until].iter().map(String::as_str).collect();
            rig.core.has_room().expect("room");
            rig.core.take(frame_request(1, &lines(epoch, offset(next), &texts)), Timestamp(0));
            let is_cut_before = crash.is_some_and(|(before, _)| before);
            if !is_cut_before {
                rig.core.commit().expect("syncs");
                let answers = rig.answers(1);
                let [Frame::Ack { hwm, .. }] = answers[..] else { panic!("{answers:?}") };
                acked = acked.max(hwm.0);
            }
            if let Some((_, seed)) = crash {
                rig = rig.after_crash(Survival::Random(seed));
                epoch = rig.session();
            }
            let resumed = rig.send(1, Frame::Resume { sources: vec![source(1)] });
            let [Frame::Resumed { sources }] = &resumed[..] else { panic!("{resumed:?}") };
            let hwm = sources[0].1.0;
            prop_assert!(hwm >= acked);
            next = (0..=file.len()).find(|&line| offset(line) == hwm).expect("a line's border");
        }
        let durable = rig.feed.durable();
        let mut reader = crate::journal::Reader::new(Arc::new(rig.dir.clone()), Position(0));
        let mut found = Vec::new();
        loop {
            match reader.next(durable).expect("reads") {
                crate::journal::reader::Read::Record(record) => {
                    if let Frame::Batch(batch) = record.frame.decode().expect("sound") {
                        found.extend_from_slice(&batch.text().expect("plain"));
                    }
                }
                crate::journal::reader::Read::State(_) => {}
                crate::journal::reader::Read::End => break,
            }
        }
        prop_assert_eq!(String::from_utf8_lossy(&found), file[..next].concat());
    }
}
