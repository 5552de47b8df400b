//! PostgreSQL's jsonlog: `{"timestamp":"2026-11-23 06:30:37.123 UTC","pid":1,"error_severity":"LOG","message":..,
//! "backend_type":..}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "postgresql",
    number: 21,
    signatures: &[Signature::keys(&["error_severity", "message"])],
    ..JsonLayout::GENERIC
};
