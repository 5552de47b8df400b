//! Rules, receivers and digests as they are configured. The configuration stands in the journal, so what was evaluated by which
//! rule is a function of it; secrets stand in files of their own and are read when something is sent.

use crate::group::State;
use logweir_base::units::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `[alerts]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Alerts {
    /// Where people reach this server, for links in pages and digests. Default: the address of `[http]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A page that nobody acknowledges comes again after so long.
    pub repeat: Period,
    /// Rules look at what had happened so long ago, so that lines under way from other hosts are in it.
    pub grace: Period,
    /// When what arrives is not evaluated for so long, all alerts are held and one alert `pipeline_stale` takes their place.
    pub stale_after: Period,
    /// Pages at a time to one receiver; more become one summary.
    pub storm: u32,
    /// A sign of life is sent to this URL each minute (GET), so that a watcher elsewhere pages when it stays away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat_url: Option<String>,
    /// Directory of templates that stand in place of the built-in ones of mails; docs/alerts.md lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<PathBuf>,
    /// Hosts that receivers may reach although they are private addresses: names, addresses, or networks such as 10.0.0.0/8.
    pub allow_private: Vec<String>,
}

/// `[[rule]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Name: lower-case letters, digits and `_`; each only once. It is the label `alertname`.
    pub name: String,
    /// `threshold` (a number passes a bound), `baseline` (a number is not what is usual at this hour of the week), `ratio`
    /// (records of `of` that `search` finds: a share passes a bound), `absence` (who used to report is silent), or `exception`
    /// (a group of exceptions becomes new, regressed or escalating).
    #[serde(rename = "type")]
    pub kind: RuleKind,
    /// `threshold`, `baseline`, `ratio`: the number of records that this query finds. `exception`: only exceptions that it finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// `ratio`: the query of all, of which `search` finds a part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// `threshold`, `baseline`, `absence`: a PromQL expression in place of `search`. Each series it gives is looked at by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promql: Option<String>,
    /// Fields by which `search` counts apart, such as `service`; each value is an alert of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// What `search` counts in. Default: 5m; of `baseline` 1m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<Period>,
    /// `threshold`, `ratio`: too much is more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// `threshold`, `ratio`: too little is less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// `baseline`: `both`, `above` or `below`. Default: both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// `baseline`: smaller deviations are none, as a share of what is usual. Default: 0.3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect_min: Option<f64>,
    /// `absence`: who is missed: `host`, `service` or `source` (one file of one host); by `promql` the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    /// `exception`: which states are told of. Default: new, regressed, escalating.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<State>,
    /// It must hold for so long. Default: 0s; of `absence` 10m.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub for_: Option<Period>,
    /// It is over when it has not held for so long. Default: 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_firing_for: Option<Period>,
    /// `critical`, `error`, `warning` or `info`. Default: error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Labels that its alerts get.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Texts that its alerts get, such as `summary`, `description`, `runbook_url`; `{{label}}` stands for a label's value and
    /// `{{value}}` for the number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Rules that keep this one from being told of while they fire for the same labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inhibited_by: Vec<String>,
    /// Receivers by name. Default: all that take pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleKind {
    /// A number passes a bound.
    Threshold,
    /// A number is not what is usual.
    Baseline,
    /// A share passes a bound.
    Ratio,
    /// Who used to report is silent.
    Absence,
    /// A group of exceptions changes its state.
    Exception,
}

/// Which deviations count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Both.
    Both,
    /// More than usual.
    Above,
    /// Less than usual.
    Below,
}

/// Who may be missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    /// A host: lines, heartbeats among them.
    Host,
    /// A service: lines.
    Service,
    /// A file of a host.
    Source,
}

/// How bad an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it in office hours.
    Warning,
    /// Look at it now.
    Error,
    /// Get up.
    Critical,
}

impl Severity {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// `[[receiver]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Receiver {
    /// Name; each only once.
    pub name: String,
    /// `email`, `pagerduty`, `alertmanager`, `webhook` or `slack`.
    #[serde(rename = "type")]
    pub kind: ReceiverKind,
    /// Where: `smtp://HOST:PORT` (STARTTLS when the server has it), `smtps://HOST:PORT` (TLS), or an `https://` URL. PagerDuty has
    /// a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// A file that holds the URL, where the URL itself is a secret (Slack).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// `email`: addresses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// `email`: sender. Default: logweir@ and the host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// `email`: user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file that holds the password (`email`), the integration key (`pagerduty`) or the signing secret (`webhook`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// `email`: send without encryption to a server that has none and is not on this machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plaintext: bool,
    /// Takes no pages, digests only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub digest_only: bool,
    /// Messages a minute; more wait. Default: 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_max: Option<u32>,
}

/// What a receiver is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReceiverKind {
    /// Mail over SMTP.
    Email,
    /// PagerDuty, Events API v2.
    PagerDuty,
    /// A Prometheus Alertmanager, API v2.
    Alertmanager,
    /// A URL that takes JSON in the shape of Alertmanager's webhooks.
    Webhook,
    /// A URL that takes what Slack takes: Slack, Mattermost, Rocket.Chat.
    Slack,
}

/// `[[digest]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Digest {
    /// Name, for its subject and thread; each only once.
    pub name: String,
    /// Receivers by name.
    pub to: Vec<String>,
    /// `hourly`, `daily` or `weekly`. Default: daily.
    #[serde(default)]
    pub every: Every,
    /// Time of day, `HH:MM`; of `hourly` only the minutes count. Default: 08:00.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// `weekly`: day, `monday` to `sunday`. Default: monday.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// Zone of `at` as a POSIX TZ rule or a name such as `Europe/Berlin`. Default: UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Only exceptions of records that this query finds. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
}

/// How often a digest comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Every {
    /// Each hour.
    Hourly,
    /// Each day.
    #[default]
    Daily,
    /// Each week.
    Weekly,
}

impl Default for Alerts {
    fn default() -> Self {
        Self {
            url: None,
            repeat: Period(Duration::from_secs(4 * 3_600)),
            grace: Period(Duration::from_secs(30)),
            stale_after: Period(Duration::from_secs(300)),
            storm: 10,
            heartbeat_url: None,
            templates: None,
            allow_private: Vec::new(),
        }
    }
}
