//! When things are due.

use super::*;

#[test]
fn ends_of_intervals() {
    let check = |now, interval, expected| {
        assert_eq!(until_next(now, Duration::from_millis(interval)), Duration::from_millis(expected));
    };
    check(0, 10_000, 10_000);
    check(10_001, 10_000, 9_999);
    check(9_500, 10_000, 500);
    check(-1, 10_000, 10_001);
    check(5, 0, 1);
}
