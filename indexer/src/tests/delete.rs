//! Deletions against a model: what a query finds up to the deletion's position is gone, everything else is there once, whatever
//! mix of tail, splits and merged splits it stood in, and wherever the power was cut; and no file holds the bytes any more.

use super::*;
use crate::{DeletionState, DeletionStatus};
use logweir_base::dir::Dir;
use logweir_base::dir::sim::Survival;
use proptest::prelude::*;
use std::io::Read;

pub(super) fn delete(position: u64, second: i64, query: &str) -> Arc<Entry> {
    let (id, query) = (format!("d{position}"), query.to_owned());
    entry(position, second, EntryBody::Delete { id, query })
}

/// What a search must find after the deletions among `entries`.
pub(super) fn model_of(entries: &[Arc<Entry>], request: &SearchRequest) -> Vec<Found> {
    let mut found = model(entries, &SearchRequest { limit: None, ..request.clone() });
    for entry in entries {
        if let EntryBody::Delete { query: text, .. } = &entry.body
            && text.parse::<Query>().is_ok()
        {
            let gone = model(entries, &super::request(text));
            found.retain(|line| line.key.position > entry.position || !gone.contains(line));
        }
    }
    found.truncate(request.limit.map_or(usize::MAX, |limit| limit as usize));
    found
}

/// Files that hold `secret`, packed or not.
fn holders(dir: &SimDir, secret: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    let mut names = dir.list().expect("lists");
    names.retain(|name| {
        let bytes = dir.contents(name).expect("listed");
        let mut text = Vec::new();
        if name.ends_with(".split") {
            let decoder = zstd::stream::read::Decoder::new(bytes.as_slice());
            // A damaged one is read as far as it goes.
            let _ = decoder.expect("opens").read_to_end(&mut text);
        }
        holds(&bytes) || holds(&text)
    });
    names
}

fn states(deletions: &[DeletionStatus]) -> Vec<DeletionState> {
    deletions.iter().map(|deletion| deletion.state).collect()
}

/// Two users in every batch; the first one's lines have a secret.
fn two_users(position: u64, second: i64) -> Arc<Entry> {
    let of = |user: &str, more: &str| {
        format!(r#"{{"level":"info","user_id":"{user}","message":"visit of {user} to page {more}"}}{}"#, "\n")
    };
    let texts =
        [of("alice77", "sesame"), of("bob88", "start"), format!("order {position} of alice77 sesame\n")];
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    lines(position, second, position as u8 % 3, &texts)
}

const QUERY: &str = "user:alice77 OR alice77";

/// Splits, a merge, two deletions, more lines of the same user, another split.
fn scenario() -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    for round in 0i64..5 {
        entries.push(two_users(entries.len() as u64 + 1, round * 700));
        entries.push(tick(entries.len() as u64 + 1, round * 700 + 650));
    }
    entries.push(lines(11, 3500, 1, &[b"order 11 of alice77 sesame\n", b"order 11 of carol99 meadow\n"]));
    entries.push(gap(12, 3501, 1, "hole"));
    entries.push(delete(13, 3510, QUERY));
    entries.push(delete(14, 3511, "kind:gap"));
    entries.push(lines(15, 3520, 2, &[b"order 15 of alice77 again\n", b"order 15 of dora11 meadow\n"]));
    entries.push(tick(16, 4300));
    entries
}

/// Opens what there is, replays the journal behind `released`, and does what is to be done.
fn finish(dir: &SimDir, entries: &[Arc<Entry>], released: Position) -> Indexer {
    let mut indexer = open(dir, &tiny());
    for entry in entries.iter().filter(|entry| entry.position > released) {
        indexer.apply(entry).expect("applies");
    }
    indexer.apply(&tick(99, 4400)).expect("applies");
    indexer
}

#[test]
fn what_is_deleted_is_in_no_file_and_everything_else_is_there() {
    let (dir, entries) = (SimDir::new(), scenario());
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &entries[..12]);
    assert!(!holders(&dir, "sesame").is_empty());
    apply(&mut indexer, &entries[12..13]);
    let store = indexer.store();
    assert_eq!(all(&store), model_of(&entries[..13], &request("*")));
    let deletions = store.deletions();
    let [deletion] = &deletions[..] else { panic!("{deletions:?}") };
    assert_eq!((deletion.state, deletion.lines_removed, deletion.splits_left), (DeletionState::Done, 11, 0));
    assert_eq!((deletion.id.as_str(), deletion.query.as_deref()), ("d13", None));
    for secret in ["alice77", "sesame"] {
        assert_eq!(holders(&dir, secret), Vec::<String>::new(), "{secret}");
        assert_eq!(holders(&dir.crash(Survival::Nothing), secret), Vec::<String>::new(), "{secret}");
    }
    apply(&mut indexer, &entries[13..]);
    assert_eq!(states(&store.deletions()), [DeletionState::Done; 2]);
    drop(indexer);
    let indexer = open(&dir, &tiny());
    assert_eq!(all(&indexer.store()), model_of(&entries, &request("*")));
    assert_eq!(states(&indexer.store().deletions()), [DeletionState::Done; 2]);
    assert_eq!(holders(&dir, "sesame"), Vec::<String>::new());
}

