//! What the metrics side of a shipper is told, and how it is written in a configuration file:
//!
//! ```toml
//! [metrics]
//! host = true                        # the host's own metrics; default true
//! interval = "10s"                   # between two collections
//! heartbeat = "10s"                  # a line that tells how fast lines are found; default; "0s" for none
//! [statsd]
//! listen = ["127.0.0.1:8125", "tcp:127.0.0.1:8125", "unix:/run/statsd.sock"]
//! interval = "10s"                   # between two flushes
//! series_max = 100000
//! [[scrape]]
//! url = "http://127.0.0.1:9100/metrics"
//! job = "node"                       # default: host and port
//! interval = "15s"
//! timeout = "10s"                    # at most the interval
//! labels = { zone = "a" }
//! ```

use crate::config::{ConfigError, is_loopback};
use logweir_base::time::parse_duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Shorter intervals cost more than they tell.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const HOST_INTERVAL: Duration = Duration::from_secs(10);
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);
const SCRAPE_INTERVAL: Duration = Duration::from_secs(15);
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(10);
const SERIES_MAX: usize = 100_000;

/// Which metrics a shipper sends. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Time between two collections of the host's own metrics; `None`: not at all.
    pub host: Option<Duration>,
    /// Time between two heartbeats; `None`: not at all.
    pub heartbeat: Option<Duration>,
    /// What applications send of their own accord.
    pub statsd: StatsdConfig,
    /// What is asked of applications.
    pub scrape: Vec<ScrapeTarget>,
}

impl MetricsConfig {
    /// Whether there is anything to send.
    pub fn is_off(&self) -> bool {
        !self.has_metrics() && self.heartbeat.is_none()
    }

    /// Whether there are metrics to send, and not heartbeats alone.
    pub fn has_metrics(&self) -> bool {
        self.host.is_some() || !self.statsd.listen.is_empty() || !self.scrape.is_empty()
    }
}

/// Where StatsD is listened for, and how it is summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsdConfig {
    /// Addresses.
    pub listen: Vec<StatsdAddress>,
    /// Time between two flushes, which are at its multiples of wall time.
    pub interval: Duration,
    /// Series at a time; what would begin another one is refused and counted.
    pub series_max: usize,
}

impl Default for StatsdConfig {
    fn default() -> Self {
        Self { listen: Vec::new(), interval: FLUSH_INTERVAL, series_max: SERIES_MAX }
    }
}

/// `HOST:PORT` or `udp:HOST:PORT`, `tcp:HOST:PORT`, `unix:PATH` (datagrams).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatsdAddress {
    /// Datagrams of the network.
    Udp(String),
    /// Lines of a connection.
    Tcp(String),
    /// Datagrams of this host.
    Unix(PathBuf),
}

impl FromStr for StatsdAddress {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let is_host_port = |text: &str| {
            let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
            port.is_some_and(|port| port.parse::<u16>().is_ok())
        };
        let (kind, rest) = match text.split_once(':') {
            Some((kind @ ("udp" | "tcp" | "unix"), rest)) => (kind, rest.trim_start_matches("//")),
            _ => ("udp", text),
        };
        match kind {
            // Two of the three slashes of a URL are not the path's.
            "unix" if text.starts_with("unix:///") => Ok(Self::Unix(format!("/{}", &text[8..]).into())),
            "unix" if !rest.is_empty() => Ok(Self::Unix(text[5..].into())),
            "tcp" if is_host_port(rest) => Ok(Self::Tcp(rest.to_owned())),
            "udp" if is_host_port(rest) => Ok(Self::Udp(rest.to_owned())),
            _ => Err(ConfigError(format!(
                "statsd address `{text}` is none: give HOST:PORT, tcp:HOST:PORT or unix:PATH"
            ))),
        }
    }
}

impl fmt::Display for StatsdAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(at) => write!(f, "udp:{at}"),
            Self::Tcp(at) => write!(f, "tcp:{at}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Whom to ask for metrics, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrapeTarget {
    /// `http://HOST:PORT/PATH`; there is no TLS.
    pub url: String,
    /// Label `job`.
    pub job: String,
    /// Time between two scrapes.
    pub interval: Duration,
    /// After so long a scrape has failed.
    pub timeout: Duration,
    /// Labels its series get.
    pub labels: BTreeMap<String, String>,
}

/// `[metrics]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsFile {
    /// Send the host's own metrics. Default true.
    pub host: Option<bool>,
    /// Time between two collections. Default `10s`.
    pub interval: Option<String>,
    /// Time between two heartbeats, lines that tell how fast lines are found. Default `10s`; `0s`: none are sent.
    pub heartbeat: Option<String>,
}

/// `[statsd]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdFile {
    /// Addresses to listen at: `HOST:PORT` (UDP), `tcp:HOST:PORT`, `unix:PATH`. Default none.
    pub listen: Vec<String>,
    /// Time between two flushes. Default `10s`.
    pub interval: Option<String>,
    /// Series at a time. Default 100,000.
    pub series_max: Option<usize>,
}

/// `[[scrape]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScrapeFile {
    /// `http://HOST:PORT/PATH`.
    pub url: String,
    /// Label `job`. Default: host and port.
    #[serde(default)]
    pub job: Option<String>,
    /// Time between two scrapes. Default `15s`.
    #[serde(default)]
    pub interval: Option<String>,
    /// After so long a scrape has failed. Default `10s`, and at most the interval.
    #[serde(default)]
    pub timeout: Option<String>,
    /// Labels its series get.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// Checks what was written. With `insecure`, StatsD is listened for beyond this machine too.
