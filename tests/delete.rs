//! Deletion from end to end: the real binary, two users, one of whom is to be forgotten. Afterwards every file below the data
//! directory is read, and everything in it that is compressed, and nothing of that user is found.

mod common;

use common::{LOGWEIR, Server, logweir, wait_for};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const SECRET: &str = "opensesame";
const ALICE: &str = "alice77104";

/// Line `n` of a user, as JSON or as text.
fn line(user: &str, n: usize, secret: &str) -> String {
    match n % 3 {
        0 => {
            format!(r#"{{"level":"info","user_id":"{user}","message":"visit {n} to page {secret}","n":{n}}}"#)
        }
        1 => format!("2026-11-23T10:15:00Z INFO basket {n} of {user} has {secret}"),
        _ => format!("2026-11-23T10:15:01Z WARN login for user {user} number {n} {secret}"),
    }
}

/// Finds the lines of a user, in a field or in the text.
fn of(user: &str) -> String {
    format!("user:{user} OR {user}")
}

fn append(log: &Path, lines: impl Iterator<Item = String>) {
    let mut file = File::options().create(true).append(true).open(log).expect("opens");
    let text: String = lines.map(|line| line + "\n").collect();
    file.write_all(text.as_bytes()).expect("writes");
}

/// Both users' lines from `from` on.
fn two_users(log: &Path, numbers: std::ops::Range<usize>) {
    append(log, numbers.flat_map(|n| [line(ALICE, n, SECRET), line("bob88", n, "nothing")]));
}

/// What is below `dir` that holds `text`, as it is or inside of what is compressed.
fn holders(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(holders(&path, text));
        } else if holds(&fs::read(&path).unwrap_or_default(), text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
    found
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    let contains = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text));
    let frames = (0..bytes.len().saturating_sub(4)).filter(|&at| bytes[at..at + 4] == MAGIC);
    contains(bytes) || { frames }.any(|at| {
        let mut unpacked = Vec::new();
        let decoder = zstd::stream::read::Decoder::new(&bytes[at..]);
        // What only looks like the beginning of a frame ends in an error.
        let _ = decoder.expect("memory").single_frame().read_to_end(&mut unpacked);
        contains(&unpacked)
    })
}

fn raws(server: &Server, query: &str) -> Vec<String> {
    let raw = |hit: serde_json::Value| hit["raw"].as_str().expect("text").trim_end().to_owned();
    server.search(query).into_iter().map(raw).collect()
}

#[test]
fn a_deleted_user_is_in_no_file_any_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, data) = (dir.path().join("app.log"), dir.path().join("data"));
    two_users(&log, 0..300);
    let mut server = Server::start(dir.path(), &["--tail", common::path_text(&log)]);
    wait_for("all lines", || (server.count("*") == 600).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    // A first one makes a split of what is there, so that the second finds lines in splits and in the tail.
    let (code, said, errors) = logweir(&["delete", "--server", &url, "--yes", "nosuchuser99"]);
    assert_eq!(code, Some(0), "{said}{errors}");
    two_users(&log, 300..400);
    wait_for("more lines", || (server.count("*") == 800).then_some(()));
    assert!(!holders(&data, SECRET).is_empty(), "the search for it is sharp");

    let query = of(ALICE);
    let (code, said, _) = logweir(&["delete", "--server", &url, "--dry-run", &query]);
    assert!(code == Some(0) && said.contains("400 lines match"), "{said}");
    let (code, _, errors) = logweir(&["delete", "--server", &url, &query]);
    assert!(code == Some(2) && errors.contains("--yes"), "{errors}");
    assert_eq!(server.count("*"), 800, "nothing has gone yet");
    let (code, said, errors) = logweir(&["delete", "--server", &url, "--yes", "--wait", &query]);
    assert!(code == Some(0) && said.contains("done"), "{said}{errors}");
    check_gone(&server, &data);
    let (code, said, _) = logweir(&["delete", "--server", &url, "--status"]);
    assert!(code == Some(0) && said.matches("done").count() == 2 && said.contains("400"), "{said}");

    assert_eq!(server.process.terminate(), Some(0));
    check_files(&data);
    server.restart();
    check_gone(&server, &data);
    two_users(&log, 400..401);
    wait_for("lines that came later", || (server.count("*") == 402).then_some(()));
    assert_eq!(server.count(ALICE), 1, "later lines stay");
}

