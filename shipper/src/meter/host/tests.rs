//! A host of files, read whole; and what the parsers make of what other kernels write, or nobody.

use super::*;
use crate::meter::emit::Chunk;
use crate::meter::emit::tests::shown;
use logweir_base::metric::samples::{Item, read};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn emit() -> Emit {
    Emit::new("", &BTreeMap::new())
}

/// What `parser` makes of `text`, one line a point; times and hosts left out.
fn parsed(parser: Parser, text: &str) -> Vec<String> {
    let mut emit = emit();
    parser(text, &mut emit);
    let chunks = emit.take();
    assert!(chunks.iter().all(|chunk| chunk.refused == 0));
    shown(&chunks).into_iter().map(|line| line.trim_end_matches(" @0").to_owned()).collect()
}

fn check(parser: Parser, text: &str, expected: &[&str]) {
    assert_eq!(parsed(parser, text), expected, "{text}");
}

#[test]
fn processors() {
    let text = "cpu  3 0 3 3 3 3 3 3 3 3\n\
                cpu0 100 1 20 3000 4 5 6 7 8 9\n\
                cpu12 100 0 x\n\
                cpufreq 1 2\n\
                intr 1234 5 6 7\nctxt 99\nbtime 1700000000\nprocesses 777\nprocs_running 3\nprocs_blocked 0\n\
                softirq 1 2 3\n";
    let expected = [
        "system_boot_time_seconds 1700000000",
        "system_context_switches_total 99",
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="idle"} 30"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="interrupt"} 0.05"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="nice"} 0.01"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="softirq"} 0.06"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="steal"} 0.07"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="system"} 0.2"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="user"} 1"#,
        r#"system_cpu_time_seconds_total{cpu="cpu0", state="wait"} 0.04"#,
        r#"system_cpu_time_seconds_total{cpu="cpu12", state="nice"} 0"#,
        r#"system_cpu_time_seconds_total{cpu="cpu12", state="user"} 1"#,
        "system_interrupts_total 1234",
        "system_processes_created_total 777",
    ];
    check(cpu::stat, text, &expected);
    // Linux 2.4 knew four states.
    assert_eq!(parsed(cpu::stat, "cpu0 1 2 3 4\n").len(), 4);
}

