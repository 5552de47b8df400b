//! Rails' semantic_logger: `{"host":..,"application":..,"timestamp":..,"level":"info","level_index":2,"pid":1,"name":..,
//! "message":..,"exception":{"name":..,"message":..,"stack_trace":[..lines..]}}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "semantic-logger",
    number: 25,
    signatures: &[Signature::keys(&["level", "level_index"])],
    ..JsonLayout::GENERIC
};
