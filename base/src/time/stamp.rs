//! A time as loggers write it: parts of it may be missing. What is missing is filled in from when the line was received
//! and from the zone of its host.
//!
//! Read are: RFC 3339 and its relatives (`/` or `.` in the date, blank, `T`, `-` or `_` before the time, `,` or `.` before
//! the fraction), compact ISO 8601, Common Log Format, ctime with and without zone, RFC 1123, syslog (RFC 3164), JUL, `dd Mon
//! yyyy`, two-digit years, logcat's month and day, times of day alone, epoch numbers of 10, 13, 16 or 19 digits, TAI64N.
//!
//! Deliberately not read: `01/02/2026`, which is January in one country and February in the next.

use super::zone::Zone;
use super::{DAY_SECONDS, SECOND, Timestamp, civil_from_days, days_from_civil, days_in_month, digits};
use super::{parse_fraction, parse_zone};

/// A time of day without a date may lie so far in the future of its receipt: clocks differ.
const AHEAD_SECONDS: i64 = 3_600;

/// A time, as far as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    date: Date,
    /// Nanoseconds of the day.
    nanos: i64,
    /// Seconds east of UTC, when a zone is written.
    zone: Option<i64>,
}

/// How much of the date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    /// All, as days since 1970.
    Full(i64),
    /// No year.
    MonthDay(i64, i64),
    /// Nothing.
    Missing,
}

/// A clock time: nanoseconds of the day, and bytes used.
type Clock = (i64, usize);

impl Stamp {
    /// A point in time.
    pub fn at(time: Timestamp) -> Self {
        let (seconds, nanos) = (time.0.div_euclid(SECOND), time.0.rem_euclid(SECOND));
        let (days, of_day) = (seconds.div_euclid(DAY_SECONDS), seconds.rem_euclid(DAY_SECONDS));
        Self { date: Date::Full(days), nanos: of_day * SECOND + nanos, zone: Some(0) }
    }

    /// Reads the time that `text` begins with, and says how many bytes it took.
    pub fn parse_prefix(text: &[u8]) -> Option<(Self, usize)> {
        match text.first()? {
            b'0'..=b'9' => digits_first(text),
            b'@' => tai64n(text),
            b'A'..=b'Z' | b'a'..=b'z' => letters_first(text),
            _ => None,
        }
    }

    /// Reads text that is a time and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii().as_bytes();
        Self::parse_prefix(text).filter(|&(_, used)| used == text.len()).map(|(stamp, _)| stamp)
    }

    /// klog's `1123 06:30:37.123456`: month and day without anything between them.
    pub fn parse_klog(text: &[u8]) -> Option<(Self, usize)> {
        let (month, day) = month_day(digits(text.get(..2)?)?, digits(text.get(2..4)?)?)?;
        let rest = text.get(4..)?.strip_prefix(b" ")?;
        let (nanos, used) = clock(rest)?;
        Some((Self { date: Date::MonthDay(month, day), nanos, zone: None }, 5 + used))
    }

    /// The same, later by a part of a second that was written apart from it.
    pub fn plus_nanos(self, nanos: i64) -> Self {
        let within = (0..SECOND).contains(&nanos) && self.nanos % SECOND == 0;
        Self { nanos: if within { self.nanos + nanos } else { self.nanos }, ..self }
    }

    /// Whether it names a point in time without help: nothing is missing.
    pub fn is_complete(&self) -> bool {
        matches!(self.date, Date::Full(_)) && self.zone.is_some()
    }

    /// The point in time, as far as `received` and the host's `zone` help: no zone is the host's, no year is the latest that
    /// is not in the future, no date is the latest such day.
    pub fn resolve(&self, received: Timestamp, zone: &Zone) -> Timestamp {
        let of_day = self.nanos.div_euclid(SECOND);
        let days = match self.date {
            Date::Full(days) => days,
            Date::MonthDay(month, day) => self.latest_year(month, day, received, zone),
            Date::Missing => {
                let now = self.local_seconds(received, zone);
                let today = now.div_euclid(DAY_SECONDS);
                today - i64::from(today * DAY_SECONDS + of_day > now + AHEAD_SECONDS)
            }
        };
        let seconds = self.utc_seconds(days * DAY_SECONDS + of_day, zone);
        Timestamp::of_seconds_and(seconds, self.nanos.rem_euclid(SECOND))
    }

    fn latest_year(&self, month: i64, day: i64, received: Timestamp, zone: &Zone) -> i64 {
        let today = self.local_seconds(received, zone).div_euclid(DAY_SECONDS);
        let (year, _, _) = civil_from_days(today);
        let is_past = |days: &i64| *days <= today + 1;
        let of_year =
            |year: i64| (day <= days_in_month(year, month)).then(|| days_from_civil(year, month, day));
        // The 29th of February may be eight years back.
        let latest = (0..=8).filter_map(|back| of_year(year + 1 - back)).find(is_past);
        latest.unwrap_or_else(|| days_from_civil(year, month, day.min(28)))
    }

    fn local_seconds(&self, time: Timestamp, zone: &Zone) -> i64 {
        let utc = time.0.div_euclid(SECOND);
        self.zone.map_or_else(|| zone.to_local(utc), |offset| utc + offset)
    }

    fn utc_seconds(&self, local: i64, zone: &Zone) -> i64 {
        self.zone.map_or_else(|| zone.to_utc(local), |offset| local - offset)
    }
}

