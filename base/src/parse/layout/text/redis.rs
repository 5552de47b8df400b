//! Redis and Valkey: `1:M 23 Nov 2026 06:30:37.123 * Ready to accept connections`.
//! <https://redis.io/docs/latest/operate/oss_and_stack/management/admin/>
//!
//! The letter is the part the process plays (X sentinel, C child, S replica, M master), the sign its level.

use super::{Reading, TextLayout, scan};
use crate::parse::Severity;
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "redis", number: 166, begins: |byte| byte.is_ascii_digit(), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (process, rest) = scan::digits(text)?;
    let rest = rest.strip_prefix(':')?;
    let role = rest.get(..1).filter(|role| matches!(*role, "M" | "S" | "C" | "X"))?;
    let rest = rest[1..].strip_prefix(' ')?;
    let (stamp, used) = Stamp::parse_prefix(rest.as_bytes())?;
    let rest = rest.get(used..)?.strip_prefix(' ')?;
    let (sign, message) = scan::word(rest)?;
    // `.` debug, `-` verbose, `*` notice, `#` warning.
    reading.severity = Some(Severity(match sign {
        "." => 5,
        "-" => 6,
        "*" => 10,
        "#" => 13,
        _ => return None,
    }));
    reading.time = Some(stamp);
    reading.field("process.pid", process);
    reading.field("redis.role", role);
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
            "1:M 23 Nov 2026 06:30:37.123 * Ready to accept connections\n",
            &[
                ("time", "2026-11-23T06:30:37.123Z"),
                ("level", "INFO"),
                ("message", "Ready to accept connections"),
                ("process.pid", "1"),
                ("redis.role", "M"),
            ],
        );
        refuse(&LAYOUT, "1:M 23 Nov 2026 06:30:37.123 Ready");
        refuse(&LAYOUT, "10:20:30 x");
    }
}
