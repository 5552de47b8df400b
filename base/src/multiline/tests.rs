//! Real traces and captures, joined; and what must hold for any bytes.

use super::*;
use crate::parse::wrapper::{Wrapper, content};
use proptest::prelude::*;
use serde_json::Value;
use std::path::Path;

fn row(text: &[u8]) -> BatchLine {
    let len = u32::try_from(text.len()).expect("a short line");
    BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }
}

/// Marks lines that are given with their endings.
fn joined(lines: &[Vec<u8>]) -> (Vec<BatchLine>, usize) {
    let mut rows: Vec<_> = lines.iter().map(|line| row(line)).collect();
    let clean = Joiner::default().join(&lines.concat(), &mut rows);
    (rows, clean)
}

/// The records a reader makes of marked lines: numbers of their lines, in order of the last.
fn records(rows: &[BatchLine]) -> Vec<Vec<usize>> {
    let mut records: Vec<Vec<usize>> = Vec::new();
    let mut latest: [Option<usize>; 8] = [None; 8];
    for (i, row) in rows.iter().enumerate() {
        let of_stream = &mut latest[usize::from(row.meta.stream())];
        let goes_on = |record: &usize| {
            let last = *records[*record].last().expect("never empty");
            row.meta.has(LineMeta::CONTINUATION) && !rows[last].meta.has(LineMeta::TRUNCATED)
        };
        match of_stream.filter(goes_on) {
            Some(record) => records[record].push(i),
            None => {
                *of_stream = Some(records.len());
                records.push(vec![i]);
            }
        }
    }
    records.sort_by_key(|record| record.last().copied());
    records
}

/// What the application wrote, record by record.
fn contents(lines: &[Vec<u8>]) -> Vec<String> {
    let (rows, _) = joined(lines);
    let text_of = |record: Vec<usize>| {
        let wrapper = Wrapper::of_stream(rows[record[0]].meta.stream());
        let text = record.iter().flat_map(|&i| lines[i].clone()).collect::<Vec<u8>>();
        let mut out = Vec::new();
        content(&text, wrapper, &mut out);
        String::from_utf8_lossy(&out).trim_end_matches('\n').to_owned()
    };
    records(&rows).into_iter().map(text_of).collect()
}

fn lines_of(text: &str) -> Vec<Vec<u8>> {
    text.split_inclusive('\n').map(|line| line.as_bytes().to_vec()).collect()
}

/// Records are given apart by a line of `---`.
fn check(records: &str) {
    let expected: Vec<_> = records.split("\n---\n").map(|record| record.trim_end_matches('\n')).collect();
    assert_eq!(contents(&lines_of(&records.replace("\n---\n", "\n"))), expected);
}

fn shared(file: &str) -> Option<String> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")).join(file);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not here", path.display());
    }
    text
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().expect("an array").iter().map(|line| line.as_str().expect("a string")).collect()
}

#[test]
fn the_pairs_of_another_shipper() {
    let Some(pairs) = shared("exceptions/fluentbit_multiline.json") else { return };
    let pairs: serde_json::Map<String, Value> = serde_json::from_str(&pairs).expect("JSON");
    assert_eq!(pairs.len(), 11);
    for (name, pair) in pairs {
        let with_ending = |line: &str| format!("{}\n", line.strip_suffix('\n').unwrap_or(line)).into_bytes();
        let input: Vec<_> = strings(&pair["input"]).into_iter().map(with_ending).collect();
        let output: Vec<_> =
            strings(&pair["output"]).into_iter().map(|text| text.trim_end_matches('\n')).collect();
        assert_eq!(contents(&input), output, "{name}");
    }
}

