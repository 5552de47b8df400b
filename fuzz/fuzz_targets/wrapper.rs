//! Container lines: what is taken apart is part of the line, and a docker line that is JSON says what its JSON says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::fuzzing;
use serde_json::Value;

fuzz_target!(|line: &[u8]| {
    let content = fuzzing::content_of_wrapped(line);
    let one_line = line.iter().all(|&b| b != b'\n');
    let Some(content) = content.filter(|_| line.starts_with(b"{") && one_line) else {
        return;
    };
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(line) else {
        return;
    };
    let log = fields.get("log").and_then(Value::as_str).expect("docker's text");
    // A complete line ends with a newline whether its text ends with one or not.
    assert_eq!(String::from_utf8_lossy(&content).trim_end_matches('\n'), log.trim_end_matches('\n'));
});
