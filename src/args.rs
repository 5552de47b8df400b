//! The command line: commands, flags, and help that teaches. Scripts depend on the names here.
//!
//! Exit codes: 0 done (also when nothing was found), 1 failed, 2 used wrongly, 78 bad configuration.

mod alerts;
mod rehearse;

pub use alerts::{
    AlertArgs, AlertsAction, AlertsArgs, AlertsListArgs, DeployArgs, ExceptionArgs, ExceptionMuteArgs,
    ExceptionResolveArgs, ExceptionsAction, ExceptionsArgs, ExceptionsListArgs, SilenceArgs,
};

pub use rehearse::{ReplayArgs, TestArgs};

use crate::client::{Format, Order, Output};
use crate::completion::Shell;
use crate::parse::Show;
use crate::top::By;
use clap::{Args as ClapArgs, Parser, Subcommand};
use logweir_shipper::ShipArgs;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Tail, journal and search application logs: every line exactly once.
#[derive(Debug, Parser)]
#[command(name = "logweir", version, max_term_width = 100, after_long_help = EXAMPLES)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  logweir demo                                          see it work, with made-up services
  logweir run --tail '/var/log/app/**/*.log'            everything on one machine
  logweir search --since 15m 'level:error service:checkout'
  logweir trace 4bf92f3577b34da6a3ce929d0e0e4736
  logweir doctor                                        when nothing moves

Every flag with one value can be set in the environment, as LOGWEIR_ and its name: LOGWEIR_SERVER, LOGWEIR_DATA.
Exit codes: 0 done, 1 failed, 2 used wrongly, 78 bad configuration.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it working: made-up services write logs, and you search them. Ctrl-C ends it and removes everything.
    Demo(DemoArgs),
    /// Everything in one process: tail files, keep the journal, index, serve searches.
    #[command(after_long_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Tail files and send every line to a server, nothing else.
    Ship(ShipArgs),
    /// Find lines.
    #[command(after_long_help = SEARCH_EXAMPLES)]
    Search(SearchArgs),
    /// Write everything that a query finds, however much, as NDJSON, CSV or the lines themselves.
    #[command(after_long_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Tell what happened in one trace: every line across hosts and services in order, clocks corrected, and a waterfall.
    #[command(after_long_help = TRACE_EXAMPLES)]
    Trace(TraceArgs),
    /// Ask for a metric in PromQL: each series with its last, least, mean and greatest value, and its trend.
    #[command(after_long_help = QUERY_EXAMPLES)]
    Query(QueryArgs),
    /// Write samples and windows of metrics as CSV.
    #[command(after_long_help = EXPORT_METRICS_EXAMPLES)]
    ExportMetrics(ExportMetricsArgs),
    /// Show the processes of this host that take most of its processors, or of its memory.
    #[command(after_long_help = TOP_EXAMPLES)]
    Top(TopArgs),
    /// Show lines as they arrive; Ctrl-C ends it.
    #[command(after_long_help = TAIL_EXAMPLES)]
    Tail(TailArgs),
    /// List the fields that records have: what can be asked for.
    #[command(after_long_help = FIELDS_EXAMPLES)]
    Fields(FieldsArgs),
    /// List the values of a field, the most frequent first.
    #[command(after_long_help = VALUES_EXAMPLES)]
    Values(ValuesArgs),
    /// List the patterns of messages: how often, since when, how lately, a sample, a trend.
    #[command(after_long_help = PATTERNS_EXAMPLES)]
    Patterns(PatternsArgs),
    /// Exceptions in groups, with states and a history: list them, show one, resolve, mute, reopen.
    #[command(after_long_help = alerts::EXCEPTIONS_EXAMPLES)]
    Exceptions(ExceptionsArgs),
    /// Alerts: what fires and fired, acknowledge, silence.
    #[command(after_long_help = alerts::ALERTS_EXAMPLES)]
    Alerts(AlertsArgs),
    /// Tell that a version was put into service.
    #[command(after_long_help = alerts::DEPLOY_EXAMPLES)]
    Deploy(DeployArgs),
    /// Run the tests of rules: lines and samples in, alerts, pages and mails out. No server is needed.
    #[command(after_long_help = rehearse::TEST_EXAMPLES)]
    Test(TestArgs),
    /// Show whom rules would have paged: they are run over what a server has stored.
    #[command(after_long_help = rehearse::REPLAY_EXAMPLES)]
    Replay(ReplayArgs),
    /// Remove every line that a query finds, for ever: from the index, the patterns and the journal.
    #[command(after_long_help = DELETE_EXAMPLES)]
    Delete(DeleteArgs),
    /// Show what is understood of each line of a file, without a server: layout, time, level, message, ids, exception.
    #[command(after_long_help = PARSE_EXAMPLES)]
    Parse(ParseArgs),
    /// Write a deterministic log file of a fixed shape, and the truth about it.
    #[command(after_long_help = GEN_EXAMPLES)]
    Gen(GenArgs),
    /// Check configuration files: all mistakes at once, with line numbers; exit code 78 when there is one.
    Validate(ValidateArgs),
    /// Show what a server is doing: sources, backlog, followers, disk, gaps, last errors.
    Status(StatusArgs),
    /// Find out why nothing moves: permissions, inotify limits, copytruncate, clock, disk, ports.
    #[command(after_long_help = DOCTOR_EXAMPLES)]
    Doctor(DoctorArgs),
    /// Write a consistent copy of the data to a directory.
    Backup(BackupArgs),
    /// Bring the data back from a backup.
    Restore(RestoreArgs),
    /// Print a script that lets a shell complete commands and flags.
    #[command(after_long_help = COMPLETION_EXAMPLES)]
    Completion(CompletionArgs),
}

