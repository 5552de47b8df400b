//! The metrics store and the alerter of a server, with a journal that is made up as it goes: entries are applied at once, a tick
//! comes each ten seconds of the time that is played, and what would be sent is taken out of the outbox as if it had been.
//!
//! Limits: nothing is kept on disk; the metrics store takes [`HEAD_BYTES_MAX`] and what its files do, which are in memory too.
//! Evidence of pages is looked for among the latest [`RECENT_RECORDS_MAX`] records. There are no patterns.

use crate::config::{Config, Receiver};
use crate::parse::Lines;
use crate::senses::{Found, numbers_at, span_of};
use logweir_alerter::alert::Labels;
use logweir_alerter::notification::{Evidence, Notification};
use logweir_alerter::{Alerter, Number, Reader, Senses, Sent, narrowed};
use logweir_base::action::Action;
use logweir_base::batch::Batch;
use logweir_base::dir::sim::SimDir;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError, RecordBatch, SampleBatch};
use logweir_base::frame::Resource;
use logweir_base::ids::{ConfigVersion, JournalId, Position};
use logweir_base::parse::{Parser, look};
use logweir_base::query::Matcher;
use logweir_base::time::Timestamp;
use logweir_rollup::node::NodeNames;
use logweir_rollup::promql::Limits;
use logweir_rollup::{Rollup, RollupConfig, Store};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two ticks, as the router has it.
const TICK: Duration = Duration::from_secs(10);
const JOURNAL: JournalId = JournalId([0; 16]);
/// Memory for windows that are in no file yet: most rehearsals never need one.
const HEAD_BYTES_MAX: usize = 64 << 20;
/// They are written at the latest after so long, so that old ones are merged and dropped.
const FLUSH_AGE: Duration = Duration::from_secs(86_400);
/// Records that evidence is looked for in: ten times of what a server looks at.
const RECENT_RECORDS_MAX: usize = 20_000;
/// ... and their text.
const RECENT_BYTES_MAX: usize = 32 << 20;
/// Who is told when the configuration names nobody.
const NOBODY: &str = "name = 'test'\ntype = 'email'\nurl = 'smtp://127.0.0.1:25'\nto = ['test@example.org']";

/// Numbers that are not counted here: `None` of a question that is not its own.
pub trait Elsewhere: Send {
    /// What a PromQL expression gives at a time.
    fn numbers(&self, promql: &str, at: Timestamp) -> Option<Result<Vec<Number>, String>>;
}

/// A rehearsal under way.
pub struct Engine {
    rollup: Rollup,
    alerter: Alerter,
    recent: Arc<Mutex<Recent>>,
    parser: Parser,
    position: u64,
    /// The time of the next tick.
    next_tick: Timestamp,
    told: Vec<Notification>,
}

impl Engine {
    /// Begins at a time with a configuration. Numbers that are `elsewhere` come from there.
    pub fn new(
        config: &Config,
        start: Timestamp,
        elsewhere: Option<Box<dyn Elsewhere>>,
    ) -> Result<Self, String> {
        let sizes = RollupConfig {
            head_bytes_max: HEAD_BYTES_MAX,
            flush_age: FLUSH_AGE,
            journal_bytes_max: u64::MAX,
            workers: 0,
            ..config.rollup()
        };
        let rollup = Rollup::open(Arc::new(SimDir::new()), JOURNAL, sizes).map_err(|e| e.to_string())?;
        let recent = Arc::new(Mutex::new(Recent::default()));
        let senses = Stage { metrics: NodeNames(rollup.store()), recent: recent.clone(), elsewhere };
        let alerter = Alerter::in_memory(JOURNAL, Box::new(senses)).map_err(|e| e.to_string())?;
        let mut engine = Self {
            rollup,
            alerter,
            recent,
            parser: Parser::new(),
            position: 0,
            next_tick: start.plus(TICK),
            told: Vec::new(),
        };
        let mut config = config.clone();
        if config.receiver.is_empty() {
            let nobody: Receiver = toml::from_str(NOBODY).expect("a receiver of ours");
            config.receiver.push(nobody);
        }
        engine.apply(start, EntryBody::Config(config.journaled()))?;
        Ok(engine)
    }

    /// Lets time pass up to a moment: all ticks before it.
    pub fn before(&mut self, at: Timestamp) -> Result<(), String> {
        while self.next_tick < at {
            self.tick()?;
        }
        Ok(())
    }

    /// The same, and the tick of the moment itself when there is one.
    pub fn through(&mut self, at: Timestamp) -> Result<(), String> {
        self.before(Timestamp(at.0.saturating_add(1)))
    }

    /// Lines of a file arrive, cut and joined as a shipper does it.
    pub fn lines(&mut self, at: Timestamp, resource: &Arc<Resource>, text: &[u8]) -> Result<(), String> {
        let (mut lines, mut input) = (Lines::default(), text);
        while let Some(batch) = lines.next(&mut input).map_err(|e| e.to_string())? {
            let looked = self.look(&batch, resource, at)?;
            self.apply(at, EntryBody::Records(looked))?;
        }
        Ok(())
    }

