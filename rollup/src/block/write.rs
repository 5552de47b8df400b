//! Writing a block, stripe by stripe: only one stripe's pages are in memory at a time, but for the table of series.

use super::chunk::{self, Points, Totals};
use super::format::{self, BlockInfo, Effort, Meta, Metrics, PAGE_BYTES, Section, Stripe};
use super::read::{InBlock, Made};
use crate::codec::packer::Packer;
use crate::codec::times::{self, TIMES_MAX};
use crate::level::Level;
use crate::series::{Form, State};
use logweir_base::dir::{Dir, File};
use logweir_base::ids::{JournalId, Position, SourceId};
use logweir_base::metric::{Kind, Labels, LabelsRef};
use logweir_base::varint;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 1 << 20;

/// What a block knows of a series beside its points.
#[derive(Clone, Debug)]
pub(crate) struct Known<L = Arc<Labels>> {
    pub(crate) labels: L,
    pub(crate) form: Form,
    pub(crate) kind: Kind,
    pub(crate) source: Option<SourceId>,
    pub(crate) state: State,
    pub(crate) state_of: Position,
}

impl Known<LabelsRef<'_>> {
    /// With labels of its own.
    pub(crate) fn to_owned(&self) -> Known {
        Known {
            labels: Arc::new(self.labels.to_owned()),
            form: self.form,
            kind: self.kind,
            source: self.source,
            state: self.state.clone(),
            state_of: self.state_of,
        }
    }
}

impl Known {
    /// What another block knows of the same series, unless this is known since later.
    pub(crate) fn learn(&mut self, other: &Known<LabelsRef<'_>>) {
        if other.state_of >= self.state_of {
            (self.kind, self.source) = (other.kind, other.source);
            (self.state, self.state_of) = (other.state.clone(), other.state_of);
        }
    }

    /// Blocks have their series in this order: those of one metric mostly together.
    pub(crate) fn key(&self) -> (&[u8], Form) {
        (self.labels.view().bytes(), self.form)
    }
}

/// Which block.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) journal: JournalId,
    pub(crate) level: Level,
    pub(crate) partition: i64,
    pub(crate) after: Position,
    pub(crate) to: Position,
    /// Files that it is made of; none when it is made of the journal.
    pub(crate) inputs: Vec<String>,
    /// How many files are committed together.
    pub(crate) files: u64,
}

/// What a series has in the block.
#[derive(Clone, Copy, Default)]
struct Extent {
    span: Option<(i64, i64)>,
    totals: Totals,
}

/// A block that is being written.
pub(crate) struct BlockWriter<'a> {
    head: Head,
    name: String,
    dir: &'a dyn Dir,
    file: Box<dyn File>,
    out: Vec<u8>,
    written: u64,
    series: &'a [Known],
    extents: Vec<Extent>,
    stripes: Vec<Stripe>,
    open: Open,
    packer: Packer,
    points: u64,
    is_whole: bool,
}

impl Drop for BlockWriter<'_> {
    /// Leaves nothing of a file that could not be written: on a full disk it would stand in the way of others.
    fn drop(&mut self) {
        if !self.is_whole {
            let _ = self.dir.remove(&tmp(&self.name));
        }
    }
}

/// The stripe that is being written.
#[derive(Default)]
struct Open {
    start: i64,
    at: u64,
    times: Vec<u8>,
    /// By hash of a vector of times: its number.
    vectors: HashMap<u128, u64>,
    hashed: Vec<u8>,
    pages: Vec<(usize, usize, u32)>,
    page: Vec<u8>,
    page_chunks: usize,
    chunks: Vec<u8>,
    series: u64,
}

impl<'a> BlockWriter<'a> {
    /// Begins the file `name` with these series, in the order of their keys.
    pub(crate) fn new(dir: &'a dyn Dir, name: String, head: Head, series: &'a [Known]) -> io::Result<Self> {
        debug_assert!(series.windows(2).all(|two| two[0].key() < two[1].key()));
        let tmp = tmp(&name);
        dir.remove(&tmp)?;
        let file = dir.create(&tmp)?;
        let (out, extents) = (format::head().to_vec(), vec![Extent::default(); series.len()]);
        let (stripes, open) = (Vec::new(), Open::default());
        Ok(Self {
            head,
            name,
            dir,
            file,
            out,
            written: 0,
            series,
            extents,
            stripes,
            open,
            packer: Packer::default(),
            points: 0,
            is_whole: false,
        })
    }

