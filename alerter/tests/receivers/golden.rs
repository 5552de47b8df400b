//! Golden files: `fixtures/receivers/input/X.json` is a notification, `expected/X.KIND.txt` what a receiver of each kind is sent.
//! Mails are shown decoded, pictures by name only (their bytes depend on the compressor; `trend` tests their pixels).
//!
//! `LOGWEIR_UPDATE_GOLDEN=1 cargo test -p logweir-alerter --test receivers golden` writes the expectations anew. They are reviewed as
//! any other code.

use super::mail::{Part, parts};
use super::{KINDS, fixtures, inputs, sent};
use logweir_alerter::receiver::{Outgoing, RenderError};
use std::fmt::Write;

const UPDATE: &str = "LOGWEIR_UPDATE_GOLDEN";

#[test]
fn each_receiver_is_sent_what_is_expected() {
    let mut faults = Vec::new();
    let inputs = inputs();
    assert!(inputs.len() >= 6, "only {} inputs", inputs.len());
    for (name, notification) in &inputs {
        for (kind, kind_name) in KINDS {
            let path = fixtures().join("expected").join(format!("{name}.{kind_name}.txt"));
            let got = shown(sent(notification, kind));
            if std::env::var_os(UPDATE).is_some() {
                std::fs::write(&path, &got).expect("a folder that can be written");
            }
            let expected = std::fs::read_to_string(&path).unwrap_or_default();
            if expected != got {
                faults.push(format!("{}: expected\n{expected}\ngot\n{got}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn shown(result: Result<Outgoing, RenderError>) -> String {
    match result {
        Err(error) => format!("{error:?}\n"),
        Ok(Outgoing::Mail { from, to, bytes }) => {
            let parts: Vec<_> = parts(&bytes).iter().map(shown_part).collect();
            format!("from {from} to {}\n\n{}", to.join(", "), parts.join("\n"))
        }
        Ok(Outgoing::Http { url, headers, body }) => {
            let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            format!("POST {url}\n{}\n{body:#}\n", headers.concat())
        }
    }
}

fn shown_part(part: &Part) -> String {
    let mut out = String::new();
    for (name, value) in &part.headers {
        writeln!(out, "{name}: {value}").expect("a String takes everything");
    }
    match part.kind.as_str() {
        "image/png" => out,
        _ => format!("{out}\n{}", part.text()),
    }
}

#[test]
fn the_same_notification_gives_the_same_bytes() {
    for (name, notification) in inputs() {
        for (kind, _) in KINDS {
            assert!(sent(&notification, kind) == sent(&notification, kind), "{name} {kind:?}");
        }
    }
}
