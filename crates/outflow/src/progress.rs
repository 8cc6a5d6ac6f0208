//! Showing a run while it goes on: bars on a terminal, one plain line for each stage elsewhere.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use outflow_app::{Caller, Event, ReplayMode, ReplayPlan, RunEvent};
use outflow_core::{Code, DeliveryState};

use crate::commands::{outcome, rejected};
use crate::output::{Printer, count, counted, harmless, instant, plain};
use crate::{hints, signals};

/// The bars of the process. They share the terminal with the log.
static BARS: OnceLock<MultiProgress> = OnceLock::new();

/// Writes a line to stderr, above the bars if there are some.
pub fn write_beside_bars(line: &str) {
    // Who reads stderr may be gone.
    let write = || drop(writeln!(io::stderr().lock(), "{line}"));
    match BARS.get() {
        Some(bars) => bars.suspend(write),
        None => write(),
    }
}

/// The progress of the runs of one command.
#[derive(Clone)]
pub struct Display {
    printer: Printer,
    bars: Option<MultiProgress>,
    shown: Arc<Mutex<HashMap<String, Shown>>>,
}

/// What is shown of one sync's run.
#[derive(Default)]
struct Shown {
    reading: Option<ProgressBar>,
    delivering: HashMap<String, ProgressBar>,
    retrying: HashMap<String, Trouble>,
}

/// What was said of a destination that is tried again and again.
#[derive(Default)]
struct Trouble {
    code: Option<Code>,
    times: u32,
    said: Option<Instant>,
}

impl Trouble {
    /// Whether this failure is reported: of the same problem the 1st, 2nd, 4th, 8th … one, and one
    /// in half a minute, so that there is no long silence.
    fn is_due(&mut self, code: Code, now: Instant) -> bool {
        if self.code != Some(code) {
            *self = Self { code: Some(code), ..Self::default() };
        }
        self.times += 1;
        let is_long_ago = self.said.is_none_or(|said| now.saturating_duration_since(said) >= SILENCE);
        let is_due = self.times.is_power_of_two() || is_long_ago;
        if is_due {
            self.said = Some(now);
        }
        is_due
    }
}

/// The longest silence about a destination that takes nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// A time for people: `0.3 s`, `12 s`, `9 min 50 s`.
fn span(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..10 => format!("{seconds:.1} s"),
        10..60 => format!("{whole} s"),
        _ if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        _ => format!("{} min {} s", whole / 60, whole % 60),
    }
}

/// What the first Ctrl-C means.
const STOPPING: &str = "stopping: requests in flight are finished, nothing is lost, and the same command goes on \
                        from here; Ctrl-C again ends at once, and loses nothing either";

/// Stops the use case at a signal and shows what it reports.
pub fn caller(printer: Printer) -> Caller {
    let display = Display::new(printer);
    let is_quiet = printer.is_quiet();
    let stopping = move || {
        if !is_quiet {
            write_beside_bars(STOPPING);
        }
    };
    Caller { stop: signals::listen_and(stopping), listener: Arc::new(move |event| display.report(event)) }
}

impl Display {
    /// Bars if stderr is a terminal.
    pub fn new(printer: Printer) -> Self {
        let bars = (std::io::stderr().is_terminal() && !printer.is_quiet()).then(|| {
            BARS.get_or_init(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr())).clone()
        });
        Self { printer, bars, shown: Arc::default() }
    }

    /// Shows an event of a use case.
    fn report(&self, event: Event<'_>) {
        match event {
            Event::WaitingForState => {
                self.printer.say("another process is at work here; waiting for it (--no-wait exits instead)")
            }
            // Only `serve` makes one, and prints it itself.
            Event::SetUp { .. } | Event::Listening(_) => {}
            Event::HandedOver { sync, run } => {
                self.printer.say(&format!("{sync}: run {run} begins in the running Outflow"));
            }
            Event::Queued { sync, behind: Some(run) } => {
                self.printer.say(&format!("{sync}: its run {run} is in progress; it runs again behind that"));
            }
            Event::Queued { sync, behind: None } => {
                self.printer.say(&format!("{sync}: it is busy; it runs when it is free"));
            }
            Event::Approved { sync, run } => {
                self.printer.say(&format!("{sync}: run {run} is approved; the running Outflow delivers it"));
            }
            Event::BackfillFrom { sync, destination, start } => {
                self.printer.say(&format!("{sync}: reading from {start} for {destination}"));
            }
            Event::NothingMissed { sync, destination } => {
                self.printer.say(&format!("{sync}: {destination} has missed nothing"));
            }
            Event::LeftRunning { sync, run } => {
                self.printer.say(&format!("{sync}: run {run} goes on in the running Outflow"));
            }
            Event::LeftOver(finding) => self.printer.notice(finding),
            Event::Replaying(plan) => self.printer.say(&begins(plan)),
            Event::Warning(warning) => self.printer.notice(warning),
            Event::Run { sync, event } => self.run(sync, event),
            Event::Ended(outcome) => {
                if self.printer.is_ndjson() {
                    self.printer.document(outcome, |_| String::new());
                }
                outcome::tell(outcome, self.printer);
            }
        }
    }

    /// Shows an event of a sync's run.
    pub fn run(&self, sync: &str, event: RunEvent) {
        let mut all = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = all.entry(sync.to_owned()).or_default();
        View { display: self, sync }.show(shown, event);
    }

    fn line(&self, line: &str) {
        match &self.bars {
            // `println` keeps the bars below the text; it fails only when the terminal is gone.
            Some(bars) => drop(bars.println(harmless(line))),
            None => self.printer.say(line),
        }
    }
}

