//! Exceptions and alerts end to end: from a line of a file to what a receiver is told, through receivers that do not answer and
//! servers that are killed. Real mail servers and a real Alertmanager are in `tests/receivers.rs`.

#![allow(clippy::print_stdout)] // how many came twice must be seen

mod common;
#[path = "common/hook.rs"]
mod hook;

use common::{Server, check, get, logweir, path_text, wait_for};
use hook::{Answer, Hook};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Of an exception of a type, as a logger writes it.
fn line(kind: &str, trace: u64) -> String {
    format!(
        "{{\"level\":\"error\",\"service\":\"shop\",\"message\":\"order failed\",\"trace_id\":\"4bf92f3577b34da6a3ce{trace:012x}\",\
         \"user\":\"u{trace}\",\"stack_trace\":\"com.shop.{kind}: no {trace}\\n\\tat com.shop.Orders.place(Orders.java:4{trace})\"}}\n"
    )
}

fn append(path: &Path, text: &str) {
    let file = File::options().create(true).append(true).open(path);
    file.expect("opens").write_all(text.as_bytes()).expect("writes");
}

/// A server that tails `app.log`, tells the hook of exceptions, and has these settings too.
fn start(dir: &Path, hook: &Hook, more: &str) -> Server {
    let config = dir.join("logweir.toml");
    let text = format!(
        "[alerts]\nallow_private = [\"127.0.0.1\"]\ngrace = \"0s\"\nstorm = 1000\n{more}\n[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\n\
         url = \"http://127.0.0.1:{}/\"\nrate_max = 10000\n[[rule]]\nname = \"exceptions\"\ntype = \"exception\"\n",
        hook.port
    );
    std::fs::write(&config, text).expect("writes");
    Server::start(dir, &["-c", path_text(&config), "--tail", path_text(&dir.join("app.log"))])
}

fn json(port: u16, path: &str) -> Value {
    let body = get(port, path).unwrap_or_else(|e| panic!("{path}: {e}"));
    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{path}: {e}\n{body}"))
}

/// The one exception there is, once it has come so often.
fn exception(server: &Server, count: u64) -> Value {
    wait_for("the exception", || {
        let all = json(server.http, "/api/v1/exceptions?state=all");
        let one = all["exceptions"].as_array()?.first()?.clone();
        (one["count"] == count).then_some(one)
    })
}

#[test]
fn an_exception_is_told_decided_about_and_remembered() {
    let dir = tempfile::tempdir().expect("a directory");
    let hook = Hook::start(&[]);
    let mut server = start(dir.path(), &hook, "");
    let url = format!("http://127.0.0.1:{}", server.http);
    check(
        &["deploy", "--server", &url, "--service", "shop", "--version", "1.2", "--by", "ann"],
        0,
        "shop 1.2 is deployed",
    );
    append(&dir.path().join("app.log"), &(line("Boom", 1) + &line("Boom", 2)));
    let group = exception(&server, 2);
    assert_eq!((group["state"].as_str(), group["users"].as_u64()), (Some("new"), Some(2)));
    assert_eq!((group["type"].as_str(), group["deploy"].as_str()), (Some("com.shop.Boom"), Some("1.2")));
    let call = wait_for("the hook to be told", || hook.taken().first().cloned());
    let alert = &call.body["alerts"][0];
    assert_eq!(call.body["status"], "firing");
    assert_eq!(alert["labels"]["exception"], "com.shop.Boom");
    let traces = alert["annotations"]["trace_ids"].as_str().expect("traces");
    assert!(traces.contains("4bf92f3577b34da6a3ce000000000001"), "{traces}");
    assert!(
        alert["annotations"]["deploy"].as_str().is_some_and(|deploy| deploy.contains("1.2 by ann")),
        "{alert}"
    );
    assert_eq!(server.count("since:deploy level:error"), 2);
    assert_eq!(server.count("since:deploy/shop level:error"), 2);
    check(&["search", "--server", &url, "--since", "deploy", "level:error"], 0, "order failed");
    check(&["search", "--server", &url, "since:deploy/none"], 2, "no such deploy is known");
    check(&["status", "--server", &url], 0, "alerter");
    // From the trace to what it took part in, here and in the story.
    let path = "/api/v1/alerts?trace=4bf92f3577b34da6a3ce000000000002";
    let took_part = json(server.http, path);
    assert_eq!(took_part["data"]["exceptions"][0]["id"], group["id"]);
    assert_eq!(took_part["data"]["episodes"][0]["rule"], "exceptions");
    check(&["trace", "--server", &url, "4bf92f3577b34da6a3ce000000000002"], 0, "took part in");
    server.process.kill();
    server.restart();
    assert_eq!(exception(&server, 2)["id"], group["id"]);
    let id = group["id"].as_str().expect("an id");
    check(&["exceptions", "resolve", "--server", &url, &id[..6], "--by", "ann"], 0, "resolved");
    check(&["exceptions", "--server", &url], 0, "no exceptions");
    check(&["exceptions", "show", "--server", &url, id], 0, "resolved by ann");
    append(&dir.path().join("app.log"), &line("Boom", 3));
    wait_for("the regression to be told", || hook.taken().get(1).cloned());
    assert_eq!(hook.taken()[1].body["alerts"][0]["labels"]["state"], "regressed");
    check(&["exceptions", "mute", "--server", &url, id, "--count", "5"], 0, "muted");
    check(&["exceptions", "list", "--state", "muted", "--server", &url], 0, "com.shop.Boom");
    let ids: Vec<_> = hook.calls().iter().map(|call| call.id.clone()).collect();
    assert_eq!(ids.len(), 2, "nobody is told twice: {ids:?}");
}

