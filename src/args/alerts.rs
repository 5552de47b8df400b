//! Arguments of the commands about exceptions, alerts and deploys.

use super::ServerArgs;
use crate::parse::Show;
use clap::{Args as ClapArgs, Subcommand};

pub(super) const EXCEPTIONS_EXAMPLES: &str = "\
Examples:
  logweir exceptions                                     what is not resolved, the most notable first
  logweir exceptions list --state new,regressed --since 24h
  logweir exceptions show 3f9a                           the beginning of an id is enough
  logweir exceptions resolve 3f9a --in-version 1.4.2     earlier versions may still throw it
  logweir exceptions mute 3f9a --until 7d                or --count 100, or --worse

States: new (first seen within a day), regressed (back after it was resolved, or after a deploy when it was quiet), escalating
(far more than in any hour of the week before but the busiest), ongoing, quiet (away for longer than ever), resolved, muted.";

/// Arguments of `exceptions`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ExceptionsArgs {
    /// What to do; `list` when nothing is said.
    #[command(subcommand)]
    pub action: Option<ExceptionsAction>,
    /// What to list.
    #[command(flatten)]
    pub list: ExceptionsListArgs,
}

/// What to do with exceptions.
#[derive(Debug, Subcommand)]
pub enum ExceptionsAction {
    /// List groups of exceptions: id, state, how often, users hit, trend of a day, type and message.
    List(ExceptionsListArgs),
    /// Show all that is known of one: where, since when, versions, traces to open, a sample.
    Show(ExceptionArgs),
    /// Say that one is dealt with: it is regressed when it comes back.
    Resolve(ExceptionResolveArgs),
    /// Do not hear of one for a while.
    Mute(ExceptionMuteArgs),
    /// Hear of one again: neither resolved nor muted.
    Reopen(ExceptionArgs),
}

/// Arguments of `exceptions list`.
#[derive(Debug, ClapArgs)]
pub struct ExceptionsListArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// States with commas between, or all [default: all but resolved].
    #[arg(long, value_name = "STATES", env = "LOGWEIR_STATE")]
    pub state: Option<String>,
    /// Of one service only.
    #[arg(long, value_name = "NAME", env = "LOGWEIR_SERVICE")]
    pub service: Option<String>,
    /// That came since then: 24h, or a moment.
    #[arg(long, value_name = "TIME", env = "LOGWEIR_SINCE")]
    pub since: Option<String>,
    /// Groups at most; 0 means all.
    #[arg(long, value_name = "N", env = "LOGWEIR_LIMIT", default_value_t = 100)]
    pub limit: u64,
    /// Text for people, or one JSON object a group.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}

/// Which exception.
#[derive(Debug, ClapArgs)]
pub struct ExceptionArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Id, or its beginning.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Who says so [default: you, as the system knows you].
    #[arg(long, value_name = "WHO", env = "LOGWEIR_BY")]
    pub by: Option<String>,
    /// Text for people, or JSON.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}

/// Arguments of `exceptions resolve`.
#[derive(Debug, ClapArgs)]
pub struct ExceptionResolveArgs {
    /// Which.
    #[command(flatten)]
    pub exception: ExceptionArgs,
    /// The version that has the fix: earlier ones may still throw it.
    #[arg(long, value_name = "VERSION", env = "LOGWEIR_IN_VERSION")]
    pub in_version: Option<String>,
}

/// Arguments of `exceptions mute`.
#[derive(Debug, ClapArgs)]
pub struct ExceptionMuteArgs {
    /// Which.
    #[command(flatten)]
    pub exception: ExceptionArgs,
    /// For so long, or up to a moment [default: until it is reopened].
    #[arg(long, value_name = "TIME", conflicts_with_all = ["count", "worse"])]
    pub until: Option<String>,
    /// Until it has come so many times more.
    #[arg(long, value_name = "N", conflicts_with = "worse")]
    pub count: Option<u64>,
    /// Until it comes far more often than it used to.
    #[arg(long)]
    pub worse: bool,
}

pub(super) const ALERTS_EXAMPLES: &str = "\
Examples:
  logweir alerts                                         what fires, and what is about to
  logweir alerts history                                 what fired, with what it brought along
  logweir alerts acknowledge 5c1d0a2b --by ann           nobody is told of it again while it lasts
  logweir alerts silence alertname=slow_requests service=shop --until 2h --comment 'load test'
  logweir alerts unsilence 9e107d9d";

/// Arguments of `alerts`.
#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AlertsArgs {
    /// What to do; `list` when nothing is said.
    #[command(subcommand)]
    pub action: Option<AlertsAction>,
    /// What to list.
    #[command(flatten)]
    pub list: AlertsListArgs,
}

/// What to do with alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsAction {
    /// List alerts that fire or are about to.
    List(AlertsListArgs),
    /// List alerts that fired, the latest first: since when, until when, traces, who was told.
    History(AlertsListArgs),
    /// Look after an alert: nobody is told of it again while it lasts.
    Acknowledge(AlertArgs),
    /// Do not hear of alerts with these labels for a while.
    Silence(SilenceArgs),
    /// List silences.
    Silences(AlertsListArgs),
    /// End a silence.
    Unsilence(AlertArgs),
}

/// Arguments of lists.
#[derive(Debug, ClapArgs)]
pub struct AlertsListArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Text for people, or JSON.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}

/// Which alert, or which silence.
#[derive(Debug, ClapArgs)]
pub struct AlertArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Id, as it is listed.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Who says so [default: you, as the system knows you].
    #[arg(long, value_name = "WHO", env = "LOGWEIR_BY")]
    pub by: Option<String>,
}

/// Arguments of `alerts silence`.
#[derive(Debug, ClapArgs)]
pub struct SilenceArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Labels that an alert must have, such as alertname=slow_requests.
    #[arg(required = true, value_name = "LABEL=VALUE")]
    pub labels: Vec<String>,
    /// For so long, or up to a moment.
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Who says so [default: you, as the system knows you].
    #[arg(long, value_name = "WHO", env = "LOGWEIR_BY")]
    pub by: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub comment: String,
}

pub(super) const DEPLOY_EXAMPLES: &str = "\
Examples:
  logweir deploy --service shop --version 1.4.2 --by ann --ref 9fceb02
  logweir deploy --service shop --version 1.4.1 --at 2026-11-30T14:05Z     one that was

An exception that comes first after it says so, one that was quiet is regressed when it comes back after it, and pages name it.";

/// Arguments of `deploy`.
#[derive(Debug, ClapArgs)]
pub struct DeployArgs {
    /// Where to tell it.
    #[command(flatten)]
    pub server: ServerArgs,
    /// What was deployed.
    #[arg(long, value_name = "NAME", env = "LOGWEIR_SERVICE")]
    pub service: String,
    /// Which version.
    #[arg(long, value_name = "VERSION", env = "LOGWEIR_VERSION")]
    pub version: String,
    /// Who did it [default: you, as the system knows you].
    #[arg(long, value_name = "WHO", env = "LOGWEIR_BY")]
    pub by: Option<String>,
    /// The revision it was built from.
    #[arg(long = "ref", value_name = "REVISION", env = "LOGWEIR_REF", default_value = "")]
    pub reference: String,
    /// Where: a host, a region.
    #[arg(long, value_name = "PLACE", env = "LOGWEIR_PLACE", default_value = "")]
    pub place: String,
    /// When [default: now].
    #[arg(long, value_name = "TIME", default_value = "")]
    pub at: String,
}
