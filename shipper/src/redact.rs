//! Hides secrets before they leave the host: each match of a rule becomes `[name:xxxxxxxx]`, eight hex digits of a keyed
//! hash, so that equal secrets stay recognisable as equal. Offsets do not change; the line's text does.
//!
//! A rule's first capture group is what is hidden, or the whole match when there is none. JSON stays valid: inside a string
//! only characters of the string are replaced, and a bare number becomes a string.
//!
//! Limits: `regex` only, compiled size bounded; a secret that is cut by the 1 MiB part border of an over-long line, or
//! written with JSON escapes, is not seen.

use crate::config::ConfigError;
use logweir_base::batch::{BatchLine, LineMeta};
use regex::bytes::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64_with_secret;

/// Compiled size of one rule, in bytes.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// Names of the built-in rules and their expressions.
const BUILT_IN: [(&str, &str); 3] = [
    ("card", r"\b[0-9](?:[ -]?[0-9]){12,18}\b"),
    (
        "token",
        r#"(?i)\b(?:bearer\s+|(?:api[_-]?key|token|secret|password|passwd|authorization)["']?\s*[:=]\s*["']?)([A-Za-z0-9._~+/=-]{8,})"#,
    ),
    ("email", r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*\.[A-Za-z]{2,24}\b"),
];

/// One thing to hide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactRule {
    /// What replaces it is `[name:hash]`; lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// What to look for; without it the built-in of that name: `card` (with Luhn check), `token`, `email`.
    #[serde(default)]
    pub regex: Option<String>,
}

struct Rule {
    name: String,
    regex: Regex,
    luhn: bool,
    count: u64,
}

/// Compiled rules, their key and how often each has hit.
pub struct Redactor {
    rules: Vec<Rule>,
    secret: Vec<u8>,
    hits: Vec<(Range<usize>, usize)>,
}

/// A range of a line and the rule that hides it.
type Hit = (Range<usize>, usize);

impl Redactor {
    /// Compiles `rules`; `key` comes from the state directory. Errors name the rule.
    pub fn new(rules: &[RedactRule], key: &[u8; 32]) -> Result<Self, ConfigError> {
        let rules = rules.iter().map(compile).collect::<Result<_, _>>()?;
        // xxh3 wants a secret of at least 136 bytes.
        let secret = key.iter().copied().cycle().take(192).collect();
        Ok(Self { rules, secret, hits: Vec::new() })
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Hits so far, by rule.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.rules.iter().map(|rule| (rule.name.as_str(), rule.count))
    }

    /// The text of `lines` with secrets hidden; `None` when there were none. Lines that changed get their own text
    /// length. Lines that would make the text longer than `text_max` are left out; at least one stays.
    pub fn apply(&mut self, text: &[u8], lines: &mut Vec<BatchLine>, text_max: usize) -> Option<Vec<u8>> {
        if !self.rules.iter().any(|rule| rule.regex.is_match(text)) {
            return None;
        }
        let mut out = Vec::with_capacity(text.len() + text.len() / 8);
        let mut at = 0;
        for i in 0..lines.len() {
            let line = &text[at..at + lines[i].range_len as usize];
            let begun = out.len();
            self.redact_line(line, &mut out, text_max);
            if out.len() > text_max {
                out.truncate(begun);
                lines.truncate(i);
                break;
            }
            if out[begun..] != *line {
                lines[i].text_len = u32::try_from(out.len() - begun).expect("at most text_max");
                lines[i].meta.0 |= LineMeta::TEXT_LEN;
            }
            at += line.len();
        }
        Some(out)
    }

    fn redact_line(&mut self, line: &[u8], out: &mut Vec<u8>, text_max: usize) {
        let mut hits = std::mem::take(&mut self.hits);
        self.find(line, &mut hits);
        let begun = out.len();
        match line.iter().find(|b| !b.is_ascii_whitespace()) {
            _ if hits.is_empty() => out.extend_from_slice(line),
            Some(b'{' | b'[') => self.replace_json(line, &hits, out),
            _ => self.replace_plain(line, &hits, out),
        }
        if out.len() - begun > text_max {
            // Thousands of short matches in one long line; then the line is one secret.
            out.truncate(begun);
            self.put_token(hits[0].1, line, out);
            out.push(b'\n');
        }
        self.hits = hits;
    }

    /// Ranges to hide, ascending, disjoint.
    fn find(&mut self, line: &[u8], hits: &mut Vec<Hit>) {
        hits.clear();
        for (number, rule) in self.rules.iter_mut().enumerate() {
            for found in rule.regex.captures_iter(line) {
                let range = found.get(1).or(found.get(0)).expect("group 0 always matches").range();
                if !range.is_empty() && (!rule.luhn || luhn(&line[range.clone()])) {
                    rule.count += 1;
                    hits.push((range, number));
                }
            }
        }
        hits.sort_by_key(|(range, _)| range.start);
        hits.dedup_by(|later, earlier| {
            let overlap = later.0.start < earlier.0.end;
            if overlap {
                earlier.0.end = earlier.0.end.max(later.0.end);
            }
            overlap
        });
    }