    /// One batch of records whose time is known arrives at that time.
    pub fn records(&mut self, at: Timestamp, resource: &Arc<Resource>, batch: &Batch) -> Result<(), String> {
        let mut looked = self.look(batch, resource, at)?;
        looked.records.iter_mut().for_each(|record| record.time = at);
        self.apply(at, EntryBody::Records(looked))
    }

    fn look(
        &mut self,
        batch: &Batch,
        resource: &Arc<Resource>,
        at: Timestamp,
    ) -> Result<RecordBatch, String> {
        look(batch, resource.clone(), at, &mut self.parser).map_err(|e| e.to_string())
    }

    /// Samples arrive.
    pub fn samples(&mut self, at: Timestamp, bytes: Vec<u8>) -> Result<(), String> {
        self.apply(at, EntryBody::Samples(SampleBatch { source: None, chunks: vec![bytes.into()] }))
    }

    /// Somebody does something.
    pub fn act(&mut self, at: Timestamp, action: Action) -> Result<(), String> {
        self.apply(at, EntryBody::Action(action))?;
        self.deliver(at)
    }

    /// What the alerter knows.
    pub fn reader(&self) -> Reader {
        self.alerter.reader()
    }

    /// What was sent so far.
    pub fn told(&self) -> &[Notification] {
        &self.told
    }

    /// Hands over what was sent since it was asked last.
    pub fn take_told(&mut self) -> Vec<Notification> {
        std::mem::take(&mut self.told)
    }

    fn tick(&mut self) -> Result<(), String> {
        let now = self.next_tick;
        self.next_tick = now.plus(TICK);
        self.apply(now, EntryBody::Tick(now))?;
        self.deliver(now)
    }

    fn apply(&mut self, received: Timestamp, body: EntryBody) -> Result<(), String> {
        self.position += 1;
        let position = Position(self.position);
        let entry = Arc::new(Entry { position, received, config: ConfigVersion(1), body });
        let failed = |e: FollowerError| e.to_string();
        self.rollup.apply(&entry).map_err(failed)?;
        if let EntryBody::Records(_) = &entry.body {
            self.recent.lock().unwrap_or_else(PoisonError::into_inner).add(entry.clone());
        }
        self.alerter.apply(&entry).map_err(failed)
    }

    /// Takes what is to be sent, as receivers do that always answer.
    fn deliver(&mut self, now: Timestamp) -> Result<(), String> {
        let reader = self.alerter.reader();
        while !reader.memory().outbox.is_empty() {
            let due = reader.due(now).map_err(|e| e.to_string())?;
            if due.is_empty() {
                break;
            }
            for (key, _, outgoing) in due {
                self.told.push(outgoing.notification);
                reader.sent(&key, Sent::Taken, now).map_err(|e| e.to_string())?;
            }
        }
        Ok(())
    }
}

/// The latest records, the oldest first.
#[derive(Default)]
struct Recent {
    entries: VecDeque<Arc<Entry>>,
    records: usize,
    bytes: usize,
}

impl Recent {
    fn add(&mut self, entry: Arc<Entry>) {
        let (records, bytes) = size_of(&entry);
        self.entries.push_back(entry);
        (self.records, self.bytes) = (self.records + records, self.bytes + bytes);
        while self.records > RECENT_RECORDS_MAX || self.bytes > RECENT_BYTES_MAX {
            let Some(oldest) = self.entries.pop_front() else { break };
            let (records, bytes) = size_of(&oldest);
            (self.records, self.bytes) = (self.records - records, self.bytes - bytes);
        }
    }
}

fn size_of(entry: &Entry) -> (usize, usize) {
    match &entry.body {
        EntryBody::Records(batch) => (batch.records.len(), batch.text.len()),
        _ => (0, 0),
    }
}

/// What the alerter asks: the metrics store beside it, and the latest records.
struct Stage {
    metrics: NodeNames<Store>,
    recent: Arc<Mutex<Recent>>,
    elsewhere: Option<Box<dyn Elsewhere>>,
}

impl Senses for Stage {
    /// The metrics store always comes first.
    fn wait_covers(&self, position: Position) -> bool {
        self.metrics.0.applied() >= position
    }

    fn numbers(&self, promql: &str, at: Timestamp) -> Result<Vec<Number>, String> {
        let elsewhere = self.elsewhere.as_ref().and_then(|elsewhere| elsewhere.numbers(promql, at));
        let here = || numbers_at(promql, at, &self.metrics, &Limits::with_stop(&|| false));
        elsewhere.unwrap_or_else(here)
    }

    fn evidence(&self, query: &str, labels: &Labels, since: Timestamp, now: Timestamp) -> Evidence {
        let Some(query) = narrowed(query, labels) else { return Evidence::default() };
        let (mut matcher, mut parser) = (Matcher::new(&query), Parser::new());
        let from = now.minus(span_of(since, now));
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Found::default();
        for entry in recent.entries.iter().rev().take_while(|entry| entry.received >= from) {
            let EntryBody::Records(batch) = &entry.body else { continue };
            let views = batch.records.iter().rev().map(|record| batch.view(record));
            views.filter(|view| matcher.matches(view)).for_each(|view| found.take(&view, &mut parser));
        }
        Evidence { traces: found.traces(), hosts: found.hosts(), ..Evidence::default() }
    }
}
