//! What rules count of random records, against counting them one by one.

use super::super::field::{Field, HTTP_PATHS, Http, METHODS};
use super::super::{Function, LONG, Rule, WINDOW_MS, WithDefaults};
use super::{Counted, compiled, counted, records, resource};
use logweir_base::entry::{RecordBatch, RecordSpan};
use logweir_base::metric::Labels;
use logweir_base::parse::{Parser, RecordView, Value};
use logweir_base::pipe::{FieldReader, Named};
use logweir_base::query::Matcher;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const RULES: [&str; 20] = [
    "metric a1_total = count",
    "metric a2_total = count by service, level, file",
    "metric a3_total = count where level:>=warn by service",
    "metric a4_total = count where level:warn+1 by level",
    "metric a5_total = count where service:shop OR reset by h=host",
    "metric a6_total = count where -reset by n, http.status",
    "metric a7_total = count(n) by level",
    "metric a8_total = count(http_method) by http_method, s=http_status",
    "metric a9_total = count where since:2026-11-23T10:15:05Z until:2026-11-23T10:16:00Z by service",
    "metric b1_total = sum(n) by service",
    "metric b2_total = sum(source.bytes) where n:* by source.host",
    "metric b3_total = sum(source.bytes) / 8 by level",
    "metric b4_total = sum(http_status) where http.status:>=500",
    "metric c1 = gauge(n) * 10 where level:info by user",
    "metric c2 = gauge(source.bytes) by env, trace",
    "metric c3 = gauge(level)",
    "metric d1 = histogram(n) by message",
    "metric d2 = histogram(http_duration) by service, http_method",
    "metric d3 = histogram(user) by http.status",
    "metric d4 = histogram(source.bytes) / 2 where \"connection reset\"",
];

fn line() -> impl Strategy<Value = Vec<u8>> {
    let key = select(vec![
        "n",
        "http.status",
        "status",
        "method",
        "duration_ms",
        "user",
        "host",
        "env",
        "msg",
        "service",
        "level",
        "x",
        "trace_id",
    ]);
    let value = select(vec![
        "1",
        "-2",
        "2.5",
        "200",
        "503",
        "1e3",
        "\"503\"",
        "\"GET\"",
        "\"get\"",
        "\"BREW\"",
        "\"\"",
        "null",
        "true",
        "[1,2]",
        "\"warn\"",
        "\"error\"",
        "\"shop\"",
        "\"connection reset\"",
        "\"a\\nreset\"",
        "\"web-2\"",
        "{\"status\":404,\"method\":\"PUT\"}",
        "\"4bf92f3577b34da6a3ce929d0e0e4736\"",
    ]);
    let time = select(vec![
        "2026-11-23T10:15:00Z",
        "2026-11-23T10:15:09.999999999Z",
        "2026-11-23T10:15:10Z",
        "2026-11-23T10:16:00Z",
        "1969-12-31T23:59:59Z",
    ]);
    let fields = prop::collection::vec((key, value), 0..6);
    let object = (time, fields, any::<bool>()).prop_map(|(time, fields, nested)| {
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let http = if nested { ",\"http\":{\"status\":502,\"n\":1}" } else { "" };
        format!(
            "{{\"time\":\"{time}\"{http}{}{}}}",
            if fields.is_empty() { "" } else { "," },
            fields.join(",")
        )
    });
    let long = Just(format!("{{\"n\":1,\"msg\":\"{}\"}}", "x".repeat(300)));
    prop_oneof![
        8 => object.prop_map(String::into_bytes),
        3 => text().prop_map(|text| text.as_bytes().to_vec()),
        1 => long.prop_map(String::into_bytes),
    ]
}

fn text() -> impl Strategy<Value = &'static str> {
    select(vec![
        "10.0.0.1 - bob [23/Nov/2026:10:15:00 +0000] \"GET /a?duration_ms=9&status=1 HTTP/1.1\" 503 12 \"-\" \"curl\" 0.025",
        "10.0.0.1 - - [23/Nov/2026:10:15:00 +0000] \"-\" 400 0 \"-\" \"-\"",
        "10:15:00.123 [main] INFO  com.example.Worker - connection reset n=5 user=u1",
        "ts=2026-11-23T10:15:12Z level=warn msg=\"request done\" method=GET status=200 duration_ms=12.5 n=-1",
        "{\"log\":\"{\\\"level\\\":\\\"info\\\",\\\"status\\\":200,\\\"n\\\":7}\\n\",\"stream\":\"stdout\",\"time\":\"2026-11-23T10:15:11Z\"}",
        "2026-11-23T10:15:11Z stdout F {\"level\":\"error\",\"response_code\":504,\"n\":7}",
        "plain words reset",
        "",
    ])
}

