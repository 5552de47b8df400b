//! Reading configuration files. All files are merged into one tree before anything is judged: a later single value wins,
//! lists add up. Every value keeps its place, so that each mistake is reported with file, line and column, all at once.
//!
//! Places: the texts of all files are thought of as one, one behind the other; a place is an offset into that.

use super::Config;
use super::check::check;
use super::variables;
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Deserializer};

/// The largest configuration file.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Something that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Line, from 1; 0 when the file as a whole is at fault.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file.display(), self.column, self.message),
        }
    }
}

/// Everything that is wrong, in the order of the files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// Whether addresses that other machines can reach are fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Only when the configuration says `insecure = true`.
    AsConfigured,
    /// In any case: `--insecure`.
    Allowed,
}

/// Reads files, and directories' `*.toml` in name order, as one configuration. `lookup` finds environment variables.
pub fn load(
    paths: &[PathBuf],
    exposure: Exposure,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    let mut texts = Texts::default();
    for path in paths {
        texts.add(path);
    }
    let mut faults = Vec::new();
    let tables: Vec<_> = texts.files.iter().map(|file| (file.start, parse(file, &mut faults))).collect();
    // What is left of a file that is not TOML would only give misleading messages.
    let readable = faults.is_empty() && texts.problems.is_empty();
    let mut tree = DeTable::new();
    for (start, table) in tables {
        merge(&mut tree, Absorb { start, lookup, faults: &mut faults }.table(table));
    }
    let config = if readable { decode(tree, texts.end, exposure, &mut faults) } else { None };
    texts.blame(faults);
    match config {
        Some(config) if texts.problems.is_empty() => Ok(config),
        _ => Err(Problems(texts.problems)),
    }
}

/// Where something is wrong, and what.
type Fault = (Range<usize>, String);

struct Text {
    path: PathBuf,
    start: usize,
    text: String,
}

/// The texts of all files, and what is wrong with them.
#[derive(Default)]
struct Texts {
    files: Vec<Text>,
    end: usize,
    problems: Vec<Problem>,
}

impl Texts {
    /// Adds a file, or the `*.toml` of a directory.
    fn add(&mut self, path: &Path) {
        if !path.is_dir() {
            return self.add_file(path.to_owned());
        }
        let found = fs::read_dir(path).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|e| e.path()));
            paths.filter(|p| p.as_ref().is_ok_and(|p| p.extension().is_some_and(|e| e == "toml"))).collect()
        });
        match found {
            Err(error) => self.blame_file(path.to_owned(), format!("cannot list the directory: {error}")),
            Ok(mut files) => {
                let files: &mut Vec<PathBuf> = &mut files;
                files.sort();
                files.drain(..).for_each(|file| self.add_file(file));
            }
        }
    }

    fn add_file(&mut self, path: PathBuf) {
        match read_text(&path) {
            Err(reason) => self.blame_file(path, reason),
            Ok(text) => {
                let start = self.end;
                self.end += text.len() + 1;
                self.files.push(Text { path, start, text });
            }
        }
    }

    /// Makes problems of faults, in the order of files and lines.
    fn blame(&mut self, mut faults: Vec<Fault>) {
        faults.sort_by(|(a, reason), (b, other)| (a.start, reason).cmp(&(b.start, other)));
        faults.dedup();
        for (place, message) in faults {
            let Some(file) = self.files.iter().rev().find(|f| f.start <= place.start) else {
                continue;
            };
            let before = file.text.get(..place.start - file.start).unwrap_or(&file.text);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            self.problems.push(Problem { file: file.path.clone(), line, column, message });
        }
    }

    fn blame_file(&mut self, file: PathBuf, message: String) {
        self.problems.push(Problem { file, line: 0, column: 0, message });
    }
}

/// A file as a tree; places count from its own start.
fn parse<'t>(file: &'t Text, faults: &mut Vec<Fault>) -> DeTable<'t> {
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    for error in errors {
        faults.push((
            shifted(error.span().unwrap_or_default(), file.start),
            error.message().trim_end().to_owned(),
        ));
    }
    table.into_inner()
}

/// Makes a file's tree part of the whole: places shifted to where the file stands, variables replaced.
struct Absorb<'a> {
    start: usize,
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: &'a mut Vec<Fault>,
}

impl Absorb<'_> {
    fn table<'t>(&mut self, table: DeTable<'t>) -> DeTable<'t> {
        let entry = |(key, value): (Spanned<DeString<'t>>, _)| {
            let place = shifted(key.span(), self.start);
            (Spanned::new(place, key.into_inner()), self.value(value))
        };
        table.into_iter().map(entry).collect()
    }

    fn value<'t>(&mut self, value: Spanned<DeValue<'t>>) -> Spanned<DeValue<'t>> {
        let place = shifted(value.span(), self.start);
        let value = match value.into_inner() {
            DeValue::String(text) => match variables::replace(&text, self.lookup) {
                Ok(replaced) => DeValue::String(replaced.into()),
                Err(reason) => {
                    self.faults.push((place.clone(), reason));
                    DeValue::String(text)
                }
            },
            DeValue::Array(values) => DeValue::Array(values.into_iter().map(|v| self.value(v)).collect()),
            DeValue::Table(table) => DeValue::Table(self.table(table)),
            other => other,
        };
        Spanned::new(place, value)
    }
}