    fn replace_plain(&self, line: &[u8], hits: &[Hit], out: &mut Vec<u8>) {
        let mut at = 0;
        for (range, rule) in hits {
            // The newline is the line's end and never part of a secret.
            let end = if line[range.clone()].ends_with(b"\n") { range.end - 1 } else { range.end };
            out.extend_from_slice(&line[at..range.start]);
            self.put_token(*rule, &line[range.start..end], out);
            at = end;
        }
        out.extend_from_slice(&line[at..]);
    }

    /// Replaces per JSON token: the hit part of a string, the whole of a bare value; punctuation stays.
    fn replace_json(&self, line: &[u8], hits: &[Hit], out: &mut Vec<u8>) {
        let mut at = 0;
        while at < line.len() {
            match line[at] {
                b'"' => {
                    let end = string_end(line, at + 1);
                    out.push(b'"');
                    self.replace_in_string(line, at + 1..end, hits, out);
                    at = end;
                    if line.get(at) == Some(&b'"') {
                        out.push(b'"');
                        at += 1;
                    }
                }
                b'{' | b'}' | b'[' | b']' | b':' | b',' | b' ' | b'\t' | b'\r' | b'\n' => {
                    out.push(line[at]);
                    at += 1;
                }
                _ => {
                    let bare = line[at..].iter().take_while(|b| !b"{}[]:, \t\r\n\"".contains(b)).count();
                    let token = at..at + bare;
                    match overlapping(hits, token.clone()).next() {
                        Some((_, rule)) => {
                            out.push(b'"');
                            self.put_token(*rule, &line[token], out);
                            out.push(b'"');
                        }
                        None => out.extend_from_slice(&line[token]),
                    }
                    at += bare;
                }
            }
        }
    }

    fn replace_in_string(&self, line: &[u8], string: Range<usize>, hits: &[Hit], out: &mut Vec<u8>) {
        let mut at = string.start;
        for (range, rule) in overlapping(hits, string.clone()) {
            let start = escape_start(line, string.start, range.start.max(at));
            let end = escape_end(line, string.start, range.end.min(string.end), string.end);
            out.extend_from_slice(&line[at..start.max(at)]);
            self.put_token(*rule, &line[start.max(at)..end], out);
            at = end;
        }
        out.extend_from_slice(&line[at..string.end]);
    }

    fn put_token(&self, rule: usize, secret: &[u8], out: &mut Vec<u8>) {
        let hash = xxh3_64_with_secret(secret, &self.secret) as u32;
        out.extend_from_slice(format!("[{}:{hash:08x}]", self.rules[rule].name).as_bytes());
    }
}

fn compile(rule: &RedactRule) -> Result<Rule, ConfigError> {
    let name = &rule.name;
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    if name.is_empty() || name.len() > 32 || !name.bytes().all(legal) {
        let why = format!("redact: name `{}` must be 1 to 32 of a-z, 0-9, _ and -", name.escape_debug());
        return Err(ConfigError(why));
    }
    let built_in = BUILT_IN.iter().find(|(built_in, _)| built_in == name);
    let text = match (&rule.regex, built_in) {
        (Some(regex), _) => regex.as_str(),
        (None, Some((_, regex))) => regex,
        (None, None) => {
            return Err(ConfigError(format!(
                "redact `{name}` needs a regex: built in are card, token, email"
            )));
        }
    };
    let regex = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    let regex = regex.map_err(|e| ConfigError(format!("redact `{name}`: {e}")))?;
    if regex.is_match(b"") {
        return Err(ConfigError(format!("redact `{name}`: the expression matches the empty text")));
    }
    Ok(Rule { name: name.clone(), regex, luhn: name == "card" && rule.regex.is_none(), count: 0 })
}

fn overlapping(hits: &[Hit], range: Range<usize>) -> impl Iterator<Item = &Hit> {
    hits.iter().filter(move |(hit, _)| hit.start < range.end && range.start < hit.end)
}

/// Index of the quote that ends the string whose content begins at `at`, or the line's end.
fn string_end(line: &[u8], mut at: usize) -> usize {
    while at < line.len() && line[at] != b'"' && line[at] != b'\n' {
        at += if line[at] == b'\\' { 2 } else { 1 };
    }
    at.min(line.len())
}

/// Start of the escape sequence that `at` lies in, or `at`.
fn escape_start(line: &[u8], string_start: usize, at: usize) -> usize {
    let mut from = string_start;
    while from < at {
        let len = escape_len(line, from);
        if from + len > at {
            return from;
        }
        from += len;
    }
    at
}

