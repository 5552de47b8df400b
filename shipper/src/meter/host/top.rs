//! The processes that use most, on request: two looks some time apart, compared. No sleep in here; the caller waits.
//!
//! ```text
//! /proc/PID/stat   pid (name) state ppid ...  utime at 14, stime at 15, starttime at 22, rss in pages at 24
//! ```
//! The name may hold blanks and parentheses, so what follows is found from its last `)`.

use super::cpu::TICKS_PER_SECOND;
use super::first_number;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Processes looked at; more are left out.
const PROCESSES_MAX: usize = 100_000;

/// What the processes are ordered by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopBy {
    /// Time on processors between the two looks.
    Cpu,
    /// Memory in use at the second.
    Memory,
}

/// A process that uses much.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TopProcess {
    /// Its number.
    pub pid: u32,
    /// Its name, at most 15 bytes of it, as the kernel has it.
    pub name: String,
    /// Number of the user.
    pub uid: u32,
    /// Name of the user, or the number where it has none.
    pub user: String,
    /// Of one processor; of several it may be over 100.
    pub cpu_percent: f64,
    /// Memory in use.
    pub rss_bytes: u64,
}

/// All processes at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Processes {
    /// Seconds since the host was started.
    uptime: f64,
    by_pid: HashMap<u32, Process>,
    users: BTreeMap<u32, String>,
}

#[derive(Clone, PartialEq, Debug, Default)]
struct Process {
    name: String,
    uid: u32,
    ticks: u64,
    started: u64,
    rss_bytes: u64,
}

/// All processes below `root`, which is `/` but in tests. Those that end meanwhile are left out.
pub fn snapshot(root: &Path) -> Processes {
    let proc = root.join("proc");
    let uptime = fs::read_to_string(proc.join("uptime")).ok();
    let entries = fs::read_dir(&proc).into_iter().flatten().flatten();
    let pid = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let processes = entries.take(PROCESSES_MAX).filter_map(|entry| {
        let stat = fs::read(entry.path().join("stat")).ok()?;
        let uid = entry.metadata().ok()?.uid();
        Some((pid(&entry)?, Process { uid, ..process(&String::from_utf8_lossy(&stat))? }))
    });
    Processes {
        uptime: uptime.and_then(|text| first_number(&text)).unwrap_or(0.0),
        by_pid: processes.collect(),
        users: users(&fs::read_to_string(root.join("etc/passwd")).unwrap_or_default()),
    }
}

/// The `count` processes of `after` that use most, the first the most. A process that began in between counts from its start.
pub fn top(before: &Processes, after: &Processes, by: TopBy, count: usize) -> Vec<TopProcess> {
    let seconds = after.uptime - before.uptime;
    let percent = |pid: &u32, process: &Process| {
        let earlier = before.by_pid.get(pid).filter(|earlier| earlier.started == process.started);
        let ticks = process.ticks.saturating_sub(earlier.map_or(0, |earlier| earlier.ticks));
        if seconds > 0.0 { ticks as f64 / TICKS_PER_SECOND / seconds * 100.0 } else { 0.0 }
    };
    let shown = |(pid, process): (&u32, &Process)| TopProcess {
        pid: *pid,
        name: process.name.clone(),
        uid: process.uid,
        user: after.users.get(&process.uid).cloned().unwrap_or_else(|| process.uid.to_string()),
        cpu_percent: percent(pid, process),
        rss_bytes: process.rss_bytes,
    };
    let mut all: Vec<_> = after.by_pid.iter().map(shown).collect();
    all.sort_by(|a, b| {
        let (cpu, memory) = (b.cpu_percent.total_cmp(&a.cpu_percent), b.rss_bytes.cmp(&a.rss_bytes));
        match by {
            TopBy::Cpu => cpu.then(memory),
            TopBy::Memory => memory.then(cpu),
        }
        .then(a.pid.cmp(&b.pid))
    });
    all.truncate(count);
    all
}

