//! `POST /v1/metrics`: OTLP over HTTP, protobuf or JSON, gzipped or not; answered as the protocol has it.

use super::super::{Api, respond};
use super::{Refusal, gunzip, take, told};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::metric::samples::Writer;
use logweir_base::metric::{Received, otlp};
use std::sync::Arc;

/// `POST /v1/metrics`
pub async fn metrics(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Response {
    let header = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let is_json = header(header::CONTENT_TYPE).starts_with("application/json");
    let is_gzip = header(header::CONTENT_ENCODING) == "gzip";
    let decode = move |body: Bytes, out: &mut Writer| {
        let body = if is_gzip { gunzip(&body)? } else { body };
        let read = if is_json { otlp::read_json(&body, out) } else { otlp::read(&body, out) };
        read.map_err(|e| e.to_string())
    };
    match take(&api, "otlp", body, decode).await {
        Ok(received) if is_json => respond(200, "application/json", Body::from(json_answer(&received))),
        Ok(received) => respond(200, "application/x-protobuf", Body::from(answer(&received))),
        Err(Refusal::Bad(reason)) => status(400, is_json, &reason),
        Err(Refusal::Unavailable(reason)) => status(503, is_json, reason),
    }
}

/// `ExportMetricsServiceResponse`: empty, or a partial success (field 1) with the points rejected (1) and why (2).
pub(super) fn answer(received: &Received) -> Vec<u8> {
    let Some(refused) = told(received) else {
        return Vec::new();
    };
    let mut partial = vec![1 << 3];
    logweir_base::varint::put(&mut partial, received.refused_total());
    put_bytes(&mut partial, 2, refused.as_bytes());
    let mut out = Vec::new();
    put_bytes(&mut out, 1, &partial);
    out
}

fn json_answer(received: &Received) -> String {
    match told(received) {
        None => "{}".to_owned(),
        Some(refused) => serde_json::json!({ "partialSuccess": {
            "rejectedDataPoints": received.refused_total().to_string(),
            "errorMessage": refused,
        }})
        .to_string(),
    }
}

/// An error as `google.rpc.Status`, whose message is field 2.
fn status(code: u16, is_json: bool, reason: &str) -> Response {
    if is_json {
        let json = serde_json::json!({ "message": reason });
        return respond(code, "application/json", Body::from(json.to_string()));
    }
    let mut out = Vec::new();
    put_bytes(&mut out, 2, reason.as_bytes());
    respond(code, "application/x-protobuf", Body::from(out))
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    logweir_base::varint::put(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
