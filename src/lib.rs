//! The root package: command line, configuration, wiring, HTTP, clients, demo and workload generator. Only here are
//! arguments, environment, signals and HTTP known; how bytes lie on disk is not.

pub mod args;
pub mod backup;
pub mod client;
pub mod command;
pub mod completion;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod http;
mod normal;
mod notify;
pub mod parse;
pub mod pipeline;
pub mod rehearse;
mod senses;
pub mod ship;
pub mod terminal;
pub mod top;
pub mod trace;
mod watch;
pub mod workload;
