//! The table of layouts, and which of them read the lines of real loggers and servers.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_number_stands_for_one_layout() {
    let mut numbers: Vec<_> = LAYOUTS.iter().map(|layout| layout.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), LAYOUTS.len());
    assert!(LAYOUTS.iter().all(|layout| (100..200).contains(&layout.number)));
}

/// The name of the layout that takes a record.
fn taker(text: &str) -> &'static str {
    let first = text.bytes().next().unwrap_or_default();
    let takes = |layout: &&TextLayout| (layout.begins)(first) && (layout.read)(text, &mut Reading::default());
    LAYOUTS.iter().find(takes).map_or("", |layout| layout.name)
}

fn shared_text(path: &str) -> Option<String> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(path);
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: {} is not here", path.display());
        return None;
    };
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// What the first line of a file, or the first that begins so, is taken for.
#[track_caller]
fn check_file(path: &str, begins: &str, expected: &str) {
    let Some(text) = shared_text(path) else { return };
    // Colours are stripped before a reader is asked; of them, these files have the one that erases a line.
    let mut lines = text.lines().map(|line| line.trim_start_matches("\u{1b}[2K"));
    let line = lines.find(|line| line.starts_with(begins)).expect("such a line");
    assert_eq!(taker(line), expected, "{path}: {line}");
}

#[test]
fn lines_of_real_servers() {
    for (path, begins, expected) in [
        ("lnav/logfile_access_log.1", "", "access-log"),
        ("lnav/logfile_bad_access_log.0", "192.168.202.254 [", "access-log"),
        ("lnav/logfile_shop_access_log.0", "", "access-log"),
        ("lnav/logfile_blued.0", "", "syslog-rfc3164"),
        ("lnav/logfile_filter.0", "", "syslog-rfc3164"),
        ("lnav/logfile_for_join.0", "", "syslog-rfc3164"),
        ("lnav/logfile_rollover.2", "", "syslog-rfc3164"),
        ("lnav/logfile_syslog.0", "", "syslog-rfc3164"),
        ("lnav/logfile_syslog.2", "", "syslog-rfc3164"),
        ("lnav/logfile_syslog_with_header.0", "Nov", "syslog-rfc3164"),
        ("loghub/OpenSSH/OpenSSH_2k.log", "", "syslog-rfc3164"),
        ("captures/027_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/028_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/030_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/081_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/082_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/083_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/084_syslog_udp.bin", "", "syslog-rfc3164"),
        ("captures/032_syslog_tcp.bin", "", "syslog-rfc5424"),
        ("loggers/java.txt", "<134>", "syslog-rfc5424"),
        ("loghub/Apache/Apache_2k.log", "", "apache-error"),
        ("lnav/logfile_caddy_log.0", "", "docker-compose"),
        ("lnav/logfile_docker_compose.0", "", "docker-compose"),
        ("lnav/logfile_docker_compose_with_ts.0", "", "docker-compose"),
        ("lnav/logfile_mysql_error.0", "", "mysql-error"),
        ("lnav/logfile_mysql_slow.0", "", "mysql-slow"),
        ("lnav/logfile_postgres.0", "", "postgresql"),
        ("lnav/logfile_postgres.2", "", "postgresql"),
        ("lnav/logfile_tai64n.0", "", "tai64n"),
        ("lnav/logfile_epoch.0", "", "epoch"),
        ("lnav/logfile_bro_http.log.0", "13", "epoch"),
        ("lnav/logfile_grafana.0", "", "logfmt"),
        ("lnav/logfile_logfmt.0", "", "logfmt"),
        ("loggers/go-hclog-gokit.txt", "level=", "logfmt"),
        ("loggers/go-slog.txt", "time=", "logfmt"),
        ("loggers/go-zap-zerolog-logrus.txt", "time=", "logfmt"),
        ("loggers/python.txt", "user_id=", "logfmt"),
        ("loggers/rust.txt", "ts=", "logfmt"),
        ("loggers/ruby.txt", "method=GET path=/users/1 format=html con", "logfmt"),
        ("loggers/ruby.txt", "method=GET path=/users/1 format=html sou", "logfmt"),
        ("loggers/ruby.txt", "method:", "ltsv"),
        ("loggers/ruby.txt", "{:", "ruby-hash"),
        ("loggers/ruby.txt", "@cee", "cee"),
    ] {
        check_file(path, begins, expected);
    }
}

