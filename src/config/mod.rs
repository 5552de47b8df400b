//! The configuration: TOML files, one or many. Plain structs, whose doc comments are the reference in
//! `config/logweir.toml`; [`load`] reads files and says everything that is wrong with them at once.
//!
//! Unknown keys are refused. Strings may hold `${VAR}`, `${VAR:-default}`, `${VAR:?reason}`; `$$` is a dollar sign.

mod alerts;
mod check;
mod load;
mod metrics;
mod parts;
mod reference;
mod rehearsal;
mod variables;

pub use check::exposed;
pub use load::{Exposure, Problem, Problems, load};
pub use logweir_alerter::config::{Alerts, Digest, Receiver, Rule};
pub use logweir_base::units::{Period, Size};
pub use metrics::{Metric, Metrics, Scrape, Statsd};
pub use reference::reference;
pub use rehearsal::{
    Deed, Expect, ExpectedAlert, ExpectedGroup, ExpectedPage, Test, TestAction, TestLines, TestSamples,
};

use logweir_alerter::rule::compile;
use logweir_shipper::config::zone_rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Files to tail, as globs; `**` stands for any number of directories. Lists of several files add up.
    pub tail: Vec<String>,
    /// Allow addresses that other machines can reach. Nothing is encrypted or authenticated yet, so this is off.
    pub insecure: bool,
    /// Searches, live tail, status and metrics.
    pub http: Http,
    /// Where shippers send to.
    pub ingest: Ingest,
    /// Where everything is kept.
    pub data: Data,
    /// The journal: every line is in it before it is acknowledged.
    pub journal: Journal,
    /// The log store that searches read.
    pub index: Index,
    /// What is dropped in time. Age counts from when a line was received.
    pub retention: Retention,
    /// The shipper: `logweir ship`, and the one inside `logweir run`.
    pub ship: Ship,
    /// Metrics: the host's own, those counted from logs, and how long all are kept.
    pub metrics: Metrics,
    /// Metrics that applications send over StatsD.
    pub statsd: Statsd,
    /// Applications that are asked for their metrics, as Prometheus does it.
    pub scrape: Vec<Scrape>,
    /// Metrics that are counted from logs, besides those that always are.
    pub metric: Vec<Metric>,
    /// Alerts: what holds for all rules.
    pub alerts: Alerts,
    /// What people are told of. Rules may stand in files of their own: `-c config/rules`.
    pub rule: Vec<Rule>,
    /// Who is told, and how.
    pub receiver: Vec<Receiver>,
    /// Mails now and then about what changed among exceptions.
    pub digest: Vec<Digest>,
    /// Tests of rules, for `logweir test`; a server passes them over. docs/rule-tests.md explains them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<Test>,
    /// What is hidden before a line leaves its host: each match becomes `[name:hash]`. Byte offsets do not change.
    pub redact: Vec<Redact>,
    /// Other systems that lines are sent to, besides the log store. Each is a reader of the journal with its own position.
    pub sink: Vec<Sink>,
    /// Which lines go where, in order: a line goes to the sinks of every route that matches it, up to the first `drop`.
    pub route: Vec<Route>,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Address to listen on.
    pub listen: SocketAddr,
}

/// `[ingest]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ingest {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Shippers at the same time; more are turned away.
    pub connections_max: u32,
    /// Memory for what was received and is not yet in the journal, over all shippers. When it is full, sockets wait.
    pub memory_max: Size,
    /// What one shipper may have sent and not yet seen acknowledged.
    pub window: Size,
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Directory; created when it does not exist. It belongs to one process at a time.
    pub dir: PathBuf,
}

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Journal {
    /// Most bytes on disk. When it is full, acknowledgements stop and shippers wait; nothing is dropped. It shrinks as
    /// soon as every sink and the index have read it.
    pub size_max: Size,
    /// Size of one file of the journal; space is reserved when it is begun and given back when all have read it.
    pub segment_size: Size,
    /// Space kept in reserve and given up when the disk is full, so that deletions can run.
    pub ballast_size: Size,
    /// Memory for recent lines, so that sinks and live tails that keep up do not read from disk.
    pub recent_size: Size,
}

