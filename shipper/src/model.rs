//! Test only: a router small enough to be obviously right, and a bench that drives a tailer against it without sockets,
//! threads or time.

use crate::config::ShipConfig;
use crate::connection::LinkEvent;
use crate::identity::Record;
use crate::redact::Redactor;
use crate::state::StateDir;
use crate::tail::Tailer;
use logweir_base::batch::{Batch, Codec, LineMeta};
use logweir_base::frame::{Close, FileIdentity, Frame, Gap, Open, RawFrame};
use logweir_base::ids::{Epoch, Offset, SourceId};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

/// A source as the model keeps it.
#[derive(Clone, Debug)]
pub struct Kept {
    pub open: Open,
    pub hwm: Offset,
    /// Start, meta and text of each line, in order.
    pub lines: Vec<(Offset, LineMeta, Vec<u8>)>,
    /// Which of the lines came first in a batch.
    pub firsts: Vec<usize>,
    pub gaps: Vec<Gap>,
    pub closed: Option<Close>,
    /// Number of its OPEN among all.
    opened: usize,
}

/// The router's side of DURABILITY section 3.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub sources: BTreeMap<SourceId, Kept>,
    pub epoch: u64,
    /// Largest text of one batch so far.
    pub batch_bytes_max: usize,
    pub batches: usize,
    pub duplicates: usize,
    pub nacks: usize,
    opens: usize,
    /// Lines in the order in which they arrived.
    pub arrived: Vec<String>,
}

impl Model {
    /// What the router answers.
    pub fn take(&mut self, frame: Frame) -> Vec<Frame> {
        let raw = RawFrame::whole(frame.encode()).expect("own frames are whole");
        match raw.decode().expect("own frames decode") {
            Frame::Hello(_) => {
                self.epoch += 1;
                vec![Frame::Welcome { epoch: Epoch(self.epoch), window_bytes: 4 << 20 }]
            }
            Frame::Open(open) => vec![self.open(open)],
            Frame::Resume { sources } => {
                assert!(sources.len() <= 1000);
                let known = |id: &SourceId| self.sources.get(id).map(|kept| (*id, kept.hwm));
                vec![Frame::Resumed { sources: sources.iter().filter_map(known).collect() }]
            }
            Frame::Batch(batch) => self.batch(batch),
            Frame::Gap(gap) => self.gap(gap),
            Frame::Close(close) => {
                let kept = self.sources.get_mut(&close.source).expect("opened before it is closed");
                let answer = Frame::Ack { source: close.source, hwm: kept.hwm };
                kept.closed = Some(close);
                vec![answer]
            }
            Frame::Ping { nonce } => vec![Frame::Pong { nonce }],
            other => panic!("a shipper does not send {:?}", other.kind()),
        }
    }

    fn open(&mut self, open: Open) -> Frame {
        let same = |known: &FileIdentity| {
            let wanted = &open.identity;
            (known.inode, known.birth, &known.filesystem) == (wanted.inode, wanted.birth, &wanted.filesystem)
        };
        let asked = open.source;
        // As the router does: the latest that was opened, unless the shipper knows better.
        let same_inode = self.sources.iter().filter(|(_, kept)| same(&kept.open.identity));
        let latest = same_inode.max_by_key(|(_, kept)| kept.opened).map(|(id, _)| *id);
        let older = latest.filter(|_| !open.fresh && !self.sources.contains_key(&asked));
        if let Some(source) = older.filter(|source| *source != asked) {
            let kept = &self.sources[&source];
            return Frame::Opened {
                asked,
                source,
                hwm: kept.hwm,
                identity: Some(kept.open.identity.clone()),
            };
        }
        self.opens += 1;
        let opened = self.opens;
        let fresh = || Kept {
            open: open.clone(),
            hwm: Offset(0),
            lines: Vec::new(),
            firsts: Vec::new(),
            gaps: Vec::new(),
            closed: None,
            opened,
        };
        let kept = self.sources.entry(asked).or_insert_with(fresh);
        kept.open = open.clone();
        kept.opened = opened;
        Frame::Opened { asked, source: asked, hwm: kept.hwm, identity: None }
    }