/// Makes a configuration of the tree. serde stops at the first mistake: the value at fault is taken out and the rest is
/// tried again, until all are known.
fn decode(mut tree: DeTable<'_>, end: usize, exposure: Exposure, faults: &mut Vec<Fault>) -> Option<Config> {
    let mut taken: Vec<String> = Vec::new();
    loop {
        match Config::deserialize(Deserializer::from(Spanned::new(0..end, tree.clone()))) {
            Ok(mut config) => {
                config.insecure |= exposure == Exposure::Allowed;
                let tree = Spanned::new(0..end, DeValue::Table(tree));
                faults.extend(
                    check(&config).into_iter().map(|(path, reason)| (place_of(&tree, &path), reason)),
                );
                return Some(config);
            }
            Err(error) => {
                let (place, message) = (error.span().unwrap_or_default(), error.message());
                // What was taken out is missing now, and has been spoken of.
                if !taken.iter().any(|key| message == format!("missing field `{key}`")) {
                    faults.push((place.clone(), with_hint(message)));
                }
                taken.push(take_out_of_table(&mut tree, &place)?);
            }
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let size = fs::metadata(path).map_err(|e| format!("cannot read it: {e}"))?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("is {size} bytes long; a configuration has at most {FILE_BYTES_MAX}"));
    }
    fs::read_to_string(path).map_err(|e| format!("cannot read it: {e}"))
}

fn shifted(place: Range<usize>, start: usize) -> Range<usize> {
    place.start + start..place.end + start
}

/// Tables are merged, lists add up, any other later value wins.
fn merge<'t>(tree: &mut DeTable<'t>, later: DeTable<'t>) {
    for (key, value) in later {
        let Some(old) = tree.get_mut(&key) else {
            tree.insert(key, value);
            continue;
        };
        let place = value.span();
        match (old.get_mut(), value.into_inner()) {
            (DeValue::Table(old), DeValue::Table(new)) => merge(old, new),
            (DeValue::Array(old), DeValue::Array(new)) => new.into_iter().for_each(|value| old.push(value)),
            (_, new) => *old = Spanned::new(place, new),
        }
    }
}

/// Takes the key or value at `place` out of the table, the innermost first, and gives its key. `None`: there is none.
fn take_out_of_table(table: &mut DeTable<'_>, place: &Range<usize>) -> Option<String> {
    if let Some(key) = table.iter_mut().find_map(|(_, inner)| take_out(inner.get_mut(), place)) {
        return Some(key);
    }
    let (key, _) = table.iter().find(|(key, inner)| key.span() == *place || inner.span() == *place)?;
    let key = key.get_ref().to_string();
    table.remove(key.as_str()).map(|_| key)
}

/// As [`take_out_of_table`]; an element of a list has an empty key.
fn take_out(value: &mut DeValue<'_>, place: &Range<usize>) -> Option<String> {
    match value {
        DeValue::Table(table) => take_out_of_table(table, place),
        DeValue::Array(values) => {
            if let Some(key) = values.iter_mut().find_map(|inner| take_out(inner.get_mut(), place)) {
                return Some(key);
            }
            let before = values.len();
            let kept =
                std::mem::replace(values, DeArray::new()).into_iter().filter(|inner| inner.span() != *place);
            *values = kept.collect();
            (values.len() < before).then(String::new)
        }
        _ => None,
    }
}

/// Where the value at `path` (`sink/2/name`) stands, or the innermost table around it.
fn place_of(tree: &Spanned<DeValue<'_>>, path: &str) -> Range<usize> {
    let mut at = tree;
    for step in path.split('/') {
        let inner = match at.get_ref() {
            DeValue::Table(table) => table.get(step),
            DeValue::Array(values) => step.parse::<usize>().ok().and_then(|index| values.get(index)),
            _ => None,
        };
        match inner {
            Some(inner) => at = inner,
            None => break,
        }
    }
    at.span()
}

/// serde's message in our words; a key or value that is not known gets the nearest known one beside it.
fn with_hint(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let what = match (message.starts_with("unknown field"), message.starts_with("unknown variant")) {
        (true, _) => "key",
        (_, true) => "value",
        _ => return message.to_owned(),
    };
    let wrong = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let nearest =
        known.iter().map(|k| (distance(wrong, k), k)).min().filter(|(d, _)| *d <= 1 + wrong.len() / 4);
    match nearest {
        Some((_, nearest)) => format!("unknown {what} `{wrong}`; did you mean `{nearest}`?"),
        None => format!("unknown {what} `{wrong}`; there are {}", known.join(", ")),
    }
}

/// Insertions, deletions and replacements from `a` to `b` (Levenshtein, 1965).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(!left.eq_ignore_ascii_case(&right));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
