//! Serilog's JsonFormatter: `{"Timestamp":..,"Level":"Information","MessageTemplate":..,"RenderedMessage":..,"Properties":{..}}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "serilog",
    number: 17,
    signatures: &[Signature::keys(&["MessageTemplate", "Level"])],
    ..JsonLayout::GENERIC
};
