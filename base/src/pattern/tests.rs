//! Whole streams: the labelled logs of loghub, cuts at any line, any bytes, and more kinds of messages than
//! there is room for.

use super::*;
use crate::batch::{Batch, BatchLine, Codec, LineMeta};
use crate::frame::Resource;
use crate::ids::{Epoch, Offset, SourceId};
use crate::parse::{Parser, look};
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// 2 000 lines each, with the statement that wrote each line, as people judged.
const LOGHUB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/loghub");

fn ids_of<'a>(miner: &mut Miner, messages: impl IntoIterator<Item = &'a str>) -> Vec<PatternId> {
    messages.into_iter().map(|message| miner.pattern_of(shape_of(message), || message.into())).collect()
}

/// The patterns of whole raw lines, as the indexer finds them: a look at each record, and its message for the miner.
fn ids_of_log(miner: &mut Miner, log: &str) -> Vec<PatternId> {
    let row = |line: &str| {
        let len = u32::try_from(line.len()).expect("a short line");
        BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
    };
    let batch = Batch {
        source: SourceId([1; 16]),
        epoch: Epoch(1),
        first_start: Offset(0),
        lines: log.split_inclusive('\n').map(row).collect(),
        codec: Codec::None,
        text_len: u32::try_from(log.len()).expect("a short log"),
        payload: log.to_owned().into(),
    };
    let mut parser = Parser::new();
    let received = Timestamp::parse("2026-11-24T00:00:00Z").expect("a time");
    let looked = look(&batch, Resource::default().into(), received, &mut parser).expect("a sound batch");
    let id = |record| {
        let view = looked.view(record);
        miner.pattern_of(record.shape, || parser.message(&view).into())
    };
    looked.records.iter().map(id).collect()
}

/// The share of lines whose group has exactly the lines of the true group: what papers call grouping
/// accuracy.
fn accuracy<A: Ord, B: Ord>(found: &[A], truth: &[B]) -> f64 {
    let lines_of = |at: usize| -> (BTreeSet<usize>, BTreeSet<usize>) {
        let all = 0..truth.len();
        (
            all.clone().filter(|&i| found[i] == found[at]).collect(),
            all.filter(|&i| truth[i] == truth[at]).collect(),
        )
    };
    let mut firsts = BTreeMap::new();
    (0..truth.len()).for_each(|at| {
        firsts.entry(&truth[at]).or_insert(at);
    });
    let right = firsts.values().map(|&at| lines_of(at)).filter(|(ours, theirs)| ours == theirs);
    right.map(|(lines, _)| lines.len()).sum::<usize>() as f64 / truth.len() as f64
}

/// One column of a CSV file with quoted fields, none of which has a line break.
fn column(csv: &str, name: &str) -> Vec<String> {
    let row = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                _ => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    };
    let at = row(csv.lines().next().unwrap()).iter().position(|field| field == name).unwrap();
    csv.lines().skip(1).map(|line| row(line).swap_remove(at)).collect()
}

#[test]
fn lines_of_one_statement_are_one_pattern() {
    let root = Path::new(LOGHUB);
    if !root.is_dir() {
        println!("skipped: {LOGHUB} is not here");
        return;
    }
    let sets = ["Android", "Apache", "BGL", "HDFS", "Hadoop", "OpenSSH", "Windows", "Zookeeper"];
    let mut sum = 0.0;
    for set in sets {
        let read =
            |suffix| std::fs::read_to_string(root.join(set).join(format!("{set}_2k.log{suffix}"))).unwrap();
        let (log, truth) = (read(""), column(&read("_structured.csv"), "EventId"));
        let mut miner = Miner::new();
        let ids = ids_of_log(&mut miner, &log);
        assert_eq!(ids.len(), truth.len(), "{set}");
        let accuracy = accuracy(&ids, &truth);
        println!("{set:10} {accuracy:.4} {} patterns", miner.len());
        sum += accuracy;
    }
    let average = sum / sets.len() as f64;
    println!("average    {average:.4}");
    assert!(average >= 0.90, "{average}");
}

/// Messages as programs write them: few statements, many values.
fn message() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "user", "from", "failed", "Failed", "for", "true", "null", "RUNNING", "disk", "a.b.C", "/etc", "x=",
        "\"q r\"", "[", "]:", "7", "10.0.0.1", "ff:0a", "deadbeef", "é", "alice", "bob", "\t", "...", ".",
        "\"k\":",
    ]);
    prop::collection::vec(word, 0..7).prop_map(|words| words.join(" "))
}

/// Distinct messages of words alone, as many as asked for.
fn distinct(count: u64) -> impl Iterator<Item = String> {
    let letters = |mut number: u64| -> String {
        let mut letter = || {
            let letter = char::from(b'g' + (number % 16) as u8);
            number /= 16;
            letter
        };
        (0..6).map(|_| letter()).collect()
    };
    (0..count).map(move |i| format!("{} and {} met", letters(i.wrapping_mul(0x9e37_79b9)), letters(i)))
}

