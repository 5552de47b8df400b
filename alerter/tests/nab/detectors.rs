//! What is scored: our baseline, and the two that everybody has. Each gives a number per row, larger where it is odder.

use crate::scoring::File;
use logweir_alerter::baseline::{Baseline, Kind, Observation, Phase, Settings, Value};
use std::collections::VecDeque;

const WINDOW_S: u32 = 300;
/// Values of the Gaussian's window, as the benchmark tuned it.
const GAUSSIAN_VALUES: usize = 1000;
/// Rows behind a detection that are the same one, for detectors that know no episodes: an hour.
const SAME_ROWS: usize = 12;

/// The score of the window that opens an episode, which is when we page; 0 elsewhere.
pub fn baseline(file: &File) -> Vec<f64> {
    let settings = Settings::default();
    let mut baseline = Baseline::new(Kind::Plain, WINDOW_S);
    let mut judge = |&(at, value)| {
        let seen = Observation { at, utc_offset_s: 0, value: Some(Value::Number(value)) };
        let judgement = baseline.observe(&settings, seen).filter(|judged| judged.phase == Phase::Opened);
        judgement.map_or(0.0, |judged| judged.score.abs())
    };
    file.rows.iter().map(&mut judge).collect()
}

/// Distance from the mean of the unscored first rows, in their standard deviations: one threshold above, one below, fixed.
pub fn fixed(file: &File) -> Vec<f64> {
    let first: Vec<f64> = file.rows[..file.probation()].iter().map(|row| row.1).collect();
    let (mean, deviation) = moments(first.iter());
    file.rows.iter().map(|row| (row.1 - mean).abs() / deviation).collect()
}

/// Distance from the mean of the last values in their standard deviations. The benchmark's detector takes the tail's
/// probability instead, which orders rows alike but cannot tell the oddest apart.
pub fn gaussian(file: &File) -> Vec<f64> {
    let mut last = VecDeque::with_capacity(GAUSSIAN_VALUES);
    let mut judge = |row: &(_, f64)| {
        let (mean, deviation) = moments(last.iter());
        let score = if last.is_empty() { 0.0 } else { (row.1 - mean).abs() / deviation };
        if last.len() == GAUSSIAN_VALUES {
            last.pop_front();
        }
        last.push_back(row.1);
        score
    };
    file.rows.iter().map(&mut judge).collect()
}

/// The same detections, without those that follow an odder one closely: what a detector would be with episodes.
pub fn onsets(scores: Vec<f64>) -> Vec<f64> {
    let is_onset =
        |at: usize| scores[at.saturating_sub(SAME_ROWS)..at].iter().all(|&before| before < scores[at]);
    (0..scores.len()).map(|at| if is_onset(at) { scores[at] } else { 0.0 }).collect()
}

fn moments<'a>(values: impl ExactSizeIterator<Item = &'a f64> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt().max(1e-6))
}
