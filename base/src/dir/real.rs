//! The directory on disk.

use super::{Dir, File};
use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A real directory, created when missing.
#[derive(Debug, Clone)]
pub struct RealDir {
    path: PathBuf,
}

impl RealDir {
    /// Opens `path`; creates it with its parents and makes the new names durable.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let missing: Vec<_> =
            path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        fs::create_dir_all(&path).map_err(|e| at(&path, e))?;
        for created in missing {
            let parent = created.parent().filter(|p| !p.as_os_str().is_empty());
            sync_directory(parent.unwrap_or(Path::new(".")))?;
        }
        Ok(Self { path })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Dir for RealDir {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let path = self.join(name);
        let file = fs::File::options().read(true).write(true).create_new(true).open(&path);
        Ok(Box::new(RealFile { file: file.map_err(|e| at(&path, e))?, path }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let path = self.join(name);
        let file = fs::File::options().read(true).write(true).open(&path);
        Ok(Box::new(RealFile { file: file.map_err(|e| at(&path, e))?, path }))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(|e| at(&self.path, e))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.join(from), self.join(to)).map_err(|e| at(&self.join(from), e))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(&self.join(name), e)),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn describe(&self) -> String {
        self.path.display().to_string()
    }
}

struct RealFile {
    file: fs::File,
    path: PathBuf,
}

impl File for RealFile {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.file.read_at(&mut buf[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(at(&self.path, e)),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset).map_err(|e| at(&self.path, e))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata().map_err(|e| at(&self.path, e))?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len).map_err(|e| at(&self.path, e))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        match fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            // Some file systems cannot reserve; then the length alone must do.
            Err(rustix::io::Errno::OPNOTSUPP) => self.set_len(self.len()?.max(len)),
            other => other.map_err(|e| at(&self.path, e.into())),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(|e| at(&self.path, e))
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let synced = fs::File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(|e| at(path, e))
}

/// Puts the path into the error; the kind stays, so that callers can branch on a full disk.
fn at(path: &Path, e: io::Error) -> io::Error {
    io::Error::new(e.kind(), format!("{}: {e}", path.display()))
}
