//! Records that are keys and values and nothing else: which of the keys are the time, the level and the
//! message. Shared by the layouts that write such records.

use super::{Reading, scan};
use crate::parse::Severity;
use crate::time::Stamp;
use std::borrow::Cow;

/// Keys of the message, the best first.
const MESSAGES: [&str; 4] = ["msg", "message", "short_message", "event"];

/// What a record's pairs said so far.
#[derive(Default)]
pub(super) struct Keyed<'a> {
    /// Pairs taken.
    pub(super) count: usize,
    message: Option<(usize, &'a str, Cow<'a, str>)>,
    /// `method`, `path` and `status`, of which a request without a message has one made.
    request: [Option<Cow<'a, str>>; 3],
}

impl<'a> Keyed<'a> {
    /// Whether a record that begins with this pair has keys by intent: it names a time, a level or a message.
    pub(super) fn is_head(key: &str, value: &str) -> bool {
        match key {
            "time" | "ts" | "t" | "timestamp" => Stamp::parse(value).is_some(),
            "level" | "lvl" => Severity::from_text(value.as_bytes()).is_some(),
            "msg" => true,
            _ => false,
        }
    }

    /// Takes a pair; those after the [`scan::PAIRS_MAX`]th are left in the text.
    pub(super) fn take(&mut self, key: &'a str, value: Cow<'a, str>, reading: &mut Reading<'a>) {
        self.count += 1;
        if self.count > scan::PAIRS_MAX {
            return;
        }
        match key {
            "ts" | "time" | "t" | "timestamp" if reading.time.is_none() => {
                reading.time = Stamp::parse(value.trim_matches(['[', ']']));
                if reading.time.is_some() {
                    return;
                }
            }
            "level" | "lvl" | "severity" if take_level(value.clone(), reading) => return,
            "method" => self.request[0] = Some(value.clone()),
            "path" => self.request[1] = Some(value.clone()),
            "status" => self.request[2] = Some(value.clone()),
            _ => {}
        }
        match MESSAGES.iter().position(|&name| name == key) {
            Some(rank) if self.message.as_ref().is_none_or(|best| rank < best.0) => {
                if let Some((_, key, second)) = self.message.replace((rank, key, value)) {
                    reading.field(key, second);
                }
            }
            _ => reading.field(key, value),
        }
    }

    /// Takes a word behind the message that was written without quotes: `msg=user logged in`.
    pub(super) fn extend_message(&mut self, from: &'a str, len: usize) {
        if let Some((_, _, message)) = &mut self.message {
            *message = Cow::Borrowed(&from[..len]);
        }
    }

    /// Whether this is the key of the message.
    pub(super) fn is_message(&self, key: &str) -> bool {
        self.message.as_ref().is_some_and(|(_, name, _)| *name == key)
    }

    /// Gives the reading its message: the best of those written, else that of the request, else all of
    /// `text`.
    pub(super) fn finish(self, text: &'a str, reading: &mut Reading<'a>) {
        reading.message = match (self.message, self.request) {
            (Some((_, _, message)), _) => message,
            (None, [Some(method), Some(path), Some(status)]) => format!("{method} {path} {status}").into(),
            (None, _) => text.trim_end_matches(['\r', '\n']).into(),
        };
    }
}

/// A level's name, or its number; one that is neither is a field.
fn take_level<'a>(value: Cow<'a, str>, reading: &mut Reading<'a>) -> bool {
    if let Cow::Borrowed(name) = value
        && reading.level_named(name)
    {
        return true;
    }
    let severity = Severity::from_text(value.as_bytes()).or_else(|| Severity::from_int(value.parse().ok()?));
    reading.severity = reading.severity.or(severity);
    severity.is_some()
}
