//! A batch as it arrives: what is read is written the same, and its records are its text.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logweir_base::batch::Batch;
use logweir_base::ids::Offset;
use logweir_base::parse::{Parser, look};
use logweir_fuzz::{RECEIVED, resource};

fuzz_target!(|bytes: &[u8]| {
    let Ok(batch) = Batch::decode(&Bytes::copy_from_slice(bytes)) else {
        return;
    };
    assert_eq!(Batch::decode(&batch.encode()).as_ref(), Ok(&batch));
    let Ok(text) = batch.text() else {
        return;
    };
    let looked_at = look(&batch, resource(), RECEIVED, &mut Parser::new()).expect("its text is sound");
    let mut bytes_of = [text.to_vec(), Vec::new()];
    looked_at.records.iter().for_each(|record| bytes_of[1].extend_from_slice(looked_at.raw_of(record)));
    // Woven streams are taken apart, so the order may differ.
    bytes_of.iter_mut().for_each(|bytes| bytes.sort_unstable());
    assert_eq!(bytes_of[0], bytes_of[1]);
    let border = batch.first_start.plus(u64::from(batch.lines[0].range_len));
    let kept = batch.trimmed_to(border).expect("its text is sound");
    assert_eq!(kept.is_some(), batch.lines.len() > 1 || border == batch.first_start);
    let _ = batch.trimmed_to(Offset(0));
});
