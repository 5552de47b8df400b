//! Sealing: the open run's lines are sorted, cut into blocks, compressed, and the hashes a query may ask for are
//! gathered per block. A pure function of the run, so that it can run on any thread. It is where most CPU goes.

use crate::codec::Packer;
use crate::columns::ColumnsBuilder;
use crate::distinct::{Counted, Distinct};
use crate::open::{LineRef, OpenBatch, OpenRun};
use crate::rows::{Row, RowWriter};
use logweir_base::batch::LineMeta;
use logweir_base::frame::Resource;
use logweir_base::ids::SourceId;
use logweir_base::parse::{Parser, RecordView, Terms, hides_words};
use logweir_base::query::Candidates;
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Lines of some consecutive journal records, sorted and compressed; immutable.
pub(crate) struct SealedRun {
    pub(crate) blocks: Vec<SealedBlock>,
    pub(crate) names: RunNames,
    pub(crate) received: (Timestamp, Timestamp),
    pub(crate) lines: u64,
    /// Memory it holds, nearly.
    pub(crate) bytes: usize,
}

/// What the rows of a run name by number.
#[derive(Clone, Default, Debug, PartialEq, Eq)]
pub(crate) struct RunNames {
    pub(crate) sources: Vec<(SourceId, Arc<Resource>)>,
    pub(crate) services: Vec<Arc<str>>,
    /// Of fields that have columns.
    pub(crate) paths: Vec<Arc<str>>,
}

/// Some 128 KiB of lines.
pub(crate) struct SealedBlock {
    pub(crate) info: BlockInfo,
    /// The lines, one zstd frame.
    pub(crate) frame: Box<[u8]>,
    /// See [`crate::rows`].
    pub(crate) rows: Box<[u8]>,
    /// See [`crate::columns`].
    pub(crate) stats: Box<[u8]>,
    pub(crate) columns: Box<[u8]>,
    /// Distinct word hashes, ascending.
    pub(crate) words: Arc<[u64]>,
    /// How many records have each of the words; 0 when that is not known.
    pub(crate) counts: Box<[u16]>,
    /// Distinct id hashes, ascending.
    pub(crate) ids: Box<[u64]>,
}

/// Sizes, checksums and bounds of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct BlockInfo {
    pub(crate) lines: u32,
    pub(crate) text_len: u32,
    pub(crate) frame_len: u32,
    pub(crate) frame_crc: u32,
    pub(crate) rows_len: u32,
    pub(crate) rows_crc: u32,
    pub(crate) columns_len: u32,
    pub(crate) columns_crc: u32,
    pub(crate) min_time: Timestamp,
    pub(crate) max_time: Timestamp,
}

impl SealedBlock {
    /// Whether a matching line may be here.
    pub(crate) fn may_match(&self, candidates: &Candidates) -> bool {
        match candidates {
            Candidates::All => true,
            Candidates::None => false,
            Candidates::Word(hash) => self.words.binary_search(hash).is_ok(),
            Candidates::Id(hash) => self.ids.binary_search(hash).is_ok(),
            Candidates::And(all) => all.iter().all(|one| self.may_match(one)),
            Candidates::Or(any) => any.iter().any(|one| self.may_match(one)),
        }
    }

    /// Memory it holds, nearly.
    pub(crate) fn bytes(&self) -> usize {
        let hashes = size_of_val(&*self.words) + size_of_val(&*self.counts) + size_of_val(&*self.ids);
        let columns = self.stats.len() + self.columns.len();
        size_of::<Self>() + self.frame.len() + self.rows.len() + columns + hashes
    }
}

/// Seals runs one after the other; keeps its buffers and contexts.
pub(crate) struct Sealer {
    parser: Parser,
    terms: Terms,
    words: Distinct,
    columns: ColumnsBuilder,
    packer: Packer,
    writer: RowWriter,
    text: Vec<u8>,
    rows: Vec<Row>,
}

