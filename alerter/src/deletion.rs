//! A deletion takes what lines said out of the alerter too: the sample and the message of groups whose first occurrence it finds, and
//! what was told of them. Counts and traces of a group stay, as derived counts do elsewhere.
//!
//! Only the first occurrence of a group is kept as text, so it is all there is to judge. One that was cut is taken to match: what is
//! gone of it cannot be judged any more.

use crate::group::{Group, GroupId, SAMPLE_BYTES_MAX};
use crate::memory::Memory;
use crate::notification::{Digest, Evidence, Message, Page};
use bytes::Bytes;
use logweir_base::batch::{Batch, BatchLine, Codec, LineMeta};
use logweir_base::frame::Resource;
use logweir_base::ids::{Epoch, Offset, SourceId};
use logweir_base::parse::{Parser, look};
use logweir_base::query::{Matcher, Query};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Stands where a text was.
const GONE: &str = "(deleted)";
/// A sample is shorter than this unless it was cut, between characters.
const WHOLE_BYTES: usize = SAMPLE_BYTES_MAX - 4;

/// Takes out what a query finds; whether there was any.
pub fn delete(query: &Query, memory: &mut Memory) -> bool {
    let mut matcher = Matcher::new(query);
    let mut parser = Parser::new();
    let found = memory.groups.iter().filter(|(_, group)| {
        !group.sample.is_empty()
            && (group.sample.len() > WHOLE_BYTES || matches(group, &mut matcher, &mut parser))
    });
    let found: BTreeSet<GroupId> = found.map(|(id, _)| id).collect();
    for id in &found {
        memory.groups.change(*id, |group| {
            group.sample.clear();
            GONE.clone_into(&mut group.message);
        });
    }
    let names: BTreeSet<String> = found.iter().map(GroupId::to_string).collect();
    let is_of = |group: &Option<String>| group.as_ref().is_some_and(|group| names.contains(group));
    let mut episodes = BTreeSet::new();
    memory.episodes.change_each(|id, episode| {
        let is_found = is_of(&episode.group);
        if is_found {
            GONE.clone_into(&mut episode.summary);
            episode.annotations.clear();
            episodes.insert(id.to_owned());
        }
        is_found
    });
    memory.outbox.change_each(|_, it| match &mut it.notification.message {
        Message::Page(page) if episodes.contains(&page.episode) => clear_page(page),
        Message::Page(_) => false,
        Message::Digest(digest) => clear_entries(digest, &names),
        // What a storm quotes is not told apart by group.
        Message::Storm(storm) => !found.is_empty() && !std::mem::take(&mut storm.examples).is_empty(),
    });
    !found.is_empty()
}

fn clear_page(page: &mut Page) -> bool {
    GONE.clone_into(&mut page.summary);
    page.annotations.clear();
    page.evidence = Evidence::default();
    true
}

fn clear_entries(digest: &mut Digest, groups: &BTreeSet<String>) -> bool {
    let entries = digest.sections.iter_mut().flat_map(|section| &mut section.entries);
    entries
        .filter(|entry| groups.contains(&entry.group))
        .map(|entry| GONE.clone_into(&mut entry.message))
        .count()
        > 0
}

/// Whether the query finds the group's first occurrence, read again as the router read it.
fn matches(group: &Group, matcher: &mut Matcher, parser: &mut Parser) -> bool {
    let Ok(len) = u32::try_from(group.sample.len()) else { return true };
    let batch = Batch {
        source: SourceId([0; 16]),
        epoch: Epoch(0),
        first_start: Offset(0),
        lines: vec![BatchLine { range_len: len, text_len: len, meta: LineMeta::default() }],
        codec: Codec::None,
        text_len: len,
        payload: Bytes::copy_from_slice(group.sample.as_bytes()),
    };
    let host = group.hosts.names.first().cloned().unwrap_or_default();
    let labels = group.services.names.first().map(|service| ("service".to_owned(), service.clone()));
    let resource = Resource { host, labels: labels.into_iter().collect(), ..Resource::default() };
    let batch = look(&batch, Arc::new(resource), group.first, parser);
    batch.is_ok_and(|batch| batch.records.iter().any(|record| matcher.matches(&batch.view(record))))
}
