//! Fault cases that need the real binaries: each test is named after its id in the fault catalogue (README, "Tests").

mod common;

use bytes::BytesMut;
use common::{Server, Shipper, get_any, logweir, path_text, ship_once, try_ship_once, wait_for};
use logweir_base::frame::{Frame, Hello, RawFrame};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

fn write_lines(path: &Path, word: &str, count: usize) {
    let mut file = fs::File::options().create(true).append(true).open(path).expect("the log opens");
    for n in 0..count {
        writeln!(file, "{word} {n}").expect("the log takes a line");
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for entry in fs::read_dir(from).expect("lists") {
        let entry = entry.expect("lists");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copies");
        }
    }
}

fn status(server: &Server) -> Option<serde_json::Value> {
    serde_json::from_str(&get_any(server.http, "/api/v1/status").1).ok()
}

struct World {
    dir: tempfile::TempDir,
    server: Server,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(extra: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), extra);
        Self { dir, server }
    }

    /// A world whose server writes a split every 20 lines.
    fn with_small_splits() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("logweir.toml");
        fs::write(&file, "[index]\nrun_size = \"1KiB\"\nsplit_lines_max = 20\n").expect("writes");
        let server = Server::start(dir.path(), &["-c", path_text(&file)]);
        Self { dir, server }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn ship(&self, log: &Path) {
        ship_once(self.dir.path(), self.server.ingest, &[log]);
    }
}

/// A line that is acknowledged is found by the very next search.
#[test]
fn an_acknowledged_line_is_found_by_the_next_search() {
    let world = World::new();
    let log = world.path("app.log");
    for round in 1..=15 {
        write_lines(&log, &format!("round{round}"), 1);
        world.ship(&log);
        assert_eq!(world.server.count(&format!("round{round}")), 1);
        assert_eq!(world.server.count("*"), round);
    }
}

/// T37, T38, T39: a checkpoint that is torn, lost or old brings neither loss nor doubles.
#[test]
fn t37_t38_t39_a_broken_lost_or_old_checkpoint_is_harmless() {
    let world = World::new();
    let (log, state) = (world.path("app.log"), world.path("shipper-state"));
    write_lines(&log, "first", 500);
    world.ship(&log);
    copy_dir(&state, &world.path("old-state"));
    write_lines(&log, "second", 500);
    world.ship(&log);

    fs::remove_dir_all(&state).expect("the state goes");
    copy_dir(&world.path("old-state"), &state);
    write_lines(&log, "third", 10);
    world.ship(&log);
    assert_eq!(world.server.count("*"), 1010, "old state");

    for entry in fs::read_dir(&state).expect("lists") {
        let path = entry.expect("lists").path();
        let bytes = fs::read(&path).expect("reads");
        fs::write(&path, vec![0; bytes.len()]).expect("zeroes");
    }
    write_lines(&log, "fourth", 10);
    world.ship(&log);
    assert_eq!(world.server.count("*"), 1020, "zeroed state");

    fs::remove_dir_all(&state).expect("the state goes");
    write_lines(&log, "fifth", 10);
    world.ship(&log);
    assert_eq!(world.server.count("*"), 1030, "lost state");
}

/// D16: two servers on one data directory, two shippers on one state directory: the second is refused and says why.
#[test]
fn d16_a_second_process_on_the_same_directory_is_refused() {
    let world = World::new();
    let data = world.path("data");
    let args = ["run", "--data", path_text(&data), "--http", "127.0.0.1:0", "--ingest", "127.0.0.1:0"];
    let (code, _, errors) = logweir(&args);
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains(path_text(&data)), "{errors}");

    let log = world.path("app.log");
    write_lines(&log, "x", 1);
    let _first = Shipper::start(world.dir.path(), world.server.ingest, &[], &[path_text(&log)]);
    wait_for("the first shipper to deliver", || (world.server.count("*") == 1).then_some(()));
    let (code, errors) = try_ship_once(&world.path("shipper-state"), world.server.ingest, &[], &[&log]);
    assert_eq!(code, Some(1), "{errors}");
}

