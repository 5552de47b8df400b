//! zap (Go), and Caddy, which uses it: `{"level":"info","ts":1795415675.7706857,"caller":"pkg/file.go:5","msg":..,"error":..,
//! "stacktrace":..}`. The time is a float of seconds.

use super::{JsonLayout, Signature, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "zap",
    number: 27,
    signatures: &[
        Signature::keys(&["level", "ts", "msg"]).time(Spelling::Float),
        Signature::keys(&["level", "ts", "msg", "logger"]),
    ],
    ..JsonLayout::GENERIC
};
