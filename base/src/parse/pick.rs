//! Picks a few fields of a record, known by their paths, without reading all of it: an object is scanned as its head is
//! (`scan`), and whatever is unusual about it, or is no object, is read whole.
//!
//! On what reads as JSON the picked fields are those of [`Parser::each_field`] at these paths (a test holds it). What is broken
//! inside of a value that is skipped goes unnoticed, as it does for the head.
//!
//! Limits: [`PATHS_MAX`] paths.

use super::RecordView;
use super::json::{Parser, Value, as_object};
use super::read::{Said, unwrapped};
use super::scan::Cursor;
use aho_corasick::packed::Searcher;
use memchr::{memchr, memmem};
use std::ops::ControlFlow;

/// So many have a bit each in a word.
pub const PATHS_MAX: usize = 64;
/// Bytes of a key that are searched for; what follows them is compared when they are found.
const NEEDLE_BYTES_MAX: usize = 4;

/// Paths of fields that are wanted.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The outermost object first, then those that wanted fields may stand in.
    objects: Vec<Object>,
    /// Finds keys of the outermost object that may be wanted, as they stand in a text without `\u`. `None` when they may be
    /// spelt in more ways.
    keys: Option<Searcher>,
}

/// Keys that are wanted of one object. A key with a dot in it and an object in an object are one path.
#[derive(Debug, Clone, Default)]
struct Object {
    /// What its paths begin with.
    prefix: String,
    /// Of each key its length and its first byte, so that most other keys are told at a glance.
    tags: Vec<u16>,
    keys: Vec<Key>,
}

/// A key.
#[derive(Debug, Clone)]
struct Key {
    text: Box<[u8]>,
    wanted: Wanted,
}

/// What is wanted under a key.
#[derive(Debug, Clone, Copy, Default)]
struct Wanted {
    /// The paths that end with it, by bit.
    whole: u64,
    /// Place of the object in which paths go on; none go on in the outermost.
    inner: usize,
}

/// What is told of a record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pick<'a> {
    /// What was told of this record before counts for nothing; it is told anew.
    Again,
    /// A value at the path of this number.
    Field(usize, Value<'a>),
}

impl Paths {
    /// These paths, numbered from 0; none of those behind [`PATHS_MAX`] is ever found.
    pub fn new(paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut objects = vec![Object::default()];
        let mut at = 0;
        let paths: Vec<String> =
            paths.into_iter().take(PATHS_MAX).map(|path| path.as_ref().to_owned()).collect();
        while at < objects.len() {
            let prefix = objects[at].prefix.clone();
            for (number, path) in paths.iter().enumerate() {
                let Some(rest) = path.strip_prefix(&prefix) else {
                    continue;
                };
                objects[at].key(rest).whole |= 1 << number;
                for (dot, _) in rest.match_indices('.') {
                    let inner = format!("{prefix}{}", &rest[..=dot]);
                    let place = place_of(&mut objects, inner);
                    objects[at].key(&rest[..dot]).inner = place;
                }
            }
            at += 1;
        }
        Self { objects, keys: keys_of(&paths) }
    }

    /// Where the outermost object may be entered, so that no wanted key stands before: `None` where it has no such key.
    fn entry(&self, object: &[u8]) -> Option<usize> {
        let Some(keys) = &self.keys else {
            return Some(1);
        };
        let found = keys.find_iter(object).map(|found| found.start()).find(|&at| self.may_be_key(object, at));
        let skipped = &object[..found.unwrap_or(object.len())];
        match memchr(b'\\', skipped) {
            Some(at) if memmem::find(&skipped[at..], br"\u").is_some() => Some(1),
            _ => found,
        }
    }

    /// Whether the quote at `at` may be the first of a wanted key: one that ends a text or stands in it may not.
    fn may_be_key(&self, object: &[u8], at: usize) -> bool {
        let begins = matches!(object[..at].trim_ascii_end().last(), Some(b',' | b'{'));
        let text = &object[at + 1..];
        begins
            && self.objects[0]
                .keys
                .iter()
                .any(|key| text.starts_with(&key.text) && text.get(key.text.len()) == Some(&b'"'))
    }
}