#[test]
fn every_known_trace_is_one_record() {
    let Some(traces) = shared("exceptions/detect_exceptions.json") else { return };
    let traces: Vec<Value> = serde_json::from_str(&traces).expect("JSON");
    assert_eq!(traces.len(), 37);
    for trace in traces {
        let name = trace["name"].as_str().expect("a name");
        let text = strings(&trace["lines"]).join("\n");
        let framed = format!("before\n{text}\n2026-11-23 06:45:52,007 INFO d2 after\n");
        let records = contents(&lines_of(&framed));
        if name == "ARBITRARY_TEXT" {
            // Prose is no trace: a record a line, and the blank one goes with the line before it.
            assert_eq!(records.len(), 5, "{records:?}");
            continue;
        }
        let text = text.trim_end_matches('\n');
        assert_eq!(records, ["before", text, "2026-11-23 06:45:52,007 INFO d2 after"], "{name}");
        // Behind an event it goes on with it, unless such traces stand alone.
        let alone =
            ["panic: ", "PHP Fatal", "Unhandled exception"].iter().any(|begins| text.starts_with(begins));
        let is_event = name == "GO_HTTP";
        let behind = contents(&lines_of(&format!("2026-11-23 06:45:51 ERROR failed\n{text}\nINFO after\n")));
        assert_eq!(behind.len(), 2 + usize::from(alone || is_event), "{name}: {behind:?}");
    }
}

/// A capture is sections, each below a title.
fn sections(file: &str) -> Option<Vec<Vec<Vec<u8>>>> {
    let text = shared(file)?;
    let begins_with_title = text.starts_with("### ");
    let titled = text.split("### ").filter(|section| !section.is_empty());
    Some(
        titled
            .map(|section| lines_of(section).into_iter().skip(usize::from(begins_with_title)).collect())
            .collect(),
    )
}

/// Records of more than one line, as `first line -> number of lines`.
fn multiline_records(file: &str) -> Option<Vec<(String, usize)>> {
    let records =
        sections(file)?.into_iter().flat_map(|lines| contents(&lines)).filter(|text| text.contains('\n'));
    let shape = |text: String| (text.lines().next().unwrap_or_default().to_owned(), text.lines().count());
    Some(records.map(shape).collect())
}

#[test]
fn captures_of_real_loggers() {
    let check = |file: &str, expected: &[(&str, usize)]| {
        let Some(records) = multiline_records(&format!("loggers/{file}")) else { return };
        let found: Vec<_> = records.iter().map(|(first, lines)| (first.as_str(), *lines)).collect();
        assert_eq!(found, expected, "{file}");
    };
    check("go-panic.txt", &[("panic: assignment to entry in nil map", 6)]);
    check("go-slog.txt", &[]);
    check("go-zap-zerolog-logrus.txt", &[]);
    check(
        "java.txt",
        &[
            ("2026-11-23 06:46:24,116 ERROR [main] c.a.App - request failed", 12),
            ("06:46:48.269 [main] ERROR com.acme.App - request failed", 12),
            ("Nov 23, 2026 6:46:51 AM U main", 2),
            ("Exception in thread \"Thread-0\" java.lang.IllegalStateException: boom", 5),
        ],
    );
    check("loguru.log", &[("2026-11-23 06:53:18.404 | ERROR    | __main__:files:102 - failed", 31)]);
    check("node.txt", &[("TypeError: boom", 8)]);
    check(
        "php.txt",
        &[
            ("PHP Fatal error:  Uncaught RuntimeException: boom in Command line code:1", 5),
            ("Fatal error: Uncaught RuntimeException: boom in Command line code:1", 5),
        ],
    );
    let unhandled = ("2026-11-23 06:53:18,417 ERROR [MainThread] plain: unhandled", 17);
    let later = ("2026-11-23 06:53:18,430 ERROR [MainThread] plain: unhandled", 17);
    let last = ("2026-11-23 06:53:18,431 ERROR [MainThread] plain: unhandled", 17);
    check("python-plain.log", &[unhandled, later, last]);
    check(
        "python.txt",
        &[("ERROR:d:request failed", 6), ("2026-11-23 06:45:52,007 ERROR d2 request failed", 6)],
    );
    check("ruby.txt", &[("-e:1:in `rescue in <main>': outer (RuntimeError)", 4)]);
    check("rust.txt", &[("thread '<unnamed>' (8535) panicked at src/main.rs:25:72:", 18)]);
    check(
        "winston-plain.log",
        &[(
            "2026-11-23T06:53:19.807Z error: TypeError: Cannot read properties of undefined (reading 'c')",
            9,
        )],
    );
    let Some(console) = multiline_records("loggers/structlog-console.log") else { return };
    assert_eq!(console.iter().map(|(_, lines)| *lines).collect::<Vec<_>>(), [17]);
}

