//! `logweir doctor`: why nothing moves. Looks at what usually is in the way and says, one line each, what is fine and what
//! to do about what is not. It changes nothing.

use crate::args::DoctorArgs;
use crate::client::{Server, fetch_status, fetch_version};
use crate::command::{Failure, load};
use crate::config::{Config, Exposure};
use crate::terminal::{Screen, Tone};
use logweir_base::time::{Clock, SystemClock, Timestamp};
use logweir_shipper::watch::{Found, Globs};
use rustix::fs::{Access, access, statvfs};
use rustix::process::{Resource, getrlimit};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Descriptors a shipper needs besides one for each file.
const DESCRIPTORS_BESIDES: u64 = 64;
/// Less free space than this is too little for a journal segment and a split.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// Fewer free inodes than this are too few.
const FREE_INODES_MIN: u64 = 1_000;
/// Unreadable files that are named one by one.
const REFUSED_SHOWN: usize = 10;
/// How far a file's time may lie in the future before the clock is doubted.
const CLOCK_SLACK: Duration = Duration::from_secs(300);
/// How long a server elsewhere may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was seen.
    pub seen: String,
    /// What to do about it; `None` when it is fine.
    pub advice: Option<String>,
}

impl Finding {
    fn fine(seen: String) -> Self {
        Self { seen, advice: None }
    }

    fn trouble(seen: String, advice: impl Into<String>) -> Self {
        Self { seen, advice: Some(advice.into()) }
    }
}

/// What the globs lead to.
#[derive(Debug, Default)]
struct Watched {
    files: Vec<Found>,
    dirs: u64,
}

/// Looks at everything and prints what it finds; fails when something is not fine.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let mut config = load(&args.config, Exposure::AsConfigured)?;
    config.tail.extend(args.globs.iter().cloned());
    let findings = examine(&config, &SystemClock);
    let printed = print(&findings, &mut Screen::stdout());
    let troubles = findings.iter().filter(|finding| finding.advice.is_some()).count();
    match (printed, troubles) {
        (Err(error), _) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(error.to_string()))
        }
        (_, 0) => Ok(()),
        (_, troubles) => {
            Err(Failure::Failed(format!("{troubles} of {} things want attention", findings.len())))
        }
    }
}

fn print<W: Write>(findings: &[Finding], screen: &mut Screen<W>) -> io::Result<()> {
    for finding in findings {
        match &finding.advice {
            None => screen.text(Tone::Good, "ok   ")?,
            Some(_) => screen.text(Tone::Bad, "fix  ")?,
        }
        screen.text(Tone::Plain, &finding.seen)?;
        if let Some(advice) = &finding.advice {
            screen.text(Tone::Plain, &format!(": {advice}"))?;
        }
        screen.newline()?;
    }
    screen.flush()
}

/// Looks at everything.
pub fn examine(config: &Config, clock: &dyn Clock) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut watched = Watched::default();
    for glob in &config.tail {
        check_glob(glob, &mut watched, &mut found);
    }
    found.extend(check_watches(watched.dirs));
    found.push(check_descriptors(watched.files.len() as u64));
    found.extend(check_logrotate(Path::new("/etc"), &watched.files));
    found.push(check_clock(clock.now(), &watched.files));
    found.extend(check_data(&config.data.dir));
    let receives = check_server(config, &mut found);
    if config.tail.is_empty() && !receives {
        let advice = "name files with `tail = [\"GLOB\"]` in the configuration, or as arguments of doctor";
        found.push(Finding::trouble("no files are to be tailed".to_owned(), advice));
    }
    found
}

