//! A file, read as all files are: framed, joined, looked at, indexed, shown, judged. Its first line is taken as a query
//! as well, so that queries meet what they ask for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::parse::{Parser, Record, Terms};
use logweir_base::query::{Matcher, Query};
use logweir_fuzz::{judge, records_of};

fuzz_target!(|file: &[u8]| {
    let mut parser = Parser::new();
    let Some(batch) = records_of(file, &mut parser) else {
        return;
    };
    let lengths: u32 = batch.records.iter().map(|record| record.len).sum();
    assert_eq!(lengths as usize, file.len());
    let first = file.split(|&b| b == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
    let queries = [first.unwrap_or_default(), "error", "level:>=warn -user:root", "message:a OR trace:5", "host:*"];
    let queries = queries.map(|text| text.parse::<Query>().ok());
    for record in &batch.records {
        let view = batch.view(record);
        let read = Record::of(&view, &mut parser);
        assert_eq!((read.timestamp, read.severity), (record.time, record.severity));
        parser.message(&view);
        let mut terms = Terms::default();
        terms.add(&view, &mut parser);
        for query in queries.iter().flatten() {
            judge(query, &mut Matcher::new(query), &view, &terms, view.text);
        }
    }
});
