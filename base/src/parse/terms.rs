//! The index side of the query language: every term a query may look for in a record. `hash` has the scheme.
//!
//! What is indexed: tokens of strings and canonical numbers of numbers and numeric strings, under their field's scope;
//! booleans; canonical trace, span and request ids; severity class, service, host, path and labels of the source.
//! What is not: the line's time (a query for it reads lines), nulls, the middle groups of UUIDs.

use super::RecordView;
use super::hash::{Scope, Term, id_of, pattern_word, severity_word};
use super::id::{canonical, is_padded};
use super::json::{Parser, Value};
use super::number::Number;
use super::read::FieldOrText;
use super::role::{Field, Role};
use super::tokens::tokens;
use crate::frame::Resource;
use crate::pattern::PatternId;
use std::ops::ControlFlow;

/// How a string is known to the index.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// By its tokens.
    ByTokens,
    /// It is one token of class Id in canonical form, so its entry is that of the id as well.
    AsId,
}

/// Hashes of the terms of one or more records, in no order and not deduplicated.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// For the dictionary: what records say themselves.
    pub words: Vec<u64>,
    /// For the dictionary: what their sources say of all their records, once for each stretch of one source.
    pub source_words: Vec<u64>,
    /// For the id table: tokens of which there are nearly as many as lines.
    pub ids: Vec<u64>,
    /// The words of the latest source, and whether they have been added since the last clear.
    resource: Resource,
    resource_words: Vec<u64>,
    resource_ids: Vec<u64>,
    resource_added: bool,
}

impl Terms {
    /// Forgets all terms; keeps the buffers.
    pub fn clear(&mut self) {
        self.words.clear();
        self.source_words.clear();
        self.ids.clear();
        self.resource_added = false;
    }

    /// Appends everything a query may look for in this record.
    pub fn add(&mut self, view: &RecordView<'_>, parser: &mut Parser) {
        self.add_and_show(view, parser, |_, _, _| {});
    }

    /// As [`Terms::add`]; shows `own` the fields of the application's own in passing: a hash of the path, the path, a value.
    pub fn add_and_show(
        &mut self,
        view: &RecordView<'_>,
        parser: &mut Parser,
        mut own: impl FnMut(u64, &str, Value<'_>),
    ) {
        let mut scratch = std::mem::take(&mut parser.scratch);
        self.add_view(view, &mut scratch);
        let mut is_text = false;
        parser.fields(view.text, view.layout, |said| {
            match said {
                FieldOrText::Text(text) => {
                    is_text = true;
                    let _ = self.add_text(Scope::text(), text, &mut scratch);
                }
                // All of the text is there already, as what it is.
                FieldOrText::Field(field, _) if is_text && is_piece_of_text(&field) => {}
                FieldOrText::Field(field, value) => {
                    if field.role.is_own() {
                        own(field.scope.hash(), field.path, value);
                    }
                    self.add_field(field, value, &mut scratch);
                }
            }
            ControlFlow::Continue(())
        });
        parser.scratch = scratch;
    }

    fn add_view(&mut self, view: &RecordView<'_>, scratch: &mut Vec<u8>) {
        self.words.push(severity_word(view.severity.class()));
        if view.pattern != PatternId::NONE {
            self.words.push(pattern_word(view.pattern));
        }
        self.add_text(Scope::service(), view.service, scratch);
        if !self.resource_added || self.resource != *view.resource {
            self.add_resource(view.resource, scratch);
        }
    }

    /// A source's words are the same on all its lines, so they are added once for the lines between two clears.
    fn add_resource(&mut self, resource: &Resource, scratch: &mut Vec<u8>) {
        if self.resource_words.is_empty() || self.resource != *resource {
            let mut own = Self::default();
            own.add_text(Scope::host(), &resource.host, scratch);
            own.add_text(Scope::of_path("file"), &resource.path, scratch);
            for (key, value) in &resource.labels {
                own.add_field(Field::of(key), Value::Str(value), scratch);
            }
            self.resource = resource.clone();
            self.resource_words = own.words;
            self.resource_ids = own.ids;
        }
        self.source_words.extend_from_slice(&self.resource_words);
        self.ids.extend_from_slice(&self.resource_ids);
        self.resource_added = true;
    }

    fn add_field(&mut self, field: Field<'_>, value: Value<'_>, scratch: &mut Vec<u8>) {
        let Field { role, scope, .. } = field;
        if role == Role::Time {
            return;
        }
        let is_id = matches!(role, Role::Trace | Role::Span | Role::Request);
        match value {
            Value::Str(text) => {
                let known = self.add_text(scope, text, scratch);
                if is_id && known == Known::ByTokens {
                    self.ids.extend(canonical(text, scratch).map(id_of));
                }
            }
            Value::Bool(true) => self.words.push(scope.word(b"true")),
            Value::Bool(false) => self.words.push(scope.word(b"false")),
            Value::I64(_) | Value::U64(_) | Value::F64(_) => {
                if let Some(number) = Number::of(value) {
                    self.add_term(scope.number(number));
                }
                if let (true, Value::U64(n)) = (is_id, value) {
                    self.ids.extend(canonical(&n.to_string(), scratch).map(id_of));
                }
            }
            Value::Null => {}
        }
    }

    /// Adds the tokens of a string, and the number it says.
    fn add_text(&mut self, scope: Scope, text: &str, scratch: &mut Vec<u8>) -> Known {
        let mut known = Known::ByTokens;
        let _ = tokens(text, scratch, |token| {
            let term = scope.token(token);
            if token.text.len() == text.len() && matches!(term, Term::Id(_)) && !is_padded(token.text) {
                known = Known::AsId;
            }
            self.add_term(term);
            ControlFlow::Continue(())
        });
        if let Some(number) = Number::from_text(text) {
            self.add_term(scope.number(number));
        }
        known
    }

    fn add_term(&mut self, term: Term) {
        match term {
            Term::Word(word) => self.words.push(word),
            Term::Id(id) => self.ids.push(id),
            Term::Skipped => {}
        }
    }
}

/// Whether what a layout finds in a text stands there as it is, and is looked for as text.
fn is_piece_of_text(field: &Field<'_>) -> bool {
    match field.role {
        Role::Body => true,
        Role::Exception => matches!(field.path, "exception.message" | "exception.stacktrace"),
        _ => false,
    }
}
