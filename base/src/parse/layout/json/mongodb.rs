//! MongoDB: `{"t":{"$date":".."},"s":"I","c":"NETWORK","id":12345,"ctx":"listener","msg":"..","attr":{..}}`. The severity is the letter
//! under `s`: F E W I, or D with a number.

use super::{JsonLayout, Signature, Source};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "mongodb",
    number: 3,
    signatures: &[Signature::keys(&["t", "s", "c", "msg"])],
    level: Source::Short,
    ..JsonLayout::GENERIC
};
