//! How far a sink is: a small file of its own, replaced as a whole.
//!
//! `sink-NAME.state` is one line of JSON: `{"version":1,"journal":ID,"position":N,"length":N,"rotated":N}`.

use logweir_base::dir::{SharedDir, read_exact_at, write_whole};
use logweir_base::ids::{JournalId, Position};
use serde::{Deserialize, Serialize};
use std::io;

const VERSION: u32 = 1;
const STATE_BYTES_MAX: u64 = 4096;

/// What a sink has made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SinkState {
    /// Of this encoding.
    pub version: u32,
    /// The journal that `position` is of.
    pub journal: JournalId,
    /// Everything up to here is out.
    pub position: Position,
    /// `file`: bytes of the current file that belong to it.
    pub length: u64,
    /// `file`: how often it was rotated.
    pub rotated: u64,
}

impl SinkState {
    /// Nothing is out yet.
    pub fn at(journal: JournalId, position: Position, length: u64) -> Self {
        Self { version: VERSION, journal, position, length, rotated: 0 }
    }
}

/// Where it is kept.
pub(super) struct StateFile {
    dir: SharedDir,
    file: String,
}

impl StateFile {
    pub fn new(dir: SharedDir, sink: &str) -> Self {
        Self { dir, file: format!("sink-{sink}.state") }
    }

    /// The last state that was saved; `None` when there never was one.
    pub fn load(&self) -> io::Result<Option<SinkState>> {
        let file = match self.dir.open(&self.file) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let len = usize::try_from(file.len()?.min(STATE_BYTES_MAX)).expect("small");
        let bytes = read_exact_at(&*file, 0, len)?;
        let bad = |why: String| io::Error::other(format!("{}/{}: {why}", self.dir.describe(), self.file));
        let state: SinkState = serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if state.version != VERSION {
            return Err(bad(format!("written by format version {}", state.version)));
        }
        Ok(Some(state))
    }

    /// Durable when it returns.
    pub fn save(&self, state: &SinkState) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(state).expect("plain data always serialises");
        bytes.push(b'\n');
        write_whole(&*self.dir, &self.file, &bytes)
    }
}