    /// Begins a stripe; they ascend.
    pub(crate) fn begin(&mut self, start: i64) {
        self.open = Open { start, at: self.at(), ..Open::default() };
    }

    /// Adds points of a series, all in the stripe; series ascend.
    pub(crate) fn add(&mut self, series: usize, points: &Points) -> io::Result<()> {
        let mut from = 0;
        while from < points.len() {
            let to = points.len().min(from + TIMES_MAX);
            if (from, to) == (0, points.len()) {
                self.add_chunk(series, points)?;
            } else {
                self.add_chunk(series, &points.slice(from..to))?;
            }
            from = to;
        }
        Ok(())
    }

    fn add_chunk(&mut self, series: usize, points: &Points) -> io::Result<()> {
        let form = self.series[series].form;
        let before = self.open.page.len();
        chunk::encode(form, points, &mut self.packer, &mut self.open.page);
        let bytes = self.open.page.len() - before;
        let vector = self.vector(&points.times());
        let open = &mut self.open;
        varint::put(&mut open.chunks, series as u64 - open.series);
        varint::put(&mut open.chunks, vector);
        varint::put(&mut open.chunks, bytes as u64);
        let totals = points.totals();
        if counts(self.head.level, form) {
            put_totals(&mut open.chunks, totals);
        }
        open.series = series as u64;
        open.page_chunks += 1;
        let extent = &mut self.extents[series];
        extent.totals.merge(totals);
        if let Some((first, last)) = points.span() {
            let (start, end) = extent.span.unwrap_or((first, last));
            extent.span = Some((start.min(first), end.max(last)));
        }
        self.points += points.len() as u64;
        if self.open.page.len() >= PAGE_BYTES { self.end_page() } else { Ok(()) }
    }

    /// The number of a vector of times in this stripe.
    fn vector(&mut self, all: &[i64]) -> u64 {
        let open = &mut self.open;
        open.hashed.clear();
        open.hashed.extend(all.iter().flat_map(|time| time.to_le_bytes()));
        let next = open.vectors.len() as u64;
        *open.vectors.entry(xxh3_128(&open.hashed)).or_insert_with(|| {
            times::encode(all, &mut open.times);
            next
        })
    }

    fn end_page(&mut self) -> io::Result<()> {
        let open = &mut self.open;
        if open.page_chunks > 0 {
            open.pages.push((open.page_chunks, open.page.len(), crc32c::crc32c(&open.page)));
            self.out.append(&mut open.page);
            open.page_chunks = 0;
        }
        if self.out.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends the stripe.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.end_page()?;
        let open = std::mem::take(&mut self.open);
        if open.pages.is_empty() {
            return Ok(());
        }
        let mut index = Vec::new();
        varint::put(&mut index, open.pages.len() as u64);
        for (chunks, bytes, crc) in open.pages {
            varint::put(&mut index, chunks as u64);
            varint::put(&mut index, bytes as u64);
            index.extend_from_slice(&crc.to_le_bytes());
        }
        index.extend_from_slice(&open.chunks);
        let (times, index) = (self.section(&open.times)?, self.section(&index)?);
        self.stripes.push(Stripe { start: open.start, at: open.at, times, index });
        Ok(())
    }

