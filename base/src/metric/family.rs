//! What Prometheus calls a metric family: metrics that share a name and a type, whose series add suffixes to the name; and the
//! characters that names may have.

use super::samples::Kind;
use std::borrow::Cow;

/// A family's type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Type {
    /// Not known.
    #[default]
    Unknown,
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by bucket, a sum and a count.
    Histogram,
    /// The same of what goes up and down.
    GaugeHistogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// Always 1; the labels tell.
    Info,
    /// One series a state.
    StateSet,
}

impl Type {
    /// All, in the order of Prometheus' remote write.
    pub const ALL: [Self; 8] = [
        Self::Unknown,
        Self::Counter,
        Self::Gauge,
        Self::Histogram,
        Self::GaugeHistogram,
        Self::Summary,
        Self::Info,
        Self::StateSet,
    ];

    /// As Prometheus writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::GaugeHistogram => "gaugehistogram",
            Self::Summary => "summary",
            Self::Info => "info",
            Self::StateSet => "stateset",
        }
    }

    /// By Prometheus' word; the text format's `untyped` is unknown.
    pub fn of_word(word: &str) -> Option<Self> {
        match word {
            "untyped" => Some(Self::Unknown),
            _ => Self::ALL.into_iter().find(|kind| kind.word() == word),
        }
    }
}

/// What a series of this name is. `type_of` tells the type of a family, if it is known.
pub fn kind_of(name: &str, type_of: impl Fn(&str) -> Option<Type>) -> Kind {
    match type_of(name) {
        Some(Type::Counter) => return Kind::Counter,
        Some(Type::Gauge | Type::Info | Type::StateSet | Type::Summary) => return Kind::Gauge,
        _ => {}
    }
    let Some((family, suffix)) = split_suffix(name) else {
        return Kind::Unknown;
    };
    match (type_of(family), suffix) {
        (Some(Type::GaugeHistogram | Type::Info), _) => Kind::Gauge,
        (_, "_info") => Kind::Unknown,
        _ => Kind::Counter,
    }
}

/// A series' name as its family's and the suffix.
pub fn split_suffix(name: &str) -> Option<(&str, &str)> {
    const SUFFIXES: [&str; 7] = ["_total", "_count", "_sum", "_bucket", "_info", "_gcount", "_gsum"];
    let at = name.rfind('_')?;
    SUFFIXES.contains(&&name[at..]).then(|| name.split_at(at))
}

/// A metric's name with `_` for what Prometheus does not allow in one.
pub fn metric_name(name: &str) -> Cow<'_, str> {
    allowed(name, ":", "_")
}

/// A label's name with `_` for what Prometheus does not allow in one; `begin` goes before a digit.
pub fn label_name<'a>(name: &'a str, begin: &str) -> Cow<'a, str> {
    allowed(name, "", begin)
}

fn allowed<'a>(name: &'a str, beside: &str, begin: &str) -> Cow<'a, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || beside.contains(c);
    let begins_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if name.chars().all(is_allowed) && !begins_with_digit {
        return Cow::Borrowed(name);
    }
    let mut out = String::from(if begins_with_digit { begin } else { "" });
    out.extend(name.chars().map(|c| if is_allowed(c) { c } else { '_' }));
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_series() {
        let type_of = |family: &str| match family {
            "reqs" => Some(Type::Counter),
            "x_total" | "up" => Some(Type::Gauge),
            "lat" => Some(Type::Histogram),
            "q" => Some(Type::Summary),
            "gh" => Some(Type::GaugeHistogram),
            _ => None,
        };
        let check = |name: &str, expected: Kind| assert_eq!(kind_of(name, type_of), expected, "{name}");
        check("reqs", Kind::Counter);
        check("reqs_total", Kind::Counter);
        check("x_total", Kind::Gauge);
        check("up", Kind::Gauge);
        check("lat_bucket", Kind::Counter);
        check("q", Kind::Gauge);
        check("q_sum", Kind::Counter);
        check("gh_bucket", Kind::Gauge);
        check("other_total", Kind::Counter);
        check("build_info", Kind::Unknown);
        check("other", Kind::Unknown);
        check("", Kind::Unknown);
    }

    #[test]
    fn names_are_made_allowed() {
        assert_eq!(metric_name("a.b-c:d é"), "a_b_c:d__");
        assert_eq!(metric_name("5xx"), "_5xx");
        assert_eq!(label_name("5xx:a", "key_"), "key_5xx_a");
    }
}
