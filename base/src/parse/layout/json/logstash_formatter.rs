//! Python's logstash_formatter V1: `{"@timestamp":..,"@version":1,"source_host":..,"name":..,"levelname":..,"levelno":20,
//! "message":..,"exception":[..lines..]}`. Numbers of levels are Python's: 10 to 50.

use super::{JsonLayout, Levels, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "logstash-formatter",
    number: 11,
    signatures: &[Signature::keys(&["@version", "levelname"])],
    levels: Levels::Python,
    ..JsonLayout::GENERIC
};
