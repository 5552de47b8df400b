//! Bytes that change on disk: what is damaged is noticed, said and left out; nothing else is lost, and nothing panics.

use super::*;
use crate::manifest::Manifest;
use logweir_base::dir::Dir;
use logweir_base::pipe::{Pipeline, Reduce};

/// A store of one split and nothing else.
fn one_split() -> (SimDir, Vec<Arc<Entry>>, String) {
    let dir = SimDir::new();
    let texts: Vec<_> = (0..9)
        .map(|n| format!("{{\"message\":\"word{} reset\",\"trace_id\":\"{n:032x}\"}}\n", n / 3))
        .collect();
    let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
    let entries = vec![lines(1, 0, 1, &texts), gap(2, 1, 1, "hole"), tick(3, 700)];
    let mut indexer = open(&dir, &tiny());
    apply(&mut indexer, &entries);
    assert_eq!((indexer.store().status().splits, indexer.store().status().tail_lines), (1, 0));
    let name = split_name(&dir);
    (dir, entries, name)
}

fn split_name(dir: &SimDir) -> String {
    let names = dir.list().expect("lists");
    names.into_iter().find(|name| name.ends_with(".split")).expect("a split was written")
}

/// I05: flip each byte of a split once. A search gives all lines, or says that it could not.
#[test]
fn i05_a_flipped_byte_is_noticed_or_does_not_matter() {
    let (dir, entries, name) = one_split();
    let whole = dir.contents(&name).expect("there it is");
    let mut damaged = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        dir.put(&name, &bytes);
        let shared: SharedDir = Arc::new(dir.clone());
        let store = match Indexer::open(shared, JOURNAL, tiny()) {
            Ok(indexer) => indexer.store(),
            Err(e) => panic!("flipped at {at}: {e}"),
        };
        for text in ["*", "word1", "trace:00000000000000000000000000000005", "word2 reset", "absent"] {
            let (found, summary) = search(&store, &request(text));
            let expected = model(&entries, &request(text));
            assert!(
                found.iter().all(|line| expected.contains(line)),
                "flipped at {at}: a false line for {text}"
            );
            assert!(found == expected || summary.partial, "flipped at {at}: {text} lost lines in silence");
            damaged += usize::from(summary.partial);
            assert!(!summary.partial || !summary.errors.is_empty(), "flipped at {at}");
        }
    }
    dir.put(&name, &whole);
    assert!(damaged > 100, "{damaged}");
}

/// I05: when a part of the index is damaged, all blocks are read instead and nothing is missing.
#[test]
fn i05_without_its_index_a_split_is_scanned() {
    let (dir, entries, name) = one_split();
    let file = dir.open(&name).expect("opens");
    let footer = crate::split::format::Footer::read(file.as_ref()).expect("reads");
    let mut bytes = dir.contents(&name).expect("there it is");
    for section in [footer.ids, footer.words] {
        bytes[section.at as usize + 1] ^= 1;
    }
    dir.put(&name, &bytes);
    let store = open(&dir, &tiny()).store();
    for text in ["word1", "trace:00000000000000000000000000000005"] {
        let (found, summary) = search(&store, &request(text));
        assert_eq!(found, model(&entries, &request(text)));
        assert_eq!((summary.indexes_unused, summary.partial, summary.errors.len()), (1, false, 1));
    }
    assert_eq!(store.status().errors.len(), 2);
}

/// I06: the manifest cut at every byte, flipped at every byte, lost: completed from the split files.
#[test]
fn i06_a_torn_or_lost_manifest_is_completed_from_the_splits() {
    let (dir, entries, name) = one_split();
    let (manifest, split) = (dir.contents("manifest").expect("it is"), dir.contents(&name).expect("it is"));
    let check = |bytes: Option<Vec<u8>>, context: String| {
        let dir = SimDir::new();
        dir.put(&name, &split);
        if let Some(bytes) = bytes {
            dir.put("manifest", &bytes);
        }
        let mut indexer = open(&dir, &tiny());
        assert_eq!(indexer.committed(), Some((JOURNAL, Position(3))), "{context}");
        apply(&mut indexer, &entries);
        assert_eq!(all(&indexer.store()), model(&entries, &request("*")), "{context}");
        drop(indexer);
        assert_eq!(
            open(&dir, &tiny()).store().status().errors,
            Vec::<String>::new(),
            "{context}: not mended"
        );
    };
    check(None, "lost".to_owned());
    for at in 0..manifest.len() {
        check(Some(manifest[..at].to_vec()), format!("cut at {at}"));
        let mut flipped = manifest.clone();
        flipped[at] ^= 0x40;
        check(Some(flipped), format!("flipped at {at}"));
    }
}