/// Files without multi-line messages have a record a line.
#[test]
fn one_line_logs_stay_one_line() {
    for file in [
        "Android/Android_2k.log",
        "Apache/Apache_2k.log",
        "BGL/BGL_2k.log",
        "HDFS/HDFS_2k.log",
        "Hadoop/Hadoop_2k.log",
        "OpenSSH/OpenSSH_2k.log",
        "Windows/Windows_2k.log",
        "Zookeeper/Zookeeper_2k.log",
    ] {
        let Some(text) = shared(&format!("loghub/{file}")) else { return };
        let lines = lines_of(&text);
        assert_eq!(contents(&lines).len(), lines.len(), "{file}");
    }
}

#[test]
fn events_and_what_goes_on_with_them() {
    check("2026/11/23 06:45:54 INSERT INTO t\nVALUES (1)\n---\n2026/11/23 06:45:55 done\n");
    check("plain\n  indented\n\n---\n  indented\n---\nplain\n---\n{\"a\":1}\n---\n  indented\n");
    check("one\n---\ntwo\n---\n{\n  \"pretty\": 1\n}\n---\nthree\n");
    check(
        "Nov 23, 2026 6:46:51\u{202f}AM U main\nSEVERE: failed\njava.lang.Error: x\n\tat A\n---\n\
            Nov 23, 2026 6:46:52 AM U main\nINFO: y\n",
    );
    check("ERROR one\nvalue=1\nmore\n---\nmethod=GET path=/\n---\nlevel=info msg=x\n");
    check(
        "2026-11-23 INFO a\n---\nE1123 06:45:52.1 klog\n---\n<134>x\n---\nE/Tag(1): x\n---\n\
            1795416356.12 x\n",
    );
    check(
        "info: Microsoft.Hosting[0]\n      Now listening\n---\nfail: App[0]\n      no\n      System.E: x\n",
    );
    check("2026-11-23 06:45 LOG:  duration\n\tSELECT 1\n\tFROM t\n---\n2026-11-23 06:46 LOG:  x\n");
    check("path C:\\\nnext\n---\n2026-11-23 06:46 dir C:\\\n---\n2026-11-23 06:46 x\n");
    check(
        "=ERROR REPORT==== 23-Nov-2026::06:45:52 ===\ntext\n---\n\
            =INFO REPORT==== 23-Nov-2026::06:45:52 ===\n",
    );
}

#[test]
fn traces_the_data_lacks() {
    check(
        "/srv/t.js:2\nthrow new TypeError(\"boom\")\n^\n\n\
            TypeError: boom\n    at a (/srv/t.js:2:11) {\n  code: 'X'\n}\n\nNode.js v20.19.2\n---\n\
            next\n",
    );
    check("t.rb:1:in `<main>': undefined (NameError)\n\nfoo\n^^^\n\tfrom t.rb:1\n---\nnext\n");
    check(
        "PHP Fatal error:  Uncaught A: b in t:1\nStack trace:\n#0 {main}\n\nNext B: c in t:2\n\
            Stack trace:\n#0 {main}\n  thrown in t on line 2\n---\nnext\n",
    );
    check(
        "terminate called after throwing an instance of 'E'\n  what():  boom\nAborted (core dumped)\n\
            ---\nnext\n",
    );
    check(
        "==1==ERROR: AddressSanitizer: heap-use-after-free on address 0x6\n\
            READ of size 4 at 0x6 thread T0\n    #0 0x4 in main\n\n0x6 is located\n\
            freed by thread T0 here:\nSUMMARY: AddressSanitizer: x\n==1==ABORTING\n---\nnext\n",
    );
    check(
        "Program received signal SIGSEGV, Segmentation fault.\n0x0 in main () at t.c:3\n3\t*p = 1;\n\
            #0  main () at t.c:3\n---\nnext\n",
    );
    check("thread 'main' panicked at 'boom', src/m.rs:2:7\nnote: run with\n---\nnext\n");
    check(
        "java.lang.A: not one\n---\njava.lang.OutOfMemoryError: Java heap space\n---\n\
            java.lang.Error: two\n\tat A\n---\njava.lang.Error: three\n",
    );
    check(
        "2026-11-23 06:45 ERROR x\nSystem.Exception: y\n   at A.B()\n\
            --- End of stack trace from previous location ---\n   at C.D()\n---\nINFO z\n",
    );
}

