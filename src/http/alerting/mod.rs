//! The alerter over HTTP: exceptions, alerts, silences, deploys. What somebody decides is journaled first, as lines are, and the
//! answer waits until it counts.
//!
//! `exceptions` groups and what is decided about them; `alerts` alerts, episodes and silences; `deploys`; `took_part` in which
//! exceptions and alerts a trace took part.

pub mod alerts;
pub mod deploys;
pub mod exceptions;
mod took_part;

pub use took_part::{Looker, TookPart, TraceLine};

use super::delete::is_of_another_site;
use super::params::BadParam;
use super::{Api, error, internal, json};
use axum::extract::Query as UrlQuery;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::response::Response;
use logweir_alerter::FOLLOWER;
use logweir_base::action::{ACTION_BYTES_MAX, Action};
use logweir_base::time::{Timestamp, parse_time};
use std::sync::Arc;
use std::time::Duration;

/// How long an answer waits until what was decided counts.
const COUNTS_TIMEOUT: Duration = Duration::from_secs(10);

fn bad(reason: String) -> BadParam {
    BadParam { reason, column: None }
}

/// The one id that begins so.
fn the_one<'i>(mut ids: impl Iterator<Item = &'i str>, text: &str, what: &str) -> Result<String, BadParam> {
    match (ids.next().filter(|_| !text.is_empty()), ids.next()) {
        (Some(id), None) => Ok(id.to_owned()),
        (Some(_), Some(_)) => Err(bad(format!("there is more than one {what} whose id begins with {text}"))),
        (None, _) => Err(bad(format!("there is no {what} `{}`", text.escape_debug()))),
    }
}

/// Parameters as they were sent, or why they are none.
fn params<T>(params: Result<UrlQuery<T>, QueryRejection>) -> Result<T, BadParam> {
    params.map(|UrlQuery(params)| params).map_err(|rejection| bad(rejection.body_text()))
}

/// A time ahead: `2h` from now, or a moment.
fn time_ahead(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, BadParam> {
    let span = logweir_base::time::parse_duration(text).map(|span| now.plus(span));
    let time = span.or_else(|| parse_time(text, None)).filter(|time| *time > now);
    time.ok_or_else(|| {
        bad(format!(
            "{name}: `{}` is not a time to come, such as 2h or 2026-12-24T12:00Z",
            text.escape_debug()
        ))
    })
}

/// Journals what somebody did, and answers when it counts.
async fn act(api: Arc<Api>, headers: HeaderMap, action: Result<Action, BadParam>) -> Response {
    if is_of_another_site(&headers) {
        return error(403, &bad("a page of another site must not change anything here".to_owned()));
    }
    let action = match action {
        Ok(action) => action,
        Err(bad) => return error(400, &bad),
    };
    let answer = serde_json::to_value(&action).expect("plain data always serialises");
    if answer.to_string().len() > ACTION_BYTES_MAX {
        return error(400, &bad("that is too long".to_owned()));
    }
    let journaled = tokio::task::spawn_blocking(move || {
        let position = api.router.append_action(action)?;
        Some(api.router.feed().wait_applied(FOLLOWER, position, COUNTS_TIMEOUT))
    });
    match journaled.await {
        Ok(Some(counts)) => json(200, &serde_json::json!({ "done": answer, "counts": counts })),
        _ => internal("the journal takes nothing at the moment: try again when it does"),
    }
}
