//! The workload generator: `logweir gen` writes a log file of a fixed shape and the truth about it. Tests, benches and the
//! demo take their lines from the same [`Generator`].

mod dice;
mod generator;
mod tables;
mod truth;

pub use generator::{Facts, Generator, user_id};
pub use tables::{LEVELS, Level, RARE_WORDS, SERVICES};
pub use truth::{Tally, Truth};

use logweir_base::time::Clock;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes collected before they are written to the file.
const WRITE_BYTES: usize = 1 << 20;
/// How often a live workload writes the lines that have become due.
const LIVE_TICK: Duration = Duration::from_millis(10);

/// Which lines to write.
#[derive(Debug, Clone, Copy)]
pub struct Workload {
    /// How many.
    pub lines: u64,
    /// Which.
    pub seed: u64,
    /// Lines a second with the present time in them; `None`: all at once, with the seed's own time.
    pub rate: Option<u32>,
}

/// The log file of a workload in `dir`.
pub fn log_path(dir: &Path) -> PathBuf {
    dir.join("gen.log")
}

/// The truth file of a workload in `dir`.
pub fn truth_path(dir: &Path) -> PathBuf {
    dir.join("truth.json")
}

/// Writes `gen.log` and `truth.json` into `dir`, which is created; existing ones are replaced.
pub fn write(workload: Workload, dir: &Path, clock: &dyn Clock) -> io::Result<Truth> {
    fs::create_dir_all(dir)?;
    let mut file = BufWriter::with_capacity(WRITE_BYTES, File::create(log_path(dir))?);
    let tally = match workload.rate {
        None => write_all(workload, &mut file)?,
        Some(rate) => write_live(workload, rate, clock, &mut file)?,
    };
    file.flush()?;
    let truth = tally.truth(workload.seed);
    let mut text = serde_json::to_vec_pretty(&truth)?;
    text.push(b'\n');
    fs::write(truth_path(dir), text)?;
    Ok(truth)
}

fn write_all(workload: Workload, file: &mut impl Write) -> io::Result<Tally> {
    let (mut generator, mut tally) = (Generator::new(workload.seed), Tally::default());
    let mut line = Vec::new();
    for _ in 0..workload.lines {
        line.clear();
        let facts = generator.next_line(&mut line);
        tally.add(&facts, line.len());
        file.write_all(&line)?;
    }
    Ok(tally)
}

fn write_live(workload: Workload, rate: u32, clock: &dyn Clock, file: &mut impl Write) -> io::Result<Tally> {
    let (mut generator, mut tally) = (Generator::new(workload.seed), Tally::default());
    let mut line = Vec::new();
    let (start, ticks) = (Instant::now(), crossbeam::channel::tick(LIVE_TICK));
    let mut written = 0;
    while written < workload.lines {
        let due = (start.elapsed().as_secs_f64() * f64::from(rate)) as u64;
        while written < due.min(workload.lines) {
            line.clear();
            let facts = generator.next_line_at(clock.now(), &mut line);
            tally.add(&facts, line.len());
            file.write_all(&line)?;
            written += 1;
        }
        file.flush()?;
        ticks.recv().expect("a ticker never ends");
    }
    Ok(tally)
}
