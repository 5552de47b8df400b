//! The follower over a journal that tests write, with stores that say what tests want, and crashes.

mod crash;
mod exceptions;
mod rules;

use crate::notification::{Evidence, Message, Status};
use crate::{Alerter, Number, Reader, Senses};
use bytes::Bytes;
use logweir_base::action::Action;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::entry::{Entry, EntryBody, Follower};
use logweir_base::frame::Resource;
use logweir_base::ids::{ConfigVersion, Epoch, JournalId, Offset, Position, SourceId};
use logweir_base::parse::{Parser, look};
use logweir_base::time::Timestamp;
use std::sync::Arc;
use tempfile::TempDir;

const JOURNAL: JournalId = JournalId([7; 16]);
/// 2026-12-01T00:00:00Z, a Tuesday.
const START: i64 = 1_796_083_200;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(START + seconds)
}

/// What a rule's question is answered with: by the question and the seconds since the start.
type Answers = fn(&str, i64) -> Result<Vec<Number>, String>;

struct Stores {
    answers: Answers,
    covers: bool,
}

impl Senses for Stores {
    fn wait_covers(&self, _: Position) -> bool {
        self.covers
    }

    fn numbers(&self, promql: &str, at: Timestamp) -> Result<Vec<Number>, String> {
        (self.answers)(promql, at.0 / 1_000_000_000 - START)
    }

    fn evidence(&self, query: &str, _: &crate::alert::Labels, _: Timestamp, _: Timestamp) -> Evidence {
        Evidence { traces: vec![("worst".to_owned(), format!("trace of {query}"))], ..Evidence::default() }
    }
}

fn number(value: f64) -> Result<Vec<Number>, String> {
    Ok(vec![(Default::default(), value)])
}

fn nothing(_: &str, _: i64) -> Result<Vec<Number>, String> {
    Ok(Vec::new())
}

/// A journal, and an alerter that follows it.
struct Rig {
    dir: TempDir,
    journal: Vec<Arc<Entry>>,
    alerter: Option<Alerter>,
    answers: Answers,
    covers: bool,
}

impl Rig {
    fn new(config: &str, answers: Answers) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let mut rig = Self { dir, journal: Vec::new(), alerter: None, answers, covers: true };
        rig.start();
        rig.entry(0, EntryBody::Config(config.to_owned()));
        rig
    }

    fn start(&mut self) {
        let stores = Stores { answers: self.answers, covers: self.covers };
        self.alerter = Some(Alerter::open(self.dir.path(), JOURNAL, Box::new(stores)).expect("opens"));
    }

    /// As a crash does it: what was not committed is gone, and the journal is read again from there.
    fn crash(&mut self) {
        self.alerter = None;
        self.start();
        let from = self.follower().committed().map_or(Position(0), |(_, position)| position);
        for entry in self.journal.clone().iter().filter(|entry| entry.position > from) {
            self.follower().apply(entry).expect("applies");
        }
    }

    fn follower(&mut self) -> &mut Alerter {
        self.alerter.as_mut().expect("it runs")
    }

    fn reader(&self) -> Reader {
        self.alerter.as_ref().expect("it runs").reader()
    }

    fn entry(&mut self, seconds: i64, body: EntryBody) {
        let position = Position(self.journal.len() as u64 + 1);
        let entry = Arc::new(Entry { position, received: at(seconds), config: ConfigVersion(1), body });
        self.journal.push(entry.clone());
        self.follower().apply(&entry).expect("applies");
    }

    fn tick(&mut self, seconds: i64) {
        self.entry(seconds, EntryBody::Tick(at(seconds)));
    }

    /// A tick each ten seconds.
    fn ticks(&mut self, from: i64, to: i64) {
        (from..to).step_by(10).for_each(|seconds| self.tick(seconds));
    }

    fn act(&mut self, seconds: i64, action: Action) {
        self.entry(seconds, EntryBody::Action(action));
    }

    /// A line of a host, as its service writes it.
    fn line(&mut self, seconds: i64, host: &str, line: &str) {
        let len = u32::try_from(line.len()).expect("a short line");
        let batch = Batch {
            source: SourceId([3; 16]),
            epoch: Epoch(1),
            first_start: Offset(0),
            lines: vec![BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }],
            codec: Codec::None,
            text_len: len,
            payload: Bytes::copy_from_slice(line.as_bytes()),
        };
        let resource = Resource { host: host.into(), path: "/app.log".into(), ..Resource::default() };
        let batch = look(&batch, Arc::new(resource), at(seconds), &mut Parser::new()).expect("a sound batch");
        self.entry(seconds, EntryBody::Records(batch));
    }

    fn error(&mut self, seconds: i64, kind: &str) {
        let line = format!(
            r#"{{"level":"error","service":"shop","message":"order failed","trace_id":"{}","user":"u{seconds}","exception.type":"{kind}","exception.message":"no"}}"#,
            trace(seconds)
        );
        self.line(seconds, "a", &line);
    }

    /// Everything in the outbox: whom, and what in a word and the rule or the digest's name.
    fn outbox(&self) -> Vec<(String, String)> {
        let reader = self.reader();
        let memory = reader.memory();
        let told = |message: &Message| match message {
            Message::Page(page) => {
                let status = match page.status {
                    Status::Firing => "firing",
                    Status::Acknowledged => "acknowledged",
                    Status::Resolved => "resolved",
                };
                format!("{status} {}", page.rule)
            }
            Message::Storm(storm) => format!("storm of {} and {}", storm.firing, storm.resolved),
            Message::Digest(digest) => format!("digest {}", digest.name),
        };
        let all = memory.outbox.iter();
        all.map(|(_, it)| (it.notification.receiver.clone(), told(&it.notification.message))).collect()
    }

    /// What the one receiver of most tests is told.
    fn told(&self) -> Vec<String> {
        self.outbox().into_iter().map(|(_, told)| told).collect()
    }

    /// Ids of everything in the outbox.
    fn ids(&self) -> Vec<String> {
        let reader = self.reader();
        let memory = reader.memory();
        memory.outbox.iter().map(|(_, it)| it.notification.id.clone()).collect()
    }
}

const HOOK: &str = "[[receiver]]\nname = 'hook'\ntype = 'webhook'\nurl = 'https://example.org'\n";

/// The trace of what happens at a time.
fn trace(seconds: i64) -> String {
    format!("4bf92f3577b34da6a3ce9{:011x}", seconds)
}

/// A rule on PromQL, and who is told.
fn config(rule: &str) -> String {
    format!("{HOOK}[[rule]]\nname = 'r'\n{rule}\n")
}
