//! winston's logstash format: `{"@fields":{"level":"info",..},"@message":..,"@timestamp":..}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "winston-logstash",
    number: 13,
    signatures: &[Signature::keys(&["@fields", "@message"])],
    ..JsonLayout::GENERIC
};
