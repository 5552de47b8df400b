//! Time: nanoseconds since 1970 in UTC, its RFC 3339 text, times as loggers write them ([`Stamp`], [`Zone`]), durations as
//! people type them, and the one module that reads the wall clock. Everything after the journal gets time as data.
//!
//! Limits: years 1678 to 2261 (what 64-bit nanoseconds hold); times outside are clamped when parsed.

mod stamp;
mod zone;

pub use stamp::Stamp;
pub use zone::Zone;

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const SECOND: i64 = 1_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// Nanoseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The earliest time there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest time there is.
    pub const MAX: Self = Self(i64::MAX);

    /// A time from whole seconds; clamped to what nanoseconds hold.
    pub fn from_seconds(seconds: i64) -> Self {
        Self::of_seconds_and(seconds, 0)
    }

    /// This time moved back by `span`.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    /// This time moved on by `span`.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// How long ago `earlier` was; zero when it was not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Event time as results are ordered by it: clamped to [received - 10 years, received + 1 day].
    pub fn clamped(self, received: Self) -> Self {
        const TEN_YEARS: Duration = Duration::from_secs(3653 * 86_400);
        const ONE_DAY: Duration = Duration::from_secs(86_400);
        self.max(received.minus(TEN_YEARS)).min(received.plus(ONE_DAY))
    }

    /// Whole seconds since 1970, and nanoseconds that are added; the nearest there is when that is out of reach.
    fn of_seconds_and(seconds: i64, nanos: i64) -> Self {
        let sum = i128::from(seconds) * i128::from(SECOND) + i128::from(nanos);
        Self(sum.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    /// Reads RFC 3339 and its common relatives: `T` or blank between date and time, `.` or `,` before one to
    /// nine (or more) fraction digits, `Z`, `+hh:mm`, `+hhmm`, `+hh` or no zone (UTC); `:60` is the last instant of `:59`.
    /// Returns the time and how many bytes of `text` it took; `None` when `text` does not start with a time.
    pub fn parse_prefix(text: &[u8]) -> Option<(Self, usize)> {
        let (days, seconds, mut at) = parse_date_time(text)?;
        let (nanos, used) = parse_fraction(&text[at..]);
        at += used;
        let (zone_seconds, used) = parse_zone(&text[at..]);
        at += used;
        let whole = days * DAY_SECONDS + seconds - zone_seconds;
        Some((Self::of_seconds_and(whole, nanos), at))
    }

    /// As [`Timestamp::parse_prefix`], for text that is a time and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let (time, used) = Self::parse_prefix(text.as_bytes())?;
        (used == text.len()).then_some(time)
    }
}

/// RFC 3339 in UTC with as many fraction digits (0, 3, 6, 9) as it takes.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.div_euclid(SECOND), self.0.rem_euclid(SECOND));
        let (year, month, day) = civil_from_days(seconds.div_euclid(DAY_SECONDS));
        let of_day = seconds.rem_euclid(DAY_SECONDS);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match nanos {
            0 => {}
            n if n % 1_000_000 == 0 => write!(f, ".{:03}", n / 1_000_000)?,
            n if n % 1_000 == 0 => write!(f, ".{:06}", n / 1_000)?,
            n => write!(f, ".{n:09}")?,
        }
        f.write_str("Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads `500ms`, `15m`, `1h30m`, `7d`; units ms, s, m, h, d, w.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|&n| n > 0)?;
        let amount: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let unit_ms: u64 = match &rest[..letters] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "w" => 604_800_000,
            _ => return None,
        };
        rest = &rest[letters..];
        total = total.checked_add(Duration::from_millis(amount.checked_mul(unit_ms)?))?;
    }
    (!text.is_empty()).then_some(total)
}

/// Length of `2026-11-23T10:15`.
const MINUTE_LEN: usize = 16;

/// Reads `15m`, `2h`, `7d` (back from `now`, when there is one), `2026-11-23`, `2026-11-23T10:15Z` or RFC 3339.
pub fn parse_time(text: &str, now: Option<Timestamp>) -> Option<Timestamp> {
    if let Some(back) = parse_duration(text) {
        return now.map(|now| now.minus(back));
    }
    let minute = || {
        Timestamp::parse(&format!("{}:00Z", text.strip_suffix('Z').filter(|rest| rest.len() == MINUTE_LEN)?))
    };
    Timestamp::parse(text).or_else(minute).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")))
}

/// Where the wall time comes from.
pub trait Clock: Send + Sync {
    /// The wall time now.
    fn now(&self) -> Timestamp;
}

