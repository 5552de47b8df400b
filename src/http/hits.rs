//! What pipes do with hits: the first so many, sorted by a field, some fields only, with the records around them.
//!
//! Limits: sorted hits are held in memory, up to [`HELD_BYTES_MAX`]; a record's neighbours are looked for among the
//! [`NEIGHBOURS_SEEN_MAX`] nearest records of its file.

use super::Api;
use super::hit::{extend_hit, write_hit};
use super::table::{write_columns, write_row};
use logweir_base::parse::Parser;
use logweir_base::pipe::{Cell, FieldReader, Named, Step};
use logweir_base::query::{Matcher, Query};
use logweir_base::time::Timestamp;
use logweir_indexer::{Hit, LineKey, Order, SearchRequest, SearchSummary};
use serde::Serialize;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

const HELD_BYTES_MAX: usize = 32 << 20;
const NEIGHBOURS_SEEN_MAX: u64 = 10_000;

/// What is done with hits.
#[derive(Default)]
pub(super) struct HitPlan {
    /// Hits looked for.
    pub(super) first: Option<u64>,
    sort: Option<(String, bool)>,
    /// Hits given, once they are sorted.
    limit: Option<u64>,
    fields: Option<Vec<String>>,
    context: u32,
}

impl HitPlan {
    /// The steps of a pipe, with the request's own limit behind them.
    pub(super) fn of(steps: &[Step], limit: Option<u64>) -> Self {
        let mut plan = Self::default();
        for step in steps {
            match step {
                Step::Limit(most) => plan.limit_to(*most),
                Step::Sort { field, descending } => plan.sort = Some((field.clone(), *descending)),
                Step::Fields(names) => plan.fields = Some(names.clone()),
                Step::Context(records) => plan.context = *records,
            }
        }
        limit.into_iter().for_each(|most| plan.limit_to(most));
        plan
    }

    fn limit_to(&mut self, most: u64) {
        let limit = if self.sort.is_some() { &mut self.limit } else { &mut self.first };
        *limit = Some(limit.map_or(most, |own| own.min(most)));
    }
}

/// Writes hits as a plan says.
pub(super) struct HitWriter<'a> {
    api: &'a Api,
    plan: &'a HitPlan,
    request: &'a SearchRequest,
    parser: Parser,
    /// Tells neighbours that are hits themselves.
    matcher: Matcher,
    /// Of the fields that are shown, and behind them the one that is sorted by.
    reader: FieldReader,
    held: Vec<Held>,
    held_bytes: usize,
    left_out: u64,
    /// Records shown around hits, and hits.
    shown: BTreeSet<LineKey>,
    /// What is to be sent.
    pub(super) buffer: Vec<u8>,
}

/// A hit that waits for its place.
struct Held {
    key: Cell,
    json: Vec<u8>,
}

/// Tells a neighbour from a hit.
#[derive(Serialize)]
struct Neighbour {
    context: bool,
}

impl<'a> HitWriter<'a> {
    pub(super) fn new(api: &'a Api, plan: &'a HitPlan, request: &'a SearchRequest) -> Self {
        let fields = plan.fields.iter().flatten().chain(plan.sort.iter().map(|(field, _)| field));
        let mut writer = Self {
            api,
            plan,
            request,
            parser: Parser::new(),
            matcher: Matcher::new(&request.query),
            reader: FieldReader::new(fields.map(|name| Named::of(name)).collect()),
            held: Vec::new(),
            held_bytes: 0,
            left_out: 0,
            shown: BTreeSet::new(),
            buffer: Vec::new(),
        };
        if let Some(fields) = &plan.fields {
            write_columns(&mut writer.buffer, fields);
        }
        writer
    }

    /// Writes a hit, or holds it until all are there.
    pub(super) fn take(&mut self, hit: &Hit<'_>) {
        if self.plan.context > 0 {
            return self.write_with_context(hit);
        }
        let Some((_, descending)) = &self.plan.sort else {
            let mut out = std::mem::take(&mut self.buffer);
            self.write(hit, &mut out);
            self.buffer = out;
            return;
        };
        let mut json = Vec::new();
        self.write(hit, &mut json);
        let fields = self.plan.fields.as_ref().map_or(0, Vec::len);
        if self.plan.fields.is_none() {
            self.reader.read(&hit.view);
        }
        let key = self.reader.text(fields).map_or(Cell::Missing, |text| Cell::Text(text.to_owned()));
        self.hold(Held { key, json }, *descending);
    }

