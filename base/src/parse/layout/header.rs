//! The header of a plain line in no known layout: time, level, thread and logger are cut off, the message is
//! left.
//!
//! The rules are the habits of common loggers, not the formats of products:
//!
//! ```text
//! TIME LEVEL [thread] logger: message           log4j, logback; level and thread in either order
//! TIME - name - LEVEL - message                 Python's logging with the usual format
//! LEVEL:name:message                            the same without a format
//! TIME LEVEL pid --- [thread] logger : message  Spring Boot
//! TIME | LEVEL | name:function:line - message   loguru
//! [TIME] [level] [client] message               the error logs of Apache and nginx
//! [TIME LEVEL name] message                     env_logger
//! TIME pid tid D Tag: message   D/Tag(pid): …   logcat
//! I0102 TIME pid file.cc:12] message            glog, klog
//! Mon dd TIME host tag[pid]: message            syslog
//! TIME<tab>LEVEL<tab>name<tab>message           columns, parted by tabs or by two blanks and more
//! ```
//!
//! Whatever stands before a level must not look like prose: a word of lower-case letters ends the search, and
//! then only the time goes. The caller may have cut the time already. At most [`HEADER_BYTES_MAX`] bytes are
//! searched.

/// The parts of a plain line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    /// The level as written.
    pub level: Option<&'a str>,
    /// What names the thread, or stands where its name would.
    pub thread: Option<&'a str>,
    /// The logger, tag or source file.
    pub logger: Option<&'a str>,
    /// The rest; the whole line when nothing was cut.
    pub message: &'a str,
}

/// A level further right than this is a word of the message.
const HEADER_BYTES_MAX: usize = 256;
/// So is one after this many words.
const HEADER_WORDS_MAX: usize = 12;
/// Longer brackets are part of the message.
const GROUP_BYTES_MAX: usize = 256;
/// Parts between a level and its message: separators, threads, a process id, a logger.
const PARTS_MAX: usize = 8;

/// Words that are nothing but a level when they stand in a header.
const LEVELS: &[&str] = &[
    "INFO", "ERROR", "WARN", "DEBUG", "WARNING", "TRACE", "FATAL", "NOTICE", "CRITICAL", "SEVERE", "CRIT",
    "ERR", "LOG", "ALERT", "EMERG", "PANIC", "VERBOSE", "FINE", "FINER", "FINEST", "INF", "WRN", "DBG",
];
/// Words of a time that has no digits of its own.
const TIME_WORDS: &[&str] = &[
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon", "Tue", "Wed",
    "Thu", "Fri", "Sat", "Sun", "UTC", "GMT", "AM", "PM",
];

/// What stands before the level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Header,
}

/// How a level is set off from what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// In brackets, or followed by a separator.
    Separator,
    /// By a tab or by two blanks and more.
    Column,
    /// `INFO:root:message`.
    Colon,
    Blank,
}

/// Cuts `line`, whose time may be cut already.
pub(crate) fn cut(line: &str) -> Header<'_> {
    let whole = Header { level: None, thread: None, logger: None, message: line };
    let line = skip_blanks(line);
    if let Some(header) = glog(line) {
        return header;
    }
    let after_time = skip_time(line);
    let found =
        find_level(after_time, if after_time.len() < line.len() { Before::Header } else { Before::Nothing });
    let header = match found {
        Some(header) => header,
        None => syslog(line, after_time),
    };
    if header.message.is_empty() { whole } else { header }
}

/// Looks for the level among the words at the front of `text`.
fn find_level(text: &str, mut before: Before) -> Option<Header<'_>> {
    let mut rest = text;
    for _ in 0..HEADER_WORDS_MAX {
        rest = skip_separators(rest);
        if rest.is_empty() || text.len() - rest.len() > HEADER_BYTES_MAX {
            return None;
        }
        if let Some((inner, after)) = group(rest) {
            if let Some(header) = level_in_group(inner, after) {
                return Some(header);
            }
            rest = after;
        } else if let Some((level, mark, after)) = level_at(rest, before) {
            return Some(after_level(level, mark, after));
        } else {
            let (word, after) = split_word(rest);
            if !is_header_word(word, after) {
                return None;
            }
            rest = after;
        }
        before = Before::Header;
    }
    None
}

