//! Binary operators: what they do to two values, between scalars, and between a vector and a scalar. Between vectors:
//! `matching.rs`.

use super::eval::{Engine, Steps};
use super::parse::{self, Kind};
use super::series::{ABSENT, Point, Series};
use super::{QueryError, Sample, Scaled, matching};
use crate::select::is_stale;
use promql_parser::parser::BinaryExpr;
use promql_parser::parser::token::{self, TokenId};
use std::sync::Arc;

/// An operator.
#[derive(Clone, Copy)]
pub(super) enum Op {
    /// Makes a number of two.
    Arithmetic(fn(f64, f64) -> f64),
    /// Keeps the left value where it holds.
    Comparison(fn(f64, f64) -> bool),
    /// Keeps series that have, or have not, one of equal labels on the other side.
    Set(Set),
}

/// A set operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    And,
    Or,
    Unless,
}

impl Op {
    /// Of the parser's token.
    pub fn of(id: TokenId) -> Option<Self> {
        Some(match id {
            token::T_ADD => Self::Arithmetic(|a, b| a + b),
            token::T_SUB => Self::Arithmetic(|a, b| a - b),
            token::T_MUL => Self::Arithmetic(|a, b| a * b),
            token::T_DIV => Self::Arithmetic(|a, b| a / b),
            token::T_MOD => Self::Arithmetic(|a, b| a % b),
            token::T_POW => Self::Arithmetic(f64::powf),
            token::T_ATAN2 => Self::Arithmetic(f64::atan2),
            token::T_EQLC => Self::Comparison(|a, b| a == b),
            token::T_NEQ => Self::Comparison(|a, b| a != b),
            token::T_GTR => Self::Comparison(|a, b| a > b),
            token::T_LSS => Self::Comparison(|a, b| a < b),
            token::T_GTE => Self::Comparison(|a, b| a >= b),
            token::T_LTE => Self::Comparison(|a, b| a <= b),
            token::T_LAND => Self::Set(Set::And),
            token::T_LOR => Self::Set(Set::Or),
            token::T_LUNLESS => Self::Set(Set::Unless),
            _ => return None,
        })
    }
}

/// An operator as an expression has it.
#[derive(Clone, Copy)]
pub(super) struct Operator {
    id: TokenId,
    pub op: Op,
    /// Whether a comparison gives 0 or 1 instead of keeping values.
    pub is_bool: bool,
}

impl Operator {
    fn of(one: &BinaryExpr) -> Result<Self, QueryError> {
        let id = one.op.id();
        let op = Op::of(id).ok_or_else(|| QueryError::BadData(format!("unknown operator {}", one.op)))?;
        Ok(Self { id, op, is_bool: one.return_bool() })
    }

    /// Whether its result is another thing than its operand, and so without a name.
    pub fn drops_name(self) -> bool {
        self.is_bool || matches!(self.op, Op::Arithmetic(_))
    }

    /// Of two numbers; [`ABSENT`] when a comparison does not hold.
    fn numbers(self, left: f64, right: f64) -> f64 {
        match self.op {
            Op::Arithmetic(of) => of(left, right),
            Op::Comparison(holds) if self.is_bool => f64::from(u8::from(holds(left, right))),
            Op::Comparison(holds) if holds(left, right) => left,
            _ => ABSENT,
        }
    }

    /// Of any two values. `Err` when they do not go together, which is left out with a remark.
    pub fn apply(self, left: &Point<'_>, right: &Point<'_>) -> Result<Option<Sample>, NotTogether> {
        let scaled = |one: &Scaled, factor: f64| {
            Ok(Some(Sample::Histogram(Scaled { factor: factor * one.factor, ..one.clone() })))
        };
        match (left, right) {
            (Point::Absent, _) | (_, Point::Absent) => Ok(None),
            (Point::Float(left), Point::Float(right)) => {
                let number = self.numbers(*left, *right);
                Ok((!is_stale(number)).then_some(Sample::Float(number)))
            }
            (Point::Histogram(one), Point::Float(number)) if self.id == token::T_MUL => scaled(one, *number),
            (Point::Float(number), Point::Histogram(one)) if self.id == token::T_MUL => scaled(one, *number),
            (Point::Histogram(one), Point::Float(number)) if self.id == token::T_DIV => {
                scaled(one, 1.0 / number)
            }
            (Point::Histogram(left), Point::Histogram(right)) => self.histograms(left, right),
            _ => Err(NotTogether),
        }
    }

