//! What each part of the pipeline is told of the configuration, in its own terms.

use super::{Config, OnStuck, Period, Scrape, Sink, SinkKind, Size};
use logweir_indexer::IndexerConfig;
use logweir_rollup::RollupConfig;
use logweir_router::config as router;
use logweir_shipper::config::zone_rule;
use logweir_shipper::meter::config::{self as meter, MetricsFile, ScrapeFile, StatsdFile};
use logweir_shipper::{ConfigError, MetricsConfig, RedactRule, ShipConfig};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Rotation of file sinks, where the configuration says nothing.
const ROTATE_SIZE: Size = Size(64 << 20);
/// Rotated files that stay, where the configuration says nothing.
const ROTATED_KEPT: u64 = 8;

impl Config {
    /// For the router.
    pub fn router(&self) -> router::RouterConfig {
        router::RouterConfig {
            journal: router::JournalOptions {
                segment_bytes: self.journal.segment_size.0,
                disk_bytes_max: self.journal.size_max.0,
                ballast_bytes: self.journal.ballast_size.0,
            },
            ring_bytes: self.journal.recent_size.bytes(),
            in_flight_bytes: self.ingest.memory_max.bytes(),
            window_bytes: self.ingest.window.0,
            connections_max: self.ingest.connections_max as usize,
        }
    }

    /// Routes, in order.
    pub fn routes(&self) -> Vec<router::RouteConfig> {
        let routes = self.route.iter().cloned();
        routes.map(|r| router::RouteConfig { when: r.when, to: r.to, drop: r.drop }).collect()
    }

    /// Sinks.
    pub fn sinks(&self) -> Vec<router::SinkConfig> {
        self.sink.iter().map(sink).collect()
    }

    /// For the log store.
    pub fn indexer(&self) -> IndexerConfig {
        IndexerConfig {
            block_bytes: self.index.block_size.bytes(),
            run_bytes: self.index.run_size.bytes(),
            split_lines_max: self.index.split_lines_max,
            split_age: self.index.split_age_max.0,
            tail_bytes_max: self.index.tail_size_max.bytes(),
            retention_age: Some(self.retention.age_max.0),
            retention_bytes: self.retention.size_max.map(|size| size.0),
            workers: self.index.workers as usize,
        }
    }

    /// For the shipper inside an all-in-one server that listens for shippers on `ingest`.
    pub fn shipper(&self, ingest: SocketAddr) -> ShipConfig {
        let ship = &self.ship;
        let mut config = ShipConfig::new(ingest.to_string(), self.shipper_state(), self.tail.clone());
        config.name.clone_from(&ship.name);
        config.host = ship.host.clone().unwrap_or(config.host);
        // An unknown one was refused when the configuration was read.
        config.zone = ship.zone.as_deref().map_or(config.zone, |zone| zone_rule(zone).unwrap_or_default());
        config.labels.clone_from(&ship.labels);
        config.compression = ship.compression.map(Into::into).unwrap_or_default();
        config.redact = self.redact_rules();
        config.metrics = self.meter();
        config
    }

    /// For the metrics store.
    pub fn rollup(&self) -> RollupConfig {
        let metrics = &self.metrics;
        RollupConfig {
            samples: metrics.samples_age_max.0,
            windows_10s: metrics.windows_10s_age_max.0,
            windows_1m: metrics.windows_1m_age_max.0,
            windows_10m: metrics.windows_10m_age_max.0,
            windows_1h: metrics.windows_1h_age_max.0,
            series_max: metrics.series_max,
            series_per_metric_max: metrics.series_per_metric_max,
            series_per_source_max: metrics.series_per_source_max,
            head_bytes_max: metrics.memory_max.bytes(),
            ..RollupConfig::default()
        }
    }

    /// For the metrics side of the shipper. What cannot be was refused when the configuration was read.
    pub fn meter(&self) -> MetricsConfig {
        self.checked_meter().unwrap_or_default()
    }

    /// As [`Config::meter`], or what is wrong.
    pub(super) fn checked_meter(&self) -> Result<MetricsConfig, ConfigError> {
        let text = |period: Period| Some(period.to_string());
        let metrics = MetricsFile {
            host: Some(self.metrics.host),
            interval: text(self.metrics.interval),
            heartbeat: text(self.metrics.heartbeat),
        };
        let statsd = StatsdFile {
            listen: self.statsd.listen.clone(),
            interval: text(self.statsd.interval),
            series_max: usize::try_from(self.statsd.series_max).ok(),
        };
        let scrape = |scrape: &Scrape| ScrapeFile {
            url: scrape.url.clone(),
            job: scrape.job.clone(),
            interval: scrape.interval.and_then(text),
            timeout: scrape.timeout.and_then(text),
            labels: scrape.labels.clone(),
        };
        let scrapes: Vec<_> = self.scrape.iter().map(scrape).collect();
        meter::resolve(&metrics, &statsd, &scrapes, self.insecure)
    }

    /// Redaction rules.
    pub fn redact_rules(&self) -> Vec<RedactRule> {
        self.redact.iter().map(|r| RedactRule { name: r.name.clone(), regex: r.regex.clone() }).collect()
    }

    fn shipper_state(&self) -> PathBuf {
        self.ship.state.clone().unwrap_or_else(|| self.data.dir.join("shipper"))
    }
}

/// The fields a kind needs are there, since the configuration was checked.
fn sink(sink: &Sink) -> router::SinkConfig {
    let kind = match sink.kind {
        SinkKind::File => router::SinkKind::File {
            path: sink.path.clone().unwrap_or_default().to_string_lossy().into_owned(),
            rotate_bytes: sink.rotate_size.unwrap_or(ROTATE_SIZE).0,
            keep: sink.keep.unwrap_or(ROTATED_KEPT),
        },
        SinkKind::Tcp => router::SinkKind::Tcp { address: sink.address.clone().unwrap_or_default() },
        SinkKind::Stdout => router::SinkKind::Stdout,
    };
    let on_stuck = match sink.on_stuck.unwrap_or(OnStuck::Block) {
        OnStuck::Block => router::OnStuck::Block,
        OnStuck::Detach => router::OnStuck::Detach,
    };
    router::SinkConfig { name: sink.name.clone(), on_stuck, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_parts() {
        let config = Config::default();
        assert_eq!(config.router(), router::RouterConfig::default());
        let indexer =
            IndexerConfig { retention_age: Some(config.retention.age_max.0), ..IndexerConfig::default() };
        assert_eq!(config.indexer(), indexer);
        assert_eq!(config.rollup(), RollupConfig::default());
    }

    #[test]
    fn sinks_keep_all_they_are_told() {
        let sinks = Config::example().sinks();
        let file = router::SinkKind::File {
            path: "/var/log/errors.log".to_owned(),
            rotate_bytes: 64 << 20,
            keep: 8,
        };
        assert_eq!((&sinks[0].kind, sinks[1].on_stuck), (&file, router::OnStuck::Block));
    }
}
