//! The whole router on a loopback socket and a simulated disk.

use crate::config::{JournalOptions, OnStuck, RouteConfig, RouterConfig, SinkConfig, SinkKind};
use crate::route::Routes;
use crate::testing::{Recorder, batch, hello, open, small_router, source};
use crate::{Pace, Router, sinks};
use bytes::{Bytes, BytesMut};
use logweir_base::batch::Codec;
use logweir_base::dir::SharedDir;
use logweir_base::dir::sim::{SimDir, Survival};
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError};
use logweir_base::frame::{Content, Frame, Open, RawFrame, Resource};
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Offset, Position};
use logweir_base::time::{ManualClock, Timestamp};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(10);

/// A router and the runtime that serves it.
struct Running {
    router: Arc<Router>,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

fn run(dir: &SimDir, prepare: impl FnOnce(&Router)) -> Running {
    run_with(&small_router(), dir, prepare)
}

fn run_with(config: &RouterConfig, dir: &SimDir, prepare: impl FnOnce(&Router)) -> Running {
    let clock = Arc::new(ManualClock::at(Timestamp(1_000)));
    let router = Router::open(config, Arc::new(dir.clone()), clock).expect("opens");
    prepare(&router);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("starts");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("binds");
    let address = listener.local_addr().expect("bound");
    runtime.spawn(router.serve(listener));
    Running { router: Arc::new(router), address, _runtime: runtime }
}

/// The shipper's side of a connection.
struct Client {
    stream: TcpStream,
    buf: BytesMut,
}

impl Client {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("connects");
        stream.set_read_timeout(Some(WAIT)).expect("settable");
        Self { stream, buf: BytesMut::new() }
    }

    fn hello(address: SocketAddr, shipper: &str) -> (Self, Epoch) {
        let mut client = Self::connect(address);
        client.send(&Frame::Hello(hello(shipper, "boot")));
        let Some(Frame::Welcome { epoch, .. }) = client.receive() else {
            panic!("not welcome");
        };
        (client, epoch)
    }

    fn send(&mut self, frame: &Frame) {
        self.stream.write_all(&frame.encode()).expect("sends");
    }

    /// The next frame; `None` when the router has closed the connection.
    fn receive(&mut self) -> Option<Frame> {
        loop {
            if let Some(raw) = RawFrame::take(&mut self.buf).expect("good frames") {
                return Some(raw.decode().expect("good body"));
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(n) => self.buf.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(e) => panic!("no answer: {e}"),
            }
        }
    }

    fn ask(&mut self, frame: &Frame) -> Option<Frame> {
        self.send(frame);
        self.receive()
    }
}

#[test]
fn a_line_goes_from_a_socket_to_a_follower_and_survives_the_power() {
    let dir = SimDir::new();
    let mut seen = None;
    let running = run(&dir, |router| {
        let (recorder, recorded) = Recorder::new("recorder", router.journal_id());
        router.follow(recorder, Pace::Acks).expect("follows");
        seen = Some(recorded);
    });
    let (mut client, epoch) = Client::hello(running.address, "s");
    let opened = client.ask(&Frame::Open(open(1)));
    let same = Frame::Opened { asked: source(1), source: source(1), hwm: Offset(0), identity: None };
    assert_eq!(opened, Some(same));
    let acked = client.ask(&Frame::Batch(batch(1, epoch, 0, &["one\n", "two\n"])));
    assert_eq!(acked, Some(Frame::Ack { source: source(1), hwm: Offset(8) }));
    let durable = running.router.durable();
    assert!(running.router.feed().wait_applied("recorder", durable, WAIT));
    let lines = seen.expect("prepared").lock().expect("no panic").lines.clone();
    assert_eq!(lines, [(source(1), 0, "one".to_owned()), (source(1), 4, "two".to_owned())]);

    let after = run(&dir.crash(Survival::Nothing), |_| ());
    assert_eq!(after.router.durable(), durable);
    let (mut client, _) = Client::hello(after.address, "s");
    let resumed = client.ask(&Frame::Resume { sources: vec![source(1), source(2)] });
    assert_eq!(resumed, Some(Frame::Resumed { sources: vec![(source(1), Offset(8))] }));
    assert_eq!(after.router.shutdown(WAIT), Vec::<String>::new());
}