/// I06: of a merged split and its inputs found without a manifest, the inputs go.
#[test]
fn i06_inputs_of_a_merge_are_known_by_their_range() {
    let (dir, entries, name) = one_split();
    let first = dir.contents(&name).expect("it is");
    let mut indexer = open(&dir, &tiny());
    let more: Vec<_> = (4..40).map(|n| lines(n, 700 + n as i64 * 610, 2, &[b"more\n"])).collect();
    apply(&mut indexer, &more);
    assert!(indexer.store().status().merges > 0);
    drop(indexer);
    dir.put(&name, &first);
    dir.remove("manifest").expect("removes");
    let mut indexer = open(&dir, &tiny());
    let every = [entries, more].concat();
    apply(&mut indexer, &every);
    assert_eq!(all(&indexer.store()), model(&every, &request("*")));
}

/// I04: leftovers of a crash go, what is not ours stays.
#[test]
fn i04_orphans_and_empty_files_are_removed_at_open() {
    let (dir, entries, name) = one_split();
    let split = dir.contents(&name).expect("it is");
    dir.put("00000000000000ff-00000000000000ff.split", &split);
    dir.put("00000000000000fe-00000000000000fe.split", b"");
    dir.put("00000000000000fd-00000000000000fd.split.tmp", b"half");
    dir.put("manifest.tmp", b"half");
    dir.put("lock", b"");
    let patterns = "patterns-0000000000000003";
    dir.put("patterns-00000000000000ff", &dir.contents(patterns).expect("it is"));
    let indexer = open(&dir, &tiny());
    assert_eq!(dir.list().expect("lists"), [name.as_str(), "lock", "manifest", patterns]);
    assert_eq!(all(&indexer.store()), model(&entries, &request("*")));
}

/// S10: a format of another version is refused and left alone.
#[test]
fn s10_another_version_is_refused() {
    let (dir, _, name) = one_split();
    let refuse = |dir: &SimDir, version: &str, what: &str| {
        let shared: SharedDir = Arc::new(dir.clone());
        let error = Indexer::open(shared, JOURNAL, tiny()).err().expect("refused");
        assert!(error.to_string().contains(version), "{what}: {error}");
    };
    let mut split = dir.contents(&name).expect("it is");
    let footer = split.len() - crate::split::format::FOOTER_BYTES;
    split[footer + 8] = 4;
    let crc = crc32c::crc32c(&split[footer..footer + 84]);
    split[footer + 84..footer + 88].copy_from_slice(&crc.to_le_bytes());
    let newer = dir.crash(logweir_base::dir::sim::Survival::Everything);
    newer.put(&name, &split);
    refuse(&newer, "version 4", "a split");
    newer.remove("manifest").expect("removes");
    refuse(&newer, "version 4", "a split without a manifest");
    let mut manifest = dir.contents("manifest").expect("it is");
    manifest[8] = 2;
    let crc = crc32c::crc32c(&manifest[..12]);
    manifest[12..16].copy_from_slice(&crc.to_le_bytes());
    dir.put("manifest", &manifest);
    refuse(&dir, "version 2", "a manifest");
}

/// S10: a split that an earlier version wrote is read for ever.
#[test]
fn s10_splits_of_earlier_versions_are_read() {
    let count = "* | count, sum(n) by level";
    let pipeline = Pipeline::parse(count, at_second(0)).expect("a search");
    let Some(Reduce::Stats(spec)) = pipeline.reduce else { panic!("it counts") };
    for split in [&include_bytes!("golden-v1.split")[..], &include_bytes!("golden-v2.split")[..]] {
        let dir = SimDir::new();
        dir.put("0000000000000001-0000000000000003.split", split);
        let (store, entries) = (open(&dir, &tiny()).store(), one_split().1);
        for text in ["word1", "trace:00000000000000000000000000000005", "kind:gap", "level:warn", "n:>1", "*"]
        {
            let (found, summary) = search(&store, &request(text));
            assert_eq!((found, summary.indexes_unused), (model(&entries, &request(text)), 0), "{text}");
        }
        let (stats, _) = store.count(&request("*"), Stats::new(&spec));
        assert_eq!(stats.finish(), model_count(&entries, &request("*"), Stats::new(&spec)).finish());
    }
}

/// D15: the store of another journal is refused.
#[test]
fn d15_the_store_of_another_journal_is_refused() {
    let (dir, ..) = one_split();
    let shared: SharedDir = Arc::new(dir);
    let error = Indexer::open(shared, JournalId([8; 16]), tiny()).err().expect("refused");
    assert!(error.to_string().contains("belongs to journal"), "{error}");
}

/// After a thousand commits the manifest is one record again, and says the same.
#[test]
fn the_manifest_is_written_anew_from_time_to_time() {
    let dir = SimDir::new();
    let shared: SharedDir = Arc::new(dir.clone());
    let (mut manifest, _) = Manifest::open(shared.clone(), JOURNAL).expect("opens");
    let mut longest = 0;
    for position in 1..=1005 {
        manifest.commit(None, &[], Position(position), None).expect("commits");
        longest = longest.max(dir.contents("manifest").expect("it is").len());
    }
    assert!(dir.contents("manifest").expect("it is").len() < longest / 50);
    let (manifest, notes) = Manifest::open(shared, JOURNAL).expect("opens");
    assert_eq!((manifest.position(), notes), (Some(Position(1005)), Vec::new()));
}
