//! Exceptions of the journal, what is decided about them, and digests.

use super::*;
use crate::group::{GroupId, State};
use logweir_base::action::{Deploy, Until};

const RULE: &str = "type = 'exception'";

fn only_group(rig: &Rig) -> (GroupId, crate::group::Group) {
    let reader = rig.reader();
    let memory = reader.memory();
    assert_eq!(memory.groups.len(), 1);
    memory.groups.iter().next().map(|(id, group)| (id, group.clone())).expect("one")
}

#[test]
fn errors_become_groups_which_survive_a_crash_and_count_once() {
    let mut rig = Rig::new(&config(RULE), nothing);
    rig.error(1, "Boom");
    rig.error(2, "Boom");
    rig.line(3, "b", r#"{"level":"info","message":"fine"}"#);
    rig.tick(10);
    rig.error(11, "Boom");
    rig.crash();
    rig.tick(20);
    let (_, group) = only_group(&rig);
    assert_eq!((group.count, group.state, group.users.count()), (3, State::New, 3));
    assert_eq!((group.kind.as_str(), group.message.as_str()), ("Boom", "no"));
    assert_eq!(group.services.names, ["shop"]);
    assert_eq!(rig.told(), ["firing r"]);
}

#[test]
fn what_people_decide_counts_in_the_order_of_the_journal() {
    let mut rig = Rig::new(&config(RULE), nothing);
    rig.error(1, "Boom");
    rig.tick(10);
    let (id, _) = only_group(&rig);
    rig.act(11, Action::Resolve { group: id.to_string(), in_version: None, by: "ann".into() });
    rig.tick(20);
    assert_eq!(only_group(&rig).1.state, State::Resolved);
    rig.crash();
    assert_eq!(only_group(&rig).1.resolution.map(|it| it.by).as_deref(), Some("ann"));
    rig.error(21, "Boom");
    rig.tick(30);
    assert_eq!(only_group(&rig).1.state, State::Regressed);
    assert_eq!(rig.told(), ["firing r", "firing r"]);
    rig.act(31, Action::Mute { group: id.to_string(), until: Until::Reopened, by: "ann".into() });
    rig.error(32, "Boom");
    rig.tick(40);
    assert_eq!(only_group(&rig).1.state, State::Muted);
    rig.act(41, Action::Mute { group: "no group".into(), until: Until::Worse, by: "ann".into() });
    rig.tick(50);
    assert_eq!(rig.told().len(), 2);
}

#[test]
fn a_group_knows_the_deploy_it_follows() {
    let mut rig = Rig::new(&config(RULE), nothing);
    let deploy = Deploy { service: "shop".into(), version: "1.2".into(), at: at(0), ..Deploy::default() };
    rig.act(0, Action::Deploy(deploy));
    rig.error(1, "Boom");
    rig.tick(10);
    let (_, group) = only_group(&rig);
    assert_eq!((group.deploy.as_deref(), group.versions.names), (Some("1.2"), vec!["1.2".to_owned()]));
    let reader = rig.reader();
    let memory = reader.memory();
    let (_, episode) = memory.episodes.iter().next().expect("an episode");
    assert_eq!(episode.evidence.deploy.as_ref().map(|mark| mark.version.as_str()), Some("1.2"));
    assert_eq!(episode.evidence.traces, [("latest".to_owned(), trace(1))]);
    assert_eq!(episode.summary, "new exception Boom in shop: no");
}

#[test]
fn only_exceptions_that_the_rules_query_finds() {
    let mut rig = Rig::new(&config("type = 'exception'\nsearch = 'exception.type:Bang'"), nothing);
    rig.error(1, "Boom");
    rig.tick(10);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.error(11, "Bang");
    rig.tick(20);
    assert_eq!(rig.told(), ["firing r"]);
}

#[test]
fn a_digest_comes_when_it_is_due_and_once() {
    let digest = "[[digest]]\nname = 'd'\nto = ['hook']\nevery = 'hourly'\nat = '00:00'\n";
    let mut rig = Rig::new(&format!("{HOOK}{digest}"), nothing);
    rig.error(1, "Boom");
    rig.ticks(10, 3_600);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.tick(3_600);
    rig.crash();
    rig.ticks(3_610, 7_200);
    assert_eq!(rig.told(), ["digest d"]);
    rig.tick(7_200);
    assert_eq!(rig.told(), ["digest d", "digest d"]);
    let reader = rig.reader();
    let memory = reader.memory();
    let messages: Vec<_> = memory.outbox.iter().map(|(_, it)| it.notification.message.clone()).collect();
    let (Message::Digest(first), Message::Digest(second)) = (&messages[0], &messages[1]) else {
        panic!("digests")
    };
    let titles: Vec<_> = first.sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["New", "Most users affected"]);
    assert_eq!((first.from, first.to, second.from), (at(0), at(3_600), at(3_600)));
    assert_eq!(first.sections[0].entries[0].count, 1);
    assert_eq!(second.sections, [], "all quiet");
}

/// A deletion that had ended left the line in the alerter's file, as the sample of its group.
#[test]
fn what_is_deleted_is_in_no_text_and_no_file() {
    let mut rig = Rig::new(&config(RULE), nothing);
    rig.error(1, "Boom");
    rig.error(2, "Bang");
    rig.tick(10);
    let bytes = |rig: &Rig| std::fs::read(rig.dir.path().join("alerter.redb")).expect("reads");
    let has = |rig: &Rig, text: &str| bytes(rig).windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has(&rig, "\\\"user\\\":\\\"u1\\\""), "the sample as JSON in JSON");
    rig.entry(11, EntryBody::Delete { id: "d".into(), query: "user:u1".into() });
    rig.tick(20);
    assert!(!has(&rig, "\\\"u1\\\"") && has(&rig, "\\\"u2\\\""));
    rig.crash();
    let reader = rig.reader();
    let memory = reader.memory();
    let messages: Vec<_> =
        memory.groups.iter().map(|(_, group)| (group.kind.as_str(), group.message.as_str())).collect();
    assert!(messages.contains(&("Boom", "(deleted)")) && messages.contains(&("Bang", "no")), "{messages:?}");
    let summaries: Vec<_> = memory.episodes.iter().map(|(_, episode)| episode.summary.as_str()).collect();
    assert!(summaries.contains(&"(deleted)"), "{summaries:?}");
    assert!(memory.outbox.iter().any(
        |(_, it)| matches!(&it.notification.message, Message::Page(page) if page.summary == "(deleted)")
    ));
}

/// A09: ten thousand kinds in a minute are one message, and bounded.
#[test]
fn a09_a_flood_of_new_exceptions_is_one_message() {
    let mut rig = Rig::new(&config(RULE), nothing);
    (0..10_000).for_each(|i| {
        rig.error(
            1,
            &format!(
                "Boom{}",
                "abcdefghij".chars().cycle().skip(i % 10).take(5 + i / 10).collect::<String>()
            ),
        )
    });
    rig.tick(10);
    rig.ticks(20, 100);
    let told = rig.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("storm of "), "{told:?}");
}
