//! log4j2's JsonLayout: `{"instant":{"epochSecond":..,"nanoOfSecond":..},"thread":"main","level":"INFO","loggerName":..,
//! "message":..,"loggerFqcn":..,"contextMap":{..},"thrown":{..}}`, or `timeMillis` instead of `instant`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "log4j2",
    number: 2,
    signatures: &[Signature::keys(&["loggerFqcn", "level"]), Signature::keys(&["instant", "loggerName"])],
    ..JsonLayout::GENERIC
};
