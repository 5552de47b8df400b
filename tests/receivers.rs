//! Real receivers: a mail server (aiosmtpd) that answers 451, 550, nothing, or drops the connection before its answer, and
//! Debian's Alertmanager. What is not installed here is said and skipped; `.ci/run` installs both.

#![allow(clippy::print_stdout)] // what is skipped must be seen

mod common;

use common::{Process, Server, free_port, path_text, wait_for};
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mail server: answers as each line of a script says (`451`, `550`, `drop`, `hang`, then 250), and writes what came as JSON lines.
const MAIL_SERVER: &str = r#"
import asyncio, json, sys
from aiosmtpd.controller import Controller
port, script, out = int(sys.argv[1]), sys.argv[2].split(","), sys.argv[3]
class Handler:
    async def handle_DATA(self, server, session, envelope):
        how = script.pop(0) if script else "250"
        with open(out, "a") as f:
            f.write(json.dumps({"how": how, "from": envelope.mail_from, "to": envelope.rcpt_tos,
                                "mail": envelope.content.decode("utf-8", "replace")}) + "\n")
        if how == "drop":
            server.transport.abort()
            return "250 gone"
        if how == "hang":
            await asyncio.sleep(3600)
        return {"451": "451 later", "550": "550 never"}.get(how, "250 taken")
controller = Controller(Handler(), hostname="127.0.0.1", port=port)
controller.start()
print("ready", flush=True)
asyncio.new_event_loop().run_forever()
"#;

fn python() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/senders/bin/python");
    let has = Command::new(&path).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
    let found = has.is_ok_and(|status| status.success());
    if !found {
        println!("skipped: aiosmtpd is not installed in target/senders (.ci/run does that)");
    }
    found.then_some(path)
}

/// A mail server that does as the script says, and the file of what came.
fn mail_server(dir: &Path, script: &str) -> Option<(Process, u16, PathBuf)> {
    let python = python()?;
    let (port, out, log) = (free_port(), dir.join("mails"), dir.join("mail.log"));
    let args = ["-c", MAIL_SERVER, &port.to_string(), script, path_text(&out)].map(str::to_owned);
    let process = Process::start(path_text(&python), &args, &log);
    wait_for("the mail server", || process.output().contains("ready").then_some(()));
    Some((process, port, out))
}

fn mails(out: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(out).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn header<'m>(mail: &'m Value, name: &str) -> &'m str {
    let text = mail["mail"].as_str().expect("a mail");
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).trim()
}

/// A server whose one receiver is this.
fn server(dir: &Path, receiver: &str) -> Server {
    let config = dir.join("logweir.toml");
    let text = format!(
        "[alerts]\nallow_private = [\"127.0.0.1\"]\n[[receiver]]\nname = \"it\"\n{receiver}\n[[rule]]\nname = \"exceptions\"\ntype = \"exception\"\n"
    );
    std::fs::write(&config, text).expect("writes");
    Server::start(dir, &["-c", path_text(&config), "--tail", path_text(&dir.join("app.log"))])
}

/// An exception whose message would like to be a header, an element, and to turn the text round.
fn throw(dir: &Path, kind: &str) {
    let hostile =
        "no \\r\\nBcc: all@example.org\\r\\n\\r\\n<script>alert(1)</script> \\u001b[31m \\u202e dlrow";
    let line = format!(
        "{{\"level\":\"error\",\"service\":\"shop\",\"message\":\"failed\",\"error.type\":\"{kind}\",\"error.message\":\"{hostile}\"}}\n"
    );
    let file = File::options().create(true).append(true).open(dir.join("app.log"));
    file.expect("opens").write_all(line.as_bytes()).expect("writes");
}

/// A06: what the server says later to, or never answers, comes again as the same mail.
#[test]
fn a06_a_mail_that_is_not_taken_comes_again_as_the_same_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_mail, port, out)) = mail_server(dir.path(), "451,drop") else { return };
    let receiver = format!(
        "type = \"email\"\nurl = \"smtp://127.0.0.1:{port}\"\nto = [\"oncall@example.org\"]\nfrom = \"logweir@example.org\""
    );
    let _server = server(dir.path(), &receiver);
    throw(dir.path(), "Boom");
    let all = wait_for("the mail to be taken", || Some(mails(&out)).filter(|mails| mails.len() == 3));
    let how: Vec<_> = all.iter().map(|mail| mail["how"].as_str().expect("a word")).collect();
    assert_eq!(how, ["451", "drop", "250"]);
    let ids: Vec<_> = all.iter().map(|mail| header(mail, "Message-ID")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "{ids:?}");
    let mail = &all[2];
    assert_eq!(
        (&mail["from"], &mail["to"][0]),
        (&"logweir@example.org".into(), &"oncall@example.org".into())
    );
    assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
    let text = mail["mail"].as_str().expect("a mail");
    let (head, _) = text.split_once("\r\n\r\n").or_else(|| text.split_once("\n\n")).expect("a head");
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
    let (_, html) = text.split_once("text/html").expect("an HTML part");
    assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"), "{html}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert!(text.len() < 100_000);
}

#[test]
fn a_mail_that_is_refused_is_given_up_and_the_next_one_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let Some((_mail, port, out)) = mail_server(dir.path(), "550") else { return };
    let receiver =
        format!("type = \"email\"\nurl = \"smtp://127.0.0.1:{port}\"\nto = [\"oncall@example.org\"]");
    let server = server(dir.path(), &receiver);
    throw(dir.path(), "Boom");
    wait_for("it to be refused", || server.process.output().contains("receiver it:").then_some(()));
    throw(dir.path(), "Bang");
    let all = wait_for("the next one", || Some(mails(&out)).filter(|mails| mails.len() == 2));
    assert_eq!((&all[0]["how"], &all[1]["how"]), (&"550".into(), &"250".into()));
    assert_ne!(header(&all[0], "Message-ID"), header(&all[1], "Message-ID"));
}

/// Our alerts in a real Alertmanager, as its own tool lists them.
#[test]
fn alertmanager_lists_our_alerts() {
    let found = Command::new("amtool").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: prometheus-alertmanager is not installed (.ci/run does that)");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (port, config) = (free_port(), dir.path().join("alertmanager.yml"));
    std::fs::write(&config, "route:\n  receiver: none\nreceivers:\n  - name: none\n").expect("writes");
    let args = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", dir.path().join("alertmanager").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let _alertmanager =
        Process::start("prometheus-alertmanager", &args, &dir.path().join("alertmanager.log"));
    wait_for("Alertmanager", || common::get(port, "/-/ready").ok());
    let _server = server(dir.path(), &format!("type = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}\""));
    throw(dir.path(), "Boom");
    let url = format!("--alertmanager.url=http://127.0.0.1:{port}");
    let list = || {
        let output = Command::new("amtool").args([url.as_str(), "alert", "--output=json"]).output().ok()?;
        serde_json::from_slice::<Value>(&output.stdout).ok()?.as_array()?.first().cloned()
    };
    let alert = wait_for("the alert to be listed", list);
    assert_eq!(alert["labels"]["alertname"], "exceptions");
    assert_eq!(alert["labels"]["exception"], "Boom");
    assert_eq!(alert["status"]["state"], "active");
}