    /// Writes what was held. What had no room is said in `summary`.
    pub(super) fn finish(&mut self, summary: &mut SearchSummary) {
        if let Some((_, descending)) = &self.plan.sort {
            self.sort(*descending);
            self.held.iter().for_each(|held| self.buffer.extend_from_slice(&held.json));
        }
        if self.left_out > 0 {
            summary.partial = true;
            let why = format!(
                "{} hits had no room to be sorted: narrow the query, or add `| limit N`",
                self.left_out
            );
            summary.errors.push(why);
        }
    }

    fn write(&mut self, hit: &Hit<'_>, out: &mut Vec<u8>) {
        match &self.plan.fields {
            None => write_hit(out, hit, &mut self.parser),
            Some(fields) => {
                self.reader.read(&hit.view);
                let cell =
                    |at| self.reader.text(at).map_or(Cell::Missing, |text| Cell::Text(text.to_owned()));
                let row: Vec<Cell> = (0..fields.len()).map(cell).collect();
                write_row(out, fields, &row);
            }
        }
    }

    /// Keeps as many as are wanted; what is beyond is let go from time to time.
    fn hold(&mut self, held: Held, descending: bool) {
        let most = self.plan.limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        self.held_bytes += held.json.len() + size_of::<Held>();
        self.held.push(held);
        if self.held.len() >= most.saturating_mul(2).max(1024) || self.held_bytes > HELD_BYTES_MAX {
            self.sort(descending);
            while self.held_bytes > HELD_BYTES_MAX / 2 {
                let Some(last) = self.held.pop() else { break };
                self.held_bytes -= last.json.len() + size_of::<Held>();
                self.left_out += u64::from(self.held.len() < most);
            }
        }
    }

    fn sort(&mut self, descending: bool) {
        self.held.sort_by(|a, b| a.key.compare(&b.key, descending));
        let most = self.plan.limit.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
        self.held.truncate(most);
        self.held_bytes = self.held.iter().map(|held| held.json.len() + size_of::<Held>()).sum();
    }

    /// A hit among its neighbours, oldest first; each record is shown once.
    fn write_with_context(&mut self, hit: &Hit<'_>) {
        let before = self.neighbours(hit, Order::Newest);
        let after = self.neighbours(hit, Order::Oldest);
        for (key, json) in before.into_iter().rev() {
            self.write_once(key, &json);
        }
        let mut json = Vec::new();
        write_hit(&mut json, hit, &mut self.parser);
        self.write_once(hit.key(), &json);
        for (key, json) in after {
            self.write_once(key, &json);
        }
    }

    fn write_once(&mut self, key: LineKey, json: &[u8]) {
        if self.shown.insert(key) {
            self.buffer.extend_from_slice(json);
        }
    }

    /// Whether the request asks for records of this time, beside what its query says.
    fn is_in_time(&self, time: Timestamp) -> bool {
        self.request.since.is_none_or(|since| time >= since)
            && self.request.until.is_none_or(|until| time < until)
    }

    /// The records of the hit's source before it (newest first) or after it (oldest first).
    fn neighbours(&self, hit: &Hit<'_>, order: Order) -> Vec<(LineKey, Vec<u8>)> {
        let (source, key) = (hit.source, hit.key());
        let file = hit.view.resource.path.replace('\\', "\\\\").replace('"', "\\\"");
        let query: Query = format!("file:\"{file}\"").parse().unwrap_or_else(|_| Query::all());
        let time = hit.view.time;
        let request = SearchRequest {
            since: (order == Order::Oldest).then_some(time),
            until: (order == Order::Newest).then_some(Timestamp(time.0.saturating_add(1))),
            order,
            limit: Some(NEIGHBOURS_SEEN_MAX),
            deadline: self.request.deadline,
            cancel: self.request.cancel.clone(),
            query,
        };
        let (mut parser, mut matcher, mut found) = (Parser::new(), self.matcher.clone(), Vec::new());
        self.api.store.search(&request, &mut |other| {
            let is_beyond = if order == Order::Newest { other.key() < key } else { other.key() > key };
            if other.source == source && is_beyond {
                let (mut json, mut marked) = (Vec::new(), Vec::new());
                write_hit(&mut json, other, &mut parser);
                if !(self.is_in_time(other.view.time) && matcher.matches(&other.view)) {
                    extend_hit(&mut marked, &json, &Neighbour { context: true });
                }
                found.push((other.key(), if marked.is_empty() { json } else { marked }));
            }
            let enough = found.len() >= self.plan.context as usize;
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }
}
