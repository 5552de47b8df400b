//! Series in promtool's notation: `name{label="value"}`, and values such as `1 1+1x10 _x3`.

use logweir_base::metric::{Kind, Labels};

/// Values of one series, so that a typo in a repetition does not fill the memory.
const VALUES_MAX: usize = 1_000_000;

/// Name and labels of a series.
pub fn labels(text: &str) -> Result<Labels, String> {
    let text = text.trim();
    let (name, inside) = match text.split_once('{') {
        None => (text, ""),
        Some((name, rest)) => {
            (name.trim(), rest.strip_suffix('}').ok_or("a series ends with `}`: up{job=\"shop\"}")?)
        }
    };
    if name.is_empty() {
        return Err("a series has a name: up{job=\"shop\"}".to_owned());
    }
    let mut pairs = vec![("__name__".to_owned(), name.to_owned())];
    let mut rest = inside.trim();
    while !rest.is_empty() {
        let (label, after) = rest.split_once('=').ok_or("a label is written name=\"value\"")?;
        let (value, after) = quoted(after.trim_start())?;
        pairs.push((label.trim().to_owned(), value));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) => after.trim_start(),
            None if after.is_empty() => after,
            None => return Err(format!("a comma is missing before `{after}`")),
        };
    }
    Labels::of(&mut pairs).map_err(|e| e.reason().to_owned())
}

/// What is between quotes, and what stands behind them.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"').ok_or("a label's value stands in double quotes")?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 2..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c)) => value.push(c),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("a label's value has no end".to_owned())
}

/// What the points of a series of this name are.
pub fn kind_of(labels: &Labels) -> Kind {
    if labels.name().ends_with("_total") { Kind::Counter } else { Kind::Gauge }
}

/// Values one after the other; `None` where there is none.
pub fn values(text: &str) -> Result<Vec<Option<f64>>, String> {
    let mut all = Vec::new();
    for word in text.split_whitespace() {
        let (first, step, more) = word_of(word)
            .ok_or_else(|| format!("`{word}` is no value: there are 1.5, 1x3, 0+10x5, 9-1x3, _, _x3"))?;
        if all.len().saturating_add(more) >= VALUES_MAX {
            return Err(format!("more than {VALUES_MAX} values"));
        }
        all.extend((0..=more).map(|n| first.map(|first| first + step * n as f64)));
    }
    if all.is_empty() { Err("there are no values".to_owned()) } else { Ok(all) }
}

/// The first value, what is added each time, and how many follow. As promtool has it, `_x3` is three and `1x3` is four.
fn word_of(word: &str) -> Option<(Option<f64>, f64, usize)> {
    let (value, times) = match word.split_once('x') {
        None => (word, None),
        Some((value, times)) => (value, Some(times.parse::<usize>().ok()?)),
    };
    if value == "_" {
        return Some((None, 0.0, times.unwrap_or(1).checked_sub(1)?));
    }
    // A sign at the beginning, or behind an `e`, is part of a number.
    let is_step = |at: usize| at > 0 && !value[..at].ends_with(['e', 'E']);
    let split = value.char_indices().find(|&(at, c)| (c == '+' || c == '-') && is_step(at));
    match (split, times) {
        (None, times) => Some((Some(value.parse().ok()?), 0.0, times.unwrap_or(0))),
        (Some((at, _)), Some(times)) => {
            Some((Some(value[..at].parse().ok()?), value[at..].parse().ok()?, times))
        }
        (Some(_), None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_promtool() {
        let check = |text: &str, expected: &[f64]| {
            let found = values(text).expect(text);
            let found: Vec<f64> = found.into_iter().map(|value| value.unwrap_or(-99.0)).collect();
            assert_eq!(found, expected, "{text}");
        };
        const NONE: f64 = -99.0;
        check("1 2.5 -3", &[1.0, 2.5, -3.0]);
        check("0+10x3", &[0.0, 10.0, 20.0, 30.0]);
        check("9-2x2 7", &[9.0, 7.0, 5.0, 7.0]);
        check("-2-1x1", &[-2.0, -3.0]);
        check("1e+3 1e-1x1", &[1000.0, 0.1, 0.1]);
        check("7x2", &[7.0, 7.0, 7.0]);
        check("1 _ _x2 2", &[1.0, NONE, NONE, NONE, 2.0]);
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for text in ["", "a", "1x", "1+1", "_x0", "1x9999999999", "1+x3", "x3", "1x-1"] {
            assert!(values(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        /// A series that is written is read as what it is, whatever its labels say.
        #[test]
        fn what_is_written_is_read(value in ".*", text in ".*") {
            let written = Labels::of(&mut [("__name__", "up"), ("a", &value), ("z", "1")]);
            if let Ok(written) = written {
                let quoted = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let read = labels(&format!("up{{a=\"{quoted}\", z=\"1\"}}"));
                proptest::prop_assert_eq!(read, Ok(written));
            }
            // Nothing panics.
            let _ = (labels(&text), labels(&format!("up{{{text}}}")), values(&text));
        }
    }

    #[test]
    fn series_have_a_name_and_labels() {
        let check = |text: &str, expected: &str| {
            let found = labels(text).map_or_else(|e| format!("refused: {e}"), |labels| labels.to_string());
            assert_eq!(found, expected, "{text}");
        };
        check("up", "up");
        check(r#" up { job = "a" , x="b c" } "#, r#"up{job="a", x="b c"}"#);
        check(r#"up{job="a\"},",}"#, r#"up{job="a\"},"}"#);
        check("", "refused: a series has a name: up{job=\"shop\"}");
        check("up{job=a}", "refused: a label's value stands in double quotes");
        check(r#"up{job="a" x="b"}"#, r#"refused: a comma is missing before `x="b"`"#);
        check(r#"up{job="a}"#, "refused: a label's value has no end");
    }
}