fn check_glob(glob: &str, watched: &mut Watched, found: &mut Vec<Finding>) {
    let globs = match Globs::new(&[glob.to_owned()], Path::new("/dev/null")) {
        Ok(globs) => globs,
        Err(error) => return found.push(Finding::trouble(error.to_string(), "write it another way")),
    };
    let scan = globs.scan(&HashSet::new());
    let mut refused: Vec<(PathBuf, String)> = scan.refused.into_iter().collect();
    for file in &scan.files {
        if let Err(error) = File::open(&file.target) {
            refused.push((file.path.clone(), error.to_string()));
        }
    }
    let bytes: u64 = scan.files.iter().map(|file| file.size).sum();
    if scan.files.is_empty() && refused.is_empty() {
        found.push(Finding::trouble(format!("{glob} matches no file"), why_no_match(glob)));
    } else {
        found.push(Finding::fine(format!("{glob} matches {} files of {bytes} bytes", scan.files.len())));
    }
    let more = refused.len().saturating_sub(REFUSED_SHOWN);
    for (path, reason) in refused.iter().take(REFUSED_SHOWN) {
        let advice = "let the user who runs logweir read it, for example by `usermod -aG adm USER` or `setfacl -m u:USER:r`";
        found.push(Finding::trouble(format!("{} cannot be read ({reason})", path.display()), advice));
    }
    if more > 0 {
        found.push(Finding::trouble(format!("{more} more files cannot be read"), "see above"));
    }
    watched.dirs += scan.dirs.len() as u64;
    watched.files.extend(scan.files);
}

/// The deepest directory of a glob that exists tells where it goes wrong.
fn why_no_match(glob: &str) -> String {
    let fixed = glob.split(['*', '?', '[', '{']).next().unwrap_or_default();
    let parents: Vec<&Path> = Path::new(fixed).ancestors().filter(|p| !p.as_os_str().is_empty()).collect();
    match parents.iter().find(|parent| parent.exists()) {
        Some(deepest) if Some(deepest) == parents.first() => "nothing there fits the pattern yet".to_owned(),
        Some(deepest) => format!("there is {}, but nothing of that name in it", deepest.display()),
        None => "it is relative to the working directory; give an absolute path".to_owned(),
    }
}

/// One watch a directory; beyond the limit the shipper scans, which is slower to notice.
fn check_watches(dirs: u64) -> Option<Finding> {
    let limit = proc_number("/proc/sys/fs/inotify/max_user_watches")?;
    let seen = format!("inotify watches: {dirs} needed of {limit}");
    Some(match dirs < limit {
        true => Finding::fine(seen),
        false => {
            Finding::trouble(seen, format!("sysctl -w fs.inotify.max_user_watches={}", (dirs * 2).max(8_192)))
        }
    })
}

fn proc_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn check_descriptors(files: u64) -> Finding {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = files + DESCRIPTORS_BESIDES;
    let seen = format!("open files: {needed} needed of {limit}");
    match needed <= limit {
        true => Finding::fine(seen),
        false => {
            Finding::trouble(seen, "raise it (ulimit -n, LimitNOFILE=); until then files are opened in turns")
        }
    }
}

/// Rules of logrotate that copy and truncate files which are tailed.
fn check_logrotate(etc: &Path, files: &[Found]) -> Vec<Finding> {
    let mut rules = vec![etc.join("logrotate.conf")];
    let entries = fs::read_dir(etc.join("logrotate.d")).into_iter().flatten().flatten();
    rules.extend(entries.map(|entry| entry.path()));
    rules.sort();
    let mut found = Vec::new();
    for rule in rules {
        for pattern in copytruncate_patterns(&fs::read_to_string(&rule).unwrap_or_default()) {
            let hit = Globs::new(std::slice::from_ref(&pattern), Path::new("/dev/null"))
                .is_ok_and(|glob| files.iter().any(|file| glob.matches(&file.path)));
            if hit {
                let seen = format!("{} rotates {pattern} with copytruncate", rule.display());
                let advice = "lines written while it copies are lost by logrotate; use `create` and let the service reopen";
                found.push(Finding::trouble(seen, advice));
            }
        }
    }
    found
}

/// Patterns of the blocks of a logrotate file that copy and truncate.
fn copytruncate_patterns(text: &str) -> Vec<String> {
    let (mut found, mut patterns) = (Vec::new(), Vec::new());
    let (mut everywhere, mut here, mut inside) = (false, false, false);
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        for word in line.split_whitespace() {
            match word {
                "{" => (inside, here) = (true, everywhere),
                "}" => {
                    inside = false;
                    found.extend(patterns.drain(..).filter(|_| here));
                }
                "copytruncate" if inside => here = true,
                "nocopytruncate" if inside => here = false,
                "copytruncate" => everywhere = true,
                word if !inside && word.trim_matches('"').starts_with('/') => {
                    patterns.push(word.trim_matches(['"', '{']).to_owned());
                }
                _ => {}
            }
            (inside, here) =
                if word.len() > 1 && word.ends_with('{') { (true, everywhere) } else { (inside, here) };
        }
    }
    found
}

