//! `POST /api/v1/write`: Prometheus remote write 1.0, snappy-compressed protobuf.
//!
//! 204 when all is durable; 400 when the body is damaged, or when some of it is no sample (the rest is taken; a sender does
//! not send a 400 again); 503 when we cannot take it now. Samples that came before are dropped by (series, time), so that
//! sending again is harmless.

use super::super::{Api, text};
use super::{Refusal, take, told};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use bytes::Bytes;
use logweir_base::metric::remote_write;
use std::sync::Arc;

/// `POST /api/v1/write`
pub async fn write(State(api): State<Arc<Api>>, headers: HeaderMap, body: Body) -> Response {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if content_type.contains("io.prometheus.write.v2") {
        return text(415, "remote write 2.0 is not spoken here; send 1.0\n".to_owned());
    }
    let decode = |body: Bytes, out: &mut _| {
        let plain = remote_write::decompress(&body).map_err(|e| e.to_string())?;
        remote_write::read(&plain, out).map_err(|e| e.to_string())
    };
    match take(&api, "remote_write", body, decode).await {
        Ok(received) => match told(&received) {
            None => text(204, String::new()),
            Some(refused) => text(400, refused + "; the rest was taken\n"),
        },
        Err(Refusal::Bad(reason)) => text(400, reason + "\n"),
        Err(Refusal::Unavailable(reason)) => text(503, format!("{reason}\n")),
    }
}