#[test]
fn mistakes_of_those_who_decide_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = start(dir.path(), &Hook::start(&[]), "");
    let url = format!("http://127.0.0.1:{}", server.http);
    check(&["exceptions", "resolve", "--server", &url, "abc"], 2, "there is no exception `abc`");
    check(&["exceptions", "--server", &url, "--state", "old"], 2, "state: `old` is not all or one of new,");
    check(&["alerts", "silence", "--server", &url, "x", "--until", "2h"], 2, "`x` is not LABEL=VALUE");
    check(
        &["alerts", "silence", "--server", &url, "a=b", "--until", "yesterday"],
        2,
        "is not a time to come",
    );
    check(&["alerts", "acknowledge", "--server", &url, "abc"], 2, "there is no alert firing");
    check(&["alerts", "unsilence", "--server", &url, "abc"], 2, "there is no silence");
    check(
        &["deploy", "--server", &url, "--service", "shop", "--version", "1", "--at", "2999-01-01T00:00Z"],
        2,
        "has been",
    );
    check(&["alerts", "--server", &url], 0, "no alerts");
    check(&["alerts", "history", "--server", &url], 0, "no alert has fired");
}

/// A07, A08: who does not answer, or not now, is asked again under the same id; who refuses is not.
#[test]
fn a07_a08_a_receiver_that_does_not_answer_is_asked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let hook = Hook::start(&[Answer::Later(1), Answer::Status(500), Answer::Close]);
    let server = start(dir.path(), &hook, "");
    append(&dir.path().join("app.log"), &line("Boom", 1));
    let taken = wait_for("it to be taken", || hook.taken().first().cloned());
    let calls = hook.calls();
    let statuses: Vec<u16> = calls.iter().map(|call| call.status).collect();
    assert_eq!(statuses, [429, 500, 0, 200]);
    assert!(calls.iter().all(|call| call.id == taken.id), "{calls:?}");
    drop(server);
    for answer in [Answer::Redirect, Answer::Status(404)] {
        let dir = tempfile::tempdir().expect("a directory");
        let hook = Hook::start(&[answer]);
        let server = start(dir.path(), &hook, "");
        append(&dir.path().join("app.log"), &line("Boom", 1));
        wait_for("it to be refused", || {
            server.process.output().contains("receiver hook: it answers").then_some(())
        });
        append(&dir.path().join("app.log"), &line("Bang", 1));
        wait_for("the next one to be taken", || hook.taken().first().cloned());
        assert_eq!(hook.calls().len(), 2, "what was refused is not sent again");
    }
}

/// A private address is not asked unless it is allowed.
#[test]
fn a_receiver_may_not_lead_into_the_house() {
    let dir = tempfile::tempdir().expect("a directory");
    let hook = Hook::start(&[]);
    let config = dir.path().join("guarded.toml");
    let text = format!(
        "[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\n[[rule]]\nname = \"e\"\ntype = \"exception\"\n",
        hook.port
    );
    std::fs::write(&config, text).expect("writes");
    let log = dir.path().join("app.log");
    append(&log, &line("Boom", 1));
    let server = Server::start(dir.path(), &["-c", path_text(&config), "--tail", path_text(&log)]);
    let said = "is a private address: allow it with allow_private = [\"127.0.0.1\"] in [alerts]";
    wait_for("it to be refused", || server.process.output().contains(said).then_some(()));
    assert_eq!(hook.calls().len(), 0);
}

