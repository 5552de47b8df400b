//! The arguments of `logweir ship` and of `logweir-shipper`, and how they become a [`ShipConfig`].

use crate::config::{Compression, ConfigError, ShipConfig, ShipFile, is_loopback, zone_rule};
use crate::meter;
use crate::meter::config::{MetricsFile, StatsdFile};
use std::path::PathBuf;

/// Arguments of the shipper.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShipArgs {
    /// Configuration file (TOML); may be given several times, the later wins
    #[arg(short, long = "config", value_name = "FILE")]
    pub config: Vec<PathBuf>,
    /// Router to send to
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Option<String>,
    /// Stable name of this shipper; by default made from the machine id and the state directory
    #[arg(long, value_name = "ID")]
    pub name: Option<String>,
    /// Host name the lines carry; by default the host's own
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// Zone of times without one: `Europe/Berlin`, `UTC`, or a POSIX rule; by default the host's own
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// Label the lines carry; may be given several times
    #[arg(long = "label", value_name = "K=V")]
    pub labels: Vec<String>,
    /// Directory of identities and checkpoints [default: ./logweir-data/shipper]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Read to the present end, wait for the acknowledgements, exit 0; no metrics
    #[arg(long)]
    pub once: bool,
    /// How batches are compressed; auto: zstd unless the router is on this machine
    #[arg(long, value_enum)]
    pub compression: Option<Compression>,
    /// Allow a router on another machine, without encryption
    #[arg(long)]
    pub insecure: bool,
    /// Send no metrics of this host
    #[arg(long)]
    pub no_host_metrics: bool,
    /// Listen for StatsD: HOST:PORT (UDP), tcp:HOST:PORT or unix:PATH; may be given several times
    #[arg(long, value_name = "ADDR")]
    pub statsd: Vec<String>,
    /// Files to tail; `**` crosses directories (quote them, so that the shell leaves them alone)
    #[arg(value_name = "GLOB")]
    pub globs: Vec<String>,
}

const EXAMPLES: &str = "\
Every line arrives exactly once, whatever is killed, rotated or cut off in between.

Examples:
  Tail all logs of a service, rotated ones included:
    logweir ship --to 127.0.0.1:8515 '/var/log/app/*.log*'
  Everything below a directory, with a label:
    logweir ship --to 127.0.0.1:8515 --label env=prod '/srv/**/*.log'
  Send what is there now, and stop:
    logweir ship --to 127.0.0.1:8515 --once 'old/*.log'
  Hide what must not leave the host (in a file given with -c):
    [[redact]]
    name = \"email\"        # without `regex`: the built-in of this name (card, token, email)";

impl ShipArgs {
    /// Files and arguments together, checked. The error says what to change.
    pub fn resolve(self) -> Result<ShipConfig, ConfigError> {
        let mut all = ShipFile::default();
        for path in &self.config {
            all.merge(ShipFile::read(path)?);
        }
        let insecure = self.insecure;
        let once = self.once;
        all.merge(self.into_file()?);
        let to = all.to.ok_or_else(|| ConfigError("no router given: add --to HOST:PORT".to_owned()))?;
        let metrics = meter::config::resolve(&all.metrics, &all.statsd, &all.scrape, insecure)?;
        if all.tail.is_empty() && (once || !metrics.has_metrics()) {
            return Err(ConfigError("no files given: add at least one GLOB".to_owned()));
        }
        if !insecure && !is_loopback(&to) {
            let why = format!(
                "{to} is not on this machine and there is no encryption yet: add --insecure to allow it"
            );
            return Err(ConfigError(why));
        }
        let state = all.state.unwrap_or_else(|| PathBuf::from("logweir-data/shipper"));
        let mut config = ShipConfig::new(to, state, all.tail);
        config.name = all.name;
        config.host = all.host.unwrap_or(config.host);
        config.zone = all.zone.map_or(Ok(config.zone), |zone| zone_rule(&zone))?;
        config.labels = all.labels;
        config.once = once;
        config.compression = all.compression.unwrap_or_default();
        config.redact = all.redact;
        config.metrics = metrics;
        Ok(config)
    }

    fn into_file(self) -> Result<ShipFile, ConfigError> {
        let label = |text: String| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(ConfigError(format!("label `{text}` is not of the form K=V"))),
        };
        Ok(ShipFile {
            to: self.to,
            name: self.name,
            host: self.host,
            zone: self.zone,
            labels: self.labels.into_iter().map(label).collect::<Result<_, _>>()?,
            state: self.state,
            tail: self.globs,
            compression: self.compression,
            redact: Vec::new(),
            metrics: MetricsFile { host: self.no_host_metrics.then_some(false), ..MetricsFile::default() },
            statsd: StatsdFile { listen: self.statsd, ..StatsdFile::default() },
            scrape: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(to: &str) -> ShipArgs {
        ShipArgs { to: Some(to.to_owned()), globs: vec!["*.log".to_owned()], ..ShipArgs::default() }
    }

    #[test]
    fn a_router_elsewhere_needs_insecure() {
        assert!(args("10.1.2.3:8515").resolve().is_err());
        assert!(ShipArgs { insecure: true, ..args("10.1.2.3:8515") }.resolve().is_ok());
        assert!(args("127.0.0.1:8515").resolve().is_ok());
    }

    #[test]
    fn a_shipper_of_metrics_needs_no_files() {
        let none = || ShipArgs { globs: Vec::new(), ..args("127.0.0.1:1") };
        let config = none().resolve().expect("its host's metrics");
        assert_eq!(config.metrics.host, Some(std::time::Duration::from_secs(10)));
        let without = || ShipArgs { no_host_metrics: true, ..none() };
        assert!(without().resolve().expect_err("nothing to do").0.contains("no files"));
        assert!(ShipArgs { once: true, ..none() }.resolve().is_err());
        let statsd = |at: &str| ShipArgs { statsd: vec![at.to_owned()], ..without() };
        assert_eq!(statsd("127.0.0.1:8125").resolve().expect("listens").metrics.statsd.listen.len(), 1);
        assert!(statsd("0.0.0.0:8125").resolve().is_err());
        assert!(ShipArgs { insecure: true, ..statsd("0.0.0.0:8125") }.resolve().is_ok());
    }

    #[test]
    fn a_zone_is_resolved_to_its_rule() {
        let with = |zone: &str| ShipArgs { zone: Some(zone.to_owned()), ..args("127.0.0.1:1") }.resolve();
        assert_eq!(with("EST5EDT,M3.2.0,M11.1.0").expect("a rule").zone, "EST5EDT,M3.2.0,M11.1.0");
        assert_eq!(with("UTC").expect("a name").zone, "UTC0");
        assert!(with("Nowhere/Land").expect_err("no zone").0.contains("`Nowhere/Land` is unknown"));
    }

    #[test]
    fn labels_are_pairs() {
        let with = |label: &str| ShipArgs { labels: vec![label.to_owned()], ..args("127.0.0.1:1") }.resolve();
        assert_eq!(with("env=a=b").expect("a pair").labels["env"], "a=b");
        assert!(with("env").is_err() && with("=x").is_err());
    }
}
