//! The dedupe state against a model that remembers single bytes.

use super::*;
use crate::testing::{batch, open, source};
use logweir_base::frame::Frame;
use logweir_base::time::Timestamp;
use proptest::prelude::*;

const SHIPPER: &str = "s";
const EPOCH: Epoch = Epoch(1);

/// A table with sources 1 and 2, opened in session 1.
fn table() -> Table {
    let mut table = Table::default();
    table.apply(&Frame::Session { shipper: SHIPPER.into(), epoch: EPOCH }, Timestamp(0));
    for n in 1..=2 {
        table.apply(&Frame::Open(Open { shipper: SHIPPER.into(), ..open(n) }), Timestamp(0));
    }
    table
}

/// The lines of the file that source `n` is; all different, of different lengths.
fn file(n: u8) -> Vec<String> {
    (0..12).map(|i| format!("{n}-{i}-{}\n", "x".repeat(i * 3 % 7))).collect()
}

fn offset_of(lines: &[String], line: usize) -> u64 {
    lines[..line].iter().map(|line| line.len() as u64).sum()
}

proptest! {
    /// N02, N03, N05, R11: whatever batches come, in whatever order and cut, each byte of a source is taken once, and
    /// in order.
    #[test]
    fn n02_n03_n05_each_byte_is_taken_once_and_in_order(
        batches in prop::collection::vec((1u8..=2, 0usize..12, 1usize..12), 1..60),
    ) {
        let mut table = table();
        let mut model: BTreeMap<(u8, u64), u8> = BTreeMap::new();
        for (n, from, count) in batches {
            let lines = file(n);
            let until = (from + count).min(lines.len());
            let texts: Vec<_> = lines[from..until].iter().map(String::as_str).collect();
            let batch = batch(n, EPOCH, offset_of(&lines, from), &texts);
            let known = model.keys().filter(|(of, _)| *of == n).count() as u64;
            let taken = match table.decide(&batch, SHIPPER, EPOCH) {
                Decision::Append => { prop_assert_eq!(batch.first_start.0, known); batch }
                Decision::Trim(rest) => { prop_assert_eq!(rest.first_start.0, known); *rest }
                Decision::Duplicate(hwm) => { prop_assert!(batch.end() <= hwm && hwm.0 == known); continue }
                Decision::Nack(expected) => {
                    prop_assert!(batch.first_start > expected && expected.0 == known);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            for (at, byte) in (taken.first_start.0..).zip(taken.text().expect("plain")) {
                prop_assert_eq!(model.insert((n, at), byte), None, "taken twice");
            }
            prop_assert_eq!(table.apply(&Frame::Batch(taken), Timestamp(1)), None, "no hole");
        }
        for n in 1..=2 {
            let bytes: Vec<u8> = model.iter().filter(|((of, _), _)| *of == n).map(|(_, byte)| *byte).collect();
            prop_assert!(file(n).concat().as_bytes().starts_with(&bytes));
            prop_assert_eq!(table.hwm(source(n), SHIPPER), Some(Offset(bytes.len() as u64)));
        }
        let restored = Table::restore(table.snapshot());
        prop_assert_eq!(restored, Some(table));
    }
}

#[test]
fn n03_known_bytes_that_end_inside_a_line_are_impossible() {
    let mut table = table();
    table.apply(&Frame::Batch(batch(1, EPOCH, 0, &["abc\n"])), Timestamp(0));
    let decision = table.decide(&batch(1, EPOCH, 2, &["c\nlong line\n"]), SHIPPER, EPOCH);
    assert!(matches!(decision, Decision::Quarantine(_)));
}

/// N04: a batch of an older session, a session nobody began, a shipper that does not own the source.
#[test]
fn n04_only_the_current_session_of_the_owner_may_send() {
    let mut table = table();
    let sent = batch(1, EPOCH, 0, &["a\n"]);
    assert_eq!(table.decide(&sent, SHIPPER, EPOCH), Decision::Append);
    assert_eq!(table.decide(&sent, SHIPPER, Epoch(2)), Decision::OldEpoch);
    assert_eq!(table.decide(&sent, "other", EPOCH), Decision::UnknownSource);
    table.apply(&Frame::Session { shipper: SHIPPER.into(), epoch: Epoch(2) }, Timestamp(0));
    assert_eq!(table.decide(&sent, SHIPPER, EPOCH), Decision::OldEpoch);
    assert_eq!(table.next_epoch(SHIPPER), Epoch(3));
}

/// T38, T39: a shipper that lost its ids, or mints new ones, gets the source back by the file's identity.
#[test]
fn t38_t39_a_source_is_found_by_its_inode_unless_it_is_new() {
    let mut table = table();
    let asks = |fresh| Open { source: source(9), fresh, ..open(1) };
    let found =
        |table: &Table, open: &Open, shipper| table.find(open, shipper).map(|known| known.open.source);
    assert_eq!(found(&table, &asks(false), SHIPPER), Some(source(1)));
    assert_eq!(found(&table, &asks(true), SHIPPER), None);
    assert_eq!(found(&table, &asks(false), "other"), None);
    table.apply(&Frame::Open(Open { shipper: SHIPPER.into(), ..asks(true) }), Timestamp(5));
    let again = Open { source: source(10), ..asks(false) };
    assert_eq!(found(&table, &again, SHIPPER), Some(source(9)), "the latest of them");
    table.apply(&Frame::Close(Close { source: source(9), lost_bytes: 0 }), Timestamp(6));
    assert_eq!(found(&table, &again, SHIPPER), Some(source(1)), "closed ones are over");
    assert_eq!(Table::restore(table.snapshot()), Some(table));
}

#[test]
fn a_large_state_is_cut_into_pieces_that_fit() {
    let mut table = Table::default();
    for n in 0..3000u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_le_bytes());
        let resource = Arc::new(Resource { path: "p".repeat(900), ..Resource::default() });
        table.apply(&Frame::Open(Open { source: SourceId(id), resource, ..open(1) }), Timestamp(0));
    }
    let pieces = table.snapshot();
    assert!(pieces.len() > 3);
    assert!(pieces.iter().all(|piece| Frame::Snapshot(piece.clone()).encode().len() < 2 * PIECE_BYTES_MAX));
    assert_eq!(Table::restore(pieces[..pieces.len() - 1].to_vec()), None, "a part is nothing");
    assert_eq!(Table::restore(pieces).map(|table| table.sources.len()), Some(3000));
}
