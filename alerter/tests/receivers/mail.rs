//! Mails read back, and the elements of their HTML.

use mailparse::{MailHeaderMap, ParsedMail};

/// A part of a mail.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its content type.
    pub kind: String,
    /// Names of its headers, in order.
    pub names: Vec<String>,
    /// Names and decoded values.
    pub headers: Vec<(String, String)>,
    /// Decoded; of a multipart nothing.
    pub body: Vec<u8>,
}

impl Part {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8").replace("\r\n", "\n")
    }

    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

/// All parts, the mail itself first.
pub fn parts(bytes: &[u8]) -> Vec<Part> {
    let mut parts = Vec::new();
    collect(&mailparse::parse_mail(bytes).expect("a mail"), &mut parts);
    parts
}

fn collect(mail: &ParsedMail<'_>, parts: &mut Vec<Part>) {
    let is_multipart = mail.ctype.mimetype.starts_with("multipart/");
    assert_eq!(is_multipart, !mail.subparts.is_empty());
    assert!(mail.headers.get_first_value("Content-Type").is_some());
    parts.push(Part {
        kind: mail.ctype.mimetype.clone(),
        names: mail.headers.iter().map(|header| header.get_key()).collect(),
        headers: mail.headers.iter().map(|header| (header.get_key(), header.get_value())).collect(),
        body: if is_multipart { Vec::new() } else { mail.get_body_raw().expect("a sound encoding") },
    });
    mail.subparts.iter().for_each(|part| collect(part, parts));
}

pub fn part<'a>(parts: &'a [Part], kind: &str) -> &'a Part {
    parts.iter().find(|part| part.kind == kind).expect("such a part")
}

/// Tags of an HTML text in order, each with the names of its attributes; text between them is left out.
pub fn tags(html: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let (tag, behind) = tag(&rest[at + 1..]);
        tags.push(tag);
        rest = behind;
    }
    tags
}

/// Name and attributes of the tag that a text begins with, and what is behind it.
fn tag(text: &str) -> (String, &str) {
    let end = text.find(|c: char| c.is_whitespace() || c == '>').expect("a tag ends");
    let mut tag = text[..end].to_owned();
    let mut rest = text[end..].trim_start();
    while !rest.starts_with('>') {
        // At least one character, so that what is no attribute ends, too.
        let ends = |(_, c): &(usize, char)| matches!(c, '=' | '>') || c.is_whitespace();
        let (end, _) = rest.char_indices().skip(1).find(ends).expect("a tag ends");
        tag.push(' ');
        tag.push_str(&rest[..end]);
        rest = &rest[end..];
        if let Some(value) = rest.strip_prefix("=\"") {
            rest = &value[value.find('"').expect("a value ends") + 1..];
        }
        rest = rest.trim_start();
    }
    (tag, &rest[1..])
}

#[test]
fn tags_are_told_from_text() {
    let html = "<!doctype html><a href=\"x<y>\" title=\"z\">1 &lt; 2</a><br><p on=\"\"><i a=b>";
    assert_eq!(tags(html), ["!doctype html", "a href title", "/a", "br", "p on", "i a =b"]);
}
