//! structlog (Python): `{"event":"user logged in","level":"info","timestamp":..,"exception":..}`. The message is the `event`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "structlog",
    number: 19,
    signatures: &[Signature::keys(&["event", "level"]), Signature::keys(&["event", "timestamp"])],
    ..JsonLayout::GENERIC
};
