//! Layouts of JSON records, one file each: which keys tell it, and where it differs from what keys mean everywhere
//! (`parse::role`): how levels count, what names the service. Adding one is a file and a line in [`LAYOUTS`].
//!
//! A layout is told by keys of the outermost object and by how level and time are spelt. All keys of all signatures have a
//! bit, so that what a record has is a mask and every signature a comparison.

mod aws_lambda;
mod bunyan;
mod clef;
mod dotnet;
mod ecs;
mod envoy;
mod gelf;
mod go_kit;
mod google_cloud;
mod hclog;
mod journald;
mod log4j2;
mod logback;
mod lograge;
mod logrus;
mod logstash;
mod logstash_formatter;
mod loguru;
mod mongodb;
mod monolog;
mod nextcloud;
mod nlog;
mod pino;
mod postgresql;
mod python_json_logger;
mod semantic_logger;
mod serilog;
mod slog;
mod slog_rs;
mod structlog;
mod tracing;
mod tracing_bunyan;
mod traefik;
mod winston;
mod winston_logstash;
mod zap;
mod zerolog;

use crate::parse::Severity;
use std::sync::LazyLock;

/// In the order in which they are tried: the more a signature says, the earlier.
pub(crate) const LAYOUTS: &[&JsonLayout] = &[
    &clef::LAYOUT,
    &log4j2::LAYOUT,
    &mongodb::LAYOUT,
    &gelf::LAYOUT,
    &loguru::LAYOUT,
    &tracing_bunyan::LAYOUT,
    &bunyan::LAYOUT,
    &monolog::LAYOUT,
    &logback::LAYOUT,
    &logstash_formatter::LAYOUT,
    &winston_logstash::LAYOUT,
    &ecs::LAYOUT,
    &lograge::LAYOUT,
    &logstash::LAYOUT,
    &dotnet::LAYOUT,
    &serilog::LAYOUT,
    &hclog::LAYOUT,
    &traefik::LAYOUT,
    &envoy::LAYOUT,
    &nextcloud::LAYOUT,
    &pino::LAYOUT,
    &journald::LAYOUT,
    &postgresql::LAYOUT,
    &semantic_logger::LAYOUT,
    &aws_lambda::LAYOUT,
    &structlog::LAYOUT,
    &tracing::LAYOUT,
    &google_cloud::LAYOUT,
    &zap::LAYOUT,
    &slog_rs::LAYOUT,
    &go_kit::LAYOUT,
    &slog::LAYOUT,
    &logrus::LAYOUT,
    &python_json_logger::LAYOUT,
    &zerolog::LAYOUT,
    &nlog::LAYOUT,
    &winston::LAYOUT,
];

/// One way of writing a record as a JSON object.
#[derive(Debug)]
pub(crate) struct JsonLayout {
    /// What it is called.
    pub(crate) name: &'static str,
    /// What stands for it on disk: never reused; 1-99.
    pub(crate) number: u8,
    /// Any of these tells it.
    pub(crate) signatures: &'static [Signature],
    /// How levels that are numbers count.
    pub(crate) levels: Levels,
    /// Where the level's name is looked for besides the usual keys.
    pub(crate) level: Source,
    /// What names the service besides the usual keys.
    pub(crate) service: Source,
    /// What a record without a level is.
    pub(crate) default_severity: Severity,
}

/// What tells a layout.
#[derive(Debug)]
pub(crate) struct Signature {
    keys: &'static [&'static str],
    level: Spelling,
    time: Spelling,
}

/// How a value is spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Spelling {
    /// However.
    #[default]
    Any,
    /// An integer.
    Int,
    /// Another number.
    Float,
    /// Text that begins with a capital letter and has no small one.
    Upper,
    /// Text that begins with a small letter.
    Lower,
    /// Other text.
    Text,
}

/// How levels that are numbers count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Levels {
    /// Unknown: by the range they are in.
    ByRange,
    /// 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
    Bunyan,
    /// 10 debug, 20 info, 30 warning, 40 error, 50 critical.
    Python,
    /// 0 emergency to 7 debug.
    Syslog,
    /// 100 debug, 200 info, 250 notice, 300 warning, 400 error, 500 critical, 550 alert, 600 emergency.
    Monolog,
    /// 5000 trace, 10000 debug, 20000 info, 30000 warn, 40000 error.
    Logback,
    /// 0 debug, 1 info, 2 warning, 3 error, 4 fatal.
    Nextcloud,
}

/// A key that means something in some layouts only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The usual keys alone.
    Usual,
    /// `name`.
    Name,
    /// `type`.
    Type,
    /// `s`.
    Short,
}

impl JsonLayout {
    /// No layout in particular.
    pub(crate) const GENERIC: Self = Self {
        name: "json",
        number: 0,
        signatures: &[],
        levels: Levels::ByRange,
        level: Source::Usual,
        service: Source::Usual,
        default_severity: Severity::UNSPECIFIED,
    };

