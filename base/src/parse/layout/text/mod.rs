//! Layouts of records that are not JSON, one file each. A layout is a name, a first byte and a reader; adding one is a
//! file and a line in [`LAYOUTS`].
//!
//! A reader is given the text of a whole record: its head line and, behind newlines, what was joined to it. It looks at the
//! beginning, says at once when that is not its layout, and otherwise puts what it finds into a [`Reading`], borrowed
//! from the text. Names of fields are OpenTelemetry's semantic conventions where they have one.
//!
//! What readers need not care for, since it is done for all of them: colours are stripped, bytes that are not UTF-8 are
//! replaced, `key=value` pairs and ids in the message become fields, exceptions are found in what follows the first line.

mod access_log;
mod apache_error;
mod cee;
mod compose;
mod cursor;
mod dotnet;
mod env_logger;
mod envoy;
mod epoch;
mod glance;
mod go_log;
mod haproxy;
mod hclog;
mod http;
mod jboss;
mod json_tail;
mod jul;
mod key_values;
mod keyed;
mod klog;
mod log4j2;
mod log4js;
mod logback;
mod logcat;
mod logfmt;
mod loguru;
mod ltsv;
mod monolog;
mod mysql_error;
mod mysql_slow;
mod nginx_error;
mod nlog;
pub(crate) mod pairs;
mod php;
mod postgresql;
mod pretty_env_logger;
mod python;
mod rails_tagged;
mod redis;
mod rfc3164;
mod rfc5424;
mod ruby;
mod ruby_hash;
mod scan;
mod serilog;
mod spring_boot;
mod structlog;
mod syslog;
mod syslog_file;
mod tai64n;
mod tracing;
mod winston;
mod zap;
mod zerolog;

#[cfg(test)]
mod tests;

use crate::parse::Severity;
use crate::time::Stamp;
use std::borrow::Cow;

/// In the order in which they are tried: the more a layout's beginning says, the earlier.
pub(crate) const LAYOUTS: &[TextLayout] = &[
    rfc5424::LAYOUT,
    rfc3164::LAYOUT,
    cee::LAYOUT,
    tai64n::LAYOUT,
    ruby_hash::LAYOUT,
    mysql_slow::LAYOUT,
    klog::LAYOUT,
    haproxy::LAYOUT,
    access_log::LAYOUT,
    redis::LAYOUT,
    nginx_error::LAYOUT,
    postgresql::LAYOUT,
    mysql_error::LAYOUT,
    syslog_file::LAYOUT,
    envoy::LAYOUT,
    apache_error::LAYOUT,
    zap::LAYOUT,
    spring_boot::LAYOUT,
    loguru::LAYOUT,
    nlog::LAYOUT,
    logcat::LAYOUT,
    ruby::LAYOUT,
    jul::LAYOUT,
    env_logger::LAYOUT,
    monolog::LAYOUT,
    log4js::LAYOUT,
    php::LAYOUT,
    serilog::LAYOUT,
    hclog::LAYOUT,
    structlog::LAYOUT,
    structlog::ELIXIR,
    dotnet::LAYOUT,
    tracing::LAYOUT,
    zerolog::LAYOUT,
    jboss::LAYOUT,
    logback::LAYOUT,
    log4j2::LAYOUT,
    logback::SLF4J_SIMPLE,
    compose::LAYOUT,
    ltsv::LAYOUT,
    logfmt::LAYOUT,
    epoch::LAYOUT,
    python::LAYOUT,
    winston::LAYOUT,
    go_log::LAYOUT,
    rails_tagged::LAYOUT,
    pretty_env_logger::LAYOUT,
];

/// One way of writing a record.
pub(crate) struct TextLayout {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What stands for it on disk: never reused. 1-99 are JSON layouts, 100-199 these, 0 and 200 on are the generic ones.
    pub(crate) number: u8,
    /// Whether a record that begins with this byte can be of this layout.
    pub(crate) begins: fn(u8) -> bool,
    /// Reads a record; false when it is not of this layout, and then what was put into the reading is dropped.
    pub(crate) read: for<'a> fn(&'a str, &mut Reading<'a>) -> bool,
}

