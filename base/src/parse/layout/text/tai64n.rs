//! daemontools' multilog: `@40000000433225833b6e1a8c tcpserver: status: 5/30`.
//! <https://cr.yp.to/daemontools/multilog.html>

use super::syslog::{self, is_level, take_tag};
use super::{Reading, TextLayout};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "tai64n", number: 169, begins: |byte| byte == b'@', read };

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
    let said = text.get(used..)?.strip_prefix(' ')?;
    reading.time = Some(stamp);
    match syslog::tag(said).filter(|tag| !is_level(tag.program)) {
        Some(tag) => take_tag(&tag, reading),
        None => reading.message = said.trim_end_matches(['\r', '\n']).into(),
    }
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
            "@40000000433225833b6e1a8c tcpserver: status: 5/30\n",
            &[
                ("time", "2005-09-22T03:31:05.997071500Z"),
                ("message", "status: 5/30"),
                ("service.name", "tcpserver"),
            ],
        );
        check(
            &LAYOUT,
            "@40000000433225833b6e1a8c warning: x",
            &[("time", "2005-09-22T03:31:05.997071500Z"), ("message", "warning: x")],
        );
        refuse(&LAYOUT, "@cee: {}");
        refuse(&LAYOUT, "@4000");
    }
}
