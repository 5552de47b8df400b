//! Lines that belong together: however a file is cut into calls, each line is marked once, its flags are sound, and no
//! record of the lines before a clean cut goes on behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::batch::LineMeta;
use logweir_base::multiline::{Joiner, RECORD_LINES_MAX};
use logweir_fuzz::framed;

fuzz_target!(|input: &[u8]| {
    let Some((&step, file)) = input.split_first() else {
        return;
    };
    let mut whole = framed(file);
    let clean = Joiner::default().join(file, &mut whole);
    assert!(clean <= whole.len());
    for line in &whole {
        assert!(usize::from(line.meta.stream()) < LineMeta::STREAMS && line.meta.part_number().is_none());
    }
    let continued = whole.iter().filter(|line| line.meta.has(LineMeta::CONTINUATION)).count();
    assert!(continued < whole.len().max(1) || whole.is_empty(), "the first line is a head");

    // The same joiner, some lines at a time.
    let mut rows = framed(file);
    let (mut joiner, mut at, mut text_at) = (Joiner::default(), 0, 0);
    while at < rows.len() {
        let end = rows.len().min(at + 1 + usize::from(step));
        let len: usize = rows[at..end].iter().map(|row| row.text_len as usize).sum();
        joiner.join(&file[text_at..text_at + len], &mut rows[at..end]);
        (at, text_at) = (end, text_at + len);
    }
    if whole.len() <= RECORD_LINES_MAX {
        assert_eq!(rows, whole, "a cut changes what lines say");
    }

    // A fresh joiner behind a clean cut judges as the one that saw all.
    let text_at: usize = whole[..clean].iter().map(|row| row.text_len as usize).sum();
    let mut behind = framed(&file[text_at..]);
    Joiner::default().join(&file[text_at..], &mut behind);
    assert_eq!(behind, whole[clean..], "a clean cut is none");
});
