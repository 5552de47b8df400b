//! What metrics are made of, for all who make, carry or keep them: a series' labels, a mergeable histogram, and the batch of
//! samples that travels and that the journal stores.
//!
//! Times are milliseconds since 1970 in UTC, as in Prometheus.

pub(crate) mod bucket;
pub mod histogram;
pub mod labels;
pub mod samples;

pub use histogram::Histogram;
pub use labels::{Labels, LabelsRef};
pub use samples::{Kind, Meta};
