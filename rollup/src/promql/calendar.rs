//! The calendar of PromQL's date functions: UTC, seconds since 1970 as a number.

const DAY_SECONDS: i64 = 86_400;

/// A part of a date.
type Part = fn(i64) -> i64;

const PARTS: [(&str, Part); 8] = [
    ("minute", |seconds| seconds.rem_euclid(3600) / 60),
    ("hour", |seconds| seconds.rem_euclid(DAY_SECONDS) / 3600),
    ("day_of_week", |seconds| (seconds.div_euclid(DAY_SECONDS) + 4).rem_euclid(7)),
    ("day_of_month", |seconds| date(seconds).2),
    ("day_of_year", |seconds| seconds.div_euclid(DAY_SECONDS) - days(date(seconds).0, 1, 1) + 1),
    ("days_in_month", |seconds| {
        let (year, month, _) = date(seconds);
        let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        days(next_year, next_month, 1) - days(year, month, 1)
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

/// Year, month and day of seconds since 1970; years begin in March here, so that the leap day is their last.
fn date(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(DAY_SECONDS) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Days since 1970-01-01; the inverse of [`date`].
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year.div_euclid(400) * 146_097 + day_of_era - 719_468
}
