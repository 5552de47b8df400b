//! Rules that are tried out: `logweir test` runs the `[[test]]` cases of configuration files, `logweir replay` runs rules over what
//! a server has stored and shows whom they would have paged.
//!
//! `engine` is the server's own metrics store and alerter over a journal that is made up as it goes, in memory; `case` runs one
//! test on it and `differences` says what is not as expected; `series` reads promtool's notation. `replay` feeds the engine with
//! what a server has.
//!
//! Deliberately absent: threads, clocks, and whatever sends. Time is what the input says, so the same input always gives the same.

mod case;
mod differences;
mod engine;
pub mod replay;
pub mod series;
mod test;

pub use engine::{Elsewhere, Engine};
pub use test::{Outcome, outcomes, run};
