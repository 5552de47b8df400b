//! Exports from a server that says what a test wants it to say.

use super::*;
use crate::client::tests::serve;
use std::fs;

const HITS: &str = concat!(
    "{\"source\":\"a\",\"offset\":0,\"raw\":\"one\",\"part\":0,\"body\":\"one\"}\n",
    "{\"progress\":{\"hits\":1,\"time\":\"2026-11-23T10:15:00Z\",\"share\":0.5}}\n",
    "{\"source\":\"a\",\"offset\":3,\"raw\":\"two\\n\",\"part\":1,\"body\":\"=two\"}\n",
);

fn wanted(format: Format, to: &Path) -> Export {
    Export {
        query: "*".to_owned(),
        since: None,
        until: None,
        order: Order::Oldest,
        format,
        fields: Vec::new(),
        compression: Compression::None,
        to: Some(to.to_owned()),
    }
}

/// What an export of `body` leaves in the file and in the unfinished one, and how it ends.
fn run(format: Format, body: &str) -> (Option<String>, Option<String>, Result<(), ClientError>) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("out");
    let (server, answer) = serve("200 OK", body.to_owned());
    let outcome = export(&server, &wanted(format, &path));
    answer.join().expect("served");
    let read = |path: &Path| fs::read_to_string(path).ok();
    (read(&path), read(&dir.path().join("out.tmp")), outcome)
}

#[test]
fn a_whole_export_is_in_its_file() {
    let body = format!("{HITS}{{\"summary\":{{\"hits\":2}}}}\n");
    let check = |format, expected: &str| {
        let (file, tmp, outcome) = run(format, &body);
        assert_eq!((file.as_deref(), tmp), (Some(expected), None), "{outcome:?}");
        assert!(outcome.is_ok());
    };
    check(Format::Raw, "onetwo\n");
    check(
        Format::Csv,
        "timestamp,severity_text,service.name,host.name,trace_id,user.id,body,file,offset\r\n\
        ,,,,,,one,,0\r\n,,,,,,'=two,,3\r\n",
    );
    let hits: Vec<&str> = HITS.lines().filter(|line| !line.contains("progress")).collect();
    check(Format::Ndjson, &format!("{}\n", hits.join("\n")));
}

#[test]
fn an_export_that_is_not_whole_fails_and_gets_no_name() {
    let check = |end: &str, said: &str| {
        let (file, tmp, outcome) = run(Format::Raw, &format!("{HITS}{end}"));
        assert_eq!((file, tmp.as_deref()), (None, Some("onetwo\n")), "{end}");
        let Err(ClientError::Failed(reason)) = outcome else { panic!("{end}: {outcome:?}") };
        assert!(reason.contains(said) && reason.contains("out.tmp"), "{reason}");
    };
    check("", "cut the export short after 2 records");
    check("{\"source\":\"a\",\"off", "cut the export short");
    check("{\"summary\":{\"hits\":2,\"partial\":true,\"errors\":[\"split 7\"]}}\n", "split 7");
    check("{\"summary\":{\"hits\":3}}\n", "has sent 3 records, and 2 have come");
    check("<html>\n", "does not answer like a logweir server");
}

#[test]
fn a_refused_query_leaves_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, _) = serve("400 Bad Request", "{\"error\":\"expected a value\",\"column\":1}".to_owned());
    let outcome = export(&server, &wanted(Format::Raw, &dir.path().join("out")));
    assert!(matches!(outcome, Err(ClientError::Usage(_))), "{outcome:?}");
    assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 0);
}

#[test]
fn attributes_are_asked_for_by_their_paths() {
    let dir = tempfile::tempdir().expect("a directory");
    let (server, answer) = serve("200 OK", "{\"summary\":{\"hits\":0}}\n".to_owned());
    let fields = vec!["level".to_owned(), "http.status".to_owned(), "a b".to_owned()];
    let wanted = Export { fields, ..wanted(Format::Csv, &dir.path().join("out")) };
    export(&server, &wanted).expect("whole");
    let asked = answer.join().expect("served");
    assert_eq!(
        asked,
        "GET /api/v1/export?q=%2A&order=oldest&progress=true&fields=http.status%2Ca%20b HTTP/1.1"
    );
    assert_eq!(fs::read(dir.path().join("out")).expect("there"), b"level,http.status,a b\r\n");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::new("http://192.0.2.1:1").expect("a URL");
    let refused = |wanted: Export, said: &str| {
        let outcome = export(&server, &wanted);
        assert!(
            matches!(&outcome, Err(ClientError::Usage(reason)) if reason.contains(said)),
            "{said}: {outcome:?}"
        );
    };
    let file = dir.path().join("out");
    refused(Export { fields: vec!["level".to_owned()], ..wanted(Format::Raw, &file) }, "only -o csv");
    refused(Export { fields: vec![" ".to_owned()], ..wanted(Format::Csv, &file) }, "empty");
    refused(wanted(Format::Raw, dir.path()), "no regular file");
    refused(wanted(Format::Raw, Path::new("/dev/null")), "no regular file");
}

#[test]
fn the_bar_fits_a_line() {
    let check = |share: Option<f64>, expected: &str| {
        let told = Progress { hits: 123_456_789, time: "2026-11-23T10:15:00.123456Z".into(), share };
        let text = bar_text(&told);
        assert_eq!(text, expected);
        assert!(text.len() < 80);
    };
    check(Some(0.424), "[########            ]  42 %  123456789 records, at 2026-11-23T10:15:00");
    check(Some(7.0), "[####################] 100 %  123456789 records, at 2026-11-23T10:15:00");
    check(None, "123456789 records, at 2026-11-23T10:15:00");
}
