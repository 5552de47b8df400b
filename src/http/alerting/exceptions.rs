//! Groups of exceptions over HTTP.

use super::{act, bad, params, time_ahead};
use crate::client::ExceptionJson;
use crate::http::params::{BadParam, limit_param};
use crate::http::{Api, error, json};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as UrlQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use logweir_alerter::group::{Group, GroupId, STATES, State as GroupState};
use logweir_base::action::{Action, Until};
use logweir_base::time::Timestamp;
use serde::Deserialize;
use std::cmp::Reverse;
use std::sync::Arc;

/// Groups that an answer has when nothing is said.
const LIMIT: u64 = 100;
/// Points of the trend of a list: hours.
const TREND_HOURS: usize = 24;
/// Points of the trend of one group, of three hours each: a week.
const TREND_POINTS_ONE: usize = 56;
const TREND_STEP_ONE: i64 = 3;

/// Parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    state: Option<String>,
    service: Option<String>,
    since: Option<String>,
    limit: Option<String>,
}

/// Parameters of a decision.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecisionParams {
    by: Option<String>,
    in_version: Option<String>,
    until: Option<String>,
    count: Option<u64>,
    worse: Option<bool>,
}

/// What is asked for.
struct Wanted {
    states: Vec<GroupState>,
    service: Option<String>,
    since: Timestamp,
    limit: usize,
}

/// `GET /api/v1/exceptions?state=&service=&since=&limit=`: what is worth looking at first, then by the latest occurrence.
pub async fn list(
    State(api): State<Arc<Api>>,
    asked: Result<UrlQuery<ListParams>, QueryRejection>,
) -> Response {
    let now = api.clock.now();
    let wanted = match params(asked).and_then(|asked| wanted(asked, now)) {
        Ok(wanted) => wanted,
        Err(bad) => return error(400, &bad),
    };
    let memory = api.memory();
    let is_wanted = |group: &Group| {
        let of_service = |service: &String| group.services.names.contains(service);
        wanted.states.contains(&group.state)
            && wanted.service.as_ref().is_none_or(of_service)
            && group.last >= wanted.since
    };
    let mut groups: Vec<_> = memory.groups.iter().filter(|(_, group)| is_wanted(group)).collect();
    groups.sort_by_key(|(id, group)| (group.state, Reverse(group.last), *id));
    let total = groups.len();
    let shown = groups.iter().take(wanted.limit);
    let shown: Vec<_> =
        shown.map(|(id, group)| shown_as(*id, group, group.hours.trend(now, 1, TREND_HOURS))).collect();
    json(200, &serde_json::json!({ "exceptions": shown, "total": total, "forgotten": memory.groups.evicted }))
}

fn wanted(asked: ListParams, now: Timestamp) -> Result<Wanted, BadParam> {
    let states = match asked.state.as_deref() {
        None | Some("") => STATES.into_iter().filter(|state| *state != GroupState::Resolved).collect(),
        Some("all") => STATES.to_vec(),
        Some(text) => {
            let read = |name: &str| {
                let names = STATES.map(GroupState::name).join(", ");
                let reason = || bad(format!("state: `{}` is not all or one of {names}", name.escape_debug()));
                GroupState::of_name(name).ok_or_else(reason)
            };
            text.split(',').map(read).collect::<Result<_, _>>()?
        }
    };
    let since = match asked.since.as_deref().filter(|text| !text.is_empty()) {
        None => Timestamp::MIN,
        Some(text) => logweir_base::time::parse_time(text, Some(now))
            .ok_or_else(|| bad(format!("since: `{}` is not a time", text.escape_debug())))?,
    };
    let limit = limit_param(asked.limit.as_deref(), Some(LIMIT))?;
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    Ok(Wanted { states, service: asked.service, since, limit })
}