/// Arguments of `demo`.
#[derive(Debug, ClapArgs)]
pub struct DemoArgs {
    /// Address to serve searches on.
    #[arg(long, value_name = "ADDR", env = "LOGWEIR_HTTP", default_value = "127.0.0.1:8514")]
    pub http: SocketAddr,
    /// Lines a second, over all services.
    #[arg(long, value_name = "LINES", env = "LOGWEIR_RATE", default_value_t = 200)]
    pub rate: u32,
}

const RUN_EXAMPLES: &str = "\
Examples:
  logweir run --tail '/var/log/app/**/*.log' --data /var/lib/logweir
  logweir run -c /etc/logweir/logweir.toml -c /etc/logweir/conf.d

Quote a glob, so that files which appear later are found too. Flags win over the configuration.
Signals: HUP reloads the configuration, TERM and INT end it after what is under way is durable.";

/// Arguments of `run`.
#[derive(Debug, Default, ClapArgs)]
pub struct RunArgs {
    /// Configuration file, or a directory whose *.toml are read in name order; may be repeated.
    #[arg(short, long, value_name = "FILE", env = "LOGWEIR_CONFIG")]
    pub config: Vec<PathBuf>,
    /// Where journal and index live [default: ./logweir-data].
    #[arg(long, value_name = "DIR", env = "LOGWEIR_DATA")]
    pub data: Option<PathBuf>,
    /// Files to tail; `**` stands for any number of directories; may be repeated.
    #[arg(long, value_name = "GLOB", env = "LOGWEIR_TAIL", num_args = 1..)]
    pub tail: Vec<String>,
    /// Address for searches [default: 127.0.0.1:8514].
    #[arg(long, value_name = "ADDR", env = "LOGWEIR_HTTP")]
    pub http: Option<SocketAddr>,
    /// Address for shippers [default: 127.0.0.1:8515].
    #[arg(long, value_name = "ADDR", env = "LOGWEIR_INGEST")]
    pub ingest: Option<SocketAddr>,
    /// Allow addresses that other machines can reach, although nothing is encrypted or authenticated yet.
    #[arg(long, env = "LOGWEIR_INSECURE")]
    pub insecure: bool,
}

/// Where the server is.
#[derive(Debug, Clone, ClapArgs)]
pub struct ServerArgs {
    /// Server to ask.
    #[arg(long, value_name = "URL", env = "LOGWEIR_SERVER", default_value = "http://127.0.0.1:8514")]
    pub server: String,
}

/// Of which time.
#[derive(Debug, Clone, ClapArgs)]
pub struct TimeArgs {
    /// Not before: 15m, 2h, 7d ago, or a time such as 2026-11-23T10:15:00Z [default: all time].
    #[arg(long, value_name = "T", env = "LOGWEIR_SINCE")]
    pub since: Option<String>,
    /// Before: as --since.
    #[arg(long, value_name = "T", env = "LOGWEIR_UNTIL")]
    pub until: Option<String>,
}

