//! `logweir replay`: runs rules over what a server has stored, as if each line had arrived when it says it was written, and shows
//! whom they would have paged.
//!
//! `lines` reads what rules count, `numbers` asks for what they ask the metrics store, `timeline` shows what came of it.
//!
//! Limits: what a server has dropped is not there, which is said where it can be told. What people decided (resolved, muted,
//! silenced, acknowledged) is not replayed, deploys are. Baselines and groups of exceptions begin with nothing known.

mod lines;
mod numbers;
mod timeline;

use super::engine::Engine;
use crate::args::ReplayArgs;
use crate::client::{Ask, ClientError, Server};
use crate::config::Config;
use crate::terminal::{Screen, note, progress};
use logweir_base::action::{Action, Deploy};
use logweir_base::time::{Timestamp, parse_time};
use numbers::Numbers;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use timeline::Timeline;

/// Ticks come at whole tens of seconds, as windows of what is counted do.
const ALIGN_NANOS: i64 = 10_000_000_000;
/// What is replayed at once: a tick for each ten seconds of it takes its time.
const SPAN_MAX: Duration = Duration::from_secs(400 * 86_400);
/// Data that begins later than this after `--since` is said to.
const LATE: Duration = Duration::from_secs(3_600);
/// Of a kind that is told when an exception is over, too; mail and chat are not.
const RECEIVER: &str = "name = 'replay'\ntype = 'alertmanager'\nurl = 'http://127.0.0.1:9093'";
/// How far it is is shown after so much of the time that is played.
const SHOWN_EVERY: Duration = Duration::from_secs(6 * 3_600);

/// What is noticed on the way, and said at the end.
#[derive(Default)]
struct Notes {
    /// Once each.
    texts: BTreeSet<String>,
    /// Of each question to the metrics store the time of its first number; `None` while there is none.
    first_numbers: BTreeMap<String, Option<Timestamp>>,
}

type SharedNotes = Arc<Mutex<Notes>>;

/// Runs the rules of a configuration over what there is, and prints a page a line and what it comes to.
pub fn run<W: Write>(
    server: &Server,
    config: &Config,
    args: &ReplayArgs,
    now: Timestamp,
    screen: &mut Screen<W>,
) -> Result<(), ClientError> {
    let (since, until) = span_of(args, now)?;
    if config.rule.is_empty() {
        return Err(ClientError::Usage("--rule: the file has no [[rule]]".to_owned()));
    }
    let config = with_one_receiver(config);
    let notes = SharedNotes::default();
    let numbers = Numbers::new(server.clone(), &config, until, notes.clone());
    let engine = Engine::new(&config, since, Some(Box::new(numbers))).map_err(ClientError::Failed)?;
    let timeline = Timeline::new(args.output, since, until);
    let deploys = deploys(server, since, until)?;
    let mut replay = Replay { engine, timeline, screen, until, shown: since, deploys };
    let first = match lines::query_of(&config) {
        Some(query) => lines::feed(server, &query, since, &mut replay)?,
        None => None,
    };
    replay.go(until)?;
    let Replay { engine, timeline, screen, .. } = replay;
    progress("");
    timeline.finish(screen)?;
    tell(&config, first, since, &notes, &engine);
    Ok(())
}

/// A replay under way.
struct Replay<'s, W: Write> {
    engine: Engine,
    timeline: Timeline,
    screen: &'s mut Screen<W>,
    until: Timestamp,
    /// Up to when it was shown how far it is.
    shown: Timestamp,
    /// Still to come, the latest first.
    deploys: Vec<Deploy>,
}