fn digits_first(text: &[u8]) -> Option<(Stamp, usize)> {
    let run = text.iter().take(20).take_while(|b| b.is_ascii_digit()).count();
    match (run, text.get(run)) {
        (4, Some(b'-' | b'/' | b'.')) => year_first(text),
        (8, Some(b'T' | b'.' | b' ' | b'-' | b'_')) => compact(text),
        (6, Some(b' ')) => short_compact(text),
        (1 | 2, Some(b':')) => time_of_day(text),
        (2, Some(b'/' | b'-')) => day_or_month_first(text),
        (1 | 2, Some(b' ')) => day_and_month(text, run, b' '),
        (10 | 13 | 16 | 19, _) => epoch(text, run),
        _ => None,
    }
}

/// `2026-11-23T06:27:08.548Z`, `2026/11/23 06:30:37`, `2005-06-03-15.42.50.675872`.
fn year_first(text: &[u8]) -> Option<(Stamp, usize)> {
    let separator = text[4];
    let date = text.get(..10).filter(|date| date[7] == separator)?;
    let days = full_date(digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?)?;
    if !matches!(text.get(10), Some(b'T' | b't' | b' ' | b'-' | b'_' | b':')) {
        return None;
    }
    let (nanos, used) = clock(&text[11..])?;
    Some(with_zone(text, Date::Full(days), nanos, 11 + used))
}

/// `20120702.102240,672`, `20261123T063037Z`, `20261123 06:30:37`.
fn compact(text: &[u8]) -> Option<(Stamp, usize)> {
    let days = full_date(digits(&text[..4])?, digits(&text[4..6])?, digits(&text[6..8])?)?;
    let (nanos, used) = clock(&text[9..]).or_else(|| clock_of_six_digits(&text[9..]))?;
    Some(with_zone(text, Date::Full(days), nanos, 9 + used))
}

/// `081109 203615`, `260123 10:11:12`: two digits of the year.
fn short_compact(text: &[u8]) -> Option<(Stamp, usize)> {
    let year = century(digits(&text[..2])?);
    let days = full_date(year, digits(&text[2..4])?, digits(&text[4..6])?)?;
    let (nanos, used) = clock(&text[7..]).or_else(|| clock_of_six_digits(&text[7..]))?;
    Some((Stamp { date: Date::Full(days), nanos, zone: None }, 7 + used))
}

/// `15/Feb/2013:06:00:31 +0000`, `23-Nov-2026 06:45:57 UTC`, `17/06/09 20:10:40`, `03-17 16:13:38.811`.
fn day_or_month_first(text: &[u8]) -> Option<(Stamp, usize)> {
    let separator = text[2];
    if text.get(3)?.is_ascii_alphabetic() {
        return day_and_month(text, 2, separator);
    }
    let (first, second) = (digits(&text[..2])?, digits(text.get(3..5)?)?);
    match (separator, text.get(5)?) {
        (b'-', b' ' | b'T') => {
            let (month, day) = month_day(first, second)?;
            let (nanos, used) = clock(&text[6..])?;
            Some((Stamp { date: Date::MonthDay(month, day), nanos, zone: None }, 6 + used))
        }
        (_, &next) if next == separator && text.get(8) == Some(&b' ') => {
            let days = full_date(century(first), second, digits(&text[6..8])?)?;
            let (nanos, used) = clock(&text[9..])?;
            Some(with_zone(text, Date::Full(days), nanos, 9 + used))
        }
        _ => None,
    }
}

