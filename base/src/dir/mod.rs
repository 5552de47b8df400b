//! The disk seam: one directory and its files. The journal, splits and manifests do all their I/O through it, so that
//! a test can cut the power at every operation ([`sim`]) and a fault can be put anywhere.
//!
//! Rules it makes visible: data is durable after [`File::sync`], a name after [`Dir::sync`]. After a failed sync the
//! file must not be trusted again and the process exits.

mod real;
pub mod sim;

pub use real::RealDir;
use std::io;
use std::sync::Arc;

/// One directory, flat. Cheap to share.
pub trait Dir: Send + Sync {
    /// Creates an empty file; fails when the name exists.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;
    /// Names of all files, sorted.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Renames, replacing what stands at `to`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file; a missing one is fine, since the work is done then.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creates, renames and removes durable.
    fn sync(&self) -> io::Result<()>;
    /// The directory as people know it, for error texts.
    fn describe(&self) -> String;
}

/// One file. Reads and writes name their offset; there is no cursor to lose.
pub trait File: Send + Sync {
    /// Reads up to `buf.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
    /// Writes all of `bytes`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Cuts the file off, or extends it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Reserves disk space up to `len` without changing what is there; the length becomes at least `len`.
    fn allocate(&self, len: u64) -> io::Result<()>;
    /// Makes contents and length durable (fdatasync).
    fn sync(&self) -> io::Result<()>;
    /// Whether it has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// A directory that parts hand around.
pub type SharedDir = Arc<dyn Dir>;

/// Reads exactly `len` bytes at `offset`; a short file is an error that says where.
pub fn read_exact_at(file: &dyn File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut buf = vec![0; len];
    let mut done = 0;
    while done < len {
        match file.read_at(offset + done as u64, &mut buf[done..])? {
            0 => {
                let why = format!("file ends at {}, {len} bytes wanted at {offset}", offset + done as u64);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, why));
            }
            n => done += n,
        }
    }
    Ok(buf)
}

/// Writes a whole file so that after a crash either all of it stands under `name` or the old state does:
/// `name.tmp`, sync, rename, directory sync.
pub fn write_whole(dir: &dyn Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    let tmp = format!("{name}.tmp");
    dir.remove(&tmp)?;
    let file = dir.create(&tmp)?;
    file.write_at(0, bytes)?;
    file.sync()?;
    dir.rename(&tmp, name)?;
    dir.sync()
}
