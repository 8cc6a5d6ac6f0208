//! The error that users see: a stable code, what happened, where, how to fix it, and a chain of
//! causes for the log.
//!
//! Adapters may have an error type of their own inside; what crosses a port is this one. It never
//! carries a secret.
//!
//! Outflow's own words and those of others are apart: the message, the place and the help are ours
//! and hold no row value, so that a log or an alert may contain them. What a server or a service
//! said is [quoted](Error::quoting), and only the state and the user's own terminal show it.

use std::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::{Code, ForeignText, NextStep};

/// The result of whatever can fail with a coded error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A coded error.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    message: String,
    quoted: Option<ForeignText>,
    place: Option<String>,
    help: Option<String>,
    next: Vec<NextStep>,
    text_place: Option<TextPlace>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A place in a text, with the change that makes the error go away. Lines and columns are counted
/// from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextPlace {
    /// The sync whose query the text is.
    pub sync: Option<String>,
    /// The line and the column in which it begins.
    pub start: (usize, usize),
    /// The line and the column behind it.
    pub end: (usize, usize),
    /// These bytes of the text become this.
    pub fix: Option<(usize, usize, String)>,
}

impl Error {
    /// An error with this code. `message` is one sentence without a full stop, in the user's terms
    /// and in Outflow's own words: it may be logged.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message: message.into(),
            quoted: None,
            place: None,
            help: None,
            next: Vec::new(),
            text_place: None,
            cause: None,
        }))
    }

    /// Adds what a server or a service said, which is never logged.
    #[must_use]
    pub fn quoting(mut self, text: impl Into<ForeignText>) -> Self {
        let text = text.into();
        self.0.quoted = (!text.reveal().trim().is_empty()).then_some(text);
        self
    }

    /// Says where: `outflow.yaml:12:5`, `line 3, column 8 of the query`, `column "userId"`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// Says where it is in a text, for programs.
    #[must_use]
    pub fn in_text(mut self, place: TextPlace) -> Self {
        self.0.text_place = Some(place);
        self
    }

    /// Says whose query the text is.
    #[must_use]
    pub fn of_sync(mut self, sync: &str) -> Self {
        if let Some(place) = &mut self.0.text_place {
            place.sync = Some(sync.to_owned());
        }
        self
    }

    /// Where it is in a text, for programs.
    pub fn text_place(&self) -> Option<&TextPlace> {
        self.0.text_place.as_ref()
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

    /// What happened, in words that may be logged.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What a server or a service said.
    pub fn quoted(&self) -> Option<&ForeignText> {
        self.0.quoted.as_ref()
    }

    /// What happened, with what a server or a service said: for the state and the user's own
    /// terminal.
    pub fn full_message(&self) -> ForeignText {
        match &self.0.quoted {
            Some(quoted) => format!("{}: {}", self.0.message, quoted.reveal()).into(),
            None => self.0.message.clone().into(),
        }
    }

    /// The causes as far as they may be logged: coded errors by their message, and errors of the
    /// operating system. The text of any other cause may quote a server or a row.
    pub fn loggable_causes(&self) -> Vec<String> {
        let causes =
            std::iter::successors(std::error::Error::source(self), |cause| std::error::Error::source(*cause));
        causes.filter_map(loggable).collect()
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

fn loggable(cause: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = cause.downcast_ref::<Error>() {
        return Some(error.to_string());
    }
    let error = cause.downcast_ref::<std::io::Error>()?;
    match error.raw_os_error() {
        Some(_) => Some(error.to_string()),
        None => Some(error.kind().to_string()),
    }
}

/// The form of an error in documents, which are for the user's own terminal: `message` has what was
/// quoted. Causes are left out: they may be long and are for us.
impl Serialize for Error {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Inner { code, place, help, next, .. } = &*self.0;
        let mut document = s.serialize_struct("Error", 5)?;
        document.serialize_field("code", code)?;
        document.serialize_field("message", &self.full_message())?;
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

/// The same form, read again: what was quoted stays in the message.
impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        struct Document {
            code: Code,
            message: String,
            place: Option<String>,
            help: Option<String>,
            #[serde(default)]
            next: Vec<NextStep>,
        }
        let Document { code, message, place, help, next } = Document::deserialize(d)?;
        let mut error = Self::new(code, message);
        (error.0.place, error.0.help, error.0.next) = (place, help, next);
        Ok(error)
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
            .field("quoted", &self.0.quoted)
            .field("place", &self.0.place)
            .field("causes", &self.loggable_causes())
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.cause.as_deref().map(|e| e as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_is_in_documents_and_in_nothing_that_may_be_logged() {
        let inner = std::io::Error::other("canary in a cause");
        let error = Error::new(Code::DatabaseError, "the database reported an error")
            .quoting("canary\u{1b}[2J")
            .caused_by(inner);
        let logged = format!("{error} {error:?} {:?}", error.loggable_causes());
        assert!(!logged.contains("canary"), "{logged}");
        assert_eq!(error.full_message().reveal(), "the database reported an error: canary\u{fffd}[2J");
        let document = serde_json::to_value(&error).unwrap();
        assert_eq!(document["message"], "the database reported an error: canary\u{fffd}[2J");
        let read: Error = serde_json::from_value(document.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), document);
        let denied = std::io::Error::from_raw_os_error(13);
        let error =
            Error::new(Code::SpoolIo, "no").caused_by(Error::new(Code::StateIo, "why").caused_by(denied));
        assert_eq!(error.loggable_causes(), ["T004: why", "Permission denied (os error 13)"]);
    }
}
