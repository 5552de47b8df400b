//! Everything that is printed: results to stdout, complaints to stderr, with what could fool a terminal made visible.
//!
//! A log line may hold escape sequences that rewrite the screen, set the window title or reverse text. Whatever goes to a
//! terminal passes [`escape`]; what goes to a pipe or file is left as it is.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Bytes collected before they are written when the output is no terminal.
const BUFFER_BYTES: usize = 64 << 10;

/// Columns where nobody can say how many there are.
const COLUMNS: usize = 80;

/// How an unprintable character is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// `\x1b`, `\u{202e}`: for people.
    Text,
    /// `\u001b`, `\u202e`: JSON stays JSON.
    Json,
}

/// What a part of the text view is, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// The default colour.
    Plain,
    /// What the eye may skip.
    Dim,
    /// Severity INFO, and what is fine.
    Good,
    /// Severity WARN, and what wants attention.
    Warn,
    /// Severity ERROR and above, and what is broken.
    Bad,
    /// Names.
    Name,
}

/// Where results go.
pub struct Screen<W: Write> {
    out: W,
    terminal: bool,
    colours: bool,
    columns: usize,
}

impl Screen<BufWriter<StdoutLock<'static>>> {
    /// Standard output. Colours only on a terminal, and never with `NO_COLOR` set or `TERM=dumb`.
    pub fn stdout() -> Self {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        let size = rustix::termios::tcgetwinsize(&stdout).ok().filter(|size| terminal && size.ws_col > 0);
        let columns = size.map_or(COLUMNS, |size| usize::from(size.ws_col));
        let colours = terminal && wants_colours(|name| std::env::var_os(name));
        Self { out: BufWriter::with_capacity(BUFFER_BYTES, stdout), terminal, colours, columns }
    }
}

impl<W: Write> Screen<W> {
    /// A screen on any writer; a test says whether it counts as a terminal.
    pub fn new(out: W, terminal: bool, colours: bool) -> Self {
        Self { out, terminal, colours, columns: COLUMNS }
    }

    /// A screen of the same kind in memory.
    pub fn aside(&self) -> Screen<Vec<u8>> {
        let Self { terminal, colours, columns, .. } = *self;
        Screen { out: Vec::new(), terminal, colours, columns }
    }

    /// What was printed on another screen, which is left empty.
    pub fn take(&mut self, aside: &mut Screen<Vec<u8>>) -> io::Result<()> {
        self.out.write_all(&std::mem::take(&mut aside.out))
    }

    /// Characters on a line.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether control characters have to be made visible.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Text of ours or of a log line: always escaped, coloured where colours are.
    pub fn text(&mut self, tone: Tone, text: &str) -> io::Result<()> {
        let code = if self.colours { tone.code() } else { "" };
        if code.is_empty() {
            return self.out.write_all(escape(text.as_bytes(), Escapes::Text).as_bytes());
        }
        write!(self.out, "\x1b[{code}m{}\x1b[0m", escape(text.as_bytes(), Escapes::Text))
    }

    /// Bytes of a log line: as they are, but escaped on a terminal.
    pub fn bytes(&mut self, bytes: &[u8], escapes: Escapes) -> io::Result<()> {
        if self.terminal {
            return self.out.write_all(escape(bytes, escapes).as_bytes());
        }
        self.out.write_all(bytes)
    }

    /// The end of a line.
    pub fn newline(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// Brings everything to the reader.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer.
    pub fn into_inner(self) -> W {
        self.out
    }
}

impl Screen<Vec<u8>> {
    /// Bytes printed so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether nothing is printed.
    pub fn is_empty(&self) -> bool {
        self.out.is_empty()
    }
}

impl Tone {
    /// The tone of a severity text, by its first letter.
    pub fn of_severity(severity: &str) -> Self {
        match severity.as_bytes().first() {
            Some(b'E' | b'F') => Self::Bad,
            Some(b'W') => Self::Warn,
            Some(b'I') => Self::Good,
            _ => Self::Dim,
        }
    }

    /// SGR parameters.
    fn code(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Warn => "33",
            Self::Bad => "1;31",
            Self::Name => "36",
        }
    }
}

/// Whether the environment has nothing against colours: see no-color.org.
fn wants_colours(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && variable("TERM").is_none_or(|term| term != "dumb")
}

