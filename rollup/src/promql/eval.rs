//! The evaluator: walks an expression, with all steps of a query at once, and hands series on one by one to whoever asked.

use super::parse::{self, Kind, TIME_MAX, at_ms, bare, offset_ms};
use super::range::{Frame, Ranged};
use super::series::{Point, Series};
use super::{Limits, Outcome, QueryError, Value, aggregate, binary, function, range, selector};
use crate::select::{Selected, SeriesPoints, Source, Span};
use promql_parser::parser::{AtModifier, Expr, Offset, SubqueryExpr, VectorSelector};
use std::cell::{Cell, RefCell};

/// Remarks of a kind that an answer carries; as in Prometheus.
const REMARKS_MAX: usize = 10;
/// The step of a subquery that names none: Prometheus' default evaluation interval.
const SUBQUERY_STEP_MS: i64 = 60_000;

/// Times at which a query is evaluated, in ms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    /// The first.
    pub start: i64,
    /// From one to the next; 0 where there is one only, or all are the same.
    pub step: i64,
    /// How many.
    pub count: usize,
}

impl Steps {
    /// Those of a range query.
    pub fn over(start: i64, end: i64, step: i64, limits: &Limits<'_>) -> Result<Self, QueryError> {
        let bad = |why: &str| Err(QueryError::BadData(why.to_owned()));
        if step <= 0 {
            return bad(
                "zero or negative query resolution step widths are not accepted. Try a positive integer",
            );
        }
        if end < start {
            return bad("end timestamp must not be before start time");
        }
        if start < -TIME_MAX || end > TIME_MAX {
            return bad("start or end is out of range");
        }
        match usize::try_from((end - start) / step) {
            Ok(last) if last < limits.steps_max => Ok(Self { start, step, count: last + 1 }),
            _ => bad(
                "exceeded maximum resolution of points per timeseries. Try decreasing the query resolution \
                 (?step=XX)",
            ),
        }
    }

    /// The time of a step.
    pub fn time(self, step: usize) -> i64 {
        self.start + self.step * step as i64
    }

    /// The time of the last.
    pub fn end(self) -> i64 {
        self.time(self.count - 1)
    }

    /// As many, at the times that an `@` and an offset make of them.
    pub fn moved(self, at: Option<&AtModifier>, offset: Option<&Offset>, query: Self) -> Self {
        let offset = offset_ms(offset);
        match at {
            None => Self { start: self.start - offset, ..self },
            Some(at) => {
                Self { start: at_ms(at, query.start, query.end()) - offset, step: 0, count: self.count }
            }
        }
    }
}

/// Whoever takes series as they come.
pub(super) type Sink<'s> = &'s mut dyn FnMut(Series) -> Result<(), QueryError>;

/// What an expression evaluates to.
pub(super) enum Evaluated {
    /// A number per step.
    Scalar(Vec<f64>),
    /// A text.
    String(String),
    /// Series.
    Vector(Vec<Series>),
}

/// One query under evaluation.
pub(super) struct Engine<'a> {
    source: &'a dyn Source,
    /// What it may take.
    pub limits: &'a Limits<'a>,
    /// When the query, not a part of it, is evaluated.
    pub query: Steps,
    points: Cell<usize>,
    warnings: RefCell<Vec<String>>,
    infos: RefCell<Vec<String>>,
}

impl<'a> Engine<'a> {
    /// Of a query over `source`.
    pub fn new(source: &'a dyn Source, limits: &'a Limits<'a>, query: Steps) -> Self {
        let (warnings, infos) = (RefCell::default(), RefCell::default());
        Self { source, limits, query, points: Cell::new(0), warnings, infos }
    }

    /// The answer with all remarks.
    pub fn outcome(self, value: Value) -> Outcome {
        Outcome { value, warnings: self.warnings.into_inner(), infos: self.infos.into_inner() }
    }

    /// Evaluates anything but a range.
    pub fn evaluate(&self, expr: &Expr, steps: Steps) -> Result<Evaluated, QueryError> {
        Ok(match parse::kind(expr) {
            Kind::Scalar => Evaluated::Scalar(self.scalar(expr, steps)?),
            Kind::String => Evaluated::String(string(expr)?.to_owned()),
            Kind::Vector | Kind::Matrix => Evaluated::Vector(self.vector(expr, steps)?),
        })
    }

    /// Evaluates a vector to the series it has, those without a value left out.
    pub fn vector(&self, expr: &Expr, steps: Steps) -> Result<Vec<Series>, QueryError> {
        let mut found = Vec::new();
        self.each(expr, steps, &mut |one| {
            found.push(one);
            Ok(())
        })?;
        found.retain(|one| !one.is_empty());
        Ok(found)
    }

    /// Evaluates a vector, one series after the other; some may have no value at any step.
    pub fn each(&self, expr: &Expr, steps: Steps, sink: Sink<'_>) -> Result<(), QueryError> {
        match expr {
            Expr::Paren(paren) => self.each(&paren.expr, steps, sink),
            Expr::VectorSelector(one) => selector::each(self, one, steps, selector::Read::Value, sink),
            Expr::Unary(unary) => self.each(&unary.expr, steps, &mut |one| sink(negative(one))),
            Expr::Aggregate(one) => aggregate::evaluate(self, one, steps)?.into_iter().try_for_each(sink),
            Expr::Binary(one) => binary::evaluate(self, one, steps)?.into_iter().try_for_each(sink),
            Expr::Call(call) => function::each(self, call, steps, sink),
            other => Err(wrong_type(other, "an instant vector")),
        }
    }