/// Samples are numbered and deduped as lines are when a source sends them, and none is anybody's line.
#[test]
fn samples_of_a_source_and_of_http_reach_followers_once() {
    let dir = SimDir::new();
    let mut seen = None;
    let running = run(&dir, |router| {
        let (recorder, recorded) = Recorder::new("recorder", router.journal_id());
        router.follow(recorder, Pace::Acks).expect("follows");
        seen = Some(recorded);
    });
    let (mut client, epoch) = Client::hello(running.address, "s");
    let resource = Resource { content: Content::Samples, ..Resource::default() };
    client.ask(&Frame::Open(Open { resource: Arc::new(resource), ..open(1) }));
    for _ in 0..2 {
        client.ask(&Frame::Batch(batch(1, epoch, 0, &["chunk one", "two"])));
    }
    let repeated = Bytes::from("from http ".repeat(200));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("starts");
    let position = runtime.block_on(running.router.append_samples(repeated.clone())).expect("durable");
    assert_eq!(position, running.router.durable());
    assert!(running.router.feed().wait_applied("recorder", position, WAIT));
    let seen = seen.expect("prepared").lock().expect("no panic").clone();
    let chunks = vec![Bytes::from("chunk one"), Bytes::from("two")];
    assert_eq!(seen.samples, [(Some(source(1)), chunks), (None, vec![repeated])]);
    assert_eq!(seen.lines, []);
    let counters = running.router.status().expect("answers").counters;
    assert_eq!((counters["sample_batches"], counters["lines"]), (3, 0));
}

/// N11: a follower that starts late, or anew, reads the journal and then goes along with the feed.
#[test]
fn a_late_follower_reads_the_journal_and_then_the_feed() {
    let dir = SimDir::new();
    let running = run(&dir, |_| ());
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    for n in 0..20 {
        client.ask(&Frame::Batch(batch(1, epoch, n * 600, &[&format!("{:0>599}\n", n)])));
    }
    let after = run(&dir.crash(Survival::Nothing), |_| ());
    let (recorder, seen) = Recorder::new("late", after.router.journal_id());
    after.router.follow(recorder, Pace::Free).expect("follows");
    let (mut client, epoch) = Client::hello(after.address, "s");
    client.ask(&Frame::Batch(batch(1, epoch, 12_000, &["new\n"])));
    let durable = after.router.durable();
    assert!(after.router.feed().wait_applied("late", durable, WAIT));
    let seen = seen.lock().expect("no panic").clone();
    assert_eq!(seen.positions, (1..=durable.0).collect::<Vec<_>>());
    let offsets: Vec<_> = seen.lines.iter().map(|(_, offset, _)| *offset).collect();
    assert_eq!(offsets, (0..=20).map(|n| n * 600).collect::<Vec<_>>());
}

/// R14, D15: a follower of another journal, or ahead of this one, is refused with what to do; so is a second of a name.
#[test]
fn r14_d15_a_follower_that_does_not_fit_the_journal_is_refused() {
    let running = run(&SimDir::new(), |_| ());
    let refused = |journal, start| {
        let (mut recorder, _) = Recorder::new("r", journal);
        recorder.start = start;
        running.router.follow(recorder, Pace::Free).expect_err("refused").reason
    };
    let id = running.router.journal_id();
    let ahead = refused(id, Some(Position(9)));
    assert!(ahead.contains("the journal ends at 0") && ahead.contains("restore both"), "{ahead}");
    let other = refused(JournalId::random(), Some(Position(0)));
    assert!(other.contains("belongs to journal") && other.contains("restore both"), "{other}");
    running.router.follow(Recorder::new("r", id).0, Pace::Free).expect("fits");
    assert!(refused(id, None).contains("already"));
}

