//! Endless log lines of a small shop: the same seed gives the same bytes. Traces of 3 to 12 lines walk across services and
//! are interleaved; times ascend. A line is one JSON object with a newline, 385 bytes on average.

use super::dice::Dice;
use super::tables::{
    EXCEPTIONS, FRAMES, HOSTS, HOSTS_PER_SERVICE, INFO_TEMPLATES, LEVELS, Level, RARE_EVERY, RARE_WORDS,
    ROUTES, SERVICES, STACK, STATUSES, TEMPLATES, USERS, WARN_TEMPLATES,
};
use logweir_base::time::Timestamp;

/// The earliest start: 2025-01-01T00:00:00Z. The seed adds up to a day.
const START_SECONDS: i64 = 1_735_689_600;
/// Microseconds between two lines: 0 to this, so 1,000 lines a second on average.
const STEP_US: u64 = 2_000;
/// Traces under way at a time when all services take part, and so how far the lines of one trace lie apart.
const TRACES_OPEN: usize = 64;
/// The fewest and the most lines of a trace.
const TRACE_LINES: (u64, u64) = (3, 12);
/// Duration of a request: median in microseconds, and spread of its logarithm.
const DURATION_US: (f64, f64) = (12_000.0, 1.1);
/// Limits of `{n}` and `{k}` in templates.
const NUMBER: u64 = 10_000_000;
const SMALL_NUMBER: u64 = 20;

/// What one line is about: what the truth file counts, and the demo routes by.
#[derive(Debug, Clone, Copy)]
pub struct Facts {
    /// Its timestamp, in whole microseconds.
    pub time: Timestamp,
    /// Its severity.
    pub level: Level,
    /// Index into [`SERVICES`].
    pub service: usize,
    /// Number of its user; see [`user_id`].
    pub user: u32,
    /// Index into [`TEMPLATES`].
    pub template: usize,
    /// Index into [`RARE_WORDS`] of the word at the end of its message.
    pub rare: Option<usize>,
    /// Its trace.
    pub trace: u128,
    /// Lines of the trace, when this is its last one.
    pub trace_ended: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Trace {
    id: u128,
    user: u32,
    service: usize,
    lines: u32,
    written: u32,
}

#[derive(Debug, Clone, Copy)]
enum Piece {
    Text(&'static str),
    Number(u64),
    User,
    Address,
}

/// An endless sequence of lines.
#[derive(Debug)]
pub struct Generator {
    dice: Dice,
    services: usize,
    time_us: i64,
    second: i64,
    second_text: String,
    traces: Vec<Trace>,
    templates: Vec<Vec<Piece>>,
    paths: Vec<Vec<Piece>>,
    rare_at: [u64; RARE_WORDS.len()],
    lines: u64,
}

impl Generator {
    /// The lines of `seed`, of all services.
    pub fn new(seed: u64) -> Self {
        Self::with_services(seed, SERVICES.len())
    }

    /// The lines of `seed`, of the first `services` services only (at least 1).
    pub fn with_services(seed: u64, services: usize) -> Self {
        let mut dice = Dice::new(seed);
        let start = START_SECONDS + (seed % 86_400) as i64;
        let rare_at = std::array::from_fn(|_| dice.below(RARE_EVERY));
        let services = services.clamp(1, SERVICES.len());
        let traces_open = (TRACES_OPEN * services).div_ceil(SERVICES.len());
        let traces = (0..traces_open).map(|_| begin_trace(&mut dice, services)).collect();
        Self {
            dice,
            services,
            time_us: start * 1_000_000,
            second: i64::MIN,
            second_text: String::new(),
            traces,
            templates: TEMPLATES.iter().map(|t| pieces(t)).collect(),
            paths: ROUTES.iter().map(|(_, path)| pieces(path)).collect(),
            rare_at,
            lines: 0,
        }
    }

    /// Appends the next line to `out`, at the generator's own time.
    pub fn next_line(&mut self, out: &mut Vec<u8>) -> Facts {
        self.time_us += self.dice.below(STEP_US) as i64;
        self.line(out)
    }

