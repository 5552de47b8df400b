//! The zone of a host: what a time without one is read in. A shipper sends it as the POSIX TZ rule that stands at the
//! end of its zone file, such as `CET-1CEST,M3.5.0,M10.5.0/3`, so that the server needs no database of zones.
//!
//! Limit: the rule is today's. Times before a zone's last reform are read by the rule it has now.

use jiff::civil;
use jiff::tz::TimeZone;
use std::cell::Cell;

/// Longer text is no rule.
const RULE_BYTES_MAX: usize = 128;
/// Offsets change on quarters of an hour at most.
const QUARTER_SECONDS: i64 = 900;

/// Turns local times into UTC.
#[derive(Debug, Clone, Default)]
pub struct Zone {
    /// None is UTC.
    rule: Option<TimeZone>,
    /// The quarter of an hour that was asked for last, in local seconds, and its offset: lines follow each other.
    latest: Cell<Option<(i64, i64)>>,
}

impl Zone {
    /// The zone of a POSIX TZ rule; UTC when it is empty or cannot be read.
    pub fn of_rule(rule: &str) -> Self {
        let readable = !rule.is_empty() && rule.len() <= RULE_BYTES_MAX && rule != "UTC0";
        Self { rule: readable.then(|| TimeZone::posix(rule).ok()).flatten(), latest: Cell::new(None) }
    }

    /// Whether a rule can be read.
    pub fn is_rule(rule: &str) -> bool {
        rule.len() <= RULE_BYTES_MAX && TimeZone::posix(rule).is_ok()
    }

    /// UTC seconds of local seconds since 1970. Of a time that comes twice it is the first, a time that never comes is
    /// read as if the clock had not been moved yet.
    pub fn to_utc(&self, local: i64) -> i64 {
        local - self.offset_at(local)
    }

    /// Local seconds since 1970 of UTC seconds; off by an hour at most in the hour around a change.
    pub fn to_local(&self, utc: i64) -> i64 {
        let guess = utc + self.offset_at(utc);
        utc + self.offset_at(guess)
    }

    /// Seconds east of UTC, at a local time.
    fn offset_at(&self, local: i64) -> i64 {
        let Some(rule) = &self.rule else {
            return 0;
        };
        let quarter = local.div_euclid(QUARTER_SECONDS);
        match self.latest.get() {
            // Fast path.
            Some((known, offset)) if known == quarter => offset,
            _ => {
                let offset = offset_by(rule, quarter * QUARTER_SECONDS).unwrap_or(0);
                self.latest.set(Some((quarter, offset)));
                offset
            }
        }
    }
}

fn offset_by(rule: &TimeZone, local: i64) -> Option<i64> {
    let (year, month, day) = super::civil_from_days(local.div_euclid(super::DAY_SECONDS));
    let of_day = local.rem_euclid(super::DAY_SECONDS);
    let date = civil::Date::new(year.try_into().ok()?, month as i8, day as i8).ok()?;
    let time = civil::time((of_day / 3600) as i8, (of_day / 60 % 60) as i8, (of_day % 60) as i8, 0);
    let utc = rule.to_ambiguous_timestamp(date.to_datetime(time)).compatible().ok()?;
    Some(local - utc.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn utc(rule: &str, local: &str) -> String {
        let local = Timestamp::parse(local).expect("a time").0 / 1_000_000_000;
        Timestamp::from_seconds(Zone::of_rule(rule).to_utc(local)).to_string()
    }

    #[test]
    fn c03_local_times_by_their_rule() {
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        let check = |rule, local, expected| assert_eq!(utc(rule, local), expected, "{rule} {local}");
        check(berlin, "2026-01-01T12:00:00", "2026-01-01T11:00:00Z");
        check(berlin, "2026-07-01T12:00:00", "2026-07-01T10:00:00Z");
        // Comes twice: the first. Never comes: as before the change.
        check(berlin, "2026-10-25T02:30:00", "2026-10-25T00:30:00Z");
        check(berlin, "2026-03-29T02:30:00", "2026-03-29T01:30:00Z");
        check("<+0330>-3:30", "2026-01-01T12:00:00", "2026-01-01T08:30:00Z");
        check("", "2026-01-01T12:00:00", "2026-01-01T12:00:00Z");
        check("no such rule", "2026-01-01T12:00:00", "2026-01-01T12:00:00Z");
    }

    #[test]
    fn there_and_back() {
        let zone = Zone::of_rule("EST5EDT,M3.2.0,M11.1.0");
        for utc in [0, 1_768_000_000, 1_783_000_000] {
            assert_eq!(zone.to_utc(zone.to_local(utc)), utc);
        }
    }
}
