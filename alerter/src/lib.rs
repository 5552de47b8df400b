//! The alerting side: a follower of the journal that keeps groups of exceptions and baselines of series, evaluates rules, and
//! writes what people should be told into an outbox that is committed with the journal position.
//!
//! Deliberately absent: tokio, HTTP, SMTP connections, and any clock; time arrives as TICK records.

pub mod config;
pub mod group;
pub mod notification;
