//! A URL that takes what Slack's incoming webhooks take: Slack itself, Mattermost, Rocket.Chat.
//!
//! ```text
//! {text: what notifications show, and all that Mattermost and Rocket.Chat show, blocks: [header, section, ...]}
//! ```
//! Slack asks for `&`, `<` and `>` to be escaped and for nothing else; that ends its links and mentions. Hostile text stands in code
//! spans, where neither formatting nor Mattermost's `@channel` means anything; names lose the characters that mean something.
//!
//! Limits: Slack's, of which we stay below: 50 blocks, 3,000 characters a section (escaped), 150 a header, 40,000 of `text`.

use super::text::{line, visible};
use super::view::{DigestView, EntryView, Fact, LinkView, PageView, SectionView, StormView};
use super::{Means, Outgoing, RenderError, json, post, url};
use crate::config::Receiver;
use crate::notification::{Message, Notification};
use serde_json::{Value, json};

const HEADER_CHARS_MAX: usize = 150;
const SECTION_CHARS_MAX: usize = 3_000;
/// Entries of a section of a digest.
const ENTRIES_MAX: usize = 10;
/// Of each list of a page.
const ITEMS_MAX: usize = 8;
const TITLE_CHARS_MAX: usize = 140;

/// What is shown: a title, and paragraphs of lines.
struct Told {
    title: String,
    paragraphs: Vec<Vec<String>>,
}

pub(super) fn render(
    notification: &Notification,
    receiver: &Receiver,
    means: Means<'_>,
) -> Result<Outgoing, RenderError> {
    let told = match &notification.message {
        Message::Page(page) => of_page(&PageView::new(page, ITEMS_MAX)),
        Message::Storm(storm) => of_storm(&StormView::new(storm, ENTRIES_MAX)),
        Message::Digest(digest) => of_digest(&DigestView::new(digest, ENTRIES_MAX)),
    };
    let paragraphs: Vec<String> = told.paragraphs.iter().map(|lines| fitted(lines)).collect();
    let paragraphs: Vec<_> = paragraphs.into_iter().filter(|text| !text.is_empty()).collect();
    let title =
        json!({"type": "plain_text", "text": line(&told.title, HEADER_CHARS_MAX - 1), "emoji": false});
    let header = json!({"type": "header", "text": title});
    let blocks: Vec<Value> = std::iter::once(header).chain(paragraphs.iter().map(|it| section(it))).collect();
    let body = json!({
        "text": format!("{}\n{}", plain(&told.title), paragraphs.join("\n")),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    post(url(receiver, means)?, Vec::new(), json(&body))
}

/// A block; `verbatim` keeps Slack from making links of what looks like one.
fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": true}})
}

fn of_page(view: &PageView) -> Told {
    let first = [code(&view.summary), code(&view.description)];
    let patterns = view.patterns.iter().map(|it| format!("{} → {} {}", it.before, it.now, code(&it.text)));
    let paragraphs = vec![
        first.into_iter().filter(|text| !text.is_empty()).chain(view.facts.iter().map(named)).collect(),
        view.traces.iter().map(|fact| format!("trace {}", named(fact))).collect(),
        patterns.collect(),
        view.annotations.iter().chain(&view.labels).map(named).collect(),
        view.links.iter().map(anchor).collect(),
    ];
    Told { title: view.subject.clone(), paragraphs }
}

fn of_storm(view: &StormView) -> Told {
    let rules =
        view.rules.iter().map(|rule| format!("*{}* {} {}", rule.count, code(&rule.name), rule.severity));
    let paragraphs = vec![
        rules.collect(),
        view.examples.iter().map(named).collect(),
        view.link.iter().map(|url| link(url, "All alerts")).collect(),
    ];
    Told { title: view.subject.clone(), paragraphs }
}

fn of_digest(view: &DigestView) -> Told {
    let span = format!("{} to {} {}", view.from, view.to, plain(&view.zone));
    let headline = view.headline.iter().map(|it| {
        let change = if it.change.is_empty() { String::new() } else { format!(", {}", it.change) };
        format!("{} *{}* ({} before{change})", plain(&it.what), it.now, it.before)
    });
    let mut paragraphs = vec![std::iter::once(span).chain(headline).collect()];
    paragraphs.extend(view.sections.iter().map(of_section));
    paragraphs.push(view.link.iter().map(|url| link(url, "All groups")).collect());
    Told { title: view.subject.clone(), paragraphs }
}

fn of_section(section: &SectionView) -> Vec<String> {
    let title = format!("*{}* ({})", plain(&section.title), section.total);
    let more = (!section.more.is_empty()).then(|| format!("and {} more", section.more));
    std::iter::once(title).chain(section.entries.iter().map(of_entry)).chain(more).collect()
}

fn of_entry(entry: &EntryView) -> String {
    let users = if entry.users == "0" { String::new() } else { format!(", {} users", entry.users) };
    let shown = entry.link.as_deref().map(|url| format!(" {}", link(url, "show"))).unwrap_or_default();
    let from = if entry.services.is_empty() { String::new() } else { format!(" {}", code(&entry.services)) };
    let title = code(&line(&entry.title(), TITLE_CHARS_MAX));
    format!("• {title}{from} {} times{users} {}{shown}", entry.count, entry.spark)
}

fn named(fact: &Fact) -> String {
    format!("{}: {}", plain(&fact.name), code(&fact.text))
}

fn anchor(it: &LinkView) -> String {
    link(&it.url, &it.text)
}

/// A link of ours; its URL has no character that ends it.
fn link(url: &str, text: &str) -> String {
    format!("<{}|{}>", url.replace('&', "&amp;"), plain(&text.replace('|', " ")))
}

/// A code span; nothing when there is no text.
fn code(text: &str) -> String {
    match text.is_empty() {
        true => String::new(),
        false => format!("`{}`", escape(&text.replace('`', "'"))),
    }
}

/// A short text without a span: names of ours, and of labels.
fn plain(text: &str) -> String {
    escape(&text.replace(['`', '*', '~', '@'], " "))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// As many whole lines as a section takes.
fn fitted(lines: &[String]) -> String {
    const ROOM_FOR_MORE: usize = 40;
    let mut out = String::new();
    let mut chars = 0;
    for (number, text) in lines.iter().enumerate() {
        let here = text.chars().count() + 1;
        if chars + here > SECTION_CHARS_MAX - ROOM_FOR_MORE {
            out.push_str(&visible(&format!("and {} lines more", lines.len() - number), ROOM_FOR_MORE));
            break;
        }
        chars += here;
        out.push_str(text);
        out.push('\n');
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_no_markup() {
        let check = |text: &str, expected: &str| assert_eq!(code(text), expected);
        check("", "");
        check("<!channel> & `x`", "`&lt;!channel&gt; &amp; 'x'`");
        assert_eq!(link("https://a/?b&c", "x|`<y>"), "<https://a/?b&amp;c|x  &lt;y&gt;>");
    }

    #[test]
    fn sections_have_room_for_whole_lines_only() {
        let lines = vec!["x".repeat(700); 6];
        let text = fitted(&lines);
        assert!(text.ends_with("\nand 2 lines more") && text.chars().count() <= SECTION_CHARS_MAX, "{text}");
        assert_eq!(fitted(&lines[..2]).lines().count(), 2);
        assert_eq!(fitted(&["x".repeat(4_000)]), "and 1 lines more");
    }
}