/// `/proc/PID/stat`.
fn process(stat: &str) -> Option<Process> {
    let (head, rest) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    // The first word behind the name is the third of the line.
    let words: Vec<&str> = rest.split_ascii_whitespace().take(22).collect();
    let number = |column: usize| words.get(column - 3)?.parse::<u64>().ok();
    Some(Process {
        name: name.to_owned(),
        uid: 0,
        ticks: number(14)?.saturating_add(number(15)?),
        started: number(22)?,
        rss_bytes: number(24)?.saturating_mul(rustix::param::page_size() as u64),
    })
}

/// `/etc/passwd`: `name:x:uid:...` a line; of several names of a number the first.
fn users(passwd: &str) -> BTreeMap<u32, String> {
    let mut users = BTreeMap::new();
    for line in passwd.lines() {
        let mut fields = line.split(':');
        let (name, uid) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok()));
        if let (Some(name), Some(uid)) = (name, uid) {
            users.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: fn() -> u64 = || rustix::param::page_size() as u64;

    fn stat(name: &str, ticks: (u64, u64), started: u64, rss: u64) -> String {
        let (user, system) = ticks;
        format!(
            "7 ({name}) S 1 7 7 0 -1 4194560 1 2 3 4 {user} {system} 0 0 20 0 1 0 {started} 9999 {rss} 18446744073709551615 1"
        )
    }

    #[test]
    fn a_name_may_look_like_anything() {
        let check = |name: &str| {
            let found = process(&stat(name, (3, 4), 50, 10)).expect("a process");
            assert_eq!((found.name.as_str(), found.ticks, found.started), (name, 7, 50));
            assert_eq!(found.rss_bytes, 10 * PAGE());
        };
        ["bash", "a b", "x) S 1 (y", "((", "é"].into_iter().for_each(check);
        for bad in
            ["", "7", "7 (x", "7 (x)", "7 (x) S 1 2 3", &stat("x", (1, 1), 1, 1).replace("20 0 1 0 1 ", "- ")]
        {
            assert_eq!(process(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_busiest_and_the_largest() {
        let dir = tempfile::tempdir().expect("temp");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("below")).expect("a directory");
            fs::write(path, text).expect("writes");
        };
        let uid = fs::metadata(dir.path()).expect("there").uid();
        write("etc/passwd", &format!("odd line\nme:x:{uid}:0::/:/bin/sh\nother:x:{uid}:0::/:/bin/sh\n"));
        write("proc/uptime", "1000.00 1.0\n");
        write("proc/1/stat", &stat("init", (500, 500), 1, 10));
        write("proc/2/stat", &stat("reused", (900, 0), 5, 20));
        write("proc/self/stat", &stat("no number", (0, 0), 5, 20));
        write("proc/9/stat", "broken");
        let before = snapshot(dir.path());
        write("proc/uptime", "1002.00 1.0\n");
        write("proc/1/stat", &stat("init", (550, 550), 1, 10));
        write("proc/2/stat", &stat("reused", (20, 0), 99, 30));
        write("proc/3/stat", &stat("new", (10, 30), 100, 40));
        let after = snapshot(dir.path());
        let names = |by, count| {
            let found = top(&before, &after, by, count);
            found
                .into_iter()
                .map(|process| (process.name, process.cpu_percent, process.user))
                .collect::<Vec<_>>()
        };
        let of = |name: &str, percent| (name.to_owned(), percent, "me".to_owned());
        assert_eq!(names(TopBy::Cpu, 9), [of("init", 50.0), of("new", 20.0), of("reused", 10.0)]);
        assert_eq!(names(TopBy::Memory, 1), [of("new", 20.0)]);
        assert!(top(&after, &after, TopBy::Cpu, 9).iter().all(|process| process.cpu_percent == 0.0));
        assert_eq!(top(&Processes::default(), &Processes::default(), TopBy::Cpu, 9), []);
    }

    /// The test's own process is among those of the host.
    #[test]
    fn of_this_host() {
        let now = snapshot(Path::new("/"));
        assert!(now.by_pid.contains_key(&std::process::id()));
    }
}