    /// Appends the next line to `out`, at `time`.
    pub fn next_line_at(&mut self, time: Timestamp, out: &mut Vec<u8>) -> Facts {
        self.time_us = time.0.div_euclid(1_000);
        self.line(out)
    }

    fn line(&mut self, out: &mut Vec<u8>) -> Facts {
        let facts = self.draw_facts();
        self.write_head(&facts, out);
        self.write_message(&facts, out);
        self.write_request(&facts, out);
        if facts.level == Level::Error {
            self.write_exception(out);
        }
        out.extend_from_slice(b"}\n");
        self.lines += 1;
        facts
    }

    fn draw_facts(&mut self) -> Facts {
        let (level, first, count) = match self.dice.below(100) {
            0..90 => (Level::Info, 0, INFO_TEMPLATES),
            90..97 => (Level::Warn, INFO_TEMPLATES, WARN_TEMPLATES),
            _ => (
                Level::Error,
                INFO_TEMPLATES + WARN_TEMPLATES,
                TEMPLATES.len() - INFO_TEMPLATES - WARN_TEMPLATES,
            ),
        };
        let trace = self.step_trace();
        let at = self.lines % RARE_EVERY;
        Facts {
            time: Timestamp(self.time_us * 1_000),
            level,
            service: trace.service,
            user: trace.user,
            template: first + self.dice.index(count),
            rare: self.rare_at.iter().position(|&r| r == at),
            trace: trace.id,
            trace_ended: (trace.written == trace.lines).then_some(trace.lines),
        }
    }

    /// One more line of one of the open traces; its second line is always of another service.
    fn step_trace(&mut self) -> Trace {
        let at = self.dice.index(self.traces.len());
        let mut trace = self.traces[at];
        if trace.written == 1 || (trace.written > 1 && self.dice.below(2) == 0) {
            trace.service = (trace.service + 1 + self.dice.index(3)) % self.services;
        }
        trace.written += 1;
        let ended = trace.written == trace.lines;
        self.traces[at] = if ended { begin_trace(&mut self.dice, self.services) } else { trace };
        trace
    }

    fn write_head(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"timestamp\":\"");
        self.write_time(out);
        text(out, "\",\"level\":\"");
        text(out, LEVELS[facts.level as usize]);
        text(out, "\",\"service\":\"");
        text(out, SERVICES[facts.service]);
        text(out, "\",\"host\":\"app-");
        let host = (facts.service * HOSTS_PER_SERVICE + self.dice.index(HOSTS_PER_SERVICE)) % HOSTS;
        padded(out, host as u64 + 1, 2);
        text(out, ".ams1\",\"trace_id\":\"");
        hex(out, (facts.trace >> 64) as u64);
        hex(out, facts.trace as u64);
        text(out, "\",\"span_id\":\"");
        let span = self.dice.bits();
        hex(out, span);
        text(out, "\",\"user_id\":\"");
        user(out, facts.user);
    }

    /// RFC 3339 with six fraction digits always; the text of a second is kept, since many lines share it.
    fn write_time(&mut self, out: &mut Vec<u8>) {
        let second = self.time_us.div_euclid(1_000_000);
        if second != self.second {
            self.second = second;
            self.second_text = Timestamp::from_seconds(second).to_string().trim_end_matches('Z').to_owned();
        }
        text(out, &self.second_text);
        out.push(b'.');
        padded(out, self.time_us.rem_euclid(1_000_000) as u64, 6);
        out.push(b'Z');
    }

    fn write_message(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        text(out, "\",\"message\":\"");
        for piece in &self.templates[facts.template] {
            write_piece(*piece, facts.user, &mut self.dice, out);
        }
        if let Some(rare) = facts.rare {
            out.push(b' ');
            text(out, RARE_WORDS[rare]);
        }
    }

