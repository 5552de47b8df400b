//! Elastic Common Schema, as ecs-logging for every language, log4j2's EcsLayout and Spring Boot write it: `{"@timestamp":..,
//! "log.level":"info","message":..,"ecs.version":"8.10.0","error":{"type":..,"message":..,"stack_trace":..}}`. Dotted names
//! and nested ones stand side by side.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "ecs",
    number: 14,
    signatures: &[Signature::keys(&["ecs.version"]), Signature::keys(&["ecs", "@timestamp"])],
    ..JsonLayout::GENERIC
};
