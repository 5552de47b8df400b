//! Sends what waits in the alerter's outbox: a thread that looks each half second, and one for each receiver that is being sent
//! to, so that a receiver which hangs holds up nobody else.
//!
//! A message is taken out of the outbox when its receiver has said that it has it. A crash between the two sends it once
//! more, under the same id.

mod guard;
mod http;
mod smtp;

use crate::terminal::note;
use guard::Guard;
use logweir_alerter::config::{Receiver, ReceiverKind};
use logweir_alerter::memory::Outgoing as Waiting;
use logweir_alerter::receiver::{Means, Outgoing, Secret, Secrets, Templates, render};
use logweir_alerter::{Configured, Reader, Sent};
use logweir_base::time::{Clock, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often it is looked for messages.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// From connecting to the answer.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of a file that holds a secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;
/// Messages a minute when nothing else is said.
const RATE_MAX: u32 = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// The sender.
pub struct Notifier {
    reader: Reader,
    clock: Arc<dyn Clock>,
    /// Receivers that are being sent to.
    busy: BTreeMap<String, JoinHandle<()>>,
    /// When each was sent to in the last minute.
    sent: BTreeMap<String, VecDeque<Instant>>,
    /// When the last sign of life was sent.
    lived: Option<Instant>,
    standstill: Standstill,
}

/// Notices that no tick comes, by its own looks and not by the clock: when the server was down or asleep it has not looked, and
/// nothing stood still (C07).
#[derive(Default)]
struct Standstill {
    ticked: Option<Timestamp>,
    looks: u32,
}

impl Standstill {
    /// Looks once more; for how long the last tick has been this one.
    fn look(&mut self, ticked: Option<Timestamp>) -> Duration {
        let is_same = std::mem::replace(&mut self.ticked, ticked) == ticked;
        self.looks = if is_same { self.looks.saturating_add(1) } else { 0 };
        LOOK_EVERY.saturating_mul(self.looks)
    }
}

impl Notifier {
    /// Sends what is in this alerter's outbox.
    pub fn new(reader: Reader, clock: Arc<dyn Clock>) -> Self {
        Self {
            reader,
            clock,
            busy: BTreeMap::new(),
            sent: BTreeMap::new(),
            lived: None,
            standstill: Standstill::default(),
        }
    }

    /// Sends until told to stop, which dropping the other end does.
    pub fn run(mut self, stop: &crossbeam::channel::Receiver<()>) {
        while stop.recv_timeout(LOOK_EVERY) == Err(crossbeam::channel::RecvTimeoutError::Timeout) {
            self.look();
        }
    }

    fn look(&mut self) {
        let now = self.clock.now();
        self.busy.retain(|_, sending| !sending.is_finished());
        let stands = self.standstill.look(self.reader.ticked());
        let is_stale = stands >= self.reader.configured().alerts.stale_after.0;
        let told = if is_stale { self.reader.tell_standstill(now) } else { Ok(()) };
        let due = told.and_then(|()| self.reader.due(now));
        let due = due.unwrap_or_else(|e| {
            note(&format!("error: {e}"));
            Vec::new()
        });
        for (key, receiver, waiting) in due {
            if !self.busy.contains_key(&receiver.name) && self.has_room(&receiver) {
                self.start(key, receiver, waiting);
            }
        }
        if !is_stale {
            self.live();
        }
    }

    fn has_room(&mut self, receiver: &Receiver) -> bool {
        let sent = self.sent.entry(receiver.name.clone()).or_default();
        while sent.front().is_some_and(|at| at.elapsed() >= MINUTE) {
            sent.pop_front();
        }
        let has_room = sent.len() < receiver.rate_max.unwrap_or(RATE_MAX) as usize;
        if has_room {
            sent.push_back(Instant::now());
        }
        has_room
    }

    fn start(&mut self, key: String, receiver: Receiver, waiting: Waiting) {
        let (reader, clock, name) = (self.reader.clone(), self.clock.clone(), receiver.name.clone());
        let work = move || {
            let how = send(&reader.configured(), &receiver, &waiting, &*clock);
            if let Sent::Refused { reason } | Sent::Later { reason, .. } = &how {
                note(&format!("receiver {}: {reason}", receiver.name));
            }
            // What cannot be noted is sent again, under the same id.
            if let Err(e) = reader.sent(&key, how, clock.now()) {
                note(&format!("error: {e}"));
            }
        };
        if let Ok(thread) = std::thread::Builder::new().name("send".to_owned()).spawn(work) {
            self.busy.insert(name, thread);
        }
    }

    /// A13: a watcher elsewhere pages when this stays away, which it does too when the alerter does not follow the journal.
    fn live(&mut self) {
        let configured = self.reader.configured();
        let Some(url) = configured.alerts.heartbeat_url.clone() else { return };
        if self.lived.is_some_and(|at| at.elapsed() < MINUTE) {
            return;
        }
        self.lived = Some(Instant::now());
        let guard = Guard::new(&configured.alerts.allow_private);
        let work = move || {
            if let Sent::Refused { reason } | Sent::Later { reason, .. } =
                http::get(&url, guard, SEND_TIMEOUT)
            {
                note(&format!("heartbeat_url: {reason}"));
            }
        };
        // Without a thread the watcher elsewhere will say so.
        let _ = std::thread::Builder::new().name("live".to_owned()).spawn(work);
    }
}

/// Renders and sends a message.
fn send(configured: &Configured, receiver: &Receiver, waiting: &Waiting, clock: &dyn Clock) -> Sent {
    let rendered = rendered(configured, receiver, waiting, clock);
    match rendered {
        Ok(Outgoing::Mail { from, to, bytes }) => {
            let secret = secrets_of(receiver).ok().and_then(|secrets| secrets.secret);
            smtp::send(receiver, secret.as_ref(), &from, &to, &bytes, SEND_TIMEOUT)
        }
        Ok(Outgoing::Http { url, headers, body }) => {
            http::post(&url, &headers, &body, Guard::new(&configured.alerts.allow_private), SEND_TIMEOUT)
        }
        // A file may be put right while the message waits.
        Err(reason) => Sent::Later { reason, after: None },
    }
}

fn rendered(
    configured: &Configured,
    receiver: &Receiver,
    waiting: &Waiting,
    clock: &dyn Clock,
) -> Result<Outgoing, String> {
    let secrets = secrets_of(receiver)?;
    let templates = match receiver.kind {
        ReceiverKind::Email => {
            Templates::load(configured.alerts.templates.as_deref()).map_err(|e| e.to_string())?
        }
        _ => Templates::load(None).map_err(|e| e.to_string())?,
    };
    let host = logweir_shipper::config::host_name();
    let means = Means {
        secrets: &secrets,
        templates: &templates,
        host: &host,
        url: Some(&configured.links.0),
        now: clock.now(),
    };
    render(&waiting.notification, receiver, means).map_err(|e| e.to_string())
}

fn secrets_of(receiver: &Receiver) -> Result<Secrets, String> {
    let read = |path: &Option<std::path::PathBuf>| path.as_deref().map(read_secret).transpose();
    Ok(Secrets { url: read(&receiver.url_file)?, secret: read(&receiver.secret_file)? })
}

fn read_secret(path: &Path) -> Result<Secret, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let read = file.take(SECRET_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(Secret::new(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that was down for an hour told at its start that nothing arrives.
    #[test]
    fn what_stands_still_is_what_was_looked_at_and_did_not_move() {
        let mut standstill = Standstill::default();
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let mut check = |ticked, expected: u64| {
            assert_eq!(standstill.look(ticked), Duration::from_millis(expected), "{ticked:?}");
        };
        check(at(10), 0);
        check(at(10), 500);
        check(at(10), 1_000);
        check(at(3_610), 0);
        check(at(3_610), 500);
    }
}
