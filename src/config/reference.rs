//! The commented reference, `config/logweir.toml`: every key with its doc comment. Keys with a default stand there with
//! it; the others, and lists, are commented out and show an example. The file itself is a valid configuration: the default.

use super::Config;
use schemars::schema_for;
use serde_json::Value;
use std::collections::BTreeSet;

const HEADER: &str = "\
# Reference configuration of logweir: every key, what it does, and its default.
# What is commented out has no default and shows an example. Generated from the source; see tests/config.rs.
#
# Several files (-c FILE, may be repeated) and directories (-c conf.d: its *.toml in name order) are read as one: a later
# single value wins, lists add up. Strings may hold ${VAR}, ${VAR:-default} and ${VAR:?reason}; $$ is a dollar sign.
# Sizes: 64KiB, 10MB. Spans of time: 500ms, 10s, 1h30m, 7d. Check with `logweir validate FILE`.
";

/// The text of the reference.
pub fn reference() -> String {
    let example = Config::example().to_toml();
    let default: toml::Table = Config::default().to_toml().parse().expect("what was written is read again");
    let schema = schema_for!(Config).to_value();
    let mut writer = Writer { schema: &schema, explained: BTreeSet::new(), out: HEADER.to_owned() };
    let mut section = String::new();
    let mut active = &default;
    let nothing = toml::Table::new();
    for line in example.lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']).to_owned();
            let found = section.split('.').try_fold(&default, |table, key| table.get(key)?.as_table());
            active = found.unwrap_or(&nothing);
            writer.section(line, &section, found.is_some());
        } else if let Some((key, value)) = line.split_once(" = ") {
            match active.get(key) {
                Some(default) => writer.key(&section, key, &default.to_string(), ""),
                None => writer.key(&section, key, value, "# "),
            }
        }
    }
    writer.out
}

struct Writer<'w> {
    schema: &'w Value,
    explained: BTreeSet<String>,
    out: String,
}

impl Writer<'_> {
    fn section(&mut self, line: &str, section: &str, active: bool) {
        self.out.push('\n');
        self.explain(section);
        let comment = if active { "" } else { "# " };
        self.out.push_str(&format!("{comment}{line}\n"));
    }

    fn key(&mut self, section: &str, key: &str, value: &str, comment: &str) {
        let path = if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
        if section.is_empty() {
            self.out.push('\n');
        }
        self.explain(&path);
        self.out.push_str(&format!("{comment}{key} = {value}\n"));
    }

    /// The doc comment of a key, the first time it comes.
    fn explain(&mut self, path: &str) {
        let Some(text) = description(self.schema, path).filter(|_| self.explained.insert(path.to_owned()))
        else {
            return;
        };
        for line in text.lines() {
            self.out.push_str(&format!("# {line}\n"));
        }
    }
}

/// The description of the property at `path` (`sink.type`), found through references and array items.
fn description<'s>(schema: &'s Value, path: &str) -> Option<&'s str> {
    let (mut at, mut text) = (schema, None);
    for key in path.split('.') {
        let property = resolved(schema, at)["properties"].get(key)?;
        text = property["description"].as_str();
        at = property;
    }
    text
}

fn resolved<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    let schema = if schema["items"].is_object() { &schema["items"] } else { schema };
    let name = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/"));
    name.map_or(schema, |name| &root["$defs"][name])
}