/// `15/Feb/2013:06:00:31 +0000`, `23 Nov 2026 06:30:37.123`, `02 Jan 2006 15:04:05 GMT`.
fn day_and_month(text: &[u8], run: usize, separator: u8) -> Option<(Stamp, usize)> {
    let day = digits(&text[..run])?;
    let month = month_named(text.get(run + 1..run + 4)?)?;
    let at = run + 4;
    if text.get(at) != Some(&separator) {
        return None;
    }
    let days = full_date(digits(text.get(at + 1..at + 5)?)?, month, day)?;
    if !matches!(text.get(at + 5), Some(b':' | b' ')) {
        return None;
    }
    let (nanos, used) = clock(&text[at + 6..])?;
    Some(with_zone(text, Date::Full(days), nanos, at + 6 + used))
}

/// `06:46:48.228`, `6:45AM`.
fn time_of_day(text: &[u8]) -> Option<(Stamp, usize)> {
    let (nanos, used) = clock(text).or_else(|| kitchen(text))?;
    Some((Stamp { date: Date::Missing, nanos, zone: None }, used))
}

/// `6:45AM`.
fn kitchen(text: &[u8]) -> Option<Clock> {
    let colon = text.iter().take(3).position(|&b| b == b':')?;
    let (hour, minute) = (digits(&text[..colon])?, digits(text.get(colon + 1..colon + 3)?)?);
    let half = half_of_day(text.get(colon + 3..)?)?;
    let valid = (1..=12).contains(&hour) && minute < 60;
    valid.then(|| (((hour % 12 + half) * 3600 + minute * 60) * SECOND, colon + 5))
}

/// `1795415675`, `1795415675.7706857`, `1795415227287`, and microseconds and nanoseconds.
fn epoch(text: &[u8], run: usize) -> Option<(Stamp, usize)> {
    let value = digits(&text[..run])?;
    let (mut nanos, mut used) = (value, run);
    for _ in run..19 {
        nanos = nanos.checked_mul(10)?;
    }
    if run == 10 {
        let (fraction, more) = parse_fraction(&text[run..]);
        nanos = nanos.checked_add(fraction)?;
        used += more;
    }
    // A longer number, a version, an identifier.
    let ends = text.get(used).is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'_' | b'-'));
    ends.then(|| (Stamp::at(Timestamp(nanos)), used))
}

/// daemontools' `@` and 24 hex digits: seconds of TAI from 2^62 on, and nanoseconds. Leap seconds as `tai64nlocal`
/// counts them: ten.
fn tai64n(text: &[u8]) -> Option<(Stamp, usize)> {
    let hex = text.get(1..25).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit))?;
    let hex = std::str::from_utf8(hex).ok()?;
    let seconds = i64::from_str_radix(&hex[..16], 16).ok()?.checked_sub(1 << 62)? - 10;
    let nanos = i64::from_str_radix(&hex[16..], 16).ok().filter(|n| (0..SECOND).contains(n))?;
    let time = seconds.checked_mul(SECOND)?.checked_add(nanos)?;
    Some((Stamp::at(Timestamp(time)), 25))
}

/// `Nov  3 09:23:38`, `Nov 23, 2026 6:46:51 AM`, `Sun Dec 04 04:47:44 2005`, `Mon, 02 Jan 2006 15:04:05 GMT`.
fn letters_first(text: &[u8]) -> Option<(Stamp, usize)> {
    if is_weekday(text.get(..3)?) {
        let comma = usize::from(text.get(3) == Some(&b','));
        let rest = text.get(3 + comma..)?.strip_prefix(b" ")?;
        let run = rest.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
        let (stamp, used) =
            if run > 0 { day_and_month(rest, run, *rest.get(run)?)? } else { named_month(rest)? };
        return Some((stamp, 4 + comma + used));
    }
    named_month(text)
}

