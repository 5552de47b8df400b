//! The follower: takes records, deploys and decisions from the journal, and at each tick looks at rules, moves alerts on, puts
//! into the outbox whom to tell what, and commits all that with the position.
//!
//! A record counts once: a crash goes back to the last tick, in memory as in the journal. When a commit fails, the memory is
//! read again from the file, since it is ahead of it then.

use crate::alert::{Alert, Labels, Phase, Seen, Step, Timing};
use crate::baselines::Baselines;
use crate::config::Who;
use crate::configured::{Configured, STALE};
use crate::deletion;
use crate::evaluate::{self, Answer, Sight};
use crate::group::{GroupId, Resolution};
use crate::intake::Intake;
use crate::memory::{Episode, Memory, Reached};
use crate::notification::{DeployMark, Evidence};
use crate::reader::Reader;
use crate::rule::{Check, Rule, narrowed};
use crate::senses::Senses;
use crate::store::{Rows, Store, StoreError, make_dir};
use crate::tell::{self, Pace};
use crate::text;
use logweir_base::action::Action;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError, RecordBatch};
use logweir_base::frame::Resource;
use logweir_base::ids::{JournalId, Position};
use logweir_base::query::Query;
use logweir_base::time::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// Its name as a follower.
pub const FOLLOWER: &str = "alerter";
/// Ticks come each ten seconds; after a longer gap the server did not run, or slept.
const GAP: Duration = Duration::from_secs(60);
/// The clock was set back when it is behind by this.
const SET_BACK: Duration = Duration::from_secs(60);
/// Alerts under way; more are not taken, and counted.
const ALERTS_MAX: usize = 10_000;
/// Alerts whose evidence is looked for at one tick: a storm has more.
const EVIDENCE_MAX: usize = 5;
/// A link to a search begins so long before an alert did.
const LINK_BEFORE: Duration = Duration::from_secs(600);
/// Service of the lines by which shippers show that they live.
const HEARTBEAT: &str = "heartbeat";

/// The writing side.
pub struct Alerter {
    dir: PathBuf,
    journal: JournalId,
    reader: Reader,
    senses: Box<dyn Senses>,
    configured: Configured,
    /// The configuration's text, to be written when it has changed.
    config: Option<String>,
    intake: Intake,
    baselines: Baselines,
    pace: Pace,
    /// Somebody looks after them since the last tick.
    acknowledged: Vec<Alert>,
    /// Something was deleted: what the file had of it must not stay in its free pages.
    must_purge: bool,
    /// The memory is ahead of the file: a commit has failed.
    is_ahead: bool,
}

impl Alerter {
    /// Opens the memory in `dir`, which belongs to `journal`.
    pub fn open(dir: &Path, journal: JournalId, senses: Box<dyn Senses>) -> Result<Self, StoreError> {
        make_dir(dir).map_err(|e| StoreError { path: dir.to_owned(), reason: e.to_string() })?;
        let (store, rows, notes) = Store::open(dir)?;
        let mut alerter = Self::new(dir, journal, senses, store, Memory::load(&rows, notes));
        alerter.resume(&rows);
        Ok(alerter)
    }

    /// One that keeps nothing and remembers nothing: for rehearsals.
    pub fn in_memory(journal: JournalId, senses: Box<dyn Senses>) -> Result<Self, StoreError> {
        let memory = Memory::load(&Rows::new(), Vec::new());
        Ok(Self::new(Path::new(""), journal, senses, Store::in_memory()?, memory))
    }

    fn new(dir: &Path, journal: JournalId, senses: Box<dyn Senses>, store: Store, memory: Memory) -> Self {
        let (configured, _) = Configured::read("").expect("nothing is a configuration");
        Self {
            dir: dir.to_owned(),
            journal,
            reader: Reader::new(store, memory, configured.clone()),
            senses,
            configured,
            config: None,
            intake: Intake::default(),
            baselines: Baselines::default(),
            pace: Pace::default(),
            acknowledged: Vec::new(),
            must_purge: false,
            is_ahead: false,
        }
    }

