//! Full disks, failing syncs, odd lines and times, limits, and what a split looks like to others.

use super::*;
use logweir_base::dir::{Dir, RealDir};
use std::io::Read;

fn hundred() -> Vec<Arc<Entry>> {
    (1..=100)
        .map(|n| lines(n, n as i64, (n % 3) as u8, &[format!("line {n} of a hundred\n").as_bytes()]))
        .collect()
}

/// D03: no split can be written: the position stays, nothing is lost, and it goes on when there is space.
#[test]
fn d03_a_full_disk_puts_splits_off() {
    let (dir, entries) = (SimDir::new(), hundred());
    let mut indexer = open(&dir, &IndexerConfig { run_bytes: 100, ..tiny() });
    dir.set_space(Some(500));
    apply(&mut indexer, &entries);
    let status = indexer.store().status();
    assert_eq!((status.committed, status.splits, status.tail_lines), (None, 0, 100));
    assert!(status.failures > 0 && status.errors[0].contains("no space"), "{:?}", status.errors);
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
    assert!(
        dir.list().expect("lists").iter().all(|name| !name.contains("split")),
        "nothing half-written stays"
    );
    dir.set_space(None);
    apply(&mut indexer, &[tick(101, 101)]);
    assert!(indexer.commit().expect("goes on") >= Position(80));
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
}

/// D03: a merge that does not fit is put off, not tried again and again; its inputs stay.
#[test]
fn d03_a_full_disk_puts_merges_off() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    let entries: Vec<_> = (1..=20).map(|n| lines(n, n as i64 * 610, 1, &[b"one\n"])).collect();
    apply(&mut indexer, &entries[..7]);
    let used: usize =
        dir.list().expect("lists").iter().map(|name| dir.contents(name).map_or(0, |it| it.len())).sum();
    dir.set_space(Some(used as u64 + 3000));
    apply(&mut indexer, &entries[7..12]);
    let status = indexer.store().status();
    assert!(status.merges == 0 && status.failures > 0, "{status:?}");
    dir.set_space(None);
    apply(&mut indexer, &entries[12..]);
    apply(&mut indexer, &[tick(21, 21 * 610)]);
    let status = indexer.store().status();
    assert!(status.merges > 0 && !status.merges_paused, "{status:?}");
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
}

/// D03: retention goes on when merges do not fit: it is what makes room again.
#[test]
fn d03_old_splits_go_also_on_a_full_disk() {
    let dir = SimDir::new();
    let config = IndexerConfig { retention_age: Some(Duration::from_secs(9000)), ..tiny() };
    let mut indexer = open(&dir, &config);
    let entries: Vec<_> = (1..=15).map(|n| lines(n, n as i64 * 610, 1, &[b"one\n"])).collect();
    apply(&mut indexer, &entries);
    let used: usize =
        dir.list().expect("lists").iter().map(|name| dir.contents(name).map_or(0, |it| it.len())).sum();
    dir.set_space(Some(used as u64 + 4600));
    apply(&mut indexer, &[lines(16, 16 * 610, 1, &[b"two\n"]), tick(17, 10_300)]);
    let status = indexer.store().status();
    assert!(status.merges == 0 && status.merges_paused && status.splits_removed > 0, "{status:?}");
}

/// I05: a split that cannot be read is left out of merges, and its neighbours are merged without it.
#[test]
fn i05_a_damaged_split_holds_up_no_merge() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    let entries: Vec<_> = (1..=40).map(|n| lines(n, n as i64 * 610, 1, &[b"one\n"])).collect();
    apply(&mut indexer, &entries[..4]);
    let name = dir.list().expect("lists").remove(0);
    let mut bytes = dir.contents(&name).expect("the split");
    bytes[5] ^= 1;
    dir.put(&name, &bytes);
    apply(&mut indexer, &entries[4..]);
    let status = indexer.store().status();
    assert!(status.merges > 0 && status.errors.len() == 1 && !status.merges_paused, "{status:?}");
    let (found, summary) = search(&indexer.store(), &request("*"));
    assert_eq!((found.len() + 2, summary.partial), (40, true));
}

