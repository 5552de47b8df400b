//! Standard output, from the present on: whoever looks wants what happens now.

use super::{Context, failed, write_entry};
use crate::route::Lane;
use logweir_base::entry::{Entry, Follower, FollowerError};
use logweir_base::ids::{JournalId, Position};
use std::io::{BufWriter, Write, stdout};
use std::sync::Arc;

pub(super) struct StdoutSink {
    name: String,
    lane: Lane,
    journal: JournalId,
    position: Position,
}

impl StdoutSink {
    pub fn new(context: Context) -> Self {
        let Context { name, lane, journal, present, .. } = context;
        Self { name, lane, journal, position: present }
    }
}

impl Follower for StdoutSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        Some((self.journal, self.position))
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        let mut out = BufWriter::with_capacity(super::BUFFER_BYTES, stdout().lock());
        let written = write_entry(entry, &mut self.lane, &mut out).and_then(|()| out.flush());
        // What is left in the buffer after an error would be written when it is dropped.
        drop(out.into_parts());
        written.map_err(|e| failed("standard output", e))?;
        self.position = entry.position;
        Ok(())
    }

    fn commit(&mut self) -> Result<Position, FollowerError> {
        Ok(self.position)
    }
}
