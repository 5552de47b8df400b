//! NLog (.NET): `2026-11-23 10:15:00.1234|INFO|Acme.App|user logged in`; ASP.NET's template has the event's
//! number before the level: `2026-11-23 10:15:00.1234|14|INFO|Acme.App|user logged in`.

use super::cursor::{Cursor, is_name};
use super::glance::behind_time;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "nlog", number: 120, begins: |byte| byte.is_ascii_digit(), read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    matches!(behind_time(text), Some([b'|', ..])) && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = Some(cursor.time()?);
    cursor.skip("|")?;
    if let Some(event) = cursor.number() {
        reading.field("event.id", event);
        cursor.skip("|")?;
    }
    let level = cursor.until("|")?;
    reading.level_named(level).then_some(())?;
    reading.field("log.logger", cursor.until("|").filter(|name| is_name(name))?);
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
            "2026-11-23 10:15:00.1234|INFO|Acme.App|user|logged in",
            &[
                ("time", "2026-11-23T10:15:00.123400Z"),
                ("level", "INFO"),
                ("message", "user|logged in"),
                ("log.logger", "Acme.App"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 10:15:00.1234|14|Warn|Acme.App|slow\nSystem.Exception: x",
            &[
                ("time", "2026-11-23T10:15:00.123400Z"),
                ("level", "WARN"),
                ("message", "slow\nSystem.Exception: x"),
                ("event.id", "14"),
                ("log.logger", "Acme.App"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:45:52.245 | INFO     | __main__:<module>:41 - user logged in");
        refuse(&LAYOUT, "2026-11-23 10:15:00.1234|GET|/|200");
        refuse(&LAYOUT, "2026-11-23 10:15:00");
    }
}