    /// The reading side.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Takes up what is stored beside the memory's tables.
    fn resume(&mut self, rows: &Rows) {
        let reader = self.reader.clone();
        let mut memory = reader.memory();
        self.baselines = Baselines::load(rows, &mut memory);
        let config = rows.get("config").map(|text| String::from_utf8_lossy(text).into_owned());
        if let Some(text) = config {
            self.configure(&text, &mut memory);
        }
        self.config = None;
    }

    fn configure(&mut self, text: &str, memory: &mut Memory) {
        match Configured::read(text) {
            Ok((configured, faults)) => {
                faults.into_iter().for_each(|fault| memory.report(fault));
                self.intake.watch(configured.queries());
                let has = |name: &str| configured.receivers.iter().any(|receiver| receiver.name == name);
                let before = memory.outbox.len();
                memory.outbox.retain(|_, it| has(&it.notification.receiver));
                memory.counters.given_up += (before - memory.outbox.len()) as u64;
                self.reader.configure(configured.clone());
                self.configured = configured;
                self.config = Some(text.to_owned());
            }
            Err(e) => memory.report(format!("the configuration in the journal cannot be read: {e}")),
        }
    }

    /// The memory as the file has it, after a commit that failed.
    fn go_back(&mut self) -> Result<(), FollowerError> {
        let rows = self.reader.reopen(&self.dir).map_err(failed)?;
        self.resume(&rows);
        self.acknowledged.clear();
        self.is_ahead = false;
        Ok(())
    }

    fn records(&mut self, batch: &RecordBatch, received: Timestamp, memory: &mut Memory) {
        let Resource { host, path, .. } = &*batch.resource;
        let inventory = &mut memory.inventory;
        let services: BTreeSet<&str> = batch.records.iter().map(|record| batch.service_of(record)).collect();
        inventory.hear(Who::Host, &[("host", host)], received);
        for service in services {
            match service {
                HEARTBEAT => inventory.beat(host, received),
                _ => {
                    inventory.hear(Who::Service, &[("service", service)], received);
                    inventory.hear(Who::Source, &[("host", host), ("file", path)], received);
                }
            }
        }
        self.intake.take(batch, received, memory);
    }

    fn act(&mut self, action: &Action, received: Timestamp, memory: &mut Memory) {
        let id = |group: &str| u64::from_str_radix(group, 16).ok().map(GroupId);
        let mut change = |group: &str, change: &mut dyn FnMut(&mut crate::group::Group)| {
            id(group).map(|id| memory.groups.change(id, |group| change(group)));
        };
        match action {
            Action::Deploy(deploy) => {
                memory.deployed(DeployMark {
                    service: deploy.service.clone(),
                    version: deploy.version.clone(),
                    by: deploy.by.clone(),
                    at: deploy.at,
                });
                self.reader.deployed(memory);
            }
            Action::Resolve { group, in_version, by } => change(group, &mut |group| {
                group.resolve(Resolution { in_version: in_version.clone(), by: by.clone() }, received);
            }),
            Action::Mute { group, until, by } => {
                change(group, &mut |group| group.mute(until.clone(), by.clone(), received));
            }
            Action::Reopen { group, .. } => change(group, &mut |group| group.reopen(received)),
            Action::Silence(silence) => memory.silences.insert(silence.id.clone(), silence.clone()),
            Action::Unsilence { id, .. } => drop(memory.silences.remove(id)),
            Action::Acknowledge { episode, by } => self.acknowledge(episode, by, memory),
        }
    }

    /// It is told at the next tick, since what is not committed must not be sent.
    fn acknowledge(&mut self, id: &str, by: &str, memory: &mut Memory) {
        let is_it = |alert: &Alert| alert.episode == id && alert.phase == Phase::Firing;
        let key = memory.alerts.iter().find(|(_, alert)| is_it(alert));
        let Some(key) = key.map(|(key, _)| key.to_owned()) else { return };
        let who = if by.is_empty() { "somebody" } else { by };
        if let Some(episode) = memory.episodes.get_mut(id) {
            episode.acknowledged = Some(who.to_owned());
        }
        let alert = memory.alerts.get_mut(&key).map(|alert| {
            alert.acknowledged = Some(who.to_owned());
            alert.clone()
        });
        self.acknowledged.extend(alert);
    }

