//! Container wrappers: what Docker's json-file driver and the CRI runtimes put around each line of a container.
//!
//! ```text
//! {"log":"text\n","stream":"stdout","time":"2023-01-30T11:51:32.037064208Z"}   docker; text is JSON-escaped
//! 2016-10-06T00:17:09.669794202Z stdout F text                                 CRI; F full, P partial
//! ```
//! A long line comes in pieces: docker's lack the escaped `\n` at the end, CRI's are tagged `P`.
//!
//! Limits: an object with any other key than `log`, `stream`, `time` and `attrs` is an application's own, not docker's.
//! That is also what makes refusing one cheap: its first key mostly decides.

use crate::entry::trim_line_ending;
use memchr::{memchr, memchr2};

/// Who wrapped the lines of a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wrapper {
    /// Nobody: the line is the application's.
    #[default]
    None,
    /// Docker's json-file logging driver.
    Docker,
    /// A runtime behind the Kubernetes container runtime interface: containerd, CRI-O, podman's k8s-file.
    Cri,
}

/// One physical line, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wrapped<'a> {
    pub wrapper: Wrapper,
    /// Written to standard error rather than output.
    pub stderr: bool,
    /// The runtime's time, RFC 3339; empty when it gives none.
    pub time: &'a [u8],
    /// What the application wrote, without its newline; docker's is still escaped.
    pub content: &'a [u8],
    /// More of the same line follows.
    pub partial: bool,
}

impl Wrapper {
    /// Who wrapped the lines of a stream, by its number in [`LineMeta::stream`](crate::batch::LineMeta::stream).
    #[cfg(test)]
    pub fn of_stream(number: u8) -> Self {
        match number {
            1 | 2 => Self::Docker,
            3 | 4 => Self::Cri,
            _ => Self::None,
        }
    }
}

impl Wrapped<'_> {
    /// The number of the line's stream.
    pub(crate) fn stream(&self) -> u8 {
        let output = match self.wrapper {
            Wrapper::None => return 0,
            Wrapper::Docker => 1,
            Wrapper::Cri => 3,
        };
        output + u8::from(self.stderr)
    }
}

/// Longest time in front of a CRI line: nanoseconds and an offset.
const TIME_BYTES_MAX: usize = 40;

/// Whether a line that begins so may be wrapped, at a glance: docker's first key is `log`, `stream`, `time` or `attrs`.
pub(crate) fn may_begin(line: &[u8]) -> bool {
    match line {
        [b'{', b'"', b'l', b'o', b'g', b'"', ..]
        | [b'{', b'"', b't', b'i', b'm', b'e', b'"', ..]
        | [b'{', b'"', b's' | b'a', ..] => true,
        [b'{', next, ..] => *next != b'"',
        [b'0'..=b'9', ..] => true,
        _ => false,
    }
}

/// Takes one physical line apart, with or without its ending; `None` when it is not wrapped.
pub(crate) fn unwrap(line: &[u8]) -> Option<Wrapped<'_>> {
    match line.first()? {
        b'{' => docker(trim_line_ending(line)),
        b'0'..=b'9' => cri(trim_line_ending(line)),
        _ => None,
    }
}

/// Appends what the application wrote in `record`, one or more physical lines: pieces are joined, complete lines end
/// with a newline. A line that is not wrapped is appended as it is.
pub(crate) fn content(record: &[u8], wrapper: Wrapper, out: &mut Vec<u8>) {
    if wrapper == Wrapper::None {
        return out.extend_from_slice(record);
    }
    let mut rest = record;
    while !rest.is_empty() {
        let (line, wrapped) = first_line(rest);
        rest = &rest[line.len()..];
        match wrapped {
            Some(Wrapped { wrapper: Wrapper::Docker, content, partial, .. }) => {
                unescape(content, out);
                out.extend((!partial).then_some(b'\n'));
            }
            Some(Wrapped { content, partial, .. }) => {
                out.extend_from_slice(content);
                out.extend((!partial).then_some(b'\n'));
            }
            None => out.extend_from_slice(line),
        }
    }
}

/// The first physical line, and taken apart. Tools that copy docker's files may write a newline into a string as it
/// is; such a line is whole only with what is behind it.
fn first_line(text: &[u8]) -> (&[u8], Option<Wrapped<'_>>) {
    let end_after =
        |from: usize| memchr(b'\n', &text[from..]).map_or(text.len(), |newline| from + newline + 1);
    let end = end_after(0);
    let wrapped = unwrap(&text[..end]);
    if wrapped.is_none() && text.starts_with(b"{") {
        let longer = end_after(end);
        let wrapped = unwrap(&text[..longer]);
        if wrapped.is_some() {
            return (&text[..longer], wrapped);
        }
    }
    (&text[..end], wrapped)
}

