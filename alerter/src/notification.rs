//! What people are told: pages about alerts, and digests of exceptions. Plain data that is committed with the journal position
//! and rendered for each receiver when it is sent. All texts of it may hold what a log line said, which is hostile.

use crate::config::Severity;
use crate::group::State;
use logweir_base::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// Names it for ever: a hash of the rule, the labels, the start and what is told; sent again it has the same one.
    pub id: String,
    /// To whom.
    pub receiver: String,
    /// When it was decided on.
    pub at: Timestamp,
    /// What.
    pub message: Message,
}

/// What a message tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// An alert fires, or is over.
    Page(Box<Page>),
    /// Many alerts at once, in one message.
    Storm(Storm),
    /// What changed since the last one.
    Digest(Box<Digest>),
}

/// Whether an alert fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Firing,
    /// Somebody looks after it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl Status {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

/// An alert as it is told of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Names the episode: from firing to being over.
    pub episode: String,
    /// Whether it fires.
    pub status: Status,
    /// Name of the rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// `alertname`, `severity`, those of the series, those of the rule.
    pub labels: BTreeMap<String, String>,
    /// The rule's texts, filled in: `summary`, `description`, `runbook_url` and others.
    pub annotations: BTreeMap<String, String>,
    /// In one line: what is the matter.
    pub summary: String,
    /// Since when it holds.
    pub since: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// What to look at.
    pub evidence: Evidence,
}

/// What a page brings along, so that nobody has to look for it first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evidence {
    /// The number now.
    pub value: Option<f64>,
    /// What is usual, from and to.
    pub usual: Option<(f64, f64)>,
    /// In a sentence: what is usual, and why this is not.
    pub why: String,
    /// Traces to open, the first of them first: each with why (`worst`, `typical`, `first`) and its id.
    pub traces: Vec<(String, String)>,
    /// Patterns of messages that changed most: the template, how many in the span before, how many now.
    pub patterns: Vec<(String, u64, u64)>,
    /// Hosts involved.
    pub hosts: Vec<String>,
    /// The last deploy of the service before it began: service, version, by whom, when.
    pub deploy: Option<DeployMark>,
    /// Where to go on: what it shows, and the URL.
    pub links: Vec<(String, String)>,
}

/// A deploy, as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeployMark {
    /// Of what.
    pub service: String,
    /// Which version.
    pub version: String,
    /// By whom; may be empty.
    pub by: String,
    /// When.
    #[serde(with = "as_text")]
    pub at: Timestamp,
}

/// Times as people read them: these go out as JSON as they are stored.
mod as_text {
    use super::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(deserializer)?;
        Timestamp::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is not a time")))
    }
}

/// Many alerts at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Storm {
    /// How many fire.
    pub firing: u64,
    /// How many are over.
    pub resolved: u64,
    /// By rule: its name, how many, the worst severity; the most first.
    pub rules: Vec<(String, u64, Severity)>,
    /// Some of them, the worst first: severity and summary.
    pub examples: Vec<(Severity, String)>,
    /// Where all of them are shown.
    pub link: String,
}

/// What changed among exceptions since the last digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// Its name.
    pub name: String,
    /// From when.
    pub from: Timestamp,
    /// To when.
    pub to: Timestamp,
    /// Seconds that the zone of its readers is ahead of UTC, for times in it.
    pub offset_seconds: i32,
    /// Name of that zone, as it is configured.
    pub zone: String,
    /// The numbers, now and in the span of the same length before.
    pub headline: Vec<Headline>,
    /// New, regressed, escalating, gone quiet, and the most users affected; sections without entries are left out.
    pub sections: Vec<Section>,
    /// It should have been sent earlier and could not: several have become one.
    pub late: bool,
    /// Where all groups are shown.
    pub link: String,
}

/// A number of a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Headline {
    /// Of what: `exceptions`, `groups`, `users affected`, `alerts`.
    pub what: String,
    /// Now.
    pub now: u64,
    /// In the span before.
    pub before: u64,
}

/// Title of the section of groups that did not come any more.
pub const QUIET_SECTION: &str = "Gone quiet";
/// Title of the section that tells no change.
pub const USERS_SECTION: &str = "Most users affected";

/// Groups that have something in common.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// What: `New`, `Regressed`, `Escalating`, `Gone quiet`, `Most users affected`.
    pub title: String,
    /// The first of them.
    pub entries: Vec<Entry>,
    /// There are so many more.
    pub more: u64,
}

/// A group in a digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The group's id.
    pub group: String,
    /// Its state.
    pub state: State,
    /// Type of the exception; empty when it is a message only.
    pub kind: String,
    /// What it says.
    pub message: String,
    /// Where in the application.
    pub culprit: Option<String>,
    /// Services.
    pub services: Vec<String>,
    /// Versions.
    pub versions: Vec<String>,
    /// Hosts.
    pub hosts: Vec<String>,
    /// Occurrences in the span.
    pub count: u64,
    /// Users it hit so far.
    pub users: u64,
    /// Occurrences over time, oldest first; the span of the digest is at its end.
    pub trend: Vec<u64>,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// A trace it came in.
    pub trace: Option<String>,
    /// The version that was deployed last when it came first.
    pub deploy: Option<String>,
    /// Where it is shown.
    pub link: String,
}
