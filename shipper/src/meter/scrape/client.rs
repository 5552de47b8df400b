//! The smallest HTTP client that scrapes need: one GET, one page of bounded size, no TLS, no compression, no redirects.

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::{Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::net::TcpStream;

/// Of one page: that of a large cluster's state is half of it.
pub const BODY_BYTES_MAX: usize = 16 << 20;
/// Text format first: it is what the parser reads most of.
const ACCEPT: &str =
    "text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.8,*/*;q=0.1";

/// The page at `url`, or why there is none. `timeout` is told to the target; to keep it is the caller's part.
pub async fn get(url: &str, timeout: Duration) -> Result<Vec<u8>, String> {
    let uri: Uri = url.parse().map_err(|e| format!("{e}"))?;
    let host = uri.host().ok_or("a url without host")?;
    let authority = uri.authority().map_or(host, |authority| authority.as_str());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // An IPv6 address is in brackets there.
    let address = (host.trim_start_matches('[').trim_end_matches(']'), uri.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
    let request = Request::get(path)
        .header(header::HOST, authority)
        .header(header::ACCEPT, ACCEPT)
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::USER_AGENT, concat!("logweir/", env!("CARGO_PKG_VERSION")))
        .header("x-prometheus-scrape-timeout-seconds", timeout.as_secs_f64().to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|e| e.to_string())?;
    let page = async {
        let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
        if response.status() != StatusCode::OK {
            return Err(format!("answered {}", response.status()));
        }
        if let Some(encoding) = response.headers().get(header::CONTENT_ENCODING).filter(|e| *e != "identity")
        {
            return Err(format!("answered in an encoding it was not asked for: {encoding:?}"));
        }
        bounded(response.into_body()).await
    };
    // The page ends when its connection does not say so, and the other way round.
    let mut page = std::pin::pin!(page);
    tokio::select! {
        read = &mut page => read,
        ended = connection => match ended {
            Ok(()) => page.await,
            Err(e) => Err(e.to_string()),
        },
    }
}

async fn bounded(mut body: Incoming) -> Result<Vec<u8>, String> {
    let too_long = || format!("a page of more than {} MiB", BODY_BYTES_MAX >> 20);
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_long());
    }
    let mut page = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|e| e.to_string())?.into_data() {
            page.extend_from_slice(&data);
            if page.len() > BODY_BYTES_MAX {
                return Err(too_long());
            }
        }
    }
    Ok(page)
}