/// `[index]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Index {
    /// Text that is compressed, indexed and decompressed together. Smaller ones make it cheaper to fetch one line, and
    /// the log store larger.
    pub block_size: Size,
    /// Text that is gathered before it is sorted and compressed.
    pub run_size: Size,
    /// Threads that sort, compress and index.
    pub workers: u32,
    /// Memory for lines that are not yet in a file of the log store. Shippers are slowed down when it is full.
    pub tail_size_max: Size,
    /// A file of the log store is written when it has this many lines; more means fewer files and more memory.
    pub split_lines_max: u64,
    /// ... or when its first line has waited this long. A restart reads that much of the journal again.
    pub split_age_max: Period,
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Lines older than this are dropped.
    pub age_max: Period,
    /// The oldest lines are dropped while the log store is larger than this on disk. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size_max: Option<Size>,
}

/// `[ship]`
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ship {
    /// Server to send to, `HOST:PORT`. Only for `logweir ship`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Stable name of this shipper. Default: made from the machine id and the state directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Host name that lines carry. Default: the host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Zone of times that are written without one: a name such as `Europe/Berlin`, `UTC`, or a POSIX TZ rule. Default: the
    /// host's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Directory of identities and checkpoints. Default: `shipper` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<PathBuf>,
    /// `auto` (not on the loopback interface, zstd elsewhere), `none` or `zstd`. Default: auto.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression: Option<Compression>,
    /// Labels that lines carry; `service` names the service of lines that do not name one themselves.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// How batches are compressed on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not on the loopback interface, zstd elsewhere.
    Auto,
    /// Never.
    None,
    /// zstd, level 1.
    Zstd,
}

impl From<Compression> for logweir_shipper::Compression {
    fn from(compression: Compression) -> Self {
        match compression {
            Compression::Auto => Self::Auto,
            Compression::None => Self::None,
            Compression::Zstd => Self::Zstd,
        }
    }
}

/// `[[redact]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redact {
    /// Stands in for what is hidden; lower-case letters, digits, `_` and `-`.
    pub name: String,
    /// What to look for; its first group is hidden, or the whole match. Without it the built-in of that name: `card`
    /// (Luhn-checked), `token` or `email`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
}

/// `[[sink]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sink {
    /// Name, for routes and status; each only once.
    pub name: String,
    /// `file` (every line once), `tcp` (a line a record; after a lost connection lines may come again) or `stdout`.
    #[serde(rename = "type")]
    pub kind: SinkKind,
    /// While the destination takes nothing: `block` (the journal keeps everything, and when it is full acknowledgements
    /// stop) or `detach` (the journal goes on, and what the sink has missed is counted). Default: block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_stuck: Option<OnStuck>,
    /// `file`: where to write. Rotated files get `.1`, `.2`, ... appended; the highest is the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// `file`: rotate at this size. Default: 64MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotate_size: Option<Size>,
    /// `file`: how many rotated files stay. Default: 8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep: Option<u64>,
    /// `tcp`: where to connect, `HOST:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What happens while a sink takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnStuck {
    /// The journal waits for it.
    Block,
    /// The journal goes on without it.
    Detach,
}

/// What a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SinkKind {
    /// A rotating file.
    File,
    /// Raw lines over TCP.
    Tcp,
    /// Standard output.
    Stdout,
}

/// `[[route]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Which lines, as a query. Default: all.
    #[serde(default = "everything")]
    pub when: String,
    /// Names of sinks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// These lines end here: later routes do not see them, and they cannot be searched.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop: bool,
}

fn everything() -> String {
    "*".to_owned()
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8514)) }
    }
}

