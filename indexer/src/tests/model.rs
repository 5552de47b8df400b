//! Index and matcher together find what the matcher alone finds: each line once, in order, whatever mix of open run,
//! sealed runs, splits and merged splits it stands in, and after a restart.

use super::*;
use logweir_base::pipe::{Pipeline, Reduce};
use proptest::prelude::*;

/// What one entry brings.
#[derive(Clone, Debug)]
enum Event {
    Lines { source: u8, lines: Vec<(u8, u8, i64)> },
    Texts { source: u8, texts: Vec<generate::Line> },
    Delete { query: String },
    Gap { source: u8 },
    Tick { seconds: i64 },
    Reopen,
}

const WORDS: [&str; 6] = ["reset", "timeout", "payment", "Größe", "x-1", "connection"];

/// One of the kinds of lines there are; `n` chooses words, users and traces.
pub(super) fn text(kind: u8, n: u8, second: i64) -> Vec<u8> {
    let word = WORDS[usize::from(n) % WORDS.len()];
    let level = ["INFO", "ERROR", "WARN"][usize::from(n) % 3];
    let trace = format!("{:032x}", 0xabc0_0000_0000_0000u64 + u64::from(n));
    let time = at_second(second);
    match kind % 6 {
        0 | 1 => format!(
            r#"{{"timestamp":"{time}","level":"{level}","service":"shop-{}","message":"connection {word}","trace_id":"{trace}","user_id":{},"duration_ms":{n}}}{}"#,
            n % 3, n % 7, "\n"
        ),
        2 => format!("{time} {level} plain {word} user={n}\r\n"),
        3 => "\n".to_owned(),
        4 => format!(r#"{{"msg":"no time {word}","n":{n}.5}}{}"#, "\n"),
        _ => format!("no newline {word} {trace}"),
    }
    .into_bytes()
}

fn event() -> impl Strategy<Value = Event> {
    let line = (any::<u8>(), 0u8..12, 0i64..200);
    let lines = (0u8..3, prop::collection::vec(line, 1..9));
    prop_oneof![
        12 => lines.prop_map(|(source, lines)| Event::Lines { source, lines }),
        1 => (0u8..3).prop_map(|source| Event::Gap { source }),
        1 => (1i64..900).prop_map(|seconds| Event::Tick { seconds }),
        1 => Just(Event::Reopen),
    ]
}

fn queries() -> impl Strategy<Value = SearchRequest> {
    let texts = prop::sample::select(vec![
        "*",
        "connection",
        "reset",
        "\"connection reset\"",
        "größe",
        "level:error",
        "level:>=warn -timeout",
        "user:3",
        "user_id:3 OR plain",
        "trace:0000000000000000abc0000000000005",
        "NOT service:shop-1",
        "service:app2",
        "duration_ms:>6",
        "kind:gap",
        "host:host-1 reset",
        "absent",
        "n:1.5",
        "0000000000000000abc0000000000003",
        "timeout AND NOT payment",
    ]);
    let time = prop::option::weighted(0.3, -5i64..300);
    (texts, time.clone(), time, any::<bool>(), prop::option::of(0u64..30)).prop_map(
        |(text, since, until, newest, limit)| SearchRequest {
            since: since.map(at_second),
            until: until.map(at_second),
            order: if newest { Order::Newest } else { Order::Oldest },
            limit,
            ..request(text)
        },
    )
}

/// Entries at positions from 1, with time going on by a second each and by what ticks say.
fn entries(events: &[Event]) -> Vec<(Arc<Entry>, bool)> {
    let (mut second, mut reopen) = (100, false);
    let mut entries = Vec::new();
    for event in events {
        let position = entries.len() as u64 + 1;
        second += 1;
        let entry = match event {
            Event::Lines { source, lines } => {
                let texts: Vec<_> = lines.iter().map(|(kind, n, s)| text(*kind, *n, *s)).collect();
                let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
                super::lines(position, second, *source, &texts)
            }
            Event::Delete { query } => super::delete::delete(position, second, query),
            Event::Texts { source, texts } => {
                let texts: Vec<&[u8]> = texts.iter().map(|line| line.0.as_slice()).collect();
                super::lines(position, second, *source, &texts)
            }
            Event::Gap { source } => gap(position, second, *source, "hole"),
            Event::Tick { seconds } => {
                second += seconds;
                tick(position, second)
            }
            Event::Reopen => {
                reopen = true;
                continue;
            }
        };
        entries.push((entry, std::mem::take(&mut reopen)));
    }
    entries
}

/// Returns how many merges there were.
fn check(config: &IndexerConfig, events: &[Event], requests: &[SearchRequest]) -> u64 {
    let dir = SimDir::new();
    let mut indexer = open(&dir, config);
    let entries = entries(events);
    let mut so_far = Vec::new();
    for (entry, reopen) in &entries {
        if *reopen {
            drop(indexer);
            indexer = open(&dir, config);
            // The journal gives everything again that is not in a split.
            apply(&mut indexer, &so_far);
        }
        indexer.apply(entry).expect("applies");
        so_far.push(entry.clone());
        let request = &requests[so_far.len() % requests.len()];
        let (found, summary) = search(&indexer.store(), request);
        assert_eq!(found, model(&so_far, request), "after {} entries: {request:?}", so_far.len());
        assert_eq!((summary.errors.len(), summary.complete_up_to), (0, entry.position));
    }
    let merges = indexer.store().status().merges;
    drop(indexer);
    let mut indexer = open(&dir, config);
    apply(&mut indexer, &so_far);
    for request in requests {
        let (found, _) = search(&indexer.store(), request);
        assert_eq!(found, model(&so_far, request), "after reopening: {request:?}");
    }
    merges
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_finds_what_the_matcher_alone_finds(
        events in prop::collection::vec(event(), 1..90),
        requests in prop::collection::vec(queries(), 1..12),
        block_bytes in 1usize..600,
        run_bytes in 1usize..3000,
        split_lines_max in 4u64..120,
        age in 1u64..40,
    ) {
        let split_age = Duration::from_secs(age);
        let config = IndexerConfig { block_bytes, run_bytes, split_lines_max, split_age, ..tiny() };
        check(&config, &events, &requests);
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let texts = prop::collection::vec(generate::line(), 1..9);
    prop_oneof![
        16 => (0u8..3, texts).prop_map(|(source, texts)| Event::Texts { source, texts }),
        4 => event(),
        1 => generate::conditions().prop_map(|query| Event::Delete { query }),
    ]
}

/// A search with a pipe, as it is typed.
fn pipeline() -> impl Strategy<Value = String> {
    (generate::conditions(), generate::numbers())
        .prop_map(|(conditions, numbers)| format!("{conditions} | {numbers}"))
}

fn check_counts(store: &Store, entries: &[Arc<Entry>], pipelines: &[String]) {
    for text in pipelines {
        let pipeline = Pipeline::parse(text, at_second(200)).unwrap_or_else(|e| panic!("{text}: {e}"));
        let request = SearchRequest::of(pipeline.query);
        let (found, summary) = search(store, &request);
        assert_eq!(found, super::delete::model_of(entries, &request), "{text}");
        let Some(Reduce::Stats(spec)) = pipeline.reduce else { panic!("{text} counts nothing") };
        let (stats, counted) = store.count(&request, Stats::new(&spec));
        let (table, expected) = (stats.finish(), model_count(entries, &request, Stats::new(&spec)).finish());
        assert!(same_tables(&table, &expected), "{text}:\n{table:?}\n{expected:?}");
        assert_eq!((summary.errors.len(), counted.errors.len()), (0, 0), "{text}");
        assert_eq!(counted.hits, found.len() as u64, "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Statistics, counts and columns tell of lines what the matcher and a plain count say of them.
    #[test]
    fn counting_is_counting_one_by_one(
        events in prop::collection::vec(any_event(), 1..70),
        pipelines in prop::collection::vec(pipeline(), 8..24),
        block_bytes in 1usize..2000,
        run_bytes in 1usize..6000,
        split_lines_max in 4u64..120,
        age in 1u64..40,
    ) {
        let split_age = Duration::from_secs(age);
        let config = IndexerConfig { block_bytes, run_bytes, split_lines_max, split_age, ..tiny() };
        let dir = SimDir::new();
        let mut indexer = open(&dir, &config);
        let mut so_far = Vec::new();
        for (entry, _) in entries(&events) {
            indexer.apply(&entry).expect("applies");
            so_far.push(entry);
        }
        check_counts(&indexer.store(), &so_far, &pipelines);
    }
}

/// The same where it is known that splits are merged that splits are merged, more than once.
#[test]
fn a_search_of_merged_splits_finds_what_the_matcher_alone_finds() {
    let line = |n: u8| (n, n.wrapping_mul(7) % 12, i64::from(n) * 3 % 200);
    let event = |n: u8| Event::Lines { source: n % 3, lines: (n..n + 3).map(line).collect() };
    let events: Vec<_> = (0..60).map(event).collect();
    let requests = ["*", "reset", "level:error", "trace:0000000000000000abc0000000000005"].map(request);
    let config = IndexerConfig { split_age: Duration::from_secs(2), split_lines_max: 60, ..tiny() };
    assert!(check(&config, &events, &requests) > 1);
}