/// `[error]`, or `[TIME INFO name]`.
fn level_in_group<'a>(inner: &'a str, after: &'a str) -> Option<Header<'a>> {
    let inner = inner.trim_matches([' ', '\t']);
    if is_level(inner) {
        return Some(after_level(inner, Mark::Separator, after));
    }
    let (first, rest) = split_word(inner);
    let (level, logger) = split_word(skip_blanks(rest));
    let logger = skip_blanks(logger);
    let written = is_time(first) && is_level(level);
    written.then_some(Header {
        level: Some(level),
        thread: None,
        logger: (!logger.is_empty()).then_some(logger),
        message: skip_blanks(after),
    })
}

/// A level at the very front of `rest`, how it is marked, and what follows.
fn level_at(rest: &str, before: Before) -> Option<(&str, Mark, &str)> {
    let len = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (word, after) = rest.split_at(len);
    let mark = mark_of(after)?;
    let upper = word.bytes().all(|b| b.is_ascii_uppercase());
    let found = match (len, before) {
        (0, _) => false,
        (1, _) => upper && is_letter_level(word, after, before),
        (_, Before::Nothing) => upper && is_level(word),
        (_, Before::Header) => (upper || mark != Mark::Blank) && is_level(word),
    };
    found.then_some((word, mark, after))
}

/// How the text after a level sets it off; `None` when the level is but the start of a longer word.
fn mark_of(after: &str) -> Option<Mark> {
    match after.as_bytes() {
        [] => Some(Mark::Blank),
        [b':', b' ' | b'\t', ..] | [b'|' | b',' | b'/', ..] => Some(Mark::Separator),
        [b':', ..] => Some(Mark::Colon),
        [b' ', b'-' | b'|' | b':', ..] => Some(Mark::Separator),
        [b'\t', ..] | [b' ', b' ' | b'\t', ..] => Some(Mark::Column),
        [b' ', ..] => Some(Mark::Blank),
        _ => None,
    }
}

/// logcat's and mongod's levels of one letter: `D Tag: …`, `D/Tag(1): …`. `I am` and `A B` are not.
fn is_letter_level(letter: &str, after: &str, before: Before) -> bool {
    let tagged = after.starts_with('/');
    let next = skip_blanks(after.trim_start_matches('/'));
    let (word, _) = split_word(next);
    let names =
        word.ends_with(':') || word.contains('(') || word.bytes().take(2).all(|b| b.is_ascii_uppercase());
    matches!(letter, "V" | "D" | "I" | "W" | "E" | "F") && names && (tagged || before == Before::Header)
}

/// What follows a level: separators, threads, a process id, a logger, then the message.
fn after_level<'a>(level: &'a str, mark: Mark, after: &'a str) -> Header<'a> {
    let mut header = Header { level: Some(level), thread: None, logger: None, message: after };
    let tagged = level.len() == 1;
    for _ in 0..PARTS_MAX {
        let rest = skip_separators(header.message);
        let crossed = skip_blanks(header.message).len() > rest.len();
        header.message = rest;
        if crossed && (header.thread.is_some() || header.logger.is_some()) {
            break;
        }
        if let Some((inner, after)) = group(rest) {
            header.thread = header.thread.or(Some(inner));
            header.message = after;
        } else if let Some(after) = skip_pid(rest) {
            header.message = after;
        } else if header.logger.is_some() {
            break;
        } else if let Some((name, after, end)) = if tagged { tag(rest) } else { logger(rest, mark) } {
            header.logger = Some(name);
            header.message = after;
            if end {
                break;
            }
        } else {
            break;
        }
    }
    header.message = skip_blanks(header.message);
    header
}

/// logcat's tag: all up to the colon, blanks too.
fn tag(rest: &str) -> Option<(&str, &str, bool)> {
    let window = rest.as_bytes().get(..rest.len().min(64))?;
    let at =
        window.windows(2).position(|pair| pair == b": ").or_else(|| rest.strip_suffix(':').map(str::len))?;
    Some((rest[..at].trim_end(), &rest[at + 1..], true))
}

