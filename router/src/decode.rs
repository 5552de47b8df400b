//! Turns journal records into what followers see: decompresses and looks at each record once. A pure function of the record
//! and of the sources opened before it.

use crate::journal::format::RecordHeader;
use logweir_base::batch::{BadBatch, Batch};
use logweir_base::entry::{Entry, EntryBody, SampleBatch};
use logweir_base::frame::{Content, Frame, Gap, KnownSource, Packed, Resource};
use logweir_base::ids::SourceId;
use logweir_base::parse::{Parser, look};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Knows where sources come from; keeps the parser's buffers.
pub(crate) struct Decoder {
    resources: BTreeMap<SourceId, Arc<Resource>>,
    parser: Parser,
}

impl Decoder {
    /// One that knows these sources.
    pub fn new<'a>(sources: impl Iterator<Item = &'a KnownSource>) -> Self {
        let mut decoder = Self { resources: BTreeMap::new(), parser: Parser::new() };
        sources.for_each(|known| decoder.know(known.open.source, &known.open.resource));
        decoder
    }

    /// Takes over what a record below the wanted position says of sources.
    pub fn learn(&mut self, frame: &Frame) {
        match frame {
            Frame::Open(open) => self.know(open.source, &open.resource),
            Frame::Snapshot(snapshot) => {
                snapshot.sources.iter().for_each(|known| self.know(known.open.source, &known.open.resource));
            }
            _ => {}
        }
    }

    /// The record as followers see it.
    pub fn entry(&mut self, header: &RecordHeader, frame: Frame) -> Entry {
        self.learn(&frame);
        let body = match frame {
            Frame::Batch(batch) => self.batch(&batch, header),
            Frame::Samples(packed) => samples(&packed),
            Frame::Gap(gap) => {
                let resource = self.resource(gap.source);
                EntryBody::Gap(gap, resource)
            }
            Frame::Open(open) => EntryBody::Open(open),
            Frame::Close(close) => EntryBody::Close(close),
            Frame::Tick { now } => EntryBody::Tick(now),
            Frame::Config { text, .. } => EntryBody::Config(text),
            Frame::Delete { id, query } => EntryBody::Delete { id, query },
            Frame::Action(action) => EntryBody::Action(action),
            _ => EntryBody::Other,
        };
        Entry { position: header.position, received: header.received, config: header.config, body }
    }

    /// S09: a batch that does not decompress, or that breaks the parser, becomes a gap: visible, counted, and the
    /// position moves on.
    fn batch(&mut self, batch: &Batch, header: &RecordHeader) -> EntryBody {
        let resource = self.resource(batch.source);
        let decoded = match resource.content {
            Content::Samples => chunks(batch).map_err(|bad| bad.to_string()),
            Content::Text => self.records(batch, resource.clone(), header),
        };
        let reason = match decoded {
            Ok(body) => return body,
            Err(reason) => reason,
        };
        let gap = Gap { source: batch.source, start: batch.first_start, end: batch.end(), reason };
        EntryBody::Gap(gap, resource)
    }

    fn records(
        &mut self,
        batch: &Batch,
        resource: Arc<Resource>,
        header: &RecordHeader,
    ) -> Result<EntryBody, String> {
        let parser = &mut self.parser;
        let looked = catch_unwind(AssertUnwindSafe(|| look(batch, resource, header.received, parser)));
        match looked {
            Ok(Ok(records)) => Ok(EntryBody::Records(records)),
            Ok(Err(bad)) => Err(bad.to_string()),
            Err(_) => {
                self.parser = Parser::new();
                Err("the parser broke on these lines".to_owned())
            }
        }
    }

    fn know(&mut self, source: SourceId, resource: &Arc<Resource>) {
        self.resources.insert(source, Arc::clone(resource));
    }

    fn resource(&self, source: SourceId) -> Arc<Resource> {
        self.resources.get(&source).cloned().unwrap_or_default()
    }
}

/// The chunks that a source of samples sent as its lines.
fn chunks(batch: &Batch) -> Result<EntryBody, BadBatch> {
    let mut text = batch.text()?;
    let chunks = batch.lines.iter().map(|line| text.split_to(line.text_len as usize)).collect();
    Ok(EntryBody::Samples(SampleBatch { source: Some(batch.source), chunks }))
}

/// What does not unpack has no chunk: its checksum held, so whoever packed it is at fault, and that is us.
fn samples(packed: &Packed) -> EntryBody {
    EntryBody::Samples(SampleBatch { source: None, chunks: packed.unpack().into_iter().collect() })
}