    fn batch(&mut self, batch: Batch) -> Vec<Frame> {
        let text = batch.text().expect("decompresses");
        self.batches += 1;
        self.batch_bytes_max = self.batch_bytes_max.max(text.len());
        if batch.epoch != Epoch(self.epoch) {
            return Vec::new();
        }
        let Some(kept) = self.sources.get_mut(&batch.source) else {
            return vec![Frame::Nack { source: batch.source, expected: None }];
        };
        if batch.first_start > kept.hwm {
            self.nacks += 1;
            return vec![Frame::Nack { source: batch.source, expected: Some(kept.hwm) }];
        }
        if batch.end() > kept.hwm {
            kept.firsts.push(kept.lines.len());
        }
        let (mut start, mut at) = (batch.first_start, 0);
        for line in &batch.lines {
            let line_text = &text[at..at + line.text_len as usize];
            at += line_text.len();
            if start == kept.hwm {
                kept.lines.push((start, line.meta, line_text.to_vec()));
                self.arrived.push(String::from_utf8_lossy(line_text).trim_end_matches('\n').to_owned());
                kept.hwm = start.plus(u64::from(line.range_len));
            } else {
                self.duplicates += 1;
            }
            start = start.plus(u64::from(line.range_len));
        }
        assert!(kept.hwm >= start, "a known range ends inside a line of {}", batch.source);
        vec![Frame::Ack { source: batch.source, hwm: kept.hwm }]
    }

    fn gap(&mut self, gap: Gap) -> Vec<Frame> {
        let kept = self.sources.get_mut(&gap.source).expect("opened before its gap");
        if gap.start == kept.hwm {
            kept.hwm = gap.end;
            kept.gaps.push(gap.clone());
        }
        vec![Frame::Ack { source: gap.source, hwm: kept.hwm }]
    }

    /// All lines of all sources, sorted.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.sources.values().flat_map(Kept::text_lines).collect();
        lines.sort();
        lines
    }

    /// The only source.
    pub fn only(&self) -> &Kept {
        assert_eq!(self.sources.len(), 1, "{:?}", self.sources);
        self.sources.values().next().expect("just counted")
    }
}

impl Kept {
    /// Its lines, in order, without their newlines.
    pub fn text_lines(&self) -> Vec<String> {
        let text = |text: &Vec<u8>| String::from_utf8_lossy(text).trim_end_matches('\n').to_owned();
        self.lines.iter().map(|(_, _, bytes)| text(bytes)).collect()
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|(_, _, text)| text.clone()).collect()
    }
}

/// A directory with logs, a shipper's state and a model router.
pub struct Bench {
    dir: tempfile::TempDir,
    pub config: ShipConfig,
    pub codec: Codec,
    pub tailer: Option<Tailer>,
    /// What a checkpoint would hold.
    pub saved: BTreeMap<SourceId, Record>,
    pub model: Model,
    pub now: Duration,
    sessions: u64,
}

impl Bench {
    /// Tails `globs` below a fresh directory.
    pub fn new(globs: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("logs")).expect("a directory");
        let globs =
            globs.iter().map(|glob| dir.path().join("logs").join(glob).display().to_string()).collect();
        let mut config = ShipConfig::new("127.0.0.1:1", dir.path().join("state"), globs);
        config.settings.multiline_idle = Duration::ZERO;
        Self {
            dir,
            config,
            codec: Codec::None,
            tailer: None,
            saved: BTreeMap::new(),
            model: Model::default(),
            now: Duration::ZERO,
            sessions: 0,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    /// Appends to a file, as an application does.
    pub fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let file = fs::File::options().create(true).append(true).open(self.path(name));
        file.expect("opens").write_all(text.as_ref()).expect("writes");
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("renames");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("removes");
    }

