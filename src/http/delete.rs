//! Deletions over HTTP: ask for one, and see how far they are. One is done when no file below the data directory has a line of it:
//! the log store has let go of them, the journal's segments have been released, and no copy of damaged bytes may have some.

use super::params::{BadParam, parse_query};
use super::{Api, error, internal, json};
use crate::client::Deletion;
use axum::extract::{Path as UrlPath, Query as UrlQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use logweir_base::ids::{Position, random_bytes};
use logweir_base::query::{Moment, Query};
use logweir_indexer::{DeletionState, DeletionStatus};
use serde::Deserialize;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Deletions under way at a time: each of them reads the whole store.
const PENDING_MAX: usize = 100;
/// How long an answer waits until the deletion it tells of shows in the list.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Parameters of a deletion.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteParams {
    q: Option<String>,
}

/// `POST /api/v1/delete?q=`: removes everything that the query finds and that has been acknowledged.
pub async fn delete(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
    params: Result<UrlQuery<DeleteParams>, axum::extract::rejection::QueryRejection>,
) -> Response {
    if is_of_another_site(&headers) {
        let reason = "a page of another site must not delete here".to_owned();
        return error(403, &BadParam { reason, column: None });
    }
    let query = params
        .map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })
        .and_then(|UrlQuery(params)| deletion_query(params.q.as_deref().unwrap_or_default(), &api.moment()));
    let query = match query {
        Ok(query) => query,
        Err(bad) => return error(400, &bad),
    };
    let answer = tokio::task::spawn_blocking(move || ask(&api, &query));
    answer.await.unwrap_or_else(|_| internal("the deletion could not be asked for"))
}

/// `GET /api/v1/delete`
pub async fn deletions(State(api): State<Arc<Api>>) -> Response {
    let all = tokio::task::spawn_blocking(move || gather(&api)).await;
    match all {
        Ok(Some(all)) => json(200, &serde_json::json!({ "deletions": all })),
        _ => internal("the journal does not answer: its disk may hang"),
    }
}

/// `GET /api/v1/delete/{id}`
pub async fn deletion(State(api): State<Arc<Api>>, UrlPath(id): UrlPath<String>) -> Response {
    let all = tokio::task::spawn_blocking(move || gather(&api)).await;
    let Ok(Some(all)) = all else {
        return internal("the journal does not answer: its disk may hang");
    };
    match all.into_iter().find(|deletion| deletion.id == id) {
        Some(found) => json(200, &serde_json::to_value(found).expect("plain data always serialises")),
        None => {
            let reason =
                "there is no deletion of this id; those that ended long ago are forgotten".to_owned();
            error(404, &BadParam { reason, column: None })
        }
    }
}

fn ask(api: &Api, query: &Query) -> Response {
    let all = api.store.deletions();
    let pending = all.iter().filter(|deletion| deletion.state == DeletionState::Pending).count();
    if pending >= PENDING_MAX {
        return internal(&format!("{pending} deletions are under way: wait until some are done"));
    }
    let id: String = random_bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    // In its own spelling, which means the same whenever it is read.
    let Some(position) = api.router.append_delete(id.clone(), query.to_string()) else {
        return internal("the journal takes nothing at the moment: try again when it does");
    };
    api.store.wait_covers(position, SHOWN_TIMEOUT);
    json(200, &serde_json::json!({ "id": id, "position": position }))
}

/// A query of a deletion: one that says itself what goes, so that it can be judged line by line at any time.
fn deletion_query(text: &str, now: &Moment) -> Result<Query, BadParam> {
    let query = parse_query(text, now)?;
    if query.asks_for_patterns() {
        let reason = "a deletion cannot ask for pattern: say what its lines have in common".to_owned();
        return Err(BadParam { reason, column: None });
    }
    Ok(query)
}

/// Whether a browser says that it asks for a page that is not ours. A page of ours is at an address or at `localhost`: any other
/// name may be made to point here by whoever owns it.
pub(super) fn is_of_another_site(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = text(header::HOST).unwrap_or_default();
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |it| it.0);
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_safe = name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok();
    !is_safe || !origin.eq_ignore_ascii_case(&format!("http://{host}"))
}

