//! A file that rotates by size; every line exactly once. What counts of the file is what the state says: its length and
//! the position that goes with it, saved after the file was synced. Anything behind that length is cut off when the sink opens, or
//! after an error, and written again.
//!
//! Rotation: sync, rename the file to `NAME.N`, sync the directory,
//! create the new one, sync the directory, save the state with `rotated = N`. If
//! `NAME.(rotated + 1)` exists at open, a crash came in between, and it is renamed back.

use super::state::{SinkState, StateFile};
use super::{BUFFER_BYTES, Context, failed, write_entry};
use crate::route::Lane;
use logweir_base::dir::{File, RealDir, SharedDir};
use logweir_base::entry::{Entry, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

/// The file is synced and the position saved after so many bytes, and when nothing comes.
const COMMIT_BYTES: u64 = 16 << 20;

pub(super) struct FileSink {
    name: String,
    lane: Lane,
    state_file: StateFile,
    state: SinkState,
    dir: SharedDir,
    file_name: String,
    file: Box<dyn File>,
    rotate_bytes: u64,
    keep: u64,
    /// Length and position of what was written; ahead of `state`.
    written: u64,
    applied: Position,
    /// After an error nobody knows what lies behind the state's length.
    is_doubtful: bool,
}

impl FileSink {
    /// Opens the file at `path`.
    pub fn open_path(context: Context, path: &str, rotate_bytes: u64, keep: u64) -> io::Result<Self> {
        let path = Path::new(path);
        let bad =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("{}: not a file's path", path.display()));
        let file_name = path.file_name().and_then(|name| name.to_str()).ok_or_else(bad)?;
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let dir: SharedDir = Arc::new(RealDir::open(parent)?);
        Self::open(context, dir, file_name, rotate_bytes, keep)
    }

    /// Opens `file_name` in `dir`, finishes or undoes what a crash has left, and goes back to the saved state.
    pub fn open(
        context: Context,
        dir: SharedDir,
        file_name: &str,
        rotate_bytes: u64,
        keep: u64,
    ) -> io::Result<Self> {
        let Context { name, lane, state: state_file, journal, .. } = context;
        let state = match state_file.load()? {
            Some(state) => state,
            None => {
                let state = first_state(&dir, file_name, journal)?;
                state_file.save(&state)?;
                state
            }
        };
        let file = open_at(&dir, file_name, &state)?;
        Ok(Self {
            name,
            lane,
            state_file,
            written: file.len()?,
            applied: state.position,
            state,
            dir,
            file_name: file_name.to_owned(),
            file,
            rotate_bytes,
            keep,
            is_doubtful: false,
        })
    }

    /// After an error: as if just opened.
    fn go_back(&mut self) -> io::Result<()> {
        if self.is_doubtful {
            self.file = open_at(&self.dir, &self.file_name, &self.state)?;
            (self.written, self.applied) = (self.file.len()?, self.state.position);
            self.is_doubtful = false;
        }
        Ok(())
    }

    fn take(&mut self, entry: &Entry) -> io::Result<()> {
        self.go_back()?;
        if self.written >= self.rotate_bytes {
            self.rotate()?;
        } else if self.written - self.state.length >= COMMIT_BYTES {
            self.save()?;
        }
        let at = FileAt { file: &*self.file, at: self.written };
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, at);
        write_entry(entry, &mut self.lane, &mut out)?;
        out.flush()?;
        self.written = out.get_ref().at;
        self.applied = entry.position;
        Ok(())
    }

    /// Output first, then the position that claims it.
    fn save(&mut self) -> io::Result<()> {
        self.go_back()?;
        if self.applied == self.state.position {
            return Ok(());
        }
        if self.written != self.state.length {
            self.file.sync()?;
        }
        let state = SinkState { position: self.applied, length: self.written, ..self.state };
        self.state_file.save(&state)?;
        self.state = state;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.save()?;
        let number = self.state.rotated + 1;
        self.dir.rename(&self.file_name, &rotated_name(&self.file_name, number))?;
        // Before the name is used again: or the new file might survive a crash that the rename does not.
        self.dir.sync()?;
        self.file = self.dir.create(&self.file_name)?;
        self.written = 0;
        self.dir.sync()?;
        let state = SinkState { length: 0, rotated: number, ..self.state };
        self.state_file.save(&state)?;
        self.state = state;
        if let Some(oldest) = number.checked_sub(self.keep) {
            self.dir.remove(&rotated_name(&self.file_name, oldest))?;
        }
        Ok(())
    }

    fn or_doubtful<T>(&mut self, done: io::Result<T>) -> Result<T, FollowerError> {
        self.is_doubtful |= done.is_err();
        done.map_err(|e| failed(&self.name, e))
    }
}

impl Follower for FileSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        Some((self.state.journal, self.state.position))
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        let done = self.take(entry);
        self.or_doubtful(done)
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        let done = self.save();
        self.or_doubtful(done)?;
        Ok(self.state.position)
    }
}

/// Writes from a place on.
struct FileAt<'a> {
    file: &'a dyn File,
    at: u64,
}

impl Write for FileAt<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(self.at, bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The state of a sink that never ran: what stands in the file already stays, and so do its rotated ones.
fn first_state(dir: &SharedDir, file_name: &str, journal: JournalId) -> io::Result<SinkState> {
    let names = dir.list()?;
    let number = |name: &String| name.strip_prefix(file_name)?.strip_prefix('.')?.parse::<u64>().ok();
    let rotated = names.iter().filter_map(number).max().unwrap_or(0);
    let length = if names.iter().any(|name| name == file_name) { dir.open(file_name)?.len()? } else { 0 };
    Ok(SinkState { rotated, ..SinkState::at(journal, Position(0), length) })
}

/// Undoes a rotation that was not finished, opens the file, and cuts off what the state does not claim.
fn open_at(dir: &SharedDir, file_name: &str, state: &SinkState) -> io::Result<Box<dyn File>> {
    let rotated = rotated_name(file_name, state.rotated + 1);
    let names = dir.list()?;
    let is_unfinished = names.contains(&rotated);
    if is_unfinished {
        dir.rename(&rotated, file_name)?;
    }
    let exists = is_unfinished || names.iter().any(|name| name == file_name);
    let file = if exists { dir.open(file_name)? } else { dir.create(file_name)? };
    dir.sync()?;
    // Shorter when somebody has cut it: then what is left counts.
    if file.len()? > state.length {
        file.set_len(state.length)?;
    }
    Ok(file)
}

fn rotated_name(file_name: &str, number: u64) -> String {
    format!("{file_name}.{number}")
}
