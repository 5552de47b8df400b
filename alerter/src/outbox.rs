//! What becomes of messages that wait: pauses between tries, and what waited for long is put together.

use crate::config::{Receiver, ReceiverKind};
use crate::configured::Configured;
use crate::memory::Memory;
use crate::notification::{Digest, Message, Page, Status};
use crate::tell;
use logweir_base::time::Timestamp;
use std::time::Duration;

/// Pause after the first try that failed; it doubles with each.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The longest pause.
const RETRY_MAX: Duration = Duration::from_secs(600);
/// Messages that waited for so long are sent as one.
const STALE_AFTER: Duration = Duration::from_secs(1_800);

/// Doubles with each try, and differs from message to message, so that not all come at once.
pub fn pause(tries: u32, id: &str) -> Duration {
    let longest = RETRY_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(RETRY_MAX);
    let sum = id.bytes().fold(tries, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    longest.mul_f64(0.5 + f64::from(sum % 1000) / 2000.0)
}

/// A05: what a receiver could not be told for long becomes one message, so that nobody reads of yesterday's alerts one by one.
/// Where incidents are kept, what is over already is left out instead.
pub fn put_together(configured: &Configured, receiver: &Receiver, now: Timestamp, memory: &mut Memory) {
    let prefix = format!("{}/", receiver.name);
    let mut waiting = memory.outbox.below(&prefix).peekable();
    if waiting.peek().is_none_or(|(_, it)| now.since(it.notification.at) < STALE_AFTER) {
        return;
    }
    let (mut pages, mut digests) = (Vec::new(), Vec::new());
    for (key, outgoing) in waiting {
        match &outgoing.notification.message {
            Message::Page(page) => pages.push((key.to_owned(), (**page).clone())),
            Message::Digest(digest) => digests.push((key.to_owned(), (**digest).clone())),
            Message::Storm(_) => {}
        }
    }
    join_digests(digests, memory);
    let gone: Vec<&str> = match receiver.kind {
        ReceiverKind::PagerDuty | ReceiverKind::Alertmanager => over_already(&pages),
        _ if pages.len() < 2 => Vec::new(),
        _ => pages.iter().map(|(key, _)| key.as_str()).collect(),
    };
    gone.iter().for_each(|key| drop(memory.outbox.remove(key)));
    if !gone.is_empty() && !matches!(receiver.kind, ReceiverKind::PagerDuty | ReceiverKind::Alertmanager) {
        let pages: Vec<Page> = pages.into_iter().map(|(_, page)| page).collect();
        tell::put(&receiver.name, Message::Storm(tell::storm(&pages, &configured.links)), now, memory);
    }
}

/// The latest digest of a name tells of the whole span; those before it are not sent.
fn join_digests(digests: Vec<(String, Digest)>, memory: &mut Memory) {
    for (key, digest) in &digests {
        let of_name = || digests.iter().filter(|(_, other)| other.name == digest.name);
        let is_last = of_name().next_back().is_some_and(|(last, _)| last == key);
        if !is_last {
            memory.outbox.remove(key);
        } else if let Some(outgoing) = memory.outbox.get_mut(key) {
            let from = of_name().map(|(_, other)| other.from).min().unwrap_or(digest.from);
            let whole = Digest { from, late: true, ..digest.clone() };
            outgoing.notification.message = Message::Digest(Box::new(whole));
        }
    }
}

/// Messages about episodes of which the beginning and the end both wait.
fn over_already(pages: &[(String, Page)]) -> Vec<&str> {
    let has = |episode: &str, status| {
        pages.iter().any(|(_, page)| page.episode == episode && page.status == status)
    };
    let is_over = |page: &Page| has(&page.episode, Status::Firing) && has(&page.episode, Status::Resolved);
    pages.iter().filter(|(_, page)| is_over(page)).map(|(key, _)| key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_ten_minutes_and_differ() {
        let check = |tries, least: u64, most: u64| {
            let pauses: Vec<_> = (0..20).map(|i| pause(tries, &i.to_string()).as_secs_f64()).collect();
            assert!(
                pauses.iter().all(|pause| (least as f64..=most as f64).contains(pause)),
                "{tries} {pauses:?}"
            );
            assert!(pauses.windows(2).any(|pair| pair[0] != pair[1]));
        };
        check(1, 2, 5);
        check(2, 5, 10);
        check(5, 40, 80);
        check(u32::MAX, 300, 600);
    }
}