impl Sealer {
    pub(crate) fn new() -> Self {
        Self {
            parser: Parser::new(),
            terms: Terms::default(),
            words: Distinct::new(),
            columns: ColumnsBuilder::default(),
            packer: Packer::new(),
            writer: RowWriter::new(),
            text: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Sorts, cuts and compresses `run`, which is not empty.
    pub(crate) fn seal(&mut self, run: &OpenRun, block_bytes: usize) -> SealedRun {
        let (mut names, numbers) = name(run);
        let mut blocks = Vec::with_capacity(run.text_bytes / block_bytes.max(1) + 1);
        for line in run.sorted() {
            self.add(run.batch(line), line, &numbers[line.batch as usize]);
            if self.text.len() >= block_bytes {
                blocks.push(self.cut());
            }
        }
        if !self.rows.is_empty() {
            blocks.push(self.cut());
        }
        names.paths = self.take_paths();
        let received = run.batches.iter().map(|batch| batch.received());
        let (min, max) = (received.clone().min(), received.max());
        SealedRun {
            bytes: blocks.iter().map(SealedBlock::bytes).sum(),
            names,
            received: (min.unwrap_or_default(), max.unwrap_or_default()),
            lines: run.lines,
            blocks,
        }
    }

    fn add(&mut self, batch: &OpenBatch, line: LineRef, numbers: &Numbers) {
        let lines = batch.lines();
        let of_batch = &lines.records[line.line as usize];
        let mut row = batch.row(line.line);
        row.source = numbers.source;
        row.service = numbers.services[usize::from(of_batch.service)];
        self.push(row, lines.raw_of(of_batch), &batch.view(line.line));
    }

    /// Whether a block of this size is there to be cut.
    pub(crate) fn is_full(&self, block_bytes: usize) -> bool {
        self.text.len() >= block_bytes && !self.rows.is_empty()
    }

    /// The paths that the columns of all blocks since the last call number into: those of a run.
    pub(crate) fn take_paths(&mut self) -> Vec<Arc<str>> {
        self.columns.take_paths()
    }

    /// Adds a line, which is not before the ones that were added since the last cut. Its row numbers into the run's names; its
    /// place in the block is found here.
    pub(crate) fn push(&mut self, mut row: Row, text: &[u8], view: &RecordView<'_>) {
        row.at = u32::try_from(self.text.len()).expect("a block is cut long before 4 GiB");
        // Parts of one line follow each other without a break; anything else is a line of its own for `zstdcat`.
        row.separated = !row.meta.has(LineMeta::PART) && text.last() != Some(&b'\n');
        self.text.extend_from_slice(text);
        if row.separated {
            self.text.push(b'\n');
        }
        self.columns.row(row.severity, row.service);
        if hides_words(text, row.layout) {
            self.columns.hides_words();
        }
        self.rows.push(row);
        let columns = &mut self.columns;
        self.terms.add_and_show(view, &mut self.parser, |hash, path, value| columns.field(hash, path, value));
        let number = self.rows.len() as u32;
        self.terms.words.drain(..).for_each(|hash| self.words.insert(hash, number));
        self.terms.source_words.drain(..).for_each(|hash| self.words.insert_uncounted(hash));
    }

    /// Makes a block of what was added, which is something.
    pub(crate) fn cut(&mut self) -> SealedBlock {
        let frame = self.packer.pack(&self.text);
        let rows = self.writer.write(&self.rows, &mut self.packer);
        let columns = self.columns.cut();
        let len = |bytes: &[u8]| u32::try_from(bytes.len()).expect("a block is cut long before 4 GiB");
        let info = BlockInfo {
            lines: u32::try_from(self.rows.len()).expect("a line takes a byte of the block"),
            text_len: len(&self.text),
            frame_len: len(&frame),
            frame_crc: crc32c::crc32c(&frame),
            rows_len: len(&rows),
            rows_crc: crc32c::crc32c(&rows),
            columns_len: len(&columns.columns),
            columns_crc: crc32c::crc32c(&columns.columns),
            min_time: self.rows[0].key.time,
            max_time: self.rows[self.rows.len() - 1].key.time,
        };
        self.terms.ids.sort_unstable();
        self.terms.ids.dedup();
        let ids = self.terms.ids.as_slice().into();
        let counted = self.words.take_sorted();
        let words = counted.iter().map(|(hash, _)| *hash).collect();
        let counts = counted.iter().map(short_count).collect();
        self.terms.clear();
        self.text.clear();
        self.rows.clear();
        SealedBlock { info, frame, rows, stats: columns.stats, columns: columns.columns, words, counts, ids }
    }
}

/// A block has some hundred rows; what is too many to tell is not known.
fn short_count(&(_, records): &Counted) -> u16 {
    u16::try_from(records).unwrap_or(0)
}

/// A batch's numbers of its source and services in the run; service 0 is the resource's own.
struct Numbers {
    source: u32,
    services: Vec<u32>,
}

fn name(run: &OpenRun) -> (RunNames, Vec<Numbers>) {
    let mut names = Namer::default();
    let numbers = run.batches.iter().map(|batch| {
        let batch = batch.lines();
        let own = names.service(batch.resource.service());
        let services = std::iter::once(own).chain(batch.services.iter().map(|it| names.service(it)));
        let services = services.collect();
        Numbers { source: names.source(batch.source, &batch.resource), services }
    });
    let numbers = numbers.collect();
    (names.names, numbers)
}

/// Numbers sources and services in order of appearance.
#[derive(Default)]
pub(crate) struct Namer {
    pub(crate) names: RunNames,
    services: BTreeMap<Arc<str>, u32>,
    sources: BTreeMap<SourceId, u32>,
    paths: BTreeMap<Arc<str>, u32>,
}

impl Namer {
    pub(crate) fn service(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.services.get(name) {
            return number;
        }
        let (number, name): (_, Arc<str>) = (self.services.len() as u32, name.into());
        self.services.insert(name.clone(), number);
        self.names.services.push(name);
        number
    }

    pub(crate) fn path(&mut self, path: &Arc<str>) -> u32 {
        if let Some(&number) = self.paths.get(path) {
            return number;
        }
        let number = self.paths.len() as u32;
        self.paths.insert(path.clone(), number);
        self.names.paths.push(path.clone());
        number
    }

    /// A source that was opened anew with another resource counts as another one.
    pub(crate) fn source(&mut self, id: SourceId, resource: &Arc<Resource>) -> u32 {
        if let Some(&number) = self.sources.get(&id) {
            let (_, known) = &self.names.sources[number as usize];
            if Arc::ptr_eq(known, resource) || known == resource {
                return number;
            }
        }
        let number = self.names.sources.len() as u32;
        self.sources.insert(id, number);
        self.names.sources.push((id, resource.clone()));
        number
    }
}