pub fn resolve(
    metrics: &MetricsFile,
    statsd: &StatsdFile,
    scrape: &[ScrapeFile],
    insecure: bool,
) -> Result<MetricsConfig, ConfigError> {
    let listen = statsd.listen.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>()?;
    if let Some(address) = listen.iter().find(|address| !insecure && !is_of_this_machine(address)) {
        let why = format!("statsd address {address} can be reached by others: add --insecure to allow it");
        return Err(ConfigError(why));
    }
    let host = interval(metrics.interval.as_deref(), HOST_INTERVAL)?;
    let heartbeat = metrics.heartbeat.as_deref();
    Ok(MetricsConfig {
        host: metrics.host.unwrap_or(true).then_some(host),
        heartbeat: match heartbeat {
            Some(text) if parse_duration(text).is_some_and(|span| span.is_zero()) => None,
            text => Some(interval(text, HOST_INTERVAL)?),
        },
        statsd: StatsdConfig {
            listen,
            interval: interval(statsd.interval.as_deref(), FLUSH_INTERVAL)?,
            series_max: statsd.series_max.unwrap_or(SERIES_MAX).max(1),
        },
        scrape: scrape.iter().map(target).collect::<Result<_, _>>()?,
    })
}

fn is_of_this_machine(address: &StatsdAddress) -> bool {
    match address {
        StatsdAddress::Udp(at) | StatsdAddress::Tcp(at) => is_loopback(at),
        StatsdAddress::Unix(_) => true,
    }
}

fn target(file: &ScrapeFile) -> Result<ScrapeTarget, ConfigError> {
    let address = file.url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next());
    let address =
        address.filter(|address| !address.is_empty() && !address.contains('@')).ok_or_else(|| {
            ConfigError(format!(
                "scrape url `{}` is not of the form http://HOST:PORT/PATH (there is no TLS)",
                file.url
            ))
        })?;
    let interval = interval(file.interval.as_deref(), SCRAPE_INTERVAL)?;
    let timeout = file.timeout.as_deref().map_or(Ok(SCRAPE_TIMEOUT), duration)?.min(interval);
    let job = file.job.clone().unwrap_or_else(|| address.to_owned());
    Ok(ScrapeTarget { url: file.url.clone(), job, interval, timeout, labels: file.labels.clone() })
}

fn interval(text: Option<&str>, default: Duration) -> Result<Duration, ConfigError> {
    let interval = text.map_or(Ok(default), duration)?;
    match interval >= INTERVAL_MIN {
        true => Ok(interval),
        false => Err(ConfigError(format!("interval {interval:?} is too short: at least {INTERVAL_MIN:?}"))),
    }
}

fn duration(text: &str) -> Result<Duration, ConfigError> {
    let wrong = || ConfigError(format!("`{text}` is not a time such as 10s or 1m30s"));
    parse_duration(text).filter(|duration| !duration.is_zero()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statsd_addresses() {
        let check = |text: &str, expected: Option<&str>| {
            let found = text.parse::<StatsdAddress>().ok().map(|address| address.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        };
        check("127.0.0.1:8125", Some("udp:127.0.0.1:8125"));
        check("[::1]:8125", Some("udp:[::1]:8125"));
        check("udp://localhost:1", Some("udp:localhost:1"));
        check("tcp:localhost:1", Some("tcp:localhost:1"));
        check("unix:/run/x.sock", Some("unix:/run/x.sock"));
        check("unix:///run/x.sock", Some("unix:/run/x.sock"));
        check("unix:x.sock", Some("unix:x.sock"));
        for bad in ["", ":", "8125", "localhost", "tcp:8125", "unix:", ":8125", "a:99999"] {
            check(bad, None);
        }
    }

    #[test]
    fn what_is_written_is_checked() {
        let host = MetricsFile::default();
        let statsd = |listen: &str| StatsdFile { listen: vec![listen.to_owned()], ..StatsdFile::default() };
        let check = |listen: &str, insecure| resolve(&host, &statsd(listen), &[], insecure).is_ok();
        assert!(check("127.0.0.1:1", false) && check("unix:/x", false) && check("0.0.0.0:1", true));
        assert!(!check("0.0.0.0:1", false) && !check("tcp:10.0.0.1:1", false));
        let scrape = |text: &str| {
            let file: ScrapeFile = toml::from_str(text).map_err(|e| ConfigError(e.to_string()))?;
            resolve(&host, &StatsdFile::default(), &[file], false).map(|config| config.scrape[0].clone())
        };
        let found = scrape("url = 'http://a:9100/metrics'\ninterval = '5s'").expect("good");
        assert_eq!((found.job.as_str(), found.timeout), ("a:9100", Duration::from_secs(5)));
        for bad in [
            "url = 'https://a/metrics'",
            "url = 'http:///metrics'",
            "url = 'http://user:secret@a/'",
            "url = 'http://a'\ninterval = '10ms'",
            "url = 'http://a'\ntimeout = 'soon'",
            "url = 'http://a'\nhost = 'x'",
        ] {
            assert!(scrape(bad).is_err(), "{bad}");
        }
    }
}
