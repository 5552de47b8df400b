//! The whole shipper over real sockets, against a model router that misbehaves.

use crate::config::{Settings, ShipConfig};
use crate::model::{Bench, Model};
use crate::shipper::{ShipError, ShipReport, run};
use crate::status::ShipperStatus;
use bytes::BytesMut;
use logweir_base::frame::{Frame, RawFrame};
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);

/// How the router treats one connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Manner {
    Good,
    /// Says no.
    Refuse,
    /// Welcomes, then neither reads nor writes.
    Silent,
    /// Takes everything, answers nothing but the handshake, and hangs up after so many frames.
    Mute(usize),
    /// Hangs up after so many bytes, wherever that is.
    CutAfter(usize),
    /// Flips a bit in its answer to so manieth frame.
    Flip(usize),
}

/// A model router behind a socket.
pub(super) struct Router {
    pub(super) address: String,
    shared: Arc<(Mutex<Model>, Condvar)>,
}

impl Router {
    /// Treats connections as `manners` say, one after the other, and then well.
    pub(super) fn start(manners: Vec<Manner>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let address = listener.local_addr().expect("bound").to_string();
        let shared = Arc::new((Mutex::new(Model::default()), Condvar::new()));
        let served = shared.clone();
        thread::spawn(move || {
            let mut held = Vec::new();
            let manners = manners.into_iter().chain(std::iter::repeat(Manner::Good));
            for (stream, manner) in listener.incoming().zip(manners) {
                let stream = stream.expect("accepts");
                held.extend(serve(stream, manner, &served));
            }
        });
        Self { address, shared }
    }

    /// Waits until the model is as wanted.
    pub(super) fn wait(&self, what: &str, wanted: impl Fn(&Model) -> bool) {
        let model = self.shared.0.lock().expect("not poisoned");
        let waited =
            self.shared.1.wait_timeout_while(model, PATIENCE, |model| !wanted(model)).expect("not poisoned");
        assert!(!waited.1.timed_out(), "waited in vain for {what}");
    }

    /// The model as it is.
    pub(super) fn model(&self) -> Model {
        self.shared.0.lock().expect("not poisoned").clone()
    }

    fn lines(&self) -> Vec<String> {
        self.shared.0.lock().expect("not poisoned").lines()
    }
}

/// Serves one connection to its end; a silent one is given back to be held open.
fn serve(mut stream: TcpStream, manner: Manner, shared: &(Mutex<Model>, Condvar)) -> Option<TcpStream> {
    let mut buf = BytesMut::new();
    let mut chunk = vec![0; 1 << 16];
    let (mut bytes, mut frames) = (0, 0);
    loop {
        while let Some(raw) = RawFrame::take(&mut buf).expect("a shipper sends good frames") {
            frames += 1;
            let frame = raw.decode().expect("good bodies");
            if let (Manner::Refuse, Frame::Hello(_)) = (manner, &frame) {
                let refusal = Frame::Refused { reason: "another shipper has this name".to_owned() };
                stream.write_all(&refusal.encode()).ok()?;
                return None;
            }
            let is_hello = matches!(frame, Frame::Hello(_));
            let answers = shared.0.lock().expect("not poisoned").take(frame);
            shared.1.notify_all();
            if matches!(manner, Manner::Mute(_)) && !is_hello {
                continue;
            }
            for answer in answers {
                let mut bytes = answer.encode().to_vec();
                if let Manner::Flip(at) = manner
                    && at == frames
                {
                    bytes[20] ^= 4;
                }
                stream.write_all(&bytes).ok()?;
            }
            if matches!(manner, Manner::Silent) {
                return Some(stream);
            }
        }
        if let Manner::Mute(most) = manner
            && frames >= most
        {
            return None;
        }
        let read = stream.read(&mut chunk).ok().filter(|&read| read > 0)?;
        bytes += read;
        if let Manner::CutAfter(most) = manner
            && bytes >= most
        {
            let keep = read - (bytes - most);
            buf.extend_from_slice(&chunk[..keep]);
            while let Some(raw) = RawFrame::take(&mut buf).expect("good frames") {
                drop(shared.0.lock().expect("not poisoned").take(raw.decode().expect("good bodies")));
            }
            return None;
        }
        buf.extend_from_slice(&chunk[..read]);
    }
}

