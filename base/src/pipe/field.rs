//! Reading the fields that pipes name, several of them in one reading of a record.

use crate::parse::{FieldOrText, Number, Parser, RecordView, Role, Severity, Value, canonical};
use crate::pattern::PatternId;
use std::io::Write;
use std::ops::ControlFlow;

/// What a field's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// The class of the severity: `ERROR`.
    Level,
    /// The service.
    Service,
    /// The path of the source.
    File,
    /// The pattern of the message.
    Pattern,
    /// The time.
    Time,
    /// A field that plays a part, under whatever key.
    Role(Role),
    /// A field by its path, else the source's label of that name.
    Path(String),
}

impl Named {
    /// What `name` stands for.
    pub fn of(name: &str) -> Self {
        match name {
            "level" => Self::Level,
            "service" => Self::Service,
            "file" => Self::File,
            "pattern" => Self::Pattern,
            "time" => Self::Time,
            "host" => Self::Role(Role::Host),
            "user" => Self::Role(Role::User),
            "trace" => Self::Role(Role::Trace),
            "message" | "body" => Self::Role(Role::Body),
            path => Self::Path(path.to_owned()),
        }
    }

    /// Whether severity and service of a record decide it.
    pub fn is_of_head(&self) -> bool {
        matches!(self, Self::Level | Self::Service)
    }

    fn needs_record(&self) -> bool {
        matches!(self, Self::Role(_) | Self::Path(_))
    }
}

/// The text of severity and the like, for those that [`Named::is_of_head`].
pub(super) fn text_of_head<'a>(named: &Named, severity: Severity, service: &'a str) -> Option<&'a str> {
    let text = match named {
        Named::Level => severity.text(),
        Named::Service => service,
        _ => "",
    };
    Some(text).filter(|text| !text.is_empty())
}

/// Reads some fields of records; keeps its buffers.
#[derive(Debug)]
pub struct FieldReader {
    fields: Vec<Named>,
    found: Vec<Found>,
    parser: Parser,
    scratch: Vec<u8>,
}

#[derive(Debug, Default, Clone)]
struct Found {
    text: Vec<u8>,
    has_text: bool,
    numbers: Vec<f64>,
}

impl FieldReader {
    /// A reader of these fields.
    pub fn new(fields: Vec<Named>) -> Self {
        let found = vec![Found::default(); fields.len()];
        Self { fields, found, parser: Parser::new(), scratch: Vec::new() }
    }

    /// Reads a record; what was found in the one before is forgotten.
    pub fn read(&mut self, view: &RecordView<'_>) {
        for (named, found) in self.fields.iter().zip(&mut self.found) {
            found.clear();
            found.take_of_view(named, view);
        }
        if self.fields.iter().any(Named::needs_record) {
            self.read_record(view);
            self.read_source(view);
        }
    }

    /// The first value of field number `at`, as text.
    pub fn text(&self, at: usize) -> Option<&str> {
        let found = &self.found[at];
        found.has_text.then(|| std::str::from_utf8(&found.text).expect("only text is put there"))
    }

    /// All numbers of field number `at`.
    pub fn numbers(&self, at: usize) -> &[f64] {
        &self.found[at].numbers
    }

    fn read_record(&mut self, view: &RecordView<'_>) {
        let Self { fields, found, parser, scratch } = self;
        parser.fields(view.text, view.layout, |said| {
            if let FieldOrText::Field(field, value) = said {
                for (named, found) in fields.iter().zip(found.iter_mut()) {
                    match named {
                        Named::Path(path) if path == field.path => found.take(value),
                        Named::Role(role) if *role == field.role => found.take_as(*role, value, scratch),
                        _ => {}
                    }
                }
            }
            ControlFlow::Continue(())
        });
    }

    /// What the record does not say its source may.
    fn read_source(&mut self, view: &RecordView<'_>) {
        for (named, found) in self.fields.iter().zip(&mut self.found).filter(|(_, found)| !found.has_text) {
            let value = match named {
                Named::Role(Role::Host) => Some(view.resource.host.as_str()),
                Named::Path(path) => view.resource.labels.get(path).map(String::as_str),
                _ => None,
            };
            value
                .filter(|value| !value.is_empty())
                .into_iter()
                .for_each(|value| found.take(Value::Str(value)));
        }
    }
}

impl Found {
    fn clear(&mut self) {
        self.text.clear();
        self.has_text = false;
        self.numbers.clear();
    }

    fn take_of_view(&mut self, named: &Named, view: &RecordView<'_>) {
        let written = match named {
            Named::Level | Named::Service => {
                text_of_head(named, view.severity, view.service)
                    .into_iter()
                    .for_each(|text| self.take(Value::Str(text)));
                return;
            }
            Named::File => return self.take(Value::Str(&view.resource.path)),
            Named::Time => write!(self.text, "{}", view.time),
            Named::Pattern if view.pattern != PatternId::NONE => write!(self.text, "{}", view.pattern),
            Named::Pattern | Named::Role(_) | Named::Path(_) => return,
        };
        written.expect("memory takes writes");
        self.has_text = true;
    }

    fn take(&mut self, value: Value<'_>) {
        self.numbers.extend(Number::of(value).map(Number::as_f64).filter(|number| number.is_finite()));
        if self.has_text || value == Value::Null {
            return;
        }
        self.has_text = true;
        let written = match value {
            Value::Str(text) => self.text.write_all(text.as_bytes()),
            Value::I64(n) => write!(self.text, "{n}"),
            Value::U64(n) => write!(self.text, "{n}"),
            Value::F64(n) => write!(self.text, "{n}"),
            Value::Bool(b) => write!(self.text, "{b}"),
            Value::Null => Ok(()),
        };
        written.expect("memory takes writes");
    }

    /// Ids of traces are one whatever their spelling.
    fn take_as(&mut self, role: Role, value: Value<'_>, scratch: &mut Vec<u8>) {
        match value {
            Value::Str(text) if role == Role::Trace && !self.has_text => {
                if let Some(id) = canonical(text, scratch).and_then(|id| std::str::from_utf8(id).ok()) {
                    self.has_text = true;
                    self.text.extend_from_slice(id.as_bytes());
                }
            }
            value => self.take(value),
        }
    }
}