/// A04, and the storm: thirty kills while alerts come; each is told, and twice only where a kill fell between the receiver's
/// answer and our note of it, under the same id.
#[test]
fn thirty_kills_in_a_storm_lose_no_alert() {
    const KILLS: u64 = 30;
    let dir = tempfile::tempdir().expect("a directory");
    let hook = Hook::start(&[]);
    let mut server = start(dir.path(), &hook, "");
    let mut dice = common::Dice(7);
    let mut kinds = Vec::new();
    for kill in 0..KILLS {
        for i in 0..5 {
            let kind = format!(
                "Boom{}",
                "abcdefghijklmnopqrstuvwxyz"
                    .chars()
                    .cycle()
                    .skip(i)
                    .take(2 + kill as usize)
                    .collect::<String>()
            );
            append(&dir.path().join("app.log"), &line(&kind, kill));
            kinds.push(format!("com.shop.{kind}"));
        }
        let calls = hook.calls().len() + dice.below(4) as usize;
        let started = std::time::Instant::now();
        // Some calls later, or a little later when none come.
        wait_for("a moment to kill", || {
            (hook.calls().len() >= calls || started.elapsed().as_millis() > 800).then_some(())
        });
        server.process.kill();
        server.restart();
    }
    let told = |hook: &Hook| {
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for call in hook.taken() {
            let kind = call.body["alerts"][0]["labels"]["exception"].as_str().unwrap_or_default().to_owned();
            ids.entry(kind).or_default().push(call.id);
        }
        ids
    };
    wait_for("all to be told", || kinds.iter().all(|kind| told(&hook).contains_key(kind)).then_some(()));
    let told = told(&hook);
    let twice: usize = told.values().map(|ids| ids.len() - 1).sum();
    println!("{} kinds, {twice} told twice in {KILLS} kills", told.len());
    assert!(twice as u64 <= KILLS, "{twice}");
    for (kind, ids) in &told {
        assert!(ids.iter().all(|id| *id == ids[0]), "{kind}: {ids:?}");
    }
    assert_eq!(told.len(), kinds.len());
}

/// A restart while an alert fires tells nobody; its end is told once.
#[test]
fn a_restart_while_firing_tells_nobody() {
    let dir = tempfile::tempdir().expect("a directory");
    let hook = Hook::start(&[]);
    let rule = "[[rule]]\nname = \"many\"\ntype = \"threshold\"\nsearch = \"message:order\"\nby = [\"service\"]\nwindow = \"10s\"\nabove = 1\n\
                keep_firing_for = \"0s\"\n";
    let config = dir.path().join("rule.toml");
    std::fs::write(&config, rule).expect("writes");
    let text = format!(
        "[alerts]\nallow_private = [\"127.0.0.1\"]\ngrace = \"0s\"\n[[receiver]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\n",
        hook.port
    );
    let main = dir.path().join("main.toml");
    std::fs::write(&main, text).expect("writes");
    let log = dir.path().join("app.log");
    let mut server = Server::start(
        dir.path(),
        &["-c", path_text(&main), "-c", path_text(&config), "--tail", path_text(&log)],
    );
    append(&log, &(1..9).map(|i| line("Boom", i)).collect::<String>());
    let fired = wait_for("the alert", || hook.taken().first().cloned());
    assert_eq!(fired.body["alerts"][0]["labels"]["service"], "shop");
    // Before the server has noted that it was taken, a kill would have it sent once more, under the same id.
    let noted = "logweir_alert_notifications_total{result=\"taken\"} 1";
    wait_for("it to be noted", || get(server.http, "/metrics").ok().filter(|page| page.contains(noted)));
    server.process.kill();
    server.restart();
    let ended = wait_for("its end", || hook.taken().get(1).cloned());
    assert_eq!(ended.body["status"], "resolved");
    let (_, history, _) =
        logweir(&["alerts", "history", "--server", &format!("http://127.0.0.1:{}", server.http)]);
    assert!(history.contains("many: 8 is more than 1 for service=shop"), "{history}");
    assert_eq!(hook.calls().len(), 2);
}
