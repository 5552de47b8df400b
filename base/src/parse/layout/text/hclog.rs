//! HashiCorp's hclog (Go): Terraform, Vault, Consul, Nomad.
//!
//! `2026-11-23T06:45:56.966Z [INFO]  main.go:7: app: user logged in: user_id=u1`; caller and logger may be
//! missing.

use super::cursor::{Cursor, add_place, is_name};
use super::glance::behind_time;
use super::{Reading, TextLayout};

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "hclog", number: 102, begins: |byte| byte.is_ascii_digit(), read };

const LEVELS: [&str; 5] = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE"];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let is_so = text.as_bytes().get(10) == Some(&b'T')
        && matches!(behind_time(text), Some([b' ', b'[', b'A'..=b'Z', ..]));
    is_so && parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    reading.time = cursor.time().filter(|time| time.is_complete());
    reading.time?;
    cursor.skip(" [")?;
    let level = cursor.until("]").filter(|level| LEVELS.contains(level))?;
    reading.level_named(level);
    cursor.blanks()?;
    if let Some(place) = cursor.place(": ") {
        add_place(place, reading);
    }
    let mut ahead = cursor;
    if let Some(name) = ahead.until(": ").filter(|name| is_name(name)) {
        reading.field("log.logger", name);
        cursor = ahead;
    }
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
            "2026-11-23T06:45:56.966Z [INFO]  app: user logged in: user_id=u1",
            &[
                ("time", "2026-11-23T06:45:56.966Z"),
                ("level", "INFO"),
                ("message", "user logged in: user_id=u1"),
                ("log.logger", "app"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:56.966-0800 [ERROR] go-hclog/main.go:9: core.cluster-listener: down",
            &[
                ("time", "2026-11-23T14:45:56.966Z"),
                ("level", "ERROR"),
                ("message", "down"),
                ("code.file.path", "go-hclog/main.go"),
                ("code.line.number", "9"),
                ("log.logger", "core.cluster-listener"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23T06:45:56.966Z [WARN]  no logger here: k=v",
            &[("time", "2026-11-23T06:45:56.966Z"), ("level", "WARN"), ("message", "no logger here: k=v")],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23T06:53:18.281388Z [warning  ] ansi colours                   k=1");
        refuse(&LAYOUT, "2026-11-23 10:15:00.123 +00:00 [INF] msg");
        refuse(&LAYOUT, "2026-11-23T06:45:52,007 [INFO] app: msg");
    }
}
