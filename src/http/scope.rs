//! Which records an answer is about, for handlers with parameters of their own: the query and the times, read as a search
//! reads them.

use super::params::{BadParam, parse_query, parse_time};
use logweir_base::query::Query;
use logweir_base::time::Timestamp;

/// Records that match a query, within a time.
#[derive(Debug)]
pub(super) struct Scope {
    pub(super) query: Query,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
}

impl Scope {
    /// Of parameters as they come; without a query it is all records. `now` is what `15m` counts back from.
    pub(super) fn read(
        q: Option<&str>,
        since: Option<&str>,
        until: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, BadParam> {
        Ok(Self {
            query: parse_query(q.filter(|q| !q.trim().is_empty()).unwrap_or("*"))?,
            since: time("since", since, now)?,
            until: time("until", until, now)?,
        })
    }
}

fn time(name: &str, text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, BadParam> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let expected = "a span back from now such as 15m, 2h or 7d, or a time such as 2026-11-23T10:15:00Z";
    parse_time(text, now).map(Some).ok_or_else(|| bad(name, text, expected))
}

/// A bound on a count; 0 is none.
pub(super) fn limit(text: Option<&str>, default: Option<u64>) -> Result<Option<u64>, BadParam> {
    match text.unwrap_or_default() {
        "" => Ok(default),
        text => match text.parse::<u64>() {
            Ok(limit) => Ok(Some(limit).filter(|&limit| limit > 0)),
            Err(_) => Err(bad("limit", text, "a whole number; 0 means all")),
        },
    }
}

/// A value that is not what the parameter `name` takes.
pub(super) fn bad(name: &str, text: &str, expected: &str) -> BadParam {
    BadParam { reason: format!("{name}: `{}` is not {expected}", text.escape_debug()), column: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_or_named() {
        let now = Timestamp::from_seconds(1_000_000);
        let scope = Scope::read(None, Some("15m"), Some(""), now).expect("all fine");
        assert_eq!((scope.since, scope.until), (Some(Timestamp::from_seconds(999_100)), None));
        let refused = |outcome: Result<Scope, BadParam>, said: &str| {
            let reason = outcome.expect_err("refused").reason;
            assert!(reason.starts_with(said), "{reason}");
        };
        refused(Scope::read(None, Some("yesterday"), None, now), "since: `yesterday`");
        refused(Scope::read(None, None, Some("x"), now), "until: `x`");
        assert_eq!(Scope::read(Some("level:error)"), None, None, now).expect_err("refused").column, Some(12));
    }

    #[test]
    fn limits() {
        let check = |text: &str, expected: Option<Option<u64>>| {
            assert_eq!(limit(Some(text), Some(100)).ok(), expected, "{text}");
        };
        check("", Some(Some(100)));
        check("0", Some(None));
        check("7", Some(Some(7)));
        check("-1", None);
    }
}
