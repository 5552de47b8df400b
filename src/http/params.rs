//! What a client may ask for: query parameters read into a request, or a reason that names the parameter.

use logweir_base::query::Query;
use logweir_base::time::{Timestamp, parse_duration};
use serde::Deserialize;

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
    /// How many; `None` for all.
    pub limit: Option<u64>,
    /// Which first.
    pub newest_first: bool,
}

impl SearchParams {
    /// Whether neither a query nor a time narrows it.
    pub fn asks_for_all(&self) -> bool {
        let is_all =
            |text: &Option<String>| text.as_deref().is_none_or(|text| matches!(text.trim(), "" | "*"));
        is_all(&self.q) && self.since.is_none() && self.until.is_none()
    }

    /// Reads all parameters; `now` is what `15m` counts back from.
    pub fn read(&self, now: Timestamp) -> Result<Wanted, BadParam> {
        Ok(Wanted {
            query: parse_query(self.q.as_deref().unwrap_or("*"))?,
            since: time_param("since", self.since.as_deref(), now)?,
            until: time_param("until", self.until.as_deref(), now)?,
            limit: limit_param(self.limit.as_deref())?,
            newest_first: order_param(self.order.as_deref())?,
        })
    }
}

/// Reads a query; an empty one is refused, since it is a forgotten one.
pub fn parse_query(text: &str) -> Result<Query, BadParam> {
    text.parse::<Query>().map_err(|e| BadParam { reason: e.message.clone(), column: Some(e.column) })
}

/// Reads `15m`, `2h`, `7d` (back from `now`), `2026-11-23` or RFC 3339.
pub fn parse_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    if let Some(back) = parse_duration(text) {
        return Some(now.minus(back));
    }
    Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
}

fn time_param(name: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, BadParam> {
    let Some(text) = text.filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let expected = "a span back from now such as 15m, 2h or 7d, or a time such as 2026-11-23T10:15:00Z";
    parse_time(text, now).map(Some).ok_or_else(|| bad(name, text, expected))
}

fn limit_param(text: Option<&str>) -> Result<Option<u64>, BadParam> {
    match text.unwrap_or_default() {
        "" => Ok(Some(LIMIT_DEFAULT)),
        text => match text.parse::<u64>() {
            Ok(0) => Ok(None),
            Ok(limit) => Ok(Some(limit)),
            Err(_) => Err(bad("limit", text, "a whole number; 0 means all")),
        },
    }
}

fn order_param(text: Option<&str>) -> Result<bool, BadParam> {
    match text.unwrap_or_default() {
        "" | "newest" => Ok(true),
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
        params.read(Timestamp::from_seconds(1_000_000))
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
