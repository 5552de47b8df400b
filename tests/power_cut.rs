//! Power cuts on a real file system: ext4 on a loop file, shut down by ioctl so that everything unsynced is gone and all
//! further I/O fails (DURABILITY, power-cut recipe). Needs root, loop devices, mkfs.ext4 and python3 (for the ioctl);
//! where one is missing the test says so and passes: the crash models over the simulated directory always run.

#![allow(clippy::print_stdout)] // the report of the run is its point

mod common;

use common::{Server, Shipper, path_text as path, ship_once, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: the power is off.
const SHUTDOWN: &str = "import fcntl,os,struct,sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A small ext4 on a loop file; unmounted at the end.
struct LoopDisk {
    image: PathBuf,
    mount: PathBuf,
}

impl LoopDisk {
    fn make(dir: &Path) -> Result<Self, String> {
        let (image, mount) = (dir.join("disk.img"), dir.join("disk"));
        fs::create_dir(&mount).map_err(|e| e.to_string())?;
        let file = fs::File::create(&image).map_err(|e| e.to_string())?;
        file.set_len(640 << 20).map_err(|e| e.to_string())?;
        run("mkfs.ext4", &["-q", "-F", path(&image)])?;
        let disk = Self { image, mount };
        disk.mount()?;
        run("python3", &["-c", "pass"])?;
        Ok(disk)
    }

    fn mount(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", path(&self.image), path(&self.mount)])
    }

    fn cut_power(&self) {
        run("python3", &["-c", SHUTDOWN, path(&self.mount)]).expect("ext4 shuts down");
    }

    /// The disk as it is found when the power is back.
    fn power_on(&self) {
        run("umount", &[path(&self.mount)]).expect("nobody uses the disk");
        self.mount().expect("ext4 recovers");
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", path(&self.mount)]);
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).output().map_err(|e| format!("{program}: {e}"))?;
    let why = || format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    if output.status.success() { Ok(()) } else { Err(why()) }
}

/// R2, R5, R10, D05: what `ship --once` was told is durable survives a power cut at once after; the server stops by
/// itself when its disk is gone.
#[test]
fn acknowledged_lines_survive_a_power_cut() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = match LoopDisk::make(dir.path()) {
        Ok(disk) => disk,
        Err(why) => return println!("skipped: no loop disk here ({why})"),
    };
    let mut server = Server::start(&disk.mount, &[]);
    let mut expected = 0;
    for round in 0..4u64 {
        let log = dir.path().join(format!("round{round}.log"));
        let lines: String =
            (0..5_000).map(|n| format!("round {round} line {n} {}\n", "x".repeat(60))).collect();
        fs::write(&log, lines).expect("the log is written");
        expected += 5_000;
        ship_once(dir.path(), server.ingest, &[&log]);
        fs::remove_file(&log).expect("the log goes: only the server has it now");
        disk.cut_power();
        // The server's log lies on the dead disk too, so that nothing but its exit can be seen of it.
        let waker = dir.path().join("waker.log");
        fs::write(&waker, "one more line makes it notice\n").expect("written");
        let mut waking = Shipper::start(dir.path(), server.ingest, &[], &[path(&waker)]);
        wait_for("the server to stop on a dead disk", || server.process.exit_code());
        waking.process.kill();
        disk.power_on();
        server.restart();
        assert_eq!(server.count("round AND line"), expected, "after round {round}");
    }
    server.process.kill();
}