/// N09: a session that is cut at any byte applies whole frames only, and what it applied is not applied again.
#[test]
fn n09_a_session_cut_at_every_byte_applies_whole_frames_only() {
    let running = run(&SimDir::new(), |_| ());
    let session = |shipper: &str, n: u8| {
        let frames = [
            Frame::Hello(hello(shipper, "boot")),
            Frame::Open(open(n)),
            Frame::Batch(batch(n, Epoch(1), 0, &["one\n", "two\n"])),
        ];
        frames.map(|frame| frame.encode()).concat()
    };
    let whole = session("000", 1);
    for cut in 0..whole.len() {
        let n = u8::try_from(cut % 250).expect("small") + 1;
        let shipper = format!("{cut:0>3}");
        let bytes = session(&shipper, n);
        let mut client = Client::connect(running.address);
        client.stream.write_all(&bytes[..cut]).expect("sends");
        client.stream.shutdown(std::net::Shutdown::Write).expect("shuts");
        while client.receive().is_some() {}
    }
    let status = running.router.status().expect("answers");
    assert_eq!(status.counters["batches"], 0, "no batch was whole");
    let mut client = Client::connect(running.address);
    client.stream.write_all(&session("all", 251)).expect("sends");
    let acked = std::iter::from_fn(|| client.receive()).find(|frame| matches!(frame, Frame::Ack { .. }));
    assert_eq!(acked, Some(Frame::Ack { source: source(251), hwm: Offset(8) }));
}

/// N10: a flipped byte anywhere in a batch's frame drops the connection, and nothing of it is applied.
#[test]
fn n10_a_flipped_byte_drops_the_connection_and_applies_nothing() {
    let running = run(&SimDir::new(), |_| ());
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    let good = Frame::Batch(batch(1, epoch, 0, &["one\n"])).encode();
    for at in 0..good.len() {
        let (mut client, _) = Client::hello(running.address, "s");
        let mut bad = good.to_vec();
        bad[at] ^= 1;
        client.stream.write_all(&bad).expect("sends");
        assert_eq!(client.receive(), None, "byte {at}");
    }
    let status = running.router.status().expect("answers");
    assert_eq!(status.counters["batches"], 0);
    assert_eq!(status.counters["bad_frames"], good.len() as u64);
    assert_eq!(status.sources[0].hwm, Offset(0));
}

/// N06, M01: while a pacing follower stands still, what the router holds stays within its bounds and the sender is stopped;
/// then everything arrives.
#[test]
fn n06_m01_a_follower_that_stands_still_stops_the_sender() {
    const LINE: usize = 1 << 16;
    const LINES: u64 = 600;
    let (gate, opened) = crossbeam::channel::bounded::<()>(0);
    let dir = SimDir::new();
    let config = RouterConfig {
        journal: JournalOptions { segment_bytes: 1 << 20, disk_bytes_max: 1 << 30, ballast_bytes: 0 },
        ring_bytes: 1 << 18,
        in_flight_bytes: 1 << 20,
        ..RouterConfig::default()
    };
    let mut seen = None;
    let running = run_with(&config, &dir, |router| {
        let (recorder, recorded) = Recorder::new("gated", router.journal_id());
        router
            .follow(Box::new(Gated { inner: recorder, gate: opened.clone(), before: None }), Pace::Acks)
            .expect("follows");
        seen = Some(recorded);
    });
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    let mut reader = client.stream.try_clone().expect("clones");
    let drained = std::thread::spawn(move || drop(std::io::copy(&mut reader, &mut std::io::sink())));
    let (stuck, is_stuck) = crossbeam::channel::bounded::<u64>(1);
    let mut writer = client.stream.try_clone().expect("clones");
    let sender = std::thread::spawn(move || {
        writer.set_write_timeout(Some(Duration::from_millis(200))).expect("settable");
        let line = format!("{}\n", "x".repeat(LINE - 1));
        for n in 0..LINES {
            let frame = Frame::Batch(batch(1, epoch, n * LINE as u64, &[&line])).encode();
            let mut rest = &frame[..];
            while !rest.is_empty() {
                match writer.write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(e) => {
                        assert!(matches!(
                            e.kind(),
                            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
                        ));
                        let _ = stuck.try_send(n);
                    }
                }
            }
        }
    });
    is_stuck.recv_timeout(WAIT).expect("the sender is stopped long before the end");
    let taken = running.router.durable().0 * LINE as u64;
    assert!(taken < 4 << 20, "{taken} bytes in the journal that nobody took");
    drop(gate);
    sender.join().expect("no panic");
    let hwm = || running.router.status().expect("answers").sources[0].hwm;
    // Before the lines come the first tick, the session and the source.
    let all = Position(3 + LINES);
    assert!(running.router.feed().wait_applied("gated", all, WAIT));
    assert_eq!(hwm(), Offset(LINES * LINE as u64));
    assert_eq!(seen.expect("prepared").lock().expect("no panic").lines.len() as u64, LINES);
    running.router.shutdown(WAIT);
    drained.join().expect("no panic");
}

