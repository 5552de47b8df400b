//! The calendar of PromQL's date functions: UTC, seconds since 1970 as a number.

use logweir_base::time::{civil_from_days, days_from_civil};

const DAY_SECONDS: i64 = 86_400;

/// A part of a date.
type Part = fn(i64) -> i64;

const PARTS: [(&str, Part); 8] = [
    ("minute", |seconds| seconds.rem_euclid(3600) / 60),
    ("hour", |seconds| seconds.rem_euclid(DAY_SECONDS) / 3600),
    ("day_of_week", |seconds| (seconds.div_euclid(DAY_SECONDS) + 4).rem_euclid(7)),
    ("day_of_month", |seconds| date(seconds).2),
    ("day_of_year", |seconds| seconds.div_euclid(DAY_SECONDS) - days_from_civil(date(seconds).0, 1, 1) + 1),
    ("days_in_month", |seconds| {
        let (year, month, _) = date(seconds);
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
    }),
    ("month", |seconds| date(seconds).1),
    ("year", |seconds| date(seconds).0),
];

/// The function of a name: a part of the date that a number of seconds is.
pub(super) fn part(name: &str) -> Option<impl Fn(f64) -> f64 + Copy> {
    let (_, part) = PARTS.iter().find(|(known, _)| *known == name)?;
    // The bound keeps years within what days fit into.
    let year_max = 1e15;
    Some(move |seconds: f64| if seconds.abs() < year_max { part(seconds as i64) as f64 } else { f64::NAN })
}

/// Year, month and day of seconds since 1970.
fn date(seconds: i64) -> (i64, i64, i64) {
    civil_from_days(seconds.div_euclid(DAY_SECONDS))
}
