//! What a shipper is told: the resolved configuration, and the file format it may be read from (TOML).
//!
//! A file holds the same settings as the command line; of several files and the command line the later wins for single
//! values, and lists (`tail`, `redact`, `scrape`) and labels add up. Unknown keys are refused.

use crate::meter::config::{MetricsConfig, MetricsFile, ScrapeFile, StatsdFile};
use crate::redact::RedactRule;
pub use crate::zone::{host_zone, zone_rule};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything a shipper needs to know.
#[derive(Clone, Debug)]
pub struct ShipConfig {
    /// Router to send to, `HOST:PORT`.
    pub to: String,
    /// Stable name of this shipper; derived from the machine id and the state directory when absent.
    pub name: Option<String>,
    /// Host name every line carries.
    pub host: String,
    /// Zone of times that are written without one, as a POSIX TZ rule; empty is UTC.
    pub zone: String,
    /// Labels every line carries.
    pub labels: BTreeMap<String, String>,
    /// Directory of identities, checkpoints and the redaction key.
    pub state_dir: PathBuf,
    /// Which files, as globs; `**` crosses directories.
    pub globs: Vec<String>,
    /// Read to the present end, wait for the acknowledgements, return.
    pub once: bool,
    /// How batches are compressed.
    pub compression: Compression,
    /// What is hidden before it leaves the host.
    pub redact: Vec<RedactRule>,
    /// Which metrics are sent beside the files. `once` sends none.
    pub metrics: MetricsConfig,
    /// Intervals and limits; the defaults are right for nearly everybody.
    pub settings: Settings,
}

impl ShipConfig {
    /// Tails `globs` and sends to `to`, all else by default; no metrics.
    pub fn new(to: impl Into<String>, state_dir: impl Into<PathBuf>, globs: Vec<String>) -> Self {
        Self {
            to: to.into(),
            name: None,
            host: host_name(),
            zone: host_zone(),
            labels: BTreeMap::new(),
            state_dir: state_dir.into(),
            globs,
            once: false,
            compression: Compression::Auto,
            redact: Vec::new(),
            metrics: MetricsConfig::default(),
            settings: Settings::default(),
        }
    }
}

/// How batches are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Not on the loopback interface, zstd elsewhere.
    #[default]
    Auto,
    /// Never.
    None,
    /// zstd, level 1.
    Zstd,
}

/// Intervals and limits.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Time between two scans when nothing tells of changes. Default 1 s.
    pub scan_interval: Duration,
    /// Time between two scans while inotify tells of changes. Default 10 s.
    pub scan_interval_watched: Duration,
    /// Ask the kernel for hints (inotify). Scans are the truth either way. Default true.
    pub inotify: bool,
    /// Files held open at most; the rest is parked and opened for its turn. Default: the process's limit less 64.
    pub fds_max: usize,
    /// A last line without newline is sent as it is after so long without growth. Default 5 min; with `once` 1 s.
    pub partial_idle: Duration,
    /// Lines that may belong together (a stack trace) wait so long for more of them; 0: not at all. Default 500 ms; with
    /// `once` 0.
    pub multiline_idle: Duration,
    /// A file rotated away or deleted counts as finished after so long without growth. Default 30 s.
    pub away_grace: Duration,
    /// A file that looks like a copy of a live one waits so long for the original to be truncated. Default 3 s.
    pub copy_grace: Duration,
    /// A source whose file is gone may be found again (copied, moved) for so long; then it is closed. Default 10 min.
    pub forget_after: Duration,
    /// Time between two writes of the checkpoint. Default 1 s.
    pub flush_interval: Duration,
    /// Time between two heartbeats; after three without an answer the connection is given up. Default 10 s.
    pub heartbeat: Duration,
    /// Longest pause between two attempts to connect. Default 5 s.
    pub backoff_max: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            scan_interval: Duration::from_secs(1),
            scan_interval_watched: Duration::from_secs(10),
            inotify: true,
            fds_max: default_fds_max(),
            partial_idle: Duration::from_secs(300),
            multiline_idle: Duration::from_millis(500),
            away_grace: Duration::from_secs(30),
            copy_grace: Duration::from_secs(3),
            forget_after: Duration::from_secs(600),
            flush_interval: Duration::from_secs(1),
            heartbeat: Duration::from_secs(10),
            backoff_max: Duration::from_secs(5),
        }
    }
}