/// A logger's name at the front of `rest`, what follows it, and whether the header ends there.
fn logger(rest: &str, mark: Mark) -> Option<(&str, &str, bool)> {
    if mark == Mark::Colon {
        let (name, after) = rest.split_once(':')?;
        return is_plain_name(name).then_some((name, after, true));
    }
    let (word, after) = split_word(rest);
    if let Some(name) = word.strip_suffix(':') {
        return is_logger_name(name).then_some((name, after, true));
    }
    let next = skip_blanks(after);
    let separated = next.starts_with(['-', ':', '|']) && next[1..].starts_with([' ', '\t']);
    if separated && (is_logger_name(word) || mark == Mark::Separator && is_plain_name(word)) {
        return Some((word, after, false));
    }
    let column = mark == Mark::Column && (after.starts_with('\t') || after.starts_with("  "));
    if column && is_plain_name(word) {
        return Some((word, after, true));
    }
    let bracketed = next.starts_with('[') && is_logger_name(word);
    bracketed.then_some((word, after, false))
}

/// Spring Boot's `1234 ---`: a number between a level and a separator.
fn skip_pid(rest: &str) -> Option<&str> {
    let (word, after) = split_word(rest);
    let is_pid = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    (is_pid && skip_blanks(after).starts_with("-")).then_some(after)
}

/// A header's word before the level: anything but prose and but a tag.
fn is_header_word(word: &str, after: &str) -> bool {
    let bytes = word.as_bytes();
    if word.ends_with(':') {
        return false;
    }
    let lower = bytes.iter().any(u8::is_ascii_lowercase);
    let odd = bytes.iter().any(|b| b.is_ascii_digit() || !b.is_ascii());
    let next = skip_blanks(after);
    !lower
        || odd
        || is_logger_name(word)
        || next.starts_with("- ")
        || next.starts_with("| ")
        || TIME_WORDS.contains(&word)
}

/// `a.b.C`, `a::b`, `A$B`, `CamelCase`, `file.rs:12`, but no exception.
fn is_logger_name(name: &str) -> bool {
    if name.ends_with("Exception") || name.ends_with("Error") || !is_plain_name(name) {
        return false;
    }
    let inner = |pair: &[u8]| {
        matches!(pair, [b'.' | b':' | b'$', next] if !next.is_ascii_digit() || pair[0] == b':')
            || pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase()
    };
    name.as_bytes().windows(2).any(inner)
}

/// One word that may name a logger.
fn is_plain_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"_.$:/@#<>-".contains(&b);
    name.len() >= 2
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '>')
        && name.bytes().all(ok)
}

fn is_level(word: &str) -> bool {
    LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word))
}

/// `I0102 15:04:05.000001 1234 file.cc:12] message`.
fn glog(line: &str) -> Option<Header<'_>> {
    let bytes = line.as_bytes();
    let dated = bytes.len() > 5 && bytes[1..5].iter().all(u8::is_ascii_digit) && bytes[5] == b' ';
    if !dated || !matches!(bytes[0], b'I' | b'W' | b'E' | b'F') {
        return None;
    }
    let (time, after) = split_word(&line[6..]);
    let (head, message) = after.split_once("] ")?;
    let short = is_time(time) && head.len() <= HEADER_BYTES_MAX;
    let logger = head.rsplit(' ').next();
    short.then_some(Header { level: line.get(..1), thread: None, logger, message: skip_blanks(message) })
}

/// `host tag[pid]: message`, or `host tag: message` after a time that begins with a month.
fn syslog<'a>(line: &'a str, after_time: &'a str) -> Header<'a> {
    let rest = skip_blanks(after_time);
    let whole = Header { level: None, thread: None, logger: None, message: rest };
    let dated = after_time.len() < line.len() && line.get(..3).is_some_and(|word| TIME_WORDS.contains(&word));
    let (_, after_host) = split_word(rest);
    let (word, message) = split_word(skip_blanks(after_host));
    let Some(tag) = word.strip_suffix(':') else { return whole };
    let (name, pid) = match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
        Some((name, pid)) => (name, Some(pid)),
        None => (tag, None),
    };
    let numbered = pid.is_some_and(|pid| pid.bytes().all(|b| b.is_ascii_digit()));
    if !(numbered || pid.is_none() && dated) {
        return whole;
    }
    Header { level: None, thread: pid, logger: Some(name), message: skip_blanks(message) }
}

