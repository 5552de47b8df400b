//! Trends as a row of bars.

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A bar for each value, as high as its share of the highest above 0 (above the lowest, when that is below 0); a dot where
/// there is none.
pub(super) fn sparkline(values: &[Option<f64>]) -> String {
    let finite = || values.iter().flatten().copied().filter(|value| value.is_finite());
    let low = finite().fold(0.0, f64::min);
    let high = finite().fold(low, f64::max);
    let bar = |value: &Option<f64>| match value.filter(|value| !value.is_nan()) {
        None => '.',
        Some(value) if high > low => {
            let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
            BARS[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
        }
        Some(_) => BARS[0],
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_shares_of_the_highest() {
        let check = |values: &[Option<f64>], expected: &str| assert_eq!(sparkline(values), expected);
        check(&[None, Some(1.0), Some(8.0), Some(4.0)], ".▁█▄");
        check(&[Some(0.0), Some(0.0)], "▁▁");
        check(&[Some(-1.0), Some(1.0), Some(f64::NAN), Some(f64::INFINITY)], "▁█.█");
        check(&[], "");
    }
}