/// D15: an index that belongs to another journal is refused with instructions; one that is simply gone is built anew.
#[test]
fn d15_an_index_of_another_journal_is_refused() {
    let mut world = World::with_small_splits();
    let log = world.path("app.log");
    write_lines(&log, "x", 400);
    world.ship(&log);
    let mut other = World::with_small_splits();
    let other_log = other.path("app.log");
    write_lines(&other_log, "y", 400);
    other.ship(&other_log);
    for world in [&mut world, &mut other] {
        wait_for("a split", || (status(&world.server)?["index"]["splits"].as_u64()? > 0).then_some(()));
        assert_eq!(world.server.process.terminate(), Some(0), "{}", world.server.process.output());
    }
    fs::remove_dir_all(world.path("data/index")).expect("the index goes");
    copy_dir(&other.path("data/index"), &world.path("data/index"));
    world.server.restart_unready();
    let code = wait_for("the server to refuse", || world.server.process.exit_code());
    assert_eq!(code, Some(1));
    assert!(world.server.process.output().contains("journal"), "{}", world.server.process.output());

    fs::remove_dir_all(world.path("data/index")).expect("the index goes");
    world.server.restart();
    assert_eq!(world.server.count("x"), 400, "an index that is gone is filled from the journal");
}

/// D03: a journal that is full because a sink takes nothing holds up acknowledgements, and neither searches nor a new start.
#[test]
fn d03_a_server_whose_journal_is_full_starts_and_searches() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = dir.path().join("full.toml");
    let dead = common::free_port();
    let text = format!(
        "[journal]\nsize_max = \"4MiB\"\nsegment_size = \"1MiB\"\nballast_size = \"1MiB\"\n\
         [[sink]]\nname = \"dead\"\ntype = \"tcp\"\naddress = \"127.0.0.1:{dead}\"\n[[route]]\nto = [\"dead\"]\n"
    );
    fs::write(&config, text).expect("writes");
    let log = dir.path().join("app.log");
    write_lines(&log, &format!("flood {}", "x".repeat(300)), 20_000);
    let mut server = Server::start(dir.path(), &["-c", path_text(&config)]);
    let _shipper = Shipper::start(dir.path(), server.ingest, &[], &[path_text(&log)]);
    let is_full = |server: &Server| status(server).filter(|s| s["journal"]["full"].is_string()).map(drop);
    wait_for("the journal to be full", || is_full(&server));
    let found = server.count("flood");
    assert!(found > 0);
    server.process.kill();
    server.restart();
    wait_for("the journal to be full again", || is_full(&server));
    assert_eq!(server.count("flood"), found);
}

/// S01, S02: SIGTERM ends server and shipper cleanly, also when the server cannot be reached.
#[test]
fn s01_sigterm_ends_cleanly_without_the_network() {
    let mut world = World::new();
    let log = world.path("app.log");
    write_lines(&log, "x", 1000);
    let mut shipper = Shipper::start(world.dir.path(), world.server.ingest, &[], &[path_text(&log)]);
    wait_for("delivery", || (world.server.count("*") == 1000).then_some(()));
    assert_eq!(world.server.process.terminate(), Some(0), "{}", world.server.process.output());
    write_lines(&log, "y", 1000);
    assert_eq!(shipper.process.terminate(), Some(0), "{}", shipper.process.output());
    world.server.restart();
    shipper.restart();
    wait_for("the rest", || (world.server.count("*") == 2000).then_some(()));
}

/// S02: the second SIGTERM means now, and now is as safe as `kill -9`.
#[test]
fn s02_a_second_sigterm_ends_at_once_and_loses_nothing() {
    let mut world = World::new();
    let log = world.path("app.log");
    write_lines(&log, "x", 5000);
    world.ship(&log);
    world.server.process.signal(Signal::TERM);
    world.server.process.signal(Signal::TERM);
    let code = wait_for("exit", || world.server.process.exit_code());
    assert!(matches!(code, Some(0 | 1)), "{code:?}: {}", world.server.process.output());
    world.server.restart();
    assert_eq!(world.server.count("x"), 5000);
}

/// S03: SIGTERM while the server replays its journal.
#[test]
fn s03_sigterm_during_start_up_is_clean() {
    let mut world = World::new();
    let log = world.path("app.log");
    write_lines(&log, "word", 50_000);
    world.ship(&log);
    world.server.process.kill();
    for _ in 0..5 {
        world.server.restart_unready();
        let code = world.server.process.terminate();
        assert!(matches!(code, Some(0) | None), "{code:?}: {}", world.server.process.output());
    }
    world.server.restart();
    assert_eq!(world.server.count("word"), 50_000);
}

