//! Monolog (PHP): `{"message":..,"context":{..},"level":200,"level_name":"INFO","channel":"app","datetime":..,"extra":{}}`, and its
//! LogstashFormatter with `monolog_level`, whose `type` is the name of the application. Levels are 100 to 600.

use super::{JsonLayout, Levels, Signature, Source};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "monolog",
    number: 9,
    signatures: &[
        Signature::keys(&["level_name", "channel", "datetime"]),
        Signature::keys(&["monolog_level", "channel"]),
    ],
    levels: Levels::Monolog,
    service: Source::Type,
    ..JsonLayout::GENERIC
};
