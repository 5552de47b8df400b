//! go-kit/log: `{"caller":"main.go:7","err":"boom","level":"error","msg":..,"ts":"..Z"}`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "go-kit",
    number: 29,
    signatures: &[Signature::keys(&["level", "ts", "msg"])],
    ..JsonLayout::GENERIC
};
