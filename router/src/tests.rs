//! The whole router on a loopback socket and a simulated disk.

use crate::testing::{Recorder, batch, hello, open, small_router, source};
use crate::{Pace, Router};
use bytes::BytesMut;
use logweir_base::dir::sim::{SimDir, Survival};
use logweir_base::frame::{Frame, RawFrame};
use logweir_base::ids::{Epoch, Offset};
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
    let clock = Arc::new(ManualClock::at(Timestamp(1_000)));
    let router = Router::open(&small_router(), Arc::new(dir.clone()), clock).expect("opens");
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
