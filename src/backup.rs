//! `logweir backup` and `restore`: a consistent cut of a data directory, taken while the server runs.
//!
//! Splits are immutable and named by the manifest; whatever is above the manifest's position is in the journal. So a cut is
//! consistent when the manifest is the same before and after everything was copied, with the journal last: then every
//! split it names was there, and no segment it needs had been released. When it changed, the copy is brought up to date and
//! checked again; splits copied before stay. The shipper's own state is left out: the router knows it too.
//!
//! `backup.json` is written last; without it a directory is not a backup and is not restored.

use logweir_base::time::Clock;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const MARKER: &str = "backup.json";
/// What tells which files a store has.
const MANIFESTS: [&str; 2] = ["index/manifest", "metrics/manifest"];
/// Copied in this order: positions of followers never lead the journal's end.
const PARTS: [&str; 5] = ["sinks", "alerter", "index", "metrics", "journal"];
/// Of files that never change once they are there: splits, and blocks of the metrics store.
const UNCHANGING: [&str; 2] = ["split", "rollup"];
/// A store whose manifest changes more often than it can be copied is a store to copy in a quiet hour.
const TRIES_MAX: u32 = 20;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Copies the data directory `data` to `target`, which must not exist or be empty; `progress` hears of each file.
pub fn backup(
    data: &Path,
    target: &Path,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(&str),
) -> io::Result<Copied> {
    if !data.join("journal").is_dir() {
        return Err(other(format!("{} is not a data directory: it has no journal", data.display())));
    }
    must_be_empty(target)?;
    create_dir(target)?;
    let canonical = |path: &Path| path.canonicalize().map_err(|e| at(path, &e));
    if canonical(target)?.starts_with(canonical(data)?) {
        return Err(other(format!(
            "{} lies in the data directory itself: name another place",
            target.display()
        )));
    }
    for _ in 0..TRIES_MAX {
        let before = manifests(data)?;
        let copied = copy_parts(data, target, progress)?;
        if manifests(data)? == before {
            remove_strangers(data, target)?;
            let created = clock.now().to_string();
            let marker = serde_json::json!({ "version": 1, "created": created, "files": copied.files, "bytes": copied.bytes });
            write_durably(&target.join(MARKER), format!("{marker}\n").as_bytes())?;
            return Ok(copied);
        }
        progress("the store has changed meanwhile, bringing the copy up to date");
    }
    Err(other(format!("the store changed during each of {TRIES_MAX} tries: back it up in a quieter hour")))
}

/// Brings a backup back as the data directory `data`, which must not exist or be empty.
pub fn restore(backup: &Path, data: &Path, progress: &mut dyn FnMut(&str)) -> io::Result<Copied> {
    if !backup.join(MARKER).is_file() {
        let why = "it has no backup.json, so it is not a backup, or one that was not finished";
        return Err(other(format!("{}: {why}", backup.display())));
    }
    must_be_empty(data)?;
    copy_parts(backup, data, progress)
}

fn copy_parts(from: &Path, to: &Path, progress: &mut dyn FnMut(&str)) -> io::Result<Copied> {
    let mut copied = Copied { files: 0, bytes: 0 };
    create_dir(to)?;
    for part in PARTS {
        for name in files_of(&from.join(part))? {
            let relative = PathBuf::from(part).join(name);
            if let Some(bytes) = copy_file(&from.join(&relative), &to.join(&relative))? {
                progress(&relative.display().to_string());
                copied.files += 1;
                copied.bytes += bytes;
            }
        }
    }
    sync_dir(to)?;
    Ok(copied)
}

/// Names of the finished files in a directory; none when it does not exist.
fn files_of(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(e) => return Err(at(dir, &e)),
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(|e| at(dir, &e))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let is_finished = !name.ends_with(".tmp") && name != "ballast";
                if is_finished && entry.file_type().map_err(|e| at(dir, &e))?.is_file() {
                    names.push(name);
                }
            }
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Copies one file durably; one that never changes and is there already is not copied again.
/// `None` when the file has gone meanwhile: the manifest will tell whether it mattered.
fn copy_file(from: &Path, to: &Path) -> io::Result<Option<u64>> {
    let parent = to.parent().expect("a file in a part of the data directory");
    create_dir(parent)?;
    let length = match fs::metadata(from) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| at(from, &e))?.len(),
    };
    let is_unchanging = to.extension().is_some_and(|e| UNCHANGING.iter().any(|kind| e == *kind));
    if is_unchanging && fs::metadata(to).is_ok_and(|there| there.len() == length) {
        return Ok(Some(length));
    }
    match fs::copy(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(at(from, &e)),
        Ok(_) => {}
    }
    fs::File::open(to).and_then(|file| file.sync_all()).map_err(|e| at(to, &e))?;
    sync_dir(parent)?;
    Ok(Some(length))
}

/// Removes from the copy what an earlier try copied and the store has dropped since.
fn remove_strangers(data: &Path, target: &Path) -> io::Result<()> {
    for part in PARTS {
        let there = files_of(&data.join(part))?;
        for name in files_of(&target.join(part))?.iter().filter(|name| !there.contains(name)) {
            let path = target.join(part).join(name);
            fs::remove_file(&path).map_err(|e| at(&path, &e))?;
        }
    }
    Ok(())
}

fn manifests(data: &Path) -> io::Result<Vec<Option<Vec<u8>>>> {
    let read = |name: &&str| match fs::read(data.join(name)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(at(&data.join(name), &e)),
        Ok(bytes) => Ok(Some(bytes)),
    };
    MANIFESTS.iter().map(read).collect()
}

fn must_be_empty(dir: &Path) -> io::Result<()> {
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(false) => Err(other(format!("{} is not empty: name a new directory", dir.display()))),
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(dir, &e)),
        _ => Ok(()),
    }
}

fn create_dir(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path).map_err(|e| at(path, &e))
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes).map_err(|e| at(path, &e))?;
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|e| at(path, &e))?;
    sync_dir(path.parent().expect("a file in a directory"))
}

fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path).and_then(|dir| dir.sync_all()).map_err(|e| at(path, &e))
}

fn at(path: &Path, e: &io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}

fn other(reason: String) -> io::Error {
    io::Error::other(reason)
}
