//! Reading a block: its table of series, and chunks of those series that are wanted, page by page.

use super::chunk::{self, Points, Totals};
use super::format::{BlockInfo, Meta, Stripe, damaged, u32_at};
use super::write::{Known, counts};
use crate::codec::times;
use crate::codec::values::Scratch;
use crate::series::{Cumulative, Form, State};
use logweir_base::dir::{File, SharedDir, read_exact_at};
use logweir_base::ids::{Position, SourceId};
use logweir_base::metric::{Histogram, Kind, LabelsRef};
use logweir_base::varint;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Neighbouring pages are read together up to so many bytes.
const READ_BYTES: usize = 1 << 20;

/// A block that can be read.
pub(crate) struct Block {
    pub(crate) info: BlockInfo,
    pub(crate) meta: Meta,
    dir: SharedDir,
    /// By place in its table: the id of the series among all.
    pub(crate) ids: Vec<u32>,
    /// By place in its table: what the series is and adds up to.
    pub(crate) rows: Vec<InBlock>,
    removed: AtomicBool,
}

impl Drop for Block {
    /// The last reader of a block that the manifest does not name any more removes its file.
    fn drop(&mut self) {
        if self.removed.load(Ordering::Relaxed) {
            // One that stays is removed at the next start.
            let _ = self.dir.remove(&self.info.name);
        }
    }
}

/// What writing a block tells of it, its series in order.
pub(crate) type Made = (BlockInfo, Meta, Vec<InBlock>);

/// What is kept in memory of a series in a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InBlock {
    pub(crate) form: Form,
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) totals: Totals,
}

/// A chunk that is wanted.
struct Wanted {
    series: u32,
    vector: usize,
    /// In the page.
    at: usize,
    bytes: usize,
}

struct Page {
    at: u64,
    bytes: usize,
    crc: u32,
    wanted: Vec<Wanted>,
}

/// What reading a stripe gives its user.
pub(crate) enum Found<'a> {
    /// A chunk to be decoded.
    Chunk(Chunk<'a>),
    /// What a chunk of a series adds up to, which was not asked for itself.
    Totals(u32, Totals),
}

/// An encoded chunk.
pub(crate) struct Chunk<'a> {
    /// Its place in the table.
    pub(crate) series: u32,
    /// Its times.
    pub(crate) times: &'a [i64],
    /// Those of them that are in the span asked for.
    pub(crate) wanted: Range<usize>,
    bytes: &'a [u8],
}

/// Memory of a window, in samples; and of the histograms in so many bytes of a chunk.
const ROW_WEIGHT: u64 = 6;
const HISTOGRAMS_WEIGHT: u64 = 2;

impl Chunk<'_> {
    /// What a chunk of windows takes in memory, in samples.
    pub(crate) fn weight(&self) -> u64 {
        self.times.len() as u64 * ROW_WEIGHT + self.bytes.len() as u64 / HISTOGRAMS_WEIGHT
    }

    /// Adds its points: of samples those in the span that was asked for.
    pub(crate) fn decode(&self, scratch: &mut Scratch, points: &mut Points) -> io::Result<()> {
        let decoded = chunk::decode(self.bytes, self.times, self.wanted.clone(), scratch, points);
        decoded.ok_or_else(|| damaged("a chunk that matches its checksum and is none"))
    }
}