fn check_files(data: &Path) {
    for text in [ALICE, SECRET] {
        assert_eq!(holders(data, text), Vec::<String>::new(), "{text}");
    }
}

/// All of the other user's lines are there, once; none of the deleted one's; and no file has any.
fn check_gone(server: &Server, data: &Path) {
    check_files(data);
    let found = raws(server, "*");
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (400, 400));
    assert!((0..400).all(|n| found.contains(&line("bob88", n, "nothing"))));
    let patterns = common::get(server.http, "/api/v1/patterns").expect("patterns");
    assert!(!patterns.contains(ALICE) && !patterns.contains(SECRET), "{patterns}");
}

/// While lines arrive: those before the deletion go, later ones of the same user stay, nobody else's is missing.
#[test]
fn lines_that_arrive_after_a_deletion_stay() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("app.log");
    two_users(&log, 0..100);
    let server = Server::start(dir.path(), &["--tail", common::path_text(&log)]);
    wait_for("first lines", || (server.count("*") >= 200).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    let mut command = Command::new(LOGWEIR);
    command.args(["delete", "--server", &url, "--yes", "--wait", &of(ALICE)]);
    let mut deleting = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("starts");
    let mut written = 100;
    let status = wait_for("the deletion", || {
        two_users(&log, written..written + 5);
        written += 5;
        deleting.try_wait().expect("own child")
    });
    assert!(status.success());
    two_users(&log, written..written + 5);
    written += 5;
    wait_for("all lines of the other user", || (server.count(&of("bob88")) == written).then_some(()));
    let found = raws(&server, &of(ALICE));
    let first = written - found.len();
    assert!((100..written).contains(&first), "{first} of {written}");
    let mut expected: Vec<_> = (first..written).map(|n| line(ALICE, n, SECRET)).collect();
    let mut found = found;
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected, "exactly the last ones");
}

/// Killed as soon as the deletion was promised, and once more on the way: it is carried out all the same.
#[test]
fn a_deletion_that_was_promised_survives_kills() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, data) = (dir.path().join("app.log"), dir.path().join("data"));
    two_users(&log, 0..400);
    let mut server = Server::start(dir.path(), &["--tail", common::path_text(&log)]);
    wait_for("all lines", || (server.count("*") == 800).then_some(()));
    let url = format!("http://127.0.0.1:{}", server.http);
    let (code, said, errors) = logweir(&["delete", "--server", &url, "--yes", &of(ALICE)]);
    assert_eq!(code, Some(0), "{said}{errors}");
    server.process.kill();
    server.restart_unready();
    server.process.kill();
    server.restart();
    let (code, said, errors) = logweir(&["delete", "--server", &url, "--status", "--wait"]);
    assert!(code == Some(0) && said.matches("done").count() == 1, "{said}{errors}");
    check_gone(&server, &data);
}

/// What must not be done over HTTP.
#[test]
fn what_cannot_be_deleted_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let post = |parameters: &str, origin: Option<&str>| {
        let url = format!("http://127.0.0.1:{}/api/v1/delete{parameters}", server.http);
        let request = agent.post(&url);
        let request = origin.into_iter().fold(request, |request, origin| request.header("origin", origin));
        request.send_empty().expect("answers").status().as_u16()
    };
    assert_eq!(post("?q=user:1", Some("http://evil.example")), 403);
    assert_eq!(post("?q=user:1", Some("null")), 403);
    assert_eq!(post("", None), 400);
    assert_eq!(post("?q=", None), 400);
    assert_eq!(post("?q=user:(", None), 400);
    assert_eq!(post("?q=pattern:5f0e9a1c", None), 400);
    assert_eq!(post("?q=x&since=1h", None), 400);
    assert_eq!(common::get(server.http, "/api/v1/delete").expect("a list"), "{\"deletions\":[]}\n");
    assert_eq!(common::get_any(server.http, "/api/v1/delete/00000000").0, 404);
    assert_eq!(post("?q=user:1", Some(&format!("http://127.0.0.1:{}", server.http))), 200);
    let url = format!("http://127.0.0.1:{}", server.http);
    let (code, said, _) = logweir(&["delete", "--server", &url, "--status", "-o", "json"]);
    assert!(code == Some(0) && said.contains("\"lines_removed\":0"), "{said}");
}