fn check_clock(now: Timestamp, files: &[Found]) -> Finding {
    let program = std::env::current_exe().and_then(fs::metadata).and_then(|meta| meta.modified());
    let built = program.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let newest = files.iter().map(|file| Timestamp(file.modified)).max();
    let advice = "set the clock (timedatectl, chrony); retention and --since depend on it";
    if built.is_some_and(|built| now.plus(CLOCK_SLACK) < Timestamp::default().plus(built)) {
        return Finding::trouble(format!("it is {now}, before this program was installed"), advice);
    }
    match newest {
        Some(newest) if newest > now.plus(CLOCK_SLACK) => {
            Finding::trouble(format!("it is {now}, but a log was written at {newest}"), advice)
        }
        _ => Finding::fine(format!("it is {now}")),
    }
}

fn check_data(dir: &Path) -> Vec<Finding> {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let Some(existing) = absolute.ancestors().find(|path| path.exists()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let seen = format!("{} cannot be written to", existing.display());
        found.push(Finding::trouble(seen, "chown it to the user who runs logweir, or choose another --data"));
    }
    let Ok(disk) = statvfs(existing) else {
        return found;
    };
    let free = disk.f_bavail * disk.f_frsize;
    let seen = format!("{free} bytes free for {}", dir.display());
    found.push(match free >= FREE_BYTES_MIN {
        true => Finding::fine(seen),
        false => {
            Finding::trouble(seen, "free some, or set [retention] size_max; at zero acknowledgements stop")
        }
    });
    // Some file systems make inodes as they need them and report none.
    if disk.f_files > 0 && disk.f_favail < FREE_INODES_MIN {
        let seen = format!("{} inodes free for {}", disk.f_favail, dir.display());
        found.push(Finding::trouble(seen, "remove small files"));
    }
    found
}