/// D03: with a full tail and no way to write a split, records are refused rather than held without bound.
#[test]
fn d03_the_tail_is_bounded() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &IndexerConfig { tail_bytes_max: 20_000, ..tiny() });
    dir.set_space(Some(0));
    let refused = hundred().iter().position(|entry| indexer.apply(entry).is_err());
    assert!(refused.is_some_and(|at| at > 10), "{refused:?}");
    assert!(indexer.store().status().tail_bytes < 22_000);
}

/// R9: after a failed sync of the manifest nothing goes on.
#[test]
fn r9_a_failed_manifest_sync_is_the_end() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &[lines(1, 0, 1, &[b"one\n"]), tick(2, 700)]);
    let committed = indexer.commit().expect("a split was written");
    // From here on the split's own syncs work and the manifest's does not.
    let operations = {
        let probe = dir.crash(logweir_base::dir::sim::Survival::Everything);
        let mut indexer = open(&probe, &tiny());
        apply(&mut indexer, &[lines(3, 701, 1, &[b"two\n"]), tick(4, 1400)]);
        probe.operations()
    };
    // The last one removes what was known of patterns before.
    dir.stop_after(dir.operations() + operations - 2);
    apply(&mut indexer, &[lines(3, 701, 1, &[b"two\n"])]);
    assert!(indexer.apply(&tick(4, 1400)).is_err());
    assert!(indexer.commit().is_err());
    assert_eq!(indexer.committed().map(|(_, position)| position), Some(committed));
}

/// I10: times of 1970 and 9999 and none at all: ordered by the clamped time, kept by the receive time.
#[test]
fn i10_odd_times_are_clamped_and_kept_by_receive_time() {
    let config = IndexerConfig { retention_age: Some(Duration::from_secs(5000)), ..tiny() };
    let (dir, mut entries) = (SimDir::new(), Vec::new());
    let texts: [&[u8]; 4] = [
        b"{\"timestamp\":\"1970-01-01T00:00:00Z\",\"message\":\"old\"}\n",
        b"{\"timestamp\":\"9999-12-31T23:59:59Z\",\"message\":\"far\"}\n",
        b"{\"timestamp\":\"what\",\"message\":\"odd\"}\n",
        b"plain\n",
    ];
    let mut indexer = open(&dir, &config);
    entries.push(lines(1, 0, 1, &texts));
    entries.push(tick(2, 700));
    apply(&mut indexer, &entries);
    let found = all(&indexer.store());
    assert_eq!(found, model(&entries, &request("*")));
    assert_eq!((found.first().map(|it| it.raw.clone()), found.len()), (Some(texts[1].to_vec()), 4));
    assert_eq!(found.last().map(|it| it.raw.clone()), Some(texts[0].to_vec()));
    apply(&mut indexer, &[tick(3, 4900)]);
    assert_eq!(all(&indexer.store()).len(), 4, "an old time is no reason to go");
    apply(&mut indexer, &[tick(4, 5100)]);
    assert_eq!(indexer.store().status().splits_removed, 1);
    assert_eq!(dir.list().expect("lists"), ["manifest", "patterns-0000000000000002"]);
}

/// I12: a token of 100 KB is no term; its line is stored and found by what else it says.
#[test]
fn i12_an_endless_token_is_stored_with_its_line() {
    let text = format!("{{\"message\":\"needle {}\"}}\n", "x".repeat(100_000));
    let (dir, entries) = (SimDir::new(), vec![lines(1, 0, 1, &[text.as_bytes()]), tick(2, 700)]);
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &entries);
    assert_eq!(indexer.store().status().splits, 1);
    let (found, _) = search(&indexer.store(), &request("needle"));
    assert_eq!(found, model(&entries, &request("*")));
}

/// A split is a plain zstd stream of its lines; parts of one line have no break between them.
#[test]
fn a_split_is_readable_by_zstdcat() {
    let dir = SimDir::new();
    let texts: [&[u8]; 5] = [b"one\n", b"two", b"part one, ", b"part two\n", b"\n"];
    let mut metas = [LineMeta(0); 5];
    (metas[2], metas[3]) = (LineMeta::part(0, false), LineMeta::part(1, true));
    let mut indexer = open(&dir, &IndexerConfig { block_bytes: 8, ..tiny() });
    apply(&mut indexer, &[lines_with(1, 0, 1, &texts, &metas), tick(2, 700)]);
    let names = dir.list().expect("lists");
    let bytes = dir.contents(&names[0]).expect("the split");
    let mut text = Vec::new();
    zstd::stream::read::Decoder::new(bytes.as_slice())
        .expect("opens")
        .read_to_end(&mut text)
        .expect("decodes");
    assert_eq!(text, b"one\ntwo\npart one, part two\n\n");
    let raw: Vec<_> = all(&indexer.store()).into_iter().rev().map(|line| line.raw).collect();
    assert_eq!(raw, texts, "the newline that was put in is not the line's");
}

