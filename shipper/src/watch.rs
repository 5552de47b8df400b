//! Which files are there: globs are walked (the truth), and inotify on the directories met says when to look again
//! (a hint; it may be late, lost or absent).
//!
//! Only regular files are ever opened: no FIFO, device or anything of procfs and sysfs. A symbolic link is followed when it
//! leads to a file below the root of some glob, else it is refused; a linked directory is not entered. The root of a glob is its
//! part before the first wildcard, taken as the user wrote it.

use crate::config::ConfigError;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use rustix::fs::{Mode, OFlags};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use walkdir::{DirEntry, DirEntryExt, WalkDir};

/// Magic numbers of file systems whose files are not files.
const PSEUDO_FILE_SYSTEMS: [u64; 2] = [0x9fa0, 0x6265_6572];

/// Device and inode: what a file is while it exists, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct InodeKey {
    /// Device number.
    pub device: u64,
    /// Inode number.
    pub inode: u64,
}

impl InodeKey {
    /// Of a file's metadata.
    pub fn of(meta: &std::fs::Metadata) -> Self {
        Self { device: meta.dev(), inode: meta.ino() }
    }
}

/// A file a scan has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub key: InodeKey,
    /// Name that matched, or any name of a known file.
    pub path: PathBuf,
    /// What to open: `path`, or what the link leads to.
    pub target: PathBuf,
    /// Bytes in it.
    pub size: u64,
    /// Last change of its contents, in nanoseconds.
    pub modified: i64,
}

impl Found {
    /// The same file as its metadata tells now.
    pub fn now(&self, meta: &std::fs::Metadata) -> Self {
        Self { size: meta.len(), modified: modified(meta), ..self.clone() }
    }
}

/// What a scan has met.
#[derive(Debug, Default)]
pub struct Scan {
    /// Files, oldest change first; one inode may come under several names.
    pub files: Vec<Found>,
    /// Directories walked: where changes are to be expected.
    pub dirs: BTreeSet<PathBuf>,
    /// What could not be read or was refused, by path.
    pub refused: BTreeMap<PathBuf, String>,
}

/// The globs of a shipper.
#[derive(Debug)]
pub struct Globs {
    set: GlobSet,
    /// Root -> how deep its globs reach.
    roots: BTreeMap<PathBuf, usize>,
    exclude: PathBuf,
}

impl Globs {
    /// Compiles `globs`; relative ones start at the working directory. Nothing below `exclude` is tailed.
    pub fn new(globs: &[String], exclude: &Path) -> Result<Self, ConfigError> {
        let mut set = GlobSetBuilder::new();
        let mut roots = BTreeMap::new();
        for text in globs {
            let bad = |e: &dyn std::fmt::Display| ConfigError(format!("glob `{text}`: {e}"));
            let full = std::path::absolute(text).map_err(|e| bad(&e))?;
            let full_text = full.to_str().ok_or_else(|| bad(&"not UTF-8"))?;
            set.add(GlobBuilder::new(full_text).literal_separator(true).build().map_err(|e| bad(&e))?);
            let (root, depth) = root_of(&full);
            let deepest = roots.entry(root).or_insert(depth);
            *deepest = depth.max(*deepest);
        }
        let set = set.build().map_err(|e| ConfigError(format!("globs: {e}")))?;
        Ok(Self { set, roots, exclude: exclude.to_owned() })
    }

    /// Whether a path is one of those to tail.
    pub fn matches(&self, path: &Path) -> bool {
        self.set.is_match(path) && !path.starts_with(&self.exclude)
    }

    /// Walks all roots. Files whose inode number is in `known` are reported under any name, so that a rotated file is
    /// found even where its new name is not one to tail.
    pub fn scan(&self, known: &HashSet<u64>) -> Scan {
        let mut scan = Scan::default();
        let real_roots: Vec<_> = self.roots.keys().filter_map(|root| root.canonicalize().ok()).collect();
        for (root, &depth) in &self.roots {
            for entry in WalkDir::new(root).max_depth(depth).follow_root_links(true) {
                match entry {
                    Ok(entry) => self.visit(&entry, known, &real_roots, &mut scan),
                    Err(e) => note_walk_error(&e, &mut scan),
                }
            }
        }
        scan.files.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
        scan
    }