    /// What takes time is asked while the memory is free, so that nobody who reads it waits for long.
    fn tick(&mut self, position: Position, now: Timestamp) -> Result<(), FollowerError> {
        let covers = self.senses.wait_covers(position);
        let answers = self.ask(now);
        let reader = self.reader.clone();
        let mut moved = self.move_on(covers, answers, now, &mut reader.memory());
        for wanted in moved.wanted.iter_mut().take(EVIDENCE_MAX) {
            wanted.evidence = self.senses.evidence(&wanted.query, &wanted.labels, wanted.since, now);
        }
        let mut memory = reader.memory();
        for wanted in moved.wanted {
            if let Some(episode) = memory.episodes.get_mut(&wanted.episode) {
                let Evidence { traces, patterns, hosts, .. } = wanted.evidence;
                (episode.evidence.traces, episode.evidence.patterns, episode.evidence.hosts) =
                    (traces, patterns, hosts);
            }
        }
        tell::pages(&self.configured, &moved.ended, now, &mut self.pace, &mut memory);
        for alert in std::mem::take(&mut self.acknowledged) {
            tell::acknowledged(&self.configured, &alert, now, &mut memory);
        }
        tell::digests(&self.configured, now, &mut memory);
        self.commit_memory(memory, Reached { journal: self.journal, position, now })
    }

    /// What the stores say to each rule, in the order of the rules.
    fn ask(&mut self, now: Timestamp) -> Vec<Result<Option<Answer>, String>> {
        let at = now.minus(self.configured.alerts.grace.0);
        let (senses, baselines) = (&*self.senses, &mut self.baselines);
        self.configured.rules.iter().map(|rule| evaluate::ask(rule, at, senses, baselines)).collect()
    }

    fn commit_memory(
        &mut self,
        mut memory: MutexGuard<'_, Memory>,
        reached: Reached,
    ) -> Result<(), FollowerError> {
        let mut changes = memory.take_changes();
        self.baselines.take_changes(&mut changes);
        let value = serde_json::to_vec(&reached).expect("plain data always serialises");
        changes.push(("position".to_owned(), Some(value)));
        if let Some(text) = &self.config {
            changes.push(("config".to_owned(), Some(text.clone().into_bytes())));
        }
        self.is_ahead = true;
        if let Err(e) = self.reader.write(&changes) {
            // What is not committed must not be sent; all of it is read again from the file.
            memory.outbox.retain(|_, _| false);
            return Err(failed(e));
        }
        self.is_ahead = false;
        self.config = None;
        if std::mem::take(&mut self.must_purge) {
            self.reader.purge(&self.dir).map_err(failed)?;
        }
        memory.reached = Some(reached);
        Ok(())
    }

    /// A11: an alert whose rule is there no more is over.
    fn remove_alerts_of_no_rule(&self, now: Timestamp, memory: &mut Memory) -> Vec<Alert> {
        let is_orphan = |alert: &Alert| self.configured.rule(&alert.rule).is_none();
        let orphans =
            memory.alerts.iter().filter(|(_, alert)| is_orphan(alert)).map(|(key, _)| key.to_owned());
        let orphans: Vec<_> = orphans.collect();
        let mut ended = Vec::new();
        for key in orphans {
            let Some(alert) = memory.alerts.remove(&key) else { continue };
            if let Some(episode) =
                memory.episodes.get_mut(&alert.episode).filter(|_| alert.phase == Phase::Firing)
            {
                episode.ended = Some(now);
                episode.summary.push_str(" (over: the rule was removed)");
                ended.push(alert);
            }
        }
        ended
    }

