//! Sends a message by HTTP: one POST to a checked address, no redirects, the answer's body unread but for what it takes to say
//! why not.

use super::guard::{Guard, GuardedResolver};
use logweir_alerter::Sent;
use std::io::Read;
use std::time::Duration;
use ureq::http::{HeaderMap, Response, StatusCode};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body};

/// Bytes of an answer that are read at most.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// A receiver does not keep a message waiting for longer.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Sends a body.
pub fn post(url: &str, headers: &[(String, String)], body: &[u8], guard: Guard, timeout: Duration) -> Sent {
    let mut request = agent(guard, timeout).post(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    judge(request.send(body))
}

/// Asks for a page, to show that this lives.
pub fn get(url: &str, guard: Guard, timeout: Duration) -> Sent {
    judge(agent(guard, timeout).get(url).call())
}

fn agent(guard: Guard, timeout: Duration) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .user_agent(concat!("logweir/", env!("CARGO_PKG_VERSION")))
        .build();
    Agent::with_parts(config, DefaultConnector::default(), GuardedResolver(guard))
}

fn judge(answer: Result<Response<Body>, ureq::Error>) -> Sent {
    let answer = match answer {
        Ok(answer) => answer,
        // The URL itself may be a secret, and is not told.
        Err(ureq::Error::BadUri(_)) => return Sent::Refused { reason: "its URL is none".to_owned() },
        Err(e) => return Sent::Later { reason: e.to_string(), after: None },
    };
    let (status, after) = (answer.status(), retry_after(answer.headers()));
    // The connection is closed; what is left unread is nobody's loss.
    let _ = std::io::copy(&mut answer.into_body().as_reader().take(ANSWER_BYTES_MAX), &mut std::io::sink());
    let reason = format!("it answers {status}");
    match status {
        _ if status.is_success() => Sent::Taken,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => Sent::Later { reason, after },
        _ if status.is_server_error() => Sent::Later { reason, after },
        _ if status.is_redirection() => {
            Sent::Refused { reason: format!("{reason}: redirects are not followed") }
        }
        _ => Sent::Refused { reason },
    }
}

/// Seconds only: a date would need a clock that agrees.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}
