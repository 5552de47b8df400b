//! The histogram against the numbers themselves, against `hdrhistogram`, and its encoding against hostile bytes.

use super::*;
use proptest::prelude::*;
use std::time::Instant;

/// What the issue allows a histogram of 1,000 numbers at rest.
const ENCODED_BYTES_MAX: usize = 200;
/// The stated error, of the exact number.
const ERROR: f64 = 1.0 / 128.0;

fn of(numbers: &[f64]) -> Histogram {
    let mut histogram = Histogram::default();
    numbers.iter().for_each(|&number| histogram.record(number));
    histogram
}

fn encoded(histogram: &Histogram) -> Vec<u8> {
    let mut bytes = Vec::new();
    histogram.encode(&mut bytes);
    bytes
}

fn nearest_rank(sorted: &[f64], q: f64) -> f64 {
    sorted[((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1]
}

fn sorted(numbers: &[f64]) -> Vec<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Numbers between 0 and 1 and normal ones, the same each time.
struct Dice(u64);

impl Dice {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let (a, b) = (1.0 - self.uniform(), self.uniform());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    fn lognormal(&mut self) -> f64 {
        50.0 * self.normal().exp()
    }

    fn bimodal(&mut self) -> f64 {
        let (middle, width) = if self.uniform() < 0.7 { (3.0, 0.5) } else { (400.0, 0.5) };
        middle * (width * self.normal()).exp()
    }

    fn constant(&mut self) -> f64 {
        12.5
    }
}

type Shape = (&'static str, fn(&mut Dice) -> f64);

const SHAPES: [Shape; 3] =
    [("lognormal", Dice::lognormal), ("bimodal", Dice::bimodal), ("constant", Dice::constant)];

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        -1e3..1e3f64,
        any::<f64>().prop_filter("finite", |n| n.is_finite()),
        Just(0.0),
        Just(-0.0),
        Just(f64::MAX),
        Just(f64::MIN),
        (-50i32..50).prop_map(f64::from)
    ]
}

#[test]
fn as_many_as_there_may_be_of_the_greatest_have_a_finite_sum() {
    let mut histogram = of(&[]);
    assert!(histogram.is_summable());
    histogram.record_many(-SUMMABLE_MAX, COUNT_MAX);
    assert!(histogram.sum.is_finite() && histogram.is_summable());
    for bad in [f64::NAN, f64::INFINITY, f64::MIN, 1e293] {
        assert!(!is_summable(bad) && !of(&[bad, 1e303, 1e303]).is_summable(), "{bad}");
    }
}

proptest! {
    #[test]
    fn a_quantile_is_the_nearest_rank_within_the_stated_error(
        numbers in prop::collection::vec(number(), 1..200), q in 0.0..=1.0f64
    ) {
        let found = of(&numbers).quantile(q).expect("there are numbers");
        let exact = nearest_rank(&sorted(&numbers), q);
        let off = (found - exact).abs();
        prop_assert!(off <= exact.abs() * ERROR + f64::from_bits(1 << DROPPED_BITS), "{} for {}", found, exact);
    }

    #[test]
    fn merging_is_recording_all(
        a in prop::collection::vec(number(), 0..80), b in prop::collection::vec(number(), 0..80)
    ) {
        let (mut merged, both) = (of(&a), of(&[a.as_slice(), &b].concat()));
        merged.merge(&of(&b));
        prop_assert_eq!(&merged.buckets, &both.buckets);
        prop_assert_eq!((merged.count, merged.min, merged.max), (both.count, both.min, both.max));
    }

    #[test]
    fn encode_then_decode(
        numbers in prop::collection::vec((number(), prop_oneof![Just(1u64), 0..40u64, any::<u64>().prop_map(|n| n >> 20)]), 0..200),
        min: Option<f64>,
    ) {
        let mut histogram = Histogram::default();
        numbers.iter().for_each(|&(number, times)| histogram.record_many(number, times));
        if let Some(min) = min.filter(|min| *min < histogram.max && histogram.count > 0) {
            // As a sender may tell it.
            histogram.min = min;
        }
        let mut bytes = encoded(&histogram);
        let len = bytes.len();
        bytes.push(7);
        let mut rest = bytes.as_slice();
        let found = Histogram::decode(&mut rest).expect("decodes");
        prop_assert_eq!(rest, &[7]);
        prop_assert_eq!(format!("{found:?}"), format!("{histogram:?}"));
        // Cut short it is refused: some of what every byte holds is needed.
        prop_assert!((0..len).all(|end| Histogram::decode(&mut &bytes[..end]).is_none()));
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, sound: bool) {
        if sound {
            // A plausible beginning, so that more than the first byte is looked at.
            bytes.splice(0..0, [0xff, 0xff, 0x3f, 3, 0x80, 0x80, 1, 0xff, 7]);
        }
        if let Some(histogram) = Histogram::decode(&mut bytes.as_slice()) {
            prop_assert!(histogram.bucket_count() <= bytes.len() * 8);
            prop_assert_eq!(histogram.buckets().map(|(_, count)| count).sum::<u64>(), histogram.count);
            prop_assert!(histogram.buckets.is_sorted_by(|a, b| a.0 < b.0));
            let _ = histogram.quantile(0.5);
        }
    }
}

#[test]
fn a_thousand_numbers_are_few_bytes() {
    for (shape, draw) in SHAPES {
        let mut sizes = Vec::new();
        for seed in 0..50 {
            let mut dice = Dice(seed);
            let numbers: Vec<f64> = (0..1000).map(|_| draw(&mut dice)).collect();
            sizes.push(encoded(&of(&numbers)).len());
        }
        let most = sizes.iter().copied().max().unwrap_or_default();
        println!("{shape}: {} bytes on average, {most} at most", sizes.iter().sum::<usize>() / sizes.len());
        assert!(most <= ENCODED_BYTES_MAX, "{shape}: {most} bytes");
    }
}

#[test]
fn few_or_equal_numbers_are_tiny() {
    let check = |numbers: &[f64], bytes_max: usize| {
        let len = encoded(&of(numbers)).len();
        assert!(len <= bytes_max, "{len} bytes");
    };
    check(&[], 1);
    check(&[0.1], 12);
    check(&[-320.0], 12);
    check(&[320.0; 1000], 13);
    check(&[0.1; 1000], 21);
    check(&[1.0, 2.0], 27);
}

#[test]
fn decoding_is_quick() {
    let mut dice = Dice(1);
    let histogram = of(&(0..1000).map(|_| dice.lognormal()).collect::<Vec<_>>());
    let bytes = encoded(&histogram);
    let mut merged = Histogram::default();
    let (rounds, begin) = (2000, Instant::now());
    for _ in 0..rounds {
        let found = Histogram::decode(&mut bytes.as_slice()).expect("decodes");
        assert_eq!(std::hint::black_box(&found).count, 1000);
    }
    let decoded = begin.elapsed() / rounds;
    let begin = Instant::now();
    (0..rounds).for_each(|_| merged.merge(&histogram));
    let merging = begin.elapsed() / rounds;
    let begin = Instant::now();
    (0..rounds).for_each(|at| merged.record(f64::from(at)));
    println!("decode {decoded:?}, merge {merging:?}, record {:?}", begin.elapsed() / rounds);
}

/// A hundred hosts, each with its own histogram, encoded and decoded on the way: the merged percentiles are those of all numbers.
#[test]
fn percentiles_over_a_hundred_hosts_are_true() {
    for (shape, draw) in SHAPES {
        let (mut all, mut merged) = (Vec::new(), Histogram::default());
        for host in 0..100 {
            let mut dice = Dice(1 << 40 | host);
            let numbers: Vec<f64> = (0..200 + host * 3).map(|_| draw(&mut dice)).collect();
            let sent = encoded(&of(&numbers));
            merged.merge(&Histogram::decode(&mut sent.as_slice()).expect("decodes"));
            all.extend(numbers);
        }
        let all = sorted(&all);
        for q in [0.5, 0.9, 0.99] {
            let (found, exact) = (merged.quantile(q).expect("numbers"), nearest_rank(&all, q));
            assert!((found - exact).abs() <= exact * ERROR, "{shape} p{q}: {found} for {exact}");
        }
    }
}

/// `hdrhistogram` records integers, here to 3 digits: both are right within their errors, so they differ by no more than both.
#[test]
fn percentiles_agree_with_hdrhistogram() {
    for (shape, draw) in SHAPES {
        let mut dice = Dice(5);
        let mut theirs = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits");
        let mut ours = Histogram::default();
        for _ in 0..20_000 {
            let number = (draw(&mut dice) * 1000.0).round();
            ours.record(number);
            theirs.record(number as u64).expect("it grows by itself");
        }
        for q in [0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999] {
            let (found, other) = (ours.quantile(q).expect("numbers"), theirs.value_at_quantile(q) as f64);
            assert!((found - other).abs() <= other * (ERROR + 0.001), "{shape} p{q}: {found}, {other}");
        }
    }
}

#[test]
fn what_goes_beyond_the_most_is_left_out() {
    let mut histogram = Histogram::default();
    histogram.record_many(1.0, COUNT_MAX - 1);
    histogram.record_many(2.0, 2);
    histogram.merge(&of(&[3.0, 4.0]));
    assert_eq!((histogram.count, histogram.max), (COUNT_MAX - 1, 1.0));
    histogram.record(f64::NAN);
    histogram.record(f64::INFINITY);
    histogram.record(5.0);
    assert_eq!((histogram.count, histogram.max), (COUNT_MAX, 5.0));
}