#[test]
fn states_of_processes() {
    let of = |text: &str, all| {
        let mut emit = emit();
        processes::states(text, all, &mut emit);
        shown(&emit.take())
    };
    let expected = [("blocked", 2), ("other", 95), ("running", 3)]
        .map(|(status, value)| format!(r#"system_processes_count{{status="{status}"}} {value} @0"#));
    assert_eq!(of("cpu 1\nprocs_running 3\nprocs_blocked 2\n", 100), expected);
    assert_eq!(of("procs_running 3\nprocs_blocked 2\n", 1)[1].split(' ').nth(1), Some("0"));
    assert_eq!(of("procs_running 3\n", 1), [""; 0]);
    let dir = tempfile::tempdir().expect("temp");
    for name in ["1", "42", "self", "9x", "sys"] {
        fs::create_dir(dir.path().join(name)).expect("a directory");
    }
    assert_eq!(processes::count(dir.path()), 2);
    assert_eq!(processes::count(&dir.path().join("none")), 0);
}

#[test]
fn files_of_one_line() {
    let loads = [
        "system_cpu_load_average_15m 0.25",
        "system_cpu_load_average_1m 1.5",
        "system_cpu_load_average_5m 0.5",
    ];
    check(
        load::loadavg,
        "1.50 0.50 0.25 2/345 6789\n",
        &[&loads[..], &["system_threads_count 345"]].concat(),
    );
    check(load::loadavg, "1.50 0.50 0.25", &loads);
    check(load::loadavg, "nan", &[]);
    check(load::uptime, "350735.47 234388.90\n", &["system_uptime_seconds 350735.47"]);
    check(load::uptime, "-1", &[]);
    let files = ["system_filedescriptors_allocated 1184", "system_filedescriptors_limit 9223372036854776000"];
    check(load::file_nr, "1184\t0\t9223372036854775807\n", &files);
    check(load::file_nr, "1184\t0", &[]);
}

#[test]
fn memory_and_swap() {
    let text = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 500 kB\nBuffers: 50 kB\nCached: 200 kB\n\
                SwapCached: 1 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\nSReclaimable: 30 kB\nSUnreclaim: 20 kB\n";
    let expected = [
        "system_linux_memory_available_bytes 512000",
        "system_memory_limit_bytes 1024000",
        r#"system_memory_usage_bytes{state="buffered"} 51200"#,
        r#"system_memory_usage_bytes{state="cached"} 204800"#,
        r#"system_memory_usage_bytes{state="free"} 102400"#,
        r#"system_memory_usage_bytes{state="slab_reclaimable"} 30720"#,
        r#"system_memory_usage_bytes{state="slab_unreclaimable"} 20480"#,
        r#"system_memory_usage_bytes{state="used"} 634880"#,
        r#"system_paging_usage_bytes{state="cached"} 1024"#,
        r#"system_paging_usage_bytes{state="free"} 4096"#,
        r#"system_paging_usage_bytes{state="used"} 5120"#,
    ];
    check(memory::meminfo, text, &expected);
    // Linux 2.6 had no estimate of what is available.
    assert_eq!(parsed(memory::meminfo, "MemTotal: 10 kB\nMemFree: 20 kB\n").len(), 5);
    check(memory::meminfo, "MemTotal:\nMemFree 1\nMemTotalX: 1 kB\n", &[]);
}

#[test]
fn pages() {
    let kib = rustix::param::page_size() / 1024;
    let text = format!(
        "pgpgin {}\npgpgout {}\npswpin 3\npswpout 4\npgfault 100\npgmajfault 7\noom_kill 1\nodd\n",
        kib * 5,
        kib * 6
    );
    let expected = [
        "system_oom_kills_total 1",
        r#"system_paging_faults_total{type="major"} 7"#,
        r#"system_paging_faults_total{type="minor"} 93"#,
        r#"system_paging_operations_total{direction="page_in", type="major"} 3"#,
        r#"system_paging_operations_total{direction="page_in", type="minor"} 5"#,
        r#"system_paging_operations_total{direction="page_out", type="major"} 4"#,
        r#"system_paging_operations_total{direction="page_out", type="minor"} 6"#,
    ];
    check(paging::vmstat, &text, &expected);
}

#[test]
fn disks() {
    let text = "   8       0 sda 10 2 100 5 20 3 200 6 1 7000 8 0 0 0 0 9 9\n\
                   8       1 sda1 10 2 100 5 20 3 200 6 1 7 8\n\
                   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0\n\
                   8      32 sdc 1 2 3 4\n\
                 253       0\n";
    let expected = [
        r#"system_disk_io_bytes_total{device="sda", direction="read"} 51200"#,
        r#"system_disk_io_bytes_total{device="sda", direction="write"} 102400"#,
        r#"system_disk_io_time_seconds_total{device="sda"} 7"#,
        r#"system_disk_merged_total{device="sda", direction="read"} 2"#,
        r#"system_disk_merged_total{device="sda", direction="write"} 3"#,
        r#"system_disk_operation_time_seconds_total{device="sda", direction="read"} 0.005"#,
        r#"system_disk_operation_time_seconds_total{device="sda", direction="write"} 0.006"#,
        r#"system_disk_operations_total{device="sda", direction="read"} 10"#,
        r#"system_disk_operations_total{device="sda", direction="write"} 20"#,
        r#"system_disk_pending_operations{device="sda"} 1"#,
        r#"system_disk_weighted_io_time_seconds_total{device="sda"} 0.008"#,
    ];
    check(disk::diskstats, text, &expected);
}

#[test]
fn interfaces() {
    let text = "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n\
                \u{20} eth0:1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n\
                veth1a2b: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n\
                short: 1 2 3\n";
    let of = |name, receive, transmit| {
        [("receive", receive), ("transmit", transmit)].map(|(direction, value)| {
            format!(r#"system_network_{name}{{device="eth0", direction="{direction}"}} {value}"#)
        })
    };
    let expected = [
        of("errors_total", 1, 3),
        of("io_bytes_total", 1000, 2000),
        of("packet_dropped_total", 2, 4),
        of("packets_total", 10, 20),
    ];
    assert_eq!(parsed(network::dev, text), expected.concat());
    // An alias has a colon of its own.
    assert_eq!(parsed(network::dev, "eth0:1: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n").len(), 8);
}

#[test]
fn waiting() {
    let text =
        "some avg10=0.00 avg60=0.00 avg300=0.00 total=1500000\nfull avg10=0.00 total=500000\nodd total=1\n";
    let expected = [
        r#"system_pressure_waiting_seconds_total{kind="full", resource="io"} 0.5"#,
        r#"system_pressure_waiting_seconds_total{kind="some", resource="io"} 1.5"#,
    ];
    check(pressure::io, text, &expected);
    check(pressure::cpu, "some avg10=0.00 total=-1\nfull\n", &[]);
}

const MOUNTS: &str = "\
rootfs / rootfs rw 0 0
/dev/sda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
tmpfs /run tmpfs rw,mode=755 0 0
tmpfs /tmp tmpfs rw 0 0
tmpfs /run/user/1000 tmpfs rw 0 0
tmpfs /dev/shm tmpfs rw 0 0
/dev/sda1 /var/lib/bind ext4 rw 0 0
overlay /var/lib/docker/overlay2/x/merged overlay rw 0 0
server:/export /net nfs4 rw 0 0
//server/share /smb cifs rw 0 0
user@host:/ /ssh fuse.sshfs rw 0 0
/dev/sdb1 /media/my\\040disk\\0 vfat ro,noatime 0 0
/dev/sdc1 /running btrfs rw 0 0
odd
";

#[test]
fn only_local_file_systems_are_asked_each_once() {
    let points: Vec<_> = filesystem::mounts(MOUNTS).iter().map(|mount| mount.point.to_string()).collect();
    assert_eq!(points, ["/", "/run", "/tmp", "/media/my disk\\0", "/running"]);
    let in_container = filesystem::mounts("overlay / overlay rw 0 0\n/dev/x /etc/hosts ext4 rw 0 0\n").len();
    assert_eq!(in_container, 2);
}

#[test]
fn space_and_inodes() {
    let mut emit = emit();
    let told = filesystem::Space { free: 1.0, used: 2.0, reserved: 3.0, inodes_free: 4.0, inodes_used: 5.0 };
    let space = |point: &str| match point {
        "/" => Some(told),
        "/running" => Some(filesystem::Space { inodes_free: 0.0, inodes_used: 0.0, ..told }),
        _ => None,
    };
    filesystem::filesystems(MOUNTS, space, &mut emit);
    let of = |device, point, kind, name, state: &str, value| {
        let state = if state.is_empty() { String::new() } else { format!(r#"state="{state}", "#) };
        let labels = format!(r#"device="{device}", mode="rw", mountpoint="{point}", {state}type="{kind}""#);
        format!("system_filesystem_{name}{{{labels}}} {value} @0")
    };
    let root = |name, state, value| of("/dev/sda1", "/", "ext4", name, state, value);
    let other = |name, state, value| of("/dev/sdc1", "/running", "btrfs", name, state, value);
    let expected = [
        root("inodes_usage", "free", 4),
        root("inodes_usage", "used", 5),
        root("limit_bytes", "", 6),
        other("limit_bytes", "", 6),
        root("usage_bytes", "free", 1),
        root("usage_bytes", "reserved", 3),
        root("usage_bytes", "used", 2),
        other("usage_bytes", "free", 1),
        other("usage_bytes", "reserved", 3),
        other("usage_bytes", "used", 2),
    ];
    assert_eq!(shown(&emit.take()), expected);
}

proptest! {
    #[test]
    fn no_text_harms(text in "(cpu[0-9]? |some total=|MemTotal:|eth0:|pgfault |sda |[0-9]{1,25}|-|\\.|/|\\\\[0-7]{0,3}|[a-z]| |\n|\\PC){0,80}") {
        for (path, parser) in FILES {
            if path != "proc/self/mounts" {
                parsed(parser, &text);
            }
        }
        filesystem::filesystems(&text, |_| Some(filesystem::Space::default()), &mut emit());
    }
}

/// Names in the points, and names that are described.
fn names(chunks: &[Chunk]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut told, mut described) = (BTreeSet::new(), BTreeSet::new());
    for item in chunks.iter().flat_map(|chunk| read(&chunk.bytes)) {
        match item.expect("own chunks are read") {
            Item::Series { labels, .. } => told.insert(labels.get("__name__").to_owned()),
            Item::Meta { name, .. } => described.insert(name.to_owned()),
        };
    }
    (told, described)
}

#[test]
fn every_metric_is_described_once_and_named_as_its_unit_asks() {
    let all: Vec<_> = METRICS.iter().flat_map(|metrics| metrics.iter()).collect();
    for metric in &all {
        let is_counter = metric.kind == logweir_base::metric::Kind::Counter;
        let stem = metric.name.strip_suffix("_total");
        assert_eq!(stem.is_some(), is_counter, "{}", metric.name);
        let with_unit = format!("_{}", metric.unit);
        assert!(
            metric.unit.is_empty() || stem.unwrap_or(metric.name).ends_with(&with_unit),
            "{}",
            metric.name
        );
    }
    let mut emit = emit();
    describe(&mut emit);
    assert_eq!(names(&emit.take()).1.len(), all.len());
}

#[test]
fn a_host_of_files_and_one_without() {
    let dir = tempfile::tempdir().expect("temp");
    let mut host = Host::new(dir.path());
    let mut emit = emit();
    host.collect(&mut emit);
    assert_eq!(emit.take(), []);
    let uptime = dir.path().join("proc/uptime");
    fs::create_dir_all(uptime.parent().expect("below")).expect("a directory");
    for text in ["1.00 2.00\n", "222.50 3.00\n", "3.00\n"] {
        fs::write(&uptime, text).expect("writes");
        host.collect(&mut emit);
        let seconds =
            text.split(' ').next().and_then(|word| word.trim().parse::<f64>().ok()).expect("a number");
        assert_eq!(shown(&emit.take()), [format!("system_uptime_seconds {seconds} @0")]);
    }
    let long = dir.path().join("proc/vmstat");
    fs::write(&long, "nr 1\n".repeat(READ_BYTES) + "pswpin 3\n").expect("writes");
    host.collect(&mut emit);
    assert_eq!(shown(&emit.take()).len(), 2);
}

/// Everything that is told of this host is described.
#[test]
fn this_host() {
    let mut emit = emit();
    let mut host = Host::new(Path::new("/"));
    describe(&mut emit);
    host.collect(&mut emit);
    host.collect(&mut emit);
    let (told, described) = names(&emit.take());
    assert!(told.is_subset(&described), "{told:?}");
    for name in ["system_cpu_time_seconds_total", "system_memory_limit_bytes", "system_uptime_seconds"] {
        assert!(told.contains(name), "{name}: {told:?}");
    }
}