#[test]
fn mysql_slow_log() {
    let Some(text) = shared("lnav/logfile_mysql_slow.0") else { return };
    let records = contents(&lines_of(&text));
    assert!(records.iter().all(|record| record.starts_with("# Time: ")), "{records:?}");
    assert_eq!(records.len(), text.matches("# Time: ").count());
}

#[test]
fn what_is_open_waits() {
    let check = |text: &str, clean: usize| {
        assert_eq!(joined(&lines_of(text)).1, clean, "{text}");
    };
    check("{\"a\":1}\n{\"a\":1}\n", 2);
    check("{\"a\":1}\nplain\n", 1);
    check("{\"a\":1}\nplain\n\n", 3);
    check("ERROR x\n\n", 0);
    check("panic: x\n\ngoroutine 1 [running]:\nmain.main()\nexit status 2\n", 5);
    check("{\"log\":\"{\\\"a\\\":1}\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n", 1);
    // A piece of a JSON object waits for the rest, and for nothing after it.
    check("{\"log\":\"{\\\"a\\\":\",\"stream\":\"stdout\",\"time\":\"t\"}\n", 0);
    check(
        "{\"log\":\"{\\\"a\\\":\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"1}\\n\
            \",\"stream\":\"stdout\",\"time\":\"t\"}\n",
        2,
    );
    // The error stream's group reaches over output's lines.
    check("2026-11-23T06:45:52Z stderr F ERROR x\n2026-11-23T06:45:52Z stdout F {}\n", 0);
    check("2026-11-23T06:45:52Z stderr F ERROR x\n2026-11-23T06:45:52Z stdout F {}\n{}\n", 3);
}

#[test]
fn a_record_at_its_limit_is_truncated() {
    let check = |line: &str, count: usize, expected: &[usize]| {
        let lines: Vec<_> = std::iter::once("head\n".to_owned())
            .chain(std::iter::repeat_n(format!("  {line}\n"), count))
            .map(String::into_bytes)
            .collect();
        let (rows, clean) = joined(&lines);
        let truncated: Vec<_> = (0..rows.len()).filter(|&i| rows[i].meta.has(LineMeta::TRUNCATED)).collect();
        assert_eq!((truncated.as_slice(), clean), (expected, 0));
        assert!(rows[1..].iter().all(|row| row.meta.has(LineMeta::CONTINUATION)));
        assert_eq!(records(&rows).len(), expected.len() + 1);
    };
    check("x", 999, &[]);
    check("x", 1000, &[999]);
    check("x", 2500, &[999, 1999]);
    check(&"x".repeat(400_000), 5, &[2, 4]);
}

/// T36: what was sent at the idle cap stays sent; what follows is known to have a head elsewhere.
#[test]
fn t36_a_kept_joiner_knows_that_a_record_went_before() {
    let mut joiner = Joiner::default();
    let text = b"ERROR x\n";
    assert_eq!(joiner.join(text, &mut [row(text)]), 0);
    let text = b"\tat A\nINFO y\n";
    let mut rows = [row(&text[..6]), row(&text[6..])];
    assert_eq!(joiner.join(text, &mut rows), 1);
    assert_eq!(rows.map(|row| row.meta.has(LineMeta::CONTINUATION)), [true, false]);
}

#[test]
fn parts_of_a_long_line_end_all_groups() {
    let text = b"head\nxxxx\n  indented\n";
    let mut rows = [row(&text[..5]), row(&text[5..10]), row(&text[10..])];
    rows[1].meta = LineMeta::part(3, true);
    Joiner::default().join(text, &mut rows);
    assert_eq!(rows.map(|row| row.meta), [LineMeta(0), LineMeta::part(3, true), LineMeta(0)]);
}