const SEARCH_EXAMPLES: &str = "\
Queries:
  timeout                        a word, anywhere in the message or exception
  \"connection reset\"             a phrase (quote it for the shell: '\"connection reset\"')
  level:error service:checkout   fields; AND is implied
  user:u104829 OR trace:4bf92f3577b34da6a3ce929d0e0e4736
  payment NOT http.path:/health  any field of a JSON line, by its dotted path; `-` means NOT too
  duration_ms:>500 time*         numbers by value; the beginning of a word
  message:/order \\d+7/           a regular expression
  level:>=warn since:1h          severity by its rank; time words
  *                              everything

Pipes:
  level:error | count by service every 5m      how many, in which windows
  * | p50(duration_ms), p99(duration_ms) by service
  level:error | top 10 user                    also: sum avg min max distinct, sort, limit, fields, patterns, context
  \"connection reset\" | context 5              the records around each hit in its source
All of it is in docs/query.md.

Examples:
  logweir search --since 15m 'level:error NOT service:cart'
  logweir search --limit 0 -o raw 'service:checkout' > checkout.log
  logweir search --since 24h 'level:error | count by service every 1h'
  logweir search -o json 'level:error' | jq -r .trace_id | sort | uniq -c";

/// Arguments of `search`.
#[derive(Debug, ClapArgs)]
pub struct SearchArgs {
    /// Where to search.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Of which time.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Hits at most; 0 means all [default: 100, or what the query's own `limit` says].
    #[arg(long, value_name = "N", env = "LOGWEIR_LIMIT")]
    pub limit: Option<u64>,
    /// Give what was found in this time, such as 5s; 60s at most.
    #[arg(long, value_name = "SPAN", env = "LOGWEIR_TIMEOUT")]
    pub timeout: Option<String>,
    /// Which hits first.
    #[arg(long, value_enum, env = "LOGWEIR_ORDER", default_value_t = Order::Newest)]
    pub order: Order,
    /// text for people, one JSON object a hit, or the lines as they were written.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Output::Text)]
    pub output: Output,
    /// What to find; several words are joined with blanks. After `--` it may begin with a minus sign.
    #[arg(required = true, value_name = "QUERY")]
    pub query: Vec<String>,
}

const TRACE_EXAMPLES: &str = "\
Examples:
  logweir trace 4bf92f3577b34da6a3ce929d0e0e4736
  logweir trace -o raw req-81f2 | less                 the lines as they were written
  logweir trace -o json ID | jq 'select(.story).story.services'
  logweir trace -o json ID | jq -r 'select(.raw) | [.offset_ms, .body] | @tsv'

