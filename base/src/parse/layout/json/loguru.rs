//! loguru's `serialize=True`: `{"text":"..rendered..","record":{"level":{"name":..,"no":20},"message":..,"time":{"repr":..,
//! "timestamp":..},"exception":{"type":..,"value":..},"extra":{..}}}`. The stack trace stands in `text` only.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "loguru",
    number: 5,
    signatures: &[Signature::keys(&["text", "record"])],
    ..JsonLayout::GENERIC
};