impl Object {
    fn key(&mut self, text: &str) -> &mut Wanted {
        let text = text.as_bytes();
        let at = self.keys.iter().position(|key| *key.text == *text).unwrap_or_else(|| {
            self.tags.push(tag_of(text));
            self.keys.push(Key { text: text.into(), wanted: Wanted::default() });
            self.keys.len() - 1
        });
        &mut self.keys[at].wanted
    }

    #[inline]
    fn wanted(&self, text: &[u8]) -> Wanted {
        let tag = tag_of(text);
        for (known, key) in self.tags.iter().zip(&self.keys) {
            if *known == tag && *key.text == *text {
                return key.wanted;
            }
        }
        Wanted::default()
    }
}

fn place_of(objects: &mut Vec<Object>, prefix: String) -> usize {
    objects.iter().position(|object| object.prefix == prefix).unwrap_or_else(|| {
        objects.push(Object { prefix, ..Object::default() });
        objects.len() - 1
    })
}

#[inline]
fn tag_of(text: &[u8]) -> u16 {
    u16::from_le_bytes([text.len() as u8, text.first().copied().unwrap_or(0)])
}

/// Finds the beginnings of all keys that paths begin with; `None` where an encoder may write such a key with an escape, or the
/// machine has no fast way.
fn keys_of(paths: &[String]) -> Option<Searcher> {
    let plain = |key: &str| key.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'/'));
    let mut needles = Vec::with_capacity(paths.len());
    for path in paths {
        let key = path.split('.').next().filter(|key| !key.is_empty() && plain(key))?;
        needles.push(format!("\"{}", &key[..key.len().min(NEEDLE_BYTES_MAX)]));
    }
    needles.sort_unstable();
    needles.dedup_by(|long, short| long.starts_with(short.as_str()));
    Searcher::new(needles)
}

impl Parser {
    /// Calls `visit` with the values of a record at `paths`, in document order.
    pub fn pick(&mut self, view: &RecordView<'_>, paths: &Paths, mut visit: impl FnMut(Pick<'_>)) {
        let mut buffer = std::mem::take(&mut self.content);
        let content = unwrapped(view.text, view.layout.wrapper(), &mut buffer);
        let object = as_object(content).filter(|_| view.layout.is_of_object());
        let picked = object.and_then(|object| pick_of(object, paths, &mut visit));
        self.keep_content(buffer);
        if picked.is_some() {
            // Fast path.
            return;
        }
        visit(Pick::Again);
        self.each(view.text, view.layout, |said| {
            if let Said::Field(path, value) = said {
                each_bit(paths.objects[0].wanted(path.as_bytes()).whole, |at| visit(Pick::Field(at, value)));
            }
            ControlFlow::Continue(())
        });
    }
}

