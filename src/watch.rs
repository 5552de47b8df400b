//! What the server looks at while records pass.
//!
//! Heartbeats: each shipper writes a line of its own every ten seconds, and here it is searched for, so that what a line takes
//! from being written to being found is measured all the way, host by host. Clocks of hosts that differ from ours show in it.
//!
//! A configuration that the journal could not take at the start, because its disk was full: it is tried again, and until then
//! logs are counted by the rules of before.
//!
//! Errors of the metrics store, such as a budget of series that is used up, and what does not work of this process' shipper: an
//! address of StatsD, the target of a scrape. Each is told once, in the log and in the status, and again when it has been away.

use crate::http::Api;
use crate::terminal::note;
use logweir_base::entry::{EntryBody, RecordBatch};
use logweir_base::ids::Position;
use logweir_base::query::Query;
use logweir_base::time::Timestamp;
use logweir_indexer::SearchRequest;
use logweir_router::Step;
use logweir_shipper::meter::HEARTBEAT;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long to wait for the next record of the journal before looking whether there is more to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A search that takes longer is slow news: it counts as if it had found the line then.
const SEARCH_MAX: Duration = Duration::from_secs(10);

/// Follows the journal until the router stops. What leaves memory unread is passed over: it would say nothing of now.
pub fn watch(api: &Api, mut unjournaled: Option<String>) {
    let feed = api.router.feed();
    let mut after = api.router.durable();
    let mut told = Vec::new();
    loop {
        match feed.next(after, LOOK_EVERY) {
            Step::Entry(entry) => {
                after = entry.position;
                match &entry.body {
                    EntryBody::Records(batch) => time_heartbeats(batch, entry.position, api),
                    EntryBody::Tick(_) => {
                        tell_errors(api, &mut told);
                        unjournaled = journal(api, unjournaled);
                    }
                    _ => {}
                }
            }
            Step::Behind => after = api.router.durable(),
            Step::Idle => unjournaled = journal(api, unjournaled),
            Step::Closed => return,
        }
    }
}

/// Journals a configuration; what is left to be journaled.
fn journal(api: &Api, config: Option<String>) -> Option<String> {
    config.filter(|text| api.router.append_config(text.clone()).is_none())
}

/// Tells what was not told yet. The store keeps its latest few, and there are as many listeners and targets as are configured, so
/// this list is as short.
fn tell_errors(api: &Api, told: &mut Vec<String>) {
    let mut errors = api.metrics.0.status().errors;
    errors.extend(api.shipper.snapshot().meter.troubles());
    for error in errors.iter().filter(|error| !told.contains(error)) {
        note(&format!("metrics: {error}"));
        api.router.note_error(format!("metrics: {error}"));
    }
    *told = errors;
}

fn time_heartbeats(batch: &RecordBatch, position: Position, api: &Api) {
    if batch.resource.path == HEARTBEAT {
        for written in batch.records.iter().map(|record| record.time) {
            if is_found(batch, written, position, api) {
                api.latencies.end_to_end(&batch.resource.host, api.clock.now().since(written));
            }
        }
    }
}

/// Searches as anybody would.
fn is_found(batch: &RecordBatch, written: Timestamp, position: Position, api: &Api) -> bool {
    let Ok(query) = HEARTBEAT.parse::<Query>() else {
        return false;
    };
    api.store.wait_covers(position, SEARCH_MAX);
    let request = SearchRequest {
        since: Some(written),
        until: Some(Timestamp(written.0.saturating_add(1))),
        deadline: Some(SEARCH_MAX),
        ..SearchRequest::of(query)
    };
    let mut found = false;
    api.store.search(&request, &mut |hit| {
        found |= hit.source == batch.source;
        if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    found
}
