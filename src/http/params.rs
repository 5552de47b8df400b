//! What a client may ask for: query parameters read into a request, or a reason that names the parameter.

use super::search::DEADLINE;
use logweir_base::pipe::{Pipeline, Reduce, Step};
use logweir_base::query::{Moment, Query, QueryError};
use logweir_base::time::{Timestamp, parse_duration};
use serde::Deserialize;
use std::time::Duration;

/// Hits a search gives when nobody says how many.
const LIMIT_DEFAULT: u64 = 100;

/// Parameters of `/api/v1/search` as they come; unknown ones are refused, since a typo must not widen a search.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchParams {
    q: Option<String>,
    since: Option<String>,
    until: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    timeout: Option<String>,
    /// `off`: read lines even where a metric has the answer; to compare.
    rollups: Option<String>,
}

/// Why a request is refused with 400: what the client is told.
#[derive(Debug, PartialEq, Eq)]
pub struct BadParam {
    /// The reason, naming the parameter.
    pub reason: String,
    /// Column in `q`, from 1, when the query is at fault.
    pub column: Option<usize>,
}

/// A search as it was asked for.
#[derive(Debug)]
pub struct Wanted {
    /// What to find.
    pub query: Query,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// What makes a table of them, if anything does.
    pub reduce: Option<Reduce>,
    /// What is done with them, or with the table's rows.
    pub steps: Vec<Step>,
    /// How many; `None` for all. Of a table all rows, unless a step says how many.
    pub limit: Option<u64>,
    /// Which first.
    pub newest_first: bool,
    /// What is found in this time is the answer.
    pub deadline: Duration,
    /// Counts may come from metrics of the same records.
    pub may_use_rollups: bool,
}

impl Wanted {
    /// All records of a query, the oldest first.
    pub fn all_of(query: Query) -> Self {
        let (since, until, reduce, steps, limit) = (None, None, None, Vec::new(), None);
        Self {
            query,
            since,
            until,
            reduce,
            steps,
            limit,
            newest_first: false,
            deadline: DEADLINE,
            may_use_rollups: false,
        }
    }

    /// All records of a query within a time, for requests with parameters of their own: the query and the times as they
    /// come, read as a search reads them. Without a query it is all records.
    pub fn in_scope(
        q: Option<&str>,
        since: Option<&str>,
        until: Option<&str>,
        now: &Moment,
    ) -> Result<Self, BadParam> {
        Ok(Self {
            since: time_param("since", since, now)?,
            until: time_param("until", until, now)?,
            ..Self::all_of(parse_query(q.filter(|q| !q.trim().is_empty()).unwrap_or("*"), now)?)
        })
    }

    /// Refuses pipes, for requests that do something of their own with the records.
    pub fn without_pipes(self) -> Result<Self, BadParam> {
        if self.reduce.is_none() && self.steps.is_empty() {
            return Ok(self);
        }
        Err(BadParam { reason: "q: conditions only are expected here, no pipes".to_owned(), column: None })
    }
}

impl SearchParams {
    /// Whether neither a query nor a time narrows it.
    pub fn asks_for_all(&self) -> bool {
        let is_all =
            |text: &Option<String>| text.as_deref().is_none_or(|text| matches!(text.trim(), "" | "*"));
        is_all(&self.q) && self.since.is_none() && self.until.is_none()
    }

    /// Reads all parameters; `now` is what `15m` counts back from.
    pub fn read(&self, now: &Moment) -> Result<Wanted, BadParam> {
        let Pipeline { query, reduce, steps } = parse(self.q.as_deref().unwrap_or("*"), now)?;
        let is_limited = steps.iter().any(|step| matches!(step, Step::Limit(_)));
        Ok(Wanted {
            query,
            since: time_param("since", self.since.as_deref(), now)?,
            until: time_param("until", self.until.as_deref(), now)?,
            limit: limit_param(self.limit.as_deref(), if is_limited { None } else { Some(LIMIT_DEFAULT) })?,
            newest_first: order_param(self.order.as_deref(), true)?,
            deadline: timeout_param(self.timeout.as_deref())?,
            may_use_rollups: self.rollups.as_deref() != Some("off"),
            reduce,
            steps,
        })
    }
}

