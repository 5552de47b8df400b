//! The word index: one tantivy segment, one document a block, one indexed field of 64-bit hashes, nothing stored. All
//! calls into tantivy stand in this file; the version is pinned, since a split holds its segment files as they are.
//!
//! The segment is built in memory and its files are copied into the split, one behind the other. Reading goes
//! through [`Pages`]: a look-up opens the dictionary's index once and then reads one dictionary block and one posting
//! list. Merging concatenates documents in the order of the inputs; a test holds tantivy to it.

use super::pages::Pages;
use crate::codec::damaged;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tantivy::directory::WritePtr;
use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{FileHandle, OwnedBytes, RamDirectory, WatchCallback, WatchHandle};
use tantivy::index::InvertedIndexReader;
use tantivy::schema::{Field, IndexRecordOption, NumericOptions, Schema};
use tantivy::{DocSet, Document, HasLen, Index, SegmentReader, SingleSegmentIndexWriter, TERMINATED, Term};

const META_FILE: &str = "meta.json";
/// The hash table of terms is sized by this budget: 2^18 slots hold the words of a full split, and a small one
/// should not pay for them.
const BUDGET_BYTES: usize = 30 << 20;

/// A segment's files by name.
pub(crate) type Files = Vec<(String, Vec<u8>)>;

/// Collects the words of each block, in block order.
pub(crate) struct WordsBuilder {
    writer: SingleSegmentIndexWriter<BlockDocument>,
    directory: RamDirectory,
    field: Field,
}

impl WordsBuilder {
    pub(crate) fn new() -> io::Result<Self> {
        let (schema, field) = schema();
        let directory = RamDirectory::create();
        let builder = Index::builder().schema(schema);
        let writer = builder.single_segment_index_writer(directory.clone(), BUDGET_BYTES).map_err(failed)?;
        Ok(Self { writer, directory, field })
    }

    /// Adds the next block.
    pub(crate) fn add(&mut self, words: &Arc<[u64]>) -> io::Result<()> {
        let document = BlockDocument { field: self.field, words: words.clone() };
        self.writer.add_document(document).map_err(failed)
    }

    pub(crate) fn finish(self) -> io::Result<Files> {
        let index = self.writer.finalize().map_err(failed)?;
        files(&index, &self.directory)
    }
}

/// The segments' documents one after the other, in the order given.
pub(crate) fn merge(inputs: &[Words]) -> io::Result<Files> {
    let indices: Vec<_> = inputs.iter().map(|words| words.index.clone()).collect();
    let directory = RamDirectory::create();
    let index = tantivy::indexer::merge_indices(&indices, directory.clone()).map_err(failed)?;
    files(&index, &directory)
}

/// The word index of a split, open for reading.
pub(crate) struct Words {
    index: Index,
    field: Field,
    postings: Arc<InvertedIndexReader>,
}

impl Words {
    /// Opens the segment whose files stand in `pages` one behind the other.
    pub(crate) fn open(pages: Arc<Pages>, files: &[(String, u64)]) -> io::Result<Self> {
        let mut ranges = BTreeMap::new();
        let mut at = 0;
        for (name, len) in files {
            ranges.insert(PathBuf::from(name), at..at + len);
            at += len;
        }
        let index = Index::open(InSplit { pages, ranges: Arc::new(ranges) }).map_err(failed)?;
        let (_, field) = schema();
        let segments = index.searchable_segments().map_err(failed)?;
        let segment = segments.first().ok_or_else(|| damaged("no segment in the word index"))?;
        let postings =
            SegmentReader::open(segment).and_then(|it| it.inverted_index(field)).map_err(failed)?;
        Ok(Self { index, field, postings })
    }

    /// Looks up which blocks hold `word`, ascending.
    pub(crate) fn look_up(&self, word: u64, mut found: impl FnMut(usize)) -> io::Result<()> {
        let term = Term::from_field_u64(self.field, word);
        let Some(info) = self.postings.get_term_info(&term)? else {
            return Ok(());
        };
        let mut blocks = self.postings.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
        while blocks.doc() != TERMINATED {
            found(blocks.doc() as usize);
            blocks.advance();
        }
        Ok(())
    }
}

fn schema() -> (Schema, Field) {
    let mut schema = Schema::builder();
    let field = schema.add_u64_field("words", NumericOptions::default().set_indexed());
    (schema.build(), field)
}

