//! .NET's JSON console: `{"EventId":0,"LogLevel":"Information","Category":"Program","Message":..,"State":{..},"Scopes":[..]}`. A
//! time only when a format for it is set.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "dotnet",
    number: 16,
    signatures: &[Signature::keys(&["Category", "LogLevel"])],
    ..JsonLayout::GENERIC
};
