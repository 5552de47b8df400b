//! The grammar of pipes, behind the conditions of a query:
//!
//! ```text
//! search   = conditions { "|" pipe }
//! pipe     = numbers ["by" names] ["every" span] | "top" N name | "patterns"     makes a table; first, and once
//!          | "sort" name ["asc" | "desc"] | "limit" N | "fields" names
//!          | "context" N                                                         records around each, last
//! numbers  = number { "," number }
//! number   = "count" | function { [","] function } "(" name ")"                  sum avg min max distinct p50 p99.9 ...
//! names    = name { "," name }
//! ```

use super::Pipeline;
use super::spec::{Aggregate, Function, Reduce, StatsSpec, Step};
use crate::query::cursor::{Cursor, Place};
use crate::query::{Moment, Query, QueryError};
use crate::time::parse_duration;

/// Pipes in one search.
const PIPES_MAX: usize = 16;
/// Names or functions in one pipe.
const NAMES_MAX: usize = 16;
/// Records before and after one that `context` shows.
const CONTEXT_MAX: u64 = 100;
const PIPE_NAMES: &str = "`count`, `sum(f)`, `avg(f)`, `min(f)`, `max(f)`, `p99(f)`, `distinct(f)`, `top`, `sort`, `limit`, \
                          `fields`, `patterns` or `context`";

pub(super) fn parse(text: &str, now: &Moment) -> Result<Pipeline, QueryError> {
    let (query, cursor) = Query::parse_before_pipes(text, Some(now))?;
    let mut pipes = Pipes { cursor, reduce: None, steps: Vec::new(), columns: None };
    let mut count = 0;
    loop {
        pipes.cursor.skip_blanks();
        if pipes.cursor.peek().is_none() {
            return Ok(Pipeline { query, reduce: pipes.reduce, steps: pipes.steps });
        }
        if !pipes.cursor.take("|") {
            let message = "`|` and another pipe, or the end, is expected; `by f` and `every 5m` stand behind numbers, in this \
                           order";
            return Err(pipes.cursor.error(message));
        }
        count += 1;
        if count > PIPES_MAX {
            return Err(pipes.cursor.error(format!("more than {PIPES_MAX} pipes")));
        }
        pipes.pipe()?;
    }
}

struct Pipes<'a> {
    cursor: Cursor<'a>,
    reduce: Option<Reduce>,
    steps: Vec<Step>,
    /// Of the table, once there is one.
    columns: Option<Vec<String>>,
}

