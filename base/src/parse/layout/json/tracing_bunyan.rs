//! Rust's tracing-bunyan-formatter: bunyan's fields and a `target`; messages begin with `[SPAN - EVENT]`.

use super::{JsonLayout, Levels, Signature, Source, Spelling};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "tracing-bunyan",
    number: 6,
    signatures: &[Signature::keys(&["v", "hostname", "target"]).level(Spelling::Int)],
    levels: Levels::Bunyan,
    service: Source::Name,
    ..JsonLayout::GENERIC
};