impl Default for Ingest {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8515)),
            connections_max: 1_024,
            memory_max: Size(32 << 20),
            window: Size(8 << 20),
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Self { dir: PathBuf::from("./logweir-data") }
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self {
            size_max: Size(10 << 30),
            segment_size: Size(64 << 20),
            ballast_size: Size(64 << 20),
            recent_size: Size(16 << 20),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            block_size: Size(128 << 10),
            run_size: Size(4 << 20),
            workers: 1,
            tail_size_max: Size(256 << 20),
            split_lines_max: 1_000_000,
            split_age_max: Period(Duration::from_secs(600)),
        }
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { age_max: Period(Duration::from_secs(30 * 86_400)), size_max: None }
    }
}

impl Config {
    /// The whole of it as the journal keeps it: with the rules by which logs are counted for alerts, and with zones as rules, so
    /// that who reads it needs nothing of this host.
    pub fn journaled(&self) -> String {
        let mut config = Self { test: Vec::new(), ..self.clone() };
        let rules = self.rule.iter().filter_map(|rule| compile(rule, &self.alerts).ok());
        config.metric.extend(rules.flat_map(|rule| rule.metrics).map(|rule| Metric { rule }));
        for digest in &mut config.digest {
            digest.zone = digest.zone.as_deref().and_then(|zone| zone_rule(zone).ok());
        }
        config.to_toml()
    }

    /// The whole of it as text.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a configuration is plain data")
    }

    /// A configuration that uses every key: what the reference shows beside the defaults.
    fn example() -> Self {
        let text = |text: &str| Some(text.to_owned());
        let sink = |name: &str, kind| Sink {
            name: name.to_owned(),
            kind,
            on_stuck: None,
            path: None,
            rotate_size: None,
            keep: None,
            address: None,
        };
        let errors = sink("errors", SinkKind::File);
        Self {
            tail: vec!["/var/log/app/**/*.log".to_owned()],
            retention: Retention { size_max: Some(Size(100 << 30)), ..Retention::default() },
            ship: Ship {
                to: text("127.0.0.1:8515"),
                name: text("web-1"),
                host: text("web-1.example.org"),
                zone: text("UTC"),
                state: Some(PathBuf::from("/var/lib/logweir/shipper")),
                compression: Some(Compression::Auto),
                labels: BTreeMap::from([("env".to_owned(), "prod".to_owned())]),
            },
            statsd: Statsd { listen: vec!["127.0.0.1:8125".to_owned()], ..Statsd::default() },
            scrape: vec![Scrape {
                url: "http://127.0.0.1:9100/metrics".to_owned(),
                job: text("node"),
                interval: Some(Period(Duration::from_secs(15))),
                timeout: Some(Period(Duration::from_secs(10))),
                labels: BTreeMap::from([("zone".to_owned(), "a".to_owned())]),
            }],
            metric: vec![Metric {
                rule: "metric \"payments_failed_total\" = count where level:error service:payment by host"
                    .to_owned(),
            }],
            alerts: alerts::example(),
            rule: alerts::example_rules(),
            receiver: alerts::example_receivers(),
            digest: alerts::example_digests(),
            test: rehearsal::example(),
            redact: vec![
                Redact { name: "email".to_owned(), regex: None },
                Redact { name: "session".to_owned(), regex: text("session=([0-9a-f]{32})") },
            ],
            sink: vec![
                Sink {
                    path: Some(PathBuf::from("/var/log/errors.log")),
                    rotate_size: Some(Size(64 << 20)),
                    keep: Some(8),
                    ..errors
                },
                Sink {
                    on_stuck: Some(OnStuck::Block),
                    address: text("127.0.0.1:9000"),
                    ..sink("archive", SinkKind::Tcp)
                },
            ],
            route: vec![
                Route { when: "http.path:/health".to_owned(), to: Vec::new(), drop: true },
                Route { when: "level:error".to_owned(), to: vec!["errors".to_owned()], drop: false },
            ],
            ..Self::default()
        }
    }
}
