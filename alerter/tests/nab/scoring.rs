//! The Numenta anomaly benchmark's scoring, standard profile (A. Lavin, S. Ahmad, "Evaluating real-time anomaly detection
//! algorithms: the Numenta anomaly benchmark", 2015).
//!
//! The first detection in a labelled window counts 1 at its left edge, falling along a sigmoid to 0 at its right; a window
//! without any -1; each detection outside of windows up to -0.11, less shortly behind one. The first 15 % of a file are not
//! scored. The sum over the files is scaled so that no detection at all is 0 and a perfect detector 100. One threshold for all
//! files, the best there is, once for each detector.

use logweir_base::time::Timestamp;
use std::fmt;

const FALSE_WEIGHT: f64 = 0.11;
const PROBATION: f64 = 0.15;
const PROBATION_ROWS_MAX: f64 = 750.0;

/// A series with its labels.
pub struct File {
    pub rows: Vec<(Timestamp, f64)>,
    /// First and last row of each labelled window, in order.
    pub windows: Vec<(usize, usize)>,
}

/// What a detector reached.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// 0 to 100 between no detection and perfect; below 0 is possible.
    pub score: f64,
    pub threshold: f64,
    pub windows_found: usize,
    pub false_rows: usize,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { score, threshold, windows_found, false_rows } = self;
        write!(
            f,
            "{score:5.1}  ({windows_found} windows found, {false_rows} false detections, threshold {threshold:.2})"
        )
    }
}

impl File {
    /// Rows that are not scored.
    pub fn probation(&self) -> usize {
        (PROBATION * self.rows.len() as f64).floor().min(PROBATION_ROWS_MAX) as usize
    }

    /// What a detection at `row` counts, and the window it is in.
    fn worth(&self, row: usize) -> (f64, Option<usize>) {
        if let Some(at) = self.windows.iter().position(|&(first, last)| (first..=last).contains(&row)) {
            let (first, last) = self.windows[at];
            let position = -((last - row + 1) as f64) / (last - first + 1) as f64;
            return (sigmoid(position) / sigmoid(-1.0), Some(at));
        }
        let before = self.windows.iter().rfind(|&&(_, last)| last < row);
        let position = before.map_or(3.0, |&(first, last)| (row - last) as f64 / (last - first) as f64);
        (FALSE_WEIGHT * sigmoid(position), None)
    }
}

fn sigmoid(position: f64) -> f64 {
    if position >= 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// The best score over all thresholds: a row is a detection when `scores` has the threshold or more.
pub fn best(files: &[File], scores: &[Vec<f64>]) -> Score {
    let mut rows: Vec<(f64, usize, usize)> = Vec::new();
    let mut best_of: Vec<Vec<f64>> = Vec::new();
    for (at, (file, scores)) in files.iter().zip(scores).enumerate() {
        rows.extend((file.probation()..scores.len()).map(|row| (scores[row], at, row)));
        best_of.push(vec![-1.0; file.windows.len()]);
    }
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let windows = best_of.iter().map(Vec::len).sum::<usize>() as f64;
    let (mut sum, mut false_rows, mut windows_found) = (-windows, 0, 0);
    let mut best = Score { score: 0.0, threshold: f64::INFINITY, windows_found, false_rows };
    for (at, &(threshold, file, row)) in rows.iter().enumerate() {
        match files[file].worth(row) {
            (worth, None) => {
                sum += worth;
                false_rows += 1;
            }
            (worth, Some(window)) => {
                let had = &mut best_of[file][window];
                windows_found += usize::from(*had < 0.0);
                sum += (worth - *had).max(0.0);
                *had = had.max(worth);
            }
        }
        let score = 100.0 * (sum + windows) / (2.0 * windows);
        let is_last_of_threshold = rows.get(at + 1).is_none_or(|next| next.0 < threshold);
        if is_last_of_threshold && score > best.score {
            best = Score { score, threshold, windows_found, false_rows };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> File {
        File { rows: vec![(Timestamp::MIN, 0.0); 1000], windows: vec![(200, 299), (500, 599)] }
    }

    /// The best score when these rows are detections.
    fn check(detections: &[usize], expected: f64) {
        let mut scores = vec![0.0; 1000];
        detections.iter().for_each(|&row| scores[row] = 1.0);
        let reached = best(&[file()], &[scores]).score;
        assert!((reached - expected).abs() < 0.01, "{detections:?}: {reached}, not {expected}");
    }

    #[test]
    fn scores_are_those_of_the_paper() {
        check(&[], 0.0);
        check(&[200, 500], 100.0);
        check(&[200], 50.0);
        // In the middle of a window a detection counts 0.848 of 0.987.
        check(&[250, 500], 100.0 * (4.0 - (1.0 - 0.8483 / 0.9866)) / 4.0);
        // A later one in the same window counts nothing; the unscored rows neither.
        check(&[10, 149, 200, 250, 299, 500], 100.0);
        // Far from a window behind it costs 0.11, three of its lengths or more; before any window, too.
        check(&[160, 200, 500, 950], 100.0 * (4.0 - 0.22) / 4.0);
        // Just behind one it costs next to nothing.
        check(&[200, 300, 500], 100.0 * (4.0 - 0.11 * 0.0252) / 4.0);
    }
}
