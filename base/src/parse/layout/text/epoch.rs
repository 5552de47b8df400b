//! Lines that begin with a number of seconds, or of thousandths, millionths or billionths of them:
//! `1428634687123 Hello`. Squid's access log is one of them. What begins with a 3 or more is later than 2065, and
//! rather the number of something.

use super::{Reading, TextLayout};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "epoch", number: 168, begins: |byte| matches!(byte, b'1' | b'2'), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    if !text.as_bytes().get(..10)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
    let message = text.get(used..)?.strip_prefix([' ', '\t'])?;
    reading.time = Some(stamp);
    reading.message = message.trim_end_matches(['\r', '\n']).into();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "1428634687123 Hello, World!\n",
            &[("time", "2015-04-10T02:58:07.123Z"), ("message", "Hello, World!")],
        );
        check(
            &LAYOUT,
            "1428634687.5 79 10.0.0.1 TCP_MISS/200 1 GET http://a/",
            &[("time", "2015-04-10T02:58:07.500Z"), ("message", "79 10.0.0.1 TCP_MISS/200 1 GET http://a/")],
        );
        refuse(&LAYOUT, "12345678901 x");
        refuse(&LAYOUT, "1428634687123");
        refuse(&LAYOUT, "4930123456789 called");
        refuse(&LAYOUT, "20261123 06:30:37 x");
    }
}
