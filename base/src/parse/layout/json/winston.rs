//! winston (Node.js): `{"level":"info","message":..,"timestamp":..,"stack":..}`; by default it writes no time.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "winston",
    number: 35,
    signatures: &[Signature::keys(&["level", "message"]).level(Spelling::Lower)],
    ..JsonLayout::GENERIC
};
