//! What the end-to-end tests share: the real binaries as child processes, the public API, waiting for conditions.
#![allow(dead_code, clippy::print_stdout)] // each test binary uses its own part of it

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The server binary under test.
pub const LOGWEIR: &str = env!("CARGO_BIN_EXE_logweir");

/// How long a condition may take on a busy machine before the test fails; never how long it does take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `ready` gives a value; fails the test with `what` when it never does. It wakes often and gives the
/// processor away in between: conditions of another process cannot be waited on otherwise.
pub fn wait_for<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
    listener.local_addr().expect("bound").port()
}

/// Seeded dice (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % n
    }
}

/// A child process that dies with the test.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program`; what it prints is appended to `log`.
    pub fn start(program: &str, args: &[String], log: &Path) -> Self {
        let file = || {
            let file = std::fs::File::options().create(true).append(true).open(log);
            Stdio::from(file.expect("the log file opens"))
        };
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(file()).stderr(file());
        let child = command.spawn().unwrap_or_else(|e| panic!("{program} starts: {e}"));
        Self { child, log: log.to_owned() }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        // An error means that it has died already; wait() tells either way.
        let _ = self.child.kill();
        self.child.wait().expect("a killed child can be waited for");
    }

    /// Sends a signal by number.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the child takes signals");
    }

    /// SIGTERM, then its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        wait_for("exit after SIGTERM", || self.exit_code())
    }

    /// Its exit code once it has ended; `Some(None)` when a signal ended it.
    pub fn exit_code(&mut self) -> Option<Option<i32>> {
        self.child.try_wait().expect("own child").map(|status| status.code())
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let output = self.output();
            let tail: Vec<_> = output.lines().rev().take(30).collect();
            println!("--- end of {}", self.log.display());
            tail.iter().rev().for_each(|line| println!("{line}"));
        }
    }
}

/// A configuration without lines and metrics of its own, so that a test knows what there is.
fn quiet(dir: &Path) -> String {
    let path = dir.join("quiet.toml");
    std::fs::write(&path, "[metrics]\nhost = false\nheartbeat = \"0s\"\n").expect("writes");
    path_text(&path).to_owned()
}

/// An all-in-one server on ports of its own.
pub struct Server {
    pub process: Process,
    pub http: u16,
    pub ingest: u16,
    args: Vec<String>,
    log: PathBuf,
}

impl Server {
    /// Starts `logweir run` with `extra` arguments and waits until it is ready; it is [`quiet`].
    pub fn start(dir: &Path, extra: &[&str]) -> Self {
        let quiet = quiet(dir);
        Self::start_with(dir, &[&["-c", &quiet], extra].concat())
    }

    /// The same, with all that a server has by default.
    pub fn start_with(dir: &Path, extra: &[&str]) -> Self {
        let (http, ingest) = (free_port(), free_port());
        let data = dir.join("data");
        let mut args: Vec<String> = vec![
            "run".into(),
            "--data".into(),
            data.display().to_string(),
            "--http".into(),
            format!("127.0.0.1:{http}"),
            "--ingest".into(),
            format!("127.0.0.1:{ingest}"),
        ];
        args.extend(extra.iter().map(|s| (*s).to_owned()));
        let log = dir.join("server.log");
        let process = Process::start(LOGWEIR, &args, &log);
        let mut server = Self { process, http, ingest, args, log };
        server.wait_ready();
        server
    }

    /// Starts it again after a kill, on the same ports and data.
    pub fn restart(&mut self) {
        self.process = Process::start(LOGWEIR, &self.args, &self.log);
        self.wait_ready();
    }

    /// Starts it again and does not wait.
    pub fn restart_unready(&mut self) {
        self.process = Process::start(LOGWEIR, &self.args, &self.log);
    }

    /// Waits for `/ready`.
    pub fn wait_ready(&mut self) {
        wait_for("the server to be ready", || {
            if let Some(code) = self.process.exit_code() {
                panic!("the server ended with {code:?}:\n{}", self.process.output());
            }
            get(self.http, "/ready").ok().map(drop)
        });
    }

    /// All hits of a query, as parsed JSON, oldest first; fails when the answer is cut.
    pub fn search(&self, query: &str) -> Vec<serde_json::Value> {
        try_search(self.http, query, "limit=0&order=oldest").expect("the search answers")
    }

    /// How many hits a query has.
    pub fn count(&self, query: &str) -> usize {
        self.search(query).len()
    }
}

