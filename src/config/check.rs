//! What types cannot say: addresses, names that must be unique or known, fields that belong together.

use super::{Config, Redact, Sink, SinkKind, alerts, rehearsal};
use logweir_alerter::rule::compile;
use logweir_base::query::Query;
use logweir_rollup::rules::{RuleSet, RuleText, WithDefaults};
use logweir_shipper::config::zone_rule;
use logweir_shipper::redact::{RedactRule, Redactor};
use logweir_shipper::watch::Globs;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

/// Where in the configuration (`sink/2/name`), and what is wrong there.
pub type Finding = (String, String);

/// Everything that is wrong with a configuration that has all its types right.
pub fn check(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    check_addresses(config, &mut found);
    check_names(config, &mut found);
    for (at, sink) in config.sink.iter().enumerate() {
        check_sink(at, sink, &mut found);
    }
    for (at, rule) in config.redact.iter().enumerate() {
        check_redact(at, rule, &mut found);
    }
    for (at, glob) in config.tail.iter().enumerate() {
        if let Err(error) = Globs::new(std::slice::from_ref(glob), Path::new("")) {
            found.push((format!("tail/{at}"), error.to_string()));
        }
    }
    if let Some(Err(error)) = config.ship.zone.as_deref().map(zone_rule) {
        found.push(("ship/zone".to_owned(), error.to_string()));
    }
    if let Err(error) = config.checked_meter() {
        found.push(("metrics".to_owned(), error.to_string()));
    }
    check_routes(config, &mut found);
    check_rules(config, &mut found);
    alerts::check(config, &mut found);
    rehearsal::check(config, &mut found);
    found
}

/// Refuses an address that other machines can reach; `None` when it is fine.
pub fn exposed(listen: SocketAddr, insecure: bool) -> Option<String> {
    let reason = "can be reached by other machines, and nothing is encrypted or authenticated yet";
    (!insecure && !listen.ip().is_loopback()).then(|| {
        format!("{listen} {reason}: use 127.0.0.1, or allow it with `insecure = true` or --insecure")
    })
}

fn check_addresses(config: &Config, found: &mut Vec<Finding>) {
    for (path, listen) in [("http/listen", config.http.listen), ("ingest/listen", config.ingest.listen)] {
        found.extend(exposed(listen, config.insecure).map(|reason| (path.to_owned(), reason)));
    }
    let (http, ingest) = (config.http.listen, config.ingest.listen);
    if http == ingest && http.port() != 0 {
        found.push(("ingest/listen".to_owned(), format!("{ingest} is the address of [http] already")));
    }
    if let Some(to) = &config.ship.to
        && !config.insecure
        && !logweir_shipper::config::is_loopback(to)
    {
        let reason =
            format!("{to} is another machine, and nothing is encrypted yet: allow it with `insecure = true`");
        found.push(("ship/to".to_owned(), reason));
    }
}

fn check_names(config: &Config, found: &mut Vec<Finding>) {
    let sinks = config.sink.iter().map(|sink| sink.name.as_str()).collect();
    let redacts = config.redact.iter().map(|redact| redact.name.as_str()).collect();
    for (kind, names) in [("sink", sinks), ("redact", redacts)] {
        let names: Vec<&str> = names;
        let mut seen = BTreeSet::new();
        for (at, name) in names.into_iter().enumerate() {
            let path = || format!("{kind}/{at}/name");
            if name.is_empty() {
                found.push((path(), format!("a {kind} needs a name")));
            } else if !seen.insert(name) {
                found.push((path(), format!("there is another {kind} named `{name}`")));
            }
        }
    }
}

/// Each type of sink has its own keys; one of another type is a mistake, not a wish.
fn check_sink(at: usize, sink: &Sink, found: &mut Vec<Finding>) {
    let (kind, needed, allowed): (_, &[&str], &[&str]) = match sink.kind {
        SinkKind::File => ("file", &["path"], &["path", "rotate_size", "keep"]),
        SinkKind::Tcp => ("tcp", &["address"], &["address"]),
        SinkKind::Stdout => ("stdout", &[], &[]),
    };
    let present = [
        ("path", sink.path.is_some()),
        ("rotate_size", sink.rotate_size.is_some()),
        ("keep", sink.keep.is_some()),
        ("address", sink.address.is_some()),
    ];
    for (key, is_there) in present {
        if is_there && !allowed.contains(&key) {
            found.push((format!("sink/{at}/{key}"), format!("a sink of type {kind} has no `{key}`")));
        } else if !is_there && needed.contains(&key) {
            found.push((format!("sink/{at}"), format!("a sink of type {kind} needs `{key}`")));
        }
    }
}

fn check_redact(at: usize, redact: &Redact, found: &mut Vec<Finding>) {
    let rule = RedactRule { name: redact.name.clone(), regex: redact.regex.clone() };
    if let Err(error) = Redactor::new(&[rule], &[0; 32]) {
        found.push((format!("redact/{at}/regex"), error.to_string()));
    }
}

fn check_rules(config: &Config, found: &mut Vec<Finding>) {
    let of_rules = config.rule.iter().filter_map(|rule| compile(rule, &config.alerts).ok());
    let of_rules = of_rules.flat_map(|rule| rule.metrics).map(RuleText);
    let texts = config.metric.iter().map(|metric| RuleText(metric.rule.clone())).chain(of_rules);
    let texts: Vec<_> = texts.collect();
    let defaults = if config.metrics.defaults { WithDefaults::Yes } else { WithDefaults::No };
    if let Err(problem) = RuleSet::check(&texts, defaults) {
        let reason = format!("at column {} of the rule: {}", problem.column, problem.reason);
        found.push((format!("metric/{}/rule", problem.rule), reason));
    }
}

fn check_routes(config: &Config, found: &mut Vec<Finding>) {
    let sinks: BTreeSet<&str> = config.sink.iter().map(|sink| sink.name.as_str()).collect();
    for (at, route) in config.route.iter().enumerate() {
        match route.when.parse::<Query>() {
            Err(error) => {
                let reason = format!("at column {} of the query: {}", error.column, error.message);
                found.push((format!("route/{at}/when"), reason));
            }
            Ok(query) if query.asks_for_patterns() => {
                let reason =
                    "a route cannot ask for `pattern:`: records get theirs behind the routes".to_owned();
                found.push((format!("route/{at}/when"), reason));
            }
            Ok(_) => {}
        }
        for (index, name) in route.to.iter().enumerate().filter(|(_, name)| !sinks.contains(name.as_str())) {
            found.push((format!("route/{at}/to/{index}"), format!("there is no sink named `{name}`")));
        }
        if route.to.is_empty() && !route.drop {
            found
                .push((format!("route/{at}"), "a route needs `to = [\"SINK\"]` or `drop = true`".to_owned()));
        }
        if route.drop && !route.to.is_empty() {
            found.push((format!("route/{at}/drop"), "a route has either `to` or `drop`".to_owned()));
        }
    }
}