/// The files that make up `index`, and the one that names its segment.
fn files(index: &Index, directory: &RamDirectory) -> io::Result<Files> {
    use tantivy::Directory;
    let meta = index.load_metas().map_err(failed)?;
    let mut paths: Vec<_> = meta.list_segment_files().into_iter().collect();
    paths.sort();
    paths.push(PathBuf::from(META_FILE));
    let mut files = Vec::new();
    for path in paths {
        if directory.exists(&path).map_err(failed)? {
            let bytes = directory.open_read(&path).map_err(failed)?.read_bytes()?;
            files.push((path.to_string_lossy().into_owned(), bytes.to_vec()));
        }
    }
    Ok(files)
}

/// A block as a document: its words, each a value of the one field.
#[derive(Debug)]
struct BlockDocument {
    field: Field,
    words: Arc<[u64]>,
}

impl Document for BlockDocument {
    type Value<'a> = &'a u64;
    type FieldsValuesIter<'a> = Box<dyn Iterator<Item = (Field, &'a u64)> + 'a>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        Box::new(self.words.iter().map(|word| (self.field, word)))
    }
}

/// The files as tantivy sees them: read-only ranges of the split.
#[derive(Clone)]
struct InSplit {
    pages: Arc<Pages>,
    ranges: Arc<BTreeMap<PathBuf, Range<u64>>>,
}

impl InSplit {
    fn range(&self, path: &Path) -> Result<Range<u64>, OpenReadError> {
        let range = self.ranges.get(path).cloned();
        range.ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }
}

impl fmt::Debug for InSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InSplit({:?})", self.ranges)
    }
}

impl tantivy::Directory for InSplit {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(FileInSplit { pages: self.pages.clone(), range: self.range(path)? }))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.ranges.contains_key(path))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.pages.read(self.range(path)?);
        bytes.map_err(|e| OpenReadError::wrap_io_error(e, path.to_owned()))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Err(read_only())
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

struct FileInSplit {
    pages: Arc<Pages>,
    range: Range<u64>,
}

impl fmt::Debug for FileInSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileInSplit({:?})", self.range)
    }
}

impl HasLen for FileInSplit {
    fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

impl FileHandle for FileInSplit {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let at = |offset: usize| self.range.start + offset as u64;
        self.pages.read(at(range.start)..at(range.end)).map(OwnedBytes::new)
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a split is never written to")
}

/// tantivy's error as ours; damage keeps its kind, so that a search can go on without the index.
fn failed(error: impl Into<tantivy::TantivyError>) -> io::Error {
    let error = error.into();
    match &error {
        tantivy::TantivyError::IoError(inner) => io::Error::new(inner.kind(), error.to_string()),
        _ => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::format::Section;
    use crate::split::pages::checksums;
    use logweir_base::dir::Dir;
    use logweir_base::dir::sim::SimDir;

    fn open(files: &Files) -> Words {
        let bytes = files.iter().flat_map(|(_, bytes)| bytes.clone()).collect::<Vec<u8>>();
        let dir = SimDir::new();
        dir.put("words", &bytes);
        let section = Section { at: 0, len: bytes.len() as u64 };
        let pages = Pages::new(Arc::from(dir.open("words").expect("opens")), section, checksums(&bytes));
        let sizes: Vec<_> = files.iter().map(|(name, bytes)| (name.clone(), bytes.len() as u64)).collect();
        Words::open(Arc::new(pages), &sizes).expect("opens")
    }

    fn build(blocks: &[Vec<u64>]) -> Files {
        let mut builder = WordsBuilder::new().expect("begins");
        blocks.iter().for_each(|words| builder.add(&words.as_slice().into()).expect("adds"));
        builder.finish().expect("finishes")
    }

    fn blocks_of(words: &Words, word: u64) -> Vec<usize> {
        let mut blocks = Vec::new();
        words.look_up(word, |block| blocks.push(block)).expect("reads");
        blocks
    }

    /// What the pinned version of tantivy is trusted with: documents keep their order, alone and merged, and the
    /// inputs of a merge follow each other as given, a small one before a large one too.
    #[test]
    fn blocks_keep_their_order_also_when_merged() {
        let inputs: Vec<Vec<Vec<u64>>> = vec![
            (0..3).map(|block| vec![1, 100 + block]).collect(),
            (0..700).map(|block| vec![1, 2, 1000 + block]).collect(),
            vec![Vec::new(), vec![2]],
        ];
        let opened: Vec<_> = inputs.iter().map(|blocks| open(&build(blocks))).collect();
        assert_eq!(blocks_of(&opened[1], 1), (0..700).collect::<Vec<_>>());
        let merged = open(&merge(&opened).expect("merges"));
        let all: Vec<_> = inputs.concat();
        for word in [0, 1, 2, 100, 102, 1000, 1699, u64::MAX] {
            let expected: Vec<_> = (0..all.len()).filter(|&block| all[block].contains(&word)).collect();
            assert_eq!(blocks_of(&merged, word), expected, "word {word}");
        }
    }
}
