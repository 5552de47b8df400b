//! systemd's journal, `journalctl -o json`: `{"__REALTIME_TIMESTAMP":"1534860261221373","PRIORITY":"6","MESSAGE":..,
//! "_SYSTEMD_UNIT":..,"_HOSTNAME":..}`. Microseconds and syslog priorities, both as text; a message that is not UTF-8 is an
//! array of bytes.

use super::{JsonLayout, Levels, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "journald",
    number: 22,
    signatures: &[Signature::keys(&["__REALTIME_TIMESTAMP"]), Signature::keys(&["MESSAGE", "PRIORITY"])],
    levels: Levels::Syslog,
    ..JsonLayout::GENERIC
};
