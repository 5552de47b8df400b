//! GELF 1.1, as Graylog's, log4j2's and Spring Boot's encoders write it: `{"version":"1.1","host":..,"short_message":..,
//! "timestamp":1795416392.459,"level":6,"_logger":..}`. Levels are those of syslog, 0 to 7; without one it is 1, alert, by the
//! specification, which no sender means: it stays unspecified.

use super::{JsonLayout, Levels, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "gelf",
    number: 4,
    signatures: &[Signature::keys(&["version", "short_message"])],
    levels: Levels::Syslog,
    ..JsonLayout::GENERIC
};
