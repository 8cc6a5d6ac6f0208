//! A problem with a query's text, and its position for users.

use outflow_core::{Code, Error, TextPlace};

/// Something wrong at a byte of the text.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) at: usize,
    code: Code,
    message: String,
    help: String,
    /// Where it ends, and the text that makes it go away.
    end: usize,
    fix: Option<String>,
}

impl Problem {
    pub(crate) fn new(at: usize, code: Code, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at, code, message: message.into(), help: help.into(), end: at, fix: None }
    }

    /// The same, of the bytes up to `end`, which this text is to stand for.
    pub(crate) fn fixed_by(self, end: usize, replacement: impl Into<String>) -> Self {
        Self { end, fix: Some(replacement.into()), ..self }
    }

    /// The same with more in its sentence.
    pub(crate) fn also(mut self, more: &str) -> Self {
        self.message.push_str(more);
        self
    }

    /// The error for users, with line and column counted from 1 in characters.
    pub(crate) fn into_error(self, text: &str) -> Error {
        let (line, column) = position(text, self.at);
        let fix = self.fix.map(|replacement| (self.at, self.end, replacement));
        let place = TextPlace { sync: None, start: (line, column), end: position(text, self.end), fix };
        Error::new(self.code, self.message)
            .at(format!("line {line}, column {column} of the query"))
            .help(self.help)
            .in_text(place)
    }
}

/// The line and the column of a byte, counted from 1, columns in characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}