fn cri(line: &[u8]) -> Option<Wrapped<'_>> {
    if line.get(4) != Some(&b'-') || line.get(10) != Some(&b'T') {
        return None;
    }
    let time_len = memchr(b' ', &line[..line.len().min(TIME_BYTES_MAX)])?;
    let (time, rest) = (&line[..time_len], &line[time_len + 1..]);
    let (stderr, rest) = match rest.get(..7)? {
        b"stdout " => (false, &rest[7..]),
        b"stderr " => (true, &rest[7..]),
        _ => return None,
    };
    let tags_len = memchr(b' ', rest).unwrap_or(rest.len());
    let partial = match rest[..tags_len].split(|&b| b == b':').next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    let content = rest.get(tags_len + 1..).unwrap_or_default();
    Some(Wrapped { wrapper: Wrapper::Cri, stderr, time, content, partial })
}

fn docker(line: &[u8]) -> Option<Wrapped<'_>> {
    match docker_as_written(line) {
        Some(wrapped) => Some(wrapped),
        None => docker_walked(line),
    }
}

/// Fast path: the keys as docker itself writes them. Read from both ends; what is between must have neither a quote of
/// its own nor an escaped backslash, which would make it hard to tell, and so it is one string.
fn docker_as_written(line: &[u8]) -> Option<Wrapped<'_>> {
    const TIME: &[u8] = b"\",\"time\":\"";
    const STREAM: &[u8] = b"\",\"stream\":\"std";
    let rest = line.strip_prefix(b"{\"log\":\"")?.strip_suffix(b"\"}")?;
    // No quote in the time, so that it is the last string.
    let time_at = rest.len() - rest.iter().rev().take(TIME_BYTES_MAX).position(|&b| b == b'"')?;
    let (rest, time) = (&rest[..time_at], &rest[time_at..]);
    let rest = rest.strip_suffix(TIME)?;
    let (stderr, rest) = match rest.strip_suffix(b"out") {
        Some(rest) => (false, rest),
        None => (true, rest.strip_suffix(b"err")?),
    };
    let escaped = rest.strip_suffix(STREAM)?;
    let is_one_string = !matches!(escaped.first(), Some(b'"'))
        && !matches!(escaped.last(), Some(b'\\'))
        && memchr(b'\\', time).is_none()
        && !has_odd_pair(escaped);
    is_one_string.then(|| docker_wrapped(escaped, stderr, time))
}

/// Whether there is a quote without a backslash before it, or a backslash behind a backslash. Looks at all of it before
/// it answers, which is what lets the compiler use vector instructions.
fn has_odd_pair(text: &[u8]) -> bool {
    let pairs = text.iter().zip(text.get(1..).unwrap_or_default());
    pairs.fold(false, |odd, (&a, &b)| odd | ((a == b'\\') & (b == b'\\')) | ((a != b'\\') & (b == b'"')))
}

fn docker_wrapped<'a>(escaped: &'a [u8], stderr: bool, time: &'a [u8]) -> Wrapped<'a> {
    let content = without_newline(escaped);
    let partial = content.len() == escaped.len();
    Wrapped { wrapper: Wrapper::Docker, stderr, time, content, partial }
}

/// Without the newline at the end, escaped or as it is.
fn without_newline(escaped: &[u8]) -> &[u8] {
    if let Some(rest) = escaped.strip_suffix(b"\n") {
        return rest;
    }
    let backslashes = |text: &[u8]| text.iter().rev().take_while(|&&b| b == b'\\').count();
    match escaped.strip_suffix(b"n") {
        Some(rest) if backslashes(rest) % 2 == 1 => &rest[..rest.len() - 1],
        _ => escaped,
    }
}

/// Slow path: the keys in any order, blanks between the tokens.
fn docker_walked(line: &[u8]) -> Option<Wrapped<'_>> {
    let mut walk = Walk { rest: line.get(1..)? };
    let (mut log, mut stream, mut time) = (None, None, None);
    loop {
        let key = walk.string()?;
        walk.expect(b':')?;
        match key {
            b"log" => log = Some(walk.string()?),
            b"stream" => stream = Some(walk.string()?),
            b"time" => time = Some(walk.string()?),
            b"attrs" => walk.skip_object()?,
            _ => return None,
        }
        match walk.take()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    let is_whole = walk.rest.trim_ascii_start().is_empty() && (stream.is_some() || time.is_some());
    let (stderr, time) = (stream == Some(b"stderr"), time.unwrap_or_default());
    log.filter(|_| is_whole).map(|escaped| docker_wrapped(escaped, stderr, time))
}