    fn visit(&self, entry: &DirEntry, known: &HashSet<u64>, real_roots: &[PathBuf], scan: &mut Scan) {
        let path = entry.path();
        let kind = entry.file_type();
        if kind.is_dir() || entry.depth() == 0 {
            scan.dirs.insert(path.to_owned());
            return;
        }
        let wanted = self.matches(path);
        if !wanted && (!kind.is_file() || !known.contains(&entry.ino())) {
            return;
        }
        match look(path, kind.is_symlink(), real_roots) {
            Ok(found) => scan.files.push(found),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => {
                scan.refused.insert(path.to_owned(), e.to_string());
            }
        }
    }
}

/// Opens what a scan has found: for reading, without waiting, without following a link that has appeared since, and
/// only when it is still the regular file it was.
pub fn open(found: &Found) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(&found.target, flags, Mode::empty())?);
    let meta = file.metadata()?;
    if !meta.is_file() || InodeKey::of(&meta) != found.key {
        return Err(io::Error::new(io::ErrorKind::NotFound, "replaced while it was being opened"));
    }
    let magic = rustix::fs::fstatfs(&file)?.f_type;
    if PSEUDO_FILE_SYSTEMS.contains(&u64::try_from(magic).unwrap_or(0)) {
        return Err(refusal("on a pseudo file system: not a log file"));
    }
    Ok(file)
}

/// Hints from the kernel about changes in directories.
pub struct Watcher {
    inner: RecommendedWatcher,
    dirs: BTreeSet<PathBuf>,
}

/// A hint.
#[derive(Debug)]
pub enum Hint {
    /// This path has changed.
    Changed(PathBuf),
    /// Something was missed or appeared: scan.
    Rescan,
}

impl Watcher {
    /// A watcher that calls `hint` from a thread of its own; the error says why there is none.
    pub fn new(hint: impl Fn(Hint) + Send + 'static) -> Result<Self, notify::Error> {
        let inner = notify::recommended_watcher(move |event| translate(event, &hint))?;
        Ok(Self { inner, dirs: BTreeSet::new() })
    }

    /// Watches exactly `dirs`. Fails when the system gives no more watches; scans find what watches miss (T33).
    pub fn watch(&mut self, dirs: &BTreeSet<PathBuf>) -> Result<(), notify::Error> {
        let gone: Vec<_> = self.dirs.difference(dirs).cloned().collect();
        for dir in gone {
            // Its watch went with the directory when that was removed.
            let _ = self.inner.unwatch(&dir);
            self.dirs.remove(&dir);
        }
        let fresh: Vec<_> = dirs.difference(&self.dirs).cloned().collect();
        for dir in fresh {
            match self.inner.watch(&dir, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.dirs.insert(dir)),
                // Gone again, or not to be read: that is for the next scan to say.
                Err(e) if matches!(e.kind, notify::ErrorKind::PathNotFound | notify::ErrorKind::Io(_)) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

fn translate(event: notify::Result<notify::Event>, hint: &impl Fn(Hint)) {
    use notify::EventKind::{Access, Modify};
    use notify::event::ModifyKind;
    match event {
        Err(_) => hint(Hint::Rescan),
        Ok(event) if event.need_rescan() => hint(Hint::Rescan),
        Ok(event) => match event.kind {
            Access(_) => {}
            Modify(ModifyKind::Data(_) | ModifyKind::Any) => {
                event.paths.into_iter().for_each(|path| hint(Hint::Changed(path)));
            }
            _ => hint(Hint::Rescan),
        },
    }
}

fn look(path: &Path, is_link: bool, real_roots: &[PathBuf]) -> io::Result<Found> {
    let target = if is_link { path.canonicalize()? } else { path.to_owned() };
    if is_link && !real_roots.iter().any(|root| target.starts_with(root)) {
        return Err(refusal("a link that leads outside the globs"));
    }
    let meta = target.symlink_metadata()?;
    if !meta.is_file() {
        return Err(refusal("not a regular file"));
    }
    Ok(Found {
        key: InodeKey::of(&meta),
        path: path.to_owned(),
        target,
        size: meta.len(),
        modified: modified(&meta),
    })
}

fn modified(meta: &std::fs::Metadata) -> i64 {
    meta.mtime().saturating_mul(1_000_000_000).saturating_add(meta.mtime_nsec())
}

fn refusal(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}

fn note_walk_error(error: &walkdir::Error, scan: &mut Scan) {
    let missing = error.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound);
    if !missing {
        let path = error.path().unwrap_or(Path::new("")).to_owned();
        let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        scan.refused.insert(path, why);
    }
}

/// The directory before the first wildcard, and how many levels below it a glob reaches.
fn root_of(glob: &Path) -> (PathBuf, usize) {
    let is_wild = |c: &Component<'_>| c.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']);
    let parts: Vec<_> = glob.components().collect();
    let fixed = parts.iter().position(is_wild).unwrap_or(parts.len()).min(parts.len().saturating_sub(1));
    let deep = parts[fixed..].iter().any(|c| c.as_os_str().to_string_lossy().contains("**"));
    let depth = if deep { usize::MAX } else { parts.len() - fixed };
    (parts[..fixed].iter().collect(), depth)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn names(scan: &Scan, dir: &Path) -> Vec<String> {
        let short = |f: &Found| f.path.strip_prefix(dir).expect("below").display().to_string();
        let mut names: Vec<_> = scan.files.iter().map(short).collect();
        names.sort();
        names
    }

