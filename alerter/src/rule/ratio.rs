//! A share of few is uncertain: Wilson's interval (1927) says between which bounds it lies, 99.9 of 100 times.

/// Standard deviations of a normal distribution between which 99.9 % lie.
const Z: f64 = 3.29;

/// A share, and between which bounds it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The lower bound.
    pub low: f64,
    /// As it was counted.
    pub middle: f64,
    /// The upper bound.
    pub high: f64,
}

/// The share that `part` is of `all`; `None` when there is nothing to be a part of.
pub fn share(part: f64, all: f64) -> Option<Share> {
    if !(all > 0.0 && part >= 0.0) {
        return None;
    }
    // Counts that come late may make a part greater than the whole.
    let middle = (part / all).min(1.0);
    let z2 = Z * Z;
    let centre = (middle + z2 / (2.0 * all)) / (1.0 + z2 / all);
    let half = Z / (1.0 + z2 / all) * (middle * (1.0 - middle) / all + z2 / (4.0 * all * all)).sqrt();
    Some(Share { low: (centre - half).max(0.0), middle, high: (centre + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilsons_interval() {
        let check = |part, all, low: f64, high: f64| {
            let share = share(part, all).expect("there is some");
            assert!(
                (share.low - low).abs() < 5e-4 && (share.high - high).abs() < 5e-4,
                "{part} of {all}: {share:?}"
            );
        };
        // Computed with the formula of Wilson's paper, by hand.
        check(0.0, 10.0, 0.0, 0.5198);
        check(10.0, 10.0, 0.4802, 1.0);
        check(500.0, 1000.0, 0.4483, 0.5517);
        assert_eq!(share(1.0, 0.0), None);
        assert_eq!(share(f64::NAN, 10.0), None);
        assert!(share(12.0, 10.0).is_some_and(|share| share.high <= 1.0));
    }
}
