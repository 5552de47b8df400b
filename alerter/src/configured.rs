//! A configuration as the alerter reads it from the journal: rules that can be evaluated, receivers, digests. Everything else of
//! it is somebody else's.

use crate::config::{Alerts, Digest, Receiver, Rule as RuleConfig};
use crate::digest::Links;
use crate::rule::{Rule, compile};
use serde::Deserialize;

/// Name of the rule that there always is: nothing arrives any more.
pub const STALE: &str = "pipeline_stale";

/// What is in force.
#[derive(Debug, Clone)]
pub struct Configured {
    /// Settings of all.
    pub alerts: Alerts,
    /// Rules, in the order in which they were written; the last one is [`STALE`].
    pub rules: Vec<Rule>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// What is told now and then.
    pub digests: Vec<Digest>,
    /// Where things are shown.
    pub links: Links,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct File {
    alerts: Alerts,
    http: Http,
    rule: Vec<RuleConfig>,
    receiver: Vec<Receiver>,
    digest: Vec<Digest>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Http {
    listen: String,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8514".to_owned() }
    }
}

impl Configured {
    /// Reads a configuration. What is wrong with a rule is told, and the others count.
    pub fn read(text: &str) -> Result<(Self, Vec<String>), String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let mut faults = Vec::new();
        let mut rules = Vec::new();
        for config in &file.rule {
            match compile(config, &file.alerts) {
                Ok(rule) => rules.push(rule),
                Err((field, reason)) => faults.push(format!("rule {}: {field}: {reason}", config.name)),
            }
        }
        rules.push(stale_rule(&file.alerts));
        let url = file.alerts.url.clone().unwrap_or_else(|| format!("http://{}", file.http.listen));
        let links = Links(url.trim_end_matches('/').to_owned());
        let (alerts, receivers, digests) = (file.alerts, file.receiver, file.digest);
        Ok((Self { alerts, rules, receivers, digests, links }, faults))
    }

    /// A rule by its name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// What stands for a rule that is there no more, so that its alerts can be told to be over; `None` when it is there.
    pub fn removed(&self, name: &str) -> Option<Rule> {
        self.rule(name).is_none().then(|| Rule { name: name.to_owned(), ..stale_rule(&self.alerts) })
    }

    /// All queries whose finds must be known of exceptions.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        let of_rules =
            self.rules.iter().filter(|rule| matches!(rule.check, crate::rule::Check::Exception(_)));
        let of_digests = self.digests.iter().filter_map(|digest| digest.search.as_deref());
        of_rules.filter_map(|rule| rule.search.as_deref()).chain(of_digests)
    }

    /// Rules that count logs for the rules here, as `[[metric]]` has them.
    pub fn metrics(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|rule| rule.metrics.iter().map(String::as_str))
    }
}

fn stale_rule(alerts: &Alerts) -> Rule {
    let text =
        format!("name = '{STALE}'\ntype = 'absence'\nwho = 'host'\nfor = '0s'\nkeep_firing_for = '0s'");
    let config: RuleConfig = toml::from_str(&text).expect("a rule of ours");
    compile(&config, alerts).expect("a rule of ours")
}
