//! Serilog's compact format (CLEF): `{"@t":"2016-06-07T03:44:57.8532799Z","@mt":"Hello, {User}","User":"n"}`. The message is
//! a template with its properties beside it; no `@l` means Information.

use super::{JsonLayout, Signature};
use crate::parse::Severity;

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "clef",
    number: 1,
    signatures: &[Signature::keys(&["@t", "@mt"]), Signature::keys(&["@t", "@m"])],
    default_severity: Severity::INFO,
    ..JsonLayout::GENERIC
};