/// Skips the time at the front of `line`; all of `line` when there is none.
fn skip_time(line: &str) -> &str {
    let (mut rest, mut timed) = (line, false);
    for _ in 0..HEADER_WORDS_MAX {
        let next = skip_blanks(rest);
        let grouped = group(next).filter(|(inner, _)| skip_time(strip_nested(inner)).is_empty());
        let (word, after) = grouped.unwrap_or_else(|| split_word(next));
        let core = word.trim_end_matches([',', ':', '|']);
        if grouped.is_some() || is_time(core) {
            timed = true;
        } else if !TIME_WORDS.contains(&core) && !is_day(core) {
            break;
        }
        rest = after;
    }
    if timed { rest } else { line }
}

/// Brackets in brackets hold no time; looking further would recurse.
fn strip_nested(inner: &str) -> &str {
    if inner.contains(['[', '(']) { "x" } else { inner }
}

/// A date or a time of day in digits: `2026-11-24T10:00:00.5Z`, `24/11/2026`, `10:00:00,123`.
fn is_time(word: &str) -> bool {
    let (mut digits, mut colons, mut dashes, mut dots) = (0, 0, 0, 0);
    for byte in word.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b':' => colons += 1,
            b'-' | b'/' => dashes += 1,
            b'.' | b',' => dots += 1,
            b'T' | b'Z' | b'+' => {}
            _ => return false,
        }
    }
    let starts = word.starts_with(|c: char| c.is_ascii_digit());
    // Four numbers and dots are an address.
    starts
        && digits >= 4
        && (dashes >= 1 || dots <= 2)
        && (colons >= 1 || dashes >= 1 || dots == 2)
        && digits + colons + dashes >= 5
}

/// A day or a year beside a month's name.
fn is_day(word: &str) -> bool {
    matches!(word.len(), 1 | 2 | 4) && word.bytes().all(|b| b.is_ascii_digit())
}

/// A bracketed part at the front of `rest`, brackets within it balanced, and what follows.
fn group(rest: &str) -> Option<(&str, &str)> {
    let bytes = rest.as_bytes();
    let (open, close) = match bytes.first()? {
        b'[' => (b'[', b']'),
        b'(' => (b'(', b')'),
        _ => return None,
    };
    let mut depth = 0;
    for (at, &byte) in bytes.iter().enumerate().take(GROUP_BYTES_MAX) {
        if byte == open {
            depth += 1;
        } else if byte == close {
            depth -= 1;
            if depth == 0 {
                return Some((&rest[1..at], &rest[at + 1..]));
            }
        }
    }
    None
}