    fn histograms(self, left: &Scaled, right: &Scaled) -> Result<Option<Sample>, NotTogether> {
        let holds = match self.id {
            token::T_ADD if left.factor == right.factor => {
                let mut sum = left.clone();
                Arc::make_mut(&mut sum.histogram).merge(&right.histogram);
                return Ok(Some(Sample::Histogram(sum)));
            }
            token::T_EQLC => left == right,
            token::T_NEQ => left != right,
            _ => return Err(NotTogether),
        };
        Ok(match (self.is_bool, holds) {
            (true, _) => Some(Sample::Float(f64::from(u8::from(holds)))),
            (false, true) => Some(Sample::Histogram(left.clone())),
            (false, false) => None,
        })
    }
}

/// The operator has no meaning for such operands.
pub(super) struct NotTogether;

/// Remarks that operands were left out.
pub(super) fn not_together(engine: &Engine<'_>) {
    engine.inform("PromQL info: incompatible sample types encountered for a binary operator");
}

/// Evaluates an operator between scalars.
pub(super) fn scalars(engine: &Engine<'_>, one: &BinaryExpr, steps: Steps) -> Result<Vec<f64>, QueryError> {
    let mut operator = Operator::of(one)?;
    operator.is_bool = true;
    let left = engine.scalar(&one.lhs, steps)?;
    let right = engine.scalar(&one.rhs, steps)?;
    Ok(left.into_iter().zip(right).map(|(left, right)| operator.numbers(left, right)).collect())
}

/// Evaluates an operator of which at least one side is a vector.
pub(super) fn evaluate(
    engine: &Engine<'_>,
    one: &BinaryExpr,
    steps: Steps,
) -> Result<Vec<Series>, QueryError> {
    let operator = Operator::of(one)?;
    match (parse::kind(&one.lhs), parse::kind(&one.rhs)) {
        (Kind::Scalar, _) => {
            let left = engine.scalar(&one.lhs, steps)?;
            with_scalar(engine, operator, engine.vector(&one.rhs, steps)?, &left, Scalar::Left)
        }
        (_, Kind::Scalar) => {
            let right = engine.scalar(&one.rhs, steps)?;
            with_scalar(engine, operator, engine.vector(&one.lhs, steps)?, &right, Scalar::Right)
        }
        _ => {
            let left = engine.vector(&one.lhs, steps)?;
            let right = engine.vector(&one.rhs, steps)?;
            matching::evaluate(engine, operator, one.modifier.as_ref(), (&left, &right), steps)
        }
    }
}

/// On which side of an operator the scalar is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scalar {
    Left,
    Right,
}

fn with_scalar(
    engine: &Engine<'_>,
    operator: Operator,
    mut found: Vec<Series>,
    scalar: &[f64],
    side: Scalar,
) -> Result<Vec<Series>, QueryError> {
    for one in &mut found {
        one.drop_name |= operator.drops_name();
        if one.histograms.is_empty() {
            for (value, &scalar) in one.values.iter_mut().zip(scalar).filter(|(value, _)| !is_stale(**value))
            {
                *value = of_scalar(operator, *value, scalar, side);
            }
            continue;
        }
        for (step, &scalar) in scalar.iter().enumerate() {
            let scalar = Point::Float(scalar);
            let applied = match side {
                Scalar::Left => operator.apply(&scalar, &one.at(step)),
                Scalar::Right => operator.apply(&one.at(step), &scalar),
            };
            if applied.is_err() {
                not_together(engine);
            }
            let kept = applied.ok().flatten();
            one.remove(step);
            match kept {
                Some(Sample::Float(value)) => one.values[step] = value,
                Some(Sample::Histogram(histogram)) => one.put_histogram(step, histogram),
                None => {}
            }
        }
    }
    found.retain(|one| !one.is_empty());
    Ok(found)
}

/// A comparison keeps the vector's value, on whichever side it is.
fn of_scalar(operator: Operator, value: f64, scalar: f64, side: Scalar) -> f64 {
    match side {
        Scalar::Right => operator.numbers(value, scalar),
        Scalar::Left if operator.drops_name() => operator.numbers(scalar, value),
        Scalar::Left if is_stale(operator.numbers(scalar, value)) => ABSENT,
        Scalar::Left => value,
    }
}