impl Block {
    /// Reads a block's table; `id_of` gives each series its id. Fails for files of another version and damaged ones.
    pub(crate) fn open(
        dir: SharedDir,
        name: &str,
        mut id_of: impl FnMut(&Known<LabelsRef<'_>>, InBlock) -> u32,
    ) -> io::Result<Self> {
        let file = dir.open(name)?;
        let meta = Meta::read(file.as_ref())?;
        let info = BlockInfo { name: name.to_owned(), bytes: file.len()?, ..meta.info.clone() };
        let (mut ids, mut rows) = (Vec::new(), Vec::new());
        read_series(&meta, file.as_ref(), |known, row| {
            ids.push(id_of(known, row));
            rows.push(row);
        })?;
        Ok(Self { info, meta, dir, ids, rows, removed: AtomicBool::new(false) })
    }

    /// The manifest does not name it any more.
    pub(crate) fn set_removed(&self) {
        self.removed.store(true, Ordering::Relaxed);
    }

    /// One that was just written.
    pub(crate) fn made(dir: SharedDir, (info, meta, rows): Made, ids: Vec<u32>) -> Self {
        Self { info, meta, dir, ids, rows, removed: AtomicBool::new(false) }
    }

    /// All series of its table, again, with their ids.
    pub(crate) fn series(&self, mut found: impl FnMut(u32, &Known<LabelsRef<'_>>)) -> io::Result<()> {
        let file = self.dir.open(&self.info.name)?;
        let mut ids = self.ids.iter();
        read_series(&self.meta, file.as_ref(), |known, _| {
            if let Some(&id) = ids.next() {
                found(id, known);
            }
        })
    }

    /// The file, to read stripes of.
    pub(crate) fn file(&self) -> io::Result<Box<dyn File>> {
        self.dir.open(&self.info.name)
    }

    /// Reads a stripe for points in (after, to]. `judge` says of a chunk of a series, by its place in the table and the chunk's first and last time, what of
    /// it is wanted.
    pub(crate) fn read(
        &self,
        file: &dyn File,
        stripe: &Stripe,
        (after, to): (i64, i64),
        mut judge: impl FnMut(u32, i64, i64) -> Want,
        mut found: impl FnMut(Found<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let vectors = read_vectors(&stripe.times.read(file)?).ok_or_else(|| damaged("times"))?;
        let wanted = |times: &Vec<i64>| {
            let from = times.partition_point(|&it| it <= after);
            from..times.partition_point(|&it| it <= to).max(from)
        };
        let wanted: Vec<_> = vectors.iter().map(wanted).collect();
        let index = stripe.index.read(file)?;
        let mut totals = Vec::new();
        let pages = self.pages(stripe, &index, &vectors, &mut judge, &mut totals);
        let pages = pages.ok_or_else(|| damaged("an index of chunks"))?;
        for (series, of_chunk) in totals {
            found(Found::Totals(series, of_chunk))?;
        }
        for run in pages.chunk_by(|a, b| a.at + a.bytes as u64 == b.at) {
            for some in runs_of(run) {
                read_pages(file, some, (&vectors, &wanted), &mut found)?;
            }
        }
        Ok(())
    }

    /// The pages with wanted chunks.
    fn pages(
        &self,
        stripe: &Stripe,
        mut index: &[u8],
        vectors: &[Vec<i64>],
        judge: &mut impl FnMut(u32, i64, i64) -> Want,
        totals: &mut Vec<(u32, Totals)>,
    ) -> Option<Vec<Page>> {
        let (mut pages, mut at) = (Vec::new(), stripe.at);
        for _ in 0..varint::take(&mut index)? {
            let chunks = varint::take(&mut index)?;
            let bytes = usize::try_from(varint::take(&mut index)?).ok()?;
            let (crc, rest) = index.split_first_chunk::<4>()?;
            index = rest;
            pages.push((chunks, Page { at, bytes, crc: u32_at(crc, 0), wanted: Vec::new() }));
            at = at.checked_add(bytes as u64)?;
        }
        let mut series = 0u64;
        for (chunks, page) in &mut pages {
            let mut at = 0;
            for _ in 0..*chunks {
                series = series.checked_add(varint::take(&mut index)?)?;
                let place = usize::try_from(series).ok()?;
                let row = self.rows.get(place)?;
                let vector = usize::try_from(varint::take(&mut index)?).ok()?;
                let bytes = usize::try_from(varint::take(&mut index)?).ok()?;
                let of_chunk = match counts(self.info.level, row.form) {
                    true => take_totals(&mut index)?,
                    false => Totals::default(),
                };
                let times = vectors.get(vector)?;
                let (first, last) = (*times.first()?, *times.last()?);
                match judge(place as u32, first, last) {
                    Want::Points => page.wanted.push(Wanted { series: place as u32, vector, at, bytes }),
                    Want::Totals => totals.push((place as u32, of_chunk)),
                    Want::Nothing => {}
                }
                at = at.checked_add(bytes).filter(|&end| end <= page.bytes)?;
            }
        }
        Some(pages.into_iter().map(|(_, page)| page).filter(|page| !page.wanted.is_empty()).collect())
    }
}

/// What is wanted of a chunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Want {
    Nothing,
    Points,
    /// What it adds up to.
    Totals,
}

/// Neighbouring pages in runs that are read at once.
fn runs_of(pages: &[Page]) -> impl Iterator<Item = &[Page]> {
    let mut rest = pages;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |page: &&Page| {
            bytes += page.bytes;
            bytes <= READ_BYTES
        };
        let count = rest.iter().take_while(fits).count().max(1);
        let (some, more) = rest.split_at_checked(count)?;
        rest = more;
        Some(some)
    })
}

