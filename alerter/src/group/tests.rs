//! What becomes of a group over time.

use super::*;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

fn occurrence(seconds: i64) -> Occurrence<'static> {
    Occurrence { time: at(seconds), received: at(seconds), kind: "E", message: "m", ..Occurrence::default() }
}

fn of_version(seconds: i64, version: &'static str) -> Occurrence<'static> {
    Occurrence { version, ..occurrence(seconds) }
}

/// A group that came at these seconds, ticked each hour up to `now`.
fn group(times: &[i64], now: i64) -> Group {
    let mut group = Group::new(&occurrence(times[0]));
    let mut times = times.iter().peekable();
    for tick in (0..=now).step_by(HOUR as usize) {
        while let Some(&&time) = times.peek().filter(|&&&time| time <= tick) {
            group.occur(&occurrence(time));
            times.next();
        }
        group.tick(at(tick));
    }
    group
}

fn hourly(from: i64, to: i64) -> Vec<i64> {
    (from..to).map(|hour| hour * HOUR).collect()
}

#[test]
fn new_for_a_day_and_ongoing_then() {
    assert_eq!(group(&hourly(0, 23), 23 * HOUR).state, State::New);
    assert_eq!(group(&hourly(0, 25), 24 * HOUR).state, State::Ongoing);
}

#[test]
fn quiet_when_it_stays_away_for_longer_than_it_used_to() {
    assert_eq!(group(&hourly(0, 48), 71 * HOUR).state, State::Quiet);
    assert_eq!(group(&hourly(0, 48), 70 * HOUR).state, State::Ongoing);
    // What comes once a day is missed on the fourth.
    let daily: Vec<_> = (0..10).map(|day| day * DAY).collect();
    assert_eq!(group(&daily, 11 * DAY).state, State::Ongoing);
    assert_eq!(group(&daily, 12 * DAY).state, State::Quiet);
}

#[test]
fn resolved_when_it_was_quiet_for_long_and_regressed_when_it_comes_back() {
    let mut group = group(&hourly(0, 48), 40 * DAY);
    assert_eq!(group.state, State::Resolved);
    group.occur(&occurrence(40 * DAY + 5));
    assert_eq!((group.state, group.since), (State::Regressed, at(40 * DAY + 5)));
    group.tick(at(41 * DAY + 5));
    assert_eq!(group.state, State::Ongoing);
}

#[test]
fn back_from_quiet_it_is_regressed_only_when_a_deploy_lies_between() {
    let quiet = group(&hourly(0, 48), 5 * DAY);
    assert_eq!(quiet.state, State::Quiet);
    let mut back = quiet.clone();
    back.occur(&occurrence(6 * DAY));
    assert_eq!(back.state, State::Ongoing);
    let mut back = quiet;
    back.occur(&Occurrence { deployed_since: true, ..occurrence(6 * DAY) });
    assert_eq!(back.state, State::Regressed);
}

#[test]
fn escalating_when_it_comes_far_more_often_and_ongoing_when_that_ends() {
    let mut times = hourly(0, 48);
    times.extend((0..12).map(|i| 48 * HOUR + i * 10));
    times.sort_unstable();
    let mut group = group(&times, 49 * HOUR);
    assert_eq!(group.state, State::Ongoing, "it was over at the next look");
    (0..13).for_each(|i| group.occur(&occurrence(50 * HOUR + i)));
    group.tick(at(50 * HOUR + 20));
    assert_eq!(group.state, State::Escalating);
    group.tick(at(51 * HOUR + 20));
    assert_eq!(group.state, State::Ongoing);
}

#[test]
fn resolved_in_a_version_it_may_still_come_from_earlier_ones() {
    let mut group = Group::new(&of_version(0, "1.0"));
    group.occur(&of_version(0, "1.0"));
    let resolution = || Resolution { in_version: Some("1.2".into()), by: "me".into() };
    let check = |group: &Group, version: &'static str, expected: State| {
        let mut group = group.clone();
        group.occur(&of_version(20, version));
        assert_eq!(group.state, expected, "{version}");
    };
    group.resolve(resolution(), at(10));
    check(&group, "1.0", State::Resolved);
    check(&group, "1.2", State::Regressed);
    check(&group, "1.3", State::Regressed);
    check(&group, "", State::Regressed);
    // The fixed version itself, known from a first try that did not help.
    group.reopen(at(11));
    group.occur(&of_version(12, "1.2"));
    group.resolve(resolution(), at(13));
    check(&group, "1.2", State::Regressed);
}