fn split_word(text: &str) -> (&str, &str) {
    let at = text.bytes().position(|b| b == b' ' || b == b'\t').unwrap_or(text.len());
    text.split_at(at)
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// Skips blanks and the marks that stand between a header's parts: marks with a blank behind them, or one
/// mark right at the front, as in `:name:message` and `/Tag: message`.
fn skip_separators(text: &str) -> &str {
    let is_mark = |c: char| matches!(c, '-' | ':' | '|' | ',' | '/');
    let mut rest = skip_blanks(text.strip_prefix(is_mark).unwrap_or(text));
    loop {
        let after = rest.trim_start_matches(is_mark);
        if after.len() == rest.len() || !(after.is_empty() || after.starts_with([' ', '\t'])) {
            return rest;
        }
        rest = skip_blanks(after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Level, thread, logger and message, empty when there is none.
    fn check(line: &str, expected: [&str; 4]) {
        let Header { level, thread, logger, message } = cut(line);
        let [level, thread, logger] = [level, thread, logger].map(Option::unwrap_or_default);
        assert_eq!([level, thread, logger, message], expected, "{line}");
    }

    #[test]
    fn level_thread_and_logger_of_common_loggers() {
        check(
            "2026-11-24 10:00:00,123 INFO [main] com.acme.Shop: up 1",
            ["INFO", "main", "com.acme.Shop", "up 1"],
        );
        check(
            "2026-11-24 10:00:00.123 [main] DEBUG com.acme.Shop - up",
            ["DEBUG", "", "com.acme.Shop", "up"],
        );
        check(
            "10:00:00,1 - WARN  [Recv:1:Quorum[id=1]@7] - gone",
            ["WARN", "Recv:1:Quorum[id=1]@7", "", "gone"],
        );
        check("2026-11-24 10:00:00,123 - my.module - INFO - hello", ["INFO", "", "", "hello"]);
        check("INFO:root:hello world", ["INFO", "", "root", "hello world"]);
        check(
            "2026-11-24T10:00:00.1Z  INFO 1234 --- [           main] o.s.TomcatServer     : Tomcat started",
            ["INFO", "           main", "o.s.TomcatServer", "Tomcat started"],
        );
        check(
            "2026-11-24 10:00:00.1 | INFO     | __main__:<module>:5 - hi",
            ["INFO", "", "__main__:<module>:5", "hi"],
        );
        check("[2026-11-24T10:00:00Z INFO  my::path] hello", ["INFO", "", "my::path", "hello"]);
        check("2026-11-24T10:00:00.123Z  INFO my::path: hello", ["INFO", "", "my::path", "hello"]);
        check("I0102 15:04:05.123456    1234 file.cc:12] hello", ["I", "", "file.cc:12", "hello"]);
        check("D/Power(  123): held", ["D", "", "Power(  123)", "held"]);
        check("03-17 16:13:38.811  1702  2395 D Window: opening w = 1", ["D", "", "Window", "opening w = 1"]);
        check("2026-11-24T10:00:00Z\tINFO\tshop\tpaid 3", ["INFO", "", "shop", "paid 3"]);
        check("2016-09-28 04:30:31, Info                  CBS    Loaded 1", ["Info", "", "CBS", "Loaded 1"]);
        check(
            "[Sun Dec 04 04:47:44 2005] [error] [client 1.2.3.4] no",
            ["error", "client 1.2.3.4", "", "no"],
        );
        check(
            "2026/11/24 10:00:00 [error] 12#0: *5 open() failed",
            ["error", "", "", "12#0: *5 open() failed"],
        );
        check(
            "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.6 R02-M1 RAS KERNEL FATAL up",
            ["FATAL", "", "", "up"],
        );
        check("2026-11-24 10:00:00 UTC [12] LOG:  checkpoint", ["LOG", "", "", "checkpoint"]);
        check(
            "[2026-11-24 10:00:00,000] INFO [Log x=1] rolled (kafka.log)",
            ["INFO", "Log x=1", "", "rolled (kafka.log)"],
        );
    }

    #[test]
    fn the_time_may_be_cut_already() {
        check(" INFO [main] com.acme.Shop: up", ["INFO", "main", "com.acme.Shop", "up"]);
        check("  1702  2395 D Window: opening", ["D", "", "Window", "opening"]);
        check("[notice] child 1", ["notice", "", "", "child 1"]);
        check("host sshd[12]: gone", ["", "12", "sshd", "gone"]);
    }

    #[test]
    fn syslog_and_bare_times() {
        check("Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user", ["", "24200", "sshd", "Invalid user"]);
        check("Jan  2 10:00:00 host kernel: [1.6] usb", ["", "", "kernel", "[1.6] usb"]);
        check("2026-11-24T10:00:00.1+00:00 web-1 nginx[12]: up", ["", "12", "nginx", "up"]);
        check("2026/11/24 15:04:05 hello from go", ["", "", "", "hello from go"]);
    }

    #[test]
    fn prose_stays_whole() {
        for line in [
            "",
            " ",
            "INFO",
            "[[[[",
            "the quick ERROR jumps",
            "Error: cannot open file",
            "error: no such file",
            "Connection refused: 10.0.0.1",
            "I am here",
            "10.0.0.1 - - [02/Jan/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1",
        ] {
            check(line, ["", "", "", line]);
        }
        check("2026-11-24 10:00:00 I am here", ["", "", "", "I am here"]);
        check("2026-11-24 10:00:00 error loading file", ["", "", "", "error loading file"]);
        check("ERROR java.io.IOException: disk full", ["ERROR", "", "", "java.io.IOException: disk full"]);
    }
}