fn named_month(text: &[u8]) -> Option<(Stamp, usize)> {
    let month = month_named(text.get(..3)?)?;
    let mut at = 3 + blanks(text.get(3..)?).filter(|&n| (1..=2).contains(&n))?;
    let run = text[at..].iter().take(2).take_while(|b| b.is_ascii_digit()).count();
    let (month, day) = month_day(month, digits(text.get(at..at + run)?)?)?;
    at += run;
    // JUL: the year before the time.
    if text.get(at) == Some(&b',') {
        let days = full_date(digits(text.get(at + 2..at + 6)?)?, month, day)?;
        let (nanos, used) = clock(text.get(at + 6..)?.strip_prefix(b" ")?)?;
        return Some(with_zone(text, Date::Full(days), nanos, at + 7 + used));
    }
    let rest = text.get(at..)?.strip_prefix(b" ")?;
    let (nanos, used) = clock(rest)?;
    at += 1 + used;
    Some(year_behind(text, month, day, nanos, at))
}

/// ctime has its year, and maybe a zone before it, behind the time; syslog has none.
fn year_behind(text: &[u8], month: i64, day: i64, nanos: i64, at: usize) -> (Stamp, usize) {
    let (zone, zone_len) = zone_behind(&text[at..]);
    let year_at = |at: usize| {
        let year = text.get(at..at + 5)?.strip_prefix(b" ").and_then(digits)?;
        let ends = text.get(at + 5).is_none_or(|b| !b.is_ascii_alphanumeric());
        full_date(year, month, day).filter(|_| ends && (1970..2262).contains(&year))
    };
    for (zone, at) in [(zone, at + zone_len), (None, at)] {
        if let Some(days) = year_at(at) {
            return (Stamp { date: Date::Full(days), nanos, zone }, at + 5);
        }
    }
    (Stamp { date: Date::MonthDay(month, day), nanos, zone: None }, at)
}

/// A dated time, and the zone behind it when there is one.
fn with_zone(text: &[u8], date: Date, nanos: i64, at: usize) -> (Stamp, usize) {
    let (zone, used) = zone_behind(text.get(at..).unwrap_or_default());
    (Stamp { date, nanos, zone }, at + used)
}

/// `Z`, `+01:00`, ` +0000`, ` UTC`, ` PDT`; nothing when what follows is no zone.
fn zone_behind(text: &[u8]) -> (Option<i64>, usize) {
    let blank = usize::from(text.first() == Some(&b' '));
    let rest = &text[blank..];
    match rest.first() {
        Some(b'Z' | b'z') if blank == 0 => (Some(0), 1),
        // `2026-11-23 06:30:37 -- message` and `... - INFO` have no zone.
        Some(b'+' | b'-') if rest.get(1).is_some_and(u8::is_ascii_digit) => match parse_zone(rest) {
            (_, 0) => (None, 0),
            (_, used) if blank == 1 && used < 5 => (None, 0),
            (offset, used) => (Some(offset), blank + used),
        },
        Some(b'A'..=b'Z') => {
            let len = rest.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
            let ends = rest.get(len).is_none_or(|b| !b.is_ascii_alphanumeric());
            match zone_named(&rest[..len]).filter(|_| ends) {
                Some(offset) => (Some(offset), blank + len),
                None => (None, 0),
            }
        }
        _ => (None, 0),
    }
}

/// Names that mean one zone wherever logs write them; `IST` and the like mean several.
fn zone_named(name: &[u8]) -> Option<i64> {
    let hours = match name {
        b"UTC" | b"GMT" | b"WET" => 0,
        b"CET" | b"WEST" | b"BST" => 1,
        b"CEST" | b"EET" => 2,
        b"EEST" | b"MSK" => 3,
        b"JST" | b"KST" => 9,
        b"EST" => -5,
        b"EDT" => -4,
        b"CST" => -6,
        b"CDT" => -5,
        b"MST" => -7,
        b"MDT" => -6,
        b"PST" => -8,
        b"PDT" => -7,
        _ => return None,
    };
    Some(hours * 3600)
}

/// `06:46:48.228`, `6:46:51 AM`, `15.42.50.675872`.
fn clock(text: &[u8]) -> Option<Clock> {
    let hour_len = text.iter().take(3).take_while(|b| b.is_ascii_digit()).count();
    let separator = *text.get(hour_len).filter(|b| matches!(b, b':' | b'.'))?;
    let rest = text.get(hour_len + 1..hour_len + 6)?;
    if !(1..=2).contains(&hour_len) || rest[2] != separator {
        return None;
    }
    let (hour, minute, second) = (digits(&text[..hour_len])?, digits(&rest[..2])?, digits(&rest[3..])?);
    let mut at = hour_len + 6;
    let (fraction, used) = parse_fraction(&text[at..]);
    at += used;
    let half = text[at..].strip_prefix(b" ").and_then(half_of_day).filter(|_| (1..=12).contains(&hour));
    let hour = half.map_or(hour, |half| hour % 12 + half);
    at += if half.is_some() { 3 } else { 0 };
    // `10:20:30:40` and an IPv6 address are no times.
    let goes_on = text.get(at) == Some(&b':') && text.get(at + 1).is_some_and(u8::is_ascii_digit);
    let nanos = nanos_of(hour, minute, second)? + fraction;
    (!goes_on).then_some((nanos, at))
}

