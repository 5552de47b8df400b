//! A simulated world for baselines: a year of windows of one minute for series with days, weekends, growth, holidays, deploys and
//! noise, and faults of known size in them. Seeded: the same seed gives the same year.
//!
//! Traffic is 60 a minute at night and 600 at the day's peak (Poisson, over a rate that wanders by 6 % within hours and 3 %
//! within minutes), 60 % of that on weekends; ten holidays a year have 55 %; it grows by -10 to 80 % a year; every third
//! week a deploy changes a series for good by up to a quarter. One window in a thousand is missing.
//! The p99 is that of as many requests as there are, log-normal; the error ratio is 1 % of these, wandering by 15 %.
//!
//! How pages are counted: from the first window of the series on. A page is right when it comes while a fault lasts and in
//! its direction; every other page is false, on holidays and after deploys, too. A fault without a page is missed.

use logweir_alerter::baseline::{Baseline, Direction, Kind, Observation, Phase, Settings, Value};
use logweir_base::time::Timestamp;

/// Minutes of a week.
const WEEK: usize = 7 * DAY;
/// Days of a year, and faults of a series in it.
pub const YEAR_DAYS: usize = 365;
const FAULTS_A_YEAR: usize = 60;
const DAY: usize = 1440;
const YEAR: f64 = (YEAR_DAYS * DAY) as f64;
/// 2026-01-05, a Monday.
const START_S: i64 = 1_767_571_200;

/// The faults, in the order of [`Tally::kinds`].
pub const FAULTS: [Fault; 5] = [
    Fault { name: "3x rate", kind: Kind::Count, factor: 3.0, direction: Direction::Above },
    Fault { name: "half rate at peak", kind: Kind::Count, factor: 0.5, direction: Direction::Below },
    Fault { name: "silence", kind: Kind::Count, factor: 0.0, direction: Direction::Below },
    Fault { name: "slow p99 (3x)", kind: Kind::Plain, factor: 3.0, direction: Direction::Above },
    Fault { name: "error ratio 1 % -> 5 %", kind: Kind::Ratio, factor: 5.0, direction: Direction::Above },
];

/// What goes wrong, and by how much.
pub struct Fault {
    pub name: &'static str,
    kind: Kind,
    factor: f64,
    direction: Direction,
}

/// What happened to the faults of one kind.
#[derive(Clone, Debug, Default)]
pub struct KindTally {
    pub injected: usize,
    /// Windows from a fault's first to the page, both counted, of each fault found.
    pub delays: Vec<usize>,
}

/// What a simulation came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub kinds: [KindTally; 5],
    pub windows: usize,
    /// False pages: in the first week, on or after a holiday, within a day of a deploy, others.
    pub false_pages: [usize; 4],
}

