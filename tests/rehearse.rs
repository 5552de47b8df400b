//! `logweir test` and `logweir replay` as people use them: the rules that come with it pass their tests, a test that fails says how,
//! and a replay finds in a server's data what was put there.

mod common;

use common::{Server, check, logweir, path_text, ship_once, wait_for};
use logweir_base::time::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn rules() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules")
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, text).expect("writes");
    path
}

#[test]
fn the_rules_that_come_with_it_pass_their_tests() {
    let rules = rules();
    let (code, stdout, stderr) = logweir(&["test", path_text(&rules)]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let files: Vec<PathBuf> =
        fs::read_dir(&rules).expect("is there").map(|it| it.expect("is read").path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in &files {
        assert!(stdout.contains(path_text(file)), "{} has no test\n{stdout}", file.display());
    }
    check(&["validate", path_text(&rules)], 0, "fine");
}

const RULE: &str =
    "[[rule]]\nname = 'errors'\ntype = 'threshold'\nsearch = 'level:error'\nby = ['service']\nabove = 3\n";

/// A test of [`RULE`] with five errors, and what it expects.
fn case(expect: &str) -> String {
    format!(
        "{RULE}[[test]]\nname = 'five errors'\nlines = [{{ at = '1m', service = 'shop', text = '{{\"level\":\"error\"}}', count = 5 }}]\n\
         expect = [{expect}]\n"
    )
}

/// What is wrong is shown beside what was expected, and the exit code says it.
#[test]
fn a_test_that_fails_says_how() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |expect: &str| {
        let file = write(dir.path(), "a.toml", &case(expect));
        let (code, stdout, stderr) = logweir(&["test", path_text(&file)]);
        (code, stdout.lines().skip(1).map(|line| line.trim().to_owned()).collect::<Vec<_>>(), stderr)
    };
    let (code, lines, stderr) =
        run("{ at = '4m', alerts = [{ rule = 'errors', labels = { service = 'shop' } }] }");
    assert_eq!((code, lines, stderr.as_str()), (Some(0), vec![], ""));
    let (code, lines, stderr) =
        run("{ at = '4m', alerts = [{ rule = 'errors', labels = { service = 'cart' } }] }");
    let expected = [
        "at 4m, alerts that fire:",
        "- errors{service=\"cart\"}    expected, and is not there",
        "+ errors{service=\"shop\", severity=\"error\"}    is there, and is not expected",
    ];
    assert_eq!((code, lines.as_slice()), (Some(1), expected.map(str::to_owned).as_slice()));
    assert!(stderr.contains("1 of 1 tests failed"), "{stderr}");
    let (code, lines, _) =
        run("{ at = '4m', pages = [], mail_contains = ['no such'], mail_lacks = ['shop'] }");
    assert_eq!(code, Some(1));
    assert!(lines.contains(&"- \"no such\"    expected, and in none of them".to_owned()), "{lines:?}");
    assert!(lines.contains(&"+ \"shop\"    in one of them, and should not be".to_owned()), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("+ firing errors")), "{lines:?}");
}

#[test]
fn a_file_that_is_wrong_is_told_by_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let told = |text: &str, code: i32, said: &str| {
        let file = write(dir.path(), "a.toml", text);
        check(&["test", path_text(&file)], code, said);
    };
    told(RULE, 1, "there is no test");
    told(&case(""), 78, "a.toml:8:8: it expects nothing");
    told(&case("{ at = '1m', alert = [] }"), 78, "unknown key `alert`; did you mean `alerts`?");
    told(&case("{ at = '1m', alerts = [{ rule = 'error' }] }"), 78, "a.toml:10:11: there is no rule `error`");
    let samples = |values: &str| {
        case("{ at = '1m', pages = [] }") + &format!("samples = [{{ series = 'up', values = '{values}' }}]\n")
    };
    told(&samples("1 x 2"), 78, "`x` is no value");
    told(&samples("1+1x3"), 0, "");
    let lines =
        case("{ at = '1m', pages = [] }").replace("text = '{\"level\":\"error\"}'", "from = 'none.log'");
    told(&lines, 1, "none.log");
}

/// Tests about what people do, with lines of a file.
const PEOPLE: &str = "[[test]]
name = 'somebody looks after it'
lines = [{ at = '1m', service = 'shop', from = 'four.log' }]
actions = [{ at = '4m', do = 'acknowledge', rule = 'errors' }]
expect = [
    { at = '3m', pages = [{ to = 'duty', status = 'firing' }] },
    { at = '5m', pages = [{ status = 'firing' }, { status = 'acknowledged' }] },
]
[[test]]
name = 'nobody wants to hear of it'
lines = [{ at = '1m', service = 'shop', from = 'four.log' }, { at = '1m', service = 'cart', from = 'four.log' }]
actions = [{ at = '10s', do = 'silence', labels = { service = 'shop' }, for = '1h' }]
expect = [{ at = '5m', alerts = [{ rule = 'errors' }, { rule = 'errors' }], pages = [{ labels = { service = 'cart' } }] }]
";

