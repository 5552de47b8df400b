//! The language of Prometheus' test scripts, read line by line.
//!
//! ```text
//! load 5m                                   series of samples, 5 minutes apart, from 0 on, up to an empty line
//!   name{label="v"} 1 _ stale 0+2x3 7x2     a value, none, a stale mark, 0 2 4 6, 7 7 7; {{...}} is a native histogram
//! clear
//! eval instant at 10m QUERY                 what a query gives, up to an empty line:
//!   expect fail|warn|no_warn|info|no_info|ordered|string ...
//!   name{label="v"} 3                       or a number alone, for a scalar
//! eval range from 0 to 10m step 1m QUERY
//! ```

use logweir_base::metric::Labels;
use logweir_rollup::promql::selectors;
use logweir_rollup::select::{MatchOp, STALE_BITS};
use std::sync::Arc;

/// A value in a line of values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item {
    Value(f64),
    None,
    Native,
}

/// A line of series and values.
#[derive(Clone, Debug)]
pub struct Line {
    pub labels: Arc<Labels>,
    pub items: Vec<Item>,
}

/// What an evaluation should give.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub fail: Option<String>,
    pub warn: Option<bool>,
    pub info: Option<bool>,
    pub is_ordered: bool,
    pub text: Option<String>,
    pub scalar: Option<f64>,
    pub lines: Vec<Line>,
    /// Of a query that is a range: the first time and the step.
    pub range: Option<(i64, i64)>,
    pub is_native: bool,
}

/// When a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub enum When {
    At(i64),
    Over { start: i64, end: i64, step: i64 },
}

/// A command of a script.
#[derive(Debug)]
pub enum Command {
    Clear,
    Load { step: i64, lines: Vec<Line>, has_nhcb: bool },
    Eval { line: usize, when: When, query: String, expected: Expected },
}

/// Reads a script; what it cannot read it says.
pub fn parse(text: &str) -> Vec<Command> {
    let lines: Vec<&str> =
        text.lines().map(|line| if line.trim_start().starts_with('#') { "" } else { line.trim() }).collect();
    let mut commands = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let head = lines[at];
        let body = lines[at + 1..].iter().take_while(|line| !line.is_empty()).count();
        let body = &lines[at + 1..at + 1 + body];
        let number = at + 1;
        at += 1;
        if head == "clear" {
            commands.push(Command::Clear);
        } else if let Some(step) = head.strip_prefix("load_with_nhcb ") {
            commands.push(load(step, body, true));
            at += body.len();
        } else if let Some(step) = head.strip_prefix("load ") {
            commands.push(load(step, body, false));
            at += body.len();
        } else if head.starts_with("eval") {
            commands.push(eval(number, head, body));
            at += body.len();
        } else {
            assert!(head.is_empty(), "line {number}: {head}");
        }
    }
    commands
}

fn load(step: &str, body: &[&str], has_nhcb: bool) -> Command {
    let lines = body.iter().filter(|line| !line.starts_with('@')).map(|line| series_line(line)).collect();
    Command::Load { step: duration(step), lines, has_nhcb }
}

fn eval(line: usize, head: &str, body: &[&str]) -> Command {
    let mut expected = Expected::default();
    let (kind, rest) = head.split_once(' ').expect("eval has words");
    match kind {
        "eval_fail" => expected.fail = Some(String::new()),
        "eval_warn" => expected.warn = Some(true),
        "eval_info" => expected.info = Some(true),
        "eval_ordered" => expected.is_ordered = true,
        _ => {}
    }
    let mut words = rest.trim().splitn(2, char::is_whitespace);
    let is_instant = words.next() == Some("instant");
    let mut rest = words.next().expect("eval has times").trim();
    let mut word = || {
        let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        rest = after.trim_start();
        word
    };
    let when = if is_instant {
        word();
        When::At(duration(word()))
    } else {
        let mut after = || {
            word();
            duration(word())
        };
        When::Over { start: after(), end: after(), step: after() }
    };
    body.iter().for_each(|line| expect(line, &mut expected));
    Command::Eval { line, when, query: rest.to_owned(), expected }
}