Where lines name their span and its parent, a child that ran on another host lies within its
parent, which bounds that host's clock. A clock that does not fit is corrected; that is said, and its
times are marked with ~. JSON is the hits, each with offset_ms and, where corrected, adjusted; then
{\"story\": ...}.";

const EXPORT_EXAMPLES: &str = "\
Examples:
  logweir export --since 24h -o raw 'service:checkout' > checkout.log
  logweir export -o csv --fields timestamp,level,user,http.status --to errors.csv 'level:error'
  logweir export --zstd --to all.ndjson.zst '*'

Columns of a table: timestamp, time_source, severity_number, severity_text, service.name, host.name, trace_id, span_id,
user.id, body, exception.type, exception.message, exception.stacktrace, layout, wrapper, pattern, file, offset, received, raw;
level, service, host, user and trace as in queries; any other name is a field, as `logweir fields` lists them.
A cell that a spreadsheet would take for a formula gets a ' in front.

An export that was cut short or is partial exits with 1; FILE is written as FILE.tmp and gets its name when it is whole.";

/// Arguments of `export`.
#[derive(Debug, ClapArgs)]
pub struct ExportArgs {
    /// Where to search.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Of which time.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Which lines first.
    #[arg(long, value_enum, env = "LOGWEIR_ORDER", default_value_t = Order::Oldest)]
    pub order: Order,
    /// One JSON object a line, a table, or the lines as they were written.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Format::Ndjson)]
    pub output: Format,
    /// Columns of a table, with commas between [default: timestamp, severity_text, service.name, host.name, trace_id,
    /// user.id, body, file, offset].
    #[arg(long, value_name = "NAMES", env = "LOGWEIR_FIELDS", value_delimiter = ',')]
    pub fields: Vec<String>,
    /// Pack it with gzip.
    #[arg(long, conflicts_with = "zstd")]
    pub gzip: bool,
    /// Pack it with zstd.
    #[arg(long)]
    pub zstd: bool,
    // No variable: LOGWEIR_TO is the server that lines are shipped to.
    /// Where to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
    /// What to export; several words are joined with blanks. After `--` it may begin with a minus sign.
    #[arg(required = true, value_name = "QUERY")]
    pub query: Vec<String>,
}

/// Arguments of `trace`.
#[derive(Debug, ClapArgs)]
pub struct TraceArgs {
    /// Where to search.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Take all times as they were written: correct no clock.
    #[arg(long, env = "LOGWEIR_AS_WRITTEN")]
    pub as_written: bool,
    /// text for people, one JSON object a hit and the story, or the lines as they were written.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Output::Text)]
    pub output: Output,
    /// The trace-id, as the lines have it.
    #[arg(value_name = "ID")]
    pub id: String,
}

const QUERY_EXAMPLES: &str = "\
Examples:
  logweir query 'sum by (service) (rate(log_errors_total[5m]))'
  logweir query --since 24h --step 1h 'increase(log_records_total{service=\"cart\"}[1h])'
  logweir query 'histogram_quantile(0.99, rate(http_server_request_duration_seconds[5m]))'
  logweir query 'system_memory_usage_bytes{state=\"used\"}'

The last bar of a trend is the latest; a dot is a time without a value. Which metrics there are:
  curl -s 'http://127.0.0.1:8514/api/v1/label/__name__/values'
docs/metrics.md says where they come from and what is promised.";

/// Arguments of `query`.
#[derive(Debug, ClapArgs)]
pub struct QueryArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Not before: 15m, 2h, 7d ago, or a time such as 2026-11-23T10:15:00Z.
    #[arg(long, value_name = "T", env = "LOGWEIR_SINCE", default_value = "1h")]
    pub since: String,
    /// Not after: as --since [default: now].
    #[arg(long, value_name = "T", env = "LOGWEIR_UNTIL")]
    pub until: Option<String>,
    /// Time between two values: 10s, 1m, 1h [default: for some sixty values].
    #[arg(long, value_name = "SPAN", env = "LOGWEIR_STEP")]
    pub step: Option<String>,
    /// text for people, Prometheus' JSON, or raw: cells with tabs between them.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Output::Text)]
    pub output: Output,
    /// The query; several words are joined with blanks.
    #[arg(required = true, value_name = "PROMQL")]
    pub promql: Vec<String>,
}

const EXPORT_METRICS_EXAMPLES: &str = "\
Examples:
  logweir export-metrics --since 24h log_records_total > counts.csv
  logweir export-metrics --since 7d '{__name__=~\"system_.+\", host=\"web-1\"}' | zstd > web-1.csv.zst

Columns: metric, labels (a JSON object), time, value; of a window its end, its length in seconds, count, sum, min, max,
last, increase, p50, p90 and p99. DuckDB and pandas read it as it is.";

/// Arguments of `export-metrics`.
#[derive(Debug, ClapArgs)]
pub struct ExportMetricsArgs {
    /// Where to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Not before: 15m, 2h, 7d ago, or a time such as 2026-11-23T10:15:00Z.
    #[arg(long, value_name = "T", env = "LOGWEIR_SINCE", default_value = "1h")]
    pub since: String,
    /// Not after: as --since [default: now].
    #[arg(long, value_name = "T", env = "LOGWEIR_UNTIL")]
    pub until: Option<String>,
    /// Series, as PromQL selects them.
    #[arg(required = true, value_name = "SELECTOR")]
    pub selectors: Vec<String>,
}

const TOP_EXAMPLES: &str = "\
Examples:
  logweir top                       by processor time of the next second
  logweir top --by memory -n 5
  logweir top -o json | jq '.[0]'

What a host as a whole does is in its metrics: logweir query 'rate(system_cpu_time_seconds_total[1m])'";

