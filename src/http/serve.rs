//! Accepting connections, with the limits that keep a slow or greedy client from hurting anybody else.

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
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
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::select! {
        // How a connection ended is the client's business; every answer tells its own completeness.
        _ = connection => {}
        _ = shutdown.wait_for(|&stop| stop) => {}
    }
}
