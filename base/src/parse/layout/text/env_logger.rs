//! Rust's env_logger: `[2026-11-23T06:45:53Z INFO  target] message`.

use super::{Reading, TextLayout};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "env_logger", number: 100, begins: |byte| byte == b'[', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let inner = text.strip_prefix('[')?;
    let (stamp, used) = Stamp::parse_prefix(inner.as_bytes())?;
    let (head, message) = super::cut(inner.get(used..)?.strip_prefix(' ')?, "] ")?;
    let (level, target) = head.split_once(' ')?;
    reading.time = Some(stamp);
    reading.field("log.logger", target.trim_ascii_start());
    reading.message = message.into();
    reading.level_named(level).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn lines() {
        check(
            &LAYOUT,
            "[2026-11-23T06:45:53Z INFO  lg::web] user logged in",
            &[
                ("time", "2026-11-23T06:45:53Z"),
                ("level", "INFO"),
                ("message", "user logged in"),
                ("log.logger", "lg::web"),
            ],
        );
        refuse(&LAYOUT, "[2026-11-23T06:45:49.489] [INFO] app - user logged in");
        refuse(&LAYOUT, "[2026-11-23T06:45:49.489 nothing] x");
    }
}