fn read_pages(
    file: &dyn File,
    pages: &[Page],
    (vectors, ranges): (&[Vec<i64>], &[Range<usize>]),
    found: &mut impl FnMut(Found<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let bytes = read_exact_at(file, pages[0].at, pages.iter().map(|page| page.bytes).sum())?;
    let mut rest = bytes.as_slice();
    for page in pages {
        let (of_page, behind) = rest.split_at(page.bytes);
        rest = behind;
        if crc32c::crc32c(of_page) != page.crc {
            return Err(damaged(&format!("the page at {} does not match its checksum", page.at)));
        }
        for wanted in &page.wanted {
            let bytes = &of_page[wanted.at..wanted.at + wanted.bytes];
            let (times, range) = (&vectors[wanted.vector], ranges[wanted.vector].clone());
            found(Found::Chunk(Chunk { series: wanted.series, times, wanted: range, bytes }))?;
        }
    }
    Ok(())
}

fn read_vectors(mut bytes: &[u8]) -> Option<Vec<Vec<i64>>> {
    let mut vectors = Vec::new();
    while !bytes.is_empty() {
        vectors.push(times::decode(&mut bytes).filter(|times| !times.is_empty())?);
    }
    Some(vectors)
}

fn read_series(
    meta: &Meta,
    file: &dyn File,
    mut found: impl FnMut(&Known<LabelsRef<'_>>, InBlock),
) -> io::Result<()> {
    let bytes = meta.series.read(file)?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let (known, row) = take_series(&mut rest).ok_or_else(|| damaged("its table of series"))?;
        found(&known, row);
    }
    Ok(())
}

fn take_series<'a>(rest: &mut &'a [u8]) -> Option<(Known<LabelsRef<'a>>, InBlock)> {
    let len = usize::try_from(varint::take(rest)?).ok()?;
    let labels = LabelsRef::check(take_bytes(rest, len)?).ok()?;
    let &[form, kind, has_source] = take_bytes(rest, 3)? else { return None };
    let form = *Form::ALL.get(usize::from(form))?;
    let kind = *Kind::ALL.get(usize::from(kind))?;
    let source = match has_source {
        0 => None,
        _ => Some(SourceId(take_bytes(rest, 16)?.try_into().ok()?)),
    };
    let (first, last) = (take_time(rest)?, take_time(rest)?);
    let (mut totals, mut state, mut state_of) = (Totals::default(), State::default(), Position(0));
    if form != Form::Samples {
        totals = take_totals(rest)?;
        state_of = Position(u64::from_le_bytes(take_bytes(rest, 8)?.try_into().ok()?));
        state = take_state(rest)?;
    }
    let known = Known { labels, form, kind, source, state, state_of };
    Some((known, InBlock { form, first, last, totals }))
}

fn take_state(rest: &mut &[u8]) -> Option<State> {
    let (totals, last_end) = (take_totals(rest)?, take_time(rest)?);
    let cumulative = match take_bytes(rest, 1)? {
        [0] => None,
        _ => {
            let (start, time) = (take_time(rest)?, take_time(rest)?);
            let len = usize::try_from(varint::take(rest)?).ok()?;
            let histogram = Histogram::decode(&mut take_bytes(rest, len)?)?;
            Some(Arc::new(Cumulative { start, time, histogram }))
        }
    };
    Some(State { totals, last_end, cumulative })
}

fn take_totals(rest: &mut &[u8]) -> Option<Totals> {
    let mut float = || Some(f64::from_le_bytes(take_bytes(rest, 8)?.try_into().ok()?));
    Some(Totals { increase: float()?, sum: float()? })
}

fn take_time(rest: &mut &[u8]) -> Option<i64> {
    varint::take(rest).map(varint::unzigzag)
}

fn take_bytes<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (bytes, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(bytes)
}
