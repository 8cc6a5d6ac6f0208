//! Errors and notices as Redshift words them, and the translation of PostgreSQL's.
//!
//! What always holds: a report has the fields of the 8.0 protocol only (no `V`, no names of
//! schemas, tables or columns). A position is kept for syntax errors alone: the parser of 8.0 knows
//! it only there.

use std::io;

use super::wire::{Fields, frame, text};

/// An ErrorResponse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    pub severity: &'static str,
    pub state: String,
    pub message: String,
    /// The other fields by their tags: detail, hint, position, routine.
    pub more: Vec<(u8, String)>,
    /// INFO messages that come before it.
    pub infos: Vec<String>,
}

impl Report {
    pub fn error(state: &str, message: impl Into<String>) -> Report {
        Report {
            severity: "ERROR",
            state: state.to_owned(),
            message: message.into(),
            more: Vec::new(),
            infos: Vec::new(),
        }
    }

    pub fn fatal(state: &str, message: impl Into<String>) -> Report {
        Report::error(state, message).made_fatal()
    }

    pub fn made_fatal(self) -> Report {
        Report { severity: "FATAL", ..self }
    }

    pub fn is_fatal(&self) -> bool {
        self.severity == "FATAL"
    }

    pub fn with(mut self, tag: u8, value: impl Into<String>) -> Report {
        self.more.push((tag, value.into()));
        self
    }

    /// `syntax error at or near "…"`, at that byte of the client's text. Positions are in
    /// characters, counted from 1.
    pub fn syntax(sql: &str, at: usize, near: &str) -> Report {
        let position = sql[..at].chars().count() + 1;
        Report::error("42601", format!("syntax error at or near \"{near}\"")).with(b'P', position.to_string())
    }

    /// A cancel by the user or by `statement_timeout`: both have the same text (documented for the
    /// time-out).
    pub fn cancelled(query: u64) -> Report {
        Report::error("57014", format!("Query ({query}) cancelled on user's request"))
    }

    /// PostgreSQL's report in Redshift's wording. `query` is the number of the statement, `sql`
    /// what the client sent and `rewritten` what PostgreSQL got.
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
                b'D' | b'H' | b'P' | b'R' => report.more.push((tag, value)),
                _ => {}
            }
        }
        if report.state != "42601" || sql.chars().count() != rewritten.chars().count() {
            report.more.retain(|(tag, _)| *tag != b'P');
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
            fields(out, b'N', [(b'S', "INFO"), (b'C', "00000"), (b'M', info)].into_iter());
        }
        let head = [(b'S', self.severity), (b'C', &self.state), (b'M', &self.message)];
        let more = self.more.iter().map(|(tag, value)| (*tag, value.as_str()));
        fields(out, b'E', head.into_iter().chain(more));
    }
}

/// Appends a frame of fields, each with its tag.
fn fields<'a>(out: &mut Vec<u8>, tag: u8, fields: impl Iterator<Item = (u8, &'a str)>) {
    let mut body = Vec::new();
    for (tag, value) in fields {
        body.push(tag);
        text(&mut body, value);
    }
    body.push(0);
    frame(out, tag, &body);
}
