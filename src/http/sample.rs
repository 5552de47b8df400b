//! Counting what a sample of records says: names of fields, values of a field. Bounded in memory: so many distinct ones, each
//! of so many bytes; what goes beyond is not counted, and the sample says that it is not all.

use logweir_base::parse::{Number, Parser, Record, RecordView, Value};
use logweir_base::pattern::PatternId;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;

/// Distinct names at most.
const NAMES_MAX: usize = 2_000;
/// Distinct values at most.
const VALUES_MAX: usize = 10_000;
/// A field with a longer name is not listed: nobody types it.
const NAME_BYTES_MAX: usize = 256;
/// A longer value is cut.
const VALUE_BYTES_MAX: usize = 256;
/// Names of a query that stand for a part of a record, whatever its key.
const WELL_KNOWN: [(&str, Part); 6] = [
    ("level", Part::Level),
    ("service", Part::Service),
    ("host", Part::Host),
    ("user", Part::User),
    ("trace", Part::Trace),
    ("file", Part::File),
];

/// A part that a record has of its own or from its source.
#[derive(Debug, Clone, Copy)]
enum Part {
    Level,
    Service,
    Host,
    User,
    Trace,
    File,
}

impl Part {
    /// What the record says of it; empty when nothing.
    fn of<'a>(self, view: &RecordView<'a>, record: &'a Record) -> Cow<'a, str> {
        match self {
            Self::Level => Cow::Borrowed(view.severity.text()),
            Self::Service => Cow::Borrowed(view.service),
            Self::Host => Cow::Borrowed(&record.host),
            Self::User => Cow::Borrowed(record.user.as_deref().unwrap_or_default()),
            Self::Trace => Cow::Borrowed(record.trace_id.as_deref().unwrap_or_default()),
            Self::File => Cow::Borrowed(&view.resource.path),
        }
    }
}

fn well_known(name: &str) -> Option<Part> {
    WELL_KNOWN.iter().find(|(known, _)| *known == name).map(|&(_, part)| part)
}

/// A field that records have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct NameCount {
    pub(super) name: String,
    /// How many have it.
    pub(super) records: u64,
    /// Whether all its values are numbers, so that ranges make sense.
    pub(super) numeric: bool,
    /// The first value seen.
    pub(super) example: String,
}

/// Counts the fields of records.
#[derive(Default)]
pub(super) struct Names {
    prefix: String,
    seen: HashMap<String, Seen>,
    parser: Parser,
    records: u64,
    left_out: bool,
}

struct Seen {
    records: u64,
    /// The record that had it last, so that an array counts once.
    latest: u64,
    numeric: bool,
    example: String,
}

impl Names {
    /// Of names that begin with `prefix`, in whatever case.
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_lowercase(), ..Self::default() }
    }

    /// One more record.
    pub(super) fn take(&mut self, view: &RecordView<'_>) {
        self.records += 1;
        let mut parser = std::mem::take(&mut self.parser);
        let record = Record::of(view, &mut parser);
        for (name, part) in WELL_KNOWN {
            self.count(name, Value::Str(&part.of(view, &record)));
        }
        parser.each_field(view, |path, value| {
            if well_known(path).is_none() {
                self.count(path, value);
            }
        });
        for (name, value) in view.resource.labels.iter().filter(|(name, _)| well_known(name).is_none()) {
            self.count(name, Value::Str(value));
        }
        self.parser = parser;
    }

    fn count(&mut self, name: &str, value: Value<'_>) {
        if matches!(value, Value::Null | Value::Str("")) || !begins_with(name, &self.prefix) {
            return;
        }
        if let Some(seen) = self.seen.get_mut(name) {
            seen.records += u64::from(seen.latest != self.records);
            seen.latest = self.records;
            seen.numeric &= Number::of(value).is_some();
            return;
        }
        if self.seen.len() == NAMES_MAX || name.len() > NAME_BYTES_MAX {
            self.left_out = true;
            return;
        }
        let seen = Seen {
            records: 1,
            latest: self.records,
            numeric: Number::of(value).is_some(),
            example: cut(&text_of(value)),
        };
        self.seen.insert(name.to_owned(), seen);
    }

    /// Records counted.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// Whether there were more than could be counted.
    pub(super) fn left_out(&self) -> bool {
        self.left_out
    }

    /// The well-known ones first, then the most frequent.
    pub(super) fn into_sorted(self) -> Vec<NameCount> {
        let named = |(name, seen): (String, Seen)| {
            let Seen { records, numeric, example, .. } = seen;
            NameCount { name, records, numeric, example }
        };
        let mut names: Vec<NameCount> = self.seen.into_iter().map(named).collect();
        let place = |name: &str| WELL_KNOWN.iter().position(|(known, _)| *known == name);
        names.sort_by(|a, b| {
            let known = |it: &NameCount| place(&it.name).unwrap_or(WELL_KNOWN.len());
            known(a).cmp(&known(b)).then(b.records.cmp(&a.records)).then_with(|| a.name.cmp(&b.name))
        });
        names
    }
}

