//! Reading, once for all rules, the fields of a record that they need.
//!
//! A field's value is its first in the record, else the source's label of that name; of numbers all count, each element of an
//! array. That is what pipes see, for the same names.

use super::field::{HTTP_PATHS, Http, HttpPart};
use logweir_base::parse::{Layout, Number, PATHS_MAX, Parser, Paths, Pick, RecordView, Value};
use logweir_base::pipe::{FieldReader, Named};
use memchr::memmem::Finder;
use std::fmt::Write;

/// Layouts of text that tell a request's parts without naming them.
const ACCESS_LOGS: [&str; 3] = ["access-log", "envoy", "haproxy"];
/// Text that is none of these speaks of a request only where it has one of these.
const HTTP_WORDS: [&str; 2] = ["tatus", "HTTP/"];

/// Which fields a record must be read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    /// None.
    Nothing,
    /// Parts of a request.
    Http,
    /// Any.
    Fields,
}

/// Reads fields; keeps its buffers.
#[derive(Debug)]
pub(super) struct Reader {
    paths: Paths,
    /// What each path is read for.
    uses: Vec<Use>,
    slots: Vec<Slot>,
    http: Http,
    /// Fields that play a part, under whatever key; they are looked for by reading all of the record.
    roles: FieldReader,
    has_roles: bool,
    parser: Parser,
    words: [Finder<'static>; 2],
    /// Whether records of the latest layout are access logs.
    access_log: Option<(Layout, bool)>,
}

#[derive(Debug, Clone, Copy)]
enum Use {
    /// Itself.
    Slot(usize),
    /// A part of a request.
    Http(HttpPart, f64),
}

/// What was found at one path.
#[derive(Debug, Default)]
struct Slot {
    path: String,
    first: First,
    text: String,
    numbers: Vec<f64>,
}

/// The first value, as far as it is not in the slot's text.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum First {
    #[default]
    Missing,
    Text,
    I64(i64),
    U64(u64),
    F64(f64),
    Bool(bool),
}

/// The fields of a set of rules, while they are gathered.
#[derive(Debug, Default)]
pub(super) struct Fields {
    paths: Vec<String>,
    roles: Vec<Named>,
    http: bool,
}

impl Fields {
    /// The number of a field at a path.
    pub(super) fn slot(&mut self, path: &str) -> usize {
        place_of(&mut self.paths, |known| known == path, || path.to_owned())
    }

    /// The number of a field that plays a part.
    pub(super) fn role(&mut self, named: &Named) -> usize {
        place_of(&mut self.roles, |known| known == named, || named.clone())
    }

    /// Parts of requests are needed.
    pub(super) fn http(&mut self) {
        self.http = true;
    }

    /// Whether there are more than a reader can read.
    pub(super) fn are_too_many(&self) -> bool {
        self.paths.len() + HTTP_PATHS.len() > PATHS_MAX
    }
}

impl Reader {
    /// A reader of these fields.
    pub(super) fn new(fields: Fields) -> Self {
        let http: &[_] = if fields.http { HTTP_PATHS } else { &[] };
        let own = fields.paths.iter().enumerate().map(|(at, path)| (path.as_str(), Use::Slot(at)));
        let http = http.iter().map(|&(path, part, divisor)| (path, Use::Http(part, divisor)));
        let (paths, uses): (Vec<&str>, Vec<Use>) = own.chain(http).unzip();
        let slot = |path: &String| Slot { path: path.clone(), ..Slot::default() };
        Self {
            paths: Paths::new(paths),
            uses,
            slots: fields.paths.iter().map(slot).collect(),
            http: Http::default(),
            has_roles: !fields.roles.is_empty(),
            roles: FieldReader::new(fields.roles),
            parser: Parser::new(),
            words: HTTP_WORDS.map(Finder::new),
            access_log: None,
        }
    }

    /// Reads a record; what was found in the one before is forgotten.
    pub(super) fn read(&mut self, view: &RecordView<'_>, needs: Needs) {
        self.slots.iter_mut().for_each(Slot::clear);
        self.http = Http::default();
        let is_access_log = self.is_access_log(view.layout);
        if needs == Needs::Fields || (!is_access_log && self.may_tell_of_request(view)) {
            self.pick(view);
        }
        if is_access_log {
            self.read_access_log(view);
        }
        self.http = self.http.if_answered();
        if needs == Needs::Fields {
            self.slots.iter_mut().for_each(|slot| slot.take_of_source(view));
            if self.has_roles {
                self.roles.read(view);
            }
        }
    }