/// S04, S05, S06: a bad configuration is refused at reload and the old one runs on; a good one is taken over, and no
/// state is lost by it: what was sent before is not sent again.
#[test]
fn s04_s05_s06_reload_validates_first_and_keeps_state() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("logweir.toml");
    let sink = |name: &str| {
        format!(
            "[[sink]]\nname = \"{name}\"\ntype = \"file\"\npath = \"{}/{name}.out\"\n",
            dir.path().display()
        )
    };
    fs::write(&file, sink("one")).expect("writes");
    let mut server = Server::start(dir.path(), &["-c", path_text(&file)]);
    let log = dir.path().join("app.log");
    write_lines(&log, "x", 10);
    ship_once(dir.path(), server.ingest, &[&log]);
    for bad in
        ["[[sink]]\nname = 3\n", "nonsense = true\n", "[[[", "[[route]]\nwhen = \"(\"\nto = [\"one\"]\n"]
    {
        fs::write(&file, bad).expect("writes");
        let (status, body) = post(server.http, "/-/reload");
        assert_eq!(status, 400, "{bad}: {body}");
        assert_eq!(get_any(server.http, "/ready").0, 200);
    }
    fs::write(&file, sink("one")).expect("writes");
    assert_eq!(post(server.http, "/-/reload").0, 200);
    // Other sources altogether.
    let tail = format!("tail = [\"{}/other/*.log\"]\n{}", dir.path().display(), sink("one"));
    fs::write(&file, tail).expect("writes");
    fs::create_dir(dir.path().join("other")).expect("creates");
    write_lines(&dir.path().join("other/b.log"), "y", 10);
    server.process.signal(Signal::HUP);
    wait_for("the newly tailed file", || (server.count("y") == 10).then_some(()));
    write_lines(&log, "x", 10);
    ship_once(dir.path(), server.ingest, &[&log]);
    assert_eq!(server.count("x"), 20);
    assert_eq!(get_any(server.http, "/ready").0, 200);
    assert_eq!(server.process.terminate(), Some(0), "{}", server.process.output());
}

fn post(port: u16, path: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.post(format!("http://127.0.0.1:{port}{path}")).send_empty().expect("answers");
    let body = response.body_mut().read_to_string().expect("text");
    (response.status().as_u16(), body)
}

/// Routes send lines to sinks after the journal, a `drop` route keeps lines out of the index, and a file sink has every
/// line once, also when the server is killed in between.
#[test]
fn routes_fill_sinks_exactly_once_through_kills() {
    let dir = tempfile::tempdir().expect("a directory");
    let (file, out) = (dir.path().join("logweir.toml"), dir.path().join("warn.out"));
    let text = format!(
        "[[sink]]\nname = \"warn\"\ntype = \"file\"\npath = \"{}\"\n\
         [[route]]\nwhen = \"message:noise\"\ndrop = true\n[[route]]\nwhen = \"level:>=warn\"\nto = [\"warn\"]\n",
        out.display()
    );
    fs::write(&file, text).expect("writes");
    let mut server = Server::start(dir.path(), &["-c", path_text(&file)]);
    let log = dir.path().join("app.log");
    let mut expected = String::new();
    for round in 0..5 {
        let mut lines = String::new();
        for n in 0..200 {
            let level = ["info", "warn", "error", "debug"][n % 4];
            let line = format!("{{\"level\":\"{level}\",\"message\":\"line {round} {n}\"}}\n");
            expected.push_str(if n % 4 == 1 || n % 4 == 2 { &line } else { "" });
            lines.push_str(&line);
            lines.push_str("{\"level\":\"error\",\"message\":\"noise\"}\n");
        }
        fs::File::options()
            .create(true)
            .append(true)
            .open(&log)
            .and_then(|mut f| f.write_all(lines.as_bytes()))
            .expect("writes");
        ship_once(dir.path(), server.ingest, &[&log]);
        server.process.kill();
        server.restart();
    }
    let filled = || fs::read_to_string(&out).ok().filter(|text| text.len() >= expected.len());
    assert_eq!(wait_for("the sink", filled), expected);
    assert_eq!((server.count("message:noise"), server.count("*")), (0, 1000));
}

/// T40: a clone of a host (same name, another boot) is refused while the original is alive.
#[test]
fn t40_a_clone_is_refused_while_the_original_lives() {
    let world = World::new();
    let log = world.path("app.log");
    write_lines(&log, "x", 3);
    let _original =
        Shipper::start(world.dir.path(), world.server.ingest, &["--name", "web-1"], &[path_text(&log)]);
    wait_for("the original to deliver", || (world.server.count("*") == 3).then_some(()));
    let hello =
        |shipper: &str| Hello { shipper: shipper.into(), boot_id: "another".into(), instance: "i".into() };
    assert!(matches!(say_hello(world.server.ingest, hello("web-1")), Frame::Refused { .. }));
    assert!(matches!(say_hello(world.server.ingest, hello("web-2")), Frame::Welcome { .. }));
}

