//! Traefik's access log: `{"ClientAddr":..,"DownstreamStatus":200,"RequestMethod":"GET","RequestPath":..,"StartUTC":..,
//! "level":"info","msg":"","time":..}`. The message is made of method, path and status.

use super::{JsonLayout, Signature};

pub(super) const LAYOUT: JsonLayout = JsonLayout {
    name: "traefik",
    number: 36,
    signatures: &[Signature::keys(&["DownstreamStatus", "RequestMethod"])],
    ..JsonLayout::GENERIC
};
