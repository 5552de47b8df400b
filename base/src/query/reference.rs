//! The meaning of a query written down as plainly as possible, over `serde_json` values: the oracle of the matcher.

use super::ast::{Bound, Expr, Term, Test};
use crate::parse::{Number, Parser, RecordView, Role, Said, Severity, canonical, looks_like_id, role_of};
use crate::pattern::PatternId;
use serde_json::Value;
use std::cmp::Ordering;
use std::ops::ControlFlow;

/// A line as the oracle sees it.
enum Line {
    Json(Vec<(String, Value)>),
    /// All of a text, and the fields that its layout finds in it: what these are is the reading's to say.
    Plain(String, Vec<(String, Value)>),
}

/// Whether `expr` matches.
pub(super) fn matches(expr: &Expr, view: &RecordView<'_>) -> bool {
    eval(expr, view, &read(view))
}

fn read(view: &RecordView<'_>) -> Line {
    let text = view.text;
    let object = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
    match serde_json::from_slice::<Value>(object) {
        Ok(Value::Object(fields)) => {
            let mut flat = Vec::new();
            for (key, value) in fields {
                flatten(key, value, &mut flat);
            }
            Line::Json(flat)
        }
        _ => read_text(view),
    }
}

fn read_text(view: &RecordView<'_>) -> Line {
    let (mut whole, mut fields) = (String::new(), Vec::new());
    Parser::new().each(view.text, view.layout, |said| {
        match said {
            Said::Text(text) => whole = text.to_owned(),
            Said::Field(path, crate::parse::Value::Str(text)) => {
                fields.push((path.to_owned(), Value::from(text)))
            }
            Said::Field(path, value) => panic!("no text: {path} {value:?}"),
        }
        ControlFlow::Continue(())
    });
    Line::Plain(whole, fields)
}

fn flatten(path: String, value: Value, out: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            fields.into_iter().for_each(|(key, value)| flatten(format!("{path}.{key}"), value, out));
        }
        Value::Array(elements) => elements.into_iter().for_each(|value| flatten(path.clone(), value, out)),
        Value::Null => {}
        scalar => out.push((path, scalar)),
    }
}

fn eval(expr: &Expr, view: &RecordView<'_>, line: &Line) -> bool {
    match expr {
        Expr::All => true,
        Expr::Not(inner) => !eval(inner, view, line),
        Expr::And(parts) => parts.iter().all(|part| eval(part, view, line)),
        Expr::Or(parts) => parts.iter().any(|part| eval(part, view, line)),
        Expr::Term(Term { field: None, test: Test::Since(time) }) => view.time >= *time,
        Expr::Term(Term { field: None, test: Test::Until(time) }) => view.time < *time,
        Expr::Term(Term { field: None, test }) => bare(test, line),
        Expr::Term(Term { field: Some(field), test }) => of_field(field, test, view, line),
    }
}

fn bare(test: &Test, line: &Line) -> bool {
    let (Test::Words(text) | Test::Prefix(text)) = test else {
        return false;
    };
    match line {
        Line::Plain(plain, fields) => {
            scalar(test, &Value::String(plain.clone())) || bare_in_fields(test, text, fields)
        }
        Line::Json(fields) => bare_in_fields(test, text, fields),
    }
}

fn bare_in_fields(test: &Test, text: &str, fields: &[(String, Value)]) -> bool {
    fields.iter().any(|(path, value)| match role_of(path) {
        Role::Body | Role::Exception => scalar(test, value),
        Role::Trace | Role::Span | Role::Request => {
            matches!(test, Test::Words(_)) && looks_like_id(text) && same_id(text, value)
        }
        _ => false,
    })
}

fn of_field(field: &str, test: &Test, view: &RecordView<'_>, line: &Line) -> bool {
    match (field, test) {
        ("level", _) if level(test, view.severity).is_some() => level(test, view.severity) == Some(true),
        ("pattern", Test::Words(text)) if text.parse::<PatternId>().is_ok() => {
            text.parse() == Ok(view.pattern)
        }
        ("service", _) => scalar(test, &Value::from(view.service)),
        ("trace", Test::Words(text)) if canonical(text, &mut Vec::new()).is_some() => trace(text, line),
        _ => fields(field, view, line)
            .iter()
            .any(|(path, value)| selects(field, test, path) && scalar(test, value)),
    }
}

fn trace(text: &str, line: &Line) -> bool {
    let id = canonical(text, &mut Vec::new()).map(<[u8]>::to_vec).unwrap_or_default();
    match line {
        Line::Plain(plain, _) if is_hex(&id) && adjacent(text, plain) => true,
        Line::Plain(_, fields) | Line::Json(fields) => fields.iter().any(|(path, value)| {
            matches!(role_of(path), Role::Trace | Role::Request) && same_id(text, value)
        }),
    }
}

fn is_hex(id: &[u8]) -> bool {
    id.len() >= 16 && id.iter().all(u8::is_ascii_hexdigit)
}

