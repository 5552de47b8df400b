//! From arguments to exit code: one function a command.

use crate::args::{
    AlertsAction, AlertsArgs, Args, Command, DeleteArgs, DeployArgs, ExceptionsAction, ExceptionsArgs,
    ExportArgs, ExportMetricsArgs, GenArgs, ListArgs, ParseArgs, PatternsArgs, QueryArgs, ReplayArgs,
    RunArgs, SearchArgs, StatusArgs, TailArgs, TraceArgs, ValidateArgs,
};
use crate::backup::{self, Copied};
use crate::client::{self, ClientError, Compression, Intent, Listed, Search, Server, Until};
use crate::completion;
use crate::config::{self, Config, Exposure};
use crate::demo;
use crate::doctor;
use crate::parse;
use crate::pipeline;
use crate::rehearse;
use crate::ship;
use crate::terminal::{self, Screen, note, say};
use crate::top;
use crate::trace::Clocks;
use crate::workload::{self, Workload};
use clap::Parser;
use logweir_base::time::{Clock, SystemClock};
use logweir_shipper::config::{host_zone, zone_rule};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a command has failed, and so how the process exits.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 1.
    Failed(String),
    /// Exit code 2: used wrongly.
    Usage(String),
    /// Exit code 78: bad configuration (EX_CONFIG of sysexits.h).
    Config(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Failed(reason) | Self::Usage(reason) | Self::Config(reason)) = self;
        f.write_str(reason)
    }
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let (code, reason) = match run(Args::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Failed(reason)) => (1, reason),
        Err(Failure::Usage(reason)) => (2, reason),
        Err(Failure::Config(reason)) => (78, reason),
    };
    // Mistakes in a configuration begin with FILE:LINE:COLUMN, as editors want it.
    let prefix = if code == 78 { "" } else { "error: " };
    note(&format!("{prefix}{reason}"));
    ExitCode::from(code)
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Ship(args) => ship::run(args),
        Command::Search(args) => search(&args),
        Command::Export(args) => export(&args),
        Command::Trace(args) => trace(&args),
        Command::Query(args) => query(&args),
        Command::ExportMetrics(args) => export_metrics(&args),
        Command::Top(args) => top::run(args.by, args.limit, args.output),
        Command::Tail(args) => tail(&args),
        Command::Status(args) => status(&args),
        Command::Fields(args) => list(&args.list, Listed::Fields, &args.query),
        Command::Values(args) => list(&args.list, Listed::Values(args.field), &args.query),
        Command::Patterns(args) => patterns(&args),
        Command::Exceptions(args) => exceptions(&args),
        Command::Alerts(args) => alerts(&args),
        Command::Deploy(args) => deploy(&args),
        Command::Test(args) => rehearse::run(&args),
        Command::Replay(args) => replay(&args),
        Command::Delete(args) => delete(&args),
        Command::Parse(args) => understood(&args),
        Command::Gen(args) => generate(&args),
        Command::Validate(args) => validate(&args),
        Command::Backup(args) => {
            copied("backed up", backup::backup(&args.data, &args.dir, &SystemClock, &mut progress))
        }
        Command::Restore(args) => copied("restored", backup::restore(&args.dir, &args.data, &mut progress)),
        Command::Doctor(args) => doctor::run(&args),
        Command::Run(args) => serve(args),
        Command::Demo(args) => demo::run(&args),
        Command::Completion(args) => completion::run(args.shell),
    }
}

fn search(args: &SearchArgs) -> Result<(), Failure> {
    let search = Search {
        query: args.query.join(" "),
        since: args.times.since.clone(),
        until: args.times.until.clone(),
        limit: args.limit,
        order: args.order,
        timeout: args.timeout.clone(),
    };
    ask(&args.server.server, |server| client::search(server, &search, args.output, &mut Screen::stdout()))
}

fn export(args: &ExportArgs) -> Result<(), Failure> {
    let wanted = client::Export {
        query: args.query.join(" "),
        since: args.times.since.clone(),
        until: args.times.until.clone(),
        order: args.order,
        format: args.output,
        fields: args.fields.clone(),
        compression: match (args.gzip, args.zstd) {
            (true, _) => Compression::Gzip,
            (_, true) => Compression::Zstd,
            _ => Compression::None,
        },
        to: args.to.clone(),
    };
    ask(&args.server.server, |server| client::export(server, &wanted))
}