    fn write_request(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        let route = self.dice.index(ROUTES.len());
        text(out, "\",\"http\":{\"method\":\"");
        text(out, ROUTES[route].0);
        text(out, "\",\"path\":\"");
        for piece in &self.paths[route] {
            write_piece(*piece, facts.user, &mut self.dice, out);
        }
        text(out, "\",\"status\":");
        let statuses = STATUSES[facts.level as usize];
        number(out, u64::from(statuses[self.dice.index(statuses.len())]));
        text(out, "},\"duration_ms\":");
        let (median, spread) = DURATION_US;
        let duration_us = (median * (spread * self.dice.normal()).exp()) as u64;
        number(out, duration_us / 1_000);
        out.push(b'.');
        padded(out, duration_us % 1_000, 3);
    }

    fn write_exception(&mut self, out: &mut Vec<u8>) {
        let kind = self.dice.index(EXCEPTIONS.len());
        let (name, message) = EXCEPTIONS[kind];
        for part in
            [",\"exception\":{\"type\":\"", name, "\",\"message\":\"", message, "\",\"stacktrace\":\"", name]
        {
            text(out, part);
        }
        text(out, ": ");
        text(out, message);
        let frames = FRAMES.0 + self.dice.below(FRAMES.1 - FRAMES.0 + 1);
        for frame in 0..frames as usize {
            let (method, file) = STACK[(kind * 3 + frame) % STACK.len()];
            for part in ["\\n\\tat ", method, "(", file, ":"] {
                text(out, part);
            }
            number(out, (kind * 131 + frame * 37 + 20) as u64);
            out.push(b')');
        }
        text(out, "\"}");
    }
}

/// The id of a user as lines carry it: `u` and six digits.
pub fn user_id(user_number: u32) -> String {
    let mut out = Vec::new();
    user(&mut out, user_number);
    String::from_utf8(out).expect("digits are ASCII")
}

fn begin_trace(dice: &mut Dice, services: usize) -> Trace {
    // Ranks are scattered over the ids, so that a popular user is not one with a small number.
    let user = (u64::from(dice.zipf(USERS)) * 7_919 % u64::from(USERS)) as u32;
    Trace {
        id: (u128::from(dice.bits()) << 64) | u128::from(dice.bits()),
        user,
        service: dice.index(services),
        lines: (TRACE_LINES.0 + dice.below(TRACE_LINES.1 - TRACE_LINES.0 + 1)) as u32,
        written: 0,
    }
}

fn pieces(template: &'static str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        found.push(Piece::Text(&rest[..at]));
        found.push(match &rest[at..at + 3] {
            "{n}" => Piece::Number(NUMBER),
            "{k}" => Piece::Number(SMALL_NUMBER),
            "{u}" => Piece::User,
            _ => Piece::Address,
        });
        rest = &rest[at + 3..];
    }
    found.push(Piece::Text(rest));
    found
}

fn write_piece(piece: Piece, user_number: u32, dice: &mut Dice, out: &mut Vec<u8>) {
    match piece {
        Piece::Text(t) => text(out, t),
        Piece::Number(limit) => number(out, dice.below(limit)),
        Piece::User => user(out, user_number),
        Piece::Address => address(out, dice),
    }
}

fn address(out: &mut Vec<u8>, dice: &mut Dice) {
    text(out, "10.");
    number(out, dice.below(4));
    out.push(b'.');
    number(out, dice.below(256));
    out.push(b'.');
    number(out, dice.below(256));
    out.push(b':');
    number(out, 32_768 + dice.below(28_232));
}

fn user(out: &mut Vec<u8>, user_number: u32) {
    out.push(b'u');
    padded(out, u64::from(user_number), 6);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn number(out: &mut Vec<u8>, value: u64) {
    padded(out, value, 1);
}

/// Decimal digits, with zeros in front up to `width` (at most 20).
fn padded(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&digits[at.min(digits.len() - width)..]);
}

fn hex(out: &mut Vec<u8>, value: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits: [u8; 16] = std::array::from_fn(|i| DIGITS[(value >> (60 - 4 * i)) as usize & 15]);
    out.extend_from_slice(&digits);
}
