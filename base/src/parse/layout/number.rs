//! How a record is written, as it is stored beside it: the layout's number, what a container runtime wrapped it in, and
//! whether its time is its own.

use super::{json, text};
use crate::parse::wrapper::Wrapper;

/// How a record is written. 0 is a record of no layout in particular.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Layout(u16);

/// Where a record's time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The record says it.
    Event,
    /// It says none: it is when the router received it.
    Observed,
}

const NUMBER: u16 = 0xff;
const OBSERVED: u16 = 0x100;
const WRAPPER_SHIFT: u32 = 9;

impl Layout {
    pub(crate) fn new(number: u8, wrapper: Wrapper, time: TimeSource) -> Self {
        let wrapper = match wrapper {
            Wrapper::None => 0,
            Wrapper::Docker => 1,
            Wrapper::Cri => 2,
        };
        let observed = if time == TimeSource::Observed { OBSERVED } else { 0 };
        Self(u16::from(number) | observed | wrapper << WRAPPER_SHIFT)
    }

    /// Whether the record, when it has been looked at, is a JSON object.
    pub(crate) fn is_of_object(self) -> bool {
        self.number() < 100
    }

    /// What is stored.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// From what was stored.
    pub fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// What the record is wrapped in.
    pub(crate) fn wrapper(self) -> Wrapper {
        match self.0 >> WRAPPER_SHIFT {
            1 => Wrapper::Docker,
            2 => Wrapper::Cri,
            _ => Wrapper::None,
        }
    }

    /// Whether the record stands in the lines of a container runtime.
    pub fn is_wrapped(self) -> bool {
        self.wrapper() != Wrapper::None
    }

    /// Where the record's time comes from.
    pub fn time_source(self) -> TimeSource {
        if self.0 & OBSERVED != 0 { TimeSource::Observed } else { TimeSource::Event }
    }

    /// The layout's number, see `LAYOUTS` of [`json`] and [`text`].
    pub(crate) fn number(self) -> u8 {
        (self.0 & NUMBER) as u8
    }

    /// The layout's name: `pino`, `syslog`; `json` or `text` when it is none in particular.
    pub fn name(self) -> &'static str {
        let number = self.number();
        let text = text::LAYOUTS.iter().find(|layout| layout.number == number).map(|layout| layout.name);
        match number {
            TEXT => "text",
            _ => text.unwrap_or_else(|| json::JsonLayout::of_number(number).name),
        }
    }

    /// What it is wrapped in: `docker`, `cri` or nothing.
    pub fn wrapper_name(self) -> Option<&'static str> {
        match self.wrapper() {
            Wrapper::None => None,
            Wrapper::Docker => Some("docker"),
            Wrapper::Cri => Some("cri"),
        }
    }
}

/// The number of text of no layout in particular.
pub(crate) const TEXT: u8 = 200;

impl std::fmt::Debug for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.name())?;
        self.wrapper_name().map_or(Ok(()), |wrapper| write!(f, " in {wrapper}"))
    }
}