#[test]
fn muted_until_a_time_a_count_or_worse() {
    let muted = |until| {
        let mut group = group(&hourly(0, 48), 48 * HOUR);
        group.mute(until, "me".into(), at(48 * HOUR));
        assert_eq!(group.state, State::Muted);
        group
    };
    let mut one = muted(Until::Time(at(50 * HOUR)));
    one.tick(at(50 * HOUR - 1));
    assert_eq!(one.state, State::Muted);
    one.tick(at(50 * HOUR));
    assert_eq!((one.state, one.mute), (State::Ongoing, None));
    let mut one = muted(Until::Count(2));
    one.occur(&occurrence(49 * HOUR));
    one.tick(at(49 * HOUR));
    assert_eq!(one.state, State::Muted);
    one.occur(&occurrence(49 * HOUR + 1));
    one.tick(at(49 * HOUR + 2));
    assert_eq!(one.state, State::Ongoing);
    let mut one = muted(Until::Worse);
    (0..20).for_each(|i| one.occur(&occurrence(49 * HOUR + i)));
    one.tick(at(49 * HOUR + 30));
    assert_eq!(one.state, State::Escalating);
    let mut one = muted(Until::Reopened);
    one.tick(at(400 * DAY));
    assert_eq!(one.state, State::Muted);
    one.reopen(at(400 * DAY));
    assert_eq!(one.state, State::Ongoing);
}

/// A log of last year that is read now.
#[test]
fn what_came_long_ago_is_no_news() {
    let old = |seconds| Occurrence { received: at(90 * DAY), ..occurrence(seconds) };
    let mut group = Group::new(&old(0));
    group.occur(&old(0));
    assert_eq!(group.state, State::Ongoing);
    group.tick(at(90 * DAY));
    assert_eq!(group.state, State::Resolved);
    group.occur(&old(5));
    assert_eq!(group.state, State::Resolved);
}

#[test]
fn groups_have_a_bound_and_the_one_that_came_least_lately_goes() {
    let mut groups = Groups::default();
    for i in 0..GROUPS_MAX as i64 {
        groups.occur(GroupId(i.unsigned_abs()), &occurrence(i), || None);
    }
    groups.occur(GroupId(0), &occurrence(GROUPS_MAX as i64), || None);
    groups.take_dirty();
    groups.occur(GroupId(u64::MAX), &occurrence(0), || None);
    assert_eq!((groups.len(), groups.evicted), (GROUPS_MAX, 1));
    assert!(groups.get(GroupId(0)).is_some() && groups.get(GroupId(1)).is_none());
    assert_eq!(groups.take_dirty(), (vec![GroupId(u64::MAX)], vec![GroupId(1)]));
}

#[test]
fn notable_are_those_that_are_new_regressed_or_escalating() {
    let mut groups = Groups::default();
    groups.occur(GroupId(1), &occurrence(0), || Some("1.2".into()));
    groups.occur(GroupId(2), &Occurrence { received: at(90 * DAY), ..occurrence(0) }, || None);
    let notable = |groups: &Groups| groups.notable().map(|(id, _)| id).collect::<Vec<_>>();
    assert_eq!(notable(&groups), [GroupId(1)]);
    assert_eq!(groups.get(GroupId(1)).and_then(|group| group.deploy.clone()).as_deref(), Some("1.2"));
    assert!(groups.change(GroupId(1), |group| group.mute(Until::Reopened, String::new(), at(2))));
    assert_eq!(notable(&groups), []);
    groups.occur(GroupId(3), &occurrence(0), || None);
    groups.tick(at(2 * DAY));
    assert_eq!(notable(&groups), []);
    assert!(!groups.change(GroupId(9), |_| {}));
}