/// `GET /api/v1/exceptions/{id}`
pub async fn one(State(api): State<Arc<Api>>, Path(id): Path<String>) -> Response {
    let now = api.clock.now();
    match found(&api, &id) {
        Ok(id) => {
            let memory = api.memory();
            let group = memory
                .groups
                .get(id)
                .map(|group| shown_as(id, group, group.hours.trend(now, TREND_STEP_ONE, TREND_POINTS_ONE)));
            json(200, &serde_json::to_value(group).expect("plain data always serialises"))
        }
        Err(bad) => error(404, &bad),
    }
}

/// `POST /api/v1/exceptions/{id}/resolve?by=&in_version=`
pub async fn resolve(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    asked: Result<UrlQuery<DecisionParams>, QueryRejection>,
) -> Response {
    let action = found(&api, &id).and_then(|id| {
        let DecisionParams { by, in_version, .. } = params(asked)?;
        Ok(Action::Resolve { group: id.to_string(), in_version, by: by.unwrap_or_default() })
    });
    act(api, headers, action).await
}

/// `POST /api/v1/exceptions/{id}/mute?by=&until=&count=&worse=true`; for good when nothing is said.
pub async fn mute(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    asked: Result<UrlQuery<DecisionParams>, QueryRejection>,
) -> Response {
    let now = api.clock.now();
    let action = found(&api, &id).and_then(|id| {
        let asked = params(asked)?;
        let until = until_of(&asked, now)?;
        Ok(Action::Mute { group: id.to_string(), until, by: asked.by.unwrap_or_default() })
    });
    act(api, headers, action).await
}

/// `POST /api/v1/exceptions/{id}/reopen?by=`
pub async fn reopen(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    asked: Result<UrlQuery<DecisionParams>, QueryRejection>,
) -> Response {
    let action = found(&api, &id).and_then(|id| {
        let by = params(asked)?.by.unwrap_or_default();
        Ok(Action::Reopen { group: id.to_string(), by })
    });
    act(api, headers, action).await
}

fn until_of(asked: &DecisionParams, now: Timestamp) -> Result<Until, BadParam> {
    match (&asked.until, asked.count, asked.worse) {
        (Some(text), None, None) => Ok(Until::Time(time_ahead("until", text, now)?)),
        (None, Some(count), None) => Ok(Until::Count(count)),
        (None, None, Some(true)) => Ok(Until::Worse),
        (None, None, None | Some(false)) => Ok(Until::Reopened),
        _ => Err(bad("until, count, worse: one of them at a time".to_owned())),
    }
}

/// The one group whose id begins so.
fn found(api: &Api, text: &str) -> Result<GroupId, BadParam> {
    let memory = api.memory();
    let mut ids = memory
        .groups
        .iter()
        .map(|(id, _)| id)
        .filter(|id| !text.is_empty() && id.to_string().starts_with(text));
    match (ids.next(), ids.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(bad(format!("more than one exception has an id that begins with {text}"))),
        _ => Err(bad(format!("there is no exception `{}`", text.escape_debug()))),
    }
}

fn shown_as(id: GroupId, group: &Group, trend: Vec<u64>) -> ExceptionJson {
    ExceptionJson {
        id: id.to_string(),
        state: group.state.name().to_owned(),
        since: group.since.to_string(),
        kind: group.kind.clone(),
        message: group.message.clone(),
        culprit: group.culprit.clone(),
        first: group.first.to_string(),
        last: group.last.to_string(),
        count: group.count,
        users: group.users.count(),
        services: group.services.names.clone(),
        versions: group.versions.names.clone(),
        hosts: group.hosts.names.clone(),
        deploy: group.deploy.clone(),
        traces: group.traces.all().into_iter().map(str::to_owned).collect(),
        trend,
        sample: group.sample.clone(),
        resolved_in: group.resolution.as_ref().and_then(|it| it.in_version.clone()),
        by: group
            .resolution
            .as_ref()
            .map(|it| it.by.clone())
            .or_else(|| group.mute.as_ref().map(|it| it.by.clone())),
    }
}
