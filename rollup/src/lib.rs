//! The metrics side: a follower of the journal that keeps series as samples and as windows, and answers PromQL over them.
//!
//! Deliberately absent: tokio, HTTP, and any clock; time arrives as TICK records.

pub mod rules;
pub mod select;
