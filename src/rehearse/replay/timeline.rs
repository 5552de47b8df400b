//! What rules would have told: a line a page, in the order of time, and at the end how many of each rule and each day.

use crate::parse::Show;
use crate::rehearse::differences::show_labels;
use crate::terminal::{Escapes, Screen, Tone};
use logweir_alerter::notification::{Message, Notification, Page, Status};
use logweir_base::time::Timestamp;
use logweir_base::units::Period;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// Bytes of a day in a time as it is written.
const DATE_BYTES: usize = 10;

/// What came of a rule.
#[derive(Default)]
struct OfRule {
    fired: u64,
    again: u64,
    resolved: u64,
    firing_for: Duration,
}

/// The timeline so far.
pub(super) struct Timeline {
    output: Show,
    since: Timestamp,
    until: Timestamp,
    rules: BTreeMap<String, OfRule>,
    days: BTreeMap<String, u64>,
    /// Episodes that fire, with when they did and the rule.
    firing: BTreeMap<String, (Timestamp, String)>,
    /// Columns of rules' names so far.
    width: usize,
}

impl Timeline {
    pub(super) fn new(output: Show, since: Timestamp, until: Timestamp) -> Self {
        let (rules, days, firing) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { output, since, until, rules, days, firing, width: 0 }
    }

    /// Shows what was told.
    pub(super) fn take<W: Write>(&mut self, told: &Notification, screen: &mut Screen<W>) -> io::Result<()> {
        let Message::Page(page) = &told.message else { return Ok(()) };
        let word = self.count(page, told.at);
        match self.output {
            Show::Text => self.print(page, told.at, word, screen),
            Show::Json => print_json(page, told.at, word, screen),
        }
    }

    fn count(&mut self, page: &Page, at: Timestamp) -> &'static str {
        let of_rule = self.rules.entry(page.rule.clone()).or_default();
        match page.status {
            Status::Acknowledged => "acknowledged",
            Status::Resolved => {
                let (since, _) = self.firing.remove(&page.episode).unwrap_or((at, String::new()));
                of_rule.resolved += 1;
                of_rule.firing_for += at.since(since);
                "resolved"
            }
            Status::Firing if self.firing.contains_key(&page.episode) => {
                of_rule.again += 1;
                "again"
            }
            Status::Firing => {
                of_rule.fired += 1;
                self.firing.insert(page.episode.clone(), (at, page.rule.clone()));
                let day = at.to_string().get(..DATE_BYTES).unwrap_or_default().to_owned();
                *self.days.entry(day).or_default() += 1;
                "fired"
            }
        }
    }

    fn print<W: Write>(
        &mut self,
        page: &Page,
        at: Timestamp,
        word: &str,
        screen: &mut Screen<W>,
    ) -> io::Result<()> {
        let tone = if page.status == Status::Resolved { Tone::Good } else { Tone::Bad };
        self.width = self.width.max(page.rule.len());
        screen.text(Tone::Dim, &format!("{}  ", seconds(at)))?;
        screen.text(tone, &format!("{word:<8}  "))?;
        screen.text(Tone::Name, &format!("{:<width$}  ", page.rule, width = self.width))?;
        let labels = show_labels(&labels_of(page));
        let what = match page.ended {
            Some(ended) => format!("{labels}  over after {}", span(ended.since(page.since))),
            None => format!("{labels}  {}", page.summary),
        };
        screen.text(Tone::Plain, what.trim_start())?;
        screen.newline()
    }

    /// How many pages of each rule, and on each day; and what would still fire.
    pub(super) fn finish<W: Write>(mut self, screen: &mut Screen<W>) -> io::Result<()> {
        for (at, rule) in self.firing.values() {
            if let Some(of_rule) = self.rules.get_mut(rule) {
                of_rule.firing_for += self.until.since(*at);
            }
        }
        if self.output == Show::Text {
            self.print_summary(screen)?;
        }
        screen.flush()
    }

    fn print_summary<W: Write>(&self, screen: &mut Screen<W>) -> io::Result<()> {
        let mut line = |tone, text: String| screen.text(tone, &text).and_then(|()| screen.newline());
        let total: u64 = self.rules.values().map(|rule| rule.fired).sum();
        let days = self.until.since(self.since).as_secs_f64() / DAY.as_secs_f64();
        let whole = span(self.until.since(self.since));
        if total > 0 {
            line(Tone::Plain, String::new())?;
        }
        let noun = if total == 1 { "page" } else { "pages" };
        line(Tone::Plain, format!("{total} {noun} in {whole}, {:.2} a day", total as f64 / days))?;
        let mut rules: Vec<_> = self.rules.iter().collect();
        rules.sort_by_key(|(name, rule)| (std::cmp::Reverse(rule.fired), *name));
        let still: BTreeSet<&str> = self.firing.values().map(|(_, rule)| rule.as_str()).collect();
        for (name, OfRule { fired, again, resolved, firing_for }) in rules {
            let now = if still.contains(name.as_str()) { ", and fires at the end" } else { "" };
            let text = format!(
                "  {name:<width$}  {fired} fired, {again} told again, {resolved} resolved; fired for {}{now}",
                span(*firing_for),
                width = self.width
            );
            line(Tone::Plain, text)?;
        }
        let most = self.days.values().copied().max().unwrap_or_default();
        for (day, count) in &self.days {
            let bar = "#".repeat(usize::try_from(count * BAR / most.max(1)).unwrap_or_default().max(1));
            line(Tone::Plain, format!("  {day}  {count:>5}  {bar}"))?;
        }
        Ok(())
    }
}

