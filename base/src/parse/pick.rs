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
use std::ops::ControlFlow;

/// So many have a bit each in a word.
pub const PATHS_MAX: usize = 64;
/// First bytes of paths that are told apart.
const FIRSTS: usize = 256;

/// Paths of fields that are wanted.
#[derive(Debug, Clone)]
pub struct Paths {
    paths: Vec<Box<str>>,
    /// By its first byte, the paths that begin with it.
    by_first: Box<[u64; FIRSTS]>,
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
    pub fn new(paths: impl IntoIterator<Item = impl Into<Box<str>>>) -> Self {
        let paths: Vec<Box<str>> = paths.into_iter().map(Into::into).take(PATHS_MAX).collect();
        let mut by_first = Box::new([0; FIRSTS]);
        for (at, path) in paths.iter().enumerate() {
            by_first[first_of(path.as_bytes())] |= 1 << at;
            // It goes on behind a key without a character.
            by_first[0] |= u64::from(path.starts_with('.')) << at;
        }
        Self { paths, by_first }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    fn at_root(&self, key: &[u8]) -> Wanted {
        self.among(self.by_first[first_of(key)], 0, key)
    }

    /// Which of the paths `within` go on with `key` behind their first `from` bytes.
    #[inline]
    fn among(&self, mut within: u64, from: usize, key: &[u8]) -> Wanted {
        let mut wanted = Wanted { whole: 0, deeper: 0 };
        while within != 0 {
            let bit = within & within.wrapping_neg();
            within ^= bit;
            let path = self.paths[bit.trailing_zeros() as usize].as_bytes();
            match path.get(from..).and_then(|rest| rest.strip_prefix(key)) {
                Some([]) => wanted.whole |= bit,
                Some([b'.', ..]) => wanted.deeper |= bit,
                _ => {}
            }
        }
        wanted
    }
}

fn first_of(path: &[u8]) -> usize {
    path.first().map_or(0, |&first| usize::from(first))
}

/// Paths that end with a key, and those that go on behind it.
#[derive(Clone, Copy)]
struct Wanted {
    whole: u64,
    deeper: u64,
}

impl Parser {
    /// Calls `visit` with the values of a record at `paths`, in document order.
    pub fn pick(&mut self, view: &RecordView<'_>, paths: &Paths, mut visit: impl FnMut(Pick<'_>)) {
        let mut buffer = std::mem::take(&mut self.content);
        let content = unwrapped(view.text, view.layout.wrapper(), &mut buffer);
        let picked = as_object(content).and_then(|object| Scan::of(object, paths, &mut visit)?.object());
        self.keep_content(buffer);
        if picked.is_some() {
            // Fast path.
            return;
        }
        visit(Pick::Again);
        self.each(view.text, view.layout, |said| {
            if let Said::Field(path, value) = said {
                each_bit(paths.at_root(path.as_bytes()).whole, |at| visit(Pick::Field(at, value)));
            }
            ControlFlow::Continue(())
        });
    }
}

struct Scan<'a, 'p, F> {
    cursor: Cursor<'a>,
    paths: &'p Paths,
    visit: &'p mut F,
}

impl<'a, 'p, F: FnMut(Pick<'_>)> Scan<'a, 'p, F> {
    fn of(object: &'a [u8], paths: &'p Paths, visit: &'p mut F) -> Option<Self> {
        Some(Self { cursor: Cursor::of(object)?, paths, visit })
    }

    /// All of the object; `None` when it must be read whole.
    fn object(mut self) -> Option<()> {
        self.members(u64::MAX, 0)?;
        self.cursor.is_at_end().then_some(())
    }

    /// From behind an opening brace to behind the closing one. `from` bytes of the paths `within` lead here. Paths are not
    /// endless, so depth is bounded by their dots.
    fn members(&mut self, within: u64, from: usize) -> Option<()> {
        if self.cursor.next_is(b'}') {
            return Some(());
        }
        loop {
            self.cursor.skip_blanks();
            let key = self.cursor.key()?;
            let wanted = match from {
                0 => self.paths.at_root(key),
                _ => self.paths.among(within, from, key),
            };
            self.cursor.skip_blanks();
            match self.cursor.peek()? {
                b'{' if wanted.deeper != 0 => {
                    self.cursor.take();
                    self.members(wanted.deeper, from + key.len() + 1)?;
                }
                b'[' if wanted.deeper | wanted.whole != 0 => return None,
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

    fn picked(text: &[u8]) -> (Vec<String>, Vec<String>) {
        let resource = Resource::default();
        let (time, severity, service) = (Timestamp(0), Severity::INFO, "s");
        let (layout, pattern) = (Layout::default(), PatternId::NONE);
        let view = RecordView { text, time, severity, service, resource: &resource, layout, pattern };
        let (mut picked, mut walked) = (Vec::new(), Vec::new());
        Parser::new().pick(&view, &Paths::new(PATHS), |pick| match pick {
            Pick::Again => picked.clear(),
            Pick::Field(at, value) => picked.push(format!("{} {value:?}", PATHS[at])),
        });
        Parser::new().each_field(&view, |path, value| {
            if PATHS.contains(&path) {
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
        fn what_is_picked_is_what_all_fields_are_filtered_to(text in json()) {
            let (picked, walked) = picked(text.as_bytes());
            prop_assert_eq!(picked, walked, "{}", text);
        }

        #[test]
        fn any_bytes_are_read(bytes in "[{}\\[\\]\":,\\\\ ab0-9]{0,30}", raw: Vec<u8>) {
            let objects = [bytes.as_bytes(), &raw].map(|inner| [b"{", inner, b"}"].concat());
            objects.iter().for_each(|object| drop(picked(object)));
        }
    }

    #[test]
    fn a_text_is_read_by_its_layout() {
        assert_eq!(picked(b"b=5 a=x").0, ["message Str(\"b=5 a=x\")", "b Str(\"5\")", "a Str(\"x\")"]);
    }
}
