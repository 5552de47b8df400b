//! Google Cloud's structured logs: `{"severity":"INFO","message":..,"time":..,"logging.googleapis.com/trace":..}`, and log4j2's
//! GcpLayout with `timestampSeconds` and `timestampNanos`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "google-cloud",
    number: 24,
    signatures: &[
        Signature::keys(&["severity", "logging.googleapis.com/trace"]),
        Signature::keys(&["severity", "timestampSeconds"]),
        Signature::keys(&["severity", "message"]),
    ],
    ..JsonLayout::GENERIC
};
