//! How many hits a second a live tail hands out, and what it leaves out: counted, never silent.
//!
//! Pure: the time is what it is told. A second begins with the first hit after the one before it has ended, so that a tail
//! that was quiet starts at once.

use logweir_base::time::Timestamp;

const SECOND_NS: u64 = 1_000_000_000;

/// Counts hits against a bound per second.
#[derive(Debug)]
pub(super) struct RateLimit {
    /// Hits a second; `None` for no bound.
    most: Option<u64>,
    /// When the present second began; `None` before the first hit.
    began: Option<Timestamp>,
    passed: u64,
    /// Left out and not reported yet.
    skipped: u64,
}

impl RateLimit {
    /// A limit of `most` hits a second; 0 means none.
    pub(super) fn new(most: u64) -> Self {
        Self { most: Some(most).filter(|&most| most > 0), began: None, passed: 0, skipped: 0 }
    }

    /// Whether one more hit may be handed out.
    pub(super) fn admits(&mut self, now: Timestamp) -> bool {
        if self.has_ended(now) {
            (self.began, self.passed) = (Some(now), 0);
        }
        let admits = self.most.is_none_or(|most| self.passed < most);
        self.passed += u64::from(admits);
        self.skipped += u64::from(!admits);
        admits
    }

    /// Counts a hit that is left out for another reason.
    pub(super) fn skip(&mut self) {
        self.skipped += 1;
    }

    /// How many hits were left out since the last report, when there are any and their second is over.
    pub(super) fn report(&mut self, now: Timestamp) -> Option<u64> {
        let due = self.skipped > 0 && self.has_ended(now);
        due.then(|| std::mem::take(&mut self.skipped))
    }

    /// A clock that was set back begins a new second too.
    fn has_ended(&self, now: Timestamp) -> bool {
        self.began.is_none_or(|began| now < began || now.0.abs_diff(began.0) >= SECOND_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp(ms * 1_000_000)
    }

    /// How many of `hits` at each time pass, and what is reported right before them.
    #[track_caller]
    fn check(most: u64, hits: &[(i64, u64)], expected: &[(Option<u64>, u64)]) {
        let mut limit = RateLimit::new(most);
        let mut pass = |&(ms, count): &(i64, u64)| {
            let reported = limit.report(at(ms));
            (reported, (0..count).filter(|_| limit.admits(at(ms))).count() as u64)
        };
        assert_eq!(hits.iter().map(&mut pass).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_second_has_so_many_hits_and_the_next_one_tells_what_it_left_out() {
        check(
            3,
            &[(0, 2), (500, 2), (999, 5), (1000, 4), (2000, 0)],
            &[(None, 2), (None, 1), (None, 0), (Some(6), 3), (Some(1), 0)],
        );
    }

    #[test]
    fn a_quiet_tail_reports_nothing_and_starts_at_once() {
        check(
            2,
            &[(0, 2), (60_000, 2), (60_999, 1), (61_000, 2)],
            &[(None, 2), (None, 2), (None, 0), (Some(1), 2)],
        );
    }

    #[test]
    fn no_bound_and_a_clock_that_is_set_back() {
        check(0, &[(0, 1_000_000)], &[(None, 1_000_000)]);
        check(
            1,
            &[(5_000, 2), (1_000, 2), (i64::MIN / 1_000_000, 1)],
            &[(None, 1), (Some(1), 1), (Some(1), 1)],
        );
        let mut limit = RateLimit::new(1);
        assert!(
            limit.admits(Timestamp::MAX) && !limit.admits(Timestamp::MAX) && limit.admits(Timestamp::MIN)
        );
    }

    #[test]
    fn what_is_left_out_for_another_reason_counts_alike() {
        let mut limit = RateLimit::new(0);
        assert!(limit.admits(at(0)));
        limit.skip();
        assert_eq!(
            (limit.report(at(1)), limit.report(at(1_000)), limit.report(at(2_000))),
            (None, Some(1), None)
        );
    }
}
