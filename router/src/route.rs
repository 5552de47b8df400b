//! Routes: which lines go where, judged after the journal, on spans over the text that all followers share. Each reader of
//! routes keeps its own compiled form, a [`Lane`], and notices at the next record when they were replaced.
//!
//! Routes in force when a follower reads a record decide. A change therefore applies to what a sink has not read yet.

use crate::config::RouteConfig;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError, RecordBatch};
use logweir_base::ids::{JournalId, Position};
use logweir_base::parse::RecordView;
use logweir_base::query::{Matcher, Query};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

/// The routes in force; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    rules: Arc<RwLock<Arc<Vec<Rule>>>>,
}

#[derive(Debug)]
struct Rule {
    query: Query,
    to: Vec<String>,
    drop: bool,
}

/// A route's query that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRoute {
    /// Which route, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {}: {}", self.index + 1, self.reason)
    }
}

impl std::error::Error for BadRoute {}

impl Routes {
    /// Reads the routes' queries.
    pub fn new(config: &[RouteConfig]) -> Result<Self, BadRoute> {
        let routes = Self::default();
        routes.replace(config)?;
        Ok(routes)
    }

    /// Puts others in force, if all their queries can be read.
    pub fn replace(&self, config: &[RouteConfig]) -> Result<(), BadRoute> {
        let rule = |(index, route): (usize, &RouteConfig)| match route.when.parse::<Query>() {
            Ok(query) => Ok(Rule { query, to: route.to.clone(), drop: route.drop }),
            Err(e) => Err(BadRoute { index, reason: e.to_string() }),
        };
        let rules: Vec<_> = config.iter().enumerate().map(rule).collect::<Result<_, _>>()?;
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        Ok(())
    }

    /// Judges what the index takes: all but what a `drop` route ends.
    pub fn to_index(&self) -> Lane {
        Lane::new(self.clone(), None)
    }

    /// Judges what a sink takes.
    pub fn to_sink(&self, name: &str) -> Lane {
        Lane::new(self.clone(), Some(name.to_owned()))
    }

    fn current(&self) -> Arc<Vec<Rule>> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The routes as one reader sees them: the ones that decide about it, in order.
pub struct Lane {
    routes: Routes,
    sink: Option<String>,
    compiled: Arc<Vec<Rule>>,
    steps: Vec<(Matcher, Verdict)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Take,
    Drop,
}

impl Lane {
    fn new(routes: Routes, sink: Option<String>) -> Self {
        let compiled = Arc::default();
        let mut lane = Self { routes, sink, compiled, steps: Vec::new() };
        lane.refresh();
        lane
    }

    /// Looks whether the routes were replaced; once a record is often enough.
    pub fn refresh(&mut self) {
        let current = self.routes.current();
        if !Arc::ptr_eq(&current, &self.compiled) {
            self.steps = current.iter().filter_map(|rule| self.step(rule)).collect();
            self.compiled = current;
        }
    }

    /// Whether this line is for this reader.
    pub fn takes(&mut self, view: &RecordView<'_>) -> bool {
        let mut verdicts =
            self.steps.iter_mut().filter_map(|(matcher, verdict)| matcher.matches(view).then_some(*verdict));
        let rest = if self.sink.is_none() { Verdict::Take } else { Verdict::Drop };
        verdicts.next().unwrap_or(rest) == Verdict::Take
    }

    /// Whether nothing is ever kept from this reader.
    fn takes_all(&self) -> bool {
        self.sink.is_none() && self.steps.is_empty()
    }

    fn step(&self, rule: &Rule) -> Option<(Matcher, Verdict)> {
        let is_mine = self.sink.as_ref().is_some_and(|sink| rule.to.contains(sink));
        let verdict = if is_mine { Verdict::Take } else { Verdict::Drop };
        (is_mine || rule.drop).then(|| (Matcher::new(&rule.query), verdict))
    }
}

/// A follower that does not see what `drop` routes end. Positions pass through, so it commits as ever.
pub struct Kept<F> {
    follower: F,
    lane: Lane,
}

impl<F: Follower> Kept<F> {
    /// Keeps from `follower` what `routes` drop.
    pub fn new(follower: F, routes: &Routes) -> Self {
        Self { follower, lane: routes.to_index() }
    }
}

impl<F: Follower> Follower for Kept<F> {
    fn name(&self) -> &str {
        self.follower.name()
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        self.follower.committed()
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        self.lane.refresh();
        match &entry.body {
            EntryBody::Records(batch) if !self.lane.takes_all() => {
                let kept = Entry { body: EntryBody::Records(self.kept(batch)), ..entry.as_ref().clone() };
                self.follower.apply(&Arc::new(kept))
            }
            _ => self.follower.apply(entry),
        }
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        self.follower.commit()
    }
}

impl<F> Kept<F> {
    fn kept(&mut self, batch: &RecordBatch) -> RecordBatch {
        let mut kept = batch.clone();
        kept.records.retain(|record| self.lane.takes(&batch.view(record)));
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logweir_base::frame::Resource;
    use logweir_base::parse::Severity;
    use logweir_base::time::Timestamp;

    fn route(when: &str, to: &[&str]) -> RouteConfig {
        let to: Vec<_> = to.iter().map(|&name| name.to_owned()).collect();
        RouteConfig { when: when.to_owned(), drop: to.is_empty(), to }
    }

    fn takes(lane: &mut Lane, text: &str, severity: &str) -> bool {
        lane.refresh();
        let severity = Severity::from_text(severity.as_bytes()).expect("a level");
        let resource = Resource::default();
        let (text, service) = (text.as_bytes(), resource.service());
        let (layout, pattern) = Default::default();
        lane.takes(&RecordView {
            text,
            time: Timestamp(0),
            severity,
            service,
            resource: &resource,
            layout,
            pattern,
        })
    }

    #[test]
    fn a_line_goes_to_every_route_up_to_the_first_drop() {
        let config =
            [route("level:>=warn", &["alerts"]), route("healthz", &[]), route("*", &["all", "copy"])];
        let routes = Routes::new(&config).expect("good queries");
        let check = |text: &str, level: &str, expected: [bool; 4]| {
            let got = ["alerts", "all", "copy"].map(|sink| takes(&mut routes.to_sink(sink), text, level));
            let index = takes(&mut routes.to_index(), text, level);
            assert_eq!([got[0], got[1], got[2], index], expected, "{text} {level}");
        };
        check("hello", "info", [false, true, true, true]);
        check("hello", "error", [true, true, true, true]);
        check("healthz hello", "info", [false, false, false, false]);
        check("healthz hello", "error", [true, false, false, false]);
    }

    #[test]
    fn replaced_routes_are_noticed_and_bad_ones_change_nothing() {
        let routes = Routes::new(&[]).expect("none");
        let mut lane = routes.to_sink("a");
        assert!(!takes(&mut lane, "x", "info"));
        routes.replace(&[route("x", &["a"])]).expect("good");
        assert!(takes(&mut lane, "x", "info"));
        let bad = routes.replace(&[route("x", &["a"]), route("(", &["a"])]);
        assert_eq!(bad.expect_err("bad").index, 1);
        assert!(takes(&mut lane, "x", "info"));
    }
}