    fn move_on(
        &mut self,
        covers: bool,
        answers: Vec<Result<Option<Answer>, String>>,
        now: Timestamp,
        memory: &mut Memory,
    ) -> Moved {
        let before = memory.reached.as_ref().map_or(now, |reached| reached.now);
        set_clock(before, now, memory);
        memory.groups.tick(now);
        memory.inventory.tick(now);
        memory.forget(now);
        let mut moved = Moved { ended: self.remove_alerts_of_no_rule(now, memory), wanted: Vec::new() };
        let is_stale = !covers || memory.inventory.is_stale(self.configured.alerts.stale_after.0, now);
        if is_stale {
            wait_anew(now, memory);
        }
        let rules = std::mem::take(&mut self.configured.rules);
        for (rule, answer) in rules.iter().zip(answers) {
            match (rule.name == STALE, answer) {
                (true, _) => self.see(rule, vec![stale(is_stale)], now, memory, &mut moved),
                // What cannot be seen is neither over nor begins.
                (false, _) if is_stale => {}
                (false, Ok(Some(answer))) => {
                    memory.counters.evaluations += 1;
                    let sights = evaluate::judge(rule, answer, now, memory, &mut self.baselines);
                    self.see(rule, sights, now, memory, &mut moved);
                }
                (false, Ok(None)) => {}
                (false, Err(e)) => {
                    memory.counters.evaluation_failures += 1;
                    memory.report(format!("rule {}: {e}", rule.name));
                }
            }
        }
        if !is_stale {
            evaluate::forget(&rules, now, memory);
            self.baselines.retain(memory);
        }
        self.configured.rules = rules;
        moved
    }

    /// Moves the alerts of a rule on by what was seen.
    fn see(&self, rule: &Rule, sights: Vec<Sight>, now: Timestamp, memory: &mut Memory, moved: &mut Moved) {
        let timing = timing_of(rule);
        let mut seen_keys = BTreeSet::new();
        for sight in sights {
            let key = Alert::key(&rule.name, &sight.labels);
            if memory.alerts.get(&key).is_none() {
                match sight.seen {
                    Seen::Holds(_) if memory.alerts.len() < ALERTS_MAX => {
                        memory.alerts.insert(key.clone(), Alert::new(&rule.name, sight.labels.clone(), now));
                    }
                    Seen::Holds(_) => {
                        memory.refused += 1;
                        continue;
                    }
                    _ => continue,
                }
            }
            let step = observe(&key, sight.seen, &timing, now, memory, moved);
            if let Some(alert) = memory.alerts.get(&key).filter(|_| step == Step::Fired).cloned() {
                let episode = self.episode(rule, &alert, &sight, memory);
                if let (Some(query), None) = (&rule.search, sight.group) {
                    moved.wanted.push(Wanted::of(&alert, query));
                }
                memory.episodes.insert(alert.episode.clone(), episode);
            }
            seen_keys.insert(key);
        }
        // Alerts of which nothing is known any more: groups that changed, series that are gone.
        let prefix = format!("{}/", rule.name);
        let others = memory.alerts.below(&prefix).map(|(key, _)| key);
        let others: Vec<_> = others.filter(|key| !seen_keys.contains(*key)).map(str::to_owned).collect();
        for key in &others {
            observe(key, Seen::HoldsNot, &timing, now, memory, moved);
        }
    }

    fn episode(&self, rule: &Rule, alert: &Alert, sight: &Sight, memory: &Memory) -> Episode {
        let labels = tell::labels_of(rule, &alert.labels);
        let group = sight.group.and_then(|id| memory.groups.get(id));
        let mut evidence = group.map(text::evidence_of_group).unwrap_or_default();
        evidence.value = alert.value;
        if let Some(judged) = &sight.judged {
            (evidence.usual, evidence.why) = (Some(judged.usual), judged.why.clone());
        }
        let service = labels.get("service").map(String::as_str).unwrap_or_default();
        evidence.deploy = memory.deploy_before(service, alert.since).cloned();
        let link =
            sight.group.map_or_else(|| self.configured.links.alerts(), |id| self.configured.links.group(id));
        evidence.links.insert(0, ("Details".to_owned(), link));
        if let Some(query) = rule.search.as_ref().and_then(|query| narrowed(query, &alert.labels)) {
            let from = alert.since.minus(LINK_BEFORE);
            evidence
                .links
                .push(("Search".to_owned(), self.configured.links.search(&query.to_string(), from)));
        }
        let annotations = text::annotations(rule, &labels, alert.value);
        Episode {
            rule: rule.name.clone(),
            severity: rule.severity,
            summary: text::summary(rule, alert, group, &annotations),
            labels,
            annotations,
            since: alert.since,
            ended: None,
            acknowledged: None,
            group: sight.group.map(|id| id.to_string()),
            evidence,
            told: Vec::new(),
        }
    }
}