/// The oldest splits go when all are too large, and a search that has begun reads on.
#[test]
fn retention_by_size_waits_for_readers() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &IndexerConfig { retention_bytes: Some(20_000), ..tiny() });
    let entries: Vec<_> = (1..=6).map(|n| lines(n, n as i64 * 610, 1, &[b"one\n", b"two\n"])).collect();
    apply(&mut indexer, &entries[..3]);
    let store = indexer.store();
    let (mut hits, names) = (0, dir.list().expect("lists"));
    let oldest = SearchRequest { order: Order::Oldest, ..request("*") };
    let summary = store.search(&oldest, &mut |_| {
        if hits == 0 {
            let more: Vec<_> = (4..60).map(|n| lines(n, n as i64 * 610, 1, &[b"more\n"])).collect();
            apply(&mut indexer, &more);
        }
        hits += 1;
        ControlFlow::Continue(())
    });
    assert_eq!((hits, summary.errors), (6, Vec::new()));
    let status = store.status();
    assert!(status.splits_removed > 0 && status.split_bytes <= 20_000, "{status:?}");
    assert!(!dir.list().expect("lists").contains(&names[0]), "removed after its last reader");
}

/// Threads change when things happen, not what a search finds; a search after the applied position sees it.
#[test]
fn with_threads_every_line_is_found_once_at_any_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir: SharedDir = Arc::new(RealDir::open(folder.path()).expect("opens"));
    let config = IndexerConfig { workers: 2, tail_bytes_max: 60_000, ..tiny() };
    let mut indexer = Indexer::open(dir.clone(), JOURNAL, config.clone()).expect("opens");
    let entries: Vec<_> = (1..=600u64)
        .map(|n| {
            let texts: Vec<_> = (0..4)
                .map(|i| format!("line {i} of {n} {}\n", if n % 50 == 0 { "rare" } else { "" }))
                .collect();
            let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            lines(n, n as i64, (n % 3) as u8, &texts)
        })
        .collect();
    let store = indexer.store();
    for (n, entry) in entries.iter().enumerate() {
        indexer.apply(entry).expect("applies");
        assert!(store.wait_covers(entry.position, Duration::ZERO));
        if n % 50 == 49 {
            let (found, summary) = search(&store, &request("rare"));
            assert_eq!((found, summary.errors), (model(&entries[..=n], &request("rare")), Vec::new()));
        }
    }
    drop(indexer);
    let mut indexer = Indexer::open(dir, JOURNAL, config).expect("opens");
    assert!(indexer.committed().is_some(), "a full tail had to be written");
    apply(&mut indexer, &entries);
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
}

/// An idle journal is released too: ticks alone move the committed position on.
#[test]
fn ticks_alone_are_committed() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &(1..=100).map(|n| tick(n, n as i64 * 10)).collect::<Vec<_>>());
    assert_eq!(indexer.committed(), Some((JOURNAL, Position(61))));
    drop(indexer);
    assert_eq!(open(&dir, &tiny()).committed(), Some((JOURNAL, Position(61))));
}

/// M09: a search ends at its deadline, at its limit and when nobody listens, and says which lines it covered.
#[test]
fn m09_a_search_can_be_cut_short() {
    let dir = SimDir::new();
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &hundred());
    let store = indexer.store();
    let (found, summary) = search(&store, &SearchRequest { deadline: Some(Duration::ZERO), ..request("*") });
    assert_eq!((found.len(), summary.partial, summary.complete_up_to), (0, true, Position(100)));
    let (found, summary) = search(&store, &SearchRequest { limit: Some(3), ..request("*") });
    assert_eq!((found.len(), summary.partial), (3, false));
    assert!(summary.blocks_decoded <= 2, "{summary:?}");
    let summary = store.search(&request("*"), &mut |_| ControlFlow::Break(()));
    assert_eq!(summary.hits, 1);
    assert!(!store.wait_covers(Position(101), Duration::ZERO));
}