/// A shipper on a thread.
struct Shipper {
    stop: watch::Sender<bool>,
    status: ShipperStatus,
    thread: thread::JoinHandle<Result<ShipReport, ShipError>>,
}

impl Shipper {
    fn start(config: ShipConfig) -> Self {
        let (stop, stopped) = watch::channel(false);
        let status = ShipperStatus::default();
        let shown = status.clone();
        let thread = thread::spawn(move || run(config, shown, stopped));
        Self { stop, status, thread }
    }

    fn stop(self) -> ShipReport {
        self.stop.send(true).expect("it listens");
        self.thread.join().expect("no panic").expect("it ran")
    }
}

fn config(router: &str, dir: &Path) -> ShipConfig {
    let glob = dir.join("*.log").display().to_string();
    let mut config = ShipConfig::new(router, dir.join("state"), vec![glob]);
    config.settings = Settings {
        heartbeat: Duration::from_millis(150),
        backoff_max: Duration::from_millis(150),
        multiline_idle: Duration::from_millis(20),
        scan_interval: Duration::from_millis(50),
        ..Settings::default()
    };
    config
}

/// Ships 50,000 lines (1.4 MB) with `once` through a router of these manners, and compares.
fn check_once(manners: Vec<Manner>) -> ShipReport {
    let dir = tempfile::tempdir().expect("temp");
    let text = Bench::numbered(0..50_000);
    fs::write(dir.path().join("a.log"), &text).expect("writes");
    let router = Router::start(manners);
    let shipper = Shipper::start(ShipConfig { once: true, ..config(&router.address, dir.path()) });
    let report = shipper.thread.join().expect("no panic").expect("it ran");
    let mut expected: Vec<_> = text.lines().map(str::to_owned).collect();
    expected.sort();
    assert!(router.lines() == expected, "every line once");
    assert!(report.complete && report.failed.is_empty());
    report
}

#[test]
fn once_ends_when_all_is_acknowledged() {
    let report = check_once(vec![]);
    assert_eq!(report.counters.lines_sent, 50_000);
    assert_eq!(report.counters.sessions, 1);
}

#[test]
fn n01_a_silent_peer_is_given_up() {
    assert_eq!(check_once(vec![Manner::Silent]).counters.sessions, 2);
}

#[test]
fn n02_swallowed_acks_double_nothing() {
    check_once(vec![Manner::Mute(2), Manner::Mute(3), Manner::Mute(4)]);
}

#[test]
fn n09_n11_connections_cut_anywhere() {
    let cuts = [1, 15, 100, 300, 700, 5_000, 70_000, 500_000, 1_100_000];
    check_once(cuts.into_iter().map(Manner::CutAfter).collect());
}

#[test]
fn n10_a_flipped_bit_ends_the_connection_and_nothing_else() {
    check_once((1..5).map(Manner::Flip).collect());
}

#[test]
fn t40_a_refused_shipper_sends_nothing_and_says_why() {
    let dir = tempfile::tempdir().expect("temp");
    fs::write(dir.path().join("a.log"), "one\n").expect("writes");
    let router = Router::start(vec![Manner::Refuse; 3]);
    let shipper = Shipper::start(config(&router.address, dir.path()));
    wait_status(&shipper.status, "the refusal", |s| s.last_error.contains("another shipper has this name"));
    router.wait("the line, after the third refusal", |model| model.arrived == ["one"]);
    assert_eq!(shipper.stop().counters.sessions, 1);
}