/// Counts record by record, rule by rule, each read anew.
fn plainly(rules: &[Rule], batch: &RecordBatch) -> Counted {
    let mut counted = Counted::default();
    for (rule, record) in rules.iter().flat_map(|rule| batch.records.iter().map(move |record| (rule, record)))
    {
        let view = batch.view(record);
        if !Matcher::new(&rule.query).matches(&view) {
            continue;
        }
        let numbers: Vec<f64> = match &rule.field {
            None => vec![1.0],
            Some(name) if rule.function == Function::Count => {
                text_of(name, &view, record).map(|_| 1.0).into_iter().collect()
            }
            Some(name) => numbers_of(name, &view, record).iter().map(|&n| rule.scale.apply(n)).collect(),
        };
        if numbers.is_empty() {
            continue;
        }
        let mut pairs = vec![("__name__".to_owned(), rule.metric.clone())];
        for label in &rule.by {
            let value = text_of(&label.field, &view, record).unwrap_or_default();
            let value = if value.len() > 256 { LONG.to_owned() } else { value };
            pairs.push((label.name.clone(), value));
        }
        let labels = Labels::of(&mut pairs).expect("few and short").to_string();
        let ms = record.time.0.div_euclid(1_000_000);
        let end = (ms.div_euclid(WINDOW_MS) + 1) * WINDOW_MS;
        match rule.function {
            Function::Count | Function::Sum => {
                let sum: f64 = numbers.iter().filter(|&&n| n >= 0.0).sum();
                *counted.increases.entry((labels, end)).or_default() += sum;
            }
            Function::Histogram => counted.observed.entry((labels, end)).or_default().extend(numbers),
            Function::Gauge => counted.gauges.entry((labels, ms)).or_default().extend(numbers),
        }
    }
    counted
}

fn http_of(view: &RecordView<'_>) -> Http {
    let mut http = Http::default();
    let mut take = |path: &str, value: Value<'_>| {
        if let Some(&(_, part, divisor)) = HTTP_PATHS.iter().find(|(known, ..)| *known == path) {
            http.take(part, divisor, value);
        }
    };
    match view.layout.name() {
        "access-log" => Parser::new().each_of_layout(view, |path, value| take(path, Value::Str(value))),
        _ => Parser::new().each_field(view, take),
    }
    http.if_answered()
}

fn text_of(name: &str, view: &RecordView<'_>, record: &RecordSpan) -> Option<String> {
    match (name, Field::of(name).expect("a field")) {
        (_, Field::Named(named)) => {
            let mut reader = FieldReader::new(vec![named]);
            reader.read(view);
            reader.text(0).map(str::to_owned)
        }
        (_, Field::SourceHost) => Some(view.resource.host.clone()),
        (_, Field::SourceBytes) => Some(record.range_len.to_string()),
        ("http_status", _) => http_of(view).status.map(|status| status.to_string()),
        ("http_method", _) => http_of(view).method.map(|at| METHODS[usize::from(at)].to_owned()),
        _ => http_of(view).seconds.map(|seconds| seconds.to_string()),
    }
}

fn numbers_of(name: &str, view: &RecordView<'_>, record: &RecordSpan) -> Vec<f64> {
    match (name, Field::of(name).expect("a field")) {
        (_, Field::Named(Named::Level | Named::Service | Named::File)) => Vec::new(),
        (_, Field::Named(named)) => {
            let mut reader = FieldReader::new(vec![named]);
            reader.read(view);
            reader.numbers(0).to_vec()
        }
        (_, Field::SourceBytes) => vec![f64::from(record.range_len)],
        ("http_status", _) => http_of(view).status.map(f64::from).into_iter().collect(),
        _ => http_of(view).seconds.into_iter().collect(),
    }
}

proptest! {
    #[test]
    fn a_batch_at_once_is_its_records_one_by_one(
        lines in prop::collection::vec(line(), 1..24),
        rules in subsequence(RULES.to_vec(), 1..RULES.len()),
        defaults: bool,
        label: bool,
    ) {
        let labels: &[_] = if label { &[("env", "5"), ("n", "x")] } else { &[] };
        let batch = records(&lines, resource(labels));
        let mut set = compiled(&rules, if defaults { WithDefaults::Yes } else { WithDefaults::No });
        let all: Vec<Rule> = set.rules().cloned().collect();
        let expected = plainly(&all, &batch);
        prop_assert_eq!(&counted(&mut set, &batch), &expected);
        // What came before leaves nothing behind.
        prop_assert_eq!(&counted(&mut set, &batch), &expected);
    }

    #[test]
    fn any_bytes_are_counted(lines in prop::collection::vec(any::<Vec<u8>>(), 1..12), braces: bool) {
        let enclosed = |line: Vec<u8>| if braces { [b"{\"status\":", line.as_slice(), b"}"].concat() } else { line };
        let lines: Vec<_> = lines.into_iter().map(enclosed).collect();
        let batch = records(&lines, resource(&[]));
        let counted = counted(&mut compiled(&RULES, WithDefaults::Yes), &batch);
        let of_all = |(series, _): &(String, i64)| series == "a1_total";
        let sum: f64 = counted.increases.iter().filter(|(key, _)| of_all(key)).map(|(_, sum)| sum).sum();
        prop_assert_eq!(sum, batch.records.len() as f64);
    }
}

#[test]
fn what_no_counter_takes_is_counted() {
    let line = |n: &str| format!("{{\"n\":{n}}}").into_bytes();
    let batch =
        records(&[line("5"), line("-1"), line("9e291"), line("1e308"), line("[2,-3]")], resource(&[]));
    let mut rules = compiled(&["metric a_total = sum(n)", "metric h = histogram(n) * 10"], WithDefaults::No);
    let mut counted = Counted::default();
    let refused = rules.apply(&batch, &mut counted);
    assert_eq!(counted.increases.into_values().collect::<Vec<_>>(), [9e291]);
    assert_eq!(counted.observed.into_values().collect::<Vec<_>>(), [[50.0, -10.0, 20.0, -30.0]]);
    assert_eq!((refused.negative, refused.too_large), (2, 3));
    let again = rules.apply(&records(&[line("-1")], resource(&[])), &mut Counted::default());
    assert_eq!((again.negative, again.too_large), (1, 0), "of one batch");
}