    fn globs(dir: &Path, patterns: &[&str]) -> Globs {
        let full: Vec<_> = patterns.iter().map(|p| dir.join(p).display().to_string()).collect();
        Globs::new(&full, &dir.join("state")).expect("compiles")
    }

    #[test]
    fn the_root_of_a_glob() {
        for (glob, root, depth) in [
            ("/var/log/app.log", "/var/log", 1),
            ("/var/log/*.log", "/var/log", 1),
            ("/var/log/*/x.log", "/var/log", 2),
            ("/var/**/*.log", "/var", usize::MAX),
        ] {
            assert_eq!(root_of(Path::new(glob)), (PathBuf::from(root), depth), "{glob}");
        }
    }

    #[test]
    fn globs_cross_directories_only_with_two_stars() {
        let dir = tempfile::tempdir().expect("temp");
        fs::create_dir_all(dir.path().join("a/b")).expect("dirs");
        for file in ["x.log", "a/y.log", "a/b/z.log", "a/b/z.txt"] {
            fs::write(dir.path().join(file), "").expect("file");
        }
        let scan = |pattern| names(&globs(dir.path(), &[pattern]).scan(&HashSet::new()), dir.path());
        assert_eq!(scan("*.log"), ["x.log"]);
        assert_eq!(scan("*/*.log"), ["a/y.log"]);
        assert_eq!(scan("**/*.log"), ["a/b/z.log", "a/y.log", "x.log"]);
    }

    #[test]
    fn t19_only_regular_files_below_the_roots() {
        let dir = tempfile::tempdir().expect("temp");
        let outside = tempfile::NamedTempFile::new().expect("temp");
        let logs = dir.path().join("logs");
        fs::create_dir(&logs).expect("dir");
        fs::write(logs.join("real.log"), "x\n").expect("file");
        symlink(logs.join("real.log"), logs.join("inside.log")).expect("link");
        symlink(outside.path(), logs.join("outside.log")).expect("link");
        symlink("/proc/self/status", logs.join("proc.log")).expect("link");
        symlink("/dev/zero", logs.join("zero.log")).expect("link");
        let fifo = logs.join("fifo.log");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, Mode::RUSR, 0).expect("fifo");
        let scan = globs(&logs, &["*.log"]).scan(&HashSet::new());
        assert_eq!(names(&scan, &logs), ["inside.log", "real.log"]);
        assert_eq!(scan.refused.len(), 4, "{:?}", scan.refused);
        let proc = globs(Path::new("/proc/self"), &["status"]).scan(&HashSet::new());
        assert!(open(&proc.files[0]).is_err());
    }
}
