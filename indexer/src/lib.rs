//! The log store: what the journal holds, made searchable. A [`Follower`](logweir_base::entry::Follower) that takes
//! records in order, keeps the newest in memory (the *tail*), writes the rest to *splits* and names them in the
//! *manifest*, whose append is its commit; and a [`Store`] that searches all of it at once.
//!
//! Deliberately absent: tokio, HTTP and clocks. Time moves with the records' receive times and ticks, so that a replay
//! builds the same store; a search's deadline is a span, not a time of day.

mod block;
mod blocks;
mod codec;
mod columns;
mod config;
mod deletion;
mod distinct;
mod indexer;
mod keeper;
mod line;
mod manifest;
mod open;
mod patterns;
mod purge;
mod rewrite;
mod rows;
mod seal;
mod search;
mod set;
mod split;
mod status;
mod store;
mod tail;
#[cfg(test)]
mod tests;

pub use config::IndexerConfig;
pub use deletion::{DeletionState, DeletionStatus};
pub use indexer::Indexer;
pub use line::{Hit, LineKey};
pub use patterns::{Pattern, PatternStats, TREND_HOURS};
pub use search::{Cancel, Order, SearchRequest, SearchSummary};
pub use status::Status;
pub use store::Store;
