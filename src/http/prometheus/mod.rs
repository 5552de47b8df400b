//! Prometheus' HTTP API, as Grafana and `promtool` use it: `query`, `query_range`, `series`, `labels`, `label/NAME/values`,
//! `metadata`, `status/buildinfo`. Each takes GET and POST forms, and errors are as Prometheus sends them.
//!
//! A query sees all that is durable when it is asked.

mod answer;
mod form;

pub use answer::Problem;

use super::Api;
use answer::{metric, result, success};
use axum::extract::{Path, Request, State};
use axum::response::Response;
use form::Form;
use logweir_base::time::Timestamp;
use logweir_rollup::promql::{self, Limits, Outcome, QueryError};
use logweir_rollup::select::{Matcher, Span};
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// A query that takes longer ends as a timeout; Prometheus' default.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How long a query waits for the store to take what is durable, before it answers from what there is.
const COVER_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a list of series without a time: the last so much.
const SERIES_SPAN_MS: i64 = 3_600_000;
/// Points that any query may take, 80 MB of them; one that needs more is done anew when no other such one is under way. So all that
/// run at once take 1.5 GB at most, and not eight times the bound of one.
const SAMPLES_OFTEN: usize = 5_000_000;

/// `/api/v1/query?query=&time=&timeout=`
pub async fn query(State(api): State<Arc<Api>>, request: Request) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let now = now_ms(&api);
        let (query, time) = (form.required("query")?.to_owned(), form.time("time", now)?);
        let timeout = form.span("timeout")?;
        evaluate(api, timeout, form.span("lookback_delta")?, move |api, limits| {
            promql::instant(&query, time, &api.metrics, limits)
        })
        .await
    };
    answered(read.await)
}

/// `/api/v1/query_range?query=&start=&end=&step=&timeout=`
pub async fn query_range(State(api): State<Arc<Api>>, request: Request) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let query = form.required("query")?.to_owned();
        let (start, end, step) = form.range()?;
        let timeout = form.span("timeout")?;
        evaluate(api, timeout, form.span("lookback_delta")?, move |api, limits| {
            promql::range(&query, start, end, step, &api.metrics, limits)
        })
        .await
    };
    answered(read.await)
}

/// `/api/v1/series?match[]=&start=&end=&limit=`
pub async fn series(State(api): State<Arc<Api>>, request: Request) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let (selectors, span, limit) = (selectors(&form)?, span(&form, &api)?, form.limit()?);
        if selectors.is_empty() {
            return Err(Problem::bad_data("no match[] parameter provided"));
        }
        let found = look(api, move |api| {
            let all = selectors.iter().flat_map(|matchers| api.metrics.0.series(matchers, span));
            all.collect::<BTreeSet<_>>()
        });
        Ok(success(found.await?.iter().take(limit).map(|labels| metric(labels)).collect()))
    };
    read.await.unwrap_or_else(|problem: Problem| problem.response())
}

/// `/api/v1/labels?match[]=&start=&end=&limit=`
pub async fn labels(State(api): State<Arc<Api>>, request: Request) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let (selectors, span, limit) = (selectors(&form)?, span(&form, &api)?, form.limit()?);
        let found = look(api, move |api| {
            let all = or_all(&selectors).flat_map(|matchers| api.metrics.0.label_names(matchers, span));
            all.collect::<BTreeSet<_>>()
        });
        Ok(success(found.await?.into_iter().take(limit).collect()))
    };
    read.await.unwrap_or_else(|problem: Problem| problem.response())
}

/// `/api/v1/label/NAME/values?match[]=&start=&end=&limit=`
pub async fn label_values(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    request: Request,
) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let (selectors, span, limit) = (selectors(&form)?, span(&form, &api)?, form.limit()?);
        let found = look(api, move |api| {
            let of = |matchers| api.metrics.0.label_values(&name, matchers, span);
            or_all(&selectors).flat_map(of).collect::<BTreeSet<_>>()
        });
        Ok(success(found.await?.into_iter().take(limit).collect()))
    };
    read.await.unwrap_or_else(|problem: Problem| problem.response())
}

/// `/api/v1/metadata?metric=&limit=`
pub async fn metadata(State(api): State<Arc<Api>>, request: Request) -> Response {
    let read = async {
        let form = Form::of(request).await?;
        let (wanted, limit) = (form.get("metric").map(str::to_owned), form.limit()?);
        let known = look(api, move |api| api.metrics.0.metadata()).await?;
        let known = known.into_iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
        let entry = |(name, meta): (String, logweir_base::metric::Meta)| {
            (name, json!([{ "type": meta.kind, "unit": meta.unit, "help": meta.help }]))
        };
        Ok(success(known.take(limit).map(entry).collect::<serde_json::Map<_, _>>().into()))
    };
    read.await.unwrap_or_else(|problem: Problem| problem.response())
}

