//! `[[test]]`: what a file of rules says of itself. `logweir test` runs them; a server passes them over, so that rules and their
//! tests may stand in one file.

use super::check::Finding;
use super::{Config, Period};
use crate::rehearse::series;
use logweir_alerter::group::State;
use logweir_base::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// When a test begins that does not say so: a Monday, 10 in the morning.
const START: &str = "2026-01-05T10:00:00Z";
/// Times that a test may begin at, 1970 to 2200: what is added to them or taken away is a time, too.
const STARTS: (i64, i64) = (0, 7_258_118_400 * 1_000_000_000);
/// The longest test: a baseline has seen each hour of the week five times by then, and it takes some seconds.
const SPAN_MAX: Duration = Duration::from_secs(36 * 86_400);
/// Lines of a test, and points of its series, so that a typo in `count` does not fill the memory.
const REPEATS_MAX: u32 = 1_000_000;
/// What `status` may be.
const STATUSES: [&str; 4] = ["firing", "acknowledged", "resolved", "storm"];

/// `[[test]]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Test {
    /// What it shows, in a sentence; each only once.
    pub name: String,
    /// When it begins. Default: 2026-01-05T10:00:00Z, a Monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Only these rules, by name. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<String>,
    /// Lines that arrive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<TestLines>,
    /// Samples that arrive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<TestSamples>,
    /// What people do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<TestAction>,
    /// What must be so, and when.
    pub expect: Vec<Expect>,
}

/// `[[test.lines]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestLines {
    /// When they arrive, since the start. Lines that name a time of their own count at that time.
    pub at: Period,
    /// Of which host. Default: host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Of which file. Default: /var/log/test.log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Their label `service`, for lines that do not name one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The lines themselves, one or many. `{n}` stands for the number of the repetition, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// A file of lines, in place of `text`; its path counts from the directory of the test's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathBuf>,
    /// How often they come. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Time between two repetitions. Default: 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
}

/// `[[test.samples]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestSamples {
    /// Name and labels: `up{job="shop"}`. What ends in `_total` is a counter, anything else a gauge.
    pub series: String,
    /// Values as promtool writes them: `1 2 _ 4`, `0+10x5` (0 10 20 30 40 50), `7x2` (7 7 7), `_x3` (nothing, thrice).
    pub values: String,
    /// When the first one arrives, since the start. Default: 0s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Period>,
    /// Time between two. Default: 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
}

/// `[[test.actions]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TestAction {
    /// When, since the start.
    pub at: Period,
    /// `deploy` (service, version), `resolve`, `mute` or `reopen` (exception), `silence` (labels, until), `acknowledge` (rule).
    #[serde(rename = "do")]
    pub deed: Deed,
    /// `deploy`: of what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// `deploy`: which; `resolve`: earlier versions may throw on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `resolve`, `mute`, `reopen`: all groups of this type of exceptions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// `silence`: labels that an alert must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// `acknowledge`: all that fires of this rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `mute`, `silence`: for so long. A mute without it lasts until it is reopened.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Period>,
}

/// What somebody does in a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// A version is put into service.
    Deploy,
    /// An exception is dealt with.
    Resolve,
    /// An exception is not to be heard of.
    Mute,
    /// An exception is to be heard of again.
    Reopen,
    /// Alerts are not to be told of.
    Silence,
    /// Somebody looks after alerts.
    Acknowledge,
}

/// `[[test.expect]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// When it is looked, since the start.
    pub at: Period,
    /// Exactly these alerts fire; `[]` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Vec<ExpectedAlert>>,
    /// Exactly these groups of exceptions are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<ExpectedGroup>>,
    /// Exactly these pages were sent until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<Vec<ExpectedPage>>,
    /// Exactly these digests were sent until then, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digests: Option<Vec<String>>,
    /// Texts, each of which is in one of the mails that were sent until then (pages and digests, whoever the receiver is).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_contains: Vec<String>,
    /// Texts that are in none of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_lacks: Vec<String>,
}

/// An alert that must fire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedAlert {
    /// Of which rule.
    pub rule: String,
    /// Labels that it must have; it may have more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A group of exceptions that must be known. What is not said may be anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedGroup {
    /// Type of the exceptions.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// How often it has come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A page that must have been sent. What is not said may be anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectedPage {
    /// To which receiver. A configuration without receivers has one for its tests, `test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `firing`, `acknowledged`, `resolved`, or `storm` (many at once).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Labels that it must have; it may have more.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl Test {
    /// When it begins.
    pub fn start(&self) -> Option<Timestamp> {
        let start = Timestamp::parse(self.start.as_deref().unwrap_or(START))?;
        (STARTS.0..=STARTS.1).contains(&start.0).then_some(start)
    }
}

/// Everything that is wrong with the tests of a configuration.
pub(super) fn check(config: &Config, found: &mut Vec<Finding>) {
    let mut names = BTreeSet::new();
    let rules: BTreeSet<&str> = config.rule.iter().map(|rule| rule.name.as_str()).collect();
    for (at, test) in config.test.iter().enumerate() {
        let mut fault = |field: &str, reason: String| found.push((format!("test/{at}/{field}"), reason));
        if test.name.is_empty() || !names.insert(&test.name) {
            fault("name", "each test needs a name of its own".to_owned());
        }
        if test.start().is_none() {
            fault("start", "a time is written 2026-01-05T10:00:00Z, and is of 1970 to 2200".to_owned());
        }
        if test.expect.is_empty() {
            fault("name", "it expects nothing: a test that cannot fail shows nothing".to_owned());
        }
        for (index, rule) in test.rules.iter().enumerate().filter(|(_, rule)| !rules.contains(rule.as_str()))
        {
            fault(&format!("rules/{index}"), format!("there is no rule `{rule}`"));
        }
        check_input(test, &mut fault);
        check_actions(test, &mut fault);
        check_expectations(test, &rules, &mut fault);
    }
}