/// All deletions; `None` when the journal does not answer.
fn gather(api: &Api) -> Option<Vec<Deletion>> {
    let deletions = api.store.deletions();
    let oldest = api.router.status()?.oldest;
    Some(deletions.into_iter().map(|status| whole(status, oldest, &api.data)).collect())
}

/// What the log store says, with what the other files hold.
fn whole(status: DeletionStatus, oldest: Position, data: &Path) -> Deletion {
    let journal_holds = oldest <= status.position;
    let mut problems = status.problems;
    if status.state != DeletionState::Failed {
        problems.extend(set_aside(data, status.position));
    }
    let is_done = status.state == DeletionState::Done && !journal_holds && problems.is_empty();
    let state = match status.state {
        DeletionState::Failed => "failed",
        _ if is_done => "done",
        _ => "pending",
    };
    Deletion {
        id: status.id,
        position: status.position.0,
        state: state.to_owned(),
        query: status.query,
        asked: status.asked.to_string(),
        ended: status.ended.map(|time| time.to_string()),
        lines_removed: status.lines_removed,
        splits_left: status.splits_left as u64,
        journal_holds,
        problems,
    }
}

/// Copies of damaged bytes, which are kept for people: nobody else can tell what is in them.
fn set_aside(data: &Path, position: Position) -> Vec<String> {
    let mut found = Vec::new();
    for part in ["journal", "index"] {
        let names = std::fs::read_dir(data.join(part)).into_iter().flatten().flatten();
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()) {
            let first = name.get(..16).and_then(|first| u64::from_str_radix(first, 16).ok());
            if name.ends_with(".bad") && first.is_none_or(|first| first <= position.0) {
                let why = "is a copy of damaged bytes that may have such lines: look at it and remove it";
                found.push(format!("{part}/{name} {why}"));
            }
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_another_site_is_refused() {
        let check = |origin: Option<&str>, host: &str, refused: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().expect("a value"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().expect("a value"));
            }
            assert_eq!(is_of_another_site(&headers), refused, "{origin:?} {host}");
        };
        check(None, "logs.example:8514", false);
        check(Some("http://127.0.0.1:8514"), "127.0.0.1:8514", false);
        check(Some("http://[::1]:8514"), "[::1]:8514", false);
        check(Some("http://localhost:8514"), "localhost:8514", false);
        check(Some("http://127.0.0.1:9000"), "127.0.0.1:8514", true);
        check(Some("https://evil.example"), "127.0.0.1:8514", true);
        check(Some("null"), "127.0.0.1:8514", true);
        check(Some("http://evil.example:8514"), "evil.example:8514", true);
    }

    #[test]
    fn queries_that_cannot_delete_are_refused() {
        let check = |text: &str, fine: bool| {
            assert_eq!(deletion_query(text, &Moment::default()).is_ok(), fine, "{text}")
        };
        check("user:4711", true);
        check(r#""pattern:5f0e9a1c""#, true);
        check("my-pattern:5", true);
        check("", false);
        check("user:(", false);
        check("pattern:5f0e9a1c", false);
        check("user:1 OR (level:error -pattern:5f0e9a1c)", false);
    }

    #[test]
    fn a_deletion_is_done_when_nothing_holds_its_lines() {
        let data = tempfile::tempdir().expect("made");
        std::fs::create_dir(data.path().join("journal")).expect("made");
        let status = |state| DeletionStatus {
            id: "a".to_owned(),
            position: Position(20),
            state,
            query: None,
            asked: Default::default(),
            ended: None,
            lines_removed: 1,
            splits_left: 0,
            problems: Vec::new(),
        };
        let check = |state, oldest, expected: &str| {
            assert_eq!(whole(status(state), Position(oldest), data.path()).state, expected, "{oldest}");
        };
        check(DeletionState::Pending, 21, "pending");
        check(DeletionState::Done, 20, "pending");
        check(DeletionState::Done, 21, "done");
        check(DeletionState::Failed, 20, "failed");
        std::fs::write(data.path().join("journal/0000000000000015-40.bad"), "x").expect("writes");
        check(DeletionState::Done, 21, "done");
        std::fs::write(data.path().join("journal/0000000000000014-40.bad"), "x").expect("writes");
        check(DeletionState::Done, 21, "pending");
    }
}
