//! Errors and notices as Redshift words them, and the translation of PostgreSQL's.
//!
//! What always holds: a report has the fields of the 8.0 protocol only (no `V`, no names of schemas, tables or columns). A position is kept for syntax
//! errors alone: the parser of 8.0 knows it only there.

use std::io;

use super::wire::{Fields, frame, text};

/// An ErrorResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub severity: &'static str,
    pub state: String,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// In characters of the client's text, counted from 1.
    pub position: Option<usize>,
    pub routine: Option<String>,
    /// INFO messages that come before it.
    pub infos: Vec<String>,
}

impl Report {
    pub fn error(state: &str, message: impl Into<String>) -> Report {
        Report {
            severity: "ERROR",
            state: state.to_owned(),
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            routine: None,
            infos: Vec::new(),
        }
    }

    pub fn fatal(state: &str, message: impl Into<String>) -> Report {
        Report { severity: "FATAL", ..Report::error(state, message) }
    }

    /// `syntax error at or near "…"`, at that byte of the client's text.
    pub fn syntax(sql: &str, at: usize, near: &str) -> Report {
        let position = sql[..at].chars().count() + 1;
        Report {
            position: Some(position),
            ..Report::error("42601", format!("syntax error at or near \"{near}\""))
        }
    }

    /// What stops on the user's word or at `statement_timeout`: both read alike (documented for the time-out).
    pub fn cancelled(query: u64) -> Report {
        Report::error("57014", format!("Query ({query}) cancelled on user's request"))
    }

    /// PostgreSQL's report, told as Redshift tells it. `query` is the number of the statement, `sql` what the client sent and `rewritten` what PostgreSQL got.
    pub fn translate(body: &[u8], query: u64, sql: &str, rewritten: &str) -> io::Result<Report> {
        let mut report = Report::error("XX000", "");
        let mut fields = Fields(body);
        loop {
            let tag = fields.byte()?;
            if tag == 0 {
                break;
            }
            let value = fields.text()?;
            match tag {
                b'S' if value == "FATAL" || value == "PANIC" => report.severity = "FATAL",
                b'C' => report.state = value,
                b'M' => report.message = value,
                b'D' => report.detail = Some(value),
                b'H' => report.hint = Some(value),
                b'R' => report.routine = Some(value),
                b'P' => report.position = value.parse().ok(),
                _ => {}
            }
        }
        if report.state != "42601" || sql.chars().count() != rewritten.chars().count() {
            report.position = None;
        }
        Ok(report.in_redshifts_words(query))
    }

    fn in_redshifts_words(mut self, query: u64) -> Report {
        match self.state.as_str() {
            "57014" => return Report::cancelled(query),
            // A wrong password is 28000 on Redshift.
            "28P01" => self.state = "28000".to_owned(),
            "25006" => self.message = "transaction is read-only".to_owned(),
            "42501" => {
                for kind in ["table", "view", "sequence", "materialized view"] {
                    let postgres = format!("permission denied for {kind} ");
                    if let Some(name) = self.message.strip_prefix(&postgres) {
                        self.message = format!("permission denied for relation {name}");
                        break;
                    }
                }
            }
            _ => {}
        }
        self
    }

    /// Appends the report, and its INFO messages before it.
    pub fn write(&self, out: &mut Vec<u8>) {
        for info in &self.infos {
            let mut body = Vec::new();
            for (tag, value) in [(b'S', "INFO"), (b'C', "00000"), (b'M', info)] {
                body.push(tag);
                text(&mut body, value);
            }
            body.push(0);
            frame(out, b'N', &body);
        }
        let position = self.position.map(|position| position.to_string());
        let mut body = Vec::new();
        for (tag, value) in [
            (b'S', Some(self.severity)),
            (b'C', Some(self.state.as_str())),
            (b'M', Some(self.message.as_str())),
            (b'D', self.detail.as_deref()),
            (b'H', self.hint.as_deref()),
            (b'P', position.as_deref()),
            (b'R', self.routine.as_deref()),
        ] {
            if let Some(value) = value {
                body.push(tag);
                text(&mut body, value);
            }
        }
        body.push(0);
        frame(out, b'E', &body);
    }
}