    /// Ends the file and makes it durable under its name.
    pub(crate) fn finish(mut self, metrics: &Metrics) -> io::Result<Made> {
        let series = self.section(&self.series_table())?;
        let mut info = self.info();
        let Head { journal, inputs, files, .. } = self.head.clone();
        let (of_info, metrics) = (info.clone(), metrics.clone());
        let stripes = std::mem::take(&mut self.stripes);
        let meta = Meta { journal, info: of_info, inputs, files, series, stripes, metrics };
        let bytes = serde_json::to_vec(&meta).map_err(io::Error::other)?;
        let footer = format::footer(self.at(), &bytes);
        self.out.extend_from_slice(&bytes);
        self.out.extend_from_slice(&footer);
        self.flush()?;
        info.bytes = self.written;
        self.file.sync()?;
        self.dir.rename(&tmp(&self.name), &self.name)?;
        self.is_whole = true;
        self.dir.sync()?;
        let in_block = |(known, extent): (&Known, &Extent)| {
            let (first, last) = extent.span.unwrap_or((0, 0));
            InBlock { form: known.form, first, last, totals: extent.totals }
        };
        Ok((info, meta, self.series.iter().zip(&self.extents).map(in_block).collect()))
    }

    fn info(&self) -> BlockInfo {
        let spans = || self.extents.iter().filter_map(|extent| extent.span);
        let (first, last) = (spans().map(|it| it.0).min(), spans().map(|it| it.1).max());
        let Head { level, partition, after, to, .. } = self.head;
        BlockInfo {
            name: self.name.clone(),
            level,
            partition,
            after,
            to,
            first: first.unwrap_or(partition),
            last: last.unwrap_or(partition),
            series: self.series.len() as u64,
            points: self.points,
            bytes: 0,
        }
    }

    fn series_table(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.series.len() * 100);
        for (known, extent) in self.series.iter().zip(&self.extents) {
            let labels = known.labels.view().bytes();
            varint::put(&mut out, labels.len() as u64);
            out.extend_from_slice(labels);
            out.extend_from_slice(&[known.form as u8, known.kind as u8, u8::from(known.source.is_some())]);
            known.source.iter().for_each(|source| out.extend_from_slice(&source.0));
            let (first, last) = extent.span.unwrap_or((0, 0));
            put_time(&mut out, first);
            put_time(&mut out, last);
            if known.form != Form::Samples {
                put_totals(&mut out, extent.totals);
                out.extend_from_slice(&known.state_of.0.to_le_bytes());
                put_state(&mut out, &known.state);
            }
        }
        out
    }

    fn section(&mut self, raw: &[u8]) -> io::Result<Section> {
        // What is made of the journal is soon made into something larger.
        let effort = if self.head.inputs.is_empty() { Effort::Quick } else { Effort::Lasting };
        let bytes = self.packer.pack(raw, effort as i32)?;
        let section = Section {
            at: self.at(),
            bytes: bytes.len() as u64,
            raw_bytes: raw.len() as u64,
            crc: crc32c::crc32c(&bytes),
        };
        self.out.extend_from_slice(&bytes);
        Ok(section)
    }

    fn at(&self) -> u64 {
        self.written + self.out.len() as u64
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_at(self.written, &self.out)?;
        self.written += self.out.len() as u64;
        self.out.clear();
        Ok(())
    }
}

/// Whether chunks say what they add up to.
pub(crate) fn counts(level: Level, form: Form) -> bool {
    level != Level::Samples && matches!(form, Form::Counter | Form::Histogram)
}

/// The name of a file until it is whole.
pub(crate) fn tmp(name: &str) -> String {
    format!("{name}.tmp")
}

fn put_time(out: &mut Vec<u8>, time: i64) {
    varint::put(out, varint::zigzag(time));
}

fn put_totals(out: &mut Vec<u8>, totals: Totals) {
    out.extend_from_slice(&totals.increase.to_le_bytes());
    out.extend_from_slice(&totals.sum.to_le_bytes());
}

fn put_state(out: &mut Vec<u8>, state: &State) {
    put_totals(out, state.totals);
    put_time(out, state.last_end);
    out.push(u8::from(state.cumulative.is_some()));
    if let Some(cumulative) = &state.cumulative {
        put_time(out, cumulative.start);
        put_time(out, cumulative.time);
        let mut bytes = Vec::new();
        cumulative.histogram.encode(&mut bytes);
        varint::put(out, bytes.len() as u64);
        out.extend_from_slice(&bytes);
    }
}
