//! MySQL's slow query log, a record of several lines, of which the last are the statement:
//! ```text
//! # Time: 2021-01-26T23:45:57.678222Z
//! # User@Host: owncloud[owncloud] @ localhost []  Id:     2
//! # Query_time: 0.011853  Lock_time: 0.011542  Rows_sent: 268  Rows_examined: 268
//! use owncloud;
//! SET timestamp=1611704757;
//! SELECT * FROM `oc_appconfig`;
//! ```
//! <https://dev.mysql.com/doc/refman/8.4/en/slow-query-log.html>
//!
//! Records of the same second have no `# Time`; theirs is that of `SET timestamp`. Counters of Percona and
//! MariaDB beyond these are fields by their own names.

use super::{Reading, TextLayout, scan};
use crate::time::Stamp;

pub(super) const LAYOUT: TextLayout =
    TextLayout { name: "mysql-slow", number: 161, begins: |byte| byte == b'#', read };

/// What the counters are called here.
const COUNTERS: [(&str, &str); 8] = [
    ("Schema", "db.namespace"),
    ("Query_time", "db.query_time"),
    ("Lock_time", "db.lock_time"),
    ("Rows_sent", "db.rows_sent"),
    ("Rows_examined", "db.rows_examined"),
    ("Rows_affected", "db.rows_affected"),
    ("Bytes_sent", "db.bytes_sent"),
    ("Thread_id", "thread.id"),
];

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    parse(text, reading).is_some()
}

fn parse<'a>(text: &'a str, reading: &mut Reading<'a>) -> Option<()> {
    if !text.starts_with("# Time: ") && !text.starts_with("# User@Host: ") {
        return None;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (line, behind) = scan::first_line(rest);
        if let Some(comment) = line.strip_prefix("# ") {
            match take_comment(comment.trim_ascii_end(), reading) {
                Comment::Head => {}
                Comment::Statement => break,
            }
        } else if let Some(seconds) = line.strip_prefix("SET timestamp=") {
            reading.time =
                reading.time.or_else(|| Stamp::parse(seconds.trim_ascii_end().trim_end_matches(';')));
        } else if !line.starts_with("use ") {
            break;
        }
        rest = behind;
    }
    let statement = rest.trim_end_matches(['\r', '\n']);
    reading.message =
        if statement.is_empty() { text.trim_end_matches(['\r', '\n']) } else { statement }.into();
    Some(())
}

enum Comment {
    Head,
    /// What stands for the statement, where there is none.
    Statement,
}

fn take_comment<'a>(comment: &'a str, reading: &mut Reading<'a>) -> Comment {
    if comment.starts_with("administrator command") {
        return Comment::Statement;
    }
    if let Some(time) = comment.strip_prefix("Time: ") {
        reading.time = Stamp::parse(time);
    } else if let Some(client) = comment.strip_prefix("User@Host: ") {
        take_client(client, reading);
    } else {
        take_counters(comment, reading);
    }
    Comment::Head
}

/// `oc[oc] @ localhost [127.0.0.1]  Id:     2`: the name asked for, in brackets the one in effect.
fn take_client<'a>(client: &'a str, reading: &mut Reading<'a>) {
    let Some((user, host)) = client.split_once(" @ ") else { return };
    let (host, counters) = host.split_once(']').unwrap_or((host, ""));
    let (name, address) = host.split_once('[').unwrap_or((host, ""));
    reading.field("user.id", user.split('[').next().unwrap_or(user));
    reading.field("client.address", if address.is_empty() { name.trim_ascii() } else { address });
    if let Some((_, id)) = counters.split_once("Id:") {
        reading.field("thread.id", id.trim_ascii());
    }
}

/// `Query_time: 0.011853  Lock_time: 0.011542`.
fn take_counters<'a>(comment: &'a str, reading: &mut Reading<'a>) {
    let mut words = comment.split_ascii_whitespace().take(2 * scan::PAIRS_MAX);
    while let Some(word) = words.next() {
        let Some(name) = word.strip_suffix(':') else { continue };
        let path = COUNTERS.iter().find(|(known, _)| *known == name).map_or(name, |(_, path)| path);
        if reading.fields.len() < scan::PAIRS_MAX
            && let Some(value) = words.next()
        {
            reading.field(path, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn records() {
        check(
            &LAYOUT,
            "# Time: 2021-01-26T23:45:57.678222Z\n# User@Host: owncloud[x] @ localhost []  Id:     2\n\
             # Schema: oc  Last_errno: 0\n# Query_time: 0.011853  Lock_time: 0.011542  Rows_sent: 268  Rows_examined: 269\n\
             use owncloud;\nSET timestamp=1611704757;\nSELECT *\n# note\nFROM `oc_appconfig`;\n",
            &[
                ("time", "2021-01-26T23:45:57.678222Z"),
                ("message", "SELECT *\n# note\nFROM `oc_appconfig`;"),
                ("user.id", "owncloud"),
                ("client.address", "localhost"),
                ("thread.id", "2"),
                ("db.namespace", "oc"),
                ("Last_errno", "0"),
                ("db.query_time", "0.011853"),
                ("db.lock_time", "0.011542"),
                ("db.rows_sent", "268"),
                ("db.rows_examined", "269"),
            ],
        );
        check(
            &LAYOUT,
            "# User@Host: a[a] @ h [10.0.0.1]\n# Query_time: 1.5\nSET timestamp=1611704757;\n# administrator command: Ping;",
            &[
                ("time", "2021-01-26T23:45:57Z"),
                ("message", "# administrator command: Ping;"),
                ("user.id", "a"),
                ("client.address", "10.0.0.1"),
                ("db.query_time", "1.5"),
            ],
        );
        check(
            &LAYOUT,
            "# Time: 210126 23:45:57",
            &[("time", "2021-01-26T23:45:57Z"), ("message", "# Time: 210126 23:45:57")],
        );
        refuse(&LAYOUT, "# Timeouts are below");
        refuse(&LAYOUT, "#Fields: date time");
    }
}
