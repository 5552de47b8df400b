//! A search, one line, and a record behind it: what is printed of its conditions parses back to the same, an error has a column,
//! a match is among the candidates, and pipes take whatever is found.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::parse::{Parser, Terms};
use logweir_base::pipe::{Pipeline, Reduce, Stats};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use logweir_fuzz::{judge, records_of};

fuzz_target!(|input: &str| {
    let (text, file) = input.split_once('\n').unwrap_or((input, input));
    let pipeline = match Pipeline::parse(text, Timestamp::from_seconds(1_795_392_000)) {
        Ok(pipeline) => pipeline,
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}");
            return;
        }
    };
    let query = pipeline.query;
    let printed = query.to_string();
    assert_eq!(printed.parse::<Query>().as_ref(), Ok(&query), "{printed}");
    let mut parser = Parser::new();
    let Some(batch) = records_of(file.as_bytes(), &mut parser) else {
        return;
    };
    let mut stats = match &pipeline.reduce {
        Some(Reduce::Stats(spec)) => Some(Stats::new(spec)),
        _ => None,
    };
    for record in &batch.records {
        let (view, mut terms) = (batch.view(record), Terms::default());
        terms.add(&view, &mut parser);
        let matched = judge(&query, &mut Matcher::new(&query), &view, &terms, view.text);
        stats.iter_mut().filter(|_| matched).for_each(|stats| stats.add(&view));
    }
    if let Some(stats) = stats {
        stats.finish().apply(&pipeline.steps);
    }
});