/// Ports, and what the server says of itself when there is one; true when it receives lines from somewhere.
fn check_server(config: &Config, found: &mut Vec<Finding>) -> bool {
    let http = config.http.listen;
    let server = Server::new(&format!("http://{http}")).expect("a URL of ours");
    let mut receives = false;
    match fetch_version(&server) {
        Ok(version) => {
            found.push(Finding::fine(format!("{version} answers at http://{http}")));
            receives = check_status(&server, found);
        }
        Err(_) if is_free(http) => {
            let seen = format!("no server runs at http://{http}");
            found.push(Finding::trouble(seen, "start one: `logweir run`"));
            if !is_free(config.ingest.listen) {
                found.push(taken(config.ingest.listen, "[ingest] listen"));
            }
        }
        Err(_) => found.push(taken(http, "[http] listen")),
    }
    if let Some(to) = &config.ship.to {
        found.push(check_router(to));
    }
    receives
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn taken(address: SocketAddr, key: &str) -> Finding {
    Finding::trouble(format!("{address} is taken by another program"), format!("stop it, or change {key}"))
}

fn check_router(to: &str) -> Finding {
    let addresses = to.to_socket_addrs().map(Iterator::collect::<Vec<_>>);
    let connected = addresses.and_then(|addresses| {
        let first = addresses.first().ok_or_else(|| io::Error::other("no address"))?;
        TcpStream::connect_timeout(first, CONNECT_TIMEOUT)
    });
    match connected {
        Ok(_) => Finding::fine(format!("{to} takes connections")),
        Err(error) => {
            let advice = "is the server running, and is the port open? lines wait in their files meanwhile";
            Finding::trouble(format!("{to} cannot be reached ({error})"), advice)
        }
    }
}

/// What a server says is wrong; true when it has sources.
fn check_status(server: &Server, found: &mut Vec<Finding>) -> bool {
    let Ok(status) = fetch_status(server) else {
        return false;
    };
    for follower in status.followers.iter().filter(|follower| follower.lag > 0) {
        let seen = format!("{} is {} records behind the journal", follower.name, follower.lag);
        found.push(Finding::trouble(seen, "if it stays so, look at its destination and at the errors below"));
    }
    for gap in &status.gaps {
        let seen = format!(
            "{} bytes of {} are missing ({})",
            gap.end.saturating_sub(gap.start),
            gap.path,
            gap.reason
        );
        found.push(Finding::trouble(
            seen,
            "they are known to be lost; see them with `logweir search kind:gap`",
        ));
    }
    for error in &status.errors {
        let seen = format!("{} {}", error.time, error.message);
        found.push(Finding::trouble(seen, "an error the server has met"));
    }
    !status.sources.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use logweir_base::time::ManualClock;
    use std::os::unix::fs::PermissionsExt;

    fn examined(config: &Config) -> String {
        let clock = ManualClock::at(SystemClock.now());
        let mut screen = Screen::new(Vec::new(), false, false);
        print(&examine(config, &clock), &mut screen).expect("memory");
        String::from_utf8(screen.into_inner()).expect("text")
    }

    fn config(dir: &Path, glob: &str) -> Config {
        let mut config = Config { tail: vec![format!("{}/{glob}", dir.display())], ..Config::default() };
        config.data.dir = dir.join("data");
        let free = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("loopback");
        config.http.listen = free;
        config
    }

    #[test]
    fn files_are_counted_and_missing_ones_explained() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.log"), "x\n").expect("writes");
        let text = examined(&config(dir.path(), "*.log"));
        assert!(text.contains("*.log matches 1 files of 2 bytes"), "{text}");
        let text = examined(&config(dir.path(), "*.txt"));
        assert!(text.contains("*.txt matches no file: nothing there fits the pattern yet"), "{text}");
        let text = examined(&config(dir.path(), "sub/dir/*.txt"));
        assert!(text.contains(&format!("there is {}, but", dir.path().display())), "{text}");
    }

    #[test]
    fn files_that_may_not_be_read_are_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("secret.log");
        fs::write(&path, "x\n").expect("writes");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("own file");
        let text = examined(&config(dir.path(), "*.log"));
        // Root reads everything.
        assert!(File::open(&path).is_ok() || text.contains("secret.log cannot be read"), "{text}");
    }

    #[test]
    fn a_port_of_somebody_else_and_no_server_are_told_apart() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut config = config(dir.path(), "*");
        assert!(examined(&config).contains("no server runs at"), "{}", examined(&config));
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        config.ingest.listen = listener.local_addr().expect("bound");
        assert!(examined(&config).contains("is taken by another program"), "{}", examined(&config));
    }

    #[test]
    fn a_log_of_the_future_casts_doubt_on_the_clock() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("a.log"), "x\n").expect("writes");
        let now = SystemClock.now();
        let clock = ManualClock::at(now.minus(Duration::from_secs(3_600)));
        let config = config(dir.path(), "*.log");
        let findings = examine(&config, &clock);
        assert!(
            findings.iter().any(|f| f.advice.as_ref().is_some_and(|a| a.starts_with("set the clock"))),
            "{findings:?}"
        );
    }

    #[test]
    fn copytruncate_is_found_where_it_concerns_a_tailed_file() {
        let text = "# copytruncate\n/var/log/a/*.log /var/log/b.log {\n daily\n copytruncate\n}\n/var/log/c.log {\n create\n}
            \"/var/log/d.log\"{\ncopytruncate\n}\n";
        assert_eq!(copytruncate_patterns(text), ["/var/log/a/*.log", "/var/log/b.log", "/var/log/d.log"]);
        let dir = tempfile::tempdir().expect("a directory");
        let (etc, logs) = (dir.path().join("etc"), dir.path().join("logs"));
        fs::create_dir_all(etc.join("logrotate.d")).expect("creates");
        fs::create_dir(&logs).expect("creates");
        fs::write(logs.join("x.log"), "x\n").expect("writes");
        let rule =
            format!("{}/*.log {{\n copytruncate\n}}\n/other/*.log {{\n copytruncate\n}}\n", logs.display());
        fs::write(etc.join("logrotate.d/app"), rule).expect("writes");
        let mut watched = Watched::default();
        check_glob(&format!("{}/*.log", logs.display()), &mut watched, &mut Vec::new());
        let findings = check_logrotate(&etc, &watched.files);
        assert!(findings.len() == 1 && findings[0].seen.contains("with copytruncate"), "{findings:?}");
    }
}