impl Pipes<'_> {
    fn pipe(&mut self) -> Result<(), QueryError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let name = self.cursor.word(Place::List)?.text;
        let step = match name.as_str() {
            "sort" => self.sort()?,
            "limit" => Step::Limit(self.number("limit 10")?),
            "fields" => self.fields()?,
            "context" => self.context(start)?,
            "patterns" => return self.reduce(start, &name, Reduce::Patterns),
            "top" => return self.top(start),
            _ => {
                let stats = self.stats(start, &name)?;
                return self.reduce(start, &name, Reduce::Stats(stats));
            }
        };
        if matches!(self.steps.last(), Some(Step::Context(_))) {
            return Err(self.cursor.error_at(start, "`context` stands last"));
        }
        self.steps.push(step);
        Ok(())
    }

    fn reduce(&mut self, start: usize, name: &str, reduce: Reduce) -> Result<(), QueryError> {
        if self.reduce.is_some() || !self.steps.is_empty() {
            let message =
                format!("`{name}` counts records, so it is the first pipe and the only one of its kind");
            return Err(self.cursor.error_at(start, message));
        }
        let columns = reduce.columns();
        if let Some(twice) = (1..columns.len()).find(|&at| columns[..at].contains(&columns[at])) {
            return Err(self.cursor.error_at(start, format!("two columns are named `{}`", columns[twice])));
        }
        (self.reduce, self.columns) = (Some(reduce), Some(columns));
        Ok(())
    }

    /// `top N f` is the counts by `f`, of which the greatest come first.
    fn top(&mut self, start: usize) -> Result<(), QueryError> {
        let most = self.number("top 10 user")?;
        let by = vec![self.name("the name of a field is expected, as in `top 10 user`")?];
        let aggregates = vec![Aggregate { function: Function::Count, field: None }];
        self.reduce(start, "top", Reduce::Stats(StatsSpec { aggregates, by, every: None }))?;
        self.steps.push(Step::Limit(most));
        Ok(())
    }

    fn fields(&mut self) -> Result<Step, QueryError> {
        let mut names: Vec<String> = Vec::new();
        for name in self.names()? {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if self.columns.is_some() {
            self.columns = Some(names.clone());
        }
        Ok(Step::Fields(names))
    }

    fn sort(&mut self) -> Result<Step, QueryError> {
        let field = self.column()?;
        self.cursor.skip_blanks();
        let descending = self.cursor.take_keyword("desc");
        if !descending {
            self.cursor.take_keyword("asc");
        }
        Ok(Step::Sort { field, descending })
    }

    fn context(&mut self, start: usize) -> Result<Step, QueryError> {
        let records = self.number("context 5")?;
        if self.reduce.is_some() || self.steps.iter().any(|step| !matches!(step, Step::Limit(_))) {
            let message = "`context` shows records around those found: only `limit` stands before it";
            return Err(self.cursor.error_at(start, message));
        }
        match u32::try_from(records).ok().filter(|_| records <= CONTEXT_MAX) {
            Some(records) => Ok(Step::Context(records)),
            None => Err(self.cursor.error_at(start, format!("more than {CONTEXT_MAX} records of context"))),
        }
    }

    /// `count, p50, p99(f) by a, b every 5m`, its first word having been read.
    fn stats(&mut self, start: usize, first: &str) -> Result<StatsSpec, QueryError> {
        let mut stats = StatsSpec::default();
        let (mut at, mut name) = (start, first.to_owned());
        let mut waiting = Vec::new();
        loop {
            let Some(function) = Function::from_name(&name) else {
                return Err(self.cursor.error_at(at, format!("a pipe is expected: {PIPE_NAMES}")));
            };
            if function == Function::Count {
                stats.aggregates.push(Aggregate { function, field: None });
            } else {
                waiting.push(function);
            }
            if !waiting.is_empty() && self.take_after_blanks("(") {
                let field = self.name("the name of a field is expected, as in `p99(duration_ms)`")?;
                self.cursor.skip_blanks();
                if !self.cursor.take(")") {
                    return Err(self.cursor.error("`)` is expected"));
                }
                let of_field = |function| Aggregate { function, field: Some(field.clone()) };
                stats.aggregates.extend(waiting.drain(..).map(of_field));
            }
            let comma = self.take_after_blanks(",");
            self.cursor.skip_blanks();
            if stats.aggregates.len() + waiting.len() > NAMES_MAX {
                return Err(self.cursor.error_at(at, format!("more than {NAMES_MAX} numbers")));
            }
            let more = comma || !waiting.is_empty();
            if !more || self.cursor.peek().is_none_or(|c| c == '|') {
                break;
            }
            at = self.cursor.at();
            name = self.cursor.word(Place::List)?.text;
        }
        if !waiting.is_empty() {
            return Err(self.cursor.error("the field in parentheses is expected, as in `p99(duration_ms)`"));
        }
        if self.cursor.take_keyword("by") {
            stats.by = self.names()?;
            self.cursor.skip_blanks();
        }
        if self.cursor.take_keyword("every") {
            stats.every = Some(self.span()?);
        }
        Ok(stats)
    }

    fn span(&mut self) -> Result<std::time::Duration, QueryError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let text = self.cursor.word(Place::List)?.text;
        parse_duration(&text)
            .filter(|span| !span.is_zero())
            .ok_or_else(|| self.cursor.error_at(start, "a span is expected, as in `every 5m`"))
    }

    fn names(&mut self) -> Result<Vec<String>, QueryError> {
        let mut names = Vec::new();
        loop {
            names.push(self.column()?);
            if names.len() > NAMES_MAX {
                return Err(self.cursor.error(format!("more than {NAMES_MAX} names")));
            }
            if !self.take_after_blanks(",") {
                return Ok(names);
            }
        }
    }

    /// The name of a field, or of a column such as `p99(duration_ms)`. A table must have it.
    fn column(&mut self) -> Result<String, QueryError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let mut name = self.name("the name of a field is expected")?;
        if Function::from_name(&name).is_some() && self.cursor.take("(") {
            name = format!("{name}({})", self.name("the name of a field is expected")?);
            if !self.cursor.take(")") {
                return Err(self.cursor.error("`)` is expected"));
            }
        }
        match &self.columns {
            Some(columns) if !columns.contains(&name) => {
                let there_are = columns.join("`, `");
                let message = format!("there is no column `{name}`; there are `{there_are}`");
                Err(self.cursor.error_at(start, message))
            }
            _ => Ok(name),
        }
    }

    fn name(&mut self, expected: &str) -> Result<String, QueryError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let name = match self.cursor.take("\"") {
            true => self.cursor.phrase()?,
            false => self.cursor.word(Place::List)?.text,
        };
        if name.is_empty() { Err(self.cursor.error_at(start, expected)) } else { Ok(name) }
    }

    fn number(&mut self, example: &str) -> Result<u64, QueryError> {
        self.cursor.skip_blanks();
        let start = self.cursor.at();
        let text = self.cursor.word(Place::List)?.text;
        text.parse().map_err(|_| {
            self.cursor.error_at(start, format!("a whole number is expected, as in `{example}`"))
        })
    }

    fn take_after_blanks(&mut self, expected: &str) -> bool {
        let rest = self.cursor.rest();
        if !rest.trim_start().starts_with(expected) {
            return false;
        }
        self.cursor.skip_blanks();
        self.cursor.take(expected)
    }
}
