//! Showing a run while it goes on: bars on a terminal, one plain line for each stage elsewhere.

use std::collections::HashMap;
use std::io::{self, IsTerminal, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

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
    retrying: HashMap<String, (Code, u32)>,
}

/// What the first Ctrl-C means.
const STOPPING: &str = "stopping: requests under way are finished, nothing is lost, and the same command goes on \
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
            RunEvent::Retrying { destination, code, reason, seconds, .. } => {
                // The same problem is reported at its 1st, 2nd, 4th, 8th … time.
                let told = shown.retrying.entry(destination.clone()).or_insert((code, 0));
                *told = if told.0 == code { (code, told.1 + 1) } else { (code, 1) };
                if told.1.is_power_of_two() {
                    self.say(&format!("{destination}: {code} {}; again in {seconds:.1} s", reason.reveal()));
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
