//! One line of an answer: a hit, the story of a trace, the summary behind the last hit, or a note of a live tail about skipped lines.

use crate::trace::Story;
use serde::Deserialize;
use std::borrow::Cow;

/// A line of an answer, as text and as what it says.
pub struct Answer<'a> {
    /// The server's JSON.
    pub json: &'a [u8],
    /// What it says.
    pub hit: HitJson<'a>,
}

/// The fields we print. A server may send more; a field it leaves out is empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct HitJson<'a> {
    /// RFC 3339.
    #[serde(borrow)]
    pub timestamp: Cow<'a, str>,
    /// OpenTelemetry's.
    pub severity_number: u8,
    /// Service name.
    #[serde(rename = "service.name", borrow)]
    pub service: Cow<'a, str>,
    /// Host name.
    #[serde(rename = "host.name", borrow)]
    pub host: Cow<'a, str>,
    /// Trace-id, when the line has one.
    #[serde(borrow)]
    pub trace_id: Option<Cow<'a, str>>,
    /// The span, when the line has one.
    #[serde(borrow)]
    pub span_id: Option<Cow<'a, str>>,
    /// In a trace, milliseconds since its first line.
    pub offset_ms: f64,
    /// In a trace, the time by a corrected clock.
    #[serde(borrow)]
    pub adjusted: Option<Cow<'a, str>>,
    /// The message.
    #[serde(borrow)]
    pub body: Cow<'a, str>,
    /// Id of the file generation.
    #[serde(borrow)]
    pub source: Cow<'a, str>,
    /// Byte offset of the line in it.
    pub offset: u64,
    /// Which part of an over-long line it is, from 0.
    pub part: Option<u32>,
    /// The line, with its newline.
    #[serde(borrow)]
    pub raw: Cow<'a, str>,
    /// The line in base64, when it is not UTF-8.
    #[serde(borrow)]
    pub raw_base64: Option<Cow<'a, str>>,
    /// It stands near a hit.
    pub context: bool,
    /// Stands before the rows of a table.
    pub columns: Option<Vec<String>>,
    /// Stands behind the last hit of an answer that is whole.
    pub summary: Option<Summary>,
    /// Stands behind the last hit of a trace.
    pub story: Option<Box<Story>>,
    /// Exceptions and alerts that a trace took part in.
    pub took_part: Option<Box<TookPart>>,
    /// Records that match and that a live tail has left out.
    pub skipped: Option<u64>,
    /// Batches that a live tail never looked at.
    pub unread_batches: u64,
    /// How far an export is; no hit.
    #[serde(borrow)]
    pub progress: Option<Progress<'a>>,
}

/// In what a trace took part.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TookPart {
    /// Groups of exceptions.
    pub exceptions: Vec<PartOfException>,
    /// Alerts that fired.
    pub episodes: Vec<PartOfAlert>,
}

/// A group of exceptions, in short.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PartOfException {
    /// Its name.
    pub id: String,
    /// Its state.
    pub state: String,
    /// Type; may be empty.
    #[serde(rename = "type")]
    pub kind: String,
    /// What its first occurrence said.
    pub message: String,
}

/// An alert, in short.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PartOfAlert {
    /// Its name.
    pub episode: String,
    /// What was the matter.
    pub summary: String,
    /// Since when.
    pub since: String,
    /// When it was over.
    pub ended: Option<String>,
}

/// How far an export is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Progress<'a> {
    /// Lines so far.
    pub hits: u64,
    /// Time of the latest.
    #[serde(borrow)]
    pub time: Cow<'a, str>,
    /// From 0 to 1; `None` when the server does not know where it ends.
    pub share: Option<f64>,
}

/// What a server says of its whole answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Hits in the answer.
    pub hits: Option<u64>,
    /// Whether there may be more than it had time to find.
    pub partial: bool,
    /// What could not be read.
    pub errors: Vec<String>,
    /// The metric that the counts come from, when it is not the lines.
    pub counted_by: Option<String>,
}

impl<'a> Answer<'a> {
    /// Reads a line of an answer.
    pub fn parse(json: &'a [u8]) -> serde_json::Result<Self> {
        Ok(Self { json, hit: serde_json::from_slice(json)? })
    }
}

impl HitJson<'_> {
    /// The line's bytes as they were written.
    pub fn raw_bytes(&self) -> Cow<'_, [u8]> {
        let decoded = self.raw_base64.as_deref().and_then(base64_decode);
        decoded.map_or(Cow::Borrowed(self.raw.as_bytes()), Cow::Owned)
    }
}

/// RFC 4648 base64 with padding; for the rare line that is not text, so no crate.
fn base64_decode(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in text.as_bytes().chunks(4) {
        let digits = chunk.iter().take_while(|&&b| b != b'=').count();
        let mut bits = 0u32;
        for &digit in &chunk[..digits] {
            bits = bits << 6 | DIGITS.iter().position(|&d| d == digit)? as u32;
        }
        bits <<= 6 * (4 - digits);
        out.extend_from_slice(&bits.to_be_bytes()[1..1 + digits * 6 / 8]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        let check = |text: &str, expected: &[u8]| {
            assert_eq!(base64_decode(text).as_deref(), Some(expected), "{text}")
        };
        check("", b"");
        check("Zg==", b"f");
        check("Zm8=", b"fo");
        check("Zm9v", b"foo");
        check("Zm9vYmH/AA==", b"fooba\xff\0");
        assert_eq!(base64_decode("Zm9*"), None);
    }

    #[test]
    fn a_hit_of_a_line_that_is_no_text_keeps_its_bytes() {
        let answer =
            Answer::parse(br#"{"raw":"\ufffd\n","raw_base64":"/wo=","new_field":[1]}"#).expect("JSON");
        assert_eq!(answer.hit.raw_bytes().as_ref(), b"\xff\n");
    }
}
