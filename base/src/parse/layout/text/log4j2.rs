//! Log4j and log4j2 (Java) with the patterns of their manuals, and what is made of these: Hadoop,
//! ZooKeeper, Spark, Cassandra.
//!
//! ```text
//! 2026-11-23 06:46:24,114 INFO  [main] c.a.App - user logged in
//! 2025-01-24T07:00:30,227 INFO [main        ] FarmApplication    : Starting
//! 2015-07-29 17:41:44,747 - INFO  [QuorumPeer[myid=1]/0:0:0:0:2181:FastLeaderElection@774] - text
//! 17/06/09 20:10:40 INFO executor.Backend: Registered
//! 081109 203615 148 INFO dfs.DataNode$PacketResponder: terminating
//! INFO  [main] 2026-11-23 06:46:24,114 StorageService.java:100 - Starting
//! ```
//!
//! Python's loggers are configured to write much the same. The fields are the same then; the names tell
//! which it was.

use super::cursor::{Cursor, add_place, is_name, is_place, split_place};
use super::glance::{behind_letters, behind_time, is_set_off};
use super::key_values::{is_pairs, pairs};
use super::{Reading, TextLayout, python};

pub(super) const LAYOUT: TextLayout = TextLayout {
    name: "log4j2",
    number: 106,
    begins: |byte| byte.is_ascii_digit() || byte.is_ascii_uppercase(),
    read,
};

fn read<'a>(text: &'a str, reading: &mut Reading<'a>) -> bool {
    let cursor = Cursor::new(text);
    let read = match cursor.peek() {
        Some(b'0'..=b'9') if may_follow_time(text) => time_first(cursor, reading),
        Some(b'A'..=b'Z') if matches!(behind_letters(text.as_bytes()), [b'[' | b'0'..=b'9', ..]) => {
            level_first(cursor, reading)
        }
        _ => None,
    };
    read.is_some()
}

/// A glance at what follows the time.
fn may_follow_time(text: &str) -> bool {
    let Some([b' ', rest @ ..]) = behind_time(text) else {
        return false;
    };
    match rest.trim_ascii_start() {
        [b'-' | b'0'..=b'9', ..] => true,
        [b'[', rest @ ..] => rest.starts_with(b"myid:"),
        [b'A'..=b'Z', ..] => {
            matches!(behind_letters(rest), rest @ [next, ..] if *next == b'[' || is_set_off(rest))
        }
        _ => false,
    }
}

fn time_first<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    // `17/06/09` and `081109`: no other logger has such dates, so any name is a logger's.
    let is_logger = match cursor.rest().as_bytes() {
        [_, _, b'/', ..] | [_, _, _, _, _, _, b' ', ..] => is_name,
        _ => is_class,
    };
    reading.time = Some(cursor.time()?);
    cursor.blanks()?;
    match cursor.peek()? {
        b'-' | b'[' => zookeeper(cursor, reading),
        byte => {
            if byte.is_ascii_digit() {
                reading.field("process.pid", cursor.number()?);
                cursor.blanks()?;
            }
            cursor.level(reading)?;
            cursor.blanks()?;
            thread_and_logger(cursor, is_logger, reading)
        }
    }
}

/// `INFO  2026-11-23 06:46:24,114 [main] App - text`,
/// `INFO  [main] 2026-11-23 06:46:24,114 App.java:100 - text`.
fn level_first<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    cursor.level(reading)?;
    cursor.blanks()?;
    match cursor.peek()? {
        b'[' => {
            let thread = cursor.bracketed()?;
            cursor.skip(" ")?;
            reading.time = Some(cursor.time()?);
            cursor.skip(" ")?;
            reading.field("thread.name", thread);
            logger_or_place(cursor, reading)
        }
        b'0'..=b'9' => {
            reading.time = Some(cursor.time()?);
            cursor.skip(" ")?;
            thread_and_logger(cursor, is_class, reading)
        }
        _ => None,
    }
}

