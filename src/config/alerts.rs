//! The parts of the configuration about alerts: what is wrong with them, and the examples of the reference.

use super::check::Finding;
use super::{Alerts, Config, Digest, Receiver, Rule};
use logweir_alerter::config::ReceiverKind;
use logweir_alerter::receiver::takes_digests;
use logweir_alerter::{day_of_week, rule, time_of_day};
use logweir_base::query::Query;
use logweir_shipper::config::zone_rule;
use std::collections::BTreeSet;

/// Everything that is wrong with rules, receivers and digests.
pub fn check(config: &Config, found: &mut Vec<Finding>) {
    for (at, (field, reason)) in rule::check(&config.rule, &config.receiver) {
        found.push((format!("rule/{at}/{field}"), reason));
    }
    let mut names = BTreeSet::new();
    for (at, receiver) in config.receiver.iter().enumerate() {
        if receiver.name.is_empty() || !names.insert(&receiver.name) {
            found.push((format!("receiver/{at}/name"), "each receiver needs a name of its own".to_owned()));
        }
        found.extend(fault_of(receiver).map(|(field, why)| (format!("receiver/{at}/{field}"), why)));
    }
    let mut names = BTreeSet::new();
    for (at, digest) in config.digest.iter().enumerate() {
        if digest.name.is_empty() || !names.insert(&digest.name) {
            found.push((format!("digest/{at}/name"), "each digest needs a name of its own".to_owned()));
        }
        check_digest(config, at, digest, found);
    }
}

/// The first thing that is wrong with a receiver: its field, and why.
fn fault_of(receiver: &Receiver) -> Option<(&'static str, String)> {
    let is_mail = receiver.kind == ReceiverKind::Email;
    let fault = |field, why: &str| Some((field, why.to_owned()));
    let url = receiver.url.as_deref();
    match receiver.kind {
        _ if receiver.url.is_some() && receiver.url_file.is_some() => {
            fault("url_file", "name the URL or the file that holds it, not both")
        }
        ReceiverKind::Email
            if url.is_none_or(|url| !url.starts_with("smtp://") && !url.starts_with("smtps://")) =>
        {
            fault("url", "a mail server is needed: smtp://HOST:PORT or smtps://HOST:PORT")
        }
        ReceiverKind::Email if receiver.to.is_empty() => fault("to", "an e-mail receiver needs addresses"),
        ReceiverKind::Email if receiver.user.is_some() != receiver.secret_file.is_some() => {
            fault("secret_file", "`user` and `secret_file` (the password) belong together")
        }
        ReceiverKind::PagerDuty if receiver.secret_file.is_none() => {
            fault("secret_file", "PagerDuty needs a file that holds the integration key")
        }
        ReceiverKind::Alertmanager | ReceiverKind::Webhook | ReceiverKind::Slack
            if url.is_none() && receiver.url_file.is_none() =>
        {
            fault("url", "a URL is needed, or `url_file`")
        }
        _ if !is_mail
            && url.is_some_and(|url| !url.starts_with("http://") && !url.starts_with("https://")) =>
        {
            fault("url", "a URL begins with https:// or http://")
        }
        _ if !is_mail && !receiver.to.is_empty() => fault("to", "addresses are for receivers of type email"),
        _ if receiver.rate_max == Some(0) => fault("rate_max", "at least one message a minute"),
        _ => None,
    }
}

fn check_digest(config: &Config, at: usize, digest: &Digest, found: &mut Vec<Finding>) {
    let mut fault = |field: &str, reason: String| found.push((format!("digest/{at}/{field}"), reason));
    for (index, to) in digest.to.iter().enumerate() {
        match config.receiver.iter().find(|receiver| receiver.name == *to) {
            None => fault(&format!("to/{index}"), format!("there is no receiver named `{to}`")),
            Some(receiver) if !takes_digests(receiver.kind) => {
                fault(&format!("to/{index}"), format!("`{to}` takes pages only, no digests"));
            }
            Some(_) => {}
        }
    }
    if digest.to.is_empty() {
        fault("to", "a digest needs receivers".to_owned());
    }
    if digest.at.as_deref().is_some_and(|at| time_of_day(at).is_none()) {
        fault("at", "a time of day is written HH:MM".to_owned());
    }
    if digest.day.as_deref().is_some_and(|day| day_of_week(day).is_none()) {
        fault("day", "a day is monday to sunday".to_owned());
    }
    if let Some(Err(error)) = digest.zone.as_deref().map(zone_rule) {
        fault("zone", error.to_string());
    }
    if let Some(Err(error)) = digest.search.as_deref().map(str::parse::<Query>) {
        fault("search", format!("at column {} of the query: {}", error.column, error.message));
    }
}

/// For the reference.
pub fn example() -> Alerts {
    Alerts {
        url: Some("https://logs.example.org".to_owned()),
        templates: Some("/etc/logweir/templates".into()),
        heartbeat_url: Some("https://watch.example.org/ping/logweir".to_owned()),
        ..Alerts::default()
    }
}

/// For the reference: one of each type.
pub fn example_rules() -> Vec<Rule> {
    [
        "name = 'slow_requests'\ntype = 'threshold'\nsearch = 'duration_ms:>2000'\nby = ['service']\nwindow = '5m'\nabove = 20\n\
         for = '2m'\nkeep_firing_for = '5m'\nseverity = 'warning'\nlabels = { team = 'shop' }\n\
         annotations = { summary = '{{value}} slow requests in {{service}}' }\ninhibited_by = ['host_silent']\nto = ['oncall']",
        "name = 'load'\ntype = 'threshold'\npromql = 'system_cpu_load_average_15m'\nbelow = 0.01",
        "name = 'checkout_errors'\ntype = 'ratio'\nsearch = 'level:>=error'\nof = 'service:checkout'\nabove = 0.05",
        "name = 'traffic'\ntype = 'baseline'\nsearch = 'http_status:*'\nby = ['service']\nwindow = '1m'\ndirection = 'both'\n\
         effect_min = 0.3",
        "name = 'host_silent'\ntype = 'absence'\nwho = 'host'\nfor = '10m'",
        "name = 'exceptions'\ntype = 'exception'\nsearch = 'service:shop'\nstates = ['new', 'regressed', 'escalating']",
    ]
    .into_iter()
    .map(from_toml)
    .collect()
}

/// For the reference.
pub fn example_receivers() -> Vec<Receiver> {
    [
        "name = 'oncall'\ntype = 'email'\nurl = 'smtps://mail.example.org:465'\nto = ['oncall@example.org']\n\
         from = 'logweir@example.org'\nuser = 'logweir'\nsecret_file = '/etc/logweir/password'\nplaintext = true\n\
         digest_only = true\nrate_max = 30",
        "name = 'chat'\ntype = 'slack'\nurl_file = '/etc/logweir/slack-url'",
    ]
    .into_iter()
    .map(from_toml)
    .collect()
}

/// For the reference.
pub fn example_digests() -> Vec<Digest> {
    let text = "name = 'morning'\nto = ['oncall']\nevery = 'weekly'\nat = '08:00'\nday = 'monday'\nzone = 'Europe/Berlin'\n\
                search = 'service:shop'";
    vec![from_toml(text)]
}

fn from_toml<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).expect("an example of ours")
}
