//! The log of a process that runs by itself: one line for each thing that happened, on stderr.
//!
//! For people `TIME LEVEL what key=value …`; with `--log-format json` one JSON object a line: `time`, `level`, `event`, and the fields. No secret and no row value is in
//! it: what a destination said stays in the state, and the log has its code.

use std::io::{self, Write as _};

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Clock as _, Code, Error, Severity, SystemClock};
use outflow_engine::serve::Event;
use serde_json::{Map, Value, json};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Something did not work.
    Error,
}

impl Level {
    const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Fields of a line.
type Fields = Vec<(&'static str, Value)>;

/// The form of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Writes lines to stderr.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    format: LogFormat,
}

impl Log {
    /// A log in this form.
    pub fn new(format: LogFormat) -> Self {
        Self { format }
    }

    /// Writes a line.
    pub fn line(&self, level: Level, event: &str, fields: &[(&str, Value)]) {
        let at = SystemClock.now();
        if self.format == LogFormat::Json {
            let mut document = Map::new();
            document.insert("time".into(), json!(at));
            document.insert("level".into(), json!(level.name()));
            document.insert("event".into(), json!(event));
            document.extend(fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
            return write(&Value::Object(document).to_string());
        }
        let mut text = format!("{at:.3} {:5} {event}", level.name().to_ascii_uppercase());
        for (key, value) in fields.iter().filter(|(_, v)| !v.is_null()) {
            let value = match value {
                Value::String(s) if s.contains([' ', '"', '=']) => format!("{s:?}"),
                Value::String(s) => plain(s),
                other => other.to_string(),
            };
            text += &format!(" {key}={value}");
        }
        write(&text);
    }

    /// Writes a line about something as it should be.
    pub fn info(&self, event: &str, fields: &[(&str, Value)]) {
        self.line(Level::Info, event, fields);
    }

    /// Writes a line about an error, with its code, place, help and causes.
    pub fn error(&self, event: &str, fields: &[(&str, Value)], error: &Error) {
        let level = if error.code().severity() == Severity::Error { Level::Error } else { Level::Warn };
        let mut all = fields.to_vec();
        all.extend(of_error(error));
        self.line(level, event, &all);
    }

    /// Writes what a notice says.
    pub fn notice(&self, notice: &Event) {
        if let Event::Failed { sync, run, errors } = notice {
            let fields = [("sync", json!(sync)), ("run", json!(run))];
            errors.iter().for_each(|error| self.error("run failed", &fields, error));
        } else if let Event::Problem { error } = notice {
            self.error("trouble", &[], error);
        } else if let Some((level, event, fields)) = lines(notice) {
            self.line(level, event, &fields);
        }
    }
}

fn write(line: &str) {
    // Who reads stderr may be gone.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Text with control characters made visible, so that no value steers a terminal.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn of_error(error: &Error) -> Fields {
    let mut causes = Vec::new();
    let mut cause = std::error::Error::source(error);
    while let Some(e) = cause {
        causes.push(json!(e.to_string()));
        cause = e.source();
    }
    let mut fields = vec![("code", json!(error.code())), ("reason", json!(error.message()))];
    fields.extend(error.place().map(|place| ("place", json!(place))));
    fields.extend(error.help_text().map(|help| ("help", json!(help))));
    if !causes.is_empty() {
        fields.push(("causes", Value::Array(causes)));
    }
    fields
}

fn lines(notice: &Event) -> Option<(Level, &'static str, Fields)> {
    let about = |sync: &str, run| vec![("sync", json!(sync)), ("run", json!(run))];
    let with = |mut fields: Fields, more: Fields| {
        fields.extend(more);
        fields
    };
    Some(match notice {
        Event::Started { sync, run, resumed } => {
            (Level::Info, "run started", with(about(sync, run), vec![("resumed", json!(resumed))]))
        }
        Event::Reading { sync, run, notes, .. } if !notes.is_empty() => {
            let note = notes.iter().map(|note| note.text.as_str()).collect::<Vec<_>>().join("; ");
            (Level::Info, "note", with(about(sync, run), vec![("note", json!(note))]))
        }
        Event::Extracted { sync, run, rows, seconds, .. } => {
            let counts = vec![
                ("read", json!(rows.read)),
                ("calls", json!(rows.calls)),
                ("rejected", json!(rows.rejected)),
                ("unchanged", json!(rows.unchanged)),
                ("seconds", json!((seconds * 1000.0).round() / 1000.0)),
            ];
            (Level::Info, "extracted", with(about(sync, run), counts))
        }
        Event::AwaitingApproval { sync, run, code, reason } => (
            Level::Warn,
            "run awaits approval",
            with(about(sync, run), vec![("code", json!(code)), ("reason", json!(reason))]),
        ),
        Event::Skipped { sync, slot, reason, .. } => (
            Level::Warn,
            "slot skipped",
            vec![("sync", json!(sync)), ("slot", json!(slot)), ("reason", json!(reason))],
        ),
        Event::Approved { sync, run } => (Level::Info, "run approved", about(sync, run)),
        Event::Delivered { sync, run, destination, state, counts, reason } => {
            let mut more = vec![
                ("destination", json!(destination)),
                ("state", json!(state)),
                ("delivered", json!(counts.delivered)),
                ("dead_letters", json!(counts.dead_letters)),
                ("pending", json!(counts.pending)),
            ];
            if let Some((code, _)) = reason {
                more.extend([("code", json!(code)), ("reason", json!(code.title()))]);
            }
            let level = if reason.is_some() || counts.dead_letters > 0 { Level::Warn } else { Level::Info };
            (level, "delivery", with(about(sync, run), more))
        }
        Event::Ended { sync, run, state } => {
            (Level::Info, "run ended", with(about(sync, run), vec![("state", json!(state))]))
        }
        Event::Degraded { sync, destination, degraded: lags } => {
            let (level, what) = if *lags {
                (Level::Warn, "destination lags")
            } else {
                (Level::Info, "destination caught up")
            };
            (level, what, vec![("sync", json!(sync)), ("destination", json!(destination))])
        }
        Event::DestinationSkipped { sync, run, destination } => (
            Level::Warn,
            "destination skipped",
            with(about(sync, run), vec![("destination", json!(destination))]),
        ),
        Event::Audited { sync, run, differences } if differences.is_empty() => {
            (Level::Info, "run verified", about(sync, run))
        }
        Event::Audited { sync, run, differences } => {
            let more = vec![("code", json!(Code::CountsDiffer)), ("differences", json!(differences))];
            (Level::Error, "run does not add up", with(about(sync, run), more))
        }
        Event::Alert { alert } => of_alert(alert),
        Event::Reloaded => (Level::Info, "reloaded", Vec::new()),
        // Too many of them, or written by `Log::notice` itself.
        Event::Reading { .. }
        | Event::Read { .. }
        | Event::Delivering { .. }
        | Event::Retrying { .. }
        | Event::Failed { .. }
        | Event::Problem { .. } => return None,
    })
}

fn of_alert(alert: &AlertRecord) -> (Level, &'static str, Fields) {
    let AlertRecord { kind, subject, code, message, since, recovered_at, .. } = alert;
    let mut fields = vec![("alert", json!(kind)), ("subject", json!(subject)), ("since", json!(since))];
    if recovered_at.is_some() {
        return (Level::Info, "alert recovered", fields);
    }
    fields.extend([("code", json!(code)), ("reason", json!(message))]);
    (Level::Warn, "alert", fields)
}