/// What a tick did.
struct Moved {
    /// Alerts that were over.
    ended: Vec<Alert>,
    /// Alerts that fired and whose pages shall bring something along.
    wanted: Vec<Wanted>,
}

/// Evidence that is looked for.
struct Wanted {
    episode: String,
    query: String,
    labels: Labels,
    since: Timestamp,
    evidence: Evidence,
}

impl Wanted {
    fn of(alert: &Alert, query: &str) -> Self {
        Self {
            episode: alert.episode.clone(),
            query: query.to_owned(),
            labels: alert.labels.clone(),
            since: alert.since,
            evidence: Evidence::default(),
        }
    }
}

/// Moves one alert on.
fn observe(
    key: &str,
    seen: Seen,
    timing: &Timing,
    now: Timestamp,
    memory: &mut Memory,
    moved: &mut Moved,
) -> Step {
    let Some(alert) = memory.alerts.get_mut(key) else { return Step::None };
    let step = alert.observe(seen, timing, now);
    match step {
        Step::None | Step::Fired => {}
        Step::Ended => {
            let alert = alert.clone();
            if let Some(episode) = memory.episodes.get_mut(&alert.episode) {
                episode.ended = Some(now);
            }
            moved.ended.push(alert);
        }
        Step::Forget => drop(memory.alerts.remove(key)),
    }
    step
}

/// Who is silent for long enough is missed at once: the silence itself was waited for.
fn timing_of(rule: &Rule) -> Timing {
    match rule.check {
        Check::Absence(_) => Timing { for_: Duration::ZERO, ..rule.timing },
        _ => rule.timing,
    }
}

fn stale(is_stale: bool) -> Sight {
    let seen = if is_stale { Seen::Holds(None) } else { Seen::HoldsNot };
    Sight { labels: Default::default(), seen, judged: None, group: None }
}

/// What could not be seen does not count for how long something has held.
fn wait_anew(now: Timestamp, memory: &mut Memory) {
    memory.alerts.change_each(|_, alert| {
        let waits = alert.phase == Phase::Pending;
        if waits {
            alert.since = now;
        }
        waits
    });
}

/// C01, C07: a clock that was set back takes all times with it; after a gap nobody was silent before it.
fn set_clock(before: Timestamp, now: Timestamp, memory: &mut Memory) {
    let back = before.since(now);
    if back >= SET_BACK {
        memory.alerts.change_each(|_, alert| {
            alert.shift(back);
            true
        });
    }
    if back >= SET_BACK || now.since(before) >= GAP {
        memory.inventory.wake(now);
    }
}

fn failed(e: StoreError) -> FollowerError {
    FollowerError { at: e.path.display().to_string(), reason: e.reason }
}

impl Follower for Alerter {
    fn name(&self) -> &str {
        FOLLOWER
    }

    fn committed(&self) -> Option<(JournalId, Position)> {
        let memory = self.reader.memory();
        memory.reached.as_ref().map(|reached| (reached.journal, reached.position))
    }

    fn apply(&mut self, entry: &Arc<Entry>) -> Result<(), FollowerError> {
        if self.is_ahead {
            self.go_back()?;
        }
        let reader = self.reader.clone();
        match &entry.body {
            EntryBody::Tick(now) => return self.tick(entry.position, *now),
            EntryBody::Records(batch) => self.records(batch, entry.received, &mut reader.memory()),
            EntryBody::Action(action) => self.act(action, entry.received, &mut reader.memory()),
            EntryBody::Config(text) => self.configure(text, &mut reader.memory()),
            EntryBody::Delete { query, .. } => {
                if let Ok(query) = query.parse::<Query>() {
                    self.must_purge |= deletion::delete(&query, &mut reader.memory());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Everything is written at ticks.
    fn commit(&mut self) -> Result<Position, FollowerError> {
        Ok(self.committed().map_or(Position(0), |(_, position)| position))
    }
}
