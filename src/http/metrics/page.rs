//! A page of Prometheus text.

use logweir_router::Latency;
use std::fmt::{Display, Write};

/// Text so far. Names are as they are given: ours begin with `logweir_`.
pub(super) struct Page(pub(super) String);

impl Page {
    /// Introduces a metric.
    pub(super) fn help(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    /// A value of the metric introduced last.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let label = |(key, text): &(&str, &str)| format!("{key}=\"{}\"", escape(text));
        let labels: Vec<_> = labels.iter().map(label).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("{name}{labels} {value}\n"));
    }

    /// A metric of one value.
    pub(super) fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.help(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Quantiles, sum and count of how long something took, in seconds.
    pub(super) fn summary(&mut self, name: &str, labels: &[(&str, &str)], latency: &Latency) {
        for (quantile, us) in [("0.5", latency.p50_us), ("0.99", latency.p99_us), ("1", latency.max_us)] {
            self.sample(name, &[labels, &[("quantile", quantile)]].concat(), us as f64 / 1e6);
        }
        self.sample(&format!("{name}_sum"), labels, latency.sum_us as f64 / 1e6);
        self.sample(&format!("{name}_count"), labels, latency.count);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("memory takes writes");
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_their_quotes() {
        let mut page = Page(String::new());
        page.sample("logweir_x", &[("rule", "a\"b\\c\nd")], 1);
        assert_eq!(page.0, "logweir_x{rule=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
