//! Scrapes: the pages of applications that tell their metrics when asked, as Prometheus does it.
//!
//! Each target is asked at its own moment of the interval, always the same. A scrape adds `up`, `scrape_duration_seconds` and
//! `scrape_samples_scraped`. A series that is no longer on the page, or whose target does not answer, ends with the stale
//! mark. Labels of the target (`job`, `instance`, those given, and the host's) win over those of the page, which become
//! `exported_job`.
//!
//! Limits: [`client::BODY_BYTES_MAX`] a page, and what is remembered of it: the labels of its series.

mod client;
#[cfg(test)]
mod tests;

use super::config::ScrapeTarget;
use super::emit::{Chunk, Emit, Metric};
use crate::identity::hash;
use logweir_base::metric::exposition::{self, Scraped};
use logweir_base::metric::samples::{Item, read};
use logweir_base::metric::{Kind, Labels, STALE};
use serde::Serialize;
use std::collections::HashMap;
use std::time::Duration;

const UP: Metric = Metric::gauge("up", "", "1 when the last scrape has succeeded, else 0.");
const DURATION: Metric = Metric::gauge("scrape_duration_seconds", "seconds", "Time the scrape took.");
const SCRAPED: Metric = Metric::gauge("scrape_samples_scraped", "", "Samples on the page.");
const METRICS: &[Metric] = &[UP, DURATION, SCRAPED];

/// A target as it was when it was asked last.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TargetStatus {
    /// Label `job`.
    pub job: String,
    /// Whom.
    pub url: String,
    /// Whether it has answered; `None` before it was asked.
    pub up: Option<bool>,
    /// Why it has not, or what is wrong with its page; empty when nothing is.
    pub last_error: String,
    /// Samples on its page.
    pub samples: u64,
    /// Lines of its page that were refused.
    pub refused: u64,
    /// Lines of all its pages that were refused, since the start.
    pub refused_total: u64,
    /// Milliseconds it took.
    pub duration_ms: u64,
}

/// What was on a page.
struct Page {
    chunks: Vec<Chunk>,
    samples: u64,
    refused: u64,
    fault: Option<String>,
}

/// A target, and what was on its page.
#[derive(Debug)]
pub struct Scraper {
    target: ScrapeTarget,
    emit: Emit,
    /// Series of the page before that have no times of their own.
    known: HashMap<Labels, Kind>,
    status: TargetStatus,
}

impl Scraper {
    /// Not asked yet. `emit` has the labels of the host.
    pub fn new(target: ScrapeTarget, mut emit: Emit) -> Self {
        emit.add_common(target.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let instance = instance(&target.url).to_owned();
        emit.add_common([("job", target.job.as_str()), ("instance", &instance)]);
        let (job, url) = (target.job.clone(), target.url.clone());
        let status = TargetStatus { job, url, ..TargetStatus::default() };
        Self { target, emit, known: HashMap::new(), status }
    }

    /// How it was.
    pub fn status(&self) -> &TargetStatus {
        &self.status
    }

    /// From `now_ms` to its next moment.
    pub fn until_next(&self, now_ms: i64) -> Duration {
        let moment = hash(format!("{} {}", self.target.job, self.target.url).as_bytes()) >> 1;
        let moment = i64::try_from(moment).unwrap_or(0);
        super::until_next(now_ms.wrapping_sub(moment), self.target.interval)
    }

    /// Asks it; never fails, and never takes longer than its timeout.
    pub async fn ask(&self) -> Result<Vec<u8>, String> {
        let late = |_| format!("no answer within {:?}", self.target.timeout);
        let page = client::get(&self.target.url, self.target.timeout);
        tokio::time::timeout(self.target.timeout, page).await.map_err(late).flatten()
    }

    /// What an answer means; `now_ms` is when it was asked for.
    pub fn take(&mut self, answer: Result<&[u8], String>, now_ms: i64, took: Duration) -> Vec<Chunk> {
        self.emit.at(now_ms);
        let before = std::mem::take(&mut self.known);
        let read = answer.and_then(|page| self.page(page, now_ms));
        self.status.up = Some(read.is_ok());
        self.status.duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        (self.status.samples, self.status.refused) = (0, 0);
        let mut chunks = Vec::new();
        match read {
            Ok(page) => {
                (self.status.samples, self.status.refused) = (page.samples, page.refused);
                self.status.last_error = page.fault.unwrap_or_default();
                self.known = series_at(&page.chunks, now_ms);
                chunks = page.chunks;
            }
            Err(why) => self.status.last_error = why,
        }
        self.end_series(&before, now_ms);
        self.emit.put(&UP, &[], f64::from(u8::from(self.status.up == Some(true))));
        self.emit.put(&DURATION, &[], took.as_secs_f64());
        self.emit.put(&SCRAPED, &[], self.status.samples as f64);
        chunks.extend(self.emit.take());
        chunks
    }

    /// What the metrics of scrapes mean; told with the first and then each hour.
    pub fn describe(&mut self) {
        self.emit.describe(METRICS);
    }

    /// A page without anything but faults is none.
    fn page(&mut self, page: &[u8], now_ms: i64) -> Result<Page, String> {
        let mut scraped = Scraped::default();
        self.emit.receive(|out, common| {
            scraped = exposition::read(page, now_ms, common, out);
            scraped.received.samples
        });
        let chunks = self.emit.take();
        let (samples, refused) = (scraped.received.samples, scraped.received.refused_total());
        self.status.refused_total += refused;
        // Without the line's number: it may be another each time, and would be news in the log.
        match scraped.first_fault.map(|(_, reason)| format!("a line of the page: {reason}")) {
            Some(fault) if samples == 0 => Err(fault),
            fault => Ok(Page { chunks, samples, refused, fault }),
        }
    }

    /// Those of `before` that are no longer known.
    fn end_series(&mut self, before: &HashMap<Labels, Kind>, now_ms: i64) {
        for (labels, kind) in before.iter().filter(|(labels, _)| !self.known.contains_key(*labels)) {
            self.emit.receive(|out, _| {
                out.samples(*kind, labels.view(), &[(now_ms, STALE)]);
                out.cut();
                1
            });
        }
    }
}

/// The series with a point at `time`: those whose page told no other. They end when they are no longer there.
fn series_at(chunks: &[Chunk], time: i64) -> HashMap<Labels, Kind> {
    let mut found = HashMap::new();
    for item in chunks.iter().flat_map(|chunk| read(&chunk.bytes)).flatten() {
        if let Item::Series { kind, labels, mut points } = item
            && points.any(|point| point.is_ok_and(|point| point.time == time))
        {
            found.insert(labels.to_owned(), kind);
        }
    }
    found
}

/// Host and port, as Prometheus names an instance.
fn instance(url: &str) -> &str {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    rest.split(['/', '?']).next().unwrap_or(rest)
}
