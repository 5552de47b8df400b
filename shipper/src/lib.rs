//! The shipper: tails files at the edge and sends every line once.
//!
//! ```text
//! watch     which files are there          identity  which source is this file
//! framer    bytes -> lines                 redact    what must not leave the host
//! tail      owner of files and sources: scans and answers in, frames out; no sockets, no clock
//! connection  the socket                   state     what survives a restart
//! meter     metrics: a session of its own
//! shipper   the loop around them           args, config, zone, status   what goes in, what can be seen
//! ```
//! The file is the only buffer: whatever is not acknowledged is read again. Only metrics, which no file holds, are kept in
//! memory until then. Deliberately absent: a queue on disk, a sequence counter.

pub mod args;
pub mod config;
pub mod connection;
pub mod framer;
pub mod identity;
pub mod meter;
pub mod redact;
pub mod shipper;
pub mod state;
pub mod status;
pub mod tail;
pub mod watch;
mod zone;

pub use args::ShipArgs;
pub use config::{Compression, ConfigError, Settings, ShipConfig, ShipFile};
pub use meter::config::MetricsConfig;
pub use redact::RedactRule;
pub use shipper::{ShipError, ShipReport, run};
pub use status::{Counters, FileState, FileStatus, MeterStatus, ShipperStatus, StatusSnapshot};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
