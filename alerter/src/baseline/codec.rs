//! The bytes of a baseline, all integers and floats little-endian.
//!
//! ```text
//! profile   version u8 | kind u8 | zero u16 | window seconds u32
//!           168 slots: centre f32 | distance f32 | weeks u8 | odd days u8
//! recent    version u8 | kind u8 | basis u8 (0 recent, 1 day, 1 + n weeks) | direction u8 (0 none, 1 above, 2 below)
//!           window seconds u32 | at i64 | hour i64 | episode since i64
//!           windows, windows of the hour, of these outside, of the episode, calm, above, below: 7 u32
//!           season 3 f32 | hour value, held, exposure | level had, expected | level now had, expected
//!           spread below, above | scatter | pool value, expected, exposure: 16 f32 in all
//! ```
//!
//! One list of fields serves both ways. Bytes that are not such a state are refused.

use super::profile::{Basis, Profile, SLOTS};
use super::{Baseline, Direction, Episode, HOUR_S, Kind, Recent};
use std::fmt;

const VERSION: u8 = 1;
/// No field is larger: sums of some hours of the largest values.
const FLOAT_MAX: f32 = 1e30;
/// Bytes of a profile.
pub const PROFILE_BYTES: usize = 8 + SLOTS * 10;
/// Bytes of the recent part.
pub const RECENT_BYTES: usize = 8 + 3 * 8 + 7 * 4 + 16 * 4;

/// Why bytes are no baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Of another version of this program, or something else.
    Version(u8),
    /// Not as long as a baseline is.
    Length(usize),
    /// A field has a value it cannot have.
    Field(&'static str),
    /// The two parts are of different baselines.
    Parts,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(f, "baseline: version {version} is not known"),
            Self::Length(length) => write!(f, "baseline: {length} bytes is not its length"),
            Self::Field(name) => write!(f, "baseline: {name} out of bounds"),
            Self::Parts => f.write_str("baseline: profile and recent part do not belong together"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// What is done with each field, in the order they are stored.
trait Pass {
    fn bytes<const N: usize>(&mut self, field: &mut [u8; N]);

    fn u8(&mut self, field: &mut u8) {
        let mut bytes = [*field];
        self.bytes(&mut bytes);
        *field = bytes[0];
    }

    fn u32(&mut self, field: &mut u32) {
        let mut bytes = field.to_le_bytes();
        self.bytes(&mut bytes);
        *field = u32::from_le_bytes(bytes);
    }

    fn i64(&mut self, field: &mut i64) {
        let mut bytes = field.to_le_bytes();
        self.bytes(&mut bytes);
        *field = i64::from_le_bytes(bytes);
    }

    fn f32(&mut self, field: &mut f32) {
        let mut bytes = field.to_le_bytes();
        self.bytes(&mut bytes);
        *field = f32::from_le_bytes(bytes);
    }
}

struct Write(Vec<u8>);

impl Pass for Write {
    fn bytes<const N: usize>(&mut self, field: &mut [u8; N]) {
        self.0.extend_from_slice(field);
    }
}

/// Reads input whose length was checked: beyond its end, fields stay as they are.
struct Read<'a>(&'a [u8]);

impl Pass for Read<'_> {
    fn bytes<const N: usize>(&mut self, field: &mut [u8; N]) {
        if let Some((first, rest)) = self.0.split_first_chunk() {
            (*field, self.0) = (*first, rest);
        }
    }
}

/// What both parts begin with; two bytes are the part's own.
struct Head {
    version: u8,
    kind: u8,
    own: [u8; 2],
    window_s: u32,
}

impl Head {
    fn pass(&mut self, pass: &mut impl Pass) {
        pass.u8(&mut self.version);
        pass.u8(&mut self.kind);
        pass.bytes(&mut self.own);
        pass.u32(&mut self.window_s);
    }

    fn read(input: &mut Read<'_>, length: usize) -> Result<Self, DecodeError> {
        let found = input.0.len();
        let mut head = Self { version: 0, kind: 0, own: [0; 2], window_s: 0 };
        head.pass(input);
        match head {
            _ if found != length => Err(DecodeError::Length(found)),
            Self { version, .. } if version != VERSION => Err(DecodeError::Version(version)),
            Self { window_s, .. } if !(1..=HOUR_S as u32).contains(&window_s) => {
                Err(DecodeError::Field("window length"))
            }
            head => Ok(head),
        }
    }
}

fn pass_profile(profile: &mut Profile, pass: &mut impl Pass) {
    for slot in profile.slots.iter_mut() {
        pass.f32(&mut slot.centre);
        pass.f32(&mut slot.distance);
        pass.u8(&mut slot.weeks);
        pass.u8(&mut slot.odd_days);
    }
}