/// `bytes` with everything made visible that a terminal would act on: C0 but the tab, DEL, C1, bidirectional controls, line
/// separators, and bytes that are not UTF-8.
pub fn escape(bytes: &[u8], escapes: Escapes) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match (acts_on_terminals(c), escapes) {
                (false, _) => out.push(c),
                (true, Escapes::Text) => push_visible(&mut out, c),
                (true, Escapes::Json) => push_formatted(&mut out, format_args!("\\u{:04x}", u32::from(c))),
            }
        }
        for &byte in chunk.invalid() {
            push_formatted(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out
}

/// Prints a complaint or a note to stderr, escaped, with a newline. A stderr that cannot be written to is nobody's to tell.
pub fn note(text: &str) {
    let lines: Vec<String> = text.split('\n').map(|line| escape(line.as_bytes(), Escapes::Text)).collect();
    let _ = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// As [`note`], for what the eye may skip; only where somebody reads it.
pub fn remark(text: &str) {
    let mut stderr = io::stderr().lock();
    if stderr.is_terminal() {
        let text = escape(text.as_bytes(), Escapes::Text);
        let dimmed = wants_colours(|name| std::env::var_os(name));
        let text = if dimmed { format!("\x1b[{}m{text}\x1b[0m", Tone::Dim.code()) } else { text };
        let _ = writeln!(stderr, "{text}");
    }
}

/// Prints a result to stdout at once, escaped, with a newline. Whoever has stopped reading does not want it.
pub fn say(text: &str) {
    let lines: Vec<String> = text.split('\n').map(|line| escape(line.as_bytes(), Escapes::Text)).collect();
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{}", lines.join("\n")).and_then(|()| stdout.flush());
}

/// Shows how far something is, in place of the last such text; false, and nothing shown, when stderr is no terminal.
pub fn progress(text: &str) -> bool {
    let mut stderr = io::stderr().lock();
    let terminal = stderr.is_terminal();
    if terminal {
        let _ = write!(stderr, "\r\x1b[K{}", escape(text.as_bytes(), Escapes::Text))
            .and_then(|()| stderr.flush());
    }
    terminal
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\0'..='\x7f' => push_formatted(out, format_args!("\\x{:02x}", u32::from(c))),
        _ => push_formatted(out, format_args!("\\u{{{:x}}}", u32::from(c))),
    }
}

fn push_formatted(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

fn acts_on_terminals(c: char) -> bool {
    matches!(
        c,
        '\0'..='\x08' | '\x0a'..='\x1f' | '\x7f'..='\u{9f}' // C0, DEL, C1
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' // bidirectional
        | '\u{2028}' | '\u{2029}' // separators
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(escape(bytes, Escapes::Text), expected);
    }

    #[test]
    fn what_fools_a_terminal_becomes_visible() {
        check(b"plain \xc3\xa9 \xf0\x9f\xa6\x80\ttab", "plain é 🦀\ttab");
        check(b"\x1b]0;owned\x07", "\\x1b]0;owned\\x07");
        check("\u{9b}31m".as_bytes(), "\\u{9b}31m");
        check("user \u{202e}nimda".as_bytes(), "user \\u{202e}nimda");
        check(b"a\r\nb\xff", "a\\r\\nb\\xff");
        assert_eq!(escape(b"\x1b \xc2\x9b", Escapes::Json), "\\u001b \\u009b");
    }

    #[test]
    fn colours_only_where_they_are_wanted() {
        let print = |colours| {
            let mut screen = Screen::new(Vec::new(), true, colours);
            screen.text(Tone::of_severity("ERROR"), "x\x1b").expect("memory");
            String::from_utf8(screen.into_inner()).expect("text")
        };
        assert_eq!((print(false).as_str(), print(true).as_str()), ("x\\x1b", "\x1b[1;31mx\\x1b\x1b[0m"));
    }

    #[test]
    fn colours_are_refused_by_the_environment() {
        let check = |set: &[(&str, &str)], expected: bool| {
            let value = |name: &str| set.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into());
            assert_eq!(wants_colours(value), expected, "{set:?}");
        };
        check(&[], true);
        check(&[("NO_COLOR", ""), ("TERM", "xterm")], true);
        check(&[("NO_COLOR", "1")], false);
        check(&[("NO_COLOR", "0")], false);
        check(&[("TERM", "dumb")], false);
    }

    #[test]
    fn a_pipe_gets_every_byte() {
        let mut screen = Screen::new(Vec::new(), false, false);
        screen.bytes(b"\x1b\xff\0", Escapes::Text).expect("memory");
        assert_eq!(screen.into_inner(), b"\x1b\xff\0");
    }

    proptest! {
        #[test]
        fn nothing_escaped_acts_on_a_terminal(bytes: Vec<u8>, text: String) {
            for input in [bytes, text.into_bytes()] {
                for escapes in [Escapes::Text, Escapes::Json] {
                    prop_assert!(!escape(&input, escapes).chars().any(acts_on_terminals));
                }
            }
        }

        #[test]
        fn json_stays_the_same_json(text: String) {
            let line = serde_json::to_string(&text).expect("serialises");
            let back: String = serde_json::from_str(&escape(line.as_bytes(), Escapes::Json)).expect("still JSON");
            prop_assert_eq!(back, text);
        }
    }
}
