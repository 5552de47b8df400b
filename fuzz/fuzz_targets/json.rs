//! The walk over JSON objects: what it takes for one, another parser does too; within the limits the reverse holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::parse::{Parser, Shape};
use serde_json::Value;
use std::ops::ControlFlow;

fuzz_target!(|line: &[u8]| {
    let mut parser = Parser::new();
    let mut fields = 0;
    let shape = parser.walk(line, |path, value| {
        fields += 1;
        assert!(!format!("{path}{value:?}").is_empty());
        ControlFlow::Continue(())
    });
    let object = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line).trim_ascii();
    let other = serde_json::from_slice::<Value>(object);
    match shape {
        Shape::Json => assert!(matches!(other, Ok(Value::Object(_))), "{other:?}"),
        Shape::Plain => assert_eq!(fields, 0),
    }
});