/// S01: nobody listens, or somebody listens and never answers; told to stop, it stops.
#[test]
fn s01_stopping_never_waits_for_the_network() {
    let router = Router::start(vec![Manner::Silent; 9]);
    for address in ["127.0.0.1:1", &router.address] {
        let dir = tempfile::tempdir().expect("temp");
        fs::write(dir.path().join("a.log"), Bench::numbered(0..300_000)).expect("writes");
        let shipper = Shipper::start(config(address, dir.path()));
        wait_status(&shipper.status, "the file to be seen", |s| !s.files.is_empty());
        let start = Instant::now();
        shipper.stop();
        assert!(start.elapsed() < Duration::from_secs(5));
    }
}

/// D16, seen from outside.
#[test]
fn d16_a_second_shipper_is_refused() {
    let dir = tempfile::tempdir().expect("temp");
    let router = Router::start(vec![]);
    let shipper = Shipper::start(config(&router.address, dir.path()));
    wait_status(&shipper.status, "the session", |s| s.session.is_some());
    let (_stop, stopped) = watch::channel(false);
    let second = run(config(&router.address, dir.path()), ShipperStatus::default(), stopped);
    assert!(matches!(second, Err(ShipError::State(_))));
    shipper.stop();
}

/// D04: lines go on being sent, the trouble is shown, and when it is over the checkpoint is written.
#[test]
fn d04_a_checkpoint_that_cannot_be_written_stops_nothing() {
    let dir = tempfile::tempdir().expect("temp");
    let in_the_way = dir.path().join("state/state.redb.tmp");
    fs::create_dir_all(&in_the_way).expect("a directory where the store is to be");
    fs::write(dir.path().join("a.log"), "one\n").expect("writes");
    let router = Router::start(vec![]);
    let mut config = config(&router.address, dir.path());
    config.settings.flush_interval = Duration::from_millis(50);
    let shipper = Shipper::start(config);
    router.wait("the line", |model| model.arrived == ["one"]);
    wait_status(&shipper.status, "the trouble", |s| s.last_error.contains("state.redb.tmp"));
    fs::remove_dir(&in_the_way).expect("removes");
    wait_status(&shipper.status, "the checkpoint", |s| s.counters.checkpoints > 0);
    shipper.stop();
    assert!(dir.path().join("state/state.redb").exists());
}

/// With scans an hour apart only inotify can tell of new files and new lines.
#[test]
fn inotify_tells_of_new_files_and_lines() {
    let dir = tempfile::tempdir().expect("temp");
    let router = Router::start(vec![]);
    let mut config = config(&router.address, dir.path());
    config.settings.scan_interval_watched = Duration::from_secs(3600);
    let shipper = Shipper::start(config);
    wait_status(&shipper.status, "the first scan", |s| s.watching && s.counters.scans > 0);
    let mut file = fs::File::create(dir.path().join("a.log")).expect("creates");
    for n in 0..20 {
        writeln!(file, "line {n}").expect("writes");
        router.wait("the line", |model| model.arrived.len() == n + 1);
    }
    let report = shipper.stop();
    assert_eq!(report.counters.bytes_sent, file.metadata().expect("own file").len());
}

/// Killed, that is: ended without a word to anybody; the next one goes on where this one was.
#[test]
fn a_restart_goes_on_where_it_was() {
    let dir = tempfile::tempdir().expect("temp");
    let router = Router::start(vec![]);
    for n in 0..4 {
        let log = fs::File::options().create(true).append(true).open(dir.path().join("a.log"));
        log.expect("opens").write_all(Bench::numbered(n * 10..n * 10 + 10).as_bytes()).expect("writes");
        let shipper = Shipper::start(config(&router.address, dir.path()));
        router.wait("the lines", |model| model.arrived.len() == (n as usize + 1) * 10);
        shipper.stop();
    }
    let model = router.shared.0.lock().expect("not poisoned");
    assert_eq!((model.sources.len(), model.duplicates), (1, 0));
}

fn wait_status(status: &ShipperStatus, what: &str, wanted: impl Fn(&crate::StatusSnapshot) -> bool) {
    let start = Instant::now();
    while !wanted(&status.snapshot()) {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}: {:?}", status.snapshot());
        thread::park_timeout(Duration::from_millis(10));
    }
}