fn expect(line: &str, expected: &mut Expected) {
    let Some(what) = line.strip_prefix("expect ") else {
        match number(line) {
            Some(scalar) => expected.scalar = Some(scalar),
            None => {
                let line = series_line(line);
                expected.is_native |= line.items.contains(&Item::Native);
                expected.lines.push(line);
            }
        }
        return;
    };
    let (word, rest) = what.trim().split_once(char::is_whitespace).unwrap_or((what.trim(), ""));
    match word {
        "ordered" => expected.is_ordered = true,
        "warn" => expected.warn = Some(true),
        "no_warn" => expected.warn = Some(false),
        "info" => expected.info = Some(true),
        "no_info" => expected.info = Some(false),
        "string" => expected.text = Some(rest.trim().trim_matches(['"', '`']).to_owned()),
        "fail" => {
            expected.fail = Some(rest.trim().strip_prefix("msg:").unwrap_or_default().trim().to_owned())
        }
        "range" => {
            let words: Vec<&str> = rest.split_whitespace().collect();
            expected.range = Some((duration(words[2]), duration(words[6])));
        }
        other => panic!("expect {other}"),
    }
}

fn series_line(line: &str) -> Line {
    let end = match line.find('{').filter(|&open| !line[..open].contains(char::is_whitespace)) {
        Some(open) => open + closing(&line[open..]),
        None => line.find(char::is_whitespace).unwrap_or(line.len()),
    };
    let (series, values) = line.split_at(end);
    Line { labels: Arc::new(labels(series)), items: items(values) }
}

/// Where the brace that opens a text is closed.
fn closing(text: &str) -> usize {
    let (mut quote, mut escaped) = (None, false);
    for (i, c) in text.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c == '}' => return i + 1,
            None => {}
        }
    }
    text.len()
}

/// A series is written as a selector that only it passes.
fn labels(series: &str) -> Labels {
    let bare: String = series.chars().filter(|c| !c.is_whitespace()).collect();
    if bare == "{}" {
        return Labels::default();
    }
    let matchers = selectors(series).unwrap_or_else(|e| panic!("{series}: {e}")).remove(0);
    let mut pairs: Vec<(String, String)> = matchers
        .into_iter()
        .map(|one| match one.op {
            MatchOp::Equal(value) => (one.name, value),
            _ => panic!("{series} is no series"),
        })
        .collect();
    Labels::of(&mut pairs).expect("few and short")
}

fn items(text: &str) -> Vec<Item> {
    let mut items = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let mut depth = 0;
        let end = rest.find(|c: char| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0 && c.is_whitespace()
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        items.extend(item(word));
        rest = after.trim_start();
    }
    items
}

fn item(word: &str) -> Vec<Item> {
    let (what, times) =
        match word.rsplit_once('x').and_then(|(what, n)| Some((what, n.parse::<usize>().ok()?))) {
            Some((what, times)) => (what, Some(times)),
            None => (word, None),
        };
    if what.contains('{') {
        return vec![Item::Native; times.map_or(1, |times| times + 1)];
    }
    match (what, times) {
        ("_", _) => return vec![Item::None; times.unwrap_or(1)],
        ("stale", _) => return vec![Item::Value(f64::from_bits(STALE_BITS)); times.map_or(1, |n| n + 1)],
        _ => {}
    }
    let Some(times) = times else {
        return vec![Item::Value(number(what).unwrap_or_else(|| panic!("no number: {word}")))];
    };
    // The sign between two numbers is the last that does not follow another or an exponent.
    let sign =
        what.rmatch_indices(['+', '-']).map(|(i, _)| i).find(|&i| i > 0 && !what[..i].ends_with(['e', 'E']));
    let (first, by) = match (number(what), sign) {
        (Some(first), _) => (first, 0.0),
        (None, Some(sign)) => (number(&what[..sign]).expect(word), number(&what[sign..]).expect(word)),
        (None, None) => panic!("no numbers: {word}"),
    };
    let mut value = first;
    (0..=times)
        .map(|_| {
            let item = Item::Value(value);
            value += by;
            item
        })
        .collect()
}

/// A number as Prometheus writes it.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// `1h5m`, or seconds, in ms.
fn duration(text: &str) -> i64 {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds * 1000.0).round() as i64;
    }
    let units = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let (mut rest, mut sum) = (text, 0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).expect("a duration has units");
        let after = &rest[digits..];
        let unit = &after[..after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len())];
        let (_, ms) =
            units.iter().find(|(name, _)| *name == unit).unwrap_or_else(|| panic!("duration {text}"));
        sum += rest[..digits].parse::<i64>().expect("digits") * ms;
        rest = &after[unit.len()..];
    }
    sum
}