/// `None` when the object must be read whole. It is entered where the first wanted key may stand. A scan from any quote that
/// comes to the end of the object has begun with a key of it: from within a text it would meet an odd number of quotes, and
/// from within another object a brace too many.
fn pick_of(object: &[u8], paths: &Paths, visit: &mut impl FnMut(Pick<'_>)) -> Option<()> {
    let entry = match paths.entry(object) {
        None => return Some(()),
        Some(entry) => entry,
    };
    if scan_from(object, entry, paths, visit).is_some() {
        return Some(());
    }
    visit(Pick::Again);
    if entry > 1 { scan_from(object, 1, paths, visit) } else { None }
}

fn scan_from(object: &[u8], at: usize, paths: &Paths, visit: &mut impl FnMut(Pick<'_>)) -> Option<()> {
    Scan { cursor: Cursor::from(object, at)?, paths, visit }.object()
}

struct Scan<'a, 'p, F> {
    cursor: Cursor<'a>,
    paths: &'p Paths,
    visit: &'p mut F,
}

impl<F: FnMut(Pick<'_>)> Scan<'_, '_, F> {
    /// All of the object from here on; `None` when it must be read whole.
    fn object(mut self) -> Option<()> {
        self.members(0)?;
        self.cursor.is_at_end().then_some(())
    }

    /// From behind an opening brace to behind the closing one; `at` is the object's place. Paths are not endless, so depth is
    /// bounded by their dots.
    fn members(&mut self, at: usize) -> Option<()> {
        let object = &self.paths.objects[at];
        if self.cursor.next_is(b'}') {
            return Some(());
        }
        loop {
            self.cursor.skip_blanks();
            let key = self.cursor.key()?;
            let wanted = object.wanted(key);
            self.cursor.skip_blanks();
            match self.cursor.peek()? {
                b'{' if wanted.inner != 0 => {
                    self.cursor.take();
                    self.members(wanted.inner)?;
                }
                b'[' if wanted.inner != 0 || wanted.whole != 0 => return None,
                b'{' | b'[' => self.cursor.skip_nested()?,
                _ if wanted.whole != 0 => {
                    let value = self.cursor.value()?;
                    each_bit(wanted.whole, |at| (self.visit)(Pick::Field(at, value.as_value())));
                }
                _ => self.cursor.skip_value()?,
            }
            self.cursor.skip_blanks();
            match self.cursor.take()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }
}

fn each_bit(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Resource;
    use crate::parse::{Layout, Severity};
    use crate::pattern::PatternId;
    use crate::time::Timestamp;
    use proptest::prelude::*;

    const PATHS: [&str; 9] =
        ["a", "b", "a.b", "a.b.c", "http.status", "http.status.code", ".a", "\u{fc}", "message"];

    fn picked(text: &[u8], paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let resource = Resource::default();
        let (time, severity, service) = (Timestamp(0), Severity::INFO, "s");
        let (layout, pattern) = (Layout::default(), PatternId::NONE);
        let view = RecordView { text, time, severity, service, resource: &resource, layout, pattern };
        let (mut picked, mut walked) = (Vec::new(), Vec::new());
        Parser::new().pick(&view, &Paths::new(paths.iter().copied()), |pick| match pick {
            Pick::Again => picked.clear(),
            Pick::Field(at, value) => picked.push(format!("{} {value:?}", paths[at])),
        });
        Parser::new().each_field(&view, |path, value| {
            if paths.contains(&path) {
                walked.push(format!("{path} {value:?}"));
            }
        });
        (picked, walked)
    }

    fn json() -> impl Strategy<Value = String> {
        let key = prop_oneof![
            9 => proptest::sample::select(&PATHS[..8]).prop_map(str::to_owned),
            3 => proptest::sample::select(vec!["c", "", "status", "code", "http", "b.c", "x", "\\u0061", "k\\\""])
                .prop_map(str::to_owned),
        ];
        let leaf = proptest::sample::select(vec![
            "1",
            "-7",
            "2.5",
            "1e3",
            "123456789012345678",
            "true",
            "null",
            "\"t\"",
            "\"a\\n\\\"b\"",
            "\",\"",
            "\"\\\",\\\"a\\\":{\"",
            "[]",
            "{}",
            "[1,{\"b\":2}]",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 40, 6, move |inner| {
            prop::collection::vec((key.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<_> =
                    fields.iter().map(|(key, value)| format!("\"{key}\" :{value}")).collect();
                format!("{{{} }}", fields.join(" , "))
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_picked_is_what_all_fields_are_filtered_to(text in json(), from in 0..6usize, to in 6..=PATHS.len()) {
            // The first six can be searched for.
            for paths in [&PATHS[from..6], &PATHS[from..to]] {
                let (picked, walked) = picked(text.as_bytes(), paths);
                prop_assert_eq!(picked, walked, "{} {:?}", text, paths);
            }
        }

        #[test]
        fn any_bytes_are_read(bytes in "[{}\\[\\]\":,\\\\ ab0-9]{0,30}", raw: Vec<u8>) {
            let objects = [bytes.as_bytes(), &raw].map(|inner| [b"{", inner, b"}"].concat());
            objects.iter().for_each(|object| drop(picked(object, &PATHS)));
        }
    }

    #[test]
    fn a_text_is_read_by_its_layout() {
        assert_eq!(
            picked(b"b=5 a=x", &PATHS).0,
            ["message Str(\"b=5 a=x\")", "b Str(\"5\")", "a Str(\"x\")"]
        );
    }
}
