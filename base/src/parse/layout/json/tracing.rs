//! Rust's tracing-subscriber: `{"timestamp":..,"level":"INFO","fields":{"message":..},"target":"app","span":{..},"spans":[..]}`, or
//! with the event's fields at the root.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "tracing",
    number: 20,
    signatures: &[
        Signature::keys(&["fields", "target", "level"]),
        Signature::keys(&["target", "level", "timestamp"]),
    ],
    ..JsonLayout::GENERIC
};