fn list(args: &ListArgs, listed: Listed, query: &[String]) -> Result<(), Failure> {
    let wanted = client::Listing {
        listed,
        query: query.join(" "),
        since: args.times.since.clone(),
        until: args.times.until.clone(),
        prefix: args.prefix.clone(),
        limit: args.limit,
    };
    ask(&args.server.server, |server| client::list(server, &wanted, args.output, &mut Screen::stdout()))
}

fn trace(args: &TraceArgs) -> Result<(), Failure> {
    let clocks = if args.as_written { Clocks::AsWritten } else { Clocks::Corrected };
    let screen = &mut Screen::stdout();
    ask(&args.server.server, |server| client::trace(server, &args.id, clocks, args.output, screen))
}

fn tail(args: &TailArgs) -> Result<(), Failure> {
    let query = args.query.join(" ");
    let screen = &mut Screen::stdout();
    ask(&args.server.server, |server| client::tail(server, &query, args.rate, args.output, screen))
}

fn query(args: &QueryArgs) -> Result<(), Failure> {
    let wanted = client::MetricQuery {
        promql: args.promql.join(" "),
        since: args.since.clone(),
        until: args.until.clone(),
        step: args.step.clone(),
    };
    let (now, screen) = (SystemClock.now(), &mut Screen::stdout());
    ask(&args.server.server, |server| client::query(server, &wanted, now, args.output, screen))
}

fn export_metrics(args: &ExportMetricsArgs) -> Result<(), Failure> {
    let (now, screen) = (SystemClock.now(), &mut Screen::stdout());
    let (since, until) = (args.since.as_str(), args.until.as_deref());
    ask(&args.server.server, |server| {
        client::export_metrics(server, &args.selectors, since, until, now, screen)
    })
}

fn patterns(args: &PatternsArgs) -> Result<(), Failure> {
    let wanted = client::PatternsOf {
        query: args.query.join(" "),
        since: args.times.since.clone(),
        until: args.times.until.clone(),
        limit: args.limit,
    };
    ask(&args.server.server, |server| client::patterns(server, &wanted, args.output, &mut Screen::stdout()))
}

fn exceptions(args: &ExceptionsArgs) -> Result<(), Failure> {
    use client::exceptions::{list, mute, reopen, resolve, show};
    let screen = &mut Screen::stdout();
    match &args.action {
        None => ask(&args.list.server.server, |server| list(server, &args.list, screen)),
        Some(ExceptionsAction::List(args)) => ask(&args.server.server, |server| list(server, args, screen)),
        Some(ExceptionsAction::Show(args)) => ask(&args.server.server, |server| show(server, args, screen)),
        Some(ExceptionsAction::Resolve(args)) => {
            ask(&args.exception.server.server, |server| resolve(server, args))
        }
        Some(ExceptionsAction::Mute(args)) => ask(&args.exception.server.server, |server| mute(server, args)),
        Some(ExceptionsAction::Reopen(args)) => ask(&args.server.server, |server| reopen(server, args)),
    }
}

fn alerts(args: &AlertsArgs) -> Result<(), Failure> {
    use client::alerts::{acknowledge, history, list, silence, silences, unsilence};
    let screen = &mut Screen::stdout();
    match &args.action {
        None => ask(&args.list.server.server, |server| list(server, &args.list, screen)),
        Some(AlertsAction::List(args)) => ask(&args.server.server, |server| list(server, args, screen)),
        Some(AlertsAction::History(args)) => ask(&args.server.server, |server| history(server, args, screen)),
        Some(AlertsAction::Silences(args)) => {
            ask(&args.server.server, |server| silences(server, args, screen))
        }
        Some(AlertsAction::Acknowledge(args)) => ask(&args.server.server, |server| acknowledge(server, args)),
        Some(AlertsAction::Silence(args)) => ask(&args.server.server, |server| silence(server, args)),
        Some(AlertsAction::Unsilence(args)) => ask(&args.server.server, |server| unsilence(server, args)),
    }
}

fn deploy(args: &DeployArgs) -> Result<(), Failure> {
    ask(&args.server.server, |server| client::alerts::deploy(server, args))
}

