//! The journal: where a line becomes durable, once. Segments of checksummed records in one directory; one writer, any number of
//! readers that see nothing above the durable position.

pub(crate) mod format;
pub(crate) mod reader;
pub(crate) mod recover;
pub(crate) mod scan;
pub(crate) mod writer;

pub(crate) use reader::Reader;
pub(crate) use scan::JournalRecord;
pub(crate) use writer::{Synced, WriteError, Writer};

#[cfg(test)]
mod tests;
