//! What the spellings of syslog have in common: the priority before it, the tag, and what its content may be.

use super::{Reading, haproxy, scan};
use crate::parse::Severity;

/// The numbers of facilities, as text.
const FACILITIES: [&str; 24] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18",
    "19", "20", "21", "22", "23",
];
/// RFC 3164 allows 32, systemd's units and iOS's bundles are longer.
const TAG_BYTES_MAX: usize = 128;

/// The priority `<134>` that a text begins with, and what follows it.
pub(super) fn priority(text: &str) -> Option<(u8, &str)> {
    let (digits, rest) = scan::digits(text.strip_prefix('<')?)?;
    let priority = digits.parse::<u8>().ok().filter(|&priority| priority < 192 && digits.len() <= 3)?;
    rest.strip_prefix('>').map(|rest| (priority, rest))
}

/// The severity and the facility in a priority.
pub(super) fn take_priority(priority: u8, reading: &mut Reading<'_>) {
    reading.severity = Severity::from_int(i64::from(priority % 8));
    reading.field("syslog.facility.code", FACILITIES[usize::from(priority / 8) % FACILITIES.len()]);
}

/// A program and its process, and what it says.
pub(super) struct Tag<'a> {
    pub(super) program: &'a str,
    pub(super) pid: &'a str,
    pub(super) content: &'a str,
}

/// Splits `program[pid]: content`; the process may be missing, the blank as well.
pub(super) fn tag(text: &str) -> Option<Tag<'_>> {
    let of_program =
        |b: &u8| b.is_ascii_graphic() && !matches!(b, b'[' | b']' | b':' | b'"' | b'=' | b'{' | b',');
    let len = text.bytes().take(TAG_BYTES_MAX).take_while(of_program).count();
    let (program, rest) = text.split_at(len);
    let (pid, rest) = match scan::bracketed(rest) {
        Some((pid, rest)) => (pid, rest),
        None => ("", rest),
    };
    let content = rest.strip_prefix(':')?;
    let ends = content.is_empty() || content.starts_with([' ', '\t', '\n']);
    (len > 0 && ends).then(|| Tag { program, pid, content: content.strip_prefix(' ').unwrap_or(content) })
}

/// Takes a tag's program and process, and its content.
pub(super) fn take_tag<'a>(tag: &Tag<'a>, reading: &mut Reading<'a>) {
    reading.field("service.name", tag.program);
    reading.field("process.pid", tag.pid);
    take_content(tag.program, tag.content, reading);
}

/// Takes what a program says: JSON is an object of the record's, the kernel's uptime and HAProxy's requests
/// are fields.
pub(super) fn take_content<'a>(program: &str, content: &'a str, reading: &mut Reading<'a>) {
    // C programs send the byte that ends their string.
    let mut content = content.trim_end_matches(['\r', '\n', '\0']);
    match program {
        "kernel" => {
            if let Some((uptime, rest)) = scan::bracketed(content).filter(|(uptime, _)| is_uptime(uptime)) {
                reading.field("system.uptime", uptime.trim_ascii_start());
                content = rest.strip_prefix(' ').unwrap_or(rest);
            }
        }
        "haproxy" => {
            let (time, severity) = (reading.time, reading.severity);
            if haproxy::parse(content, reading).is_some() {
                reading.time = time.or(reading.time);
                reading.severity = reading.severity.max(severity);
            }
        }
        _ => {}
    }
    reading.message = content.into();
    reading.objects.extend(scan::object(content).map(|object| ("", object)));
}

/// `12345.678901`, padded with blanks to the left.
fn is_uptime(text: &str) -> bool {
    text.contains('.') && text.trim_ascii_start().bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Whether a word is a level's name rather than a host or a program; letters alone are either.
pub(super) fn is_level(word: &str) -> bool {
    word.len() > 2 && Severity::from_text(word.as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let check = |text: &str, expected: Option<(&str, &str, &str)>| {
            let got = tag(text).map(|tag| (tag.program, tag.pid, tag.content));
            assert_eq!(got, expected, "{text}");
        };
        check("sshd[24200]: a: b", Some(("sshd", "24200", "a: b")));
        check("sudo: timstack : x", Some(("sudo", "", "timstack : x")));
        check("postfix/smtpd[1]:", Some(("postfix/smtpd", "1", "")));
        check("%ASA-6-302013: x", Some(("%ASA-6-302013", "", "x")));
        check("su(pam_unix)[5]:\tx", Some(("su(pam_unix)", "5", "\tx")));
        check("http://host", None);
        check("last message repeated", None);
        check("[1]: x", None);
        check("", None);
    }

    #[test]
    fn priorities() {
        assert_eq!(priority("<134>x"), Some((134, "x")));
        assert_eq!(priority("<0>"), Some((0, "")));
        for text in ["<192>x", "<1000>x", "<>x", "<a>", "134>", "<13"] {
            assert_eq!(priority(text), None, "{text}");
        }
    }
}
