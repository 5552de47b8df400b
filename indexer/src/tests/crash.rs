//! The power is cut at every operation of a small store's life: writing splits, appending to the manifest, merging,
//! removing by age. Whatever survives, opening and replaying the journal gives every line once.

use super::*;
use logweir_base::dir::sim::Survival;

/// Five small splits, cut by ticks, and with the fifth a merge of all.
fn scenario() -> Vec<Arc<Entry>> {
    let mut entries = Vec::new();
    for round in 0i64..5 {
        for i in 0i64..3 {
            let texts: Vec<_> = (0..3).map(|n| format!("round {round} entry {i} line {n}\n")).collect();
            let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            entries.push(lines(entries.len() as u64 + 1, round * 700 + i, i as u8, &texts));
        }
        entries.push(tick(entries.len() as u64 + 1, round * 700 + 650));
    }
    entries.push(gap(entries.len() as u64 + 1, 3600, 1, "hole"));
    entries
}

/// Applies until something fails; nothing can after the last operation.
fn live(dir: &SimDir, config: &IndexerConfig, entries: &[Arc<Entry>]) {
    let shared: SharedDir = Arc::new(dir.clone());
    let Ok(mut indexer) = Indexer::open(shared, JOURNAL, config.clone()) else {
        return;
    };
    for entry in entries {
        if indexer.apply(entry).is_err() {
            return;
        }
    }
}

/// Opens what a crash left, replays the journal, and looks at all lines.
fn recover(dir: &SimDir, config: &IndexerConfig, entries: &[Arc<Entry>]) -> Vec<Found> {
    let mut indexer =
        open(dir, &IndexerConfig { split_lines_max: 1000, split_age: Duration::MAX, ..config.clone() });
    apply(&mut indexer, entries);
    all(&indexer.store())
}

const SURVIVALS: [Survival; 5] =
    [Survival::Nothing, Survival::Everything, Survival::Random(1), Survival::Random(2), Survival::Random(3)];

fn operations_of(config: &IndexerConfig, entries: &[Arc<Entry>]) -> u64 {
    let dir = SimDir::new();
    live(&dir, config, entries);
    dir.operations()
}

/// I01, I02, D07, D09, R4, R5, R10: also when the power is cut again while the store is opened.
#[test]
fn i01_i02_d07_d09_r4_r5_r10_every_line_once_after_a_power_cut_at_every_operation() {
    let (config, entries) = (tiny(), scenario());
    let expected = model(&entries, &request("*"));
    let operations = operations_of(&config, &entries);
    assert!(operations > 50, "{operations} operations: splits and a merge were expected");
    for stop in 0..=operations {
        let dir = SimDir::new();
        dir.stop_after(stop);
        live(&dir, &config, &entries);
        for survival in SURVIVALS {
            let crashed = dir.crash(survival);
            let again = dir.crash(survival);
            again.stop_after(stop % 5);
            live(&again, &config, &entries[..1]);
            for found in [&crashed, &again.crash(survival)].map(|dir| recover(dir, &config, &entries)) {
                assert_eq!(found, expected, "stopped after {stop}, {survival:?}");
            }
        }
    }
}

/// I07, R7: a removal by age is whole or has not happened, and never takes a line that is young enough.
#[test]
fn i07_removal_by_age_survives_a_power_cut_at_every_operation() {
    let config = IndexerConfig { retention_age: Some(Duration::from_secs(2000)), ..tiny() };
    let entries = scenario();
    let now = entries.last().expect("there are some").received;
    let every = model(&entries, &request("*"));
    for stop in 0..=operations_of(&config, &entries) {
        let dir = SimDir::new();
        dir.stop_after(stop);
        live(&dir, &config, &entries);
        for survival in SURVIVALS {
            let found = recover(&dir.crash(survival), &config, &entries);
            let context = format!("stopped after {stop}, {survival:?}");
            assert!(found.iter().all(|line| every.contains(line)), "{context}: a line that never was");
            assert!(found.windows(2).all(|pair| pair[0].key > pair[1].key), "{context}: a line twice");
            let young = |line: &&Found| line.received >= now.minus(Duration::from_secs(2000));
            assert!(every.iter().filter(young).all(|line| found.contains(line)), "{context}: a line lost");
        }
    }
}

/// I13: the manifest has been appended to, the journal not released: what is replayed is skipped by position.
#[test]
fn i13_replay_of_committed_records_is_skipped() {
    let (dir, entries) = (SimDir::new(), scenario());
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &entries);
    let committed = indexer.committed().expect("splits were written");
    drop(indexer);
    let mut indexer = open(&dir, &tiny());
    assert_eq!(indexer.committed(), Some(committed));
    apply(&mut indexer, &entries);
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
}