/// splitmix64 (G. L. Steele, D. Lea, C. H. Flood, 2014).
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Above 0, at most 1.
    pub fn unit(&mut self) -> f64 {
        ((self.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    pub fn poisson(&mut self, mean: f64) -> f64 {
        if mean >= 30.0 {
            // Normal, with the skew of a Poisson.
            let z = self.normal();
            return (mean + mean.sqrt() * z + (z * z - 1.0) / 6.0).round().max(0.0);
        }
        let (limit, mut product, mut count) = ((-mean).exp(), self.unit(), 0.0);
        while product > limit {
            product *= self.unit();
            count += 1.0;
        }
        count
    }

    /// The 99th percentile of `n` values that are log-normal.
    fn p99(&mut self, n: f64, median: f64, sigma: f64) -> f64 {
        let beyond = (n - (0.99 * n).ceil()) as usize + 1;
        let sum: f64 = (0..beyond).map(|_| -self.unit().ln()).sum();
        median * (sigma * upper_normal((sum / n).min(0.5))).exp()
    }
}

/// The point a standard normal exceeds with `tail` (M. Abramowitz, I. Stegun, 26.2.23).
fn upper_normal(tail: f64) -> f64 {
    let t = (-2.0 * tail.ln()).sqrt();
    let above = 2.515_517 + 0.802_853 * t + 0.010_328 * t * t;
    t - above / (1.0 + 1.432_788 * t + 0.189_269 * t * t + 0.001_308 * t * t * t)
}

struct Injected {
    fault: usize,
    start: usize,
    end: usize,
    is_found: bool,
}

/// One series of the world.
pub struct Series {
    pub kind: Kind,
    random: Random,
    growth: f64,
    /// Share of a weekday's traffic, by day.
    days: Vec<f64>,
    holidays: Vec<usize>,
    /// Minute and factor, in order.
    deploys: Vec<(usize, f64)>,
    wander: f64,
}

impl Series {
    /// Three of five series are counts, one is a p99, one an error ratio.
    pub fn new(seed: u64, number: usize, days: usize) -> Self {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(number as u64));
        let kind = [Kind::Count, Kind::Count, Kind::Count, Kind::Plain, Kind::Ratio][number % 5];
        let holidays: Vec<usize> = (0..days * 10 / YEAR_DAYS).map(|_| random.below(days)).collect();
        let share = |day| match day {
            _ if holidays.contains(&day) => 0.55,
            _ if day % 7 >= 5 => 0.6,
            _ => 1.0,
        };
        let deploy = |week| (week * WEEK + random.below(WEEK), random.between(0.8, 1.25));
        Self {
            kind,
            days: (0..=days).map(share).collect(),
            deploys: (1..days / 7).step_by(3).map(deploy).collect(),
            growth: random.between(-0.1, 0.8),
            holidays,
            wander: 0.0,
            random,
        }
    }

    /// Expected requests of a minute, without noise and deploys.
    fn traffic(&self, minute: usize) -> f64 {
        let (day, hour) = (minute / DAY, (minute % DAY) as f64 / 60.0);
        let wave = (0.5 + 0.5 * (std::f64::consts::TAU * (hour - 14.0) / 24.0).cos()).powf(1.5);
        let (before, today) = (self.days[day.saturating_sub(1)], self.days[day]);
        let turned = (hour / 6.0).min(1.0);
        let share = before + (today - before) * turned * turned * (3.0 - 2.0 * turned);
        (60.0 + 540.0 * wave) * share * (1.0 + self.growth).powf(minute as f64 / YEAR)
    }

    fn deployed(&self, minute: usize) -> f64 {
        self.deploys.iter().take_while(|deploy| deploy.0 <= minute).map(|deploy| deploy.1).product()
    }

    /// What the minute has, when a fault multiplies it by `factor`.
    pub fn value(&mut self, minute: usize, factor: f64) -> Option<Value> {
        const KEEP: f64 = 1.0 - 1.0 / 180.0;
        self.wander = self.wander * KEEP + self.random.normal() * (1.0 - KEEP * KEEP).sqrt();
        if self.random.below(1000) == 0 {
            return None;
        }
        let noise = (0.03 * self.random.normal()).exp();
        let traffic = self.traffic(minute) * noise;
        let own = self.deployed(minute) * factor;
        Some(match self.kind {
            Kind::Count => {
                let mean = traffic * own * (0.06 * self.wander).exp();
                Value::Number(self.random.poisson(mean))
            }
            Kind::Plain => {
                let n = self.random.poisson(traffic).max(1.0);
                let median = 80.0 * (1.0 + 0.4 * traffic / 600.0) * own * (0.06 * self.wander).exp();
                Value::Number(self.random.p99(n, median, 0.4))
            }
            Kind::Ratio => {
                let of = self.random.poisson(traffic);
                let ratio = 0.01 * own * (0.15 * self.wander).exp();
                Value::Ratio { part: self.random.poisson(of * ratio).min(of), of }
            }
        })
    }

    /// One fault in each of as many equal spans as there are faults.
    fn faults(&mut self, days: usize) -> Vec<Injected> {
        let kinds: Vec<usize> = (0..FAULTS.len()).filter(|&at| FAULTS[at].kind == self.kind).collect();
        let count = (FAULTS_A_YEAR * days).div_ceil(YEAR_DAYS);
        let span = days * DAY / count;
        let inject = |number: usize| {
            let fault = kinds[number % kinds.len()];
            let length = 15 + self.random.below(46);
            let mut start;
            loop {
                start = number * span + self.random.below(span - 240);
                if FAULTS[fault].factor != 0.5 || self.traffic(start) >= 400.0 {
                    break;
                }
            }
            Injected { fault, start, end: start + length, is_found: false }
        };
        (0..count).map(inject).collect()
    }

    fn cause(&self, minute: usize) -> usize {
        let is_after = |deploy: &(usize, f64)| (deploy.0..deploy.0 + DAY).contains(&minute);
        let day = minute / DAY;
        match () {
            () if minute < WEEK => 0,
            () if self.holidays.iter().any(|&holiday| day == holiday || day == holiday + 1) => 1,
            () if self.deploys.iter().any(is_after) => 2,
            () => 3,
        }
    }
}

/// The time a minute of the simulation ends.
pub fn end_of(minute: usize) -> Timestamp {
    Timestamp::from_seconds(START_S + 60 * (minute as i64 + 1))
}

/// Runs one series for `days` and adds what came of it.
pub fn simulate(settings: &Settings, seed: u64, number: usize, days: usize, tally: &mut Tally) {
    let mut series = Series::new(seed, number, days);
    let mut faults = series.faults(days);
    let mut baseline = Baseline::new(series.kind, 60);
    let mut next = 0;
    for minute in 0..days * DAY {
        while faults.get(next).is_some_and(|fault| fault.end <= minute) {
            next += 1;
        }
        let fault = faults.get_mut(next).filter(|fault| fault.start <= minute);
        let factor = fault.as_ref().map_or(1.0, |fault| FAULTS[fault.fault].factor);
        let seen = Observation { at: end_of(minute), utc_offset_s: 0, value: series.value(minute, factor) };
        let opened =
            baseline.observe(settings, seen).is_some_and(|judgement| judgement.phase == Phase::Opened);
        if !opened {
            continue;
        }
        let direction = baseline.episode().map(|(direction, _)| direction);
        match fault.filter(|fault| Some(FAULTS[fault.fault].direction) == direction && !fault.is_found) {
            Some(fault) => {
                fault.is_found = true;
                tally.kinds[fault.fault].delays.push(minute - fault.start + 1);
            }
            None => tally.false_pages[series.cause(minute)] += 1,
        }
    }
    tally.windows += days * DAY;
    for fault in faults {
        tally.kinds[fault.fault].injected += 1;
    }
}

impl Tally {
    /// Share of the faults that were found.
    pub fn recall(&self) -> f64 {
        let found: usize = self.kinds.iter().map(|kind| kind.delays.len()).sum();
        let injected: usize = self.kinds.iter().map(|kind| kind.injected).sum();
        found as f64 / injected as f64
    }

    /// False pages of a series in a month.
    pub fn false_a_month(&self) -> f64 {
        let months = self.windows as f64 / (YEAR / 12.0);
        self.false_pages.iter().sum::<usize>() as f64 / months
    }

    /// The median delay in windows.
    pub fn delay(&self) -> usize {
        median(self.kinds.iter().flat_map(|kind| kind.delays.iter().copied()).collect())
    }

    /// What it came to, for people.
    pub fn report(&self) -> String {
        let mut text = String::new();
        for (fault, kind) in FAULTS.iter().zip(&self.kinds) {
            let (found, injected) = (kind.delays.len(), kind.injected);
            let recall = found as f64 / injected.max(1) as f64;
            let delay = median(kind.delays.clone());
            text += &format!(
                "{:24} recall {recall:.3} ({found} of {injected}), delay p50 {delay} windows\n",
                fault.name
            );
        }
        let [first, holiday, deploy, other] = self.false_pages;
        text += &format!(
            "all: recall {:.3}, delay p50 {}, false pages {:.3} a series-month (first week {first}, holidays {holiday}, deploys {deploy}, other {other}), {:.1} M windows\n",
            self.recall(),
            self.delay(),
            self.false_a_month(),
            self.windows as f64 / 1e6
        );
        text
    }
}

fn median(mut delays: Vec<usize>) -> usize {
    delays.sort_unstable();
    delays.get(delays.len().saturating_sub(1) / 2).copied().unwrap_or(0)
}
