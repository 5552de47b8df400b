//! zerolog (Go): `{"level":"error","error":"boom","time":"2026-11-23T06:34:35Z","message":..}`; the time may be a number of
//! seconds, ms or us.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "zerolog",
    number: 32,
    signatures: &[Signature::keys(&["level", "time", "message"]).level(Spelling::Lower)],
    ..JsonLayout::GENERIC
};
