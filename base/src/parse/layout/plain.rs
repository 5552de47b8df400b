//! Text of no known layout: it may begin with its time, in brackets or not, and name its level soon after; what follows such
//! a head is the message.

use super::header;
use super::text::{Reading, leading_time};

pub(super) fn read<'a>(text: &'a str, reading: &mut Reading<'a>) {
    let rest = match leading_time(text.trim_ascii_start()) {
        Some((stamp, rest)) => {
            reading.time = Some(stamp);
            rest
        }
        None => text,
    };
    let head = header::cut(rest);
    if let Some(level) = head.level {
        reading.level_named(level);
    }
    reading.field("thread.name", head.thread.unwrap_or_default());
    reading.field("log.logger", head.logger.unwrap_or_default());
    reading.message = head.message.into();
}
