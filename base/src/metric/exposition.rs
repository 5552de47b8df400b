//! Prometheus' text format (0.0.4) and OpenMetrics' (1.0), as a scrape brings them, to samples.
//!
//! ```text
//! # TYPE name type    # HELP name text    # UNIT name unit    # EOF (OpenMetrics)    # anything
//! name{label="value",...} value [timestamp] [# exemplar]
//! ```
//! A text that ends with `# EOF` is OpenMetrics: its timestamps are seconds, and times of creation (`_created`) are ignored.
//! Labels of the target (`job`, `instance`) win; a series' own of that name becomes `exported_job`. A bad line is counted, the
//! first one told; all others are read. The last line need not end.
//!
//! Limits: those of `labels.rs` and `received.rs`; whoever scrapes bounds the text.

#[cfg(test)]
mod tests;

use super::family::{Type, kind_of, label_name, metric_name};
use super::labels::NAME;
use super::received::{Received, Sink};
use super::samples::Writer;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a text was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scraped {
    /// What became of its samples.
    pub received: Received,
    /// The first bad line, from 1, and what is wrong with it.
    pub first_fault: Option<(usize, &'static str)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Prometheus,
    OpenMetrics,
}

#[derive(Default)]
struct Family<'a> {
    kind: Option<Type>,
    unit: &'a str,
    help: Cow<'a, str>,
}

struct Sample<'a> {
    name: &'a str,
    labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    value: f64,
    time: Option<i64>,
}

/// Reads a text. `time` is that of samples that tell none; `target` are the labels of whom it is from.
pub fn read(text: &[u8], time: i64, target: &[(&str, &str)], out: &mut Writer) -> Scraped {
    let format = match text.trim_ascii_end().ends_with(b"# EOF") {
        true => Format::OpenMetrics,
        false => Format::Prometheus,
    };
    let mut sink = Sink::new(out);
    let mut families = BTreeMap::new();
    let mut first_fault = None;
    for (number, line) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        let read = std::str::from_utf8(line).map_err(|_| "not UTF-8");
        let read =
            read.and_then(|line| read_line(line.trim(), format, time, target, &mut families, &mut sink));
        if let Err(reason) = read {
            sink.received.refuse(reason, 1);
            first_fault.get_or_insert((number, reason));
        }
    }
    for (name, family) in families {
        sink.meta(name, family.kind.unwrap_or_default().word(), family.unit, &family.help);
    }
    Scraped { received: sink.received, first_fault }
}

type Families<'a> = BTreeMap<&'a str, Family<'a>>;

fn read_line<'a>(
    line: &'a str,
    format: Format,
    time: i64,
    target: &[(&str, &str)],
    families: &mut Families<'a>,
    sink: &mut Sink<'_>,
) -> Result<(), &'static str> {
    if line.is_empty() {
        return Ok(());
    }
    if let Some(comment) = line.strip_prefix('#') {
        return read_comment(comment.trim_start(), families);
    }
    let sample = read_sample(line, format)?;
    let type_of = |name: &str| families.get(name).and_then(|family| family.kind);
    if format == Format::OpenMetrics
        && sample.name.strip_suffix("_created").is_some_and(|f| type_of(f).is_some())
    {
        sink.received.ignored += 1;
        return Ok(());
    }
    let kind = kind_of(sample.name, type_of);
    if let Some(reason) = push_labels(&sample, target, sink) {
        return Err(reason);
    }
    sink.samples(kind, &[(sample.time.unwrap_or(time), sample.value)]);
    Ok(())
}

fn read_comment<'a>(comment: &'a str, families: &mut Families<'a>) -> Result<(), &'static str> {
    let (word, rest) = split_blank(comment);
    if !matches!(word, "TYPE" | "HELP" | "UNIT") {
        return Ok(());
    }
    let (name, text) = split_blank(rest);
    let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
    if name.is_empty() {
        return Err("a comment without metric name");
    }
    let family = families.entry(name).or_default();
    match word {
        "TYPE" => family.kind = Some(Type::of_word(text).ok_or("unknown type")?),
        "HELP" => family.help = unescaped(text),
        _ => family.unit = text,
    }
    Ok(())
}