/// `102240,672`.
fn clock_of_six_digits(text: &[u8]) -> Option<Clock> {
    let six = text.get(..6)?;
    let nanos = nanos_of(digits(&six[..2])?, digits(&six[2..4])?, digits(&six[4..])?)?;
    let (fraction, used) = parse_fraction(&text[6..]);
    let ends = text.get(6 + used).is_none_or(|b| !b.is_ascii_digit());
    ends.then_some((nanos + fraction, 6 + used))
}

/// `:60` is the last second of its minute.
fn nanos_of(hour: i64, minute: i64, second: i64) -> Option<i64> {
    let valid = hour < 24 && minute < 60 && second <= 60;
    valid.then(|| (hour * 3600 + minute * 60 + second.min(59)) * SECOND)
}

/// Hours that `AM` and `PM` add.
fn half_of_day(text: &[u8]) -> Option<i64> {
    let ends = text.get(2).is_none_or(|b| !b.is_ascii_alphanumeric());
    match text.get(..2).filter(|_| ends)? {
        b"AM" | b"am" => Some(0),
        b"PM" | b"pm" => Some(12),
        _ => None,
    }
}

fn full_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let valid = (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day);
    valid.then(|| days_from_civil(year, month, day))
}

fn month_day(month: i64, day: i64) -> Option<(i64, i64)> {
    const LEAP_YEAR: i64 = 2000;
    full_date(LEAP_YEAR, month, day).map(|_| (month, day))
}

/// `69` and above are of the last century, as POSIX `strptime` has it.
fn century(two_digits: i64) -> i64 {
    if two_digits >= 69 { 1900 + two_digits } else { 2000 + two_digits }
}

fn month_named(name: &[u8]) -> Option<i64> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    MONTHS.iter().position(|month| name.eq_ignore_ascii_case(month)).map(|at| at as i64 + 1)
}

fn is_weekday(name: &[u8]) -> bool {
    const DAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    DAYS.contains(&name)
}

