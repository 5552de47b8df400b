//! Groups measured against people's labels: pairs of traces of one project, which of them have one cause.

use super::*;
use std::collections::HashSet;

const PRECISION_MIN: f64 = 0.90;
const RECALL_MIN: f64 = 0.87;

#[test]
fn traces_of_one_bug_are_one_group() {
    let Some(file) = shared("defects4j_tune.json") else { return };
    let traces: Vec<serde_json::Value> = serde_json::from_slice(&file).expect("JSON");
    let text = |trace: &serde_json::Value, key: &str| trace[key].as_str().expect("a text").to_owned();
    let groups: Vec<_> = traces.iter().map(|trace| exception_of(&text(trace, "trace")).fingerprint).collect();
    let (mut both, mut grouped, mut same) = (0, 0, 0);
    for a in 0..traces.len() {
        for b in 0..a {
            if text(&traces[a], "project") != text(&traces[b], "project") {
                continue;
            }
            let (is_same, is_grouped) =
                (text(&traces[a], "bug") == text(&traces[b], "bug"), groups[a] == groups[b]);
            same += i32::from(is_same);
            grouped += i32::from(is_grouped);
            both += i32::from(is_same && is_grouped);
        }
    }
    let (precision, recall) = (f64::from(both) / f64::from(grouped), f64::from(both) / f64::from(same));
    println!(
        "{} traces, {same} pairs of one bug: precision {precision:.3}, recall {recall:.3}",
        traces.len()
    );
    assert!(
        precision >= PRECISION_MIN && recall >= RECALL_MIN,
        "precision {precision:.3}, recall {recall:.3}"
    );
}

/// What the function of the trace before threw once more, with another message.
const SAME_AS_OTHERS: &[&str] = &["DART_FORMAT_WITH_CODE_ERR", "DART_NO_METHOD_GLOBAL_ERR"];

#[test]
fn known_traces_are_told_apart() {
    let Some(file) = shared("detect_exceptions.json") else { return };
    let traces: Vec<serde_json::Value> = serde_json::from_slice(&file).expect("JSON");
    let mut seen = HashSet::new();
    for trace in &traces {
        let lines: Vec<&str> =
            trace["lines"].as_array().expect("lines").iter().filter_map(|line| line.as_str()).collect();
        let text = lines.join("\n");
        let exception = understand(&Occurrence { stacktrace: &text, ..Occurrence::default() });
        let name = trace["name"].as_str().expect("a name");
        let has_frames = !matches!(name, "ARBITRARY_TEXT" | "RAILS_EXC");
        assert_eq!(exception.culprit.is_some(), has_frames, "{text}\n{exception:?}");
        let is_known = SAME_AS_OTHERS.contains(&name);
        assert_eq!(seen.insert(exception.fingerprint), !is_known, "{text}");
    }
}
