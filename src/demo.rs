//! `logweir demo`: a small living fleet. Services write JSON logs into rotating files, one process ships, journals and
//! indexes them, and the person at the terminal is told what to try. Ctrl-C ends it and removes everything.

use crate::args::DemoArgs;
use crate::command::Failure;
use crate::config::Config;
use crate::pipeline::Server;
use crate::terminal::{self, note, say};
use crate::workload::{Generator, Level, SERVICES, user_id};
use crossbeam::channel::{Receiver, bounded, select, tick};
use logweir_base::time::{Clock, SystemClock, Timestamp};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::collections::HashSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How many services write.
const FLEET_SERVICES: usize = 5;
/// A log file is rotated at this size: some seconds at the usual rate, so that rotation is seen to work.
const ROTATE_BYTES: u64 = 256 << 10;
/// Rotated files that stay, by service.
const ROTATED_FILES: u32 = 3;
/// Lines written at the start, as if the fleet had been running for [`PAST`] already.
const PAST_LINES: u32 = 2_000;
const PAST: Duration = Duration::from_secs(10);
/// How often due lines are written.
const WRITE_TICK: Duration = Duration::from_millis(50);
/// How often progress is shown.
const PROGRESS_TICK: Duration = Duration::from_secs(1);
/// Every how manieth progress is shown where it cannot be shown in place.
const PROGRESS_EVERY: u64 = 10;
/// The fewest lines of a trace that is worth showing.
const SAMPLE_LINES: u32 = 5;

/// A trace that has an error in it, and its user: for the commands to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// 32 hex digits.
    pub trace: String,
    /// Its user.
    pub user: String,
}

/// Services that write logs.
#[derive(Debug)]
pub struct Fleet {
    generator: Generator,
    writers: Vec<RotatingFile>,
    lines: u64,
    open_errors: HashSet<u128>,
    sample: Option<Sample>,
}

#[derive(Debug)]
struct RotatingFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotations: u64,
    buffer: Vec<u8>,
}

impl Fleet {
    /// A fleet that writes to `dir`/SERVICE/app.log.
    pub fn new(dir: &Path, seed: u64) -> io::Result<Self> {
        let names = SERVICES.iter().take(FLEET_SERVICES);
        let writers = names
            .map(|name| RotatingFile::create(&dir.join(name).join("app.log")))
            .collect::<Result<_, _>>()?;
        let generator = Generator::with_services(seed, FLEET_SERVICES);
        Ok(Self { generator, writers, lines: 0, open_errors: HashSet::new(), sample: None })
    }

    /// Globs of its files.
    pub fn globs(dir: &Path) -> Vec<String> {
        vec![format!("{}/*/app.log*", dir.display())]
    }

    /// Writes a line for each of `times`.
    pub fn write(&mut self, times: impl Iterator<Item = Timestamp>) -> io::Result<()> {
        let mut line = Vec::new();
        for time in times {
            line.clear();
            let facts = self.generator.next_line_at(time, &mut line);
            self.writers[facts.service].buffer.extend_from_slice(&line);
            self.lines += 1;
            if facts.level == Level::Error {
                self.open_errors.insert(facts.trace);
            }
            if let Some(lines) = facts.trace_ended
                && self.open_errors.remove(&facts.trace)
                && lines >= SAMPLE_LINES
            {
                self.sample =
                    Some(Sample { trace: format!("{:032x}", facts.trace), user: user_id(facts.user) });
            }
        }
        self.writers.iter_mut().try_for_each(RotatingFile::flush)
    }

    /// Lines written so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Files rotated so far.
    pub fn rotations(&self) -> u64 {
        self.writers.iter().map(|w| w.rotations).sum()
    }

    /// The latest trace worth showing.
    pub fn sample(&self) -> Option<&Sample> {
        self.sample.as_ref()
    }
}

