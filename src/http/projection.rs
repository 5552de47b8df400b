//! Attributes beside the normal form: an export may ask for some, by the paths that queries use.
//!
//! A path that the record does not have is looked up in the labels of its source. One that stands in it several times, as the
//! elements of an array do, gives an array. At most [`PATHS_MAX`] paths; each record costs one more reading.

use super::params::BadParam;
use logweir_base::parse::{Parser, RecordView, Value as Said};
use serde_json::Value;
use std::collections::BTreeMap;

/// Paths at most: more columns than anybody looks at.
const PATHS_MAX: usize = 64;

/// Some attributes of one record after the other.
pub(super) struct Projection {
    paths: Vec<String>,
    values: BTreeMap<String, Value>,
}

impl Projection {
    /// Of paths with commas between them; empty for none.
    pub(super) fn read(text: &str) -> Result<Self, BadParam> {
        let mut paths: Vec<String> =
            text.split(',').map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned).collect();
        paths.sort_unstable();
        paths.dedup();
        if paths.len() > PATHS_MAX {
            let reason = format!("fields: {} are more than {PATHS_MAX}", paths.len());
            return Err(BadParam { reason, column: None });
        }
        Ok(Self { paths, values: BTreeMap::new() })
    }

    /// What this record has of them.
    pub(super) fn of(&mut self, view: &RecordView<'_>, parser: &mut Parser) -> &BTreeMap<String, Value> {
        self.values.clear();
        if self.paths.is_empty() {
            return &self.values;
        }
        let Self { paths, values } = self;
        parser.each_field(view, |path, said| {
            if paths.binary_search_by(|wanted| wanted.as_str().cmp(path)).is_ok()
                && let Some(value) = json_of(said)
            {
                add(values, path, value);
            }
        });
        for path in paths {
            if let Some(label) = view.resource.labels.get(path).filter(|_| !values.contains_key(path)) {
                add(values, path, Value::from(label.as_str()));
            }
        }
        values
    }
}

fn add(values: &mut BTreeMap<String, Value>, path: &str, value: Value) {
    match values.get_mut(path) {
        None => {
            values.insert(path.to_owned(), value);
        }
        Some(Value::Array(array)) => array.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

/// `null` is as if the field were missing.
fn json_of(said: Said<'_>) -> Option<Value> {
    match said {
        Said::Null => None,
        Said::Str(text) => Some(Value::from(text)),
        Said::I64(n) => Some(Value::from(n)),
        Said::U64(n) => Some(Value::from(n)),
        Said::F64(n) => Some(Value::from(n)),
        Said::Bool(b) => Some(Value::from(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::testing::with_view;

    #[track_caller]
    fn check(paths: &str, line: &str, expected: &str) {
        let mut projection = Projection::read(paths).expect("few paths");
        with_view(line, |view| {
            let values = projection.of(view, &mut Parser::new());
            assert_eq!(serde_json::to_string(values).expect("serialises"), expected, "{paths} of {line}");
        });
    }

    #[test]
    fn paths_are_those_of_queries() {
        let line =
            r#"{"http":{"status":502,"path":"/a"},"took.ms":1.5,"tags":["x","y",3],"ok":true,"no":null}"#;
        check("http.status, http.path", line, r#"{"http.path":"/a","http.status":502}"#);
        check("took.ms,ok,no,none", line, r#"{"ok":true,"took.ms":1.5}"#);
        check("tags,tags", line, r#"{"tags":["x","y",3]}"#);
        check("http", line, "{}");
        check("", line, "{}");
    }

    #[test]
    fn pairs_of_a_text_and_labels_of_a_source_are_attributes() {
        check("order,team", "paid order=17 in time", r#"{"order":"17","team":"shop"}"#);
        check("team", r#"{"team":"own"}"#, r#"{"team":"own"}"#);
    }

    #[test]
    fn too_many_are_refused() {
        let paths: Vec<String> = (0..65).map(|n| n.to_string()).collect();
        assert!(Projection::read(&paths.join(",")).is_err());
    }
}
