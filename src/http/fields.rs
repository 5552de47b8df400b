//! What can be asked for: the fields that records have and the values of one, for whoever completes a query as it is typed.
//! Counted from a sample, the newest records that match, so that the answer comes at once; it says how many they were.

use super::params::{BadParam, Wanted, limit_param};
use super::sample::{Names, Values};
use super::search::request_without_client;
use super::{Api, error, internal, json};
use axum::extract::{Query as UrlQuery, State};
use axum::response::Response;
use logweir_base::parse::RecordView;
use serde::Deserialize;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

/// Records of a sample at most.
const SAMPLE_RECORDS: u64 = 10_000;
/// A sample is what is found in this time.
const SAMPLE_TIME: Duration = Duration::from_secs(2);
/// Names or values of an answer when nobody says how many.
const LIMIT_DEFAULT: u64 = 100;

/// Parameters of `/api/v1/fields` and, with `field`, of `/api/v1/values`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldsParams {
    field: Option<String>,
    q: Option<String>,
    since: Option<String>,
    until: Option<String>,
    prefix: Option<String>,
    limit: Option<String>,
}

type Params = Result<UrlQuery<FieldsParams>, axum::extract::rejection::QueryRejection>;

/// What is sampled, and how much of it is told.
struct Asked {
    scope: Wanted,
    field: Option<String>,
    prefix: String,
    limit: usize,
}

/// `GET /api/v1/fields?q=&since=&until=&prefix=&limit=`
pub async fn fields(State(api): State<Arc<Api>>, params: Params) -> Response {
    let refused = |_: &str| Err(missing("field: only /api/v1/values takes one"));
    match asked(&api, params).and_then(|it| it.field.as_deref().map_or(Ok(()), refused).map(|()| it)) {
        Ok(asked) => answer(api, asked, fields_of).await,
        Err(bad) => error(400, &bad),
    }
}

/// `GET /api/v1/values?field=&q=&since=&until=&prefix=&limit=`
pub async fn values(State(api): State<Arc<Api>>, params: Params) -> Response {
    let has_field = |it: &Asked| it.field.as_deref().is_some_and(|field| !field.is_empty());
    let needed = "field: the name of a field is needed; /api/v1/fields lists them";
    match asked(&api, params)
        .and_then(|asked| if has_field(&asked) { Ok(asked) } else { Err(missing(needed)) })
    {
        Ok(asked) => answer(api, asked, values_of).await,
        Err(bad) => error(400, &bad),
    }
}

fn missing(reason: &str) -> BadParam {
    BadParam { reason: reason.to_owned(), column: None }
}

fn asked(api: &Api, params: Params) -> Result<Asked, BadParam> {
    let UrlQuery(params) =
        params.map_err(|rejection| BadParam { reason: rejection.body_text(), column: None })?;
    let FieldsParams { field, q, since, until, prefix, limit: most } = params;
    let most = limit_param(most.as_deref(), Some(LIMIT_DEFAULT))?;
    Ok(Asked {
        scope: Wanted::in_scope(q.as_deref(), since.as_deref(), until.as_deref(), &api.moment())?,
        field,
        prefix: prefix.unwrap_or_default(),
        limit: most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX),
    })
}

async fn answer(api: Arc<Api>, asked: Asked, of: fn(&Api, Asked) -> serde_json::Value) -> Response {
    let Ok(permit) = api.searches.clone().acquire_owned().await else {
        return internal("the server is stopping");
    };
    let sampled = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        of(&api, asked)
    });
    match sampled.await {
        Ok(value) => json(200, &value),
        Err(_) => internal("the records could not be sampled"),
    }
}

fn fields_of(api: &Api, asked: Asked) -> serde_json::Value {
    let mut names = Names::new(&asked.prefix);
    let sample = sample(api, asked.scope, &mut |view| names.take(view));
    let (records, left_out) = (names.records(), names.left_out());
    let mut found = names.into_sorted();
    let total = found.len();
    found.truncate(asked.limit);
    serde_json::json!({
        "fields": found,
        "total": total,
        "records": records,
        "sampled": records,
        "partial": sample.partial || left_out,
        "errors": sample.errors,
    })
}

fn values_of(api: &Api, asked: Asked) -> serde_json::Value {
    let field = asked.field.unwrap_or_default();
    let mut values = Values::new(&field, &asked.prefix);
    let sample = sample(api, asked.scope, &mut |view| values.take(view));
    let (sampled, records, left_out) = (values.sampled(), values.with_field(), values.left_out());
    let mut found = values.into_sorted();
    let total = found.len();
    found.truncate(asked.limit);
    serde_json::json!({
        "field": field,
        "values": found,
        "total": total,
        "records": records,
        "sampled": sampled,
        "partial": sample.partial || left_out,
        "errors": sample.errors,
    })
}

/// How a sample went.
struct Sampled {
    /// It is not all that matches.
    partial: bool,
    errors: Vec<String>,
}

/// Shows the newest matching records to `take`.
fn sample(api: &Api, scope: Wanted, take: &mut dyn FnMut(&RecordView<'_>)) -> Sampled {
    let covered = api.store.wait_covers(api.router.durable(), SAMPLE_TIME);
    // One more tells whether there are more.
    let limit = Some(SAMPLE_RECORDS + 1);
    let wanted = Wanted { limit, newest_first: true, deadline: SAMPLE_TIME, ..scope };
    let request = request_without_client(&wanted);
    let mut room = SAMPLE_RECORDS;
    let summary = api.store.search(&request, &mut |hit| {
        if room > 0 {
            take(&hit.view);
        }
        room = room.saturating_sub(1);
        ControlFlow::Continue(())
    });
    let partial = summary.partial || !covered || summary.hits > SAMPLE_RECORDS;
    Sampled { partial, errors: summary.errors }
}