impl RotatingFile {
    fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path.parent().expect("joined with a directory"))?;
        let file = append_to(path)?;
        Ok(Self { path: path.to_owned(), file, size: 0, rotations: 0, buffer: Vec::new() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.size += self.buffer.len() as u64;
        self.buffer.clear();
        if self.size >= ROTATE_BYTES { self.rotate() } else { Ok(()) }
    }

    /// Rename and create, as logrotate does by default.
    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |n: u32| self.path.with_extension(format!("log.{n}"));
        for n in (1..ROTATED_FILES).rev() {
            if numbered(n).exists() {
                fs::rename(numbered(n), numbered(n + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))?;
        self.file = append_to(&self.path)?;
        self.size = 0;
        self.rotations += 1;
        Ok(())
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Runs the demo until a signal.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let failed = |what: &str, error: &dyn std::fmt::Display| Failure::Failed(format!("{what}: {error}"));
    let signals = signals().map_err(|e| failed("cannot listen for Ctrl-C", &e))?;
    let dir = TempDir::create().map_err(|e| failed("cannot create a temporary directory", &e))?;
    let logs = dir.0.join("logs");
    let mut fleet =
        Fleet::new(&logs, SystemClock.now().0 as u64).map_err(|e| failed("cannot write logs", &e))?;
    let mut config = Config { tail: Fleet::globs(&logs), ..Config::default() };
    config.http.listen = free_address(args.http);
    config.ingest.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    config.data.dir = dir.0.join("data");
    let same = config.clone();
    let server = Server::start(config, Box::new(move || Ok(same.clone()))).map_err(Failure::Failed)?;
    let outcome = live(&mut fleet, args, &server, &signals);
    drop(server);
    say(&format!(
        "\n{} lines of {FLEET_SERVICES} services written, {} files rotated; {} removed",
        fleet.lines(),
        fleet.rotations(),
        dir.0.display()
    ));
    outcome.map_err(|e| failed("cannot go on", &e))
}

/// Writes lines at their rate and tells what is going on, until a signal comes.
fn live(fleet: &mut Fleet, args: &DemoArgs, server: &Server, signals: &Receiver<i32>) -> io::Result<()> {
    let now = SystemClock.now();
    fleet.write((0..PAST_LINES).map(|n| now.minus(PAST - PAST * n / PAST_LINES)))?;
    let url = format!("http://{}", server.http);
    let (start, writes, looks, fatal) =
        (Instant::now(), tick(WRITE_TICK), tick(PROGRESS_TICK), server.fatal());
    let mut looked = 0;
    loop {
        select! {
            recv(signals) -> _ => return Ok(()),
            recv(fatal) -> failure => return Err(io::Error::other(failure.map_or_else(|e| e.to_string(), |f| f.to_string()))),
            recv(writes) -> _ => {
                let due = (start.elapsed().as_secs_f64() * f64::from(args.rate)) as u64 + u64::from(PAST_LINES);
                let missing = due.saturating_sub(fleet.lines());
                fleet.write((0..missing).map(|_| SystemClock.now()))?;
            }
            recv(looks) -> _ => {
                let index = server.store().status();
                let searchable = index.split_lines + index.tail_lines;
                let Some(sample) = fleet.sample().filter(|_| searchable > 0) else {
                    continue;
                };
                if looked == 0 {
                    say(&greeting(&url, sample));
                }
                show_progress(fleet, searchable, looked);
                looked += 1;
            }
        }
    }
}

/// Over the last one on a terminal; a line now and then elsewhere.
fn show_progress(fleet: &Fleet, searchable: u64, looked: u64) {
    let (lines, rotations) = (fleet.lines(), fleet.rotations());
    let text = format!("{lines} lines written, {searchable} searchable, {rotations} files rotated");
    if !terminal::progress(&text) && looked.is_multiple_of(PROGRESS_EVERY) {
        say(&text);
    }
}

/// What there is and what to try, with ids that exist.
fn greeting(url: &str, sample: &Sample) -> String {
    let program = program_name();
    let server = if url == "http://127.0.0.1:8514" { String::new() } else { format!(" --server {url}") };
    let Sample { trace, user } = sample;
    format!(
        "{FLEET_SERVICES} services are writing logs; search them at {url}/api/v1/search?q=level:error

Try, in another terminal:
  {program} search{server} --since 15m 'level:error'
  {program} trace{server} {trace}
  {program} tail{server} 'user:{user} OR level:error'

Ctrl-C ends it and removes everything."
    )
}

/// How to call this program from a shell: by name when it is in PATH, else by a path as short as can be.
fn program_name() -> String {
    let Ok(program) = std::env::current_exe() else {
        return "logweir".to_owned();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut in_path = std::env::split_paths(&path).map(|dir| dir.join("logweir"));
    if in_path.any(|found| found.canonicalize().is_ok_and(|found| found == program)) {
        return "logweir".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    match program.strip_prefix(&here) {
        Ok(below) => format!("./{}", below.display()),
        Err(_) => program.display().to_string(),
    }
}

/// `wanted`, or another port of this machine when it is taken.
fn free_address(wanted: SocketAddr) -> SocketAddr {
    let free = |address: SocketAddr| TcpListener::bind(address).and_then(|listener| listener.local_addr());
    free(wanted).or_else(|_| free(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))).unwrap_or(wanted)
}

fn signals() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (sender, receiver) = bounded(1);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        // One is enough; the receiver is gone when the demo has ended by itself.
        let _ = signals.forever().next().map(|signal| sender.send(signal));
        // The second Ctrl-C means: now.
        if let Some(signal) = signals.forever().next() {
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    })?;
    Ok(receiver)
}

/// A directory that only we may look into, removed when dropped.
struct TempDir(PathBuf);

impl TempDir {
    fn create() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("logweir-demo-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            note(&format!("cannot remove {}: {error}", self.0.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + n as i64)
    }

    #[test]
    fn the_fleet_writes_rotates_and_knows_a_trace() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut fleet = Fleet::new(dir.path(), 1).expect("creates");
        for batch in 0..60 {
            fleet.write((0..100).map(|n| at(batch * 100 + n))).expect("writes");
        }
        assert_eq!(fleet.lines(), 6_000);
        assert!(fleet.rotations() >= 5, "{} rotations", fleet.rotations());
        let mut text = String::new();
        for service in fs::read_dir(dir.path()).expect("a directory") {
            for file in fs::read_dir(service.expect("entry").path()).expect("a directory") {
                text += &fs::read_to_string(file.expect("entry").path()).expect("text");
            }
        }
        assert_eq!(text.lines().count(), 6_000);
        let sample = fleet.sample().expect("3 % are errors");
        let of_trace: Vec<_> = text.lines().filter(|line| line.contains(&sample.trace)).collect();
        assert!(of_trace.len() >= 5 && of_trace.iter().all(|line| line.contains(&sample.user)));
        assert!(of_trace.iter().any(|line| line.contains("\"ERROR\"")));
    }

    #[test]
    fn the_commands_to_try_are_complete() {
        let sample = Sample { trace: "4bf9".to_owned(), user: "u000001".to_owned() };
        let text = greeting("http://127.0.0.1:9000", &sample);
        assert!(text.contains(" trace --server http://127.0.0.1:9000 4bf9\n"), "{text}");
        assert!(greeting("http://127.0.0.1:8514", &sample).contains(" trace 4bf9\n"));
    }
}
