//! The faults of FAULTS 2.1 and 2.2 that a shipper must bear, each under its id, against a model router.

mod chaos;
mod lines;
mod metrics;
mod multiline;
mod rotation;
mod session;
mod socket;
mod state;
mod truncation;
