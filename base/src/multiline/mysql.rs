//! MySQL's slow query log.
//!
//! ```text
//! # Time: 2021-01-26T23:45:57.678222Z
//! # User@Host: owncloud[owncloud] @ localhost []  Id:     2
//! # Query_time: 0.011853  Lock_time: 0.011542 Rows_sent: 268  Rows_examined: 268
//! use owncloud;
//! SET timestamp=1611704757;
//! SELECT * FROM `oc_appconfig`;
//! ```

use super::language::{Header, Language, Next, Place};
use super::text::starts_with_any;

pub(super) const MYSQL: Language = Language { begins, next };

const TIME: u8 = 0;
const USER: u8 = 1;
const QUERY: u8 = 2;
const DONE: u8 = 3;

fn begins(line: &[u8]) -> Option<Header> {
    let step = match line {
        _ if line.starts_with(b"# Time: ") => TIME,
        _ if line.starts_with(b"# User@Host: ") => USER,
        _ => return None,
    };
    Some(Header { step, place: Place::Alone })
}

fn next(step: u8, line: &[u8]) -> Next {
    let is_comment = line.starts_with(b"# ");
    match step {
        TIME if line.starts_with(b"# User@Host: ") => Next::Step(USER),
        USER if is_comment && begins(line).is_none() => Next::Step(USER),
        USER if !is_comment => query_step(line),
        QUERY if begins(line).is_none() => query_step(line),
        _ => Next::Other,
    }
}

/// A statement may have many lines; the last ends with a semicolon.
fn query_step(line: &[u8]) -> Next {
    let is_preamble = starts_with_any(line, &[b"use ", b"SET timestamp="]);
    let is_last = !is_preamble && line.trim_ascii_end().ends_with(b";");
    Next::Step(if is_last { DONE } else { QUERY })
}