/// A JSON text from its front.
struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    /// The next byte that is not blank.
    fn take(&mut self) -> Option<u8> {
        let (&byte, rest) = self.rest.trim_ascii_start().split_first()?;
        self.rest = rest;
        Some(byte)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.take()? == byte).then_some(())
    }

    /// A string without its quotes, still escaped.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let text = self.rest;
        let mut at = 0;
        loop {
            at += memchr2(b'"', b'\\', text.get(at..)?)?;
            if text[at] == b'"' {
                self.rest = &text[at + 1..];
                return Some(&text[..at]);
            }
            at += 2;
        }
    }

    fn skip_object(&mut self) -> Option<()> {
        self.expect(b'{')?;
        let mut depth = 1usize;
        while depth > 0 {
            match self.rest.first()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            self.rest = &self.rest[1..];
        }
        Some(())
    }
}

/// Appends a JSON string's text. An escape that JSON does not know is kept as it is.
pub(crate) fn unescape(escaped: &[u8], out: &mut Vec<u8>) {
    let mut rest = escaped;
    while let Some(at) = memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at..];
        let used = match escape.get(1) {
            Some(b'u') => unescape_unicode(escape, out),
            Some(&letter) => {
                match unescaped(letter) {
                    Some(byte) => out.push(byte),
                    None => out.extend_from_slice(&escape[..2]),
                }
                2
            }
            None => {
                out.push(b'\\');
                1
            }
        };
        rest = &escape[used..];
    }
    out.extend_from_slice(rest);
}

/// What an escape of one letter stands for.
fn unescaped(letter: u8) -> Option<u8> {
    Some(match letter {
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        b'"' | b'\\' | b'/' => letter,
        _ => return None,
    })
}

/// Appends the character of `\uXXXX`, or of two that make one; half a pair becomes U+FFFD. Returns the bytes used.
fn unescape_unicode(escape: &[u8], out: &mut Vec<u8>) -> usize {
    let Some(first) = hex4(escape) else {
        out.extend_from_slice(&escape[..2]);
        return 2;
    };
    let second = hex4(&escape[6..]).filter(|_| (0xd800..0xdc00).contains(&first));
    let (code, used) = match second.filter(|low| (0xdc00..0xe000).contains(low)) {
        Some(low) => (0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00), 12),
        None => (first, 6),
    };
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    used
}