/// Arguments of `top`.
#[derive(Debug, ClapArgs)]
pub struct TopArgs {
    /// By what.
    #[arg(long, value_enum, env = "LOGWEIR_BY", default_value_t = By::Cpu)]
    pub by: By,
    /// Processes at most.
    #[arg(short = 'n', long, value_name = "N", env = "LOGWEIR_LIMIT", default_value_t = 10)]
    pub limit: usize,
    /// text for people, or one JSON array.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}

const TAIL_EXAMPLES: &str = "\
Examples:
  logweir tail '*'
  logweir tail 'level:error service:checkout'
  logweir tail --rate 0 -o raw 'service:checkout' > checkout.log     all, as fast as they come

Lines beyond the rate, or more than this terminal takes, are skipped and counted: `-- 1,234 lines skipped`.";

/// Arguments of `tail`.
#[derive(Debug, ClapArgs)]
pub struct TailArgs {
    /// Where to listen.
    #[command(flatten)]
    pub server: ServerArgs,
    /// text for people, one JSON object a hit, or the lines as they were written.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Output::Text)]
    pub output: Output,
    /// Lines shown a second; what is more is skipped and counted. 0 means all.
    #[arg(long, value_name = "LINES", env = "LOGWEIR_RATE", default_value_t = 500)]
    pub rate: u64,
    /// What to show; several words are joined with blanks. After `--` it may begin with a minus sign.
    #[arg(required = true, value_name = "QUERY")]
    pub query: Vec<String>,
}

const FIELDS_EXAMPLES: &str = "\
Examples:
  logweir fields                                     what the newest records have
  logweir fields --since 1h 'service:checkout'
  logweir fields --prefix http.

Counted from a sample: the 10,000 newest records that match, or as many as are found in 2 seconds.";

/// Of which records fields or values are listed, and how many.
#[derive(Debug, ClapArgs)]
pub struct ListArgs {
    /// Where to search.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Of which time.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Only what begins so, in upper or lower case.
    #[arg(long, value_name = "TEXT", env = "LOGWEIR_PREFIX")]
    pub prefix: Option<String>,
    /// Rows at most; 0 means all.
    #[arg(long, value_name = "N", env = "LOGWEIR_LIMIT", default_value_t = 100)]
    pub limit: u64,
    /// text for people, or the server's JSON object.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
}

/// Arguments of `fields`.
#[derive(Debug, ClapArgs)]
pub struct FieldsArgs {
    /// How they are listed.
    #[command(flatten)]
    pub list: ListArgs,
    /// Of which records [default: all]; several words are joined with blanks.
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
}

const VALUES_EXAMPLES: &str = "\
Examples:
  logweir values service
  logweir values user --since 1h 'level:error'       whom it concerned
  logweir values http.status --prefix 5

Counted from a sample: the 10,000 newest records that match, or as many as are found in 2 seconds.";

/// Arguments of `values`.
#[derive(Debug, ClapArgs)]
pub struct ValuesArgs {
    /// How they are listed.
    #[command(flatten)]
    pub list: ListArgs,
    /// The field: level, service, host, user, trace, file, pattern, or any that `logweir fields` lists.
    #[arg(value_name = "FIELD")]
    pub field: String,
    /// Of which records [default: all]; several words are joined with blanks.
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
}

const PATTERNS_EXAMPLES: &str = "\
Examples:
  logweir patterns                                   the most frequent messages of all time
  logweir patterns --since 1h 'level:>=warn'         what the last hour complains of
  logweir search 'pattern:5f0e9a1c'                  the records of one pattern

The last column of a trend is the latest hour, and each column before it an hour earlier.";

/// Arguments of `patterns`.
#[derive(Debug, ClapArgs)]
pub struct PatternsArgs {
    /// Where to search.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Of which time.
    #[command(flatten)]
    pub times: TimeArgs,
    /// Patterns at most; 0 means all.
    #[arg(long, value_name = "N", env = "LOGWEIR_LIMIT", default_value_t = 20)]
    pub limit: u64,
    /// text for people, or one JSON object a pattern.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
    /// Of which records [default: all]; several words are joined with blanks.
    #[arg(value_name = "QUERY")]
    pub query: Vec<String>,
}

const DELETE_EXAMPLES: &str = "\
Examples:
  logweir delete --dry-run 'user:u104829'            which lines would go
  logweir delete 'user:u104829'                      says how many, asks, and begins
  logweir delete --yes --wait 'user:u104829'         for scripts: ends when no file has the lines any more
  logweir delete --status                            how far deletions are

What has arrived until then goes, later lines stay. Done means: no file below the data directory has the lines. Not touched are
the logged files themselves, what sinks have written elsewhere, and backups.";

/// Arguments of `delete`.
#[derive(Debug, ClapArgs)]
pub struct DeleteArgs {
    /// Where to delete.
    #[command(flatten)]
    pub server: ServerArgs,
    /// Say how many lines it would be, show some, and do nothing.
    #[arg(long, conflicts_with_all = ["yes", "wait"])]
    pub dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
    /// Go on until it is done; exit code 1 when it cannot be.
    #[arg(long)]
    pub wait: bool,
    /// Show how far deletions are, or the one of this id.
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["query", "yes", "dry_run"])]
    pub status: Option<String>,
    /// How --status shows them: text for people, or one JSON object a deletion.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
    /// What to remove; several words are joined with blanks. After `--` it may begin with a minus sign.
    #[arg(required_unless_present = "status", value_name = "QUERY")]
    pub query: Vec<String>,
}

