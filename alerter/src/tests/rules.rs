//! Rules from what the stores say to whom is told what.

use super::*;
use logweir_base::action::Silence;

const ABOVE: &str = "type = 'threshold'\npromql = 'x'\nabove = 10\nfor = '1m'\nkeep_firing_for = '1m'";

/// 20 from 100 s to 400 s.
fn bump(_: &str, seconds: i64) -> Result<Vec<Number>, String> {
    number(if (100..400).contains(&seconds) { 20.0 } else { 1.0 })
}

#[test]
fn a_threshold_fires_and_is_over() {
    let mut rig = Rig::new(&config(ABOVE), bump);
    // It looks half a minute back, and it must hold for a minute.
    rig.ticks(10, 190);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.tick(190);
    assert_eq!(rig.told(), ["firing r"]);
    rig.ticks(200, 480);
    assert_eq!(rig.told(), ["firing r"]);
    rig.tick(480);
    assert_eq!(rig.told(), ["firing r", "resolved r"]);
    let reader = rig.reader();
    let memory = reader.memory();
    let (_, episode) = memory.episodes.iter().next().expect("an episode");
    assert_eq!(episode.summary, "20 is more than 10");
    assert_eq!(
        (episode.since, episode.ended, episode.told.clone()),
        (at(130), Some(at(480)), vec!["hook".to_owned()])
    );
}

/// A02, A03, A12: a crash at any time changes nothing of what is told.
#[test]
fn a02_a03_a12_a_crash_repages_nobody() {
    let mut whole = Rig::new(&config(ABOVE), bump);
    whole.ticks(10, 600);
    for crash in [100, 150, 190, 200, 420, 480, 500] {
        let mut rig = Rig::new(&config(ABOVE), bump);
        rig.ticks(10, crash);
        rig.crash();
        rig.ticks(crash, 600);
        assert_eq!(rig.ids(), whole.ids(), "{crash}");
    }
}

#[test]
fn missing_data_neither_fires_nor_ends() {
    fn gone(_: &str, seconds: i64) -> Result<Vec<Number>, String> {
        if seconds < 200 { number(20.0) } else { Ok(Vec::new()) }
    }
    let mut rig = Rig::new(&config(ABOVE), gone);
    rig.ticks(10, 2_000);
    assert_eq!(rig.told(), ["firing r"]);
    fn failing(_: &str, seconds: i64) -> Result<Vec<Number>, String> {
        if seconds < 200 { number(20.0) } else { Err("the disk hangs".to_owned()) }
    }
    let mut rig = Rig::new(&config(ABOVE), failing);
    rig.ticks(10, 2_000);
    assert_eq!(rig.told(), ["firing r"]);
    assert_eq!(rig.reader().memory().errors, ["rule r: the disk hangs"]);
}

/// What a search counts is zero when nothing is there.
#[test]
fn nothing_counted_is_too_little() {
    let mut rig = Rig::new(&config("type = 'threshold'\nsearch = 'service:shop'\nbelow = 1"), nothing);
    rig.tick(10);
    assert_eq!(rig.told(), ["firing r"]);
}

#[test]
fn a_ratio_of_few_pages_nobody() {
    let rule =
        "type = 'ratio'\nsearch = 'level:error'\nof = 'service:shop'\nabove = 0.1\nkeep_firing_for = '0s'";
    fn counts(promql: &str, seconds: i64) -> Result<Vec<Number>, String> {
        let few = seconds < 100;
        number(match promql.contains("_of_total") {
            true => {
                if few {
                    2.0
                } else {
                    200.0
                }
            }
            false => {
                if few {
                    1.0
                } else {
                    100.0
                }
            }
        })
    }
    let mut rig = Rig::new(&config(rule), counts);
    rig.ticks(10, 130);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.tick(130);
    assert_eq!(rig.told(), ["firing r"]);
    let reader = rig.reader();
    let memory = reader.memory();
    let (_, episode) = memory.episodes.iter().next().expect("an episode");
    assert_eq!(episode.evidence.traces, [("worst".to_owned(), "trace of level:error".to_owned())]);
}