/// What a layout reads off a record.
#[derive(Debug, Default)]
pub(crate) struct Reading<'a> {
    /// When it happened, as far as it says.
    pub(crate) time: Option<Stamp>,
    /// The level as it is written: its name gives the severity.
    pub(crate) level: Option<&'a str>,
    /// The severity, where it is not written as a name.
    pub(crate) severity: Option<Severity>,
    /// What it says: all behind the head, further lines included, without the last line ending.
    pub(crate) message: Cow<'a, str>,
    /// Everything else it names, by path.
    pub(crate) fields: Vec<(&'a str, Cow<'a, str>)>,
    /// JSON objects in the text, whose fields are fields of the record: the path they stand under (empty for the root),
    /// and the object.
    pub(crate) objects: Vec<(&'static str, &'a str)>,
}

impl<'a> Reading<'a> {
    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Adds a field unless it is empty or `-`, which is how access logs write nothing.
    pub(crate) fn field(&mut self, path: &'a str, value: impl Into<Cow<'a, str>>) {
        let value = value.into();
        if !value.is_empty() && value != "-" {
            self.fields.push((path, value));
        }
    }

    /// The object that is all of the message, but for a CEE cookie before it.
    pub(crate) fn object(&self) -> Option<&'a str> {
        let &[("", object)] = self.objects.as_slice() else { return None };
        let message = self.message.strip_prefix("@cee:").unwrap_or(&self.message);
        (message.trim_ascii() == object.trim_ascii()).then_some(object)
    }

    /// Takes `level` when it is the name of one; the severity follows from it.
    pub(crate) fn level_named(&mut self, level: &'a str) -> bool {
        let known = Severity::from_text(level.as_bytes()).is_some();
        if known {
            self.level = Some(level);
        }
        known
    }
}

/// The time a text begins with, in brackets or not, and what follows it.
pub(crate) fn leading_time(text: &str) -> Option<(Stamp, &str)> {
    let inner = text.strip_prefix('[');
    let (stamp, used) = Stamp::parse_prefix(inner.unwrap_or(text).as_bytes())?;
    let rest = inner.unwrap_or(text).get(used..)?;
    match inner {
        Some(_) => rest.strip_prefix(']').map(|rest| (stamp, rest)),
        None => Some((stamp, rest)),
    }
}

/// What stands before the first `separator`, and what behind it; only within the first line.
pub(crate) fn cut<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let line = text.find('\n').map_or(text, |end| &text[..end]);
    let at = line.find(separator)?;
    Some((&text[..at], &text[at + separator.len()..]))
}

#[cfg(test)]
pub(crate) mod testing {
    //! How a layout's file tests its reader.

    use super::{Reading, TextLayout};
    use crate::parse::Severity;
    use crate::time::{Timestamp, Zone};

    /// Fails unless `layout` reads exactly this off `text`. `time`, `level` (the severity's name) and `message` are those of
    /// the reading; any other name is a field's path, or `{path}` for an object. The zone is UTC, the line was received
    /// on 2026-11-24.
    #[track_caller]
    pub(crate) fn check(layout: &TextLayout, text: &str, expected: &[(&str, &str)]) {
        let mut reading = Reading::default();
        assert!(text.bytes().next().is_some_and(layout.begins), "cannot begin so: {text}");
        assert!((layout.read)(text, &mut reading), "not read: {text}");
        let received = Timestamp::parse("2026-11-24T00:00:00Z").expect("a time");
        let mut got = Vec::new();
        let time = reading.time.map(|stamp| stamp.resolve(received, &Zone::default()).to_string());
        got.extend(time.map(|time| ("time".to_owned(), time)));
        let named = reading.level.and_then(|level| Severity::from_text(level.as_bytes()));
        let severity = reading.severity.or(named);
        got.extend(severity.map(|severity| ("level".to_owned(), severity.text().to_owned())));
        got.push(("message".to_owned(), reading.message.into_owned()));
        got.extend(reading.fields.into_iter().map(|(path, value)| (path.to_owned(), value.into_owned())));
        got.extend(
            reading.objects.into_iter().map(|(path, object)| (format!("{{{path}}}"), object.to_owned())),
        );
        let expected: Vec<_> =
            expected.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        assert_eq!(got, expected, "{text}");
    }

    /// Fails when `layout` takes `text` for its own.
    #[track_caller]
    pub(crate) fn refuse(layout: &TextLayout, text: &str) {
        let begins = text.bytes().next().is_some_and(layout.begins);
        assert!(!begins || !(layout.read)(text, &mut Reading::default()), "read: {text}");
    }
}
