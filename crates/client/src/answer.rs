//! What an answer means: a document, a problem, or something that no Outflow says.

use std::time::Duration;

use outflow_app::Errors;
use outflow_core::{Code, Error};
use outflow_egress::{SendError, SendErrorKind, Stream};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Server;
use crate::problem;
use crate::server::not_an_outflow;

/// A document is no longer than this.
const LONGEST: usize = 256 << 20;
/// Of what no Outflow says, this much is looked at.
const LOOKED_AT: usize = 64 << 10;

/// The whole body.
///
/// # Errors
/// C040: it broke off. C041: it is too long for a document.
pub(crate) async fn whole(server: &Server, stream: &mut Stream, idle: Duration) -> Result<Vec<u8>, Errors> {
    let mut body = Vec::new();
    while let Some(piece) = stream.piece(idle).await.map_err(|failure| unreachable(server, &failure))? {
        if body.len().saturating_add(piece.len()) > LONGEST {
            return Err(not_an_outflow(server.url(), "it is longer than any document").into());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The document in this body.
///
/// It is read as a value first: numbers of any precision cannot be read in documents that stand
/// within others otherwise.
///
/// # Errors
/// C041: it is none. C042: it has another form.
pub(crate) fn document<T: DeserializeOwned>(server: &Server, body: &[u8]) -> Result<T, Errors> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|e| not_an_outflow(server.url(), "it is no JSON").caused_by(e))?;
    of_value(server, value)
}

/// The document that this value is.
///
/// # Errors
/// C042: it has another form.
pub(crate) fn of_value<T: DeserializeOwned>(server: &Server, value: Value) -> Result<T, Errors> {
    serde_json::from_value(value).map_err(|e| {
        let message = "the server's document has another form than this program knows";
        let error = Error::new(Code::OtherServerVersion, message).quoting(e.to_string());
        error.at(server.url()).help("use the outflow of the server's version").into()
    })
}

/// The errors that a server answers in place of a document.
pub(crate) async fn refused(server: &Server, stream: &mut Stream, idle: Duration) -> Errors {
    let status = stream.status;
    let mut body = Vec::new();
    while let Ok(Some(piece)) = stream.piece(idle).await {
        body.extend_from_slice(&piece);
        if body.len() > LOOKED_AT && serde_json::from_slice::<Value>(&body).is_ok() {
            break;
        }
        if body.len() > LONGEST {
            break;
        }
    }
    let kind = stream.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match serde_json::from_slice(&body) {
        Ok(value) if kind.starts_with("application/problem+json") => problem::errors(server.url(), value),
        _ => not_an_outflow(server.url(), &format!("it answers with the status {status}")).into(),
    }
}

/// No answer came.
pub(crate) fn unreachable(server: &Server, failure: &SendError) -> Error {
    let error = Error::new(Code::ServerUnreachable, failure.kind.to_string())
        .quoting(failure.detail().to_owned())
        .at(server.url());
    match failure.kind {
        SendErrorKind::Tls => error.help("give the file of your own authority's certificates with --ca"),
        SendErrorKind::WantsTls => error.help("write https:// in the address"),
        _ if failure.ambiguous => {
            error.help("what was asked for may have begun: look before you repeat what changes something")
        }
        _ => error.help("is `outflow serve --listen` running there, and is the port right?"),
    }
}

/// Lines of JSON, as they come.
pub(crate) struct Lines {
    server: Server,
    stream: Stream,
    pending: Vec<u8>,
    is_over: bool,
}

/// Between two lines of a test a destination may take long to answer.
const BETWEEN_LINES: Duration = Duration::from_secs(330);

impl Lines {
    /// The lines of this answer.
    pub(crate) fn of(server: &Server, stream: Stream) -> Self {
        Self { server: server.clone(), stream, pending: Vec::new(), is_over: false }
    }

    /// The next line; `None`: there are no more.
    ///
    /// # Errors
    /// C040: it broke off. C041, C042: a line is something else.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Errors> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                return document(&self.server, &line).map(Some);
            }
            if self.is_over {
                return Ok(None);
            }
            match self.stream.piece(BETWEEN_LINES).await {
                Ok(Some(piece)) => self.pending.extend_from_slice(&piece),
                Ok(None) => self.is_over = true,
                Err(failure) => return Err(unreachable(&self.server, &failure).into()),
            }
        }
    }
}