/// Runs `logweir ARGS` to its end, whatever server the environment names.
pub fn run(args: &[&str]) -> Output {
    let mut command = Command::new(LOGWEIR);
    command.args(args).stdin(Stdio::null()).env_remove("LOGWEIR_SERVER").env("NO_COLOR", "1");
    command.output().expect("the binary starts")
}

/// As [`run`]: exit code, standard output, standard error.
pub fn logweir(args: &[&str]) -> (Option<i32>, String, String) {
    let output = run(args);
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Runs `logweir ARGS`, which must exit with `code` and say something, on whichever stream.
#[track_caller]
pub fn check(args: &[&str], code: i32, said: &str) {
    let (exit, stdout, stderr) = logweir(args);
    assert_eq!(exit, Some(code), "{args:?}\n{stdout}{stderr}");
    assert!(stdout.contains(said) || stderr.contains(said), "{args:?}\n{stdout}{stderr}");
}

/// `logweir ship --once`: everything `globs` name is durable on the server afterwards.
pub fn ship_once(dir: &Path, ingest: u16, globs: &[&Path]) {
    let (code, errors) = try_ship_once(&dir.join("shipper-state"), ingest, &[], globs);
    assert_eq!(code, Some(0), "{errors}");
}

/// As [`ship_once`], with a state directory and extra arguments; exit code and standard error.
pub fn try_ship_once(state: &Path, ingest: u16, extra: &[&str], globs: &[&Path]) -> (Option<i32>, String) {
    let to = format!("127.0.0.1:{ingest}");
    let mut args = vec!["ship", "--once", "--to", &to, "--state", path_text(state)];
    args.extend(extra);
    args.extend(globs.iter().map(|glob| path_text(glob)));
    let (code, _, errors) = logweir(&args);
    (code, errors)
}

/// A path as text.
pub fn path_text(path: &Path) -> &str {
    path.to_str().expect("test paths are text")
}

/// A shipper alone.
pub struct Shipper {
    pub process: Process,
    args: Vec<String>,
    log: PathBuf,
}

impl Shipper {
    /// Starts `logweir ship` to `ingest` with `globs`.
    pub fn start(dir: &Path, ingest: u16, extra: &[&str], globs: &[&str]) -> Self {
        let mut args: Vec<String> =
            vec!["ship".into(), "--to".into(), format!("127.0.0.1:{ingest}"), "--state".into()];
        args.push(dir.join("shipper-state").display().to_string());
        args.extend(["-c".to_owned(), quiet(dir)]);
        args.extend(extra.iter().chain(globs).map(|s| (*s).to_owned()));
        let log = dir.join("shipper.log");
        Self { process: Process::start(LOGWEIR, &args, &log), args, log }
    }

    /// Starts it again with the same arguments.
    pub fn restart(&mut self) {
        self.process = Process::start(LOGWEIR, &self.args, &self.log);
    }
}

/// The body of a GET, or why there is none.
pub fn get(port: u16, path_and_query: &str) -> Result<String, String> {
    let url = format!("http://127.0.0.1:{port}{path_and_query}");
    let mut response = ureq::get(&url).call().map_err(|e| e.to_string())?;
    response.body_mut().with_config().limit(u64::MAX).read_to_string().map_err(|e| e.to_string())
}

/// Status and body of a GET, whatever the status.
pub fn get_any(port: u16, path_and_query: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let url = format!("http://127.0.0.1:{port}{path_and_query}");
    let mut response = agent.get(&url).call().expect("the server answers");
    let body = response.body_mut().read_to_string().expect("text");
    (response.status().as_u16(), body)
}

/// Hits of a query with further parameters; an answer without its summary is an error.
pub fn try_search(port: u16, query: &str, more: &str) -> Result<Vec<serde_json::Value>, String> {
    let body = get(port, &format!("/api/v1/search?q={}&{more}", encode(query)))?;
    let mut hits = Vec::new();
    let mut complete = false;
    for line in BufReader::new(body.as_bytes()).lines() {
        let line = line.map_err(|e| e.to_string())?;
        let value: serde_json::Value = serde_json::from_str(&line).map_err(|e| format!("{e}: {line}"))?;
        match value.get("summary") {
            Some(_) => complete = true,
            None => hits.push(value),
        }
    }
    if complete { Ok(hits) } else { Err("the answer was cut".to_owned()) }
}

/// Percent-encodes a query parameter.
pub fn encode(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
