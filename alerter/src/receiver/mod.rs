//! What a notification looks like for each kind of receiver: pure functions from data to bytes. Who sends them knows no shapes.
//!
//! One file a receiver. `view` cuts and cleans what is shown, `templates` lay it out for mail, `trend` draws, `text` makes
//! hostile text fit to be shown.
//!
//! Limits: a mail has less than [`MAIL_BYTES_MAX`], a body of HTTP at most [`HTTP_BYTES_MAX`]; items that do not fit are left
//! out and counted. Deliberately absent: sockets, clocks, randomness (the same notification gives the same mail, byte for byte).

mod alertmanager;
mod email;
mod pagerduty;
mod slack;
mod templates;
mod text;
mod trend;
mod view;
mod webhook;

pub use templates::Templates;

use crate::config::{Receiver, ReceiverKind};
use crate::notification::{Message, Notification};
use logweir_base::time::Timestamp;
use serde::Serialize;
use std::fmt;

/// Bytes of a mail: Gmail cuts the display at some 102 KB.
pub const MAIL_BYTES_MAX: usize = 100_000;
/// Bytes of a body of HTTP: PagerDuty's limit of an event; no other receiver has a smaller one.
pub const HTTP_BYTES_MAX: usize = 512_000;

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// What a secret file holds; blanks around it are none of it.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text, for who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What the files of a receiver hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Secrets {
    /// `url_file`
    pub url: Option<Secret>,
    /// `secret_file`
    pub secret: Option<Secret>,
}

/// What it takes beside the notification to render it.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Of the receiver.
    pub secrets: &'a Secrets,
    /// For mail.
    pub templates: &'a Templates,
    /// Name of this host, for the default sender.
    pub host: &'a str,
    /// Where people reach this server, as in `[alerts]`.
    pub url: Option<&'a str>,
    /// When it is sent: part of a webhook's signature, so that nobody sends it again later.
    pub now: Timestamp,
}

/// What is to be sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Outgoing {
    /// By SMTP.
    Mail {
        /// Sender of the envelope.
        from: String,
        /// Recipients of the envelope.
        to: Vec<String>,
        /// Headers and body.
        bytes: Vec<u8>,
    },
    /// By POST.
    Http {
        /// Where to; may be a secret.
        url: String,
        /// Header names in lower case, and values.
        headers: Vec<(String, String)>,
        /// JSON; may hold a key.
        body: Vec<u8>,
    },
}

/// Says nothing of what may be a secret.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail { to, bytes, .. } => write!(f, "mail of {} bytes to {}", bytes.len(), to.join(", ")),
            Self::Http { body, .. } => write!(f, "request of {} bytes", body.len()),
        }
    }
}

/// Why there is nothing to send. Trying again does not help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RenderError {
    /// The receiver takes no such messages; see [`takes`].
    NotTaken,
    /// The receiver's configuration is at fault.
    Setting(String),
    /// A template is.
    Template(String),
    /// It has more bytes than the receiver takes, with all lists empty.
    TooLarge(usize),
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTaken => f.write_str("this kind of receiver takes no such message"),
            Self::Setting(why) | Self::Template(why) => f.write_str(why),
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes are more than the receiver takes"),
        }
    }
}

impl std::error::Error for RenderError {}

/// Whether a kind of receiver takes a message. PagerDuty is for what somebody has to act on: it takes no digest.
pub fn takes(kind: ReceiverKind, message: &Message) -> bool {
    takes_digests(kind) || !matches!(message, Message::Digest(_))
}

/// Whether a kind of receiver takes digests.
pub fn takes_digests(kind: ReceiverKind) -> bool {
    kind != ReceiverKind::PagerDuty
}

/// What a notification looks like for a receiver.
pub fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    if !takes(receiver.kind, &notification.message) {
        return Err(RenderError::NotTaken);
    }
    let render = match receiver.kind {
        ReceiverKind::Email => email::render,
        ReceiverKind::PagerDuty => pagerduty::render,
        ReceiverKind::Alertmanager => alertmanager::render,
        ReceiverKind::Webhook => webhook::render,
        ReceiverKind::Slack => slack::render,
    };
    render(notification, receiver, means)
}

/// Subject and text of the mail that tells a message, as people read it.
pub fn mail_text(message: &Message, templates: &Templates) -> Result<String, RenderError> {
    email::text(message, templates)
}

/// The receiver's URL: of its file, else of its configuration.
fn url(receiver: &Receiver, means: Means<'_>) -> Result<String, RenderError> {
    let secret = means.secrets.url.as_ref().map(Secret::expose);
    let missing = || RenderError::Setting(format!("receiver {}: url is missing", receiver.name));
    secret.or(receiver.url.as_deref()).map(str::to_owned).ok_or_else(missing)
}

fn post(url: String, headers: Vec<(String, String)>, body: Vec<u8>) -> Result<Outgoing, RenderError> {
    if body.len() > HTTP_BYTES_MAX {
        return Err(RenderError::TooLarge(body.len()));
    }
    let json = ("content-type".to_owned(), "application/json".to_owned());
    Ok(Outgoing::Http { url, headers: [vec![json], headers].concat(), body })
}

fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("plain data whose keys are texts")
}