/// The power is cut at every operation, and again while it is opened: the deletion is carried out all the same, once, and
/// nothing else is missing.
#[test]
fn a_deletion_survives_a_power_cut_at_every_operation() {
    let entries = scenario();
    let expected = model_of(&entries, &request("*"));
    let whole = SimDir::new();
    super::crash::live(Arc::new(whole.clone()), &tiny(), &entries);
    for stop in 0..=whole.operations() {
        let dir = SimDir::new();
        dir.stop_after(stop);
        let released = super::crash::live(Arc::new(dir.clone()), &tiny(), &entries);
        for survival in [Survival::Nothing, Survival::Everything, Survival::Random(stop)] {
            let mut crashed = vec![dir.crash(survival)];
            if let Survival::Random(_) = survival {
                let again = dir.crash(survival);
                again.stop_after(stop % 7);
                super::crash::live(Arc::new(again.clone()), &tiny(), &[]);
                crashed.push(again.crash(survival));
            }
            for dir in crashed {
                let context = format!("stopped after {stop}, {survival:?}");
                let indexer = finish(&dir, &entries, released);
                let found = all(&indexer.store());
                let wrong = found.iter().filter(|it| !expected.contains(it)).map(|it| it.key);
                let wrong = wrong.chain(expected.iter().filter(|it| !found.contains(it)).map(|it| it.key));
                assert_eq!(
                    (wrong.collect::<Vec<_>>(), found.len()),
                    (Vec::new(), expected.len()),
                    "{context}"
                );
                assert_eq!(states(&indexer.store().deletions()), [DeletionState::Done; 2], "{context}");
                assert_eq!(holders(&dir, "sesame"), Vec::<String>::new(), "{context}");
                let patterns = indexer.store().patterns();
                let tells = |it: &crate::Pattern| (it.template.clone() + &it.stats.sample).contains("sesame");
                assert!(!patterns.iter().any(tells), "{context}: {patterns:?}");
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Event {
    Lines { source: u8, lines: Vec<(u8, u8, i64)> },
    Gap,
    Tick { seconds: i64 },
    Delete { query: &'static str },
    Reopen,
    Crash { seed: u64 },
}

const QUERIES: [&str; 12] = [
    "user_id:3",
    "level:error reset",
    "plain",
    "NOT connection",
    "host:host-1 timeout",
    "kind:gap",
    "trace:0000000000000000abc0000000000005",
    "duration_ms:>9",
    "absent",
    "user_id:2 OR user_id:5",
    "*",
    "((",
];

fn event() -> impl Strategy<Value = Event> {
    let line = (any::<u8>(), 0u8..12, 0i64..200);
    let lines = (0u8..3, prop::collection::vec(line, 1..9));
    prop_oneof![
        16 => lines.prop_map(|(source, lines)| Event::Lines { source, lines }),
        1 => Just(Event::Gap),
        1 => (1i64..900).prop_map(|seconds| Event::Tick { seconds }),
        2 => prop::sample::select(QUERIES.to_vec()).prop_map(|query| Event::Delete { query }),
        1 => Just(Event::Reopen),
        1 => any::<u64>().prop_map(|seed| Event::Crash { seed }),
    ]
}

fn entry_of(event: &Event, position: u64, second: &mut i64) -> Option<Arc<Entry>> {
    *second += 1;
    Some(match event {
        Event::Lines { source, lines } => {
            let texts: Vec<_> = lines.iter().map(|(kind, n, s)| super::model::text(*kind, *n, *s)).collect();
            let texts: Vec<&[u8]> = texts.iter().map(Vec::as_slice).collect();
            super::lines(position, *second, *source, &texts)
        }
        Event::Gap => gap(position, *second, 1, "hole"),
        Event::Tick { seconds } => {
            *second += seconds;
            tick(position, *second)
        }
        Event::Delete { query } => delete(position, *second, query),
        Event::Reopen | Event::Crash { .. } => return None,
    })
}

fn check(config: &IndexerConfig, events: &[Event]) {
    let mut dir = SimDir::new();
    let mut indexer = open(&dir, config);
    let (mut so_far, mut second): (Vec<Arc<Entry>>, i64) = (Vec::new(), 100);
    let queries = ["*", "connection", "user:3", "level:>=warn", "NOT service:shop-1", "kind:gap"];
    for event in events {
        match entry_of(event, so_far.len() as u64 + 1, &mut second) {
            Some(entry) => {
                indexer.apply(&entry).expect("applies");
                so_far.push(entry);
            }
            None => {
                drop(indexer);
                if let Event::Crash { seed } = event {
                    dir = dir.crash(Survival::Random(*seed));
                }
                indexer = open(&dir, config);
                apply(&mut indexer, &so_far);
            }
        }
        let request = request(queries[so_far.len() % queries.len()]);
        let (found, summary) = search(&indexer.store(), &request);
        assert_eq!(found, model_of(&so_far, &request), "after {} entries: {request:?}", so_far.len());
        assert_eq!(summary.errors.len(), 0);
    }
    let deletions = indexer.store().deletions();
    let asked = events.iter().filter(|event| matches!(event, Event::Delete { .. })).count();
    assert_eq!(deletions.len(), asked);
    assert!(
        deletions.iter().all(|it| it.state != DeletionState::Pending && it.query.is_none()),
        "{deletions:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_search_finds_what_no_deletion_took(
        events in prop::collection::vec(event(), 1..90),
        block_bytes in 1usize..600,
        run_bytes in 1usize..3000,
        split_lines_max in 4u64..120,
        age in 1u64..40,
    ) {
        let split_age = Duration::from_secs(age);
        let config = IndexerConfig { block_bytes, run_bytes, split_lines_max, split_age, ..tiny() };
        check(&config, &events);
    }
}

/// A template of deleted lines only is forgotten; one that others share stays and shows another sample, or none.
#[test]
fn patterns_keep_nothing_of_deleted_lines() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    let texts: [&[u8]; 3] = [b"login of alice77 from 10.0.0.1\n", b"sesame opened alice77 door\n", b"idle\n"];
    let entries = [
        lines(1, 0, 1, &texts),
        lines(2, 1, 1, &[b"login of bob88 from 10.0.0.2\n"]),
        tick(3, 700),
        delete(4, 710, "alice77"),
    ];
    apply(&mut indexer, &entries[..3]);
    let before = indexer.store().patterns();
    assert_eq!(before.len(), 3, "{before:?}");
    apply(&mut indexer, &entries[3..]);
    let check = |patterns: Vec<crate::Pattern>| {
        let shown =
            patterns.iter().map(|it| (it.template.as_str(), it.stats.sample.as_str(), it.stats.count));
        let expected = [("login of <*> from <*>", "login of bob88 from 10.0.0.2", 2), ("idle", "idle", 1)];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    };
    check(indexer.store().patterns());
    assert_eq!(holders(&dir, "alice77"), Vec::<String>::new());
    drop(indexer);
    check(open(&dir, &tiny()).store().patterns());
}

/// A split that cannot be read holds up the end of a deletion, which says so; the others are done, and when it is gone the
/// deletion ends.
#[test]
fn a_damaged_split_holds_up_the_end_and_nothing_else() {
    let dir = SimDir::new();
    let config = IndexerConfig { retention_age: Some(Duration::from_secs(9000)), ..tiny() };
    let mut indexer = open(&dir, &config);
    let entries: Vec<_> = (1..=3)
        .flat_map(|n| [two_users(2 * n - 1, n as i64 * 700), tick(2 * n, n as i64 * 700 + 650)])
        .collect();
    apply(&mut indexer, &entries);
    let name = dir.list().expect("lists").into_iter().find(|name| name.ends_with(".split")).expect("there");
    let mut bytes = dir.contents(&name).expect("there");
    bytes[10] ^= 1;
    dir.put(&name, &bytes);
    apply(&mut indexer, &[delete(7, 3000, QUERY), tick(8, 3010)]);
    let deletions = indexer.store().deletions();
    let [deletion] = &deletions[..] else { panic!("{deletions:?}") };
    assert_eq!(
        (deletion.state, deletion.lines_removed, deletion.splits_left),
        (DeletionState::Pending, 4, 1)
    );
    assert!(deletion.problems[0].starts_with(&name), "{deletion:?}");
    assert_eq!(holders(&dir, "order 3"), Vec::<String>::new());
    assert!(indexer.store().patterns().iter().all(|it| !it.stats.sample.contains("alice77")));
    apply(&mut indexer, &[tick(9, 9900 + 650), tick(10, 9900 + 660)]);
    assert_eq!(states(&indexer.store().deletions()), [DeletionState::Done]);
    assert_eq!(holders(&dir, "alice77"), Vec::<String>::new());
}

/// Nothing is done for a query that cannot be read, and it is not quoted.
#[test]
fn a_bad_query_fails_once_and_for_all() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &[two_users(1, 0), delete(2, 1, "alice77 ("), tick(3, 700)]);
    let check = |store: &Store| {
        let deletions = store.deletions();
        assert_eq!(states(&deletions), [DeletionState::Failed]);
        assert!(deletions[0].problems[0].contains("column"), "{deletions:?}");
        assert_eq!(all(store).len(), 3);
    };
    check(&indexer.store());
    let manifest = dir.contents("manifest").expect("there");
    assert!(!manifest.windows(7).any(|window| window == b"alice77"));
    drop(indexer);
    check(&open(&dir, &tiny()).store());
}

/// On a full disk a deletion waits; it goes on when there is space.
#[test]
fn d03_a_full_disk_puts_a_deletion_off() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &[two_users(1, 0), tick(2, 700), delete(3, 701, "absent")]);
    let used: usize =
        dir.list().expect("lists").iter().map(|name| dir.contents(name).map_or(0, |it| it.len())).sum();
    dir.set_space(Some(used as u64 + 500));
    apply(&mut indexer, &[delete(4, 710, QUERY), tick(5, 720)]);
    let deletions = indexer.store().deletions();
    assert_eq!((states(&deletions)[1], deletions[1].problems.len()), (DeletionState::Pending, 0));
    dir.set_space(None);
    apply(&mut indexer, &[tick(6, 730)]);
    assert_eq!(states(&indexer.store().deletions()), [DeletionState::Done; 2]);
    assert_eq!(holders(&dir, "alice77"), Vec::<String>::new());
}

