//! Logstash's event, version 1, by any other encoder: `{"@timestamp":..,"@version":"1","message":..,"level":..}`.

use super::{JsonLayout, Signature, Source};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "logstash",
    number: 15,
    signatures: &[Signature::keys(&["@timestamp", "@version"])],
    service: Source::Type,
    ..JsonLayout::GENERIC
};
