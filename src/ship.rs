//! `logweir ship`: the shipper alone. Its settings are `[ship]`, `tail`, `[[redact]]`, `[metrics]`, `[statsd]` and `[[scrape]]` of
//! the same configuration that `logweir run` reads, and arguments over them.

use crate::command::{Failure, load};
use crate::config::{Config, Exposure};
use crate::terminal::note;
use crossbeam::channel::{Receiver, bounded, select, tick};
use logweir_shipper::{ShipArgs, ShipConfig, ShipError, ShipperStatus};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether there is a new error to tell.
const ERRORS_TICK: Duration = Duration::from_secs(1);

/// Ships until a signal, or with `--once` until everything is acknowledged.
pub fn run(args: ShipArgs) -> Result<(), Failure> {
    let config = resolve(args)?;
    let (stop, stopped) = watch::channel(false);
    let status = ShipperStatus::default();
    stop_on_signals(stop).map_err(|e| Failure::Failed(format!("cannot listen for signals: {e}")))?;
    let (_running, ended) = bounded::<()>(0);
    let (seen, at_end, once) = (status.clone(), status.clone(), config.once);
    thread::spawn(move || tell_errors(&seen, &ended));
    let report = logweir_shipper::run(config, status, stopped).map_err(|error| match error {
        ShipError::Config(error) => Failure::Config(error.to_string()),
        error => Failure::Failed(error.to_string()),
    })?;
    if once && at_end.snapshot().files.is_empty() {
        note("no file matches: nothing was sent (quote globs, and try `logweir doctor GLOB`)");
    }
    let failed: Vec<String> =
        report.failed.iter().map(|file| format!("{}: {}", file.path, file.error)).collect();
    if failed.is_empty() { Ok(()) } else { Err(Failure::Failed(failed.join("\n"))) }
}

/// Arguments over configuration files.
fn resolve(mut args: ShipArgs) -> Result<ShipConfig, Failure> {
    let files = std::mem::take(&mut args.config);
    let mut config = load(&files, if args.insecure { Exposure::Allowed } else { Exposure::AsConfigured })?;
    let redact = config.redact_rules();
    config.metrics.host &= !args.no_host_metrics;
    config.statsd.listen.extend(args.statsd.iter().cloned());
    config.insecure |= args.insecure;
    let metrics = config.meter();
    let mut resolved = over(args, config).resolve().map_err(|error| Failure::Usage(error.to_string()))?;
    resolved.redact = redact;
    resolved.metrics = metrics;
    Ok(resolved)
}

/// The arguments, with what they leave out taken from the configuration.
fn over(args: ShipArgs, config: Config) -> ShipArgs {
    let ship = config.ship;
    let labels = ship.labels.into_iter().map(|(key, value)| format!("{key}={value}"));
    ShipArgs {
        to: args.to.or(ship.to),
        name: args.name.or(ship.name),
        host: args.host.or(ship.host),
        zone: args.zone.or(ship.zone),
        state: args.state.or(ship.state),
        compression: args.compression.or(ship.compression.map(Into::into)),
        labels: labels.chain(args.labels).collect(),
        globs: config.tail.into_iter().chain(args.globs).collect(),
        insecure: args.insecure || config.insecure,
        ..args
    }
}

/// The first signal ends it in order, the second at once.
fn stop_on_signals(stop: watch::Sender<bool>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for (count, signal) in signals.forever().enumerate() {
            if count > 0 {
                // It can only fail for signals that do not exist.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            stop.send_replace(true);
        }
    })?;
    Ok(())
}

/// Says each new error once, and again when it has been away, until the other end of `ended` is dropped.
fn tell_errors(status: &ShipperStatus, ended: &Receiver<()>) {
    let (ticks, mut told) = (tick(ERRORS_TICK), Vec::new());
    loop {
        select! {
            recv(ended) -> _ => return,
            recv(ticks) -> _ => {
                let now = status.snapshot();
                let mut errors = now.meter.troubles();
                errors.extend(Some(now.last_error).filter(|error| !error.is_empty()));
                errors.iter().filter(|error| !told.contains(*error)).for_each(|error| note(error));
                told = errors;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Ship;
    use std::collections::BTreeMap;

    #[test]
    fn arguments_win_over_the_configuration_and_lists_add_up() {
        let ship = Ship {
            to: Some("127.0.0.1:1".to_owned()),
            name: Some("file".to_owned()),
            labels: BTreeMap::from([
                ("env".to_owned(), "test".to_owned()),
                ("team".to_owned(), "a".to_owned()),
            ]),
            ..Ship::default()
        };
        let config = Config { tail: vec!["a".to_owned()], ship, ..Config::default() };
        let args = ShipArgs {
            name: Some("argument".to_owned()),
            labels: vec!["env=prod".to_owned()],
            globs: vec!["b".to_owned()],
            ..ShipArgs::default()
        };
        let resolved = over(args, config).resolve().expect("complete");
        assert_eq!((resolved.to.as_str(), resolved.name.as_deref()), ("127.0.0.1:1", Some("argument")));
        assert_eq!((resolved.globs.len(), resolved.labels["env"].as_str()), (2, "prod"));
        assert_eq!(resolved.labels["team"], "a");
    }
}