impl<W: Write> Replay<'_, W> {
    /// Lets time pass up to a moment. What is told on the way is shown at once.
    fn go(&mut self, to: Timestamp) -> Result<(), ClientError> {
        let to = to.min(self.until);
        while self.shown.plus(SHOWN_EVERY) < to {
            self.shown = self.shown.plus(SHOWN_EVERY);
            self.play(self.shown)?;
            progress(&format!("at {}", self.shown));
        }
        self.play(to)
    }

    fn play(&mut self, to: Timestamp) -> Result<(), ClientError> {
        while let Some(deploy) = self.deploys.pop_if(|deploy| deploy.at <= to) {
            let at = deploy.at;
            self.engine.before(at).map_err(ClientError::Failed)?;
            self.engine.act(at, Action::Deploy(deploy)).map_err(ClientError::Failed)?;
        }
        self.engine.before(to).map_err(ClientError::Failed)?;
        for told in self.engine.take_told() {
            progress("");
            self.timeline.take(&told, self.screen)?;
        }
        Ok(())
    }
}

fn span_of(args: &ReplayArgs, now: Timestamp) -> Result<(Timestamp, Timestamp), ClientError> {
    let time = |name: &str, text: &str| {
        let why = format!("--{name}: `{text}` is not 30d, 12h ago, or a time such as 2026-11-23T10:15:00Z");
        parse_time(text, Some(now)).ok_or(ClientError::Usage(why))
    };
    let since = time("since", &args.since)?;
    let until = args.until.as_deref().map_or(Ok(now), |until| time("until", until))?.min(now);
    if until <= since {
        return Err(ClientError::Usage("--until is not after --since".to_owned()));
    }
    if until.since(since) > SPAN_MAX {
        let days = SPAN_MAX.as_secs() / 86_400;
        return Err(ClientError::Usage(format!("--since: at most {days} days can be replayed at once")));
    }
    Ok((Timestamp(since.0 - since.0.rem_euclid(ALIGN_NANOS)), until))
}

/// Everything goes to one receiver, page by page: how many are told at once is not what is asked here.
fn with_one_receiver(config: &Config) -> Config {
    let receiver = toml::from_str(RECEIVER).expect("a receiver of ours");
    let mut config = Config { receiver: vec![receiver], digest: Vec::new(), ..config.clone() };
    config.alerts.storm = u32::MAX;
    config.rule.iter_mut().for_each(|rule| rule.to.clear());
    config
}

/// Deploys of the time, the latest first.
fn deploys(server: &Server, since: Timestamp, until: Timestamp) -> Result<Vec<Deploy>, ClientError> {
    #[derive(Deserialize)]
    struct Mark {
        service: String,
        version: String,
        by: String,
        at: String,
    }
    #[derive(Deserialize)]
    struct Answer {
        deploys: Vec<Mark>,
    }
    let body = server.ask(&Ask::new("/api/v1/deploys"))?.whole()?;
    let answer: Answer = serde_json::from_slice(&body).map_err(|e| server.nonsense(&e))?;
    let deploy = |mark: Mark| {
        let at = Timestamp::parse(&mark.at)?;
        Some(Deploy { service: mark.service, version: mark.version, by: mark.by, at, ..Deploy::default() })
    };
    let mut deploys: Vec<Deploy> = answer.deploys.into_iter().filter_map(deploy).collect();
    deploys.retain(|deploy| deploy.at >= since && deploy.at < until);
    deploys.sort_by_key(|deploy| std::cmp::Reverse(deploy.at));
    Ok(deploys)
}

/// Says what the pages above do not know.
fn tell(config: &Config, first: Option<Timestamp>, since: Timestamp, notes: &Mutex<Notes>, engine: &Engine) {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let numbers = std::mem::take(&mut notes.first_numbers);
    let numbers = numbers.into_iter().map(|(question, first)| (format!("`{question}`"), first));
    let lines = lines::query_of(config).map(|query| (format!("lines that `{query}` finds"), first));
    for (what, first) in lines.into_iter().chain(numbers) {
        match first {
            None => note(&format!("note: {what}: there is nothing in this time")),
            Some(first) if first.since(since) > LATE => {
                note(&format!("note: {what}: the first is of {first}; nothing is known before"));
            }
            Some(_) => {}
        }
    }
    notes.texts.iter().for_each(|text| note(&format!("note: {text}")));
    engine.reader().memory().errors.iter().for_each(|error| note(&format!("error: {error}")));
    note(
        "note: what was dropped, deleted or never arrived is not in this, and what people resolved, muted or silenced is as if \
         they had not",
    );
}