/// The fields a test on `field` may look at: the source's too, where they count.
fn fields(field: &str, view: &RecordView<'_>, line: &Line) -> Vec<(String, Value)> {
    let mut all = match line {
        Line::Json(fields) | Line::Plain(_, fields) => fields.clone(),
    };
    if !matches!(field, "user" | "trace" | "message" | "body") {
        all.push(("host".into(), Value::from(view.resource.host.as_str())));
        all.push(("file".into(), Value::from(view.resource.path.as_str())));
        all.extend(
            view.resource.labels.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))),
        );
    }
    all
}

fn selects(field: &str, test: &Test, path: &str) -> bool {
    match field {
        "user" => role_of(path) == Role::User,
        "host" => role_of(path) == Role::Host,
        "trace" => role_of(path) == Role::Trace,
        "message" | "body" => role_of(path) == Role::Body,
        _ if *test == Test::Exists => path == field || path.starts_with(&format!("{field}.")),
        _ => path == field,
    }
}

fn scalar(test: &Test, value: &Value) -> bool {
    match test {
        Test::Exists => true,
        Test::Since(_) | Test::Until(_) => false,
        Test::Prefix(text) => matches!(value, Value::String(s) if begins(text, s)),
        Test::Regex(pattern) => {
            let text = match value {
                Value::String(s) => s.clone(),
                Value::Number(n) => match (n.as_i64(), n.as_u64(), n.as_f64()) {
                    (Some(n), ..) => n.to_string(),
                    (_, Some(n), _) => n.to_string(),
                    (.., n) => n.unwrap_or(0.0).to_string(),
                },
                other => other.to_string(),
            };
            regex::Regex::new(pattern).expect("generated").is_match(&text)
        }
        Test::Words(text) => match value {
            Value::String(s) if adjacent(text, s) => true,
            Value::Bool(b) => tokens(text) == [b.to_string()],
            _ => compare(value, text) == Some(Ordering::Equal),
        },
        Test::Range { low, high } => {
            let holds = |bound: &Option<Bound>, side| match bound {
                Some(Bound { text, inclusive }) => compare(value, text)
                    .is_some_and(|order| order == side || (*inclusive && order == Ordering::Equal)),
                None => number(value).is_some(),
            };
            holds(low, Ordering::Greater) && holds(high, Ordering::Less)
        }
    }
}

fn compare(value: &Value, text: &str) -> Option<Ordering> {
    number(value)?.compare(Number::from_text(text)?)
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::String(s) => Number::from_text(s),
        Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Some(Number::Int(n.into())),
            (_, Some(n)) => Some(Number::Int(n.into())),
            _ => n.as_f64().map(Number::Float),
        },
        _ => None,
    }
}

fn adjacent(words: &str, text: &str) -> bool {
    let (words, text) = (tokens(words), tokens(text));
    text.windows(words.len()).any(|window| window == words)
}

/// As `adjacent`, the last word being the beginning of one.
fn begins(words: &str, text: &str) -> bool {
    let (words, text) = (tokens(words), tokens(text));
    let (last, before) = words.split_last().expect("a word");
    text.windows(words.len())
        .any(|window| &window[..before.len()] == before && window[before.len()].starts_with(last.as_str()))
}

fn tokens(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .map(|word| word.chars().flat_map(char::to_lowercase).collect())
        .collect()
}

fn same_id(text: &str, value: &Value) -> bool {
    let own = match value {
        Value::String(s) => s.clone(),
        Value::Number(n) if n.is_u64() => n.to_string(),
        _ => return false,
    };
    canonical(text, &mut Vec::new()) == canonical(&own, &mut Vec::new())
}

/// `None` when the test does not speak of levels.
fn level(test: &Test, severity: Severity) -> Option<bool> {
    let named = |text: &str| Severity::from_value(crate::parse::Value::Str(text));
    let class_name = |wanted: Severity| wanted.0 % 4 == 1;
    // Where `severity` stands to the class or the number that `text` names.
    let order = |text: &str| {
        named(text).map(|wanted| match class_name(wanted) {
            true => severity.class().cmp(&wanted.class()),
            false => severity.cmp(&wanted),
        })
    };
    let specified = severity != Severity::UNSPECIFIED;
    match test {
        Test::Prefix(_) | Test::Regex(_) | Test::Since(_) | Test::Until(_) => None,
        Test::Exists => Some(specified),
        Test::Words(text) => Some(order(text)? == Ordering::Equal && specified),
        Test::Range { low, high } => {
            let mut holds = specified;
            if let Some(Bound { text, inclusive }) = low {
                let order = order(text)?;
                holds &= order == Ordering::Greater || (*inclusive && order == Ordering::Equal);
            }
            if let Some(Bound { text, inclusive }) = high {
                let order = order(text)?;
                holds &= order == Ordering::Less || (*inclusive && order == Ordering::Equal);
            }
            Some(holds)
        }
    }
}
