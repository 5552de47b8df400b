//! Baselines: CPU time of judging 10,000 series for one window; and the simulated year at full size, 20 series with 10 seeds.
//!
//! `cargo bench -p logweir-alerter` (`LOGWEIR_BENCH_SERIES`, `_WINDOWS`, `_SEEDS` and `_DAYS` set other sizes); under `cargo test`
//! it is small.

#![allow(clippy::print_stdout)] // a bench prints its figures

mod world;

use logweir_alerter::baseline::{Baseline, Observation, PROFILE_BYTES, RECENT_BYTES, Settings, Value};
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use world::{Series, Tally, YEAR_DAYS, end_of, simulate};

/// Windows of a series that are made before time is taken, and used again and again.
const MADE: usize = 180;

fn main() {
    let is_full = std::env::args().any(|arg| arg == "--bench");
    let size = |name: &str, full: usize, small: usize| {
        let chosen = std::env::var(name).ok().and_then(|text| text.parse().ok());
        chosen.unwrap_or(if is_full { full } else { small })
    };
    let settings = Settings::default();
    println!("state: {PROFILE_BYTES} bytes of profile, {RECENT_BYTES} bytes of recent part");
    evaluate(&settings, size("LOGWEIR_BENCH_SERIES", 10_000, 100), size("LOGWEIR_BENCH_WINDOWS", 1440, 180));

    let (seeds, days) = (size("LOGWEIR_BENCH_SEEDS", 10, 1), size("LOGWEIR_BENCH_DAYS", YEAR_DAYS, 14));
    let mut tally = Tally::default();
    let before = cpu_seconds();
    for seed in 1..=seeds as u64 {
        (0..20).for_each(|number| simulate(&settings, seed, number, days, &mut tally));
    }
    println!(
        "simulated: 20 series, {seeds} seeds, {days} days, {:.1} CPU-s\n{}",
        cpu_seconds() - before,
        tally.report()
    );
}

/// Judges every series once a window, and prints what a window costs.
fn evaluate(settings: &Settings, series: usize, windows: usize) {
    let mut baselines: Vec<Baseline> = Vec::with_capacity(series);
    let mut values: Vec<Vec<Option<Value>>> = Vec::new();
    for number in 0..20 {
        let mut of = Series::new(1, number, 7);
        values.push((0..MADE).map(|minute| of.value(minute, 1.0)).collect());
    }
    for number in 0..series {
        baselines.push(Baseline::new(Series::new(1, number % 20, 7).kind, 60));
    }
    let (mut all, mut worst) = (0.0, 0.0f64);
    for minute in 0..windows {
        let before = cpu_seconds();
        for (number, baseline) in baselines.iter_mut().enumerate() {
            let value = values[number % 20][minute % MADE];
            black_box(baseline.observe(settings, Observation { at: end_of(minute), utc_offset_s: 0, value }));
        }
        let took = cpu_seconds() - before;
        (all, worst) = (all + took, worst.max(took));
    }
    println!(
        "{series} series: {:.2} ms CPU a window on average, {:.2} ms in the worst (an hour's end), of {windows}",
        1e3 * all / windows as f64,
        1e3 * worst
    );
}

/// CPU seconds of this process so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
