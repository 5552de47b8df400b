//! Runs one `[[test]]`: what arrives, what people do and what is expected, in the order of their times.

use super::differences::differences;
use super::engine::Engine;
use super::series;
use crate::config::{Config, Deed, Expect, Test, TestAction, TestLines, TestSamples};
use logweir_alerter::alert::Phase;
use logweir_alerter::receiver::Templates;
use logweir_base::action::{Action, Deploy, Silence, Until};
use logweir_base::frame::Resource;
use logweir_base::metric::Labels;
use logweir_base::metric::samples::Writer;
use logweir_base::time::Timestamp;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Between repetitions of lines, and between samples, when nothing else is said.
const EVERY: Duration = Duration::from_secs(10);
/// Bytes of a file of lines: all of it is held while its test runs.
const LINES_BYTES_MAX: u64 = 64 << 20;

/// Something that happens in a test.
enum Event<'t> {
    /// Lines of a file, in the repetition of a number; those without `{n}` are all the same.
    Lines(Arc<Resource>, Arc<str>, u32),
    Sample(Arc<Labels>, f64),
    Act(&'t TestAction),
    Expect(&'t Expect),
}

/// Runs a test whose files are in a directory; what is not as expected, which is nothing when it is passed. An error when it cannot
/// be run.
pub fn run(test: &Test, config: &Config, dir: &Path) -> Result<Vec<String>, String> {
    let start = test.start().ok_or("it has no start")?;
    let mut config = config.clone();
    if !test.rules.is_empty() {
        config.rule.retain(|rule| test.rules.contains(&rule.name));
        let names: Vec<String> = config.rule.iter().map(|rule| rule.name.clone()).collect();
        config.rule.iter_mut().for_each(|rule| rule.inhibited_by.retain(|by| names.contains(by)));
    }
    let templates = Templates::load(config.alerts.templates.as_deref())?;
    let mut engine = Engine::new(&config, start, None)?;
    let mut found = Vec::new();
    for (at, event) in events(test, start, dir)? {
        match event {
            Event::Expect(expect) => {
                engine.through(at)?;
                found.extend(differences(expect, &engine, &templates)?);
            }
            event => {
                engine.before(at)?;
                happen(event, at, &mut engine)?;
            }
        }
    }
    Ok(found)
}

/// Everything, by time; at the same time what is expected comes last.
fn events<'t>(test: &'t Test, start: Timestamp, dir: &Path) -> Result<Vec<(Timestamp, Event<'t>)>, String> {
    let mut events = Vec::new();
    for lines in &test.lines {
        add_lines(lines, start, dir, &mut events)?;
    }
    for samples in &test.samples {
        add_samples(samples, start, &mut events)?;
    }
    events.extend(test.actions.iter().map(|action| (start.plus(action.at.0), Event::Act(action))));
    events.extend(test.expect.iter().map(|expect| (start.plus(expect.at.0), Event::Expect(expect))));
    // The sort is stable, and so expectations stay last among equals. What nobody looks at need not happen.
    events.sort_by_key(|(at, _)| *at);
    let last = events.iter().rposition(|(_, event)| matches!(event, Event::Expect(_)));
    events.truncate(last.map_or(0, |last| last + 1));
    Ok(events)
}

