//! AWS Lambda's JSON logs: `{"timestamp":..,"level":"INFO","message":..,"requestId":..}`; errors have `errorType`,
//! `errorMessage` and `stackTrace`.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "aws-lambda",
    number: 23,
    signatures: &[
        Signature::keys(&["timestamp", "level", "requestId"]),
        Signature::keys(&["errorType", "errorMessage"]),
    ],
    ..JsonLayout::GENERIC
};
