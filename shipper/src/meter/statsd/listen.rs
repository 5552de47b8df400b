//! The sockets that StatsD arrives at. Datagrams are taken in bursts, so that the lock is taken once for many; a connection's
//! lines are taken a buffer at a time.

use super::Statsd;
use crate::meter::config::StatsdAddress;
use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
use std::convert::Infallible;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// What the kernel may hold for us while we are busy; without privileges it gives no more than
/// `net.core.rmem_max`.
const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
/// The longest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 64 << 10;
/// Datagrams taken in a row before others on the thread get their turn.
const BURST: usize = 64;
/// The longest line over TCP; a connection that sends a longer one is closed.
const LINE_BYTES_MAX: usize = 64 << 10;
/// TCP connections at a time, each with a buffer of [`LINE_BYTES_MAX`]; more are closed at once.
const CONNECTIONS_MAX: usize = 256;
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
const RETRY: Duration = Duration::from_secs(5);
/// Whoever is on the host may write to a unix socket, as to a port of the loopback interface; nobody else reads or lists it.
const SOCKET_MODE: u32 = 0o722;

/// Listens at `address` for ever. The status tells why it cannot.
pub async fn listen(statsd: Arc<Statsd>, address: StatsdAddress) {
    loop {
        let Err(e) = serve(&statsd, &address).await;
        statsd.failed(&address, e.to_string());
        sleep(RETRY).await;
    }
}

async fn serve(statsd: &Arc<Statsd>, address: &StatsdAddress) -> io::Result<Infallible> {
    match address {
        StatsdAddress::Udp(at) => {
            let socket = UdpSocket::bind(at).await?;
            let inode = rustix::fs::fstat(&socket)?.st_ino;
            statsd.bound(address, format!("udp:{}", socket.local_addr()?), Some(inode));
            datagrams(statsd, Datagrams::Udp(socket)).await
        }
        StatsdAddress::Unix(path) => {
            let socket = bind_unix(path)?;
            statsd.bound(address, address.to_string(), None);
            datagrams(statsd, Datagrams::Unix(socket)).await
        }
        StatsdAddress::Tcp(at) => {
            let listener = TcpListener::bind(at).await?;
            statsd.bound(address, format!("tcp:{}", listener.local_addr()?), None);
            connections(statsd, &listener).await
        }
    }
}

enum Datagrams {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Datagrams {
    async fn readable(&self) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.readable().await,
            Self::Unix(socket) => socket.readable().await,
        }
    }

    fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Udp(socket) => socket.try_recv(buf),
            Self::Unix(socket) => socket.try_recv(buf),
        }
    }

    /// The default holds a few hundred small datagrams. What cannot be had is done without.
    fn widen(&self) {
        let fd = match self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        };
        if set_socket_recv_buffer_size_force(fd, RECEIVE_BUFFER_BYTES).is_err() {
            let _ = set_socket_recv_buffer_size(fd, RECEIVE_BUFFER_BYTES);
        }
    }
}

async fn datagrams(statsd: &Statsd, socket: Datagrams) -> io::Result<Infallible> {
    socket.widen();
    let mut buf = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        socket.readable().await?;
        burst(statsd, &socket, &mut buf)?;
        tokio::task::yield_now().await;
    }
}

fn burst(statsd: &Statsd, socket: &Datagrams, buf: &mut [u8]) -> io::Result<()> {
    let mut shared = statsd.shared();
    for _ in 0..BURST {
        match socket.try_recv(buf) {
            Ok(len) => shared.take(&buf[..len]),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// The file of a listener that is gone is in the way; that of a living one is left alone.
pub(super) fn bind_unix(path: &Path) -> io::Result<UnixDatagram> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    if is_socket && net::UnixDatagram::unbound()?.connect(path).is_err() {
        fs::remove_file(path)?;
    }
    let socket = UnixDatagram::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(SOCKET_MODE))?;
    Ok(socket)
}

async fn connections(statsd: &Arc<Statsd>, listener: &TcpListener) -> io::Result<Infallible> {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let (stream, _) = listener.accept().await?;
        let Ok(permit) = room.clone().try_acquire_owned() else {
            statsd.shared().refuse("too many connections");
            continue;
        };
        let statsd = statsd.clone();
        tokio::spawn(async move {
            lines(&statsd, stream).await;
            drop(permit);
        });
    }
}

/// Takes whole lines until the peer is done, silent for too long, or too long-winded.
async fn lines(statsd: &Statsd, mut stream: TcpStream) {
    let mut buf = vec![0; LINE_BYTES_MAX];
    let mut filled = 0;
    while let Ok(Ok(read)) = timeout(IDLE_TIMEOUT, stream.read(&mut buf[filled..])).await
        && read > 0
    {
        filled += read;
        if let Some(end) = memchr::memrchr(b'\n', &buf[..filled]) {
            statsd.shared().take(&buf[..end]);
            buf.copy_within(end + 1..filled, 0);
            filled -= end + 1;
        } else if filled == buf.len() {
            return statsd.shared().refuse("a line that is too long");
        }
    }
    // The last line needs no newline.
    statsd.shared().take(&buf[..filled]);
}