/// A value that records have in a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ValueCount {
    pub(super) value: String,
    /// How many have it.
    pub(super) records: u64,
}

/// Counts the values of one field.
pub(super) struct Values {
    field: String,
    prefix: String,
    /// How many records, and the latest of them.
    seen: HashMap<String, (u64, u64)>,
    parser: Parser,
    sampled: u64,
    with_field: u64,
    left_out: bool,
}

impl Values {
    /// Of values of `field` that begin with `prefix`, in whatever case.
    pub(super) fn new(field: &str, prefix: &str) -> Self {
        Self {
            field: field.to_owned(),
            prefix: prefix.to_lowercase(),
            seen: HashMap::new(),
            parser: Parser::new(),
            sampled: 0,
            with_field: 0,
            left_out: false,
        }
    }

    /// One more record.
    pub(super) fn take(&mut self, view: &RecordView<'_>) {
        self.sampled += 1;
        let (mut parser, field) = (std::mem::take(&mut self.parser), std::mem::take(&mut self.field));
        let mut any = false;
        let mut count = |text: &str| {
            any |= !text.is_empty();
            self.count(text);
        };
        match well_known(&field) {
            Some(part) => count(&part.of(view, &Record::of(view, &mut parser))),
            None if field == "pattern" && view.pattern != PatternId::NONE => count(&view.pattern.to_string()),
            None => {
                parser.each_field(view, |path, value| {
                    if path == field {
                        count(&text_of(value));
                    }
                });
                view.resource.labels.get(&field).into_iter().for_each(|label| count(label));
            }
        }
        self.with_field += u64::from(any);
        (self.parser, self.field) = (parser, field);
    }

    fn count(&mut self, text: &str) {
        if text.is_empty() || !begins_with(text, &self.prefix) {
            return;
        }
        let text = cut(text);
        if let Some((records, latest)) = self.seen.get_mut(&text) {
            *records += u64::from(*latest != self.sampled);
            *latest = self.sampled;
        } else if self.seen.len() == VALUES_MAX {
            self.left_out = true;
        } else {
            self.seen.insert(text, (1, self.sampled));
        }
    }

    /// Records looked at.
    pub(super) fn sampled(&self) -> u64 {
        self.sampled
    }

    /// Those of them that have the field.
    pub(super) fn with_field(&self) -> u64 {
        self.with_field
    }

    /// Whether there were more than could be counted.
    pub(super) fn left_out(&self) -> bool {
        self.left_out
    }

    /// The most frequent first.
    pub(super) fn into_sorted(self) -> Vec<ValueCount> {
        let counted = |(value, (records, _))| ValueCount { value, records };
        let mut values: Vec<ValueCount> = self.seen.into_iter().map(counted).collect();
        values.sort_by(|a, b| b.records.cmp(&a.records).then_with(|| a.value.cmp(&b.value)));
        values
    }
}

/// Whether `text` begins with `prefix`, which is lower-cased, in whatever case.
fn begins_with(text: &str, prefix: &str) -> bool {
    let mut lower = text.chars().flat_map(char::to_lowercase);
    prefix.chars().all(|c| lower.next() == Some(c))
}

fn text_of(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Null => Cow::Borrowed(""),
        Value::Str(text) => Cow::Borrowed(text),
        Value::I64(n) => Cow::Owned(n.to_string()),
        Value::U64(n) => Cow::Owned(n.to_string()),
        Value::F64(n) => Cow::Owned(n.to_string()),
        Value::Bool(b) => Cow::Borrowed(if b { "true" } else { "false" }),
    }
}