/// Expressions take their time to be compiled, so the worker that serves sockets hands its other tasks over meanwhile.
fn parse(text: &str, now: &Moment) -> Result<Pipeline, QueryError> {
    tokio::task::block_in_place(|| Pipeline::parse(text, now.clone()))
}

/// Reads conditions; `now` is what `15m` counts back from.
pub fn parse_query(text: &str, now: &Moment) -> Result<Query, BadParam> {
    let Pipeline { query, reduce, steps } = parse(text, now)?;
    Ok(Wanted { reduce, steps, ..Wanted::all_of(query) }.without_pipes()?.query)
}

impl From<QueryError> for BadParam {
    fn from(error: QueryError) -> Self {
        Self { reason: error.message, column: Some(error.column) }
    }
}

fn time_param(name: &str, text: Option<&str>, now: &Moment) -> Result<Option<Timestamp>, BadParam> {
    let Some(text) = text.filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let expected = "a span back from now such as 15m, 2h or 7d, a time such as 2026-11-23T10:15:00Z, or a deploy that is known";
    now.time(text).map(Some).ok_or_else(|| bad(name, text, expected))
}

/// A bound on a count; 0 is none.
pub(super) fn limit_param(text: Option<&str>, default: Option<u64>) -> Result<Option<u64>, BadParam> {
    match text.unwrap_or_default() {
        "" => Ok(default),
        text => match text.parse::<u64>() {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(bad("limit", text, "a whole number; 0 means all")),
        },
    }
}

fn timeout_param(text: Option<&str>) -> Result<Duration, BadParam> {
    match text.unwrap_or_default() {
        "" => Ok(DEADLINE),
        text => {
            let span = parse_duration(text).filter(|span| *span <= DEADLINE);
            span.ok_or_else(|| bad("timeout", text, "a span of at most 60s, such as 500ms or 10s"))
        }
    }
}

/// Whether the newest come first.
pub(super) fn order_param(text: Option<&str>, default: bool) -> Result<bool, BadParam> {
    match text.unwrap_or_default() {
        "" => Ok(default),
        "newest" => Ok(true),
        "oldest" => Ok(false),
        text => Err(bad("order", text, "newest or oldest")),
    }
}

fn bad(name: &str, text: &str, expected: &str) -> BadParam {
    BadParam { reason: format!("{name}: `{}` is not {expected}", text.escape_debug()), column: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: SearchParams) -> Result<Wanted, BadParam> {
        params.read(&Timestamp::from_seconds(1_000_000).into())
    }

    #[test]
    fn defaults_are_the_newest_hundred_of_all_time() {
        let wanted = read(SearchParams::default()).expect("defaults are fine");
        assert_eq!((wanted.limit, wanted.newest_first), (Some(100), true));
        assert_eq!((wanted.since, wanted.until), (None, None));
    }

    #[test]
    fn times_limits_and_orders() {
        let params = SearchParams {
            since: Some("15m".into()),
            until: Some("1970-01-02".into()),
            limit: Some("0".into()),
            order: Some("oldest".into()),
            ..SearchParams::default()
        };
        let wanted = read(params).expect("all fine");
        assert_eq!(wanted.since, Some(Timestamp::from_seconds(1_000_000 - 900)));
        assert_eq!(wanted.until, Some(Timestamp::from_seconds(86_400)));
        assert_eq!((wanted.limit, wanted.newest_first), (None, false));
    }

    #[test]
    fn a_bad_parameter_is_named() {
        let refused = |params: SearchParams, name: &str| {
            let reason = read(params).expect_err("refused").reason;
            assert!(reason.starts_with(name), "{reason}");
        };
        refused(SearchParams { since: Some("yesterday".into()), ..Default::default() }, "since");
        refused(SearchParams { limit: Some("-1".into()), ..Default::default() }, "limit");
        refused(SearchParams { order: Some("up".into()), ..Default::default() }, "order");
    }
}
