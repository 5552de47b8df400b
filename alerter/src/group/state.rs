//! The states of an exception group and what leads from one to the other, as a pure function.
//!
//! ```text
//!            occurs                 a day old               comes far more than it used to
//!   (none) ---------> new ------------------> ongoing <------------------------------> escalating
//!                      |                        ^ |                falls back             |
//!                      +---- silent for long ---|-+------------ silent for long ----------+
//!                                               | v
//!               occurs, no deploy between: back | quiet --- silent for RESOLVED_AFTER ---> resolved
//!                                                   \                                        |
//!               occurs, a deploy between             +----------------> regressed <----------+ occurs
//! ```
//! By hand: resolve leads to resolved from everywhere, mute to muted, reopen to ongoing. What ends a mute is in
//! [`crate::group::Mute`]; then the group is ongoing, or escalating when it was muted until it is worse.
//! A regressed group becomes ongoing after a day, as a new one does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a group is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// First seen within a day.
    New,
    /// It was resolved, or quiet while a deploy was made, and came back within a day.
    Regressed,
    /// It comes far more often than it used to.
    Escalating,
    /// It comes as it used to.
    Ongoing,
    /// It has not come for much longer than it used to stay away.
    Quiet,
    /// Somebody said so, or it was quiet for long.
    Resolved,
    /// Somebody does not want to hear of it.
    Muted,
}

/// All of them, in the order in which they are worth looking at.
pub const STATES: [State; 7] = [
    State::New,
    State::Regressed,
    State::Escalating,
    State::Ongoing,
    State::Quiet,
    State::Resolved,
    State::Muted,
];

impl State {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Regressed => "regressed",
            Self::Escalating => "escalating",
            Self::Ongoing => "ongoing",
            Self::Quiet => "quiet",
            Self::Resolved => "resolved",
            Self::Muted => "muted",
        }
    }

    /// The state of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        STATES.into_iter().find(|state| state.name() == name)
    }
}

/// What happens to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It came; whether its service was deployed since it came last.
    Occurred {
        /// A deploy lies between this time and the last.
        deployed_since: bool,
    },
    /// It has been new, or regressed, for a day.
    Aged,
    /// It comes far more often than it used to.
    Rose,
    /// It comes as it used to again.
    Fell,
    /// It stays away.
    FellSilent,
    /// It has been quiet for long.
    StayedSilent,
    /// Somebody says that it is dealt with.
    Resolved,
    /// Somebody does not want to hear of it.
    Muted,
    /// What somebody waited for has come: the mute is over.
    Unmuted,
    /// Somebody wants to hear of it again.
    Reopened,
}

/// The state that follows; the same when the event means nothing to it.
pub fn next(state: State, event: Event) -> State {
    use State::*;
    match (state, event) {
        (_, Event::Resolved) => Resolved,
        (_, Event::Muted) => Muted,
        (Resolved | Muted, Event::Reopened) => Ongoing,
        (Muted, Event::Unmuted) => Ongoing,
        (Muted, _) => Muted,
        (Resolved, Event::Occurred { .. }) => Regressed,
        (Quiet, Event::Occurred { deployed_since: true }) => Regressed,
        (Quiet, Event::Occurred { deployed_since: false }) => Ongoing,
        (New | Regressed, Event::Aged) => Ongoing,
        (Regressed | Ongoing, Event::Rose) => Escalating,
        (Escalating, Event::Fell) => Ongoing,
        (New | Regressed | Escalating | Ongoing, Event::FellSilent) => Quiet,
        (Quiet, Event::StayedSilent) => Resolved,
        (state, _) => state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transition_there_is() {
        use Event::*;
        let came = |deployed_since| Occurred { deployed_since };
        let events = [
            came(false),
            came(true),
            Aged,
            Rose,
            Fell,
            FellSilent,
            StayedSilent,
            Resolved,
            Muted,
            Unmuted,
            Reopened,
        ];
        let check = |from: State, expected: [State; 11]| {
            assert_eq!(events.map(|event| next(from, event)), expected, "{from:?}");
        };
        use State::{
            Escalating as E, Muted as M, New as N, Ongoing as O, Quiet as Q, Regressed as G, Resolved as R,
        };
        check(N, [N, N, O, N, N, Q, N, R, M, N, N]);
        check(G, [G, G, O, E, G, Q, G, R, M, G, G]);
        check(E, [E, E, E, E, O, Q, E, R, M, E, E]);
        check(O, [O, O, O, E, O, Q, O, R, M, O, O]);
        check(Q, [O, G, Q, Q, Q, Q, R, R, M, Q, Q]);
        check(R, [G, G, R, R, R, R, R, R, M, R, O]);
        check(M, [M, M, M, M, M, M, M, R, M, O, O]);
    }

    #[test]
    fn states_are_found_by_name() {
        STATES.into_iter().for_each(|state| assert_eq!(State::of_name(state.name()), Some(state)));
        assert_eq!(State::of_name("old"), None);
    }
}