/// A follower that takes its first line only when the gate's other end is gone.
struct Gated {
    inner: Box<Recorder>,
    gate: crossbeam::channel::Receiver<()>,
    /// Closes when it stands at the gate.
    before: Option<crossbeam::channel::Sender<()>>,
}

impl Follower for Gated {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        self.inner.committed()
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        if matches!(entry.body, EntryBody::Records(_)) {
            self.before = None;
            let _ = self.gate.recv();
        }
        self.inner.apply(entry)
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        self.inner.commit()
    }
}

/// M07: a batch that decompresses to more than it declares is a gap for everybody; the position moves on.
#[test]
fn m07_s09_a_bomb_becomes_a_gap() {
    let dir = SimDir::new();
    let mut seen = None;
    let running = run(&dir, |router| {
        let (recorder, recorded) = Recorder::new("recorder", router.journal_id());
        router.follow(recorder, Pace::Acks).expect("follows");
        seen = Some(recorded);
    });
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    let mut bomb = batch(1, epoch, 0, &["0123456\n"]);
    bomb.codec = Codec::Zstd;
    // One zstd frame of a single run-length block: 128 KiB out of four bytes.
    bomb.payload = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 0x03, 0x00, 0x10, 0x41]);
    client.ask(&Frame::Batch(bomb));
    client.ask(&Frame::Batch(batch(1, epoch, 8, &["next\n"])));
    assert!(running.router.feed().wait_applied("recorder", running.router.durable(), WAIT));
    let seen = seen.expect("prepared").lock().expect("no panic").clone();
    assert_eq!(seen.gaps, [(0, 8)]);
    assert_eq!(seen.lines, [(source(1), 8, "next".to_owned())]);
}

/// N07: sockets that say nothing, or stop in the middle, are closed at their deadline, and do not keep others out.
#[test]
fn n07_silent_sockets_are_closed_at_their_deadlines() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("starts");
    let dir = SimDir::new();
    let clock = Arc::new(ManualClock::at(Timestamp(1_000)));
    let router = Router::open(&small_router(), Arc::new(dir.clone()), clock).expect("opens");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("binds");
    let address = listener.local_addr().expect("bound");
    let (done, closed) = tokio::sync::oneshot::channel();
    let clients = std::thread::spawn(move || {
        for _ in 0..50 {
            assert_eq!(Client::connect(address).receive(), None, "no hello");
        }
        done.send(()).expect("somebody waits");
    });
    runtime.block_on(async {
        tokio::select! {
            () = router.serve(listener) => {}
            closed = closed => closed.expect("sent"),
        }
    });
    clients.join().expect("no panic");
    assert_eq!(router.status().expect("answers").counters["connection_timeouts"], 50);
}

/// Connections over the cap are closed at once and counted.
#[test]
fn n08_connections_are_capped() {
    let config = RouterConfig { connections_max: 2, ..small_router() };
    let running = run_with(&config, &SimDir::new(), |_| ());
    let first = Client::hello(running.address, "a");
    let second = Client::hello(running.address, "b");
    assert_eq!(Client::connect(running.address).receive(), None);
    assert_eq!(running.router.status().expect("answers").connections.len(), 2);
    drop((first, second));
}