    /// `copytruncate`: copy, then cut to nothing.
    pub fn copy_truncate(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).expect("copies");
        self.truncate(from, 0);
    }

    pub fn truncate(&self, name: &str, len: u64) {
        fs::File::options()
            .write(true)
            .open(self.path(name))
            .and_then(|f| f.set_len(len))
            .expect("truncates");
    }

    /// The tailer; started with what is saved when there is none.
    pub fn tailer(&mut self) -> &mut Tailer {
        if self.tailer.is_none() {
            let redactor = Redactor::new(&self.config.redact, &[1; 32]).expect("rules compile");
            let records = self.saved.values().cloned().collect();
            let state = self.config.state_dir.clone();
            let tailer = Tailer::new(self.config.clone(), self.codec, redactor, &state, records);
            self.tailer = Some(tailer.expect("the configuration is good"));
        }
        self.tailer.as_mut().expect("just made")
    }

    /// Begins a session.
    pub fn connect(&mut self) {
        self.model.epoch += 1;
        self.sessions += 1;
        let (session, epoch, now) = (self.sessions, Epoch(self.model.epoch), self.now);
        self.tailer().apply(LinkEvent::Up { session, epoch, window_bytes: 4 << 20 }, now);
    }

    /// Loses the connection.
    pub fn disconnect(&mut self) {
        let now = self.now;
        self.tailer().apply(LinkEvent::Down("cut".to_owned()), now);
    }

    /// One look at all files.
    pub fn scan(&mut self) {
        let now = self.now;
        self.tailer().scan(now);
        self.save_new();
    }

    /// New sources are in the checkpoint before anything of them is sent (R1).
    fn save_new(&mut self) {
        if self.tailer().has_new_sources() {
            self.save();
        }
    }

    /// The next frame the shipper would send.
    pub fn next(&mut self) -> Option<Frame> {
        let now = self.now;
        self.tailer().wake_due(now);
        let frame = self.tailer().next_frame(now);
        self.save_new();
        frame
    }

    /// The router's answers to a frame reach the shipper.
    pub fn deliver(&mut self, frame: Frame) {
        let answers = self.model.take(frame);
        self.answer(answers);
    }

    pub fn answer(&mut self, answers: Vec<Frame>) {
        let (session, now) = (self.sessions, self.now);
        for frame in answers {
            self.tailer().apply(LinkEvent::Frame { session, frame }, now);
        }
    }

    /// Everything that can be sent is sent and answered.
    pub fn drain(&mut self) {
        while let Some(frame) = self.next() {
            self.deliver(frame);
        }
    }

    /// Connects when needed, looks, sends, and saves the checkpoint: a second in the life of a shipper.
    pub fn step(&mut self) {
        if self.tailer().session().1.is_none() {
            self.connect();
        }
        self.scan();
        self.drain();
        self.save();
    }

    /// Lets time pass, and sends what there is to send without a look at the files.
    pub fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.drain();
    }

    /// Lets time pass, then a step.
    pub fn step_after(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.step();
    }

    /// Writes the checkpoint.
    pub fn save(&mut self) {
        let Some(tailer) = &mut self.tailer else {
            return;
        };
        let saved = &mut self.saved;
        let done: Result<(), ()> = tailer.checkpoint(|records, forgotten| {
            forgotten.iter().for_each(|id| drop(saved.remove(id)));
            saved.extend(records.map(|record| (record.source, record.clone())));
            Ok(())
        });
        done.expect("a map takes everything");
        // R3: the checkpoint may lag, never lead.
        for (id, record) in &self.saved {
            let hwm = self.model.sources.get(id).map_or(Offset(0), |kept| kept.hwm);
            assert!(record.acked <= hwm, "checkpoint at {}, router at {hwm}", record.acked);
        }
    }

    /// `kill -9`: what is not saved is gone.
    pub fn kill(&mut self) {
        self.tailer = None;
    }

    /// Lines of numbered text.
    pub fn numbered(range: std::ops::Range<u32>) -> String {
        range.map(|n| format!("line {n} of some text\n")).collect()
    }

    /// Fails unless the router has exactly the numbered lines, each once.
    pub fn assert_numbered(&self, range: std::ops::Range<u32>) {
        let mut expected: Vec<_> = Self::numbered(range).lines().map(str::to_owned).collect();
        expected.sort();
        assert_eq!(self.model.lines(), expected);
    }

    pub fn state_dir(&self) -> StateDir {
        StateDir::lock(&self.config.state_dir).expect("not locked")
    }
}
