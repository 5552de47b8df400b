//! lograge (Rails): `{"method":"GET","path":"/users/1","controller":..,"action":"show","status":200,"duration":58.33}`. No
//! time, no level, no message: the message is made of method, path and status.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "lograge",
    number: 12,
    signatures: &[Signature::keys(&["method", "path", "controller", "status"])],
    ..JsonLayout::GENERIC
};