/// A long text's beginning, with an ellipsis.
fn cut(text: &str) -> String {
    if text.len() <= VALUE_BYTES_MAX {
        return text.to_owned();
    }
    let ends = text.char_indices().map(|(at, _)| at);
    let end = ends.take_while(|&at| at <= VALUE_BYTES_MAX).last().unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::super::testing::with_view;
    use super::*;

    const LINES: [&str; 3] = [
        r#"{"level":"ERROR","service":"cart","user_id":"u1","took":5,"tags":["a","b"],"status":"200","n":null}"#,
        r#"{"level":"info","service":"cart","took":"fast","tags":["b","b"],"status":404,"host":"web-9"}"#,
        "2026-11-23T10:15:00Z INFO paid order=17",
    ];

    #[test]
    fn names_are_counted_once_a_record() {
        let mut names = Names::new("");
        LINES.iter().for_each(|line| with_view(line, |view| names.take(view)));
        assert_eq!((names.records(), names.left_out()), (3, false));
        let found = names.into_sorted();
        let check = |name: &str, expected: Option<(u64, bool, &str)>| {
            let found = found.iter().find(|it| it.name == name);
            assert_eq!(found.map(|it| (it.records, it.numeric, it.example.as_str())), expected, "{name}");
        };
        check("level", Some((3, false, "ERROR")));
        check("service", Some((3, false, "cart")));
        check("host", Some((3, false, "h1")));
        check("user", Some((1, false, "u1")));
        check("user_id", Some((1, false, "u1")));
        check("trace", None);
        check("file", Some((3, false, "/a.log")));
        check("took", Some((2, false, "5")));
        check("status", Some((2, true, "200")));
        check("tags", Some((2, false, "a")));
        check("order", Some((1, true, "17")));
        check("team", Some((3, false, "shop")));
        check("n", None);
        let order: Vec<&str> = found.iter().take(5).map(|it| it.name.as_str()).collect();
        assert_eq!(order, ["level", "service", "host", "user", "file"]);
    }

    #[test]
    fn a_prefix_narrows_names() {
        let mut names = Names::new("STA");
        LINES.iter().for_each(|line| with_view(line, |view| names.take(view)));
        let found: Vec<String> = names.into_sorted().into_iter().map(|it| it.name).collect();
        assert_eq!(found, ["status"]);
    }

    #[test]
    fn values_of_parts_attributes_and_labels() {
        let check = |field: &str, prefix: &str, with_field: u64, expected: &[(&str, u64)]| {
            let mut values = Values::new(field, prefix);
            LINES.iter().for_each(|line| with_view(line, |view| values.take(view)));
            assert_eq!((values.sampled(), values.with_field()), (3, with_field), "{field}");
            let found = values.into_sorted();
            let found: Vec<_> = found.iter().map(|it| (it.value.as_str(), it.records)).collect();
            assert_eq!(found, expected, "{field}");
        };
        check("level", "", 3, &[("INFO", 2), ("ERROR", 1)]);
        check("level", "E", 3, &[("ERROR", 1)]);
        check("host", "", 3, &[("h1", 2), ("web-9", 1)]);
        check("user", "", 1, &[("u1", 1)]);
        check("tags", "", 2, &[("b", 2), ("a", 1)]);
        check("took", "", 2, &[("5", 1), ("fast", 1)]);
        check("team", "", 3, &[("shop", 3)]);
        check("nothing", "", 0, &[]);
    }

    #[test]
    fn memory_is_bounded() {
        let (mut names, mut values) = (Names::new(""), Values::new("id", ""));
        for n in 0..VALUES_MAX + 10 {
            with_view(&format!("{{\"field{n}\":1,\"id\":{n}}}"), |view| {
                names.take(view);
                values.take(view);
            });
        }
        assert!(names.left_out() && values.left_out());
        assert_eq!((names.into_sorted().len(), values.into_sorted().len()), (NAMES_MAX, VALUES_MAX));
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "é".repeat(200);
        assert_eq!(cut(&long), format!("{}…", "é".repeat(128)));
        assert_eq!(cut("short"), "short");
    }
}