#[test]
fn a_host_that_is_silent_is_missed() {
    let mut rig = Rig::new(&config("type = 'absence'\nwho = 'host'\nfor = '5m'"), nothing);
    let beat = r#"{"level":"info","service":"heartbeat","message":"alive"}"#;
    for seconds in (0..1_000).step_by(10) {
        rig.line(seconds, "a", beat);
        if seconds < 300 {
            rig.line(seconds, "b", beat);
        }
        rig.tick(seconds);
    }
    assert_eq!(rig.told(), ["firing r"]);
    let reader = rig.reader();
    let memory = reader.memory();
    let (_, episode) = memory.episodes.iter().next().expect("an episode");
    assert_eq!(episode.labels.get("host").map(String::as_str), Some("b"));
    assert_eq!(episode.summary, "silent for 300 s for host=b");
}

/// A10: when nothing arrives from anybody, that is what is told, once.
#[test]
fn a10_a_pipeline_that_stands_still_is_one_alert() {
    let rules = "type = 'absence'\nwho = 'host'\nfor = '5m'\n[[rule]]\nname = 'few'\ntype = 'threshold'\nsearch = '*'\nbelow = 1\nfor = '6m'";
    let mut rig = Rig::new(&config(rules), nothing);
    let beat = r#"{"level":"info","service":"heartbeat","message":"alive"}"#;
    ["a", "b"].iter().for_each(|host| rig.line(0, host, beat));
    rig.ticks(10, 2_000);
    assert_eq!(rig.told(), ["firing pipeline_stale"]);
    ["a", "b"].iter().for_each(|host| rig.line(2_000, host, beat));
    rig.tick(2_000);
    assert_eq!(rig.told()[..2], ["firing pipeline_stale", "resolved pipeline_stale"]);
    let mut behind = Rig::new(&config(rules), nothing);
    behind.covers = false;
    behind.crash();
    behind.tick(10);
    assert_eq!(behind.told(), ["firing pipeline_stale"]);
}

/// C01: the clock is set back by half a day while an alert is pending; it fires when it has held for as long as it must.
#[test]
fn c01_a_clock_that_is_set_back_does_not_hold_up_alerts() {
    fn high(_: &str, _: i64) -> Result<Vec<Number>, String> {
        number(20.0)
    }
    let mut rig = Rig::new(&config(ABOVE), high);
    rig.ticks(50_000, 50_030);
    rig.ticks(6_800, 6_840);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.tick(6_840);
    assert_eq!(rig.told(), ["firing r"]);
}

/// A11, S06: a rule that changes keeps its alert; one that is removed says that it is over.
#[test]
fn a11_s06_rules_change_while_they_fire() {
    let mut rig = Rig::new(&config(ABOVE), bump);
    rig.ticks(10, 200);
    rig.entry(200, EntryBody::Config(config(&ABOVE.replace("10", "11"))));
    rig.ticks(200, 300);
    assert_eq!(rig.told(), ["firing r"]);
    rig.entry(300, EntryBody::Config(HOOK.to_owned()));
    rig.tick(300);
    assert_eq!(rig.told(), ["firing r", "resolved r"]);
    assert_eq!(rig.reader().memory().alerts.len(), 0);
}

