//! The parts of the configuration about metrics.

use super::{Period, Size};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: u64 = 86_400;

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Collect this host's own metrics: processor, memory, disks, network and more, as `system_*`.
    pub host: bool,
    /// Time between two collections.
    pub interval: Period,
    /// Time between two heartbeats: a line of the shipper itself, by which the time from writing a line to finding it is
    /// measured. `0s`: none.
    pub heartbeat: Period,
    /// Count records, bytes, errors and HTTP requests of the logs without being asked to; docs/metrics-from-logs.md lists
    /// these rules. Your own are `[[metric]]`.
    pub defaults: bool,
    /// How long samples are kept as they were received; what is older when it arrives is refused.
    pub samples_age_max: Period,
    /// How long windows of 10 s are kept: what is counted from logs, StatsD, increases and histograms.
    pub windows_10s_age_max: Period,
    /// How long windows of 1 minute are kept.
    pub windows_1m_age_max: Period,
    /// How long windows of 10 minutes are kept.
    pub windows_10m_age_max: Period,
    /// How long windows of 1 hour are kept.
    pub windows_1h_age_max: Period,
    /// Series at a time, of all metrics. What is beyond goes to series with the label `__overflow__`, and is counted.
    pub series_max: u32,
    /// Series at a time of one metric.
    pub series_per_metric_max: u32,
    /// Series at a time of one shipper; all that comes over HTTP is one.
    pub series_per_source_max: u32,
    /// Memory for what is not yet in a file of the metrics store.
    pub memory_max: Size,
}

impl Default for Metrics {
    fn default() -> Self {
        let days = |days: u64| Period(Duration::from_secs(days * DAY));
        Self {
            host: true,
            interval: Period(Duration::from_secs(10)),
            heartbeat: Period(Duration::from_secs(10)),
            defaults: true,
            samples_age_max: days(7),
            windows_10s_age_max: days(7),
            windows_1m_age_max: days(30),
            windows_10m_age_max: days(180),
            windows_1h_age_max: days(1_095),
            series_max: 500_000,
            series_per_metric_max: 50_000,
            series_per_source_max: 200_000,
            memory_max: Size(256 << 20),
        }
    }
}

/// `[statsd]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Statsd {
    /// Where StatsD and DogStatsD are listened for: `HOST:PORT` (UDP), `tcp:HOST:PORT`, `unix:PATH` (datagrams). Nowhere by
    /// default; 127.0.0.1:8125 is usual.
    pub listen: Vec<String>,
    /// What came is summed up for so long and sent on.
    pub interval: Period,
    /// Series at a time; more are counted in one series with the label `__overflow__`.
    pub series_max: u64,
}

impl Default for Statsd {
    fn default() -> Self {
        Self { listen: Vec::new(), interval: Period(Duration::from_secs(10)), series_max: 100_000 }
    }
}

/// `[[scrape]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scrape {
    /// What to ask, `http://HOST:PORT/PATH`; there is no TLS.
    pub url: String,
    /// Label `job` of its series. Default: host and port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Time between two scrapes. Default: 15s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period>,
    /// After so long without an answer it counts as down. Default: 10s, at most the interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Period>,
    /// Labels that its series get.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// `[[metric]]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What is counted from logs: `metric "NAME" = count where QUERY by FIELDS`, or `sum(FIELD)`, `histogram(FIELD)`,
    /// `gauge(FIELD)` in place of `count`; see docs/metrics-from-logs.md.
    pub rule: String,
}
