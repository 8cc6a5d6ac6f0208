//! The log of a process that runs by itself: one line for each thing that happened, on stderr. No row value is in it.
//!
//! For people `TIME what key=value …`; with `--output json` or `ndjson` one JSON object a line.

use outflow_core::Timestamp;
use outflow_engine::serve::Notice;
use serde_json::{Value, json};

use crate::output::{Printer, plain};

/// Writes a line.
pub fn line(printer: Printer, at: Timestamp, what: &str, fields: &[(&str, Value)]) {
    if printer.is_machine() {
        let mut document = serde_json::Map::new();
        document.insert("at".into(), json!(at));
        document.insert("event".into(), json!(what));
        document.extend(fields.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        return printer.log(&Value::Object(document).to_string());
    }
    let mut text = format!("{at:.3} {what}");
    for (key, value) in fields {
        let value = match value {
            Value::String(s) if s.contains([' ', '"', '=']) => format!("{s:?}"),
            Value::String(s) => plain(s),
            other => other.to_string(),
        };
        text += &format!(" {key}={value}");
    }
    printer.log(&text);
}

/// Writes what a notice says.
pub fn notice(printer: Printer, at: Timestamp, notice: &Notice) {
    let (what, fields): (&str, Vec<(&str, Value)>) = match notice {
        Notice::Started { sync, run, resumed } => {
            ("run started", vec![("sync", json!(sync)), ("run", json!(run)), ("resumed", json!(resumed))])
        }
        Notice::Extracted { sync, run, rows, seconds } => (
            "extracted",
            vec![
                ("sync", json!(sync)),
                ("run", json!(run)),
                ("read", json!(rows.read)),
                ("calls", json!(rows.calls)),
                ("rejected", json!(rows.rejected)),
                ("unchanged", json!(rows.unchanged)),
                ("seconds", json!((seconds * 1000.0).round() / 1000.0)),
            ],
        ),
        Notice::Failed { sync, run, errors } => {
            let first = errors.first();
            (
                "run failed",
                vec![
                    ("sync", json!(sync)),
                    ("run", json!(run)),
                    ("code", json!(first.map(|e| e.code()))),
                    ("reason", json!(first.map(|e| e.message()))),
                ],
            )
        }
        Notice::Held { sync, run, code, reason } => (
            "run held",
            vec![
                ("sync", json!(sync)),
                ("run", json!(run)),
                ("code", json!(code)),
                ("reason", json!(reason)),
            ],
        ),
        Notice::Released { sync, run } => ("run released", vec![("sync", json!(sync)), ("run", json!(run))]),
        Notice::Skipped { sync, slot, reason, .. } => {
            ("slot skipped", vec![("sync", json!(sync)), ("slot", json!(slot)), ("reason", json!(reason))])
        }
        Notice::Delivered { sync, run, destination, state, counts, reason } => {
            let mut fields = vec![
                ("sync", json!(sync)),
                ("run", json!(run)),
                ("destination", json!(destination)),
                ("state", json!(state)),
                ("delivered", json!(counts.delivered)),
                ("dead_letters", json!(counts.dead_letters)),
                ("pending", json!(counts.pending)),
            ];
            if let Some((code, reason)) = reason {
                fields.extend([("code", json!(code)), ("reason", json!(reason))]);
            }
            ("delivery", fields)
        }
        Notice::Ended { sync, run, state } => {
            ("run ended", vec![("sync", json!(sync)), ("run", json!(run)), ("state", json!(state))])
        }
        Notice::Lagging { sync, destination, lags } => {
            let what = if *lags { "destination lags" } else { "destination caught up" };
            (what, vec![("sync", json!(sync)), ("destination", json!(destination))])
        }
        Notice::Detached { sync, run, destination } => (
            "destination detached",
            vec![("sync", json!(sync)), ("run", json!(run)), ("destination", json!(destination))],
        ),
        Notice::Reloaded => ("reloaded", Vec::new()),
        Notice::Trouble { error } => {
            ("trouble", vec![("code", json!(error.code())), ("reason", json!(error.message()))])
        }
    };
    line(printer, at, what, &fields);
}
