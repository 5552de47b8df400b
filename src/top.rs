//! `logweir top`: which processes of this host take most, from two looks a second apart. Names are hostile and escaped.

use crate::command::Failure;
use crate::parse::Show;
use crate::terminal::{Escapes, Screen, Tone};
use clap::ValueEnum;
use crossbeam::channel;
use logweir_shipper::meter::host::top::{TopBy, TopProcess, snapshot, top};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// Between the two looks.
const APART: Duration = Duration::from_secs(1);
const MIB: f64 = 1_048_576.0;

/// What processes are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Processor time in the second looked at.
    Cpu,
    /// Memory in use.
    Memory,
}

/// Looks twice and prints.
pub fn run(by: By, limit: usize, show: Show) -> Result<(), Failure> {
    let root = Path::new("/");
    let before = snapshot(root);
    let _ = channel::after(APART).recv();
    let by = match by {
        By::Cpu => TopBy::Cpu,
        By::Memory => TopBy::Memory,
    };
    let processes = top(&before, &snapshot(root), by, limit);
    let mut screen = Screen::stdout();
    match print(&processes, show, &mut screen) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the output: {e}")))
        }
        _ => Ok(()),
    }
}

fn print<W: Write>(processes: &[TopProcess], show: Show, screen: &mut Screen<W>) -> io::Result<()> {
    match show {
        Show::Json => {
            let json = serde_json::to_string(processes).map_err(io::Error::other)?;
            screen.bytes(json.as_bytes(), Escapes::Json)?;
            screen.newline()?;
        }
        Show::Text => {
            screen.text(
                Tone::Dim,
                &format!("{:>8} {:<12} {:>7} {:>10}  NAME", "PID", "USER", "CPU %", "MEMORY"),
            )?;
            screen.newline()?;
            for process in processes {
                let TopProcess { pid, user, name, cpu_percent, rss_bytes, .. } = process;
                let memory = format!("{:.1} MiB", *rss_bytes as f64 / MIB);
                screen
                    .text(Tone::Plain, &format!("{pid:>8} {user:<12} {cpu_percent:>7.1} {memory:>10}  "))?;
                screen.text(Tone::Name, name)?;
                screen.newline()?;
            }
        }
    }
    screen.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_harmless_cell() {
        let process = TopProcess {
            pid: 7,
            name: "a\u{1b}[2J".to_owned(),
            uid: 0,
            user: "root".to_owned(),
            cpu_percent: 12.34,
            rss_bytes: 3 << 20,
        };
        let mut screen = Screen::new(Vec::new(), true, false);
        print(&[process], Show::Text, &mut screen).expect("memory");
        let text = String::from_utf8(screen.into_inner()).expect("text");
        let row = text.lines().nth(1).expect("a row");
        assert_eq!(row, "       7 root            12.3    3.0 MiB  a\\x1b[2J");
    }
}
