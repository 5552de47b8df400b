//! OTLP over gRPC: the one method that there is, spoken straight over HTTP/2. A unary call is one message each way:
//!
//! ```text
//! 0  compressed  1   1: as the header grpc-encoding says, gzip
//! 1  length      4   big endian
//! 5  message
//! ```
//! and a trailer `grpc-status`: 0 done, 3 the request is at fault, 14 send it again.

use super::super::Api;
use super::{Refusal, gunzip, otlp, take};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::StreamBody;
use hyper::body::Frame;
use logweir_base::metric::otlp as decoder;
use logweir_base::metric::samples::Writer;
use std::convert::Infallible;
use std::sync::Arc;

const PREFIX_BYTES: usize = 5;
const OK: u8 = 0;
const INVALID_ARGUMENT: u8 = 3;
const UNAVAILABLE: u8 = 14;

/// `POST /opentelemetry.proto.collector.metrics.v1.MetricsService/Export`
pub async fn export(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Response {
    let encoding = headers.get("grpc-encoding").and_then(|v| v.to_str().ok()).unwrap_or("identity");
    let is_gzip = encoding == "gzip";
    let decode = move |body: Bytes, out: &mut Writer| {
        let message = message_of(&body, is_gzip)?;
        decoder::read(&message, out).map_err(|e| e.to_string())
    };
    match take(&api, "otlp_grpc", body, decode).await {
        Ok(received) => answer(Some(otlp::answer(&received)), OK, ""),
        Err(Refusal::Bad(reason)) => answer(None, INVALID_ARGUMENT, &reason),
        Err(Refusal::Unavailable(reason)) => answer(None, UNAVAILABLE, reason),
    }
}

/// The one message of a call.
fn message_of(body: &Bytes, is_gzip: bool) -> Result<Bytes, String> {
    let prefix = body.first_chunk::<PREFIX_BYTES>().ok_or("no gRPC message")?;
    let len = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    let message = body.slice(PREFIX_BYTES..);
    if message.len() != len {
        return Err("the gRPC message is not as long as it says".to_owned());
    }
    match prefix[0] {
        0 => Ok(message),
        1 if is_gzip => gunzip(&message),
        _ => Err("compressed in a way that is not spoken here: use gzip".to_owned()),
    }
}

fn answer(message: Option<Vec<u8>>, status: u8, reason: &str) -> Response {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(u16::from(status)));
    if !reason.is_empty() {
        let text = percent_encoded(reason);
        trailers.insert("grpc-message", HeaderValue::try_from(text).expect("visible ASCII"));
    }
    let data = message.map(|message| {
        let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.len()).expect("short"));
        framed.extend_from_slice(&message);
        Frame::data(framed.freeze())
    });
    let frames = data.into_iter().chain([Frame::trailers(trailers)]).map(Ok::<_, Infallible>);
    Response::builder()
        .header("content-type", "application/grpc")
        .body(Body::new(StreamBody::new(tokio_stream::iter(frames))))
        .expect("headers of ours are valid")
}

/// As gRPC wants `grpc-message`: visible ASCII but for `%`.
fn percent_encoded(text: &str) -> String {
    let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'%';
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says() {
        let check = |body: &'static [u8], expected: Result<&'static [u8], ()>| {
            let message = message_of(&Bytes::from_static(body), false).map_err(|_| ());
            assert_eq!(message, expected.map(Bytes::from_static));
        };
        check(b"\0\0\0\0\x02ab", Ok(b"ab"));
        check(b"\0\0\0\0\0", Ok(b""));
        check(b"\0\0\0\0\x03ab", Err(()));
        check(b"\x01\0\0\0\x02ab", Err(()));
        check(b"\0\0", Err(()));
    }

    #[test]
    fn a_reason_fits_a_header() {
        assert_eq!(percent_encoded("50 % of é\n"), "50 %25 of %C3%A9%0A");
    }
}
