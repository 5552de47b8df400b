//! python-json-logger: `{"asctime":"2026-11-23 06:27:09,163","levelname":"ERROR","name":..,"message":..,"exc_info":..}`; by
//! default it writes neither time nor level.

use super::{JsonLayout, Levels, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "python-json-logger",
    number: 34,
    signatures: &[
        Signature::keys(&["levelname", "message"]),
        Signature::keys(&["message", "exc_info"]),
        Signature::keys(&["message", "otelTraceID"]),
        Signature::keys(&["timestamp", "level", "message"]).level(Spelling::Upper),
    ],
    levels: Levels::Python,
    ..JsonLayout::GENERIC
};
