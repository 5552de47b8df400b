//! Times, zones, and times in zones. The first line is a zone's rule, the second a time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logweir_base::time::{Stamp, Timestamp, Zone, parse_duration};
use logweir_fuzz::RECEIVED;

fuzz_target!(|text: &[u8]| {
    let newline = text.iter().position(|&b| b == b'\n').unwrap_or(text.len());
    let (rule, time) = (&text[..newline], text.get(newline + 1..).unwrap_or(text));
    let zone = std::str::from_utf8(rule).map(Zone::of_rule).unwrap_or_default();
    for (stamp, used) in [Stamp::parse_prefix(time), Stamp::parse_klog(time)].into_iter().flatten() {
        assert!(used <= time.len());
        assert_eq!(stamp.plus_nanos(0), stamp);
        for received in [RECEIVED, Timestamp(i64::MIN), Timestamp(0), Timestamp(i64::MAX)] {
            let clamped = stamp.resolve(received, &zone).clamped(received);
            let shown = clamped.to_string();
            assert_eq!(Timestamp::parse(&shown), Some(clamped), "{shown}");
        }
    }
    if let Some((time, used)) = Timestamp::parse_prefix(time) {
        assert!(used <= text.len());
        zone.to_local(time.0 / 1_000_000_000);
        zone.to_utc(time.0 / 1_000_000_000);
    }
    if let Ok(text) = std::str::from_utf8(time) {
        parse_duration(text);
        assert!(Timestamp::parse(text).is_none() || Stamp::parse(text).is_some(), "{text}");
    }
});
