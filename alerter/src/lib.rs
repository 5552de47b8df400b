//! The alerting side: a follower of the journal that keeps groups of exceptions and baselines of series, evaluates rules, and
//! writes what people should be told into an outbox that is committed with the journal position.
//!
//! Records become occurrences of groups (intake.rs, exception/, group/); at each tick rules are looked at (evaluate.rs, rule/,
//! baseline/), alerts move on (alert.rs), messages are written (tell.rs, digest.rs) and all is committed (store.rs). What is told
//! to whom in which shape is in receiver/; sending is somebody else's.
//!
//! Deliberately absent: tokio, HTTP, SMTP connections, and any clock; time arrives as TICK records.

pub mod alert;
mod alerter;
pub mod baseline;
mod baselines;
pub mod config;
mod configured;
mod deletion;
mod digest;
mod evaluate;
pub mod exception;
pub mod group;
mod intake;
mod inventory;
pub mod memory;
pub mod notification;
mod outbox;
mod reader;
pub mod receiver;
pub mod rule;
mod schedule;
mod senses;
mod store;
mod table;
mod tell;
mod text;

#[cfg(test)]
mod tests;

pub use alerter::{Alerter, FOLLOWER};
pub use configured::{Configured, STALE};
pub use intake::group_of;
pub use inventory::Reporter;
pub use reader::{Reader, Sent};
pub use rule::narrowed;
pub use schedule::{day_of_week, time_of_day};
pub use senses::{Number, Senses};