/// `[main] c.a.App - text`, or `c.a.App: text` when `is_logger` knows the name.
fn thread_and_logger<'a>(
    mut cursor: Cursor<'a>,
    is_logger: fn(&str) -> bool,
    reading: &mut Reading<'a>,
) -> Option<()> {
    if cursor.peek() != Some(b'[') {
        let logger = cursor.logger().filter(|logger| is_logger(logger))?;
        reading.field("log.logger", logger);
        reading.message = cursor.rest().into();
        return Some(());
    }
    let thread = cursor.bracketed()?;
    if python::is_thread(thread) {
        return None;
    }
    reading.field("thread.name", thread);
    cursor.blanks()?;
    while cursor.peek() == Some(b'[') {
        let context = cursor.bracketed().filter(|context| context.is_empty() || is_pairs(context))?;
        pairs(context, |key, value| reading.field(key, value));
        cursor.blanks()?;
    }
    logger_or_place(cursor, reading)
}

fn logger_or_place<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    let logger = cursor.logger()?;
    if is_place(logger) {
        add_place(logger, reading);
    } else {
        reading.field("log.logger", logger);
    }
    reading.message = cursor.rest().into();
    Some(())
}

/// `- INFO  [main:QuorumPeerConfig@101] - text`, `[myid:] - INFO  [main:QuorumPeerConfig@101] - text`.
fn zookeeper<'a>(mut cursor: Cursor<'a>, reading: &mut Reading<'a>) -> Option<()> {
    if cursor.is_at("[myid:") {
        cursor.bracketed()?;
        cursor.skip(" ")?;
    }
    cursor.skip("- ")?;
    cursor.level(reading)?;
    cursor.blanks()?;
    if cursor.peek() != Some(b'[') {
        return None;
    }
    let origin = cursor.bracketed()?;
    cursor.skip(" - ")?;
    let (thread, class) = match origin.rsplit_once('@') {
        Some((class, line)) if line.bytes().all(|byte| byte.is_ascii_digit()) => {
            reading.field("code.line.number", line);
            class.rsplit_once(':').unwrap_or(("", class))
        }
        _ => (origin, ""),
    };
    reading.field("thread.name", thread);
    reading.field("log.logger", class);
    reading.message = cursor.rest().into();
    Some(())
}

