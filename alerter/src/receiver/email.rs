//! Mail: text and HTML, with pictures of trends that the HTML shows by content-id.
//!
//! ```text
//! multipart/alternative
//!   text/plain
//!   multipart/related
//!     text/html
//!     image/png ...      one for each trend that is different
//! ```
//! The same notification gives the same bytes, Message-ID included, so a mail that is sent twice is one to the reader's program.
//! Mails of an episode, and digests of a name, answer a message that was never sent: programs put mails that answer the same one
//! into a thread, and nobody has to remember which mail was the first.
//!
//! Limits: [`MAIL_BYTES_MAX`]; lists are cut until it fits ([`ITEMS`]). No remote images, no links but ours.

use super::templates::{Templates, View};
use super::text::{hash, header, token};
use super::view::{DigestView, digest_subject, page_subject, storm_subject};
use super::{MAIL_BYTES_MAX, Means, Outgoing, RenderError, trend};
use crate::config::Receiver;
use crate::notification::{Message, Notification};
use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MessageBuilder, MultiPart, SinglePart};
use std::time::{Duration, SystemTime};

/// Items of each list, tried one after the other until the mail fits; with none it always does.
const ITEMS: [usize; 13] = [25, 20, 16, 13, 10, 8, 6, 5, 4, 3, 2, 1, 0];
const SUBJECT_CHARS_MAX: usize = 200;
const VALUE_CHARS_MAX: usize = 100;

/// A picture and its content-id.
type Picture = (String, Vec<u8>);

pub(super) fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    let from =
        mailbox(receiver.from.as_deref().unwrap_or(&format!("logweir <logweir@{}>", means.host)), receiver)?;
    let to = receiver.to.iter().map(|to| mailbox(to, receiver)).collect::<Result<Vec<_>, _>>()?;
    if to.is_empty() {
        return Err(RenderError::Setting(format!("receiver {}: to is empty", receiver.name)));
    }
    let mut bytes = Vec::new();
    for items_max in ITEMS {
        let body = body(notification, means, items_max)?;
        let message = headers(notification, receiver, &from, &to).multipart(body);
        bytes = message
            .map_err(|e| RenderError::Setting(format!("receiver {}: {e}", receiver.name)))?
            .formatted();
        if bytes.len() < MAIL_BYTES_MAX {
            let to = to.iter().map(|to| to.email.to_string()).collect();
            return Ok(Outgoing::Mail { from: from.email.to_string(), to, bytes });
        }
    }
    Err(RenderError::TooLarge(bytes.len()))
}

/// Subject and text part of a mail, with as much of each list as any mail shows.
pub(super) fn text(message: &Message, templates: &Templates) -> Result<String, RenderError> {
    let (_, text) = templates.render(&View::new(message, ITEMS[0]))?;
    Ok(format!("{}\n\n{text}", header(&format!("[logweir] {}", subject(message)), SUBJECT_CHARS_MAX)))
}

fn mailbox(text: &str, receiver: &Receiver) -> Result<Mailbox, RenderError> {
    let fault = |e| RenderError::Setting(format!("receiver {}: address {text:?}: {e}", receiver.name));
    text.parse().map_err(fault)
}

fn headers(
    notification: &Notification,
    receiver: &Receiver,
    from: &Mailbox,
    to: &[Mailbox],
) -> MessageBuilder {
    let domain = from.email.domain();
    let id = |kind: &str, name: &str| format!("<{kind}.{}@{domain}>", token(name));
    let thread = match &notification.message {
        Message::Page(page) => id("episode", &page.episode),
        Message::Storm(_) => id("storm", &receiver.name),
        Message::Digest(digest) => id("digest", &digest.name),
    };
    // A mail dates from the epoch at the earliest: what is before makes lettre panic.
    let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(notification.at.0).unwrap_or(0));
    let mut builder = lettre::Message::builder()
        .from(from.clone())
        .date(at)
        .message_id(Some(id("notification", &notification.id)))
        .in_reply_to(thread.clone())
        .references(thread)
        .subject(header(&format!("[logweir] {}", subject(&notification.message)), SUBJECT_CHARS_MAX));
    for to in to {
        builder = builder.to(to.clone());
    }
    let all = marks(notification, receiver, domain).into_iter();
    all.fold(builder, |builder, (name, value)| builder.raw_header(HeaderValue::new(name, value)))
}

