//! `logweir test`: runs the tests of files, prints a line for each and what is not as expected below it.

use super::case;
use crate::args::TestArgs;
use crate::command::{self, Failure};
use crate::config::{Config, Exposure};
use crate::terminal::{Screen, Tone, note};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// What is not as expected; nothing when it is passed.
    pub differences: Vec<String>,
}

/// Runs the tests of all files. Each file is a configuration of its own, with what `-c` adds to all of them.
pub fn run(args: &TestArgs) -> Result<(), Failure> {
    let mut loaded = Vec::new();
    // What is wrong with any of them is said before anything runs.
    for file in files_of(&args.files)? {
        loaded.push((load(&args.config, &file)?, file));
    }
    let (mut all, mut failed) = (0, 0);
    let screen = &mut Screen::stdout();
    for (config, file) in &loaded {
        if config.test.is_empty() {
            note(&format!("{}: has no [[test]]", file.display()));
        }
        for outcome in outcomes(config, file) {
            all += 1;
            failed += usize::from(!outcome.differences.is_empty());
            show(file, &outcome, screen).or_else(reader_has_left)?;
        }
    }
    match (all, failed) {
        (0, _) => Err(Failure::Failed("there is no test".to_owned())),
        (_, 0) => Ok(()),
        _ => Err(Failure::Failed(format!("{failed} of {all} tests failed"))),
    }
}

/// Runs the tests of a configuration whose file is this; one after the other, as it is asked for them.
pub fn outcomes<'c>(config: &'c Config, file: &'c Path) -> impl Iterator<Item = Outcome> + 'c {
    let dir = file.parent().unwrap_or(Path::new("."));
    config.test.iter().map(move |test| Outcome {
        name: test.name.clone(),
        differences: case::run(test, config, dir).unwrap_or_else(|e| vec![format!("it cannot be run: {e}")]),
    })
}

/// Files, and the `*.toml` of directories in name order.
fn files_of(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed =
            |e: io::Error| Failure::Config(format!("{}: cannot list the directory: {e}", path.display()));
        let entries = fs::read_dir(path).map_err(failed)?;
        let mut found =
            entries.map(|it| it.map(|it| it.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
        found.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn load(shared: &[PathBuf], file: &Path) -> Result<Config, Failure> {
    let paths: Vec<PathBuf> = shared.iter().cloned().chain([file.to_owned()]).collect();
    // Nothing is listened on.
    command::load(&paths, Exposure::Allowed)
}

fn show<W: Write>(file: &Path, outcome: &Outcome, screen: &mut Screen<W>) -> io::Result<()> {
    let is_passed = outcome.differences.is_empty();
    let (tone, word) = if is_passed { (Tone::Good, "ok     ") } else { (Tone::Bad, "FAILED ") };
    screen.text(tone, word)?;
    screen.text(Tone::Dim, &format!("{}: ", file.display()))?;
    screen.text(Tone::Plain, &outcome.name)?;
    screen.newline()?;
    for line in &outcome.differences {
        let tone = match line.trim_start().as_bytes().first() {
            Some(b'-') => Tone::Good,
            Some(b'+') => Tone::Bad,
            _ => Tone::Plain,
        };
        screen.text(tone, &format!("  {line}"))?;
        screen.newline()?;
    }
    screen.flush()
}

/// Whoever has stopped reading does not want the rest, but the exit code.
fn reader_has_left(e: io::Error) -> Result<(), Failure> {
    match e.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Failure::Failed(format!("cannot write the output: {e}"))),
    }
}
