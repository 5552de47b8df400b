//! What somebody did: a deployment, and decisions about exceptions and alerts. Journaled like lines, so that whoever follows
//! the journal knows what was decided before a line came and what after it.
//!
//! Written as JSON: `{"action":"deploy","service":"shop","version":"1.4.2",...}`. Unknown fields are passed over, so that an
//! older program reads what a newer one wrote.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes of an action as JSON.
pub const ACTION_BYTES_MAX: usize = 64 << 10;

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// A version was put into service.
    Deploy(Deploy),
    /// An exception group needs no attention until it comes back.
    Resolve {
        /// The group's id.
        group: String,
        /// It may still come from other versions than this one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        in_version: Option<String>,
        /// Who says so.
        #[serde(default)]
        by: String,
    },
    /// An exception group is not to be told of for a while.
    Mute {
        /// The group's id.
        group: String,
        /// Until when it stays so.
        until: Until,
        /// Who says so.
        #[serde(default)]
        by: String,
    },
    /// An exception group is to be told of again: neither resolved nor muted.
    Reopen {
        /// The group's id.
        group: String,
        /// Who says so.
        #[serde(default)]
        by: String,
    },
    /// Alerts with these labels are not to be told of for a while.
    Silence(Silence),
    /// A silence ends now.
    Unsilence {
        /// The silence's id.
        id: String,
        /// Who says so.
        #[serde(default)]
        by: String,
    },
    /// Somebody looks after an alert; nobody is told of it again while it lasts.
    Acknowledge {
        /// The episode's id.
        episode: String,
        /// Who.
        #[serde(default)]
        by: String,
    },
}

/// A version was put into service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Deploy {
    /// Of what.
    pub service: String,
    /// Which.
    pub version: String,
    /// Who did it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// The revision it was built from.
    #[serde(rename = "ref", skip_serializing_if = "String::is_empty")]
    pub reference: String,
    /// Where: a host, a region; empty for everywhere.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// When.
    pub at: Timestamp,
}

/// Until when a group stays muted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// A time.
    Time(Timestamp),
    /// So many more occurrences.
    Count(u64),
    /// It comes more often than it used to.
    Worse,
    /// Somebody reopens it.
    Reopened,
}

/// Alerts with these labels are not to be told of for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Names it.
    pub id: String,
    /// Labels that an alert must have, each with exactly this value.
    pub labels: BTreeMap<String, String>,
    /// When it ends.
    pub until: Timestamp,
    /// Who says so.
    #[serde(default)]
    pub by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_written_as_people_would_write_them() {
        let check = |action: &Action, expected: &str| {
            assert_eq!(serde_json::to_string(action).expect("plain data"), expected);
            assert_eq!(&serde_json::from_str::<Action>(expected).expect("reads"), action);
        };
        let mute = |until| Action::Mute { group: "g".into(), until, by: "me".into() };
        check(&mute(Until::Count(3)), r#"{"action":"mute","group":"g","until":{"count":3},"by":"me"}"#);
        check(&mute(Until::Worse), r#"{"action":"mute","group":"g","until":"worse","by":"me"}"#);
        let deploy = Deploy { service: "shop".into(), version: "1.2".into(), ..Deploy::default() };
        let text = serde_json::to_string(&Action::Deploy(deploy)).expect("plain data");
        assert!(text.starts_with(r#"{"action":"deploy","service":"shop","version":"1.2","at":"#), "{text}");
    }

    #[test]
    fn an_older_program_reads_what_a_newer_one_wrote() {
        let text = r#"{"action":"resolve","group":"g","because":"fixed"}"#;
        let read = serde_json::from_str::<Action>(text).expect("reads");
        assert_eq!(read, Action::Resolve { group: "g".into(), in_version: None, by: String::new() });
    }
}
