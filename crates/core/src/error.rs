//! The error that users see: a stable code, what happened, where, how to fix it, and a chain of
//! causes for the log.
//!
//! Adapters may have an error type of their own inside; what crosses a port is this one. It never
//! carries a secret or a row value.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::{Code, NextStep};

/// The result of whatever can fail with a coded error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A coded error.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    message: String,
    place: Option<String>,
    help: Option<String>,
    next: Vec<NextStep>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error with this code. `message` is one sentence without a full stop, in the user's terms.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            place: None,
            help: None,
            next: Vec::new(),
            cause: None,
        }))
    }

    /// Says where: `outflow.yaml:12:5`, `line 3, column 8 of the query`, `column "userId"`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Sets how to fix it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.0.help = Some(help.into());
        self
    }

    /// Adds what a person can do next with Outflow. A front end says how.
    #[must_use]
    pub fn next_step(mut self, step: NextStep) -> Self {
        self.0.next.push(step);
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What happened.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where it happened, if that is known.
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// How to fix it, if that is known.
    pub fn help_text(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    /// What a person can do next with Outflow.
    pub fn next_steps(&self) -> &[NextStep] {
        &self.0.next
    }
}

/// The form of an error in documents. Causes are left out: they may be long and are for us.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Inner { code, message, place, help, next, .. } = &*self.0;
        let mut document = s.serialize_struct("Error", 5)?;
        document.serialize_field("code", code)?;
        document.serialize_field("message", message)?;
        match place {
            Some(place) => document.serialize_field("place", place)?,
            None => document.skip_field("place")?,
        }
        match help {
            Some(help) => document.serialize_field("help", help)?,
            None => document.skip_field("help")?,
        }
        if next.is_empty() {
            document.skip_field("next")?;
        } else {
            document.serialize_field("next", next)?;
        }
        document.end()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code, self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("place", &self.0.place)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|e| e as _)
    }
}