fn add_lines<'t>(
    lines: &TestLines,
    start: Timestamp,
    dir: &Path,
    events: &mut Vec<(Timestamp, Event<'t>)>,
) -> Result<(), String> {
    let text: Arc<str> = match (&lines.text, &lines.from) {
        (Some(text), _) => text.as_str().into(),
        (None, Some(from)) => read(&dir.join(from))?.into(),
        (None, None) => "".into(),
    };
    let labels = lines.service.iter().map(|service| ("service".to_owned(), service.clone()));
    let resource = Arc::new(Resource {
        host: lines.host.clone().unwrap_or_else(|| "host".to_owned()),
        path: lines.file.clone().unwrap_or_else(|| "/var/log/test.log".to_owned()),
        labels: labels.collect(),
        ..Resource::default()
    });
    let every = lines.every.map_or(EVERY, |every| every.0);
    for n in 0..lines.count.unwrap_or(1) {
        let at = start.plus(lines.at.0).plus(every.saturating_mul(n));
        events.push((at, Event::Lines(resource.clone(), text.clone(), n + 1)));
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("cannot read {}: {e}", path.display());
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > LINES_BYTES_MAX {
        return Err(format!("{} has {size} bytes; at most {LINES_BYTES_MAX} are read", path.display()));
    }
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(failed)
}

fn add_samples(
    samples: &TestSamples,
    start: Timestamp,
    events: &mut Vec<(Timestamp, Event<'_>)>,
) -> Result<(), String> {
    let labels = Arc::new(series::labels(&samples.series)?);
    let first = start.plus(samples.at.map_or(Duration::ZERO, |at| at.0));
    let interval = samples.interval.map_or(EVERY, |interval| interval.0);
    for (n, value) in (0..).zip(series::values(&samples.values)?) {
        if let Some(value) = value {
            let at = first.plus(interval.saturating_mul(n));
            events.push((at, Event::Sample(labels.clone(), value)));
        }
    }
    Ok(())
}

fn happen(event: Event<'_>, at: Timestamp, engine: &mut Engine) -> Result<(), String> {
    match event {
        Event::Lines(resource, text, n) => {
            let text = text.replace("{n}", &n.to_string());
            let end = if text.ends_with('\n') { "" } else { "\n" };
            engine.lines(at, &resource, (text + end).as_bytes())
        }
        Event::Sample(labels, value) => {
            let mut writer = Writer::default();
            let time_ms = at.0.div_euclid(1_000_000);
            writer.samples(series::kind_of(&labels), labels.view(), &[(time_ms, value)]);
            engine.samples(at, writer.take())
        }
        Event::Act(action) => {
            let actions = actions_of(action, at, engine);
            actions.into_iter().try_for_each(|action| engine.act(at, action))
        }
        Event::Expect(_) => Ok(()),
    }
}

/// What an action of a test means for the groups and alerts there are by then.
fn actions_of(action: &TestAction, at: Timestamp, engine: &Engine) -> Vec<Action> {
    let reader = engine.reader();
    let memory = reader.memory();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let by = || "test".to_owned();
    let until = action.for_.map(|span| at.plus(span.0));
    let kind = action.exception.as_deref();
    let groups = memory.groups.iter().filter(|(_, group)| Some(group.kind.as_str()) == kind);
    let groups = groups.map(|(id, _)| id.to_string());
    match action.deed {
        Deed::Deploy => {
            let (service, version) = (text(&action.service), text(&action.version));
            vec![Action::Deploy(Deploy { service, version, by: by(), at, ..Deploy::default() })]
        }
        Deed::Resolve => {
            let resolve = |group| Action::Resolve { group, in_version: action.version.clone(), by: by() };
            groups.map(resolve).collect()
        }
        Deed::Mute => {
            let until = until.map_or(Until::Reopened, Until::Time);
            groups.map(|group| Action::Mute { group, until: until.clone(), by: by() }).collect()
        }
        Deed::Reopen => groups.map(|group| Action::Reopen { group, by: by() }).collect(),
        Deed::Silence => {
            let (labels, until) = (action.labels.clone(), until.unwrap_or(at));
            let id = format!("test-{}", at.0);
            vec![Action::Silence(Silence { id, labels, until, by: by(), comment: String::new() })]
        }
        Deed::Acknowledge => {
            let of_it = memory.alerts.iter().map(|(_, alert)| alert);
            let of_it =
                of_it.filter(|it| Some(&it.rule) == action.rule.as_ref() && it.phase == Phase::Firing);
            of_it.map(|it| Action::Acknowledge { episode: it.episode.clone(), by: by() }).collect()
        }
    }
}
