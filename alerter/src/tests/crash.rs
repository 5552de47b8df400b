//! Crashes anywhere, and messages that are sent or cannot be sent.

use super::*;
use crate::Sent;
use proptest::prelude::*;
use std::time::Duration;

const RULES: &str = "type = 'threshold'\npromql = 'x'\nabove = 10\nfor = '20s'\nkeep_firing_for = '20s'\n[[rule]]\nname = 'e'\ntype = 'exception'";

/// Goes up and down, and is missing now and then.
fn wave(_: &str, seconds: i64) -> Result<Vec<Number>, String> {
    match seconds / 10 % 23 {
        0..8 => number(1.0),
        8..18 => number(20.0),
        18..20 => Ok(Vec::new()),
        _ => number(1.0),
    }
}

fn run(steps: &[(u8, bool)]) -> Rig {
    let mut rig = Rig::new(&config(RULES), wave);
    for (at, (what, crashes)) in (1i64..).zip(steps) {
        match what {
            0 => rig.error(at * 10, "Boom"),
            1 => rig.error(at * 10, "Bang"),
            _ => rig.tick(at * 10),
        }
        if *crashes {
            rig.crash();
        }
    }
    rig.tick(steps.len() as i64 * 10 + 10);
    rig
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever crashes, the memory and the messages are those of a life without any.
    #[test]
    fn a_life_with_crashes_is_as_one_without(steps in prop::collection::vec((0..6_u8, prop::bool::weighted(0.15)), 1..60)) {
        let crashed = run(&steps);
        let quiet: Vec<_> = steps.iter().map(|(what, _)| (*what, false)).collect();
        let whole = run(&quiet);
        prop_assert_eq!(crashed.ids(), whole.ids());
        let groups = |rig: &Rig| {
            let reader = rig.reader();
            let memory = reader.memory();
            memory.groups.iter().map(|(id, group)| (id, group.clone())).collect::<Vec<_>>()
        };
        prop_assert_eq!(groups(&crashed), groups(&whole));
    }
}

#[test]
fn a_message_that_was_taken_is_gone_and_one_that_was_not_comes_again() {
    let mut rig = Rig::new(&config(RULES), wave);
    rig.ticks(10, 150);
    let now = at(150);
    let due = rig.reader().due(now).expect("writes");
    assert_eq!(due.len(), 1);
    let later = Sent::Later { reason: "busy".into(), after: Some(Duration::from_secs(60)) };
    rig.reader().sent(&due[0].0, later, now).expect("notes");
    assert_eq!(rig.reader().due(at(209)).expect("writes").len(), 0);
    rig.crash();
    let again = rig.reader().due(at(210)).expect("writes");
    assert_eq!(again[0].2.notification.id, due[0].2.notification.id);
    assert_eq!((again[0].2.tries, again[0].2.error.as_deref()), (1, Some("busy")));
    rig.reader().sent(&again[0].0, Sent::Taken, at(210)).expect("notes");
    rig.crash();
    assert_eq!(rig.reader().due(at(300)).expect("writes").len(), 0);
    assert_eq!(rig.reader().memory().counters.given_up, 0);
}

#[test]
fn a_message_that_is_refused_or_too_old_is_given_up() {
    let mut rig = Rig::new(&config(RULES), wave);
    rig.ticks(10, 150);
    let key = rig.reader().due(at(150)).expect("writes")[0].0.clone();
    rig.reader().sent(&key, Sent::Refused { reason: "it answers 404".into() }, at(150)).expect("notes");
    let reader = rig.reader();
    let memory = reader.memory();
    assert_eq!((memory.counters.given_up, memory.outbox.len()), (1, 0));
    assert!(memory.errors[0].contains("404"));
}

/// A05: a mail server that was down for hours is told in one message what there was.
#[test]
fn a05_what_waited_for_hours_is_one_message() {
    let mut rig = Rig::new(&format!("{}[alerts]\nrepeat = '10m'\n", config(RULES)), wave);
    rig.ticks(10, 6 * 3_600);
    let waiting = rig.told().len();
    assert!(waiting > 10, "{waiting}");
    let due = rig.reader().due(at(6 * 3_600)).expect("writes");
    assert_eq!(due.len(), 1);
    assert_eq!(rig.told().len(), 1);
    assert!(rig.told()[0].starts_with("storm of "), "{:?}", rig.told());
    // Sent, and killed before that was noted: it is sent again under the same id.
    rig.crash();
    let again = rig.reader().due(at(6 * 3_600)).expect("writes");
    assert_eq!(again[0].2.notification.id, due[0].2.notification.id);
}

/// A13: when no tick comes, somebody who has a clock says so, once.
#[test]
fn a13_a_journal_that_is_not_followed_is_told() {
    let mut rig = Rig::new(HOOK, nothing);
    rig.tick(10);
    assert_eq!(rig.reader().ticked(), Some(at(10)));
    rig.reader().tell_standstill(at(400)).expect("notes");
    rig.reader().tell_standstill(at(500)).expect("notes");
    assert_eq!(rig.told(), ["firing pipeline_stale"]);
    rig.crash();
    rig.tick(600);
    assert_eq!(rig.told(), ["firing pipeline_stale", "resolved pipeline_stale"]);
}