/// A search that has begun reads on; the deletion ends when it has.
#[test]
fn a_deletion_waits_for_readers() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &[two_users(1, 0), tick(2, 700), two_users(3, 701), tick(4, 1400)]);
    let store = indexer.store();
    let mut hits = 0;
    let summary = store.search(&request("*"), &mut |_| {
        if hits == 0 {
            apply(&mut indexer, &[delete(5, 1500, QUERY), tick(6, 1510)]);
            let deletions = store.deletions();
            assert_eq!((states(&deletions)[0], deletions[0].splits_left), (DeletionState::Pending, 0));
            assert!(!holders(&dir, "alice77").is_empty());
        }
        hits += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((hits, summary.errors), (6, Vec::new()));
    apply(&mut indexer, &[tick(7, 1520)]);
    assert_eq!(states(&store.deletions()), [DeletionState::Done]);
    assert_eq!(holders(&dir, "alice77"), Vec::<String>::new());
}

/// Of files for the same records, found without a manifest, the one that was written last counts.
#[test]
fn i06_without_a_manifest_the_split_that_was_written_last_counts() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    let entries = [two_users(1, 0), tick(2, 700), delete(3, 701, QUERY)];
    apply(&mut indexer, &entries[..2]);
    let names = dir.list().expect("lists");
    let (name, old) = (names[0].clone(), dir.contents(&names[0]).expect("there"));
    apply(&mut indexer, &entries[2..]);
    drop(indexer);
    dir.put(&name, &old);
    dir.remove("manifest").expect("removes");
    let indexer = open(&dir, &tiny());
    assert_eq!(all(&indexer.store()), model_of(&entries, &request("*")));
    assert!(dir.contents(&name).is_none());
}

/// With threads, and while lines arrive: those up to the deletion go, later ones of the same user stay.
#[test]
fn with_threads_later_lines_stay() {
    let dir = SimDir::new();
    let config = IndexerConfig { workers: 2, ..tiny() };
    let mut indexer = open(&dir, &config);
    let entries: Vec<_> = (1..=400u64)
        .map(|n| if n % 100 == 50 { delete(n, n as i64, QUERY) } else { two_users(n, n as i64) })
        .collect();
    apply(&mut indexer, &entries);
    drop(indexer);
    let mut indexer = open(&dir, &IndexerConfig { workers: 0, ..config });
    apply(&mut indexer, &entries);
    apply(&mut indexer, &[tick(401, 401)]);
    assert_eq!(states(&indexer.store().deletions()), [DeletionState::Done; 4]);
    assert_eq!(all(&indexer.store()), model_of(&entries, &request("*")));
}
