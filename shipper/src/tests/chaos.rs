//! Random lives of a shipper: writers append and rotate, connections break, processes die, checkpoints are lost or old; some
//! lines belong together and wait for each other. In the end every line is there, exactly once.

use crate::identity::Record;
use crate::model::Bench;
use logweir_base::ids::SourceId;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// What may happen next; the number picks the file.
#[derive(Clone, Debug)]
enum Act {
    Append(usize, u8),
    Half(usize),
    Rename(usize),
    AppendToRenamed(usize),
    CopyTruncate(usize),
    Scan,
    Send(u8),
    SendWithoutAnswers(u8),
    Cut,
    Save,
    Wait(u8),
    /// In tenths of a second, and what is due goes, without a scan.
    Pass(u8),
    Kill,
    KillWithOldCheckpoint(prop::sample::Index),
    KillWithoutCheckpoint,
    SaveAndKill,
    /// Not while a copy is unread: a copy made while nobody looks and nobody remembers is just a file.
    SettleAndLoseCheckpoint,
}

/// Files, what was written to them, and the shipper under test.
struct Life {
    bench: Bench,
    written: Vec<String>,
    halves: [Option<String>; FILES],
    rotations: [u32; FILES],
    renamed: [Option<String>; FILES],
    checkpoints: Vec<BTreeMap<SourceId, Record>>,
}

const FILES: usize = 2;

impl Life {
    fn new() -> Self {
        let mut bench = Bench::new(&["*.log*"]);
        bench.config.settings.multiline_idle = Duration::from_millis(500);
        Self {
            bench,
            written: Vec::new(),
            halves: [None, None],
            rotations: [0; FILES],
            renamed: [None, None],
            checkpoints: vec![BTreeMap::new()],
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Append(file, lines) => self.append(file, &name(file), lines),
            Act::Half(file) => self.half(file),
            Act::Rename(file) => {
                let to = self.rotated_name(file);
                if self.bench.path(&name(file)).exists() {
                    self.bench.rename(&name(file), &to);
                    self.renamed[file] = Some(to);
                }
            }
            Act::AppendToRenamed(file) => {
                if let Some(to) = self.renamed[file].clone() {
                    self.append(file, &to, 2);
                }
            }
            Act::CopyTruncate(file) => {
                let to = self.rotated_name(file);
                if self.bench.path(&name(file)).exists() {
                    self.bench.copy_truncate(&name(file), &to);
                }
            }
            Act::Scan => self.bench.scan(),
            Act::Send(frames) => self.send(frames, true),
            Act::SendWithoutAnswers(frames) => {
                self.send(frames, false);
                self.bench.disconnect();
            }
            Act::Cut => self.bench.disconnect(),
            Act::Save => {
                self.bench.save();
                self.checkpoints.push(self.bench.saved.clone());
            }
            Act::Wait(seconds) => self.bench.now += Duration::from_secs(u64::from(seconds)),
            Act::Pass(tenths) => self.bench.pass(u64::from(tenths) * 100),
            Act::Kill => self.bench.kill(),
            Act::KillWithOldCheckpoint(which) => {
                self.bench.kill();
                self.bench.saved = which.get(&self.checkpoints).clone();
            }
            Act::KillWithoutCheckpoint => {
                self.bench.kill();
                self.bench.saved.clear();
            }
            Act::SettleAndLoseCheckpoint => {
                self.bench.step();
                self.bench.step();
                self.bench.kill();
                self.bench.saved.clear();
                self.bench.step();
            }
            Act::SaveAndKill => {
                self.bench.step();
                self.bench.kill();
            }
        }
    }

    fn append(&mut self, file: usize, to: &str, lines: u8) {
        self.finish_half(file);
        for _ in 0..lines {
            let number = self.written.len();
            let indent = if number % 7 < 4 { "" } else { "    " };
            let line = format!("{indent}{file} {number} {}", "pad ".repeat(number % 50));
            self.bench.append(to, line.clone() + "\n");
            self.written.push(line);
        }
    }

    fn half(&mut self, file: usize) {
        self.finish_half(file);
        let line = format!("{file} {} half", self.written.len());
        self.bench.append(&name(file), &line[..4]);
        self.halves[file] = Some(line[4..].to_owned());
        self.written.push(line);
    }

    fn finish_half(&mut self, file: usize) {
        if let Some(rest) = self.halves[file].take() {
            self.bench.append(&name(file), rest + "\n");
        }
    }

    /// A writer finishes its line before its file is rotated.
    fn rotated_name(&mut self, file: usize) -> String {
        self.finish_half(file);
        self.rotations[file] += 1;
        format!("{}.{}", name(file), self.rotations[file])
    }

    fn send(&mut self, frames: u8, answers: bool) {
        if self.bench.tailer().session().1.is_none() {
            self.bench.connect();
        }
        for _ in 0..frames {
            let Some(frame) = self.bench.next() else {
                return;
            };
            match answers {
                true => self.bench.deliver(frame),
                false => drop(self.bench.model.take(frame)),
            }
        }
    }

    /// Lets everything settle, and compares.
    fn end(mut self) {
        (0..FILES).for_each(|file| self.finish_half(file));
        for _ in 0..4 {
            self.bench.step_after(2);
        }
        let mut balance: BTreeMap<String, i32> = BTreeMap::new();
        self.written.into_iter().for_each(|line| *balance.entry(line).or_default() -= 1);
        self.bench.model.lines().into_iter().for_each(|line| *balance.entry(line).or_default() += 1);
        balance.retain(|_, balance| *balance != 0);
        assert!(balance.is_empty(), "lost (negative) or doubled: {balance:?}");
    }
}

fn name(file: usize) -> String {
    format!("{file}.log")
}

fn writing() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..FILES, 1u8..30).prop_map(|(file, lines)| Act::Append(file, lines)),
        1 => (0..FILES).prop_map(Act::Half),
        3 => Just(Act::Scan),
        3 => (1u8..6).prop_map(Act::Send),
        1 => (1u8..6).prop_map(Act::SendWithoutAnswers),
        1 => Just(Act::Cut),
        1 => (0u8..20).prop_map(Act::Wait),
        2 => (0u8..10).prop_map(Act::Pass),
        1 => Just(Act::Save),
    ]
}

fn renaming_and_dying() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => writing(),
        1 => (0..FILES).prop_map(Act::Rename),
        1 => (0..FILES).prop_map(Act::AppendToRenamed),
        1 => Just(Act::Kill),
        1 => any::<prop::sample::Index>().prop_map(Act::KillWithOldCheckpoint),
        1 => Just(Act::KillWithoutCheckpoint),
    ]
}

fn copying_and_truncating() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => writing(),
        1 => (0..FILES).prop_map(Act::Rename),
        2 => (0..FILES).prop_map(Act::CopyTruncate),
        1 => Just(Act::SaveAndKill),
        1 => Just(Act::SettleAndLoseCheckpoint),
    ]
}

fn live(acts: Vec<Act>) {
    let mut life = Life::new();
    acts.into_iter().for_each(|act| life.act(act));
    life.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]

    /// T01, T02, T05, T38, T39, N02, N11: with any checkpoint, or none.
    #[test]
    fn t01_t05_t38_t39_every_line_once_over_renames_and_kills(
        acts in prop::collection::vec(renaming_and_dying(), 1..60)
    ) {
        live(acts);
    }

    /// T03, T10: with the checkpoint of the last second.
    #[test]
    fn t03_t10_every_line_once_over_copies_and_truncations(
        acts in prop::collection::vec(copying_and_truncating(), 1..60)
    ) {
        live(acts);
    }
}