/// What the captured logs of real loggers hold: the file, what is in the heads of records, and the layout that
/// reads these.
const CAPTURES: &[(&str, &str, &str)] = &[
    ("loggers/go-hclog-gokit.txt", "Z [INFO]  app:", "hclog"),
    ("loggers/go-slog.txt", "2026/11/23 06:45:54", "go-log"),
    ("loggers/go-zap-zerolog-logrus.txt", "Z\tINFO\t", "zap"),
    ("loggers/go-zap-zerolog-logrus.txt", "6:45AM INF", "zerolog"),
    ("loggers/java.txt", "2026-11-23 06:46:24,11", "log4j2"),
    ("loggers/java.txt", "06:46:48.2", "logback"),
    ("loggers/java.txt", "Nov 23, 2026 6:46:51 AM", "java-util-logging"),
    ("loggers/loguru.log", "2026-11-23 06:53:18.404 | ", "loguru"),
    ("loggers/node.txt", "info: user logged in", "winston"),
    ("loggers/node.txt", "[2026-11-23T06:45:49.489] ", "log4js"),
    ("loggers/php.txt", "+00:00] app.", "monolog"),
    ("loggers/php.txt", "Fatal error: ", "php"),
    ("loggers/python-otel.txt", "2026-11-23 06:45:53,105", "python-logging"),
    ("loggers/python-plain.log", "2026-11-23 06:53:18,4", "python-logging"),
    ("loggers/python.txt", "INFO:d:", "python-logging"),
    ("loggers/python.txt", "ERROR:d:", "python-logging"),
    ("loggers/python.txt", "2026-11-23 06:45:52,007 ", "python-logging"),
    ("loggers/python.txt", "[info     ]", "structlog"),
    ("loggers/python.txt", "<module>:41 - user", "loguru"),
    ("loggers/ruby.txt", " #9537] ", "ruby-logger"),
    ("loggers/ruby.txt", "[req-1]", "rails-tagged"),
    ("loggers/rust.txt", "2026-11-23T06:45:53.3175", "tracing"),
    ("loggers/rust.txt", "2026-11-23T06:45:53.3176", "tracing"),
    ("loggers/rust.txt", "[2026-11-23T06:45:53Z INFO  lg]", "env_logger"),
    ("loggers/structlog-console.log", "2026-11-23T06:53:18.281", "structlog"),
    ("loggers/winston-plain.log", "2026-11-23T06:53:19.80", "winston"),
    ("lnav/logfile_crlf.0", ":foo bar baz", "python-logging"),
    ("lnav/logfile_java.0", "2025-01-24T07:0", "log4j2"),
    ("lnav/logfile_laravel.1", "[2025-01-0", "monolog"),
    ("lnav/logfile_spark_dupe.0", "17/06/09 20:1", "log4j2"),
    ("lnav/logfile_xml_msg.0", "[2020-12-10 06:56:41,0", "python-logging"),
    ("lnav/logfile_zap_console.0", "2025-04-24T22:09:2", "zap"),
    ("loghub/Android/Android_2k.log", "03-17 16:1", "logcat"),
    ("loghub/HDFS/HDFS_2k.log", " INFO dfs.", "log4j2"),
    ("loghub/Hadoop/Hadoop_2k.log", "2015-10-18 18:", "log4j2"),
    ("loghub/Zookeeper/Zookeeper_2k.log", "2015-0", "log4j2"),
];

fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    first + &parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect::<String>()
}

#[test]
fn captured_lines_are_read_by_the_layout_of_their_logger() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    if !root.is_dir() {
        println!("skipped: {} is not here", root.display());
        return;
    }
    for (file, part, expected) in CAPTURES {
        let text = fs::read_to_string(root.join(file)).expect("captures are readable");
        let lines: Vec<_> = text.lines().map(without_colours).collect();
        // java.util.logging's records have two lines.
        let heads =
            lines.iter().enumerate().filter(|(_, line)| line.contains(part) && !line.starts_with('{'));
        let records: Vec<_> = heads.map(|(at, _)| lines[at..lines.len().min(at + 2)].join("\n")).collect();
        assert!(!records.is_empty(), "{file} has no {part}");
        for record in &records {
            assert_eq!(taker(record), *expected, "{file}: {record}");
        }
    }
}

/// Headings, stack frames and lines of other layouts.
#[test]
fn no_other_captured_line_is_read() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data"));
    let files: BTreeSet<_> = CAPTURES.iter().map(|(file, _, _)| file).collect();
    for file in files.into_iter().filter(|file| file.starts_with("loggers/")) {
        let Ok(text) = fs::read_to_string(root.join(file)) else {
            println!("skipped: {file} is not here");
            continue;
        };
        for line in text.lines().map(without_colours) {
            let is_head = CAPTURES.iter().any(|(of, part, _)| of == file && line.contains(part));
            let name = taker(&line);
            let layout = LAYOUTS.iter().find(|layout| layout.name == name && layout.number < 150);
            assert!(is_head || layout.is_none(), "{name}: {file}: {line}");
        }
    }
}