    /// Evaluates a scalar, to a number per step.
    pub fn scalar(&self, expr: &Expr, steps: Steps) -> Result<Vec<f64>, QueryError> {
        self.charge(steps.count)?;
        match expr {
            Expr::Paren(paren) => self.scalar(&paren.expr, steps),
            Expr::NumberLiteral(number) => Ok(vec![number.val; steps.count]),
            Expr::Unary(unary) => {
                Ok(self.scalar(&unary.expr, steps)?.into_iter().map(|number| -number).collect())
            }
            Expr::Binary(one) => binary::scalars(self, one, steps),
            Expr::Call(call) => function::scalar(self, call, steps),
            other => Err(wrong_type(other, "a scalar")),
        }
    }

    /// The ranges of a selector or a subquery, for a query that is nothing else.
    pub fn matrix(&self, expr: &Expr, steps: Steps) -> Result<Vec<Ranged>, QueryError> {
        let mut found = Vec::new();
        self.ranges(expr, steps, &mut |frame, one| {
            found.push(one.within(frame));
            Ok(())
        })?;
        Ok(found)
    }

    /// Hands on each series of a range, with where its ranges lie.
    pub fn ranges(
        &self,
        expr: &Expr,
        steps: Steps,
        sink: &mut dyn FnMut(&Frame, Ranged) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        match bare(expr) {
            Expr::MatrixSelector(one) => {
                let ends = steps.moved(one.vs.at.as_ref(), one.vs.offset.as_ref(), self.query);
                let frame = Frame { ends, range: parse::duration_ms(one.range), now: steps };
                let found = self.select(&one.vs, frame.span())?;
                found.into_iter().try_for_each(|one| sink(&frame, Ranged::of(one)))
            }
            Expr::Subquery(one) => self.subquery(one, steps, sink),
            other => Err(wrong_type(other, "a range vector")),
        }
    }

    fn subquery(
        &self,
        one: &SubqueryExpr,
        steps: Steps,
        sink: &mut dyn FnMut(&Frame, Ranged) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let ends = steps.moved(one.at.as_ref(), one.offset.as_ref(), self.query);
        let frame = Frame { ends, range: parse::duration_ms(one.range), now: steps };
        let step = one.step.map_or(SUBQUERY_STEP_MS, parse::duration_ms).max(1);
        let Span { start, end } = frame.span();
        // The first multiple of the step that is in the range.
        let first = (start.div_euclid(step) + i64::from(start.rem_euclid(step) > 0)) * step;
        if first > end {
            return Ok(());
        }
        let count = usize::try_from((end - first) / step + 1).unwrap_or(usize::MAX);
        self.charge(count)?;
        let inner = Steps { start: first, step, count };
        let found = super::series::merge(self.vector(&one.expr, inner)?, super::series::SAME_LABELS)?;
        for one in found {
            if one.histograms.iter().any(Option::is_some) {
                self.inform("ignored histograms in a subquery");
            }
            sink(&frame, range::of_series(&one, inner))?;
        }
        Ok(())
    }

    /// The series of a selector.
    pub fn select(&self, one: &VectorSelector, span: Span) -> Result<Vec<Selected>, QueryError> {
        self.go_on()?;
        let answer = self.source.select(&parse::matchers(one)?, span)?;
        answer.warnings.into_iter().for_each(|text| remark(&self.warnings, text));
        if answer.series.len() > self.limits.series_max {
            let (found, max) = (answer.series.len(), self.limits.series_max);
            let why = format!("a selector matches {found} series, more than {max}: ask for fewer");
            return Err(QueryError::TooMuch(why));
        }
        self.charge(answer.series.iter().map(|one| loaded(&one.points)).sum())?;
        Ok(answer.series)
    }

    /// Notes that so many points are loaded or computed.
    pub fn charge(&self, points: usize) -> Result<(), QueryError> {
        self.go_on()?;
        let all = self.points.get().saturating_add(points);
        self.points.set(all);
        if all > self.limits.samples_max {
            return Err(QueryError::TooMuch(
                "query processing would load too many samples into memory in query execution".to_owned(),
            ));
        }
        Ok(())
    }

    /// Fails when time is up.
    pub fn go_on(&self) -> Result<(), QueryError> {
        if (self.limits.stop)() { Err(QueryError::Timeout) } else { Ok(()) }
    }

    /// A remark that the answer may be wrong.
    pub fn warn(&self, text: impl Into<String>) {
        remark(&self.warnings, text.into());
    }

    /// A remark that the answer may surprise.
    pub fn inform(&self, text: impl Into<String>) {
        remark(&self.infos, text.into());
    }
}

/// The text that an expression is.
pub(super) fn string(expr: &Expr) -> Result<&str, QueryError> {
    match bare(expr) {
        Expr::StringLiteral(text) => Ok(&text.val),
        other => Err(wrong_type(other, "a string")),
    }
}

fn remark(remarks: &RefCell<Vec<String>>, text: String) {
    let mut remarks = remarks.borrow_mut();
    if remarks.len() < REMARKS_MAX && !remarks.contains(&text) {
        remarks.push(text);
    }
}

fn wrong_type(expr: &Expr, wanted: &str) -> QueryError {
    QueryError::BadData(format!("expected {wanted}, got {}: {expr}", parse::kind(expr).text()))
}

fn loaded(points: &SeriesPoints) -> usize {
    match points {
        SeriesPoints::Samples(samples) => samples.times.len(),
        SeriesPoints::Windows(windows) => windows.rows.len(),
    }
}

fn negative(one: Series) -> Series {
    let histograms: Vec<_> = (0..one.values.len())
        .map(|step| match one.at(step) {
            Point::Histogram(histogram) => {
                Some(super::Scaled { factor: -histogram.factor, ..histogram.clone() })
            }
            _ => None,
        })
        .collect();
    let has_any = !one.histograms.is_empty();
    let mut changed = one.map(|value| -value);
    if has_any {
        changed.histograms = histograms;
    }
    changed
}
