//! Envoy's JSON access log: `{"start_time":..,"method":"GET","path":"/","response_code":200,"duration":5}`. The message is made
//! of method, path and status.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "envoy",
    number: 37,
    signatures: &[Signature::keys(&["start_time", "response_code"])],
    ..JsonLayout::GENERIC
};
