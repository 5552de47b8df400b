//! Go's log/slog: `{"time":"..","level":"INFO","msg":..}`. Levels between the named ones are written `DEBUG+2`.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "slog",
    number: 30,
    signatures: &[Signature::keys(&["time", "level", "msg"]).level(Spelling::Upper)],
    ..JsonLayout::GENERIC
};
