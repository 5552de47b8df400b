//! Rust's pretty_env_logger: ` INFO  lg::web > user logged in`, with or without a time before the level.

use super::cursor::{Cursor, is_name};
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "pretty_env_logger", number: 123, begins: |byte| byte == b' ', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    cursor.skip(" ")?;
    if cursor.peek()?.is_ascii_digit() {
        reading.time = Some(cursor.time()?);
        cursor.skip(" ")?;
    }
    cursor.level(reading)?;
    cursor.blanks()?;
    reading.field("log.logger", cursor.until(" > ").map(str::trim_ascii_end).filter(|name| is_name(name))?);
    reading.message = cursor.rest().into();
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
            " INFO  lg::web > user > logged in",
            &[("level", "INFO"), ("message", "user > logged in"), ("log.logger", "lg::web")],
        );
        check(
            &LAYOUT,
            " 2026-11-23T06:45:53Z ERROR lg      > down",
            &[
                ("time", "2026-11-23T06:45:53Z"),
                ("level", "ERROR"),
                ("message", "down"),
                ("log.logger", "lg"),
            ],
        );
        refuse(&LAYOUT, " INFO user is > 18");
        refuse(&LAYOUT, "  INFO  lg > x");
        refuse(&LAYOUT, " at x > y");
    }
}
