//! A hit as JSON: OpenTelemetry's names, the verbatim record beside what was understood of it.

use crate::normal::NormalForm;
use logweir_base::batch::LineMeta;
use logweir_base::parse::{Parser, Record};
use logweir_base::pattern::PatternId;
use logweir_indexer::Hit;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// One line of an NDJSON answer.
#[derive(Serialize)]
struct HitJson<'a> {
    #[serde(flatten)]
    normal: NormalForm<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<PatternId>,
    file: &'a str,
    offset: u64,
    source: String,
    position: u64,
    line: u32,
    received: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    last: bool,
    /// Belongs to the record before it in its source, which was sent already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    continuation: bool,
    /// Cut off at the most lines or bytes a record may have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unterminated: bool,
    raw: std::borrow::Cow<'a, str>,
    /// Only when the record is not valid UTF-8: `raw` then shows replacement characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_base64: Option<String>,
    /// Attributes that were asked for by their paths.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    fields: &'a BTreeMap<String, Value>,
}

/// Appends `hit` as one line of JSON.
pub fn write_hit(out: &mut Vec<u8>, hit: &Hit<'_>, parser: &mut Parser) {
    write_record(out, hit, &Record::of(&hit.view, parser));
}

/// As [`write_hit`], the record being read already.
pub(super) fn write_record(out: &mut Vec<u8>, hit: &Hit<'_>, record: &Record) {
    write_with_fields(out, hit, record, &BTreeMap::new());
}

/// As [`write_record`], with some of its attributes beside.
pub(super) fn write_with_fields(
    out: &mut Vec<u8>,
    hit: &Hit<'_>,
    record: &Record,
    fields: &BTreeMap<String, Value>,
) {
    let resource = hit.view.resource;
    let raw = String::from_utf8_lossy(hit.raw);
    let invalid = matches!(&raw, std::borrow::Cow::Owned(_));
    let json = HitJson {
        normal: NormalForm::of(&hit.view, record),
        pattern: Some(hit.view.pattern).filter(|&pattern| pattern != PatternId::NONE),
        file: &resource.path,
        offset: hit.offset.0,
        source: hit.source.to_string(),
        position: hit.position.0,
        line: hit.line,
        received: hit.received.to_string(),
        labels: &resource.labels,
        part: hit.meta.part_number(),
        last: hit.meta.has(LineMeta::LAST_PART),
        continuation: hit.meta.has(LineMeta::CONTINUATION),
        truncated: hit.meta.has(LineMeta::TRUNCATED),
        unterminated: !hit.raw.ends_with(b"\n"),
        raw,
        raw_base64: invalid.then(|| base64(hit.raw)),
        fields,
    };
    serde_json::to_writer(&mut *out, &json).expect("plain data always serialises");
    out.push(b'\n');
}

/// Appends `hit`, a line of [`write_record`], with the fields of `more` behind its own.
pub(super) fn extend_hit(out: &mut Vec<u8>, hit: &[u8], more: &impl Serialize) {
    let fields = hit.strip_suffix(b"}\n").expect("a hit is an object on a line");
    out.extend_from_slice(fields);
    let opened = out.len();
    serde_json::to_writer(&mut *out, more).expect("plain data always serialises");
    // Neither is ever empty.
    out[opened] = b',';
    out.push(b'\n');
}

/// RFC 4648 base64 with padding; for the rare line that is not text, so no crate.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit <= chunk.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_of_rfc_4648() {
        let check = |text: &str, expected: &str| assert_eq!(base64(text.as_bytes()), expected);
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foob", "Zm9vYg==");
    }
}