/// Whether this is a class in a package; no other word with a colon behind it looks so.
fn is_class(logger: &str) -> bool {
    let class = logger.rsplit_once('.').map(|(_, class)| class);
    class.is_some_and(|class| class.starts_with(|c: char| c.is_ascii_uppercase()))
        && split_place(logger).is_none()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, refuse};
    use super::*;

    #[test]
    fn threads_and_loggers() {
        check(
            &LAYOUT,
            "2026-11-23 06:46:24,116 ERROR [main] c.a.App - request failed\njava.lang.X: boom",
            &[
                ("time", "2026-11-23T06:46:24.116Z"),
                ("level", "ERROR"),
                ("message", "request failed\njava.lang.X: boom"),
                ("thread.name", "main"),
                ("log.logger", "c.a.App"),
            ],
        );
        check(
            &LAYOUT,
            "2025-01-24T07:00:30,139 INFO [background-preinit       ] Version      : HV000001: up",
            &[
                ("time", "2025-01-24T07:00:30.139Z"),
                ("level", "INFO"),
                ("message", "HV000001: up"),
                ("thread.name", "background-preinit"),
                ("log.logger", "Version"),
            ],
        );
        check(
            &LAYOUT,
            "2015-10-18 18:01:47,978 INFO [main] org.apache.hadoop.mapreduce.v2.app.MRAppMaster: \
             Executing: x",
            &[
                ("time", "2015-10-18T18:01:47.978Z"),
                ("level", "INFO"),
                ("message", "Executing: x"),
                ("thread.name", "main"),
                ("log.logger", "org.apache.hadoop.mapreduce.v2.app.MRAppMaster"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 06:46:24,114 INFO [main] [traceId=4bf9, spanId=00f0] c.a.App - paid",
            &[
                ("time", "2026-11-23T06:46:24.114Z"),
                ("level", "INFO"),
                ("message", "paid"),
                ("thread.name", "main"),
                ("traceId", "4bf9"),
                ("spanId", "00f0"),
                ("log.logger", "c.a.App"),
            ],
        );
    }

    #[test]
    fn loggers_alone() {
        check(
            &LAYOUT,
            "17/06/09 20:10:40 INFO spark.SecurityManager: SecurityManager: authentication disabled",
            &[
                ("time", "2017-06-09T20:10:40Z"),
                ("level", "INFO"),
                ("message", "SecurityManager: authentication disabled"),
                ("log.logger", "spark.SecurityManager"),
            ],
        );
        check(
            &LAYOUT,
            "17/06/09 20:10:41 INFO Remoting: Starting remoting",
            &[
                ("time", "2017-06-09T20:10:41Z"),
                ("level", "INFO"),
                ("message", "Starting remoting"),
                ("log.logger", "Remoting"),
            ],
        );
        check(
            &LAYOUT,
            "081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 terminating",
            &[
                ("time", "2008-11-09T20:36:15Z"),
                ("level", "INFO"),
                ("message", "PacketResponder 1 terminating"),
                ("process.pid", "148"),
                ("log.logger", "dfs.DataNode$PacketResponder"),
            ],
        );
    }

    #[test]
    fn threads_with_a_class_and_a_line() {
        check(
            &LAYOUT,
            "2015-07-29 17:41:44,747 - INFO  \
             [QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181:FastLeaderElection@774] - \
             Notification time out: 3200",
            &[
                ("time", "2015-07-29T17:41:44.747Z"),
                ("level", "INFO"),
                ("message", "Notification time out: 3200"),
                ("code.line.number", "774"),
                ("thread.name", "QuorumPeer[myid=1]/0:0:0:0:0:0:0:0:2181"),
                ("log.logger", "FastLeaderElection"),
            ],
        );
        check(
            &LAYOUT,
            "2024-04-04 18:30:54,422 [myid:] - INFO [nio-4-1:o.a.z.s.NettyServerCnxn@294] - Processing srvr",
            &[
                ("time", "2024-04-04T18:30:54.422Z"),
                ("level", "INFO"),
                ("message", "Processing srvr"),
                ("code.line.number", "294"),
                ("thread.name", "nio-4-1"),
                ("log.logger", "o.a.z.s.NettyServerCnxn"),
            ],
        );
        check(
            &LAYOUT,
            "2026-11-23 06:46:24,114 - INFO [main] - up",
            &[
                ("time", "2026-11-23T06:46:24.114Z"),
                ("level", "INFO"),
                ("message", "up"),
                ("thread.name", "main"),
            ],
        );
    }

    #[test]
    fn the_level_first() {
        check(
            &LAYOUT,
            "INFO  2026-11-23 06:46:24,114 [main] com.acme.App - up",
            &[
                ("time", "2026-11-23T06:46:24.114Z"),
                ("level", "INFO"),
                ("message", "up"),
                ("thread.name", "main"),
                ("log.logger", "com.acme.App"),
            ],
        );
        check(
            &LAYOUT,
            "WARN  [GossipTasks:1] 2026-11-23 06:46:24,114 FailureDetector.java:288 - Not marking nodes down",
            &[
                ("time", "2026-11-23T06:46:24.114Z"),
                ("level", "WARN"),
                ("message", "Not marking nodes down"),
                ("thread.name", "GossipTasks:1"),
                ("code.file.path", "FailureDetector.java"),
                ("code.line.number", "288"),
            ],
        );
    }

    #[test]
    fn neighbours() {
        refuse(&LAYOUT, "2026-11-23 06:45:52,007 INFO d2 user logged in");
        refuse(&LAYOUT, "2026-11-23 06:53:18,417 INFO [MainThread] plain: GET /cart/0 200");
        refuse(&LAYOUT, "2026-11-23 06:45:53,105 ERROR [y] [o.py:10] [trace_id=e7 span_id=91] - text");
        refuse(&LAYOUT, "2026-11-23T06:45:53.317581Z  INFO work{req_id=\"r1\"}: lg: user logged in");
        refuse(&LAYOUT, "2026/11/23 06:45:54 INFO user logged in user_id=u1");
        refuse(&LAYOUT, "2026-11-23 06:45:52,007 INFO app.db: connected");
        refuse(&LAYOUT, "INFO:d:user logged in");
        refuse(&LAYOUT, "INFO [main] started");
        refuse(&LAYOUT, "Fatal 1");
    }
}
