//! A metric's name in Prometheus: words joined by `_`, the unit spelled out, and a suffix that tells its type.

use super::{Metric, Shape};

/// UCUM's units and Prometheus' words for them.
const UNITS: [(&str, &str); 27] = [
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("kBy", "kilobytes"),
    ("bit", "bits"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("%", "percent"),
];
/// The same after `/`.
const PER: [(&str, &str); 7] = [
    ("s", "second"),
    ("m", "minute"),
    ("h", "hour"),
    ("d", "day"),
    ("w", "week"),
    ("mo", "month"),
    ("y", "year"),
];

/// The name; empty when the metric has none.
pub(super) fn of(metric: &Metric<'_>) -> String {
    let mut words: Vec<&str> = words(metric.name).collect();
    if words.is_empty() {
        return String::new();
    }
    let (unit, per) = metric.unit.split_once('/').map_or((metric.unit, ""), |(unit, per)| (unit, per));
    let unit = spelled(unit, &UNITS);
    let per = spelled(per, &PER);
    for word in unit.split('_').filter(|_| unit != "1") {
        add(&mut words, word);
    }
    if !per.is_empty() && !words.ends_with(&["per", &per]) {
        words.extend(["per", &per]);
    }
    if metric.shape == Shape::Sum && metric.is_monotonic {
        move_last(&mut words, "total");
    } else if metric.shape == Shape::Gauge && metric.unit.trim() == "1" {
        move_last(&mut words, "ratio");
    }
    let begin = if words[0].starts_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
    format!("{begin}{}", words.join("_"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|word| !word.is_empty())
}

/// A unit in braces, an annotation such as `{request}`, is none.
fn spelled(unit: &str, table: &[(&str, &str)]) -> String {
    let unit = unit.trim();
    if unit.contains(['{', '}']) {
        return String::new();
    }
    match table.iter().find(|(symbol, _)| *symbol == unit) {
        Some((_, word)) => (*word).to_owned(),
        None => words(unit).collect::<Vec<_>>().join("_"),
    }
}

fn add<'a>(words: &mut Vec<&'a str>, word: &'a str) {
    if !word.is_empty() && !words.contains(&word) {
        words.push(word);
    }
}

fn move_last<'a>(words: &mut Vec<&'a str>, word: &'a str) {
    words.retain(|&other| other != word);
    words.push(word);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_prometheus_makes_them() {
        let check = |name: &str, unit: &str, shape: Shape, is_monotonic: bool, expected: &str| {
            let metric = Metric { name, unit, shape, is_monotonic, ..Metric::default() };
            assert_eq!(of(&metric), expected);
        };
        check("http.server.duration", "s", Shape::Histogram, false, "http_server_duration_seconds");
        check("system.io", "By", Shape::Sum, true, "system_io_bytes_total");
        check("system.io.bytes", "By", Shape::Gauge, false, "system_io_bytes");
        check("requests_total.count", "1", Shape::Sum, true, "requests_count_total");
        check("cpu.utilization", "1", Shape::Gauge, false, "cpu_utilization_ratio");
        check("queue", "1", Shape::Sum, false, "queue");
        check("speed", "m/s", Shape::Gauge, false, "speed_meters_per_second");
        check("reqs", "{request}/s", Shape::Gauge, false, "reqs_per_second");
        check("reqs", "{request}", Shape::Sum, true, "reqs_total");
        check("lag", "ms", Shape::Gauge, false, "lag_milliseconds");
        check("odd--name..é", "furlongs", Shape::Gauge, false, "odd_name_furlongs");
        check("5xx", "", Shape::Gauge, false, "_5xx");
        check("total", "", Shape::Sum, true, "total");
        check("...", "s", Shape::Sum, true, "");
    }
}