/// `-c` gives the receivers; an acknowledgement is told where incidents are kept open, and a silence keeps its labels quiet.
#[test]
fn what_people_do_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let receiver = "[[receiver]]\nname = 'duty'\ntype = 'pagerduty'\nsecret_file = 'none'\n";
    let receiver = write(dir.path(), "receiver.toml", receiver);
    write(dir.path(), "four.log", &"{\"level\":\"error\"}\n".repeat(4));
    let file = write(dir.path(), "a.toml", &format!("{RULE}{PEOPLE}"));
    let (code, stdout, stderr) = logweir(&["test", "-c", path_text(&receiver), path_text(&file)]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    assert_eq!(stdout.matches("ok ").count(), 2, "{stdout}");
    // Without the receiver nobody is told that somebody looks after it.
    check(&["test", path_text(&file)], 1, "- acknowledged any to any");
}

/// What the manual shows is so.
#[test]
fn the_example_of_the_manual_passes() {
    let dir = tempfile::tempdir().expect("a directory");
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rule-tests.md");
    let manual = fs::read_to_string(manual).expect("the manual");
    let example =
        manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    check(&["test", path_text(&write(dir.path(), "a.toml", example))], 0, "ok ");
}

/// Errors in one minute two hours ago, and a steady trickle around them.
fn log(dir: &Path, start: Timestamp) -> PathBuf {
    let line = |second: u64, level: &str| {
        let time = start.plus(Duration::from_secs(second));
        format!(
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"service\":\"shop\",\"message\":\"order {second}\"}}\n"
        )
    };
    let mut text = String::new();
    for second in (0..5_400).step_by(5) {
        text.push_str(&line(second, "info"));
        if (1_800..1_860).contains(&second) {
            text.push_str(&line(second, "error"));
        }
    }
    let logs = dir.join("logs");
    fs::create_dir_all(&logs).expect("creates");
    write(&logs, "app.log", &text)
}

#[test]
fn a_replay_finds_what_would_have_paged() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let now = SystemClock.now();
    let start = Timestamp::from_seconds(now.0 / 1_000_000_000 / 60 * 60 - 7_200);
    let log = log(dir.path(), start);
    ship_once(dir.path(), server.ingest, &[&log]);
    wait_for("all lines", || (server.count("level:error") == 12 && server.count("*") >= 1_092).then_some(()));
    let rules = format!(
        "{}\n[[rule]]\nname = 'rate'\ntype = 'threshold'\npromql = 'sum by (service) (increase(log_errors_total[5m]))'\nabove = 3\n",
        RULE.replace("above = 3", "above = 3\nkeep_firing_for = '1m'")
    );
    let rules = write(dir.path(), "rules.toml", &rules);
    let url = format!("http://127.0.0.1:{}", server.http);
    let replay = |more: &[&str]| {
        let args = ["replay", "--server", &url, "--rule", path_text(&rules), "--since", "3h"];
        let (code, stdout, stderr) = logweir(&[&args, more].concat());
        assert_eq!(code, Some(0), "{stdout}{stderr}");
        (stdout, stderr)
    };
    let (json, _) = replay(&["-o", "json"]);
    let told: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let of = |rule: &str| -> Vec<(String, Timestamp)> {
        let of_it = told.iter().filter(|page| page["rule"] == rule);
        let time = |page: &Value| Timestamp::parse(page["time"].as_str().expect("a time")).expect("a time");
        of_it.map(|page| (page["status"].as_str().expect("a status").to_owned(), time(page))).collect()
    };
    for rule in ["errors", "rate"] {
        let pages = of(rule);
        let [(fired, at), (resolved, over)] = pages.as_slice() else { panic!("{rule}: {pages:?}\n{json}") };
        assert_eq!((fired.as_str(), resolved.as_str()), ("fired", "resolved"));
        // The fourth error is 15 s into the minute; rules look half a minute back.
        let after = at.since(start.plus(Duration::from_secs(1_815))).as_secs();
        assert!((10..=60).contains(&after), "{rule}: fired after {after} s");
        let lasted = over.since(*at).as_secs();
        assert!((300..=900).contains(&lasted), "{rule}: fired for {lasted} s");
    }
    let (text, notes) = replay(&[]);
    assert!(text.contains("2 pages in 3h, "), "{text}");
    assert!(text.contains("errors  1 fired, 0 told again, 1 resolved"), "{text}");
    assert!(notes.contains("resolved, muted or silenced"), "{notes}");
    let none =
        write(dir.path(), "none.toml", "[[rule]]\nname = 'none'\ntype = 'absence'\npromql = 'nowhere'\n");
    check(
        &["replay", "--server", &url, "--rule", path_text(&none)],
        0,
        "`nowhere`: there is nothing in this time",
    );
    check(&["replay", "--server", &url, "--rule", path_text(&rules), "--since", "soon"], 2, "--since");
}