proptest! {
    #[test]
    fn a_restart_changes_no_id(messages in prop::collection::vec(message(), 1..60), cut in 0..60usize) {
        let texts = || messages.iter().map(String::as_str);
        let whole = ids_of(&mut Miner::new(), texts());
        let (mut first, cut) = (Miner::new(), cut.min(messages.len()));
        let mut ids = ids_of(&mut first, texts().take(cut));
        let mut second = Miner::decode(&first.encode()).unwrap();
        prop_assert_eq!(second.encode(), first.encode());
        ids.extend(ids_of(&mut second, texts().skip(cut)));
        prop_assert_eq!(ids, whole);
    }

    #[test]
    fn a_known_shape_keeps_its_pattern(messages in prop::collection::vec(message(), 1..60)) {
        let mut miner = Miner::new();
        for message in &messages {
            let shape = shape_of(message);
            let known = miner.known(shape);
            let id = miner.pattern_of(shape, || message.into());
            prop_assert!(id != PatternId::NONE && known.is_none_or(|known| known == id));
            prop_assert_eq!(miner.known(shape), Some(id));
            prop_assert!(miner.template(id).is_some());
        }
    }

    #[test]
    fn any_text_has_a_pattern(
        text in any::<String>(),
        marks in "[\"\\\\. :=a1\n\t]{0,80}",
        head in "([-:|/,\\[\\]() é\t]|INFO|[DI]|Dec|2026-11-24|10:00:00|a\\.B|tag|[0-9]{1,4}){0,20}",
    ) {
        for text in [text, marks, head] {
            let message = text.as_str();
            prop_assert!(text.contains(message));
            ids_of(&mut Miner::new(), [message]);
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_refused(bytes: Vec<u8>, at in any::<prop::sample::Index>(), byte: u8) {
        Miner::decode(&bytes);
        let mut miner = Miner::new();
        ids_of(&mut miner, ["user 1 came", "x=1, y=2", "was \"it\" so?"]);
        let mut state = miner.encode();
        *at.get_mut(&mut state) = byte;
        if let Some(mut miner) = Miner::decode(&state) {
            ids_of(&mut miner, ["user 1 came", "user came", "x=a, y=b"]);
            prop_assert_eq!(Miner::decode(&miner.encode()).unwrap().encode(), miner.encode());
        }
        prop_assert!((0..state.len()).all(|len| Miner::decode(&state[..len]).is_none()));
    }
}

#[test]
fn a_stream_of_new_messages_is_held_in_bounds() {
    let mut miner = Miner::new();
    let mut live = BTreeSet::new();
    let mut state = None;
    for (at, message) in distinct(60_000).enumerate() {
        live.insert(miner.pattern_of(shape_of(&message), || message.as_str().into()));
        let evicted = miner.take_evicted();
        assert!(evicted.iter().all(|id| live.remove(id) && miner.template(*id).is_none()));
        if at == 30_000 {
            state = Some((miner.encode(), live.clone()));
        }
    }
    assert!(miner.len() <= PATTERNS_MAX && live.len() == miner.len(), "{} {}", miner.len(), live.len());
    assert!(miner.encode().len() < 2 << 20);

    let (state, mut live) = state.expect("past 30 000");
    let mut again = Miner::decode(&state).expect("a state");
    for message in distinct(60_000).skip(30_001) {
        live.insert(again.pattern_of(shape_of(&message), || message.as_str().into()));
        again.take_evicted().iter().for_each(|id| assert!(live.remove(id)));
    }
    assert!(again.encode() == miner.encode());
}

#[test]
fn many_words_at_one_place_are_values() {
    let words = ["oak", "elm", "ash", "fir", "yew", "box", "fig", "bay", "may", "sloe", "pine", "plum"];
    let messages: Vec<String> = words.iter().map(|word| format!("the {word} stands")).collect();
    let mut miner = Miner::new();
    let ids = ids_of(&mut miner, messages.iter().map(String::as_str));
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 8);
    assert!(ids[8..].iter().all(|id| *id == ids[0]));
    assert_eq!(miner.template(ids[0]).as_deref(), Some("the <*> stands"));
}

#[test]
fn a_full_leaf_takes_what_is_most_like() {
    let mut miner = Miner::new();
    for message in distinct(1_000) {
        ids_of(&mut miner, [format!("the {message}").as_str()]);
    }
    assert_eq!(miner.len(), 64);
}

#[test]
fn the_least_recently_used_pattern_goes() {
    let mut miner = Miner::new();
    let kept = ids_of(&mut miner, ["here to stay"])[0];
    let lost = ids_of(&mut miner, ["soon forgotten"])[0];
    for message in distinct(2 * PATTERNS_MAX as u64) {
        ids_of(&mut miner, [message.as_str(), "here to stay"]);
    }
    assert!(miner.template(kept).is_some() && miner.template(lost).is_none());
    assert!(miner.take_evicted().contains(&lost));
    assert_eq!(ids_of(&mut miner, ["soon forgotten"]), [lost]);
}

#[test]
fn an_id_prints_and_parses_back() {
    let id = PatternId(0xbeef);
    assert_eq!(id.to_string(), "0000beef");
    assert_eq!("0000beef".parse(), Ok(id));
    ["", "beef", "0000beef0", "+000beef", "0000beeg"].iter().for_each(|text| {
        assert!(text.parse::<PatternId>().is_err(), "{text}");
    });
}