/// The host's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    // The one place that reads the wall clock; everybody else is handed the result.
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => Timestamp(nanos(since)),
            Err(before) => Timestamp(-nanos(before.duration())),
        }
    }
}

/// A clock that a test moves by hand.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now` until it is told otherwise.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// Days since 1970, seconds of the day, bytes used; of `2026-11-23T10:15:00`.
fn parse_date_time(text: &[u8]) -> Option<(i64, i64, usize)> {
    const LEN: usize = 19;
    let t = text.get(..LEN)?;
    let dashed = (t[4] == b'-' && t[7] == b'-') || (t[4] == b'/' && t[7] == b'/');
    if !dashed || !matches!(t[10], b'T' | b't' | b' ') || t[13] != b':' || t[16] != b':' {
        return None;
    }
    let year = digits(&t[..4])?;
    let (month, day) = (digits(&t[5..7])?, digits(&t[8..10])?);
    let (hour, minute, second) = (digits(&t[11..13])?, digits(&t[14..16])?, digits(&t[17..])?);
    let valid = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    let seconds = hour * 3600 + minute * 60 + second.min(59);
    valid.then(|| (days_from_civil(year, month, day), seconds, LEN))
}

/// Nanoseconds and bytes used, of `.123456`; digits after the ninth are read and dropped.
fn parse_fraction(text: &[u8]) -> (i64, usize) {
    if !matches!(text.first(), Some(b'.' | b',')) {
        return (0, 0);
    }
    let count = text[1..].iter().take_while(|b| b.is_ascii_digit()).count();
    if count == 0 {
        return (0, 0);
    }
    let mut nanos = 0;
    for i in 0..9 {
        let digit = if i < count { i64::from(text[1 + i] - b'0') } else { 0 };
        nanos = nanos * 10 + digit;
    }
    (nanos, 1 + count)
}

/// Offset from UTC in seconds and bytes used, of `Z`, `+01:00`, `+0100` or `+01`; (0, 0) when there is none.
fn parse_zone(text: &[u8]) -> (i64, usize) {
    let sign = match text.first() {
        Some(b'Z' | b'z') => return (0, 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, 0),
    };
    let Some(hours) = text.get(1..3).and_then(digits).filter(|&h| h <= 18) else {
        return (0, 0);
    };
    let colon = usize::from(text.get(3) == Some(&b':'));
    match text.get(3 + colon..5 + colon).and_then(digits).filter(|&m| m < 60) {
        Some(minutes) => (sign * (hours * 3600 + minutes * 60), 5 + colon),
        None => (sign * hours * 3600, 3),
    }
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0i64, |value, byte| {
        let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date. Howard Hinnant, "chrono-compatible low-level date algorithms".
pub fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day since 1970-01-01; the inverse of [`days_from_civil`].
pub fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<&str>) {
        let got = Timestamp::parse(text).map(|t| t.to_string());
        assert_eq!(got.as_deref(), expected, "{text}");
    }

    #[test]
    fn times_as_loggers_write_them() {
        check("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z"));
        check("2026-11-23T10:15:00.1Z", Some("2026-11-23T10:15:00.100Z"));
        check("2026-11-23 10:15:00,067", Some("2026-11-23T10:15:00.067Z"));
        check("2024-02-29T23:59:60.999999999+02:00", Some("2024-02-29T21:59:59.999999999Z"));
        check("2026/11/23 06:30:37", Some("2026-11-23T06:30:37Z"));
        check("2016-06-07T03:44:57.8532799-0130", Some("2016-06-07T05:14:57.853279900Z"));
        check("2023-02-29T00:00:00Z", None);
        check("2026-11-23", None);
        check("9999-12-31T23:59:59Z", Some(&Timestamp::MAX.to_string()));
    }

    #[test]
    fn durations_as_people_type_them() {
        assert_eq!(parse_duration("1h30m"), Some(Duration::from_secs(5400)));
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        for bad in ["", "m", "5", "5 m", "-5m", "5y", "99999999999999999999d"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    /// The first instant there is lies within a second whose beginning is out of reach: found by a fuzzer.
    #[test]
    fn the_first_and_the_last_instant_are_read() {
        for time in [Timestamp(i64::MIN), Timestamp(i64::MIN + 1), Timestamp(i64::MAX)] {
            assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }
    }

    proptest! {
        #[test]
        fn print_then_parse(nanos: i64) {
            let time = Timestamp(nanos);
            prop_assert_eq!(Timestamp::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = Timestamp::parse_prefix(&bytes);
        }
    }
}
