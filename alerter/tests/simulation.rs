//! A simulated year with faults of known size: how many are found, how soon, and how many pages are false.

#[path = "../benches/baseline/world.rs"]
mod world;

use logweir_alerter::baseline::Settings;
use world::{Tally, simulate};

/// Every kind of series, a quarter of a year of each, two seeds.
#[test]
fn faults_of_known_size_are_found() {
    let mut tally = Tally::default();
    for seed in 1..=2 {
        (0..10).for_each(|number| simulate(&Settings::default(), seed, number, 91, &mut tally));
    }
    println!("{}", tally.report());
    assert!(tally.recall() >= 0.95, "{}", tally.report());
    assert!(tally.false_a_month() <= 1.0, "{}", tally.report());
    assert!(tally.delay() <= 2, "{}", tally.report());
}