/// A configuration file of the shipper.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShipFile {
    /// Router to send to, `HOST:PORT`.
    pub to: Option<String>,
    /// Stable name of this shipper.
    pub name: Option<String>,
    /// Host name every line carries. Default: the host's own.
    pub host: Option<String>,
    /// Zone of times that are written without one: a name, or a POSIX TZ rule. Default: the host's own.
    pub zone: Option<String>,
    /// Labels every line carries.
    pub labels: BTreeMap<String, String>,
    /// Directory of identities and checkpoints.
    pub state: Option<PathBuf>,
    /// Which files, as globs.
    pub tail: Vec<String>,
    /// How batches are compressed: `auto`, `none` or `zstd`.
    pub compression: Option<Compression>,
    /// What is hidden before it leaves the host.
    pub redact: Vec<RedactRule>,
    /// The host's own metrics.
    pub metrics: MetricsFile,
    /// Metrics that applications send.
    pub statsd: StatsdFile,
    /// Metrics that applications are asked for.
    pub scrape: Vec<ScrapeFile>,
}

impl ShipFile {
    /// Reads one file; the error names it and the line.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| ConfigError(format!("cannot read {}: {e}", path.display())))?;
        toml::from_str(&text).map_err(|e| ConfigError(format!("{}: {e}", path.display())))
    }

    /// Adds what `later` says.
    pub fn merge(&mut self, later: Self) {
        fn over<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        over(&mut self.to, later.to);
        over(&mut self.name, later.name);
        over(&mut self.host, later.host);
        over(&mut self.zone, later.zone);
        over(&mut self.state, later.state);
        over(&mut self.compression, later.compression);
        self.labels.extend(later.labels);
        self.tail.extend(later.tail);
        self.redact.extend(later.redact);
        over(&mut self.metrics.host, later.metrics.host);
        over(&mut self.metrics.interval, later.metrics.interval);
        over(&mut self.metrics.heartbeat, later.metrics.heartbeat);
        over(&mut self.statsd.interval, later.statsd.interval);
        over(&mut self.statsd.series_max, later.statsd.series_max);
        self.statsd.listen.extend(later.statsd.listen);
        self.scrape.extend(later.scrape);
    }
}

/// Why a configuration cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

/// Whether `HOST:PORT` stays on this machine; a name other than `localhost` does not count, whatever it resolves to.
pub fn is_loopback(host_port: &str) -> bool {
    let host = host_port.rsplit_once(':').map_or(host_port, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host's own name.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Leaves descriptors for the connection, the checkpoint and the directories being read (T34).
fn default_fds_max() -> usize {
    const RESERVED: u64 = 64;
    const MOST: u64 = 65_536;
    let soft = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(MOST);
    usize::try_from(soft.saturating_sub(RESERVED).clamp(16, MOST)).unwrap_or(16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_judged_by_address() {
        for (to, expected) in [
            ("127.0.0.1:8515", true),
            ("[::1]:8515", true),
            ("localhost:1", true),
            ("10.0.0.1:8515", false),
            ("logs.example.org:8515", false),
        ] {
            assert_eq!(is_loopback(to), expected, "{to}");
        }
    }

    #[test]
    fn later_files_win_and_lists_add_up() {
        let mut first: ShipFile =
            toml::from_str("to = 'a:1'\ntail = ['x']\n[labels]\nk = 'v'").expect("parses");
        first.merge(toml::from_str("to = 'b:2'\ntail = ['y']").expect("parses"));
        assert_eq!((first.to.as_deref(), first.tail.len(), first.labels.len()), (Some("b:2"), 2, 1));
        assert!(toml::from_str::<ShipFile>("taill = ['x']").is_err());
    }
}
