//! What metrics are made of, for all who make, carry or keep them: a series' labels, a mergeable histogram, and the batch of
//! samples that travels and that the journal stores; and the protocols that samples arrive in.
//!
//! Times are milliseconds since 1970 in UTC, as in Prometheus.

pub(crate) mod bucket;
pub mod exposition;
pub mod family;
pub mod histogram;
pub mod labels;
pub mod otlp;
pub mod protobuf;
pub mod received;
pub mod remote_write;
pub mod samples;
pub mod statsd;
#[cfg(test)]
mod testing;

pub use histogram::Histogram;
pub use labels::{Labels, LabelsRef};
pub use received::Received;
pub use samples::{Kind, Meta};

/// The value that ends a series: a NaN that no arithmetic makes.
pub const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);
