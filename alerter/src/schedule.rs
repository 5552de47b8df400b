//! When digests come: the latest time at or before now at which one is due.

use crate::config::{Digest, Every};
use logweir_base::time::{Timestamp, Zone};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// 1970-01-01 was a Thursday: so many days before it the week began.
const THURSDAY: i64 = 3;
const MORNING: i64 = 8 * HOUR;

/// Seconds of the day of `HH:MM`.
pub fn time_of_day(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, below: i64| -> Option<i64> {
        let is_plain = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse().ok().filter(|number: &i64| is_plain && *number < below)
    };
    Some(number(hour, 24)? * HOUR + number(minute, 60)? * 60)
}

/// Number of a day of the week, from Monday.
pub fn day_of_week(name: &str) -> Option<i64> {
    DAYS.iter().position(|day| *day == name).map(|at| at as i64)
}

/// The latest time not after `now` at which a digest is due.
pub fn latest(digest: &Digest, now: Timestamp) -> Timestamp {
    let zone = Zone::of_rule(digest.zone.as_deref().unwrap_or_default());
    let at = digest.at.as_deref().and_then(time_of_day).unwrap_or(MORNING);
    let local = zone.to_local(now.0.div_euclid(1_000_000_000));
    let (period, at) = match digest.every {
        Every::Hourly => (HOUR, at % HOUR),
        Every::Daily => (DAY, at),
        Every::Weekly => {
            let day = digest.day.as_deref().and_then(day_of_week).unwrap_or_default();
            (7 * DAY, (day - THURSDAY).rem_euclid(7) * DAY + at)
        }
    };
    let due = |local: i64| zone.to_utc(local - (local - at).rem_euclid(period));
    let found = due(local);
    // Where the clocks were changed between, what is due by the local clock may lie ahead.
    let seconds = if Timestamp::from_seconds(found) > now { due(local - period) } else { found };
    Timestamp::from_seconds(seconds)
}

/// Seconds that a digest's zone is ahead of UTC at a time.
pub fn offset_at(digest: &Digest, time: Timestamp) -> i32 {
    let zone = Zone::of_rule(digest.zone.as_deref().unwrap_or_default());
    let utc = time.0.div_euclid(1_000_000_000);
    i32::try_from(zone.to_local(utc) - utc).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(text: &str) -> Digest {
        toml::from_str(&format!("name = 'd'\nto = []\n{text}")).expect("a digest")
    }

    #[test]
    fn times_by_hour_day_and_week() {
        let check = |text: &str, now: &str, expected: &str| {
            let now = Timestamp::parse(now).expect("a time");
            assert_eq!(latest(&digest(text), now).to_string(), expected, "{text} {now}");
        };
        check("", "2026-12-01T07:59:59Z", "2026-11-30T08:00:00Z");
        check("", "2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z");
        check("every = 'hourly'\nat = '00:15'", "2026-12-01T08:14:00Z", "2026-12-01T07:15:00Z");
        // A Tuesday.
        check("every = 'weekly'", "2026-12-01T07:00:00Z", "2026-11-30T08:00:00Z");
        check("every = 'weekly'\nday = 'tuesday'", "2026-12-01T07:00:00Z", "2026-11-24T08:00:00Z");
        check(
            "every = 'weekly'\nday = 'sunday'\nat = '23:59'",
            "2026-12-01T07:00:00Z",
            "2026-11-29T23:59:00Z",
        );
        // Berlin: summer time ended on 2026-10-25.
        let berlin = "zone = 'CET-1CEST,M3.5.0,M10.5.0/3'";
        check(berlin, "2026-10-24T12:00:00Z", "2026-10-24T06:00:00Z");
        check(berlin, "2026-10-25T12:00:00Z", "2026-10-25T07:00:00Z");
    }

    #[test]
    fn a_time_of_day_is_two_numbers() {
        assert_eq!(time_of_day("08:30"), Some(8 * HOUR + 1_800));
        for bad in ["8:30", "24:00", "12:60", "+1:00", "0830", "", "12:3x"] {
            assert_eq!(time_of_day(bad), None, "{bad}");
        }
    }

    proptest! {
        /// Each is due once: whatever the clocks do, the latest is not ahead and not further back than a period and an hour.
        #[test]
        fn never_ahead_and_never_left_out(seconds in 1_700_000_000..1_900_000_000_i64, daily: bool) {
            let every = if daily { "daily" } else { "hourly" };
            let digest = digest(&format!("every = '{every}'\nzone = 'CET-1CEST,M3.5.0,M10.5.0/3'"));
            let now = Timestamp::from_seconds(seconds);
            let due = latest(&digest, now);
            let period = if daily { DAY } else { HOUR };
            prop_assert!(due <= now);
            prop_assert!(now.since(due).as_secs() as i64 <= period + HOUR);
        }
    }
}
