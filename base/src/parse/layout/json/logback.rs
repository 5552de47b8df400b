//! logback's logstash encoder, also Spring Boot's `structured=logstash`: `{"@timestamp":..,"@version":"1","message":..,
//! "logger_name":..,"thread_name":..,"level":"INFO","level_value":20000,"stack_trace":..}`.

use super::{JsonLayout, Levels, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "logback",
    number: 10,
    signatures: &[Signature::keys(&["@version", "level_value"])],
    levels: Levels::Logback,
    ..JsonLayout::GENERIC
};