/// The number in `\uXXXX` at the front.
fn hex4(escape: &[u8]) -> Option<u32> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |number, &digit| Some(number * 16 + char::from(digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DOCKER: &str = r#","stream":"stdout","time":"2023-01-30T11:51:32.037064208Z"}"#;

    /// Stream number, content and whether it is partial.
    fn check(line: &str, expected: Option<(u8, &str, bool)>) {
        let wrapped = unwrap(line.as_bytes());
        let shown = wrapped.map(|wrapped| (wrapped.stream(), wrapped.content, wrapped.partial));
        assert_eq!(
            shown,
            expected.map(|(stream, text, partial)| (stream, text.as_bytes(), partial)),
            "{line}"
        );
    }

    #[test]
    fn docker_lines() {
        check(&format!(r#"{{"log":"a\n"{DOCKER}"#), Some((1, "a", false)));
        check(&format!("{{\"log\":\"a\\n\"{DOCKER}\r\n"), Some((1, "a", false)));
        check(&format!(r#"{{"log":"\n"{DOCKER}"#), Some((1, "", false)));
        check(&format!(r#"{{"log":""{DOCKER}"#), Some((1, "", true)));
        check(&format!(r#"{{"log":"say \"a\"\n"{DOCKER}"#), Some((1, r#"say \"a\""#, false)));
        check(&format!(r#"{{"log":"a\\n"{DOCKER}"#), Some((1, r"a\\n", true)));
        check(&format!(r#"{{"log":"a\\\n"{DOCKER}"#), Some((1, r"a\\", false)));
        check(&format!(r#"{{"log":"a\\"{DOCKER}"#), Some((1, r"a\\", true)));
        check("{\"log\": \"cc\n\", \"stream\": \"stdout\", \"time\": \"t\"}", Some((1, "cc", false)));
        check(r#"{"log":"a\n","stream":"stderr","time":"t"}"#, Some((2, "a", false)));
        check(r#"{ "time" : "t", "log" : "a\n" , "stream":"stderr" } "#, Some((2, "a", false)));
        check(r#"{"log":"a\n","stream":"stderr","attrs":{"tag":"}"},"time":"t"}"#, Some((2, "a", false)));
        check(r#"{"log":"a\n","time":"t"}"#, Some((1, "a", false)));
    }

    #[test]
    fn objects_that_are_not_dockers() {
        check(&format!(r#"{{"log":"a","foo":"b"{DOCKER}"#), None);
        check(&format!(r#"{{"log":"a\\","foo":"b"{DOCKER}"#), None);
        check(&format!(r#"{{"log":"a\\"b"{DOCKER}"#), None);
        check(r#"{"log":"a\n"}"#, None);
        check(r#"{"log":1,"stream":"stdout"}"#, None);
        check(r#"{"log":"a","time":"t"}x"#, None);
        check(r#"{"log":"a","time":"t""#, None);
        check(r#"{"level":"info","log":"a","time":"t"}"#, None);
        check("{}", None);
        check("{", None);
    }

    #[test]
    fn cri_lines() {
        let time = "2016-10-06T00:17:09.669794202Z";
        check(&format!("{time} stdout F a b\n"), Some((3, "a b", false)));
        check(&format!("{time} stderr P a "), Some((4, "a ", true)));
        check(&format!("{time} stderr P:x a"), Some((4, "a", true)));
        check(&format!("{time} stdout F "), Some((3, "", false)));
        check(&format!("{time} stdout F"), Some((3, "", false)));
        check("2019-05-07T18:57:50.904275087+00:00 stdout F a", Some((3, "a", false)));
        check(&format!("{time} stdout X a"), None);
        check(&format!("{time} INFO a"), None);
        check(time, None);
    }

    #[test]
    fn contents() {
        let check = |record: &str, wrapper: Wrapper, expected: &str| {
            let mut out = Vec::new();
            content(record.as_bytes(), wrapper, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), expected, "{record}");
        };
        let docker = |text: &str| format!("{{\"log\":\"{text}\"{DOCKER}\n");
        check(&docker(r"a\tb \u00fc \ud83d\ude00 \/\\\n"), Wrapper::Docker, "a\tb ü 😀 /\\\n");
        check(&docker(r"\ud83d x \ude00 \ud83d\u0041\n"), Wrapper::Docker, "\u{fffd} x \u{fffd} \u{fffd}A\n");
        check(&docker(r"\u12 \x \n"), Wrapper::Docker, "\\u12 \\x \n");
        check(&[docker("a "), docker(r"b\n"), docker(r"c\n")].concat(), Wrapper::Docker, "a b\nc\n");
        check(&(docker(r"a\n") + "as it is\n"), Wrapper::Docker, "a\nas it is\n");
        let cri = "2016-10-06T00:17:09.669794202Z stdout P a\n2016-10-06T00:17:09.669794202Z stdout F b";
        check(cri, Wrapper::Cri, "ab\n");
        check("plain\n", Wrapper::None, "plain\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        /// What the fast path says, the walk says.
        #[test]
        fn both_readings_of_docker_agree(text in r#"[a"\\n,{}: ]{0,12}"#, tail in "[a\"\\\\,}]{0,3}") {
            let line = format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"t{tail}\"}}");
            if let Some(wrapped) = docker_as_written(line.as_bytes()) {
                prop_assert_eq!(docker_walked(line.as_bytes()), Some(wrapped), "{}", line);
            }
        }

        #[test]
        fn a_string_is_unescaped_as_json_is(text: String) {
            let escaped = serde_json::to_string(&text).expect("a string");
            let mut out = Vec::new();
            unescape(&escaped.as_bytes()[1..escaped.len() - 1], &mut out);
            prop_assert_eq!(out, text.into_bytes());
        }

        #[test]
        fn any_bytes_are_taken_apart_or_left(bytes in r#"[{}a"\\nu0d8, :\n-]{0,40}"#, raw: Vec<u8>) {
            for text in [bytes.as_bytes(), &raw] {
                let line = [b"{\"log\":\"", text].concat();
                for text in [text, &line] {
                    content(text, Wrapper::Docker, &mut Vec::new());
                    unescape(text, &mut Vec::new());
                }
            }
        }
    }
}
