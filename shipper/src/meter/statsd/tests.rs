//! StatsD over real sockets.

use super::*;
use crate::meter::config::StatsdAddress;
use crate::meter::emit::tests::shown;
use std::fs::File;
use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn drops_stand_in_the_line_of_the_inode() {
    let table = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                 \u{20} 1: 0100007F:1FBD 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 1234 2 0000000000000000 0\n\
                 \u{20} 2: 0100007F:1FBE 00000000:0000 07 00000000:00000000 00:00000000 00000000  0 0 99 2 0000000000000000 17\n\
                 \u{20} 3: short\n";
    let check = |inode, expected| assert_eq!(drops(table, inode), expected, "{inode}");
    check(1234, Some(0));
    check(99, Some(17));
    check(17, None);
}

/// A listener on a thread of its own, until it is dropped.
struct Listening {
    statsd: Arc<Statsd>,
    status: ShipperStatus,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listening {
    fn at(address: &str) -> Self {
        let status = ShipperStatus::default();
        let emit = Emit::new("h", &BTreeMap::new());
        let statsd = Statsd::new(&StatsdConfig::default(), emit, status.clone());
        let address: StatsdAddress = address.parse().expect("an address");
        let (stop, stopped) = oneshot::channel::<()>();
        let shared = statsd.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
            let work = listen(shared, address);
            runtime.block_on(async {
                tokio::select! { () = work => {}, _ = stopped => {} }
            });
        });
        let listening = Self { statsd, status, stop: Some(stop), thread: Some(thread) };
        listening.wait("it has tried", |counts| !counts.listening.is_empty() || !counts.failing.is_empty());
        listening
    }

    fn counts(&self) -> StatsdStatus {
        self.statsd.shared().counts.clone()
    }

    fn wait(&self, what: &str, wanted: impl Fn(&StatsdStatus) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.counts()) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            thread::yield_now();
        }
    }

    fn address(&self) -> String {
        self.counts().listening[0].split_once(':').expect("kind and address").1.to_owned()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic");
        }
    }
}

#[test]
fn datagrams_are_summed_up_and_bad_lines_counted() {
    let listening = Listening::at("127.0.0.1:0");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("binds");
    for datagram in ["hits:1|c\nhits:2|c|@0.5|#env:prod", "hits:3|c\nodd", "level:7|g"] {
        socket.send_to(datagram.as_bytes(), listening.address()).expect("sends");
    }
    listening.wait("all is there", |counts| counts.values == 4);
    let found = shown(&listening.statsd.flush(5000, true));
    let expected = [
        r#"hits{env="prod", host="h"} 4 @5000"#,
        r#"hits{host="h"} 4 @5000"#,
        r#"level{host="h"} 7 @5000"#,
        r#"logweir_statsd_refused_lines_total{host="h", reason="no value"} 1 @5000"#,
        r#"logweir_statsd_values_total{host="h"} 4 @5000"#,
    ];
    let is_of_kernel = |line: &&String| line.starts_with("logweir_statsd_dropped");
    assert_eq!(
        found.iter().filter(|line| !is_of_kernel(line)).collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
    assert_eq!(listening.status.snapshot().meter.statsd, listening.counts());
    let again = shown(&listening.statsd.flush(6000, false));
    assert!(!again.iter().any(|line| line.starts_with("hits")), "{again:?}");
}

/// Why an address could not be listened at was written down and shown to nobody.
#[test]
fn an_address_that_cannot_be_had_is_told_until_it_can() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("binds");
    let address = taken.local_addr().expect("bound").to_string();
    let listening = Listening::at(&address);
    let meter = listening.status.snapshot().meter;
    assert_eq!(meter.statsd.listening, Vec::<String>::new());
    let [trouble] = meter.troubles().try_into().expect("one");
    assert!(trouble.starts_with(&format!("statsd at udp:{address}: ")), "{trouble}");
    drop(taken);
    let bound = address.parse().expect("an address");
    listening.statsd.bound(&bound, bound.to_string(), None);
    let meter = listening.status.snapshot().meter;
    assert_eq!((meter.statsd.listening.len(), meter.troubles().len()), (1, 0));
    listening.statsd.failed(&bound, "gone".to_owned());
    assert_eq!(listening.counts().listening, Vec::<String>::new(), "no longer");
}

#[test]
fn a_unix_socket_is_taken_over_from_the_dead_only() {
    let dir = tempfile::tempdir().expect("temp");
    let path = dir.path().join("statsd.sock");
    drop(UnixDatagram::bind(&path).expect("binds"));
    let listening = Listening::at(&format!("unix:{}", path.display()));
    UnixDatagram::unbound().expect("opens").send_to(b"a:1|c", &path).expect("sends");
    listening.wait("it is there", |counts| counts.values == 1);
    assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o722);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
    runtime.block_on(async {
        assert!(super::listen::bind_unix(&path).is_err(), "it is in use");
        let file = dir.path().join("file");
        File::create(&file).expect("creates");
        assert!(super::listen::bind_unix(&file).is_err() && file.exists());
    });
}

#[test]
fn lines_over_tcp_come_in_any_pieces() {
    let listening = Listening::at("tcp:127.0.0.1:0");
    let connect = || TcpStream::connect(listening.address()).expect("connects");
    let mut stream = connect();
    for piece in ["a:1|c\nb:", "2|c\n", "c:3|c"] {
        stream.write_all(piece.as_bytes()).expect("writes");
        stream.flush().expect("writes");
    }
    listening.wait("two lines are there", |counts| counts.values == 2);
    drop(stream);
    listening.wait("the last line is there", |counts| counts.values == 3);
    assert_eq!(listening.counts().refused_lines, BTreeMap::new());
    // It hangs up before all of it is read.
    let _ = connect().write_all(&vec![b'x'; 1 << 20]);
    let reason = "a line that is too long";
    listening.wait("it is refused", |counts| counts.refused_lines.contains_key(reason));
}
