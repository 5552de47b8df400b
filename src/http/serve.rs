//! Accepting connections, with the limits that keep a slow or greedy client from hurting anybody else.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Connections at a time; further ones wait in the kernel's accept queue.
const CONNECTIONS_MAX: usize = 512;
/// From connecting, or from the last answer, to the end of a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Request headers together; queries travel in the URL, so this bounds them too.
const HEADER_BYTES_MAX: usize = 64 << 10;

/// What HTTP/2 begins with (RFC 9113, 3.4), and how soon to look again when a part of it is there.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PREFACE_RETRY: Duration = Duration::from_millis(10);
/// HTTP/2, which gRPC needs: requests under way on one connection, and how long a silent one is kept.
const STREAMS_MAX: u32 = 32;
const HTTP2_PING: Duration = Duration::from_secs(30);

/// Serves `routes` on `listener` until `shutdown` turns true. Open answers are cut then.
pub async fn serve(listener: TcpListener, routes: Router, mut shutdown: watch::Receiver<bool>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = connections.clone().acquire_owned().await.expect("the semaphore is never closed");
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|&stop| stop) => return,
        };
        // An accept error (out of descriptors, a peer that left) concerns one connection; give others time to end.
        let Ok((stream, _)) = stream else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (routes, shutdown) = (routes.clone(), shutdown.clone());
        tokio::spawn(async move {
            serve_connection(stream, routes, shutdown).await;
            drop(permit);
        });
    }
}

async fn serve_connection(stream: TcpStream, routes: Router, mut shutdown: watch::Receiver<bool>) {
    let serve = async {
        match tokio::time::timeout(HEADER_TIMEOUT, speaks_http2(&stream)).await {
            Ok(Ok(true)) => serve_http2(stream, routes).await,
            Ok(Ok(false)) => serve_http1(stream, routes).await,
            // It has left, or said nothing in all this time.
            Ok(Err(_)) | Err(_) => {}
        }
    };
    tokio::select! {
        () = serve => {}
        _ = shutdown.wait_for(|&stop| stop) => {}
    }
}

/// Whether a client begins as HTTP/2 does when it knows beforehand that we speak it. Looks at bytes and leaves them.
async fn speaks_http2(stream: &TcpStream) -> std::io::Result<bool> {
    let mut bytes = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut bytes).await?;
        if seen == 0 || bytes[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(PREFACE_RETRY).await;
    }
}

// How a connection ended is the client's business; every answer tells its own completeness.

async fn serve_http1(stream: TcpStream, routes: Router) {
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await;
}

async fn serve_http2(stream: TcpStream, routes: Router) {
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_BYTES_MAX as u32)
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await;
}
