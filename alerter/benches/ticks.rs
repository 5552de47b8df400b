//! CPU time of a tick: one baseline rule over 10,000 series, all that is remembered written and synced. The stores answer at once
//! here; what a PromQL query costs is measured in the metrics store's bench.
//!
//! `cargo bench -p logweir-alerter --bench ticks` runs it at full size; under `cargo test` it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

use logweir_alerter::alert::Labels;
use logweir_alerter::notification::Evidence;
use logweir_alerter::{Alerter, Number, Senses};
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::ids::{ConfigVersion, JournalId, Position};
use logweir_base::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RULE: &str = "[[rule]]\nname = 'traffic'\ntype = 'baseline'\npromql = 'x'\n";
const START: i64 = 1_796_083_200;

struct Stores(Vec<Labels>);

impl Senses for Stores {
    fn wait_covers(&self, _: Position) -> bool {
        true
    }

    fn numbers(&self, _: &str, at: Timestamp) -> Result<Vec<Number>, String> {
        let minute = at.0 / 60_000_000_000;
        let number = |i: usize| 100.0 + (minute.unsigned_abs() as usize * 31 + i * 17) as f64 % 23.0;
        Ok(self.0.iter().enumerate().map(|(i, labels)| (labels.clone(), number(i))).collect())
    }

    fn evidence(&self, _: &str, _: &Labels, _: Timestamp, _: Timestamp) -> Evidence {
        Evidence::default()
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let (series, minutes) = if is_full { (10_000, 60) } else { (100, 5) };
    let labels = |i: usize| {
        let pair = |name: &str, value: String| (name.to_owned(), value);
        Labels::from([pair("service", format!("service-{}", i % 100)), pair("host", format!("host-{i}"))])
    };
    let dir = tempfile::tempdir().expect("a directory");
    let stores = Stores((0..series).map(labels).collect());
    let mut alerter = Alerter::open(dir.path(), JournalId([1; 16]), Box::new(stores)).expect("opens");
    let mut position = 0;
    let mut apply = |seconds: i64, body: EntryBody| {
        position += 1;
        let received = Timestamp::from_seconds(START + seconds);
        let entry = Entry { position: Position(position), received, config: ConfigVersion(1), body };
        alerter.apply(&Arc::new(entry)).expect("applies");
    };
    apply(0, EntryBody::Config(RULE.to_owned()));
    let mut costs = [(0.0, 0u32, 0.0f64); 2];
    for tick in 0..minutes * 6 {
        let seconds = tick * 10;
        let before = cpu_seconds();
        apply(seconds, EntryBody::Tick(Timestamp::from_seconds(START + seconds)));
        let took = cpu_seconds() - before;
        // The first minute makes everything.
        if tick >= 6 {
            let (all, ticks, worst) = &mut costs[usize::from(tick % 6 != 3)];
            (*all, *ticks, *worst) = (*all + took, *ticks + 1, worst.max(took));
        }
    }
    for (what, (all, ticks, worst)) in ["a tick that judges a window", "another tick"].iter().zip(costs) {
        println!(
            "{series} series, {what}: {:.1} ms CPU on average, {:.1} at worst",
            all / f64::from(ticks) * 1e3,
            worst * 1e3
        );
    }
}
