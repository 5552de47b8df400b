//! HashiCorp's hclog: `{"@caller":..,"@level":"info","@message":..,"@module":"app","@timestamp":..}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "hclog",
    number: 18,
    signatures: &[Signature::keys(&["@level", "@message"])],
    ..JsonLayout::GENERIC
};
