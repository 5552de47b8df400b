//! A query, one line, and a record behind it: what is printed parses back to the same, an error has a column, and a match
//! is among the candidates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::parse::{Parser, Terms};
use logweir_base::query::{Matcher, Query};
use logweir_fuzz::{judge, records_of};

fuzz_target!(|input: &str| {
    let (text, file) = input.split_once('\n').unwrap_or((input, input));
    let query = match text.parse::<Query>() {
        Ok(query) => query,
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column), "{error}");
            return;
        }
    };
    let printed = query.to_string();
    assert_eq!(printed.parse::<Query>().as_ref(), Ok(&query), "{printed}");
    let mut parser = Parser::new();
    let Some(batch) = records_of(file.as_bytes(), &mut parser) else {
        return;
    };
    for record in &batch.records {
        let (view, mut terms) = (batch.view(record), Terms::default());
        terms.add(&view, &mut parser);
        judge(&query, &mut Matcher::new(&query), &view, &terms, view.text);
    }
});