/// What the server answers to a handshake.
fn say_hello(ingest: u16, hello: Hello) -> Frame {
    let mut stream = TcpStream::connect(("127.0.0.1", ingest)).expect("connects");
    stream.write_all(&Frame::Hello(hello).encode()).expect("sends");
    let mut received = BytesMut::new();
    loop {
        if let Some(frame) = RawFrame::take(&mut received).expect("good frames") {
            return frame.decode().expect("a good body");
        }
        let mut buf = [0; 4096];
        let n = stream.read(&mut buf).expect("answers");
        assert!(n > 0, "closed without an answer");
        received.extend_from_slice(&buf[..n]);
    }
}

/// N07, N10: garbage, half frames and silence on the ingest port harm nobody else.
#[test]
fn n10_garbage_on_the_ingest_port_is_dropped() {
    let world = World::new();
    let mut held = Vec::new();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 100], &[0xff; 5000], b"x", b""] {
        let mut stream = TcpStream::connect(("127.0.0.1", world.server.ingest)).expect("connects");
        // The server may have closed already; that is the point.
        let _ = stream.write_all(garbage);
        held.push(stream);
    }
    let log = world.path("app.log");
    write_lines(&log, "x", 3);
    world.ship(&log);
    assert_eq!(world.server.count("*"), 3);
}

/// Bad input gets a reason and a status, never a crash.
#[test]
fn bad_requests_are_refused_with_reasons() {
    let world = World::new();
    for bad in
        ["q=(", "q=level:", "q=*&limit=x", "q=*&since=never", "q=*&order=up", "q=*&what=1", "q=%22open"]
    {
        let (status, body) = get_any(world.server.http, &format!("/api/v1/search?{bad}"));
        assert_eq!(status, 400, "{bad}: {body}");
        assert!(body.contains("error"), "{body}");
    }
    assert_eq!(get_any(world.server.http, "/nowhere").0, 404);
    for fine in [
        "/health",
        "/ready",
        "/-/healthy",
        "/-/ready",
        "/health/livez",
        "/health/readyz",
        "/metrics",
        "/version",
    ] {
        assert_eq!(get_any(world.server.http, fine).0, 200, "{fine}");
    }
    let server = format!("http://127.0.0.1:{}", world.server.http);
    assert_eq!(logweir(&["search", "--server", &server, "("]).0, Some(2));
    assert_eq!(logweir(&["search", "--server", &server, "nothing"]).0, Some(0));
    let unreachable = logweir(&["search", "--server", "http://127.0.0.1:1", "*"]);
    assert_eq!(unreachable.0, Some(1));
    assert!(unreachable.2.contains("http://127.0.0.1:1"), "{}", unreachable.2);
}

/// A backup taken while the server runs is restored to another directory, and the files that are tailed there are known:
/// once found to send every line anew, since the shipper's name hung on the directory.
#[test]
fn a_restored_backup_has_every_line_once() {
    let dir = tempfile::tempdir().expect("a directory");
    let (log, backup) = (dir.path().join("app.log"), dir.path().join("backup"));
    let tail = ["--tail", path_text(&log)];
    write_lines(&log, "x", 500);
    let mut server = Server::start(dir.path(), &tail);
    wait_for("the lines", || (server.count("x") == 500).then_some(()));
    let data = dir.path().join("data");
    let (code, _, errors) = logweir(&["backup", "--data", path_text(&data), path_text(&backup)]);
    assert_eq!(code, Some(0), "{errors}");
    let inside = data.join("inside");
    assert_eq!(logweir(&["backup", "--data", path_text(&data), path_text(&inside)]).0, Some(1));
    server.process.kill();
    let restored = dir.path().join("restored");
    let (code, _, errors) =
        logweir(&["restore", "--data", path_text(&restored.join("data")), path_text(&backup)]);
    assert_eq!(code, Some(0), "{errors}");
    write_lines(&log, "y", 10);
    let server = Server::start(&restored, &tail);
    wait_for("the new lines", || (server.count("y") == 10).then_some(()));
    assert_eq!(server.count("x"), 500);
}
