//! Alerts over HTTP: in the shape of Prometheus' `/api/v1/alerts`, with our fields beside; episodes, acknowledgements, silences.

use super::took_part::lines_of_trace;
use super::{TookPart, act, bad, params, the_one, time_ahead};
use crate::http::{Api, error, internal, json};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query as UrlQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use logweir_alerter::alert::{Alert, Phase};
use logweir_alerter::memory::{Episode, Memory};
use logweir_base::action::{Action, Silence};
use logweir_base::ids::random_bytes;
use serde::Deserialize;
use serde_json::{Value, json as value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Episodes that an answer has.
const EPISODES_MAX: usize = 200;

/// Parameters of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListParams {
    trace: Option<String>,
}

/// Parameters of an acknowledgement.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByParams {
    by: Option<String>,
}

/// `GET /api/v1/alerts`, `GET /api/v1/alerts?trace=ID`: alerts under way; with a trace what it took part in, whenever that was.
pub async fn list(
    State(api): State<Arc<Api>>,
    asked: Result<UrlQuery<ListParams>, QueryRejection>,
) -> Response {
    let trace = match params(asked) {
        Ok(asked) => asked.trace,
        Err(bad) => return error(400, &bad),
    };
    let Some(trace) = trace else {
        let memory = api.memory();
        let alerts: Vec<Value> = (memory.alerts.iter())
            .filter(|(_, alert)| alert.phase != Phase::Over)
            .map(|(_, alert)| alert_json(alert, &memory))
            .collect();
        return json(200, &value!({ "status": "success", "data": { "alerts": alerts } }));
    };
    let Ok(permit) = api.searches.clone().acquire_owned().await else {
        return internal("the server is stopping");
    };
    let found = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let lines = lines_of_trace(&api, &trace)?;
        Ok::<_, super::BadParam>(TookPart::of(&api.alerter, &trace, &lines))
    });
    match found.await {
        Ok(Ok(found)) => json(200, &value!({ "status": "success", "data": found.to_json() })),
        Ok(Err(bad)) => error(400, &bad),
        Err(_) => internal("the trace could not be looked at"),
    }
}

fn alert_json(alert: &Alert, memory: &Memory) -> Value {
    let episode = memory.episodes.get(&alert.episode);
    let state = if alert.phase == Phase::Firing { "firing" } else { "pending" };
    let labels = episode.map_or(&alert.labels, |episode| &episode.labels);
    value!({
        "labels": labels,
        "annotations": episode.map(|episode| episode.annotations.clone()).unwrap_or_default(),
        "state": state,
        "activeAt": alert.since.to_string(),
        "value": alert.value.map(|value| value.to_string()).unwrap_or_default(),
        "rule": alert.rule,
        "episode": alert.episode,
        "summary": episode.map(|episode| episode.summary.clone()),
        "noData": alert.missing,
        "acknowledgedBy": alert.acknowledged,
        "evidence": episode.map(|episode| &episode.evidence),
    })
}

/// An episode, as it is shown.
pub(super) fn episode_json(id: &str, episode: &Episode) -> Value {
    value!({
        "episode": id,
        "rule": episode.rule,
        "severity": episode.severity,
        "labels": episode.labels,
        "annotations": episode.annotations,
        "summary": episode.summary,
        "since": episode.since.to_string(),
        "ended": episode.ended.map(|ended| ended.to_string()),
        "acknowledgedBy": episode.acknowledged,
        "exception": episode.group,
        "evidence": episode.evidence,
        "told": episode.told,
    })
}

/// `GET /api/v1/episodes`: alerts that fired, the latest first.
pub async fn episodes(State(api): State<Arc<Api>>) -> Response {
    let memory = api.memory();
    let mut all: Vec<(&str, &Episode)> = memory.episodes.iter().collect();
    all.sort_by_key(|(id, episode)| (std::cmp::Reverse(episode.since), *id));
    let shown: Vec<Value> =
        all.iter().take(EPISODES_MAX).map(|(id, episode)| episode_json(id, episode)).collect();
    json(200, &value!({ "episodes": shown, "total": all.len() }))
}

/// `POST /api/v1/episodes/{id}/acknowledge?by=`
pub async fn acknowledge(
    State(api): State<Arc<Api>>,
    Path(episode): Path<String>,
    headers: HeaderMap,
    asked: Result<UrlQuery<ByParams>, QueryRejection>,
) -> Response {
    let firing = || {
        let memory = api.memory();
        let firing = memory.episodes.below(&episode).filter(|(_, episode)| episode.ended.is_none());
        the_one(firing.map(|(id, _)| id), &episode, "alert firing")
    };
    let action = params(asked)
        .and_then(|asked| Ok(Action::Acknowledge { episode: firing()?, by: asked.by.unwrap_or_default() }));
    act(api, headers, action).await
}

/// `GET /api/v1/silences`
pub async fn silences(State(api): State<Arc<Api>>) -> Response {
    let memory = api.memory();
    let silence = |(_, silence): (&str, &Silence)| {
        value!({
            "id": silence.id,
            "labels": silence.labels,
            "until": silence.until.to_string(),
            "by": silence.by,
            "comment": silence.comment,
        })
    };
    let all: Vec<Value> = memory.silences.iter().map(silence).collect();
    json(200, &value!({ "silences": all }))
}

/// `POST /api/v1/silences?alertname=&service=&until=2h&by=&comment=`: every other parameter is a label an alert must have.
pub async fn silence(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    asked: Result<UrlQuery<BTreeMap<String, String>>, QueryRejection>,
) -> Response {
    let now = api.clock.now();
    let action = params(asked).and_then(|mut labels| {
        let mut take = |name: &str| labels.remove(name).unwrap_or_default();
        let (until, by, comment) = (take("until"), take("by"), take("comment"));
        let until = time_ahead("until", &until, now)?;
        if labels.is_empty() {
            return Err(bad(
                "a silence needs labels, such as alertname or service: without any it is of all".to_owned(),
            ));
        }
        let id = random_bytes()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Action::Silence(Silence { id, labels, until, by, comment }))
    });
    act(api, headers, action).await
}

/// `DELETE /api/v1/silences/{id}`
pub async fn unsilence(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    asked: Result<UrlQuery<ByParams>, QueryRejection>,
) -> Response {
    let silence = || the_one(api.memory().silences.below(&id).map(|(id, _)| id), &id, "silence");
    let action = params(asked)
        .and_then(|asked| Ok(Action::Unsilence { id: silence()?, by: asked.by.unwrap_or_default() }));
    act(api, headers, action).await
}