fn check_input(test: &Test, fault: &mut impl FnMut(&str, String)) {
    for (at, lines) in test.lines.iter().enumerate() {
        if lines.text.is_some() == lines.from.is_some() {
            fault(&format!("lines/{at}"), "lines are a `text`, or `from` a file".to_owned());
        }
        if !(1..=REPEATS_MAX).contains(&lines.count.unwrap_or(1)) {
            fault(&format!("lines/{at}/count"), format!("1 to {REPEATS_MAX} times"));
        }
    }
    for (at, samples) in test.samples.iter().enumerate() {
        if let Err(reason) = series::labels(&samples.series) {
            fault(&format!("samples/{at}/series"), reason);
        }
        if let Err(reason) = series::values(&samples.values) {
            fault(&format!("samples/{at}/values"), reason);
        }
        if samples.interval.is_some_and(|interval| interval.0 < Duration::from_millis(1)) {
            fault(&format!("samples/{at}/interval"), "at least 1ms".to_owned());
        }
    }
}

fn check_actions(test: &Test, fault: &mut impl FnMut(&str, String)) {
    for (at, action) in test.actions.iter().enumerate() {
        let needed: &[(&str, bool)] = match action.deed {
            Deed::Deploy => &[("service", action.service.is_some()), ("version", action.version.is_some())],
            Deed::Resolve | Deed::Mute | Deed::Reopen => &[("exception", action.exception.is_some())],
            Deed::Silence => &[("labels", !action.labels.is_empty()), ("for", action.for_.is_some())],
            Deed::Acknowledge => &[("rule", action.rule.is_some())],
        };
        for (field, _) in needed.iter().filter(|(_, is_there)| !is_there) {
            fault(&format!("actions/{at}"), format!("`{field}` is missing"));
        }
    }
}

fn check_expectations(test: &Test, rules: &BTreeSet<&str>, fault: &mut impl FnMut(&str, String)) {
    let is_known = |rule: &str| rules.contains(rule) || rule == logweir_alerter::STALE;
    for (at, expect) in test.expect.iter().enumerate() {
        if expect.at.0 > SPAN_MAX {
            fault(
                &format!("expect/{at}/at"),
                format!("a test ends after {} at the latest", Period(SPAN_MAX)),
            );
        }
        let says_nothing = expect.alerts.is_none() && expect.groups.is_none() && expect.pages.is_none();
        let says_no_mail = expect.mail_contains.is_empty() && expect.mail_lacks.is_empty();
        if says_nothing && says_no_mail && expect.digests.is_none() {
            fault(
                &format!("expect/{at}"),
                "it expects nothing: alerts, groups, pages, digests or mail".to_owned(),
            );
        }
        let alerts = expect.alerts.iter().flatten().map(|alert| Some(&alert.rule));
        let pages = expect.pages.iter().flatten().map(|page| page.rule.as_ref());
        for rule in alerts.chain(pages).flatten().filter(|rule| !is_known(rule)) {
            fault(&format!("expect/{at}"), format!("there is no rule `{rule}`"));
        }
        let statuses = expect.pages.iter().flatten().filter_map(|page| page.status.as_deref());
        for status in statuses.filter(|status| !STATUSES.contains(status)) {
            fault(&format!("expect/{at}"), format!("status `{status}`: there are {}", STATUSES.join(", ")));
        }
    }
}

/// For the reference.
pub(super) fn example() -> Vec<Test> {
    let text = "name = 'slow requests page somebody'\nstart = '2026-01-05T10:00:00Z'\nrules = ['slow_requests']\n\
        lines = [{ at = '90s', host = 'web-1', file = '/var/log/shop.log', service = 'shop', text = 'took duration_ms=2500', \
        count = 30, every = '1s' }, { at = '5m', from = 'lines.log' }]\n\
        samples = [{ series = 'up{job=\"shop\"}', values = '1x10 0x5', at = '10s', interval = '15s' }]\n\
        actions = [{ at = '1m', do = 'deploy', service = 'shop', version = '1.4.2' }, \
        { at = '2m', do = 'mute', exception = 'com.shop.Gone', for = '1h' }, \
        { at = '3m', do = 'silence', labels = { service = 'shop' }, for = '1h' }, \
        { at = '4m', do = 'acknowledge', rule = 'slow_requests' }]\n\
        expect = [{ at = '10m', alerts = [{ rule = 'slow_requests', labels = { service = 'shop' } }], \
        groups = [{ type = 'com.shop.Gone', state = 'new', count = 3 }], \
        pages = [{ to = 'oncall', rule = 'slow_requests', status = 'firing', labels = { service = 'shop' } }], \
        digests = ['morning'], mail_contains = ['slow requests in shop'], mail_lacks = ['password'] }]";
    vec![toml::from_str(text).expect("an example of ours")]
}
