//! log4js' basic layout (Node.js): `[2026-11-23T06:45:49.489] [INFO] app - user logged in`.

use super::cursor::Cursor;
use super::glance::behind_time;
use super::{Reading, TextLayout, leading_time};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "log4js", number: 116, begins: |byte| byte == b'[', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let rest = text.strip_prefix('[').and_then(behind_time);
    matches!(rest, Some([b']', b' ', b'[', b'A'..=b'Z', ..])) && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (time, rest) = leading_time(text)?;
    let mut cursor = Cursor::new(rest);
    cursor.skip(" [")?;
    let level = cursor.until("] ")?;
    reading.level_named(level).then_some(())?;
    reading.time = Some(time);
    reading.field("log.logger", cursor.until(" - ").filter(|category| !category.contains(' '))?);
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
            "[2026-11-23T06:45:49.489] [INFO] app - user - logged in",
            &[
                ("time", "2026-11-23T06:45:49.489Z"),
                ("level", "INFO"),
                ("message", "user - logged in"),
                ("log.logger", "app"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "[2026-11-23T06:45:53Z INFO  lg::web] user logged in");
        refuse(&LAYOUT, "[2026-11-23 06:45:52 +0000] [7] [INFO] Listening - up");
        refuse(&LAYOUT, "[2026-11-23T06:45:57.034552+00:00] app.INFO: user - logged in");
        refuse(&LAYOUT, "[main] INFO com.acme.App - text");
    }
}