/// The longest bar of a day.
const BAR: u64 = 40;

/// One object a page.
fn print_json<W: Write>(page: &Page, at: Timestamp, word: &str, screen: &mut Screen<W>) -> io::Result<()> {
    let json = serde_json::json!({
        "time": at.to_string(),
        "status": word,
        "rule": page.rule,
        "severity": page.severity.name(),
        "labels": labels_of(page),
        "summary": page.summary,
        "since": page.since.to_string(),
        "ended": page.ended.map(|ended| ended.to_string()),
        "episode": page.episode,
    });
    screen.bytes(json.to_string().as_bytes(), Escapes::Json)?;
    screen.newline()
}

/// Without what the line says anyway.
fn labels_of(page: &Page) -> BTreeMap<String, String> {
    let mut labels = page.labels.clone();
    labels.retain(|name, _| name != "alertname" && name != "severity");
    labels
}

fn seconds(at: Timestamp) -> String {
    Timestamp(at.0 - at.0.rem_euclid(1_000_000_000)).to_string()
}

/// In two units at most: `3h20m`.
fn span(span: Duration) -> String {
    const UNITS: [(u64, u64); 3] = [(86_400, 3_600), (3_600, 60), (60, 1)];
    let seconds = span.as_secs();
    let unit = UNITS.iter().find(|(unit, _)| seconds >= *unit);
    let Some((unit, lesser)) = unit else { return Period(Duration::from_secs(seconds)).to_string() };
    let (many, rest) = (seconds / unit, seconds % unit / lesser);
    let text = |count: u64, unit: u64| match unit {
        86_400 => format!("{count}d"),
        3_600 => format!("{count}h"),
        60 => format!("{count}m"),
        _ => format!("{count}s"),
    };
    if rest == 0 { text(many, *unit) } else { text(many, *unit) + &text(rest, *lesser) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_units() {
        let check = |seconds: u64, expected: &str| assert_eq!(span(Duration::from_secs(seconds)), expected);
        check(0, "0s");
        check(59, "59s");
        check(60, "1m");
        check(90, "1m30s");
        check(3_600, "1h");
        check(12_059, "3h20m");
        check(86_400 * 3 + 7_200, "3d2h");
        check(86_400 + 59, "1d");
    }
}