const PARSE_EXAMPLES: &str = "\
Examples:
  logweir parse /var/log/myapp/app.log | head -40
  kubectl logs deploy/shop | logweir parse -
  logweir parse --explain app.log                    which field or rule gave each part
  logweir parse -o json app.log | jq .layout | sort | uniq -c";

/// Arguments of `parse`.
#[derive(Debug, ClapArgs)]
pub struct ParseArgs {
    /// Say of each part which field or rule it comes from.
    #[arg(long)]
    pub explain: bool,
    /// text for people, or one JSON object a record.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Show::Text)]
    pub output: Show,
    /// Zone of times that are written without one, such as Europe/Berlin [default: this host's].
    #[arg(long, value_name = "ZONE", env = "LOGWEIR_ZONE")]
    pub zone: Option<String>,
    /// The file, or - for standard input.
    #[arg(value_name = "FILE", default_value = "-")]
    pub file: PathBuf,
}

const GEN_EXAMPLES: &str = "\
Examples:
  logweir gen --lines 1000000 --seed 1 /tmp/load               385 MB at once; the same bytes every time
  logweir gen --lines 60000 --seed 1 --rate 1000 /tmp/load     live for a minute, with the present time

Writes DIR/gen.log and DIR/truth.json: counts per level, service, user and word, and known traces.";