/// Lines of applications, none of which a server's layout may take.
#[test]
fn lines_of_real_applications_are_no_servers() {
    for path in [
        "lnav/logfile_block.1",
        "lnav/logfile_crlf.0",
        "lnav/logfile_generic.1",
        "lnav/logfile_generic.3",
        "lnav/logfile_invalid_tz.0",
        "lnav/logfile_java.0",
        "lnav/logfile_laravel.1",
        "lnav/logfile_mongodb.0",
        "lnav/logfile_mux_zookeeper.0",
        "lnav/logfile_pino.0",
        "lnav/logfile_procstate.0",
        "lnav/logfile_rollover.0",
        "lnav/logfile_spark_dupe.0",
        "lnav/logfile_strace_log.1",
        "lnav/logfile_tcf.1",
        "lnav/logfile_ts_value.0",
        "lnav/logfile_vami.0",
        "lnav/logfile_vmw_log.0",
        "lnav/logfile_w3c.0",
        "lnav/logfile_w3c.4",
        "lnav/logfile_xml_msg.0",
        "lnav/logfile_zap_console.0",
        "loggers/go-panic.txt",
        "loggers/loguru.log",
        "loggers/node.txt",
        "loggers/php.txt",
        "loggers/python-plain.log",
        "loggers/structlog-console.log",
        "loggers/winston-plain.log",
        "loghub/Android/Android_2k.log",
        "loghub/BGL/BGL_2k.log",
        "loghub/HDFS/HDFS_2k.log",
        "loghub/Hadoop/Hadoop_2k.log",
        "loghub/Windows/Windows_2k.log",
        "loghub/Zookeeper/Zookeeper_2k.log",
    ] {
        let text = shared_text(path).unwrap_or_default();
        for line in text.lines() {
            let name = taker(line);
            let layout = LAYOUTS.iter().find(|layout| layout.name == name);
            assert!(layout.is_none_or(|layout| !(150..200).contains(&layout.number)), "{name}: {line}");
        }
    }
}

/// Beginnings of all layouts, so that what is behind them is reached.
const HEADS: [&str; 43] = [
    "",
    "[2026-11-23T06:45:53Z ",
    "[2026-11-23T06:30:37.123Z] \"GET /",
    "[2026-11-23T06:30:37.123Z] \"GET / HTTP/1.1\" 200 - ",
    "[Sun Dec 04 04:47:44 2005] [error] [client ",
    "<134>1 ",
    "<134>1 - h a 5 - [x y=\"",
    "<134>",
    "Nov 23 06:45:53 ",
    "Nov 23 06:45:53 lb haproxy[1]: 10.0.1.2:1 [06/Feb/2009:12:14:14.655] a b/c 1/2/3 200 5 ",
    "2026-11-23 06:45:53,1 ",
    "2026-11-23T06:46:39+01:00 vm ",
    "2026/11/23 06:30:37 [error] 12#12: *1 x, client: ",
    "2025-08-13 01:45:01 UTC [12] a@",
    "2025-08-13 01:45:01 UTC:1(2):a@b:[12]:LOG:  ",
    "2020-08-06T14:25:02.8Z 0 [Note] [MY-",
    "E1123 06:30:37.1 ",
    "E1123 06:30:37.1 7 a.go:1] \"x\" ",
    "I, [2026-11-23T06:30:53 #1] ",
    "1.2.3.4 - - [",
    "1.2.3.4 - - [15/Feb/2013:06:00:31 +0000] \"",
    "1.2.3.4 - - [15/Feb/2013:06:00:31 +0000] \"GET / HTTP/1.1\" 200 5 ",
    "1:M 23 Nov 2026 06:30:37.123 ",
    "1428634687123 ",
    "a=\"",
    "level=info msg=",
    "a:b\t",
    "{:_a=>",
    "# Time: ",
    "# User@Host: a[b] @ ",
    "web-1  | ",
    "info: ",
    "2026-11-23T06:45:53Z  INFO a{b=\"",
    "2026-11-23 06:45:53,1 INFO [",
    "06:45:53 [a] INFO b -c=\"",
    "info: a {\"",
    "2026-11-23T06:45:53Z\tINFO\t",
    "2026-11-23 06:45:53 - ",
    "2026-11-23T06:45:53Z  INFO [a,b,c] 1 --- [",
    "[2026-11-23 06:45:53] a.INFO: ",
    "info: A[1]\n      => ",
    "D/a( 1",
    "PHP Warning:  ",
];

proptest! {
    /// Whatever the text, every reader reads or refuses it, whether it may begin so or not.
    #[test]
    fn any_text_is_read_or_refused(
        head in prop::sample::select(HEADS.as_slice()),
        text in "[ -~\\n\\t\u{e9}\u{1f980}]{0,60}", any: String,
    ) {
        for text in [format!("{head}{text}"), format!("{head}{any}"), text, any] {
            for layout in LAYOUTS {
                let mut reading = Reading::default();
                if (layout.read)(&text, &mut reading) {
                    prop_assert!(reading.message.len() <= text.len());
                }
            }
        }
    }
}