/// A configuration change is a record with a number; it survives, and everybody sees it.
#[test]
fn s05_a_configuration_change_is_a_record() {
    let dir = SimDir::new();
    let running = run(&dir, |_| ());
    assert_eq!(running.router.append_config("a = 1".to_owned()), Some(ConfigVersion(1)));
    assert_eq!(running.router.append_config("a = 2".to_owned()), Some(ConfigVersion(2)));
    let after = run(&dir.crash(Survival::Nothing), |_| ());
    assert_eq!(after.router.append_config("a = 3".to_owned()), Some(ConfigVersion(3)));
}

/// S01: it stops with a connection open and a follower that never ends its entry; the hanging thread is named.
#[test]
fn s01_shutdown_ends_and_names_who_hangs() {
    let running = run(&SimDir::new(), |_| ());
    let (gate, opened) = crossbeam::channel::bounded::<()>(0);
    let (recorder, _) = Recorder::new("gated", running.router.journal_id());
    let (before, stands) = crossbeam::channel::bounded::<()>(0);
    let gated = Gated { inner: recorder, gate: opened, before: Some(before) };
    running.router.follow(Box::new(gated), Pace::Acks).expect("follows");
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    client.ask(&Frame::Batch(batch(1, epoch, 0, &["one\n"])));
    assert_eq!(stands.recv_timeout(WAIT), Err(crossbeam::channel::RecvTimeoutError::Disconnected));
    assert_eq!(running.router.shutdown(Duration::from_secs(1)), ["gated"]);
    assert_eq!(client.receive(), None);
    drop(gate);
}

/// R9, D05: a sync that fails surfaces as the fatal error, and nothing is acknowledged after it.
#[test]
fn r09_d05_a_failed_sync_surfaces_as_fatal() {
    let dir = SimDir::new();
    let running = run(&dir, |_| ());
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    dir.set_sync_fails(true);
    client.send(&Frame::Batch(batch(1, epoch, 0, &["one\n"])));
    let fatal = running.router.fatal().recv_timeout(WAIT).expect("surfaces");
    assert!(fatal.to_string().contains("journal: sync failed"), "{fatal}");
    running.router.shutdown(WAIT);
    assert_eq!(client.receive(), None);
}

/// One line in, two sinks out: routes decide, and the file has every line once.
#[test]
fn routes_send_lines_to_sinks() {
    let data = tempfile::tempdir().expect("made");
    let out = data.path().join("out/warn.log");
    let peer = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let route = |when: &str, to: &str| RouteConfig { when: when.into(), to: vec![to.into()], drop: false };
    let routes = Routes::new(&[route("level:>=warn", "warn"), route("*", "all")]).expect("good");
    let path = out.to_str().expect("text").to_owned();
    let warn = SinkKind::File { path, rotate_bytes: 1 << 20, keep: 1 };
    let all = SinkKind::Tcp { address: peer.local_addr().expect("bound").to_string() };
    let dir: SharedDir = Arc::new(SimDir::new());
    let running = run(&SimDir::new(), |router| {
        for (name, kind) in [("warn", warn), ("all", all)] {
            let config = SinkConfig { name: name.into(), on_stuck: OnStuck::Block, kind };
            let (sink, pace) = sinks::open(&config, router, &routes, &dir).expect("opens");
            router.follow(sink, pace).expect("follows");
        }
    });
    let (mut client, epoch) = Client::hello(running.address, "s");
    client.ask(&Frame::Open(open(1)));
    let lines = ["{\"level\":\"info\",\"m\":1}\n", "{\"level\":\"error\",\"m\":2}\n"];
    client.ask(&Frame::Batch(batch(1, epoch, 0, &lines)));
    for name in ["sink:warn", "sink:all"] {
        assert!(running.router.feed().wait_applied(name, running.router.durable(), WAIT), "{name}");
    }
    assert_eq!(running.router.shutdown(WAIT), Vec::<String>::new());
    assert_eq!(std::fs::read_to_string(&out).expect("there"), lines[1]);
    let (mut stream, _) = peer.accept().expect("connected");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("reads");
    assert_eq!(text, lines.concat());
}