/// The first word, and what follows the blanks behind it.
fn split_blank(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn push_labels(sample: &Sample<'_>, target: &[(&str, &str)], sink: &mut Sink<'_>) -> Option<&'static str> {
    let is_taken = |name: &str| target.iter().any(|(taken, _)| *taken == name);
    sink.labels.clear();
    let mut pushed = sink.labels.push(NAME.as_bytes(), sample.name.as_bytes());
    for (name, value) in &sample.labels {
        let mut name = Cow::Borrowed(name.as_ref());
        while is_taken(&name) {
            name = format!("exported_{name}").into();
        }
        pushed = pushed.and_then(|()| sink.labels.push(name.as_bytes(), value.as_bytes()));
    }
    for (name, value) in target {
        pushed = pushed.and_then(|()| sink.labels.push(name.as_bytes(), value.as_bytes()));
    }
    let checked = pushed.and_then(|()| sink.labels.labels().map(|_| ()));
    checked.err().map(super::labels::BadLabels::reason)
}

fn read_sample(line: &str, format: Format) -> Result<Sample<'_>, &'static str> {
    let mut sample = Sample { name: "", labels: Vec::new(), value: 0.0, time: None };
    let end = line.find(['{', ' ', '\t']).ok_or("no value")?;
    sample.name = &line[..end];
    if !sample.name.is_empty() && metric_name(sample.name) != sample.name {
        return Err("bad metric name");
    }
    let mut rest = line[end..].trim_start();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = read_labels(inner, &mut sample)?;
    }
    if sample.name.is_empty() {
        return Err("no metric name");
    }
    let (value, rest) = split_blank(rest.trim_start());
    sample.value = number(value).ok_or("bad value")?;
    let (time, more) = split_blank(rest);
    let (time, more) = if time.starts_with('#') { ("", "#") } else { (time, more) };
    if !more.is_empty() && !more.starts_with('#') {
        return Err("text behind the value");
    }
    if !time.is_empty() {
        sample.time = Some(timestamp(time, format).ok_or("bad timestamp")?);
    }
    Ok(sample)
}

/// Labels up to the brace, and what is behind it. A quoted text without `=` in place of a label is the metric's name.
fn read_labels<'a>(mut rest: &'a str, sample: &mut Sample<'a>) -> Result<&'a str, &'static str> {
    loop {
        rest = rest.trim_start();
        if let Some(behind) = rest.strip_prefix('}') {
            return Ok(behind);
        }
        let is_quoted = rest.starts_with('"');
        let name = read_name(&mut rest)?;
        if let Some(behind) = rest.strip_prefix('=') {
            let quoted = behind.trim_start().strip_prefix('"').ok_or("a label's value without quotes")?;
            let (value, behind) = read_quoted(quoted)?;
            sample.labels.push((name, value));
            rest = behind.trim_start();
        } else if let (Cow::Borrowed(text), "", true) = (&name, sample.name, is_quoted) {
            sample.name = text;
        } else {
            return Err("a label without value");
        }
        if let Some(behind) = rest.strip_prefix(',') {
            rest = behind;
        } else if !rest.starts_with('}') {
            return Err("labels without end");
        }
    }
}

/// A label's name, in quotes or one of those that need none; leaves what is behind it.
fn read_name<'a>(rest: &mut &'a str) -> Result<Cow<'a, str>, &'static str> {
    if let Some(quoted) = rest.strip_prefix('"') {
        let (name, behind) = read_quoted(quoted)?;
        *rest = behind.trim_start();
        return Ok(name);
    }
    let end = rest.find(['=', '}', ',']).ok_or("labels without end")?;
    let name = rest[..end].trim_end();
    *rest = &rest[end..];
    if label_name(name, "_") == name { Ok(Cow::Borrowed(name)) } else { Err("bad label name") }
}

/// The text up to the next quote, and what is behind that.
fn read_quoted(text: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut is_escaped = false;
    let is_end = |&(_, byte): &(usize, u8)| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    };
    let (end, _) = text.bytes().enumerate().find(is_end).ok_or("a quote without end")?;
    Ok((unescaped(&text[..end]), &text[end + 1..]))
}

fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, chars.as_str().chars().next()) {
            ('\\', Some(next @ ('\\' | '"' | 'n'))) => {
                out.push(if next == 'n' { '\n' } else { next });
                chars.next();
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// As Go reads them, but for hexadecimal ones and underscores.
fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

fn timestamp(text: &str, format: Format) -> Option<i64> {
    match format {
        Format::Prometheus => text.parse().ok(),
        Format::OpenMetrics => {
            let ms = text.parse::<f64>().ok()? * 1000.0;
            // Beyond this a float is no exact number of ms.
            (ms.abs() < 9e15).then(|| ms.round() as i64)
        }
    }
}
