//! `logweir query`: asks for a metric over a time and prints each series with its last, least, mean and greatest value, and
//! its trend.

use super::Output;
use super::request::{Ask, ClientError, Server};
use super::spark::sparkline;
use super::table::TableView;
use crate::terminal::{Escapes, Screen, note};
use logweir_base::metric::Labels;
use logweir_base::time::{Timestamp, parse_duration, parse_time};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

/// Bars of a trend, about; the step is chosen for it unless it is given.
const BARS: u32 = 60;
/// The finest step that is chosen: what windows are kept at.
const STEP_MIN: Duration = Duration::from_secs(10);
const COLUMNS: [&str; 6] = ["series", "last", "min", "avg", "max", "trend"];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct MetricQuery {
    /// PromQL.
    pub promql: String,
    /// Not before; as typed.
    pub since: String,
    /// Not after; as typed. Now, when absent.
    pub until: Option<String>,
    /// Time between two values; as typed.
    pub step: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    data: Data,
    #[serde(default)]
    warnings: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Debug, Deserialize)]
struct AnswerAtOnce {
    data: DataAtOnce,
}

#[derive(Debug, Deserialize)]
struct DataAtOnce {
    result: Vec<AtOnce>,
}

#[derive(Debug, Deserialize)]
struct AtOnce {
    metric: BTreeMap<String, String>,
    value: Option<(f64, String)>,
}

#[derive(Debug, Deserialize)]
struct Series {
    metric: BTreeMap<String, String>,
    #[serde(default)]
    values: Vec<(f64, String)>,
    #[serde(default)]
    histograms: Vec<(f64, Value)>,
    /// What it has at the end of the time.
    #[serde(skip)]
    end: Option<f64>,
}

/// From when to when, and in which steps; in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Range {
    start: f64,
    end: f64,
    step: f64,
}

/// Prints the series. Nothing found is no error.
pub fn query<W: Write>(
    server: &Server,
    wanted: &MetricQuery,
    now: Timestamp,
    output: Output,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let range = range_of(wanted, now)?;
    let ask = Ask::new("/api/v1/query_range")
        .param("query", &wanted.promql)
        .param("start", &range.start.to_string())
        .param("end", &range.end.to_string())
        .param("step", &range.step.to_string());
    let body = server.ask(&ask)?.whole()?;
    if output == Output::Json {
        screen.bytes(&body, Escapes::Json)?;
        screen.newline()?;
        return Ok(screen.flush()?);
    }
    let mut answer: Answer = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    add_ends(&mut answer.data.result, at_end(server, wanted, now)?);
    let mut view = TableView::new(&COLUMNS.map(str::to_owned), output);
    for series in &answer.data.result {
        view.take(&[], cells(series, range), screen)?;
    }
    if !answer.data.result.is_empty() {
        view.finish(screen)?;
    }
    screen.flush()?;
    answer.warnings.iter().for_each(|warning| note(warning));
    if answer.data.result.is_empty() {
        note("nothing found: no series of that name and labels has a value in this time");
    }
    Ok(())
}

/// What each series has at the end of the time, which lies between two steps as a rule. A query that cannot be asked so, such as
/// one for a number, has its steps only.
fn at_end(server: &Server, wanted: &MetricQuery, now: Timestamp) -> Result<Vec<AtOnce>, ClientError> {
    let (_, end) = span_of(&wanted.since, wanted.until.as_deref(), now)?;
    let ask = Ask::new("/api/v1/query")
        .param("query", &wanted.promql)
        .param("time", &(end.0 as f64 / 1e9).to_string());
    let body = server.ask(&ask)?.whole()?;
    Ok(serde_json::from_slice::<AnswerAtOnce>(&body).map(|answer| answer.data.result).unwrap_or_default())
}

/// Adds what series have at the end to what they have at the steps.
fn add_ends(series: &mut Vec<Series>, ends: Vec<AtOnce>) {
    for end in ends {
        let at = series.iter().position(|one| one.metric == end.metric).unwrap_or_else(|| {
            series.push(Series { metric: end.metric, values: Vec::new(), histograms: Vec::new(), end: None });
            series.len() - 1
        });
        series[at].end = end.value.map(|(_, value)| number(&value));
    }
}

/// Begin and end, from what was typed.
pub(super) fn span_of(
    since: &str,
    until: Option<&str>,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), ClientError> {
    let time = |name: &str, text: &str| {
        let expected = "15m, 2h, 7d ago, or a time such as 2026-11-23T10:15:00Z";
        let time = parse_time(text, Some(now));
        time.ok_or_else(|| ClientError::Usage(format!("--{name}: `{text}` is not {expected}")))
    };
    let start = time("since", since)?;
    let end = until.map_or(Ok(now), |until| time("until", until))?;
    if end < start {
        let reason =
            format!("the time ends before it begins: since {start}, until {end}; give --since with --until");
        return Err(ClientError::Usage(reason));
    }
    Ok((start, end))
}

