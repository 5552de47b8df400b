//! Deploys over HTTP: what was put into service when, by whom.

use super::{act, bad, params};
use crate::http::params::BadParam;
use crate::http::{Api, json};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as UrlQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use logweir_base::action::{Action, Deploy};
use logweir_base::time::{Timestamp, parse_time};
use serde::Deserialize;
use std::sync::Arc;

/// Parameters of a deploy.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeployParams {
    service: String,
    version: String,
    by: String,
    #[serde(rename = "ref")]
    reference: String,
    place: String,
    at: String,
}

/// `POST /api/v1/deploys?service=&version=&by=&ref=&place=&at=`
pub async fn deploy(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<UrlQuery<DeployParams>, QueryRejection>,
) -> Response {
    let now = api.clock.now();
    let action = params(asked).and_then(|asked| deploy_of(asked, now)).map(Action::Deploy);
    act(api, headers, action).await
}

fn deploy_of(asked: DeployParams, now: Timestamp) -> Result<Deploy, BadParam> {
    let DeployParams { service, version, by, reference, place, at } = asked;
    for (name, text) in [("service", &service), ("version", &version)] {
        if text.is_empty() {
            return Err(bad(format!("{name}: a deploy needs one")));
        }
    }
    let at = match at.as_str() {
        "" => now,
        text => parse_time(text, Some(now))
            .filter(|at| *at <= now)
            .ok_or_else(|| bad(format!("at: `{}` is not a time that has been", text.escape_debug())))?,
    };
    Ok(Deploy { service, version, by, reference, place, at })
}

/// `GET /api/v1/deploys`: the latest first.
pub async fn list(State(api): State<Arc<Api>>) -> Response {
    let memory = api.memory();
    let deploy = |mark: &logweir_alerter::notification::DeployMark| {
        serde_json::json!({
            "service": mark.service,
            "version": mark.version,
            "by": mark.by,
            "at": mark.at.to_string(),
        })
    };
    let all: Vec<_> = memory.deploys.iter().rev().map(|(_, mark)| deploy(mark)).collect();
    json(200, &serde_json::json!({ "deploys": all }))
}