fn blanks(text: &[u8]) -> Option<usize> {
    text.iter().position(|&b| b != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RECEIVED: &str = "2026-11-24T00:30:00Z";

    fn read(text: &str, rule: &str) -> Option<(String, usize)> {
        let received = Timestamp::parse(RECEIVED).expect("a time");
        let (stamp, used) = Stamp::parse_prefix(text.as_bytes())?;
        Some((stamp.resolve(received, &Zone::of_rule(rule)).to_string(), used))
    }

    /// `text` up to `|` is the time.
    fn check(text: &str, expected: &str) {
        let (time, rest) = text.split_once('|').unwrap_or((text, ""));
        let got = read(&format!("{time}{rest}"), "CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(got, Some((expected.to_owned(), time.len())), "{text}");
    }

    #[test]
    fn times_of_all_loggers() {
        check("2026-11-23T06:27:08.548Z| x", "2026-11-23T06:27:08.548Z");
        check("2026-11-23 06:27:09,163| INFO", "2026-11-23T05:27:09.163Z");
        check("2026-07-23 06:27:09|", "2026-07-23T04:27:09Z");
        check("2026-11-23T06:30:53.207647+00:00|]", "2026-11-23T06:30:53.207647Z");
        check("2025-08-13 01:45:01.123 PDT| [12345] LOG", "2025-08-13T08:45:01.123Z");
        check("2026/11/23 06:30:37| [error]", "2026-11-23T05:30:37Z");
        check("2005-06-03-15.42.50.675872| R02", "2005-06-03T13:42:50.675872Z");
        check("15/Feb/2013:06:00:31 +0000|] \"-\"", "2013-02-15T06:00:31Z");
        check("23-Nov-2026 06:45:57 UTC|]", "2026-11-23T06:45:57Z");
        check("23 Nov 2026 06:30:37.123| * ready", "2026-11-23T05:30:37.123Z");
        check("Nov  3 09:23:38| host", "2026-11-03T08:23:38Z");
        check("Dec 31 23:59:59| host", "2025-12-31T22:59:59Z");
        check("Nov 23, 2026 6:46:51 AM| U main", "2026-11-23T05:46:51Z");
        check("Sun Dec 04 04:47:44 2005|] [notice]", "2005-12-04T03:47:44Z");
        check("Thu Jun 22 11:55:01.123456 2023|]", "2023-06-22T09:55:01.123456Z");
        check("Wed May 19 08:00:01 EST 2021| line", "2021-05-19T13:00:01Z");
        check("Mon, 02 Jan 2006 15:04:05 GMT|", "2006-01-02T15:04:05Z");
        check("17/06/09 20:10:40| INFO", "2017-06-09T18:10:40Z");
        check("20120702.102240,672|:DEBUG", "2012-07-02T08:22:40.672Z");
        check("20261123T063037Z|", "2026-11-23T06:30:37Z");
        check("081109 203615| 148 INFO", "2008-11-09T19:36:15Z");
        check("03-17 16:13:38.811|  1702", "2026-03-17T15:13:38.811Z");
        check("1428634687123| Hello", "2015-04-10T02:58:07.123Z");
        check("1795415675.7706857|", "2026-11-23T06:34:35.770685700Z");
        check("@40000000433225833b6e1a8c| tcpserver", "2005-09-22T03:31:05.997071500Z");
        check("2026-11-23 06:30:37| -- prog", "2026-11-23T05:30:37Z");
        check("2016-09-28 04:30:30|, Info", "2016-09-28T02:30:30Z");
    }

    /// The host's clock shows 01:30 when it is received.
    #[test]
    fn times_of_day_are_of_the_latest_day() {
        check("01:29:48.228| [main]", "2026-11-24T00:29:48.228Z");
        check("02:15:00|", "2026-11-24T01:15:00Z");
        check("06:46:48.228|", "2026-11-23T05:46:48.228Z");
        check("6:45AM| INF", "2026-11-23T05:45:00Z");
        check("12:05PM| INF", "2026-11-23T11:05:00Z");
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "10.0.0.1 - -",
            "127.0.0.1:8080",
            "10:20:30:40",
            "2026-13-01 00:00:00",
            "2026-02-30 00:00:00",
            "1234567890abc",
            "12345678901",
            "1.2.3.4",
            "25:00:00",
            "Mon",
            "Nov",
            "November",
            "Nov 31 10:00:00",
            "@4000",
            "01/02/2026 10:00:00",
            "99999999999999999999",
            "9999999999999999999",
            "@\u{1ee05}\u{e0100} \u{1ee39}\u{10418}aA \u{ff21}",
        ] {
            assert_eq!(read(text, ""), None, "{text}");
        }
    }

    #[test]
    fn klog_writes_month_and_day_together() {
        let (stamp, used) = Stamp::parse_klog(b"1123 06:30:37.123456    7 file.go:12] x").expect("a time");
        let time = stamp.resolve(Timestamp::parse(RECEIVED).expect("a time"), &Zone::default());
        assert_eq!((time.to_string().as_str(), used), ("2026-11-23T06:30:37.123456Z", 20));
        assert_eq!(Stamp::parse_klog(b"1323 06:30:37"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, received: i64) {
            for stamp in [Stamp::parse_prefix(&bytes), Stamp::parse_klog(&bytes)].into_iter().flatten() {
                prop_assert!(stamp.1 <= bytes.len());
                stamp.0.resolve(Timestamp(received), &Zone::of_rule("EST5EDT,M3.2.0,M11.1.0"));
            }
        }

        #[test]
        fn any_time_like_text_is_read_or_refused(text in "[0-9TZ:/. ,+@-]{0,40}", month in "(Jan |Feb|Sun |Mon, )?") {
            if let Some((_, used)) = Stamp::parse_prefix((month + &text).as_bytes()) {
                prop_assert!(used <= 44);
            }
        }

        #[test]
        fn what_is_printed_is_read(seconds in 0i64..8_000_000_000) {
            let time = Timestamp::from_seconds(seconds);
            let stamp = Stamp::parse(&time.to_string()).expect("RFC 3339");
            prop_assert!(stamp.is_complete());
            prop_assert_eq!(stamp.resolve(Timestamp(0), &Zone::default()), time);
        }
    }
}
