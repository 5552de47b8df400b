//! bunyan (Node.js): `{"name":"app","hostname":"vm","pid":1,"level":30,"msg":..,"time":"..Z","v":0}`. Levels are 10 to 60; `name`
//! is the service.

use super::{JsonLayout, Levels, Signature, Source, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "bunyan",
    number: 7,
    signatures: &[Signature::keys(&["v", "hostname", "level"]).level(Spelling::Int)],
    levels: Levels::Bunyan,
    service: Source::Name,
    ..JsonLayout::GENERIC
};