struct View<'a> {
    display: &'a Display,
    sync: &'a str,
}

impl View<'_> {
    fn show(&self, shown: &mut Shown, event: RunEvent) {
        match event {
            RunEvent::Started { run, resumed, .. } => {
                let word = if resumed { "goes on with" } else { "begins" };
                self.say(&format!("{word} run {run}"));
            }
            RunEvent::Reading { last_sync_time, notes, .. } => {
                self.say(&format!("reading, last_sync_time = {}", instant(&last_sync_time)));
                for note in notes {
                    let next = note.next.as_ref().map(|step| format!("; {}", hints::of_step(step)));
                    self.say(&format!("note: {}{}", note.text, next.unwrap_or_default()));
                }
                shown.reading = self.bar(None, "{prefix}  {spinner} {msg}");
            }
            RunEvent::Read { rows, rejected, .. } => {
                if let Some(bar) = &shown.reading {
                    bar.set_message(format!("{} read, {} rejected", counted(rows, "row"), count(rejected)));
                }
            }
            RunEvent::Extracted { rows, findings, seconds, .. } => {
                if let Some(bar) = shown.reading.take() {
                    bar.finish_and_clear();
                }
                self.say(&format!("{} in {seconds:.1} s", outcome::sum(&rows)));
                for finding in findings {
                    let sample = rejected::first(&finding);
                    let column =
                        finding.column.map(|c| format!(" in column {:?}", plain(&c))).unwrap_or_default();
                    let (code, title) = (finding.code, finding.code.title());
                    self.say(&format!("  {code} {title}{column}: {}", counted(finding.rows, "row")));
                    if let Some(sample) = sample {
                        self.say(&format!("    {sample}"));
                    }
                }
            }
            RunEvent::Delivering { destination, counts, .. } => {
                shown.retrying.remove(&destination);
                if self.display.bars.is_none() {
                    return;
                }
                let bar = shown.delivering.entry(destination.clone()).or_insert_with(|| {
                    // The remaining time follows the last rate.
                    let style = "{prefix}  {wide_bar} {human_pos}/{human_len}  {per_sec}  {eta} left  {msg}";
                    self.bar(Some(counts.calls), style).unwrap_or_else(ProgressBar::hidden)
                });
                bar.set_message(destination);
                bar.set_position(counts.calls.saturating_sub(counts.pending));
            }
            RunEvent::Skipped { reason, .. } => self.say(&format!("slot skipped: {reason}")),
            RunEvent::Retrying { destination, code, reason, seconds, gives_up, .. } => {
                let told = shown.retrying.entry(destination.clone()).or_default();
                if told.is_due(code, Instant::now()) {
                    let wait = span(seconds);
                    let end =
                        gives_up.map(|left| format!(", gives up in {}", span(left))).unwrap_or_default();
                    let reason = reason.reveal();
                    self.say(&format!("{destination}: {code} {reason}; next try in {wait}{end}"));
                }
            }
            RunEvent::Delivered { destination, state, counts, .. } => {
                if let Some(bar) = shown.delivering.remove(&destination) {
                    bar.finish_and_clear();
                }
                let mut line = format!("{destination}: {} delivered", count(counts.delivered));
                for (n, word) in [
                    (counts.dead_letters, "dead letters"),
                    (counts.filtered, "filtered"),
                    (counts.cancelled, "cancelled"),
                    (counts.pending, "pending"),
                ] {
                    if n > 0 {
                        line += &format!(", {} {word}", count(n));
                    }
                }
                if state == DeliveryState::Stopped {
                    line += "; stopped";
                }
                self.say(&line);
            }
            RunEvent::Problem { error } => self.display.printer.error(&error),
            // What the command prints at its end, or what belongs to `serve`.
            _ => {}
        }
    }

    fn say(&self, text: &str) {
        self.display.line(&format!("{}: {text}", self.sync));
    }

    fn bar(&self, length: Option<u64>, style: &str) -> Option<ProgressBar> {
        let bars = self.display.bars.as_ref()?;
        let bar = bars.add(length.map_or_else(ProgressBar::new_spinner, ProgressBar::new));
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style);
        }
        bar.set_prefix(self.sync.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        Some(bar)
    }
}

/// What a replay sends, when it begins.
fn begins(plan: &ReplayPlan) -> String {
    let what = match plan.mode {
        ReplayMode::All => "all calls, as they were sent",
        ReplayMode::AsSent => "dead letters, as they were sent",
        ReplayMode::Requery => "the rows of dead letters, as the query gives them now",
        ReplayMode::Rejected => "rejected rows, as far as they are fixed",
    };
    format!("replaying run {} of {} to {}: {what}", plan.run, plan.sync, plan.destinations.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_that_takes_nothing_is_never_silent_for_long() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let mut due = |code, seconds| trouble.is_due(code, start + Duration::from_secs(seconds));
        let first: Vec<bool> = (0..8).map(|_| due(Code::DestinationUnreachable, 0)).collect();
        assert_eq!(first, [true, true, false, true, false, false, false, true]);
        assert!(!due(Code::DestinationUnreachable, 29) && due(Code::DestinationUnreachable, 30));
        assert!(!due(Code::DestinationUnreachable, 59) && due(Code::DestinationUnreachable, 61));
        assert!(due(Code::DestinationTimeout, 62), "another problem is news");
    }

    #[test]
    fn times_are_short() {
        for (seconds, text) in [
            (0.25, "0.2 s"),
            (9.4, "9.4 s"),
            (12.3, "12 s"),
            (59.9, "1 min"),
            (590.0, "9 min 50 s"),
            (600.0, "10 min"),
        ] {
            assert_eq!(span(seconds), text);
        }
    }
}