    /// The layout of a number; [`JsonLayout::GENERIC`] for one that is not known.
    pub(crate) fn of_number(number: u8) -> &'static Self {
        LAYOUTS.iter().find(|layout| layout.number == number).copied().unwrap_or(&Self::GENERIC)
    }

    /// The severity of a level that is a number.
    pub(crate) fn severity_of(&self, level: i64) -> Option<Severity> {
        let number = match self.levels {
            Levels::ByRange | Levels::Monolog => return Severity::from_int(level),
            Levels::Syslog => {
                return Some(level).filter(|level| (0..8).contains(level)).and_then(Severity::from_int);
            }
            Levels::Bunyan => (level.clamp(10, 69) / 10 - 1) * 4 + 1,
            // Critical, as its name is.
            Levels::Python if level >= 50 => 18,
            Levels::Python => (level.max(0) / 10) * 4 + 1,
            Levels::Logback => match level {
                ..10_000 => 1,
                10_000..20_000 => 5,
                20_000..30_000 => 9,
                30_000..40_000 => 13,
                _ => 17,
            },
            Levels::Nextcloud => level.clamp(0, 4) * 4 + 5,
        };
        u8::try_from(number).ok().map(Severity)
    }
}

impl Signature {
    const fn keys(keys: &'static [&'static str]) -> Self {
        Self { keys, level: Spelling::Any, time: Spelling::Any }
    }

    const fn level(self, level: Spelling) -> Self {
        Self { level, ..self }
    }

    const fn time(self, time: Spelling) -> Self {
        Self { time, ..self }
    }
}

impl Spelling {
    /// How text is spelt.
    pub(crate) fn of_text(text: &str) -> Self {
        match text.as_bytes() {
            [b'A'..=b'Z', rest @ ..] if !rest.iter().any(u8::is_ascii_lowercase) => Self::Upper,
            [b'a'..=b'z', ..] => Self::Lower,
            _ => Self::Text,
        }
    }

    fn allows(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// What a record has that layouts are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Evidence {
    /// Which of the signatures' keys its outermost object has.
    pub(crate) keys: u128,
    /// How its level is spelt.
    pub(crate) level: Spelling,
    /// How its time is spelt.
    pub(crate) time: Spelling,
}

impl Evidence {
    /// The bits of a path: of itself, and of the key of the outermost object that it stands under. A key may have dots, so
    /// `ecs.version` speaks for `ecs` either way.
    pub(crate) fn of_path(path: &str) -> u128 {
        let outermost = path.split_once('.').map_or(0, |(key, _)| Self::of_key(key));
        outermost | Self::of_key(path)
    }

    /// The bit of a key; 0 when no signature asks for it.
    fn of_key(key: &str) -> u128 {
        KEYS.iter().position(|known| *known == key).map_or(0, |at| 1 << at)
    }

    /// The layout it speaks for.
    pub(crate) fn layout(&self) -> &'static JsonLayout {
        let told = SIGNATURES.iter().find(|(mask, signature, _)| {
            self.keys & mask == *mask
                && signature.level.allows(self.level)
                && signature.time.allows(self.time)
        });
        told.map_or(&JsonLayout::GENERIC, |(_, _, layout)| layout)
    }
}

/// All keys of all signatures; the place of a key is its bit.
static KEYS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut keys: Vec<_> = LAYOUTS
        .iter()
        .flat_map(|layout| layout.signatures)
        .flat_map(|signature| signature.keys)
        .copied()
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert!(keys.len() <= 128, "a mask holds 128 keys");
    keys
});

static SIGNATURES: LazyLock<Vec<(u128, &'static Signature, &'static JsonLayout)>> = LazyLock::new(|| {
    let mask =
        |signature: &Signature| signature.keys.iter().map(|key| Evidence::of_key(key)).fold(0, |a, b| a | b);
    let of_layout =
        |&layout: &&'static JsonLayout| layout.signatures.iter().map(move |it| (mask(it), it, layout));
    LAYOUTS.iter().flat_map(of_layout).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_for_one_layout() {
        let mut numbers: Vec<_> = LAYOUTS.iter().map(|layout| layout.number).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), LAYOUTS.len());
        assert!(numbers.iter().all(|number| (1..100).contains(number)));
    }

    #[test]
    fn numbers_mean_what_their_layout_says() {
        let check = |layout: u8, level: i64, expected: &str| {
            let severity = JsonLayout::of_number(layout).severity_of(level).unwrap_or_default();
            assert_eq!(severity.text(), expected, "{level} in {}", JsonLayout::of_number(layout).name);
        };
        let (pino, python, gelf, monolog, logback, nextcloud) = (8, 34, 4, 9, 10, 26);
        check(pino, 30, "INFO");
        check(python, 30, "WARN");
        check(python, 50, "ERROR");
        check(gelf, 3, "ERROR");
        check(monolog, 200, "INFO");
        check(logback, 20_000, "INFO");
        check(nextcloud, 3, "ERROR");
        for layout in LAYOUTS {
            for level in [i64::MIN, -1, 0, 5, 61, 1000, i64::MAX] {
                let severity = layout.severity_of(level).unwrap_or_default();
                assert!(severity.0 <= 24, "{level} in {}", layout.name);
            }
        }
    }
}