/// `/api/v1/status/buildinfo`: Grafana asks for it to know which functions there are. The version is that of the Prometheus
/// whose language this is.
pub async fn buildinfo() -> Response {
    success(json!({
        "version": "3.0.0",
        "revision": format!("logweir {}", env!("CARGO_PKG_VERSION")),
        "branch": "", "buildUser": "", "buildDate": "", "goVersion": "",
    }))
}

/// Which series an export is of, and of which time.
pub struct ExportOf {
    /// At least one.
    pub selectors: Vec<Vec<Matcher>>,
    /// The last hour, when nothing is said.
    pub span: Span,
}

/// Reads the parameters of an export.
pub async fn export_of(request: Request, api: &Api) -> Result<ExportOf, Problem> {
    let form = Form::of(request).await?;
    let (selectors, span) = (selectors(&form)?, span(&form, api)?);
    if selectors.is_empty() {
        return Err(Problem::bad_data("no match[] parameter provided: name what to export"));
    }
    Ok(ExportOf { selectors, span })
}

/// Runs a query where it may take its time; when its asker leaves, it ends.
async fn evaluate(
    api: Arc<Api>,
    timeout_ms: Option<i64>,
    lookback_ms: Option<i64>,
    work: impl Fn(&Api, &Limits<'_>) -> Result<Outcome, QueryError> + Send + 'static,
) -> Result<Outcome, Problem> {
    let asked = timeout_ms.and_then(|ms| u64::try_from(ms).ok()).map(Duration::from_millis);
    let (begun, api_latency) = (Instant::now(), api.clone());
    let until = begun + asked.map_or(TIMEOUT, |asked| asked.min(TIMEOUT));
    let left = Arc::new(AtomicBool::new(false));
    let _guard = LeavingGuard(left.clone());
    let outcome = look(api, move |api| {
        let stop = || Instant::now() >= until || left.load(Ordering::Relaxed);
        let mut limits = Limits::with_stop(&stop);
        limits.lookback_ms = lookback_ms.unwrap_or(limits.lookback_ms);
        let samples_max = std::mem::replace(&mut limits.samples_max, SAMPLES_OFTEN);
        match work(api, &limits) {
            Err(QueryError::TooMuch(_)) => {
                // One at a time may take much: what a panic leaves of the turn is none.
                let _alone = api.large_query.lock().unwrap_or_else(PoisonError::into_inner);
                work(api, &Limits { samples_max, ..limits })
            }
            outcome => outcome,
        }
    });
    let outcome = outcome.await?;
    api_latency.latencies.query.record(begun.elapsed());
    Ok(outcome?)
}

/// Sets its flag when the answer is not waited for any more.
struct LeavingGuard(Arc<AtomicBool>);

impl Drop for LeavingGuard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does work that may take its time on a thread for that, once the store has taken all that is durable, and among a bounded
/// number of others.
async fn look<T: Send + 'static>(
    api: Arc<Api>,
    work: impl FnOnce(&Api) -> T + Send + 'static,
) -> Result<T, Problem> {
    let turn = api.queries.clone().acquire_owned().await;
    let turn = turn.map_err(|_| Problem::internal("the server is stopping"))?;
    let done = tokio::task::spawn_blocking(move || {
        api.metrics.0.wait_covers(api.router.durable(), COVER_TIMEOUT);
        let done = work(&api);
        drop(turn);
        done
    });
    done.await.map_err(|_| Problem::internal("the query broke"))
}

fn answered(outcome: Result<Outcome, Problem>) -> Response {
    outcome.map_or_else(|problem| problem.response(), |outcome| result(&outcome))
}

fn selectors(form: &Form) -> Result<Vec<Vec<Matcher>>, Problem> {
    let mut all = Vec::new();
    for text in form.all("match[]") {
        all.extend(promql::selectors(text)?);
    }
    Ok(all)
}

/// The selectors, or one without a condition when there are none.
fn or_all(selectors: &[Vec<Matcher>]) -> impl Iterator<Item = &[Matcher]> {
    let all = selectors.is_empty().then_some(&[][..]);
    selectors.iter().map(Vec::as_slice).chain(all)
}

fn span(form: &Form, api: &Api) -> Result<Span, Problem> {
    let now = now_ms(api);
    let end = form.time("end", now)?;
    Ok(Span { start: form.time("start", end.saturating_sub(SERIES_SPAN_MS))?, end })
}

fn now_ms(api: &Api) -> i64 {
    let Timestamp(nanos) = api.clock.now();
    nanos / 1_000_000
}