/// Arguments of `gen`.
#[derive(Debug, ClapArgs)]
pub struct GenArgs {
    /// How many lines.
    #[arg(long, value_name = "N", env = "LOGWEIR_LINES")]
    pub lines: u64,
    /// Which lines: the same seed gives the same bytes.
    #[arg(long, value_name = "S", env = "LOGWEIR_SEED")]
    pub seed: u64,
    /// Lines a second, with the present time in them [default: as fast as can be, with times of 2025].
    #[arg(long, value_name = "R", env = "LOGWEIR_RATE", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Where to write; created when it does not exist.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Arguments of `validate`.
#[derive(Debug, ClapArgs)]
pub struct ValidateArgs {
    /// Files, or directories whose *.toml are read in name order; together they are one configuration.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Arguments of `status`.
#[derive(Debug, ClapArgs)]
pub struct StatusArgs {
    /// Whom to ask.
    #[command(flatten)]
    pub server: ServerArgs,
    /// text for people, or the server's JSON.
    #[arg(short, long, value_enum, env = "LOGWEIR_OUTPUT", default_value_t = Output::Text)]
    pub output: Output,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  logweir doctor -c /etc/logweir/logweir.toml
  logweir doctor '/var/log/app/**/*.log'

One line a finding, with what to do. Exit code 0 when all is fine, 1 otherwise.";

/// Arguments of `doctor`.
#[derive(Debug, ClapArgs)]
pub struct DoctorArgs {
    /// Configuration file, or a directory whose *.toml are read in name order; may be repeated.
    #[arg(short, long, value_name = "FILE", env = "LOGWEIR_CONFIG")]
    pub config: Vec<PathBuf>,
    /// Files that are meant to be tailed, besides those of the configuration.
    #[arg(value_name = "GLOB")]
    pub globs: Vec<String>,
}

/// Arguments of `backup`.
#[derive(Debug, ClapArgs)]
pub struct BackupArgs {
    /// The data; a server may be running on it.
    #[arg(long, value_name = "DIR", env = "LOGWEIR_DATA", default_value = "./logweir-data")]
    pub data: PathBuf,
    /// Where to write; must not exist or be empty.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

/// Arguments of `restore`.
#[derive(Debug, ClapArgs)]
pub struct RestoreArgs {
    /// Where the data goes; must not exist or be empty.
    #[arg(long, value_name = "DIR", env = "LOGWEIR_DATA", default_value = "./logweir-data")]
    pub data: PathBuf,
    /// The backup.
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

const COMPLETION_EXAMPLES: &str = "\
Install it:
  bash   logweir completion bash > ~/.local/share/bash-completion/completions/logweir
         (needs the package bash-completion; for all users: /usr/share/bash-completion/completions/logweir)
  zsh    logweir completion zsh > ~/.zfunc/_logweir
         (with `fpath+=(~/.zfunc)` before `compinit` in ~/.zshrc; for all users: /usr/share/zsh/site-functions/_logweir)
  fish   logweir completion fish > ~/.config/fish/completions/logweir.fish

Create the directory when it is not there; it works in shells that are started afterwards. To try it at once in bash:
  source <(logweir completion bash)";

/// Arguments of `completion`.
#[derive(Debug, ClapArgs)]
pub struct CompletionArgs {
    /// For which shell.
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn the_commands_of_the_manual_are_accepted() {
        for line in [
            "logweir demo",
            "logweir run",
            "logweir run -c a.toml -c conf.d --data d --tail a/*.log b.log --http [::1]:1 --ingest 127.0.0.1:2 --insecure",
            "logweir ship -c a.toml --to h:1 --name n --host h --label k=v --label l=w --state d --once a.log b.log",
            "logweir search --server http://h:1 --since 15m --until 2026-11-23T10:15:00Z --limit 0 --order oldest -o raw a b",
            "logweir search -- -path:/health",
            "logweir export --server http://h:1 --since 15m --until 2026-11-23 --order newest -o csv --fields a,b --gzip --to f a b",
            "logweir export -o raw --zstd *",
            "logweir fields --since 1h --prefix http. --limit 5 -o json level:error",
            "logweir values service --since 1h --prefix c --limit 5 -o json level:error",
            "logweir completion bash",
            "logweir completion zsh",
            "logweir completion fish",
            "logweir trace 4bf92f3577b34da6a3ce929d0e0e4736",
            "logweir trace --as-written -o json req-1",
            "logweir tail *",
            "logweir tail --rate 0 -o raw a b",
            "logweir patterns --since 1h --limit 5 -o json level:error",
            "logweir delete --dry-run user:u1 OR user:u2",
            "logweir delete --server http://h:1 --yes --wait user:u1",
            "logweir delete --status",
            "logweir delete --status 0a0b0c0d --wait -o json",
            "logweir parse --explain --zone UTC -o text app.log",
            "logweir gen --lines 10 --seed 1 --rate 5 dir",
            "logweir validate a.toml b.toml",
            "logweir test -c a.toml b.toml rules",
            "logweir replay --server http://h:1 --rule a.toml --rule b --since 7d --until 1d -o json",
            "logweir status",
            "logweir doctor -c a.toml /var/log/*.log",
            "logweir backup dir",
            "logweir restore --data d dir",
        ] {
            assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
        }
    }

    #[test]
    fn wrong_use_exits_with_two() {
        for line in [
            "logweir",
            "logweir find x",
            "logweir search",
            "logweir gen --lines x --seed 1 d",
            "logweir gen d",
            "logweir delete",
            "logweir delete --dry-run --yes x",
            "logweir export",
            "logweir export --gzip --zstd x",
            "logweir export -o xml x",
            "logweir values",
            "logweir completion tcsh",
            "logweir test",
            "logweir replay",
        ] {
            assert_eq!(parse(line).expect_err("refused").exit_code(), 2, "{line}");
        }
    }
}