fn range_of(wanted: &MetricQuery, now: Timestamp) -> Result<Range, ClientError> {
    let (start, end) = span_of(&wanted.since, wanted.until.as_deref(), now)?;
    let step = match wanted.step.as_deref() {
        None => (end.since(start) / BARS).max(STEP_MIN).as_secs() as f64,
        Some(text) => {
            let step = parse_duration(text).filter(|step| !step.is_zero());
            let why = || ClientError::Usage(format!("--step: `{text}` is not a span such as 10s, 1m or 1h"));
            step.ok_or_else(why)?.as_secs_f64()
        }
    };
    // On multiples of the step, so that windows are whole and asking again gives the same.
    let on_step = |time: Timestamp| (time.0 as f64 / 1e9 / step).floor() * step;
    Ok(Range { start: on_step(start), end: on_step(end), step })
}

/// A row: numbers of the values there are, and a bar for each step.
fn cells(series: &Series, range: Range) -> Map<String, Value> {
    let numbers = series.values.iter().map(|(time, text)| (*time, number(text)));
    let counts =
        series.histograms.iter().map(|(time, h)| (*time, number(h["count"].as_str().unwrap_or("NaN"))));
    let points: Vec<(f64, f64)> = numbers.chain(counts).collect();
    let values = points.iter().map(|(_, value)| *value).chain(series.end);
    let finite: Vec<f64> = values.filter(|value| value.is_finite()).collect();
    let mean = finite.iter().sum::<f64>() / finite.len() as f64;
    let steps = ((range.end - range.start) / range.step).round() as usize + 1;
    let mut bars = vec![None; steps];
    for (time, value) in &points {
        let at = ((time - range.start) / range.step).round() as usize;
        if let Some(bar) = bars.get_mut(at) {
            *bar = Some(*value);
        }
    }
    let name = if series.histograms.is_empty() { name(series) } else { name(series) + " (count)" };
    // JSON has no infinity.
    let number = |value: Option<f64>| match value {
        Some(value) if value.is_infinite() => json!(if value > 0.0 { "+Inf" } else { "-Inf" }),
        value => value.map_or(Value::Null, |value| json!(value)),
    };
    let row = [
        json!(name),
        number(series.end.or_else(|| points.last().map(|(_, value)| *value))),
        number(finite.iter().copied().reduce(f64::min)),
        number(Some(mean)),
        number(finite.iter().copied().reduce(f64::max)),
        json!(sparkline(&bars)),
    ];
    COLUMNS.iter().map(|column| (*column).to_owned()).zip(row).collect()
}

fn name(series: &Series) -> String {
    let mut pairs: Vec<_> = series.metric.iter().collect();
    Labels::of(&mut pairs).map_or_else(|_| format!("{:?}", series.metric), |labels| labels.to_string())
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(since: &str, step: Option<&str>) -> MetricQuery {
        let step = step.map(str::to_owned);
        MetricQuery { promql: "up".to_owned(), since: since.to_owned(), until: None, step }
    }

    #[test]
    fn the_step_is_chosen_for_a_row_of_bars() {
        let now = Timestamp::from_seconds(1_000_000);
        let check = |since: &str, step: Option<&str>, expected: (f64, f64, f64)| {
            let range = range_of(&wanted(since, step), now).expect("fine");
            assert_eq!((range.start, range.end, range.step), expected, "{since}");
        };
        check("1h", None, (996_360.0, 999_960.0, 60.0));
        check("1m", None, (999_940.0, 1_000_000.0, 10.0));
        check("1h", Some("30m"), (995_400.0, 999_000.0, 1_800.0));
        assert!(range_of(&wanted("soon", None), now).is_err());
        assert!(range_of(&wanted("1h", Some("0s")), now).is_err());
    }

    #[test]
    fn a_row_has_numbers_and_a_bar_for_each_step() {
        let series: Series = serde_json::from_value(json!({
            "metric": { "__name__": "up", "job": "a" },
            "values": [[0, "1"], [20, "3"], [30, "NaN"]],
        }))
        .expect("sound");
        let row = cells(&series, Range { start: 0.0, end: 30.0, step: 10.0 });
        assert_eq!(row["series"], "up{job=\"a\"}");
        assert_eq!((&row["min"], &row["avg"], &row["max"]), (&json!(1.0), &json!(2.0), &json!(3.0)));
        assert_eq!(row["trend"], "▃.█.");
        assert_eq!(row["last"], json!(null), "not a number");
    }

    /// With `--since 24h` the last step was up to 24 minutes old, and a server's first minute had none.
    #[test]
    fn the_last_value_is_that_of_the_end() {
        let series = |values: Value| {
            serde_json::from_value::<Series>(json!({ "metric": { "job": "a" }, "values": values }))
        };
        let end = |job: &str, value: &str| AtOnce {
            metric: BTreeMap::from([("job".to_owned(), job.to_owned())]),
            value: Some((35.0, value.to_owned())),
        };
        let mut all = vec![series(json!([[0, "1"], [30, "3"]])).expect("sound")];
        add_ends(&mut all, vec![end("a", "5"), end("b", "+Inf")]);
        let rows: Vec<_> =
            all.iter().map(|one| cells(one, Range { start: 0.0, end: 30.0, step: 10.0 })).collect();
        assert_eq!((&rows[0]["last"], &rows[0]["max"]), (&json!(5.0), &json!(5.0)));
        assert_eq!((&rows[1]["last"], &rows[1]["trend"]), (&json!("+Inf"), &json!("....")));
    }
}
