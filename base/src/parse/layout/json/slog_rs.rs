//! Rust's slog-json: `{"msg":..,"level":"ERRO","ts":"2026-11-23T06:34:09.272833632Z","version":"1.0"}`.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "slog-rs",
    number: 28,
    signatures: &[Signature::keys(&["msg", "level", "ts"]).level(Spelling::Upper)],
    ..JsonLayout::GENERIC
};
