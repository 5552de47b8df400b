//! From a query's text to an expression. The parser is `promql-parser`; what would make it panic or overflow the stack (it
//! recurses, and takes any number for a duration) is refused before it sees the text.

use super::QueryError;
use crate::select::{MatchOp, Matcher};
use logweir_base::metric::labels::NAME;
use promql_parser::label::MatchOp as Parsed;
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{self, AtModifier, Expr, Function, Offset, VectorSelector, token};
use regex::Regex;
use std::sync::Once;
use std::time::{Duration, SystemTime};

/// Bytes of a query; expressions over names of thousands of hosts fit.
const QUERY_BYTES_MAX: usize = 256 * 1024;
/// Words, numbers and signs of a query: they bound how deep it can nest before [`DEPTH_MAX`] can be looked at.
const TOKENS_MAX: usize = 4000;
/// Nested expressions: the evaluator recurses.
const DEPTH_MAX: usize = 128;
/// Longest duration in seconds, some 300 years; so sums of times fit.
const DURATION_SECONDS_MAX: f64 = 1e10;
/// Greatest time in ms, either side of 1970; so sums of times fit.
pub(super) const TIME_MAX: i64 = 1 << 53;

/// What an expression evaluates to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Scalar,
    String,
    Vector,
    Matrix,
}

impl Kind {
    /// As Prometheus names it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::String => "string",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
        }
    }
}

/// Parses a query.
pub(super) fn parse(query: &str) -> Result<Expr, QueryError> {
    check(query)?;
    add_functions();
    let expr = parser::parse(query).map_err(QueryError::BadData)?;
    if depth(&expr) > DEPTH_MAX {
        return Err(QueryError::BadData(format!("the query nests deeper than {DEPTH_MAX} expressions")));
    }
    Ok(expr)
}

/// The matchers of a selector.
pub(super) fn selectors(text: &str) -> Result<Vec<Vec<Matcher>>, QueryError> {
    match parse(text)? {
        Expr::VectorSelector(selector) if selector.offset.is_none() && selector.at.is_none() => {
            Ok(vec![matchers(&selector)?])
        }
        _ => Err(QueryError::BadData("expected a selector, as up{job=\"a\"}, and nothing else".to_owned())),
    }
}

/// What the expression evaluates to.
pub(super) fn kind(expr: &Expr) -> Kind {
    match expr.value_type() {
        ValueType::Scalar => Kind::Scalar,
        ValueType::String => Kind::String,
        ValueType::Vector => Kind::Vector,
        ValueType::Matrix => Kind::Matrix,
    }
}

/// The expression without the parentheses around it.
pub(super) fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Paren(paren) => bare(&paren.expr),
        other => other,
    }
}

/// Whether the order of its result is what the query asked for.
pub(super) fn is_ordered(expr: &Expr) -> bool {
    match bare(expr) {
        Expr::Call(call) => call.func.name.starts_with("sort"),
        Expr::Aggregate(aggregate) => matches!(aggregate.op.id(), token::T_TOPK | token::T_BOTTOMK),
        _ => false,
    }
}

/// The matchers of a selector, its name's first.
pub(super) fn matchers(selector: &VectorSelector) -> Result<Vec<Matcher>, QueryError> {
    if !selector.matchers.or_matchers.is_empty() {
        return Err(QueryError::BadData("\"or\" between matchers is not supported".to_owned()));
    }
    let name = selector.name.as_ref();
    let mut found: Vec<Matcher> = name
        .map(|name| Matcher { name: NAME.to_owned(), op: MatchOp::Equal(name.clone()) })
        .into_iter()
        .collect();
    for matcher in &selector.matchers.matchers {
        let op = match &matcher.op {
            Parsed::Equal => MatchOp::Equal(matcher.value.clone()),
            Parsed::NotEqual => MatchOp::NotEqual(matcher.value.clone()),
            Parsed::Re(regex) => MatchOp::Matches(with_newlines(regex)?),
            Parsed::NotRe(regex) => MatchOp::NotMatches(with_newlines(regex)?),
        };
        found.push(Matcher { name: matcher.name.clone(), op });
    }
    Ok(found)
}

/// An expression that matches all of a text, as Prometheus anchors them.
pub(super) fn anchored(regex: &str) -> Result<Regex, QueryError> {
    Regex::new(&format!("^(?s:{regex})$"))
        .map_err(|_| QueryError::Execution(format!("invalid regular expression: {regex}")))
}

/// The parser's expression is anchored already, but its dot does not match a new line.
fn with_newlines(regex: &Regex) -> Result<Regex, QueryError> {
    Regex::new(&format!("(?s){}", regex.as_str())).map_err(|e| QueryError::BadData(e.to_string()))
}