#[test]
fn silences_acknowledgements_and_inhibition() {
    let both = format!("{ABOVE}\n[[rule]]\nname = 'low'\ninhibited_by = ['r']\n{ABOVE}");
    let mut rig = Rig::new(&config(&both), bump);
    rig.ticks(10, 300);
    assert_eq!(rig.told(), ["firing r"], "low is inhibited");
    let silence = |until| {
        let labels = [("alertname".to_owned(), "r".to_owned())].into();
        Action::Silence(Silence {
            id: "s".into(),
            labels,
            until: at(until),
            by: "ann".into(),
            comment: String::new(),
        })
    };
    let mut rig = Rig::new(&config(ABOVE), bump);
    rig.act(5, silence(250));
    rig.ticks(10, 250);
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.tick(250);
    assert_eq!(rig.told(), ["firing r"], "it still fires when the silence ends");
    let mut rig = Rig::new(&config(&format!("{ABOVE}\n[alerts]\nrepeat = '1m'")), bump);
    rig.ticks(10, 260);
    assert_eq!(rig.told(), ["firing r", "firing r"], "repeated");
    let episode = rig.reader().memory().episodes.iter().map(|(id, _)| id.to_owned()).next();
    rig.act(260, Action::Acknowledge { episode: episode.expect("an episode"), by: "ann".into() });
    rig.ticks(260, 480);
    assert_eq!(rig.told().len(), 2);
    rig.tick(480);
    assert_eq!(rig.told().last().map(String::as_str), Some("resolved r"));
}

/// What is usual is learned over a day, and silence is not.
#[test]
fn a_baseline_pages_when_traffic_stops() {
    let rule = "type = 'baseline'\nsearch = '*'\nkeep_firing_for = '0s'";
    fn traffic(_: &str, seconds: i64) -> Result<Vec<Number>, String> {
        let wobble = (seconds / 60 * 7 % 11) as f64;
        if seconds > 86_400 { Ok(Vec::new()) } else { number(100.0 + wobble) }
    }
    let mut rig = Rig::new(&config(rule), traffic);
    (0..1_440).for_each(|minute| rig.tick(minute * 60 + 30));
    assert_eq!(rig.told(), Vec::<String>::new());
    rig.crash();
    (1_440..1_446).for_each(|minute| rig.tick(minute * 60 + 40));
    assert_eq!(rig.told(), ["firing r"]);
    let reader = rig.reader();
    let memory = reader.memory();
    let (_, episode) = memory.episodes.iter().next().expect("an episode");
    let (low, high) = episode.evidence.usual.expect("a range");
    assert!(low > 50.0 && high < 200.0 && episode.evidence.why.contains("usual"), "{:?}", episode.evidence);
}

#[test]
fn receivers_are_told_what_is_for_them() {
    let receivers = "[[receiver]]\nname = 'duty'\ntype = 'pagerduty'\nsecret_file = '/k'\n[[receiver]]\nname = 'mail'\n\
                     type = 'email'\nurl = 'smtp://h'\nto = ['a@b']\ndigest_only = true\n";
    let mut rig = Rig::new(&format!("{receivers}{}", config(ABOVE)), bump);
    rig.ticks(10, 490);
    let expected =
        [("duty", "firing r"), ("duty", "resolved r"), ("hook", "firing r"), ("hook", "resolved r")];
    assert_eq!(rig.outbox(), expected.map(|(to, told)| (to.to_owned(), told.to_owned())));
}

#[test]
fn many_at_once_are_one_message() {
    fn many(_: &str, at: i64) -> Result<Vec<Number>, String> {
        if at > 250 {
            return Ok((0..50).map(|i| ([("n".to_owned(), i.to_string())].into(), 0.0)).collect());
        }
        Ok((0..50).map(|i| ([("n".to_owned(), i.to_string())].into(), 20.0)).collect())
    }
    let rule = config("type = 'threshold'\npromql = 'x'\nabove = 1\nkeep_firing_for = '0s'");
    let mut rig = Rig::new(&rule, many);
    rig.tick(10);
    assert_eq!(rig.told(), ["storm of 50 and 0"]);
    let duty = "[[receiver]]\nname = 'duty'\ntype = 'pagerduty'\nsecret_file = '/k'\n";
    let mut rig = Rig::new(&rule.replace(HOOK, duty), many);
    rig.ticks(10, 300);
    let told = rig.told();
    assert_eq!((told[0].as_str(), told.len()), ("storm of 50 and 0", 52));
    let is = |what: &str| told.iter().filter(|told| *told == what).count();
    assert_eq!((is("resolved r"), is("storm of 0 and 0")), (50, 1), "every incident is closed");
}
