//! The slim binary: a shipper and nothing else.

use clap::Parser;
use logweir_shipper::{ShipArgs, ShipError, ShipperStatus};
use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::Write as _;
use std::process::ExitCode;
use tokio::sync::watch;

// Batches are allocated on one thread and freed on another, a megabyte at a time; the system's allocator gives such
// memory back to the kernel and takes it again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code of a bad configuration, as sysexits.h has it.
const EX_CONFIG: u8 = 78;

/// Tails files and sends every line once to a logweir router.
#[derive(Parser)]
#[command(name = "logweir-shipper", version)]
struct Arguments {
    #[command(flatten)]
    ship: ShipArgs,
}

fn main() -> ExitCode {
    match ship(Arguments::parse().ship) {
        Ok(code) => code,
        Err(e) => {
            say(&format!("logweir-shipper: {e}"));
            ExitCode::from(if matches!(e, ShipError::Config(_)) { EX_CONFIG } else { 1 })
        }
    }
}

fn ship(args: ShipArgs) -> Result<ExitCode, ShipError> {
    let config = args.resolve()?;
    let (stop, stopped) = watch::channel(false);
    stop_on_signal(stop)?;
    let report = logweir_shipper::run(config, ShipperStatus::default(), stopped)?;
    for file in &report.failed {
        say(&format!("{}: {}", file.path, file.error));
    }
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first SIGTERM or SIGINT ends it in order, the second at once.
fn stop_on_signal(stop: watch::Sender<bool>) -> Result<(), ShipError> {
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(ShipError::Start)?;
    let wait = move || {
        for (count, _) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(1);
            }
            let _ = stop.send(true);
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(wait).map_err(ShipError::Start)?;
    Ok(())
}

/// Standard error may be closed; there is nobody else to tell.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
