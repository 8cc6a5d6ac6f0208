//! Figures of campaigns: how much of one is run, and the line of figures that
//! `bench/reliability.py` collects into `docs/RELIABILITY.md`.

use std::fmt::Display;
use std::time::Duration;

/// Whether the whole of a campaign is wanted (`./test --long`), and not the slice of it that every
/// `./test` runs.
pub fn long() -> bool {
    std::env::var_os("OUTFLOW_LONG").is_some_and(|value| value != "0")
}

/// `slice` in every `./test`, `whole` in a long one.
pub fn slice_or_whole<T>(slice: T, whole: T) -> T {
    if long() { whole } else { slice }
}

/// What one campaign has to say. Printed by [`Report::print`].
#[must_use]
pub struct Report {
    test: &'static str,
    injected: String,
    times: u64,
    lost: u64,
    repeated: u64,
    split: u64,
    more: Vec<String>,
}

impl Report {
    /// `test` is the test's name, with which `./test` repeats it; `times` says how often `injected`
    /// was done.
    pub fn new(test: &'static str, injected: impl Into<String>, times: u64) -> Report {
        Report { test, injected: injected.into(), times, lost: 0, repeated: 0, split: 0, more: Vec::new() }
    }

    /// What a judge saw: rows lost, calls repeated under their own id, rows under two ids.
    pub fn judged(mut self, verdict: &crate::Verdict) -> Report {
        self.lost += verdict.missing.len() as u64;
        self.repeated += verdict.repeats as u64;
        self.split += verdict.split.len() as u64;
        self
    }

    /// A further figure with its name.
    pub fn with(mut self, name: &str, value: impl Display) -> Report {
        self.more.push(format!("{name} {value}"));
        self
    }

    /// The median and the 99th percentile of durations.
    pub fn durations(self, name: &str, durations: &[Duration]) -> Report {
        let mut sorted = durations.to_vec();
        sorted.sort();
        let at = |percent: usize| sorted.get((sorted.len() * percent / 100).min(sorted.len().max(1) - 1));
        let text = |at: Option<&Duration>| at.map_or("-".to_owned(), |d| format!("{:.2} s", d.as_secs_f64()));
        let (median, most) = (text(at(50)), text(at(99)));
        self.with(name, format!("p50 {median}, p99 {most}"))
    }

    /// Writes the line to standard output.
    pub fn print(self) {
        let Report { test, injected, times, lost, repeated, split, more } = self;
        let form = if long() { "long" } else { "short" };
        let more = more.join("; ");
        println!(
            "RELIABILITY | {test} | {form} | {injected} | {times} | {lost} | {repeated} | {split} | {more}"
        );
    }
}