fn replay(args: &ReplayArgs) -> Result<(), Failure> {
    // Nothing is listened on.
    let config = load(&args.rule, Exposure::Allowed)?;
    let (now, screen) = (SystemClock.now(), &mut Screen::stdout());
    ask(&args.server.server, |server| rehearse::replay::run(server, &config, args, now, screen))
}

fn delete(args: &DeleteArgs) -> Result<(), Failure> {
    let until = if args.wait { Until::Ended } else { Until::Told };
    let intent = match (args.dry_run, args.yes) {
        (true, _) => Intent::DryRun,
        (false, true) => Intent::Remove,
        (false, false) => Intent::Ask,
    };
    let (url, query) = (&args.server.server, args.query.join(" "));
    ask(url, |server| match args.status.as_deref() {
        Some(id) => {
            let id = Some(id).filter(|id| !id.is_empty());
            client::deletions(server, id, until, args.output, &mut Screen::stdout())
        }
        None => client::delete(server, &query, intent, until, &mut Screen::stdout()),
    })
}

fn understood(args: &ParseArgs) -> Result<(), Failure> {
    let zone = match &args.zone {
        Some(zone) => zone_rule(zone).map_err(|e| Failure::Usage(format!("--zone: {e}")))?,
        None => host_zone(),
    };
    parse::run(&args.file, &parse::Wanted { show: args.output, explain: args.explain, zone })
}

fn status(args: &StatusArgs) -> Result<(), Failure> {
    ask(&args.server.server, |server| client::status(server, args.output, &mut Screen::stdout()))
}

fn ask(url: &str, act: impl FnOnce(&Server) -> Result<(), ClientError>) -> Result<(), Failure> {
    match Server::new(url).and_then(|server| act(&server)) {
        Ok(()) | Err(ClientError::ReaderGone) => Ok(()),
        Err(ClientError::Usage(reason)) => Err(Failure::Usage(reason)),
        Err(ClientError::Failed(reason)) => Err(Failure::Failed(reason)),
    }
}

fn generate(args: &GenArgs) -> Result<(), Failure> {
    let workload = Workload { lines: args.lines, seed: args.seed, rate: args.rate };
    let truth = workload::write(workload, &args.dir, &SystemClock)
        .map_err(|e| Failure::Failed(format!("cannot write to {}: {e}", args.dir.display())))?;
    say(&format!("{} lines, {} bytes, {} to {}", truth.lines, truth.bytes, truth.first, truth.last));
    Ok(())
}

fn validate(args: &ValidateArgs) -> Result<(), Failure> {
    load(&args.files, Exposure::AsConfigured)?;
    say("fine");
    Ok(())
}

fn serve(args: RunArgs) -> Result<(), Failure> {
    let config = run_config(&args)?;
    let reread = move || run_config(&args).map_err(|failure| failure.to_string());
    pipeline::run(config, Box::new(reread))
}

/// The configuration of `run`: files, and flags over them.
pub fn run_config(args: &RunArgs) -> Result<Config, Failure> {
    let exposure = if args.insecure { Exposure::Allowed } else { Exposure::AsConfigured };
    let mut config = load(&args.config, exposure)?;
    for (listen, flag) in [(args.http, "--http"), (args.ingest, "--ingest")] {
        if let Some(reason) = listen.and_then(|listen| config::exposed(listen, config.insecure)) {
            return Err(Failure::Usage(format!("{flag}: {reason}")));
        }
    }
    config.http.listen = args.http.unwrap_or(config.http.listen);
    config.ingest.listen = args.ingest.unwrap_or(config.ingest.listen);
    config.data.dir = args.data.clone().unwrap_or(config.data.dir);
    config.tail.extend(args.tail.iter().cloned());
    config.insecure |= args.insecure;
    Ok(config)
}

/// Reads configuration files, with the variables of the environment.
pub fn load(files: &[PathBuf], exposure: Exposure) -> Result<Config, Failure> {
    let lookup = |name: &str| std::env::var(name).ok();
    config::load(files, exposure, &lookup).map_err(|problems| Failure::Config(problems.to_string()))
}

fn progress(text: &str) {
    terminal::progress(text);
}

fn copied(done: &str, outcome: io::Result<Copied>) -> Result<(), Failure> {
    let Copied { files, bytes } = outcome.map_err(|e| Failure::Failed(e.to_string()))?;
    say(&format!("{done}: {files} files of {bytes} bytes"));
    Ok(())
}
