//! What can be set about the log store.

use std::time::Duration;

/// Sizes, ages and threads of the log store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexerConfig {
    /// Text of one block, in bytes: what is compressed, indexed and decompressed together. Default 128 KiB. Smaller
    /// blocks make a look-up of one line cheaper and the store larger.
    pub block_bytes: usize,
    /// Text gathered before it is sorted and compressed, in bytes. Default 4 MiB.
    pub run_bytes: usize,
    /// Lines after which a split is written. Default 1,000,000. Splits under a quarter of it are merged.
    pub split_lines_max: u64,
    /// Age of the oldest record outside a split after which one is written. Default 10 minutes.
    pub split_age: Duration,
    /// Memory for what is not in a split yet, in bytes; beyond it senders wait. Default 256 MiB.
    pub tail_bytes_max: usize,
    /// Splits whose lines were all received longer ago than this are removed. Default: none is.
    pub retention_age: Option<Duration>,
    /// The oldest splits are removed while all together are larger than this, in bytes. Default: no bound.
    pub retention_bytes: Option<u64>,
    /// Threads that sort, compress and index. Default 1. With 0 all work, also of writing splits, is done by the
    /// caller: slow, but a function of the input alone, as tests want it.
    pub workers: usize,
}

impl Default for IndexerConfig {
    fn default() -> Self {
        Self {
            block_bytes: 128 << 10,
            run_bytes: 4 << 20,
            split_lines_max: 1_000_000,
            split_age: Duration::from_secs(600),
            tail_bytes_max: 256 << 20,
            retention_age: None,
            retention_bytes: None,
            workers: 1,
        }
    }
}