/// Lines of every kind, and the wrappers around them.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let text = prop::sample::select(vec![
        "2026-11-23 06:45:52 INFO x",
        "ERROR x\\\\",
        "plain",
        "plain\\\\",
        "",
        "  ",
        "  indented",
        "\\tat A",
        "{\\\"a\\\":1}",
        "{",
        "}",
        "Traceback (most recent call last):",
        "KeyError: 'x'",
        "During handling of the above exception, another",
        "panic: x",
        "goroutine 1 [running]:",
        "main.main()",
        "exit status 2",
        "java.lang.Error: x",
        "  nested exception is:",
        "thread 'm' panicked at s.rs:1:1:",
        "Nov 23, 2026 6:46:51 AM U main",
        "INFO: x",
        "# Time: 1",
        "# User@Host: x",
        "SELECT 1;",
        "t.rb:1:in `f': x (E)",
        "/srv/t.js:2",
        "Unhandled exception:",
        "#0 x",
    ]);
    (text, 0..8u8).prop_map(|(text, wrapper)| {
        let plain = text.replace("\\\\", "\\").replace("\\\"", "\"").replace("\\t", "\t");
        let line = match wrapper {
            0 => format!("{{\"log\":\"{text}\\n\",\"stream\":\"stdout\",\"time\":\"t\"}}"),
            1 => format!("{{\"log\":\"{text}\\n\",\"stream\":\"stderr\",\"time\":\"t\"}}"),
            2 => format!("{{\"log\":\"{text}\",\"stream\":\"stderr\",\"time\":\"t\"}}"),
            3 => format!("2026-11-23T06:45:52Z stdout F {plain}"),
            4 => format!("2026-11-23T06:45:52Z stderr F {plain}"),
            5 => format!("2026-11-23T06:45:52Z stderr P {plain}"),
            _ => plain,
        };
        format!("{line}\n").into_bytes()
    })
}

/// Reads lines as a shipper does: sends what is clean, and judges the rest anew when more has come.
fn records_when_growing(lines: &[Vec<u8>], growth: &[usize]) -> Vec<Vec<usize>> {
    let mut sent = 0;
    let mut all = Vec::new();
    for &size in growth.iter().chain([&lines.len()]) {
        let chunk = &lines[sent..size.max(sent)];
        let (mut rows, clean) = joined(chunk);
        rows.truncate(if size == lines.len() { rows.len() } else { clean });
        all.extend(
            records(&rows).into_iter().map(|record| record.iter().map(|i| i + sent).collect::<Vec<_>>()),
        );
        sent += rows.len();
    }
    all.sort_by_key(|record| record.last().copied());
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// T35: wherever reads end, the same records.
    #[test]
    fn t35_any_reads_give_the_same_records(
        lines in prop::collection::vec(any_line(), 0..40),
        mut growth in prop::collection::vec(0usize..40, 0..6),
    ) {
        growth.iter_mut().for_each(|size| *size = (*size).min(lines.len()));
        growth.sort_unstable();
        let (rows, _) = joined(&lines);
        prop_assert_eq!(records_when_growing(&lines, &growth), records(&rows));
    }

    /// Each line is in one record, and those of a record are of one stream; nothing panics.
    #[test]
    fn any_bytes_are_judged(
        mut lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..30), 0..20),
        known in prop::collection::vec((any_line(), any::<prop::sample::Index>()), 0..10),
        short: bool,
    ) {
        for (line, at) in known {
            lines.insert(at.index(lines.len() + 1), line);
        }
        let (rows, clean) = joined(&lines);
        prop_assert!(clean <= rows.len());
        let mut judged: Vec<_> = records(&rows).concat();
        judged.sort_unstable();
        prop_assert_eq!(judged, (0..rows.len()).collect::<Vec<_>>());
        contents(&lines);
        if short {
            Joiner::default().join(b"less than the table says", &mut rows.clone());
        }
    }
}