fn subject(message: &Message) -> String {
    match message {
        Message::Page(page) => page_subject(page),
        Message::Storm(storm) => storm_subject(storm),
        Message::Digest(digest) => digest_subject(digest),
    }
}

/// What programs sort mails by.
fn marks(notification: &Notification, receiver: &Receiver, domain: &str) -> Vec<(HeaderName, String)> {
    let name = HeaderName::new_from_ascii_str;
    let clean = |text: &str| header(text, VALUE_CHARS_MAX);
    let list = match &notification.message {
        Message::Digest(_) => "digests",
        Message::Page(_) | Message::Storm(_) => "alerts",
    };
    let mut marks = vec![
        (name("Auto-Submitted"), "auto-generated".to_owned()),
        // Exchange answers mails that are auto-submitted, but not those with this. It may say that one did not arrive.
        (name("X-Auto-Response-Suppress"), "OOF, AutoReply".to_owned()),
        (name("List-Id"), format!("<{list}.logweir.{domain}>")),
        (name("X-Logweir-Id"), token(&notification.id)),
        (name("X-Logweir-Receiver"), clean(&receiver.name)),
    ];
    match &notification.message {
        Message::Page(page) => marks.extend([
            (name("X-Logweir-Kind"), "page".to_owned()),
            (name("X-Logweir-Status"), page.status.name().to_owned()),
            (name("X-Logweir-Severity"), page.severity.name().to_owned()),
            (name("X-Logweir-Rule"), clean(&page.rule)),
            (name("X-Logweir-Episode"), token(&page.episode)),
        ]),
        Message::Storm(storm) => marks.extend([
            (name("X-Logweir-Kind"), "storm".to_owned()),
            (name("X-Logweir-Firing"), storm.firing.to_string()),
        ]),
        Message::Digest(digest) => marks.extend([
            (name("X-Logweir-Kind"), "digest".to_owned()),
            (name("X-Logweir-Digest"), clean(&digest.name)),
        ]),
    }
    marks
}

fn body(notification: &Notification, means: Means<'_>, items_max: usize) -> Result<MultiPart, RenderError> {
    let mut view = View::new(&notification.message, items_max);
    let pictures = match &mut view {
        View::Digest(digest) => pictures(digest),
        View::Page(_) | View::Storm(_) => Vec::new(),
    };
    let (html, text) = means.templates.render(&view)?;
    // No encoded line can hold `=_`, so no text can end a part.
    let boundary = |part: &str| format!("=_{part}_{}", &hash([notification.id.as_str()])[..24]);
    let related = MultiPart::related().boundary(boundary("related"));
    let mut related = related.singlepart(encoded(ContentType::TEXT_HTML, html));
    for (id, png) in pictures {
        related = related.singlepart(picture(&id, png));
    }
    let alternative = MultiPart::alternative().boundary(boundary("alternative"));
    Ok(alternative.singlepart(encoded(ContentType::TEXT_PLAIN, text)).multipart(related))
}

/// Pictures of the trends that are shown, each once; the entries get their names.
fn pictures(digest: &mut DigestView) -> Vec<Picture> {
    let mut known: Vec<Vec<u64>> = Vec::new();
    let mut pictures = Vec::new();
    for entry in digest.sections.iter_mut().flat_map(|section| &mut section.entries) {
        if entry.bars.is_empty() {
            continue;
        }
        let at = known.iter().position(|bars| *bars == entry.bars).unwrap_or(known.len());
        let id = format!("trend{at}@logweir");
        if at == known.len() {
            known.push(entry.bars.clone());
            pictures.push((id.clone(), trend::png(&entry.bars)));
        }
        entry.picture = Some(id);
    }
    pictures
}

fn picture(id: &str, png: Vec<u8>) -> SinglePart {
    let kind = ContentType::parse("image/png").expect("a content type");
    SinglePart::builder()
        .header(kind)
        .header(ContentId::from(format!("<{id}>")))
        .header(ContentDisposition::inline())
        .body(png)
}

/// A text that is encoded whatever it is: lines as they stand could be taken for the end of the part.
fn encoded(kind: ContentType, text: String) -> SinglePart {
    let best = Body::new(text.clone());
    let body = match best.encoding() {
        ContentTransferEncoding::Base64 => best,
        _ => Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
            .expect("quoted-printable takes every text"),
    };
    SinglePart::builder().header(kind).body(body)
}
