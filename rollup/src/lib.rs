//! The metrics side: a follower of the journal that keeps series as samples and as windows, and answers PromQL over them.
//!
//! Points arrive in memory (intake.rs, live.rs), are written to immutable files (flush.rs, block/) that the manifest names, are
//! merged and, when they are old, made coarser (compact.rs, level.rs). A query reads memory and files of one moment (query.rs).
//!
//! Deliberately absent: tokio, HTTP, and any clock; time arrives as TICK records.

mod block;
mod budget;
mod codec;
mod compact;
mod config;
mod flush;
mod gather;
mod intake;
mod level;
mod live;
mod logs;
mod manifest;
pub mod node;
pub mod promql;
mod query;
mod resent;
mod rollup;
pub mod rules;
pub mod select;
mod series;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod window;

pub use budget::OVERFLOW;
pub use config::RollupConfig;
pub use intake::{Intake, SeriesHandle};
pub use rollup::{FOLLOWER, Rollup};
pub use status::{PointCounts, RollupStatus};
pub use store::Store;
