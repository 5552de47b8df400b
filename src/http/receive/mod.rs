//! Metrics that are sent to us over HTTP: Prometheus remote write, OTLP as protobuf or JSON, OTLP over gRPC. A request is
//! decoded as a whole, journaled, and answered when it is durable; what of it is no sample is counted and told to the sender.
//!
//! Limits: [`BODY_BYTES_MAX`] of a request as sent, which must have come within [`BODY_TIMEOUT`]; [`HELD_BYTES_MAX`] of all that are
//! read at a time, the decoders' own limit of one decompressed, [`RECEIVES_MAX`] decoded at a time.

mod grpc;
mod otlp;
mod remote_write;

pub use grpc::export as grpc_export;
pub use otlp::metrics as otlp_metrics;
pub use remote_write::write as remote_write;

use super::Api;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use logweir_base::metric::Received;
use logweir_base::metric::samples::Writer;
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests that are decoded and journaled at a time; further ones wait. With the limits of one request this bounds their memory.
const RECEIVES_MAX: usize = 8;
/// Bodies that are read at a time, together, in units of [`HELD_UNIT`]. A sender that stalls holds what it has announced and nobody
/// else's turn.
const HELD_BYTES_MAX: usize = 64 << 20;
const HELD_UNIT: usize = 1 << 10;
/// From the end of a request's headers to the end of its body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Of a request's body, as it is sent.
const BODY_BYTES_MAX: usize = 16 << 20;
/// Of a body once gunzipped.
const GUNZIPPED_BYTES_MAX: usize = 64 << 20;

/// What came in over HTTP, and who is at it.
pub struct Receivers {
    turns: Semaphore,
    held: Semaphore,
    counts: Mutex<BTreeMap<&'static str, Counts>>,
}

/// What one protocol has brought since the start.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Requests that were sound.
    pub requests: u64,
    /// Requests of which nothing could be read.
    pub bad_requests: u64,
    /// What was in the sound ones.
    pub received: Received,
}

impl Default for Receivers {
    fn default() -> Self {
        let held = Semaphore::new(HELD_BYTES_MAX / HELD_UNIT);
        Self { turns: Semaphore::new(RECEIVES_MAX), held, counts: Mutex::default() }
    }
}

/// Why a request is not taken.
#[derive(Debug)]
enum Refusal {
    /// Its bytes are at fault: sending it again will not help.
    Bad(String),
    /// We are: it may be sent again, nothing is counted twice.
    Unavailable(&'static str),
}

impl Receivers {
    /// Counts by protocol.
    pub fn counts(&self) -> BTreeMap<&'static str, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, protocol: &'static str, outcome: Result<&Received, ()>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = counts.entry(protocol).or_default();
        match outcome {
            Ok(received) => {
                counts.requests += 1;
                counts.received.add(received);
            }
            Err(()) => counts.bad_requests += 1,
        }
    }
}

/// Reads a request, decodes it with `decode`, and makes what it holds durable.
async fn take(
    api: &Api,
    protocol: &'static str,
    body: Body,
    decode: impl FnOnce(Bytes, &mut Writer) -> Result<Received, String> + Send + 'static,
) -> Result<Received, Refusal> {
    const STOPPING: Refusal = Refusal::Unavailable("stopping");
    let announced =
        body.size_hint().upper().map_or(BODY_BYTES_MAX, |bytes| bytes.min(BODY_BYTES_MAX as u64) as usize);
    let units = u32::try_from(announced.div_ceil(HELD_UNIT).max(1)).expect("bodies are bounded");
    let _held = api.receivers.held.acquire_many(units).await.map_err(|_| STOPPING)?;
    let body = read(body).await;
    let _turn = api.receivers.turns.acquire().await.map_err(|_| STOPPING)?;
    let taken = match body {
        Ok(body) => decoded(body, decode).await,
        Err(reason) => Err(reason),
    };
    api.receivers.count(protocol, taken.as_ref().map(|(received, _)| received).map_err(|_| ()));
    let (received, chunks) = taken.map_err(Refusal::Bad)?;
    for chunk in chunks {
        let durable = api.router.append_samples(chunk.into()).await;
        durable.ok_or(Refusal::Unavailable("the journal has ended"))?;
    }
    Ok(received)
}

async fn read(body: Body) -> Result<Bytes, String> {
    match tokio::time::timeout(BODY_TIMEOUT, axum::body::to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(body) => {
            body.map_err(|e| format!("the body cannot be read, or is over {BODY_BYTES_MAX} bytes: {e}"))
        }
        Err(_) => Err(format!("the body has not come within {} s", BODY_TIMEOUT.as_secs())),
    }
}

async fn decoded(
    body: Bytes,
    decode: impl FnOnce(Bytes, &mut Writer) -> Result<Received, String> + Send + 'static,
) -> Result<(Received, Vec<Vec<u8>>), String> {
    let decoded = tokio::task::spawn_blocking(move || {
        let mut writer = Writer::default();
        let received = decode(body, &mut writer)?;
        Ok((received, writer.batches()))
    });
    decoded.await.unwrap_or_else(|_| Err("the decoder broke on this body".to_owned()))
}

/// A gzipped body, never more than it may be.
fn gunzip(body: &[u8]) -> Result<Bytes, String> {
    let mut plain = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(GUNZIPPED_BYTES_MAX as u64 + 1);
    reader.read_to_end(&mut plain).map_err(|e| format!("not gzip: {e}"))?;
    if plain.len() > GUNZIPPED_BYTES_MAX {
        return Err(format!("more than {GUNZIPPED_BYTES_MAX} bytes when decompressed"));
    }
    Ok(plain.into())
}

/// What the sender is told of samples that were left out: `3 refused: 2 label twice, 1 label too long`.
fn told(received: &Received) -> Option<String> {
    let refused = received.refused_total();
    let each = received.refused.iter().map(|(why, count)| format!("{count} {why}")).collect::<Vec<_>>();
    (refused > 0).then(|| format!("{refused} refused: {}", each.join(", ")))
}
