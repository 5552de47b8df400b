//! Nextcloud and ownCloud: `{"reqId":..,"level":1,"time":..,"remoteAddr":..,"user":..,"app":..,"message":..}`. Levels are 0 debug
//! to 4 fatal.

use super::{JsonLayout, Levels, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "nextcloud",
    number: 26,
    signatures: &[Signature::keys(&["reqId", "level", "remoteAddr", "app"])],
    levels: Levels::Nextcloud,
    ..JsonLayout::GENERIC
};
