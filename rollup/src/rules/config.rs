//! The rules of a configuration, as the journal has it: a text in TOML, of which all else is somebody else's.
//!
//! ```toml
//! [metrics]
//! defaults = true
//!
//! [[metric]]
//! rule = 'metric "orders_total" = count where message:order by service'
//! ```

use super::{RuleText, WithDefaults};
use serde::{Deserialize, Serialize};

/// What a configuration says of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesOfConfig {
    /// Those it has, in its order.
    pub rules: Vec<RuleText>,
    /// `metrics.defaults`; yes when nothing is said.
    pub defaults: WithDefaults,
    /// Routes keep records from the log store, which rules count all the same.
    #[serde(default)]
    pub hides_records: bool,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    metric: Vec<Metric>,
    #[serde(default)]
    route: Vec<Route>,
}

#[derive(Deserialize)]
struct Route {
    #[serde(default)]
    drop: bool,
}

#[derive(Deserialize, Default)]
struct Metrics {
    defaults: Option<bool>,
}

#[derive(Deserialize)]
struct Metric {
    rule: String,
}

/// Takes the rules out of a configuration's text; an error says where it is no TOML or not as drawn above.
pub fn rules_of_config(text: &str) -> Result<RulesOfConfig, String> {
    let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
    let defaults = if file.metrics.defaults == Some(false) { WithDefaults::No } else { WithDefaults::Yes };
    let rules = file.metric.into_iter().map(|metric| RuleText(metric.rule)).collect();
    Ok(RulesOfConfig { rules, defaults, hides_records: file.route.iter().any(|route| route.drop) })
}
