//! What words of time in a query count from: `15m` from now, `deploy` from when a version was put into service.

use crate::time::{Timestamp, parse_time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The present of whoever asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// The latest deploy of each service.
    pub deploys: Arc<BTreeMap<String, Timestamp>>,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Self {
        Self { now, deploys: Arc::default() }
    }
}

impl Moment {
    /// Reads a time: a span back from now, a moment, `deploy` for the latest one there was, `deploy/shop` for the latest of a service.
    pub fn time(&self, text: &str) -> Option<Timestamp> {
        match text.strip_prefix("deploy") {
            Some("") => self.deploys.values().max().copied(),
            Some(rest) => self.deploys.get(rest.strip_prefix('/')?).copied(),
            None => parse_time(text, Some(self.now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deploy_is_a_time() {
        let at = Timestamp::from_seconds;
        let deploys = [("shop".to_owned(), at(100)), ("pay".to_owned(), at(200))].into();
        let moment = Moment { now: at(1_000), deploys: Arc::new(deploys) };
        let check =
            |text: &str, expected: Option<i64>| assert_eq!(moment.time(text), expected.map(at), "{text}");
        check("deploy", Some(200));
        check("deploy/shop", Some(100));
        check("deploy/none", None);
        check("deployed", None);
        check("10s", Some(990));
        assert_eq!(Moment::from(at(5)).time("deploy"), None);
    }
}
