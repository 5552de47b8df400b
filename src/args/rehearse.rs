//! Arguments of the commands that try rules out.

use super::ServerArgs;
use crate::parse::Show;
use clap::Args as ClapArgs;
use std::path::PathBuf;

pub(super) const TEST_EXAMPLES: &str = "\
Examples:
  logweir test config/rules                          the *.toml of a directory, each by itself
  logweir test -c logweir.toml rules/checkout.toml   with the receivers of the server's own

A test stands beside its rules:

  [[rule]]
  name = 'exceptions'
  type = 'exception'

  [[test]]
  name = 'an exception that is new pages at once'
  lines = [{ at = '30s', service = 'shop', text = '''
  2026-01-05T10:00:30Z ERROR order failed
  java.lang.IllegalStateException: no stock
      at com.shop.Orders.place(Orders.java:42)''' }]
  expect = [
    { at = '20s', alerts = [] },
    { at = '1m', alerts = [{ rule = 'exceptions', labels = { service = 'shop' } }] },
    { at = '1m', mail_contains = ['no stock'] },
  ]

Rules look 30 s back ([alerts] grace), and a tick comes each 10 s. All keys: docs/rule-tests.md.
Exit code 0 when all pass, 1 when one fails, 78 with FILE:LINE:COLUMN when a file is wrong.";

/// Arguments of `test`.
#[derive(Debug, ClapArgs)]
pub struct TestArgs {
    /// Configuration that all of them share, such as receivers; may be repeated.
    #[arg(short, long, value_name = "FILE", env = "LOGWEIR_CONFIG")]
    pub config: Vec<PathBuf>,
    /// Files with rules and tests, or directories whose *.toml are taken; each is a configuration by itself.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

pub(super) const REPLAY_EXAMPLES: &str = "\
Examples:
  logweir replay --rule rules/checkout.toml                     the last 30 days
  logweir replay --rule rules/checkout.toml --since 7d --until 1d
  logweir replay --rule rules/ -o json | jq -r 'select(.status == \"fired\") | .rule' | sort | uniq -c

Lines are read from the server once, the oldest first: all that a search of the rules finds, or all there are when a rule
needs them (absence). Numbers of PromQL are asked for a day at a time. Nothing is sent to anybody, and nothing is changed.
What is not there is said on stderr: time before the first line, steps that are coarser than 10 s, decisions of people.";

/// Arguments of `replay`.
#[derive(Debug, ClapArgs)]
pub struct ReplayArgs {
    /// Where the data is.
    #[command(flatten)]
    pub server: ServerArgs,
    /// File with rules, or a directory whose *.toml are read in name order; may be repeated.
    #[arg(long, required = true, value_name = "FILE", env = "LOGWEIR_RULE")]
    pub rule: Vec<PathBuf>,
    /// From when on: 30d, 12h ago, or a time such as 2026-11-23T10:15:00Z.
    #[arg(long, value_name = "T", env = "LOGWEIR_SINCE", default_value = "30d")]
    pub since: String,
    /// To when: as --since [default: now].
    #[arg(long, value_name = "T", env = "LOGWEIR_UNTIL")]
    pub until: Option<String>,
    /// Text for people, or one JSON object a page.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}