fn pass_recent(recent: &mut Recent, episode: &mut Episode, pass: &mut impl Pass) {
    for field in [&mut recent.at, &mut recent.hour, &mut episode.since] {
        pass.i64(field);
    }
    for field in [&mut recent.windows, &mut recent.hour_windows, &mut recent.hour_outside] {
        pass.u32(field);
    }
    for field in [&mut episode.windows, &mut episode.calm, &mut episode.above, &mut episode.below] {
        pass.u32(field);
    }
    for field in floats(recent) {
        pass.f32(field);
    }
}

fn floats(recent: &mut Recent) -> [&mut f32; 16] {
    let [before, here, after] = &mut recent.season;
    let [below, above] = &mut recent.spread;
    let (level, now) = (&mut recent.level, &mut recent.level_now);
    [
        before,
        here,
        after,
        &mut recent.hour_value,
        &mut recent.hour_held,
        &mut recent.hour_exposure,
        &mut level.had,
        &mut level.expected,
        &mut now.had,
        &mut now.expected,
        below,
        above,
        &mut recent.scatter,
        &mut recent.pool_value,
        &mut recent.pool_expected,
        &mut recent.pool_exposure,
    ]
}

impl Baseline {
    /// The part that changes once an hour, [`PROFILE_BYTES`] long.
    pub fn encode_profile(&self) -> Vec<u8> {
        let mut out = Write(Vec::with_capacity(PROFILE_BYTES));
        self.head([0; 2]).pass(&mut out);
        pass_profile(&mut self.profile.clone(), &mut out);
        out.0
    }

    /// The part that changes with each window, [`RECENT_BYTES`] long.
    pub fn encode_recent(&self) -> Vec<u8> {
        let mut out = Write(Vec::with_capacity(RECENT_BYTES));
        let basis = match self.recent.basis {
            Basis::Recent => 0,
            Basis::Day => 1,
            Basis::Week(weeks) => weeks.saturating_add(1),
        };
        let direction = match self.episode.direction {
            None => 0,
            Some(Direction::Above) => 1,
            Some(Direction::Below) => 2,
        };
        self.head([basis, direction]).pass(&mut out);
        pass_recent(&mut self.recent.clone(), &mut self.episode.clone(), &mut out);
        out.0
    }

    /// The baseline of two parts that were stored together.
    pub fn decode(profile: &[u8], recent: &[u8]) -> Result<Self, DecodeError> {
        let (mut profile, mut recent) = (Read(profile), Read(recent));
        let of_profile = Head::read(&mut profile, PROFILE_BYTES)?;
        let head = Head::read(&mut recent, RECENT_BYTES)?;
        if (of_profile.kind, of_profile.window_s) != (head.kind, head.window_s) {
            return Err(DecodeError::Parts);
        }
        let kind = match head.kind {
            0 => Kind::Count,
            1 => Kind::Ratio,
            2 => Kind::Plain,
            _ => return Err(DecodeError::Field("kind")),
        };
        let mut baseline = Self::new(kind, head.window_s);
        pass_profile(&mut baseline.profile, &mut profile);
        pass_recent(&mut baseline.recent, &mut baseline.episode, &mut recent);
        baseline.recent.basis = match head.own[0] {
            0 => Basis::Recent,
            1 => Basis::Day,
            more => Basis::Week(more - 1),
        };
        baseline.episode.direction = match head.own[1] {
            0 => None,
            1 => Some(Direction::Above),
            2 => Some(Direction::Below),
            _ => return Err(DecodeError::Field("direction")),
        };
        baseline.checked()
    }

    fn head(&self, own: [u8; 2]) -> Head {
        let kind = match self.kind {
            Kind::Count => 0,
            Kind::Ratio => 1,
            Kind::Plain => 2,
        };
        Head { version: VERSION, kind, own, window_s: self.window_s }
    }

    fn checked(mut self) -> Result<Self, DecodeError> {
        let is_sound = |field: &f32| field.abs() <= FLOAT_MAX;
        let mut slots = self.profile.slots.iter();
        if !slots.all(|slot| is_sound(&slot.centre) && (0.0..=FLOAT_MAX).contains(&slot.distance)) {
            return Err(DecodeError::Field("a slot"));
        }
        if !floats(&mut self.recent).into_iter().all(|field| is_sound(field)) {
            return Err(DecodeError::Field("a number of the recent part"));
        }
        // A new baseline has none yet.
        if self.recent.windows > 0 && !self.recent.spread.iter().all(|&spread| spread > 0.0) {
            return Err(DecodeError::Field("spread"));
        }
        Ok(self)
    }
}
