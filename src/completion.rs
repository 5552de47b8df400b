//! `logweir completion`: scripts that let a shell complete commands and flags, made from the definition of the command line.

use crate::args::Args;
use crate::command::Failure;
use crate::terminal::{Escapes, Screen};
use clap::{CommandFactory, ValueEnum};
use std::io;

/// A shell that completes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

/// Prints the script for `shell`. Whoever has stopped reading does not want it.
pub fn run(shell: Shell) -> Result<(), Failure> {
    let mut screen = Screen::stdout();
    let script = script(shell);
    let mut print = || {
        for line in script.split_inclusive('\n') {
            screen.bytes(line.trim_end_matches('\n').as_bytes(), Escapes::Text)?;
            screen.newline()?;
        }
        screen.flush()
    };
    match print() {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("cannot write the output: {error}")))
        }
        _ => Ok(()),
    }
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "logweir", &mut script);
    String::from_utf8(script).expect("names and help of ours are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_in_every_script() {
        let command = Args::command();
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        assert!(names.len() > 10, "{names:?}");
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for name in &names {
                let named =
                    script.split(|c: char| !c.is_alphanumeric() && c != '-').any(|word| word == *name);
                assert!(named, "{shell:?}: {name}");
            }
        }
    }
}
