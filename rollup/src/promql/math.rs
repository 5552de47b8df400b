//! Arithmetic as Prometheus does it: sums that keep the bits that fall off (Neumaier), means that survive an overflow,
//! quantiles between ranks, a line through points.

use std::cmp::Ordering;

/// A sum with the bits that fell off.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        let total = self.sum + number;
        if total.is_infinite() {
            self.lost = 0.0;
        } else if self.sum.abs() >= number.abs() {
            self.lost += (self.sum - total) + number;
        } else {
            self.lost += (number - total) + self.sum;
        }
        self.sum = total;
    }

    /// The sum.
    pub fn value(&self) -> f64 {
        if self.sum.is_infinite() { self.sum } else { self.sum + self.lost }
    }
}

/// A mean: the sum by the count, or, once that overflows, the mean of what came so far, brought forward.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mean {
    sum: Sum,
    count: f64,
    is_incremental: bool,
}

impl Mean {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1.0;
        if !self.is_incremental {
            let mut next = self.sum;
            next.add(number);
            if !next.sum.is_infinite() || self.count == 1.0 {
                self.sum = next;
                return;
            }
            self.is_incremental = true;
            let before = self.count - 1.0;
            self.sum = Sum { sum: self.sum.sum / before, lost: self.sum.lost / before };
        }
        let part = (self.count - 1.0) / self.count;
        self.sum = Sum { sum: part * self.sum.sum, lost: part * self.sum.lost };
        self.sum.add(number / self.count);
    }

    /// The mean; of nothing it is not a number.
    pub fn value(&self) -> f64 {
        if self.is_incremental {
            self.sum.sum + self.sum.lost
        } else {
            self.sum.sum / self.count + self.sum.lost / self.count
        }
    }
}

/// A variance, in one pass (Welford).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Variance {
    count: f64,
    mean: Sum,
    squares: Sum,
}

impl Variance {
    /// Adds a number.
    pub fn add(&mut self, number: f64) {
        self.count += 1.0;
        let delta = number - self.mean.value();
        self.mean.add(delta / self.count);
        self.squares.add(delta * (number - self.mean.value()));
    }

    /// The variance of all that was added.
    pub fn value(&self) -> f64 {
        self.squares.value() / self.count
    }
}

/// What a part `q` of the numbers does not exceed, between ranks; a number that is none is the least. Sorts them.
pub(super) fn quantile(q: f64, numbers: &mut [f64]) -> f64 {
    if numbers.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    numbers.sort_unstable_by(|a, b| nan_first(*a, *b));
    let last = numbers.len() - 1;
    let rank = q * last as f64;
    let weight = rank - rank.floor();
    let below = (rank.floor() as usize).min(last);
    numbers[below] * (1.0 - weight) + numbers[(below + 1).min(last)] * weight
}

/// Ascending, what is no number first.
pub(super) fn nan_first(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}

/// Slope (by second) and height at `origin` of the line through points nearest to all (least squares).
pub(super) fn line(times: &[i64], values: &[f64], origin: i64) -> (f64, f64) {
    let first = values[0];
    if values.iter().all(|&value| value == first) {
        return if first.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, first) };
    }
    let [mut xs, mut ys, mut xys, mut squares] = [Sum::default(); 4];
    for (&time, &y) in times.iter().zip(values) {
        let x = (time - origin) as f64 / 1000.0;
        xs.add(x);
        ys.add(y);
        xys.add(x * y);
        squares.add(x * x);
    }
    let count = times.len() as f64;
    let (x, y) = (xs.value(), ys.value());
    let slope = (xys.value() - x * y / count) / (squares.value() - x * x / count);
    (slope, y / count - slope * x / count)
}

/// As Go's `math.Min`: what is no number wins.
pub(super) fn min(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
}

/// As Go's `math.Max`: what is no number wins.
pub(super) fn max(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
}
