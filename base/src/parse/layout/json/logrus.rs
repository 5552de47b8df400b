//! logrus (Go): `{"level":"warning","msg":..,"time":"2026-11-23T06:34:35Z"}`.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "logrus",
    number: 31,
    signatures: &[Signature::keys(&["time", "level", "msg"]).level(Spelling::Lower)],
    ..JsonLayout::GENERIC
};
