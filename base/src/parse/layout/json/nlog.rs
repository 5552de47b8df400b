//! NLog's JsonLayout: `{"time":"2026-11-23 10:00:00.1234","level":"ERROR","message":..}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "nlog",
    number: 33,
    signatures: &[Signature::keys(&["level", "time", "message"])],
    ..JsonLayout::GENERIC
};
