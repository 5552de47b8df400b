//! Rails' tagged logging (Ruby): `[req-1] [203.0.113.7] user logged in`, where the first tag is the id of
//! the request. What other tags say is not known; they stay in the message.

use super::cursor::Cursor;
use super::{Reading, TextLayout};
use crate::parse::looks_like_id;
use std::net::IpAddr;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "rails-tagged", number: 114, begins: |byte| byte == b'[', read };

/// What ids of requests begin with that are neither hex nor a UUID.
const PREFIXES: [&str; 3] = ["req-", "req_", "request-"];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    if !may_be_id(text.as_bytes()) {
        return false;
    }
    let mut cursor = Cursor::new(text);
    let has_id = tags(&mut cursor, reading);
    reading.message = cursor.rest().into();
    has_id
}

/// A glance: ids begin with `r` or have a certain length.
fn may_be_id(bytes: &[u8]) -> bool {
    let closes_at = |len: usize| bytes.get(len + 1) == Some(&b']');
    bytes.get(1) == Some(&b'r') || closes_at(16) || closes_at(32) || closes_at(36)
}

/// Takes the tags that are known by their looks, the id of the request first; whether there is one.
pub(super) fn tags<'a>(cursor: &mut Cursor<'a>, reading: &mut Reading<'a>) -> bool {
    let Some(id) = tag(cursor, is_request_id) else {
        return false;
    };
    reading.field("request_id", id);
    if let Some(address) = tag(cursor, |tag| tag.parse::<IpAddr>().is_ok()) {
        reading.field("client.address", address);
    }
    true
}

fn tag<'a>(cursor: &mut Cursor<'a>, is_it: fn(&str) -> bool) -> Option<&'a str> {
    let mut ahead = *cursor;
    ahead.skip("[")?;
    let tag = ahead.until("] ").filter(|tag| is_it(tag))?;
    *cursor = ahead;
    Some(tag)
}

fn is_request_id(tag: &str) -> bool {
    let is_named_so = || PREFIXES.iter().any(|prefix| tag.starts_with(prefix)) && !tag.contains([' ', '=']);
    looks_like_id(tag) || is_named_so()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(&LAYOUT, "[req-1] user logged in", &[("message", "user logged in"), ("request_id", "req-1")]);
        check(
            &LAYOUT,
            "[4bf92f35-77b3-4da6-a3ce-929d0e0e4736] [203.0.113.7] [shop] Started GET \"/\"",
            &[
                ("message", "[shop] Started GET \"/\""),
                ("request_id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"),
                ("client.address", "203.0.113.7"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "[main] INFO com.acme.App - text");
        refuse(&LAYOUT, "[12345] text");
        refuse(&LAYOUT, "[worker-1] text");
        refuse(&LAYOUT, "[req-1]: text");
        refuse(&LAYOUT, "[Sun Dec 04 04:47:44 2005] [notice] text");
    }
}