    fn pick(&mut self, view: &RecordView<'_>) {
        let Self { paths, uses, slots, http, parser, .. } = self;
        parser.pick(view, paths, |pick| match pick {
            Pick::Again => {
                slots.iter_mut().for_each(Slot::clear);
                *http = Http::default();
            }
            Pick::Field(at, value) => match uses[at] {
                Use::Slot(slot) => slots[slot].take(value),
                Use::Http(part, divisor) => http.take(part, divisor, value),
            },
        });
    }

    /// What a server has put in its place counts, and nothing that stands in a query string.
    fn read_access_log(&mut self, view: &RecordView<'_>) {
        let Self { http, parser, .. } = self;
        *http = Http::default();
        parser.each_of_layout(view, |path, value| {
            if let Some(&(_, part, divisor)) = HTTP_PATHS.iter().find(|(known, ..)| *known == path) {
                http.take(part, divisor, Value::Str(value));
            }
        });
    }

    /// What the record says of a request.
    pub(super) fn http(&self) -> Http {
        self.http
    }

    /// Whether the field has a value.
    pub(super) fn has(&self, slot: usize) -> bool {
        self.slots[slot].first != First::Missing
    }

    /// Appends the value of a field as text.
    pub(super) fn write(&self, slot: usize, out: &mut String) {
        let slot = &self.slots[slot];
        let written = match slot.first {
            First::Missing => Ok(()),
            First::Text => out.write_str(&slot.text),
            First::I64(n) => write!(out, "{n}"),
            First::U64(n) => write!(out, "{n}"),
            First::F64(n) => write!(out, "{n}"),
            First::Bool(b) => write!(out, "{b}"),
        };
        written.expect("a String takes everything");
    }

    /// All numbers of a field.
    pub(super) fn numbers(&self, slot: usize) -> &[f64] {
        &self.slots[slot].numbers
    }

    /// The value of a field that plays a part.
    pub(super) fn role(&self, role: usize) -> Option<&str> {
        self.roles.text(role)
    }

    /// All numbers of such a field.
    pub(super) fn role_numbers(&self, role: usize) -> &[f64] {
        self.roles.numbers(role)
    }

    fn is_access_log(&mut self, layout: Layout) -> bool {
        match self.access_log {
            Some((known, is)) if known == layout => is,
            _ => {
                let is = ACCESS_LOGS.contains(&layout.name());
                self.access_log = Some((layout, is));
                is
            }
        }
    }

    /// Objects are picked from cheaply, texts are not: they are read where they may tell something.
    fn may_tell_of_request(&self, view: &RecordView<'_>) -> bool {
        // A byte order mark may stand before it.
        let may_be_object = matches!(view.text.trim_ascii_start().first(), Some(b'{' | 0xef));
        may_be_object
            || view.layout.is_wrapped()
            || self.words.iter().any(|word| word.find(view.text).is_some())
    }
}

impl Slot {
    fn clear(&mut self) {
        self.first = First::Missing;
        self.text.clear();
        self.numbers.clear();
    }

    fn take(&mut self, value: Value<'_>) {
        self.numbers.extend(Number::of(value).map(Number::as_f64).filter(|number| number.is_finite()));
        if self.first != First::Missing {
            return;
        }
        self.first = match value {
            Value::Str(text) => {
                self.text.push_str(text);
                First::Text
            }
            Value::I64(n) => First::I64(n),
            Value::U64(n) => First::U64(n),
            Value::F64(n) => First::F64(n),
            Value::Bool(b) => First::Bool(b),
            Value::Null => First::Missing,
        };
    }

    fn take_of_source(&mut self, view: &RecordView<'_>) {
        if self.first == First::Missing
            && let Some(label) = view.resource.labels.get(&self.path).filter(|label| !label.is_empty())
        {
            self.take(Value::Str(label));
        }
    }
}

fn place_of<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    all.iter().position(is_it).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    })
}