/// End of the escape sequence that `at` lies in, or `at`; never past `string_end`.
fn escape_end(line: &[u8], string_start: usize, at: usize, string_end: usize) -> usize {
    let start = escape_start(line, string_start, at);
    if start == at { at } else { (start + escape_len(line, start)).min(string_end) }
}

fn escape_len(line: &[u8], at: usize) -> usize {
    match (line[at], line.get(at + 1)) {
        (b'\\', Some(b'u')) => 6,
        (b'\\', Some(_)) => 2,
        _ => 1,
    }
}

/// The check digit of payment cards.
fn luhn(text: &[u8]) -> bool {
    let digits = text.iter().rev().filter(|b| b.is_ascii_digit()).map(|b| u32::from(b - b'0'));
    let sum: u32 = digits
        .enumerate()
        .map(|(i, digit)| match (i % 2, digit * 2) {
            (0, _) => digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor(rules: &[(&str, Option<&str>)]) -> Redactor {
        let rules: Vec<_> = (rules.iter())
            .map(|(name, regex)| RedactRule { name: (*name).to_owned(), regex: regex.map(str::to_owned) })
            .collect();
        Redactor::new(&rules, &[7; 32]).expect("compiles")
    }

    fn built_in() -> Redactor {
        redactor(&[("card", None), ("token", None), ("email", None)])
    }

    fn one_line(redactor: &mut Redactor, line: &[u8]) -> Vec<u8> {
        let len = line.len() as u32;
        let mut lines = vec![BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }];
        let out = redactor.apply(line, &mut lines, 1 << 20).unwrap_or_else(|| line.to_vec());
        assert_eq!(lines[0].range_len, len);
        assert_eq!(lines[0].text_len as usize, out.len());
        out
    }

    /// Replaces the hash digits, which depend on the key.
    fn shape(text: &[u8]) -> String {
        let digits = Regex::new(":[0-9a-f]{8}]").expect("compiles");
        String::from_utf8_lossy(&digits.replace_all(text, &b":#]"[..])).into_owned()
    }

    #[test]
    fn what_is_hidden_and_what_is_not() {
        for (line, expected) in [
            ("paid with 4111 1111 1111 1111 ok\n", "paid with [card:#] ok\n"),
            ("order 4111111111111112 ok\n", "order 4111111111111112 ok\n"),
            ("{\"card\": 4111111111111111, \"n\": 1}\n", "{\"card\": \"[card:#]\", \"n\": 1}\n"),
            ("mail a.b@example.org, bye\n", "mail [email:#], bye\n"),
            ("{\"to\":\"\\\"a@example.org\\\"\"}\n", "{\"to\":\"\\\"[email:#]\\\"\"}\n"),
            ("Authorization: Bearer abcdef123456\n", "Authorization: Bearer [token:#]\n"),
            ("{\"password\":\"hunter2hunter2\"}\n", "{\"password\":\"[token:#]\"}\n"),
            ("nothing here\n", "nothing here\n"),
        ] {
            assert_eq!(shape(&one_line(&mut built_in(), line.as_bytes())), expected);
        }
    }

    #[test]
    fn equal_secrets_have_equal_tokens_and_are_counted() {
        let mut redactor = built_in();
        let out = one_line(&mut redactor, b"a@example.org b@example.org a@example.org\n");
        let out = String::from_utf8(out).expect("text");
        let tokens: Vec<_> = out.split_whitespace().collect();
        assert_eq!(tokens[0], tokens[2]);
        assert_ne!(tokens[0], tokens[1]);
        assert_eq!(redactor.counts().find(|(name, _)| *name == "email"), Some(("email", 3)));
    }

    #[test]
    fn m04_bad_rules_are_refused_with_their_name() {
        for (name, regex) in
            [("Up", Some("x")), ("none", None), ("empty", Some("x*")), ("big", Some("(a{500}){500}"))]
        {
            let rule = RedactRule { name: name.to_owned(), regex: regex.map(str::to_owned) };
            let error = Redactor::new(&[rule], &[0; 32]).err().expect("refused");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(serde_json::Value::from),
            Just(serde_json::Value::from(4_111_111_111_111_111_u64)),
            "[ -~\\n\"\\\\é]{0,20}".prop_map(serde_json::Value::from),
            "[a-c]{1,3}@[a-c]{1,3}\\.com".prop_map(serde_json::Value::from),
            any::<bool>().prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[a-z\"\\\\]{0,6}", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Even rules that match quotes and backslashes leave JSON that parses.
        #[test]
        fn json_stays_json(value in json_value(), wild in "[a-c.\"\\\\:,\\[\\]0-9 ]{1,4}") {
            let line = serde_json::json!({"v": value}).to_string() + "\n";
            let mut redactor = redactor(&[
                ("card", None), ("email", None), ("wild", Some(&regex::escape(&wild))), ("any", Some("b.{3}")),
            ]);
            let out = one_line(&mut redactor, line.as_bytes());
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok(), "{}", String::from_utf8_lossy(&out));
        }
    }
}
