//! pino (Node.js): `{"level":30,"time":1795415227287,"pid":1,"hostname":"vm","msg":..}`. Levels are 10 to 60, or names by a
//! formatter; `name`, when there is one, is the service.

use super::{JsonLayout, Levels, Signature, Source, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "pino",
    number: 8,
    signatures: &[
        Signature::keys(&["level", "time", "pid"]),
        Signature::keys(&["level", "time", "msg"]).level(Spelling::Int).time(Spelling::Int),
    ],
    levels: Levels::Bunyan,
    service: Source::Name,
    ..JsonLayout::GENERIC
};