/// The time of an `@`, where the query begins and ends at `start` and `end`.
pub(super) fn at_ms(at: &AtModifier, start: i64, end: i64) -> i64 {
    match at {
        AtModifier::Start => start,
        AtModifier::End => end,
        AtModifier::At(time) => match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => duration_ms(after),
            Err(before) => -duration_ms(before.duration()),
        },
    }
}

/// An offset, in ms into the past.
pub(super) fn offset_ms(offset: Option<&Offset>) -> i64 {
    match offset {
        None => 0,
        Some(Offset::Pos(offset)) => duration_ms(*offset),
        Some(Offset::Neg(offset)) => -duration_ms(*offset),
    }
}

/// A duration, in ms.
pub(super) fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(TIME_MAX).min(TIME_MAX)
}

/// Prometheus renamed `holt_winters`; dashboards have not.
fn add_functions() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let arguments = vec![ValueType::Matrix, ValueType::Scalar, ValueType::Scalar];
        let old_name = Function::new("holt_winters", arguments, 0, ValueType::Vector, false);
        // It fails for a name that the parser knows by itself: then there is nothing to add.
        let _ = parser::register_extra_functions(vec![old_name]);
    });
}

fn depth(expr: &Expr) -> usize {
    1 + match expr {
        Expr::Aggregate(one) => depth(&one.expr).max(one.param.as_ref().map_or(0, |param| depth(param))),
        Expr::Unary(one) => depth(&one.expr),
        Expr::Binary(one) => depth(&one.lhs).max(depth(&one.rhs)),
        Expr::Paren(one) => depth(&one.expr),
        Expr::Subquery(one) => depth(&one.expr),
        Expr::Call(one) => one.args.args.iter().map(|arg| depth(arg)).max().unwrap_or(0),
        _ => 0,
    }
}

/// Refuses what the parser cannot stand.
fn check(query: &str) -> Result<(), QueryError> {
    let bad = |why: String| Err(QueryError::BadData(why));
    if query.len() > QUERY_BYTES_MAX {
        return bad(format!("the query is longer than {QUERY_BYTES_MAX} bytes"));
    }
    let mut rest = query;
    let (mut count, mut in_brackets, mut wants_duration) = (0, false, false);
    while let Some(token) = next_token(&mut rest) {
        count += 1;
        if count > TOKENS_MAX {
            return bad(format!("the query has more than {TOKENS_MAX} words and signs"));
        }
        if has_byte_escape(token) {
            return bad(format!("an escape of a byte that is not ASCII in {token}: write the character"));
        }
        match token {
            "[" => (in_brackets, wants_duration) = (true, true),
            "]" => (in_brackets, wants_duration) = (false, false),
            ":" => wants_duration = in_brackets,
            "+" | "-" => {}
            word if wants_duration && !is_duration(word) => return bad(format!("bad duration: {word}")),
            word => wants_duration = word.eq_ignore_ascii_case("offset"),
        }
    }
    Ok(())
}

/// Whether the parser can make a duration, or an error, of the word.
fn is_duration(word: &str) -> bool {
    word.parse::<f64>().map_or(true, |seconds| (0.0..=DURATION_SECONDS_MAX).contains(&seconds))
}

/// `\xff`: Prometheus makes the byte of it, the parser a character.
fn has_byte_escape(token: &str) -> bool {
    token.starts_with(['"', '\''])
        && token.match_indices("\\x").any(|(i, _)| token.as_bytes().get(i + 2).is_some_and(|&c| c > b'7'))
}

/// Takes a text in quotes, a word or a number, or else one character.
fn next_token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    loop {
        *rest = rest.trim_start();
        if !rest.starts_with('#') {
            break;
        }
        *rest = rest.find(['\n', '\r']).map_or("", |end| &rest[end..]);
    }
    let first = rest.chars().next()?;
    let len = match first {
        '"' | '\'' | '`' => quoted_len(rest, first),
        _ if is_word(first) => word_len(rest),
        _ => first.len_utf8(),
    };
    let (token, after) = rest.split_at(len);
    *rest = after;
    Some(token)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn quoted_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return i + 1,
            _ => {}
        }
    }
    text.len()
}

/// Of a word; of a number with the sign of its exponent.
fn word_len(text: &str) -> usize {
    let len = |text: &str| text.find(|c| !is_word(c)).unwrap_or(text.len());
    let whole = len(text);
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if is_number && text[..whole].ends_with(['e', 'E']) && text[whole..].starts_with(['+', '-']) {
        return whole + 1 + len(&text[whole + 1..]);
    }
    whole
}
