//! Server-sent events of a run, as they come.
//!
//! What always holds: a stream that breaks is opened again, behind the last event that came; a
//! server that is gone for good is an error. What it does not do: say what an event means.

use std::time::Duration;

use outflow_app::Errors;
use outflow_core::RunId;
use outflow_egress::Stream;
use serde_json::Value;
use tokio::time::sleep;

use crate::{Server, answer};

/// A server sends a comment every 15 s. One that sends nothing for this long is gone.
const IDLE: Duration = Duration::from_secs(45);
/// Between two attempts to reach the server again; the n-th wait is n times as long.
const AGAIN: Duration = Duration::from_millis(500);
/// After this many attempts in a row the server is gone for good.
const ATTEMPTS: u32 = 8;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerEvent {
    /// What it is about: `run`, `run_read`, `gap`, ….
    pub event: String,
    /// The event itself.
    pub data: Value,
}

/// The events of a run.
pub struct RunEvents {
    server: Server,
    run: RunId,
    stream: Option<Stream>,
    parser: Parser,
    /// Attempts since the last event.
    attempts: u32,
}

impl Server {
    /// The events of a run, from how it is now to its end.
    pub fn events(&self, run: RunId) -> RunEvents {
        let parser = Parser::default();
        RunEvents { server: self.clone(), run, stream: None, parser, attempts: 0 }
    }
}

impl RunEvents {
    /// The next event; `None`: the server has ended the stream, as the run has ended, or an hour is
    /// over. Waiting can be given up at any time.
    ///
    /// # Errors
    /// C040: the server cannot be reached again. C011: there is no such run.
    pub async fn next(&mut self) -> Result<Option<ServerEvent>, Errors> {
        loop {
            if let Some(event) = self.parser.take() {
                self.attempts = 0;
                return Ok(Some(event));
            }
            let piece = match &mut self.stream {
                None => {
                    let opened = self.open().await;
                    self.stream = self.or_wait(opened).await?;
                    continue;
                }
                Some(stream) => stream.piece(IDLE).await,
            };
            match piece {
                Ok(Some(piece)) => self.parser.read(&piece),
                Ok(None) => {
                    self.stream = None;
                    return Ok(None);
                }
                Err(failure) => {
                    self.stream = None;
                    let broken: Result<Stream, Errors> =
                        Err(answer::unreachable(&self.server, &failure).into());
                    self.or_wait(broken).await?;
                }
            }
        }
    }

    async fn open(&self) -> Result<Stream, Errors> {
        let ask = self.server.get(format!("runs/{}/events", self.run));
        let ask = ask.header("accept", Some("text/event-stream"));
        ask.header("last-event-id", self.parser.last.as_deref()).open().await
    }

    /// Waits before the next attempt, unless there were enough of them.
    async fn or_wait(&mut self, opened: Result<Stream, Errors>) -> Result<Option<Stream>, Errors> {
        match opened {
            Ok(stream) => Ok(Some(stream)),
            Err(errors) => {
                self.attempts = self.attempts.saturating_add(1);
                if !may_pass(&errors) || self.attempts >= ATTEMPTS {
                    return Err(errors);
                }
                sleep(AGAIN.saturating_mul(self.attempts)).await;
                Ok(None)
            }
        }
    }
}

/// Whether a server that is started again may answer otherwise.
pub(crate) fn may_pass(errors: &Errors) -> bool {
    use outflow_core::Code::{Interrupted, ServerBusy, ServerUnreachable};
    errors.0.iter().all(|e| matches!(e.code(), ServerUnreachable | Interrupted | ServerBusy))
}

/// Bytes of a stream, taken apart.
#[derive(Default)]
struct Parser {
    pending: Vec<u8>,
    /// The `id` of the last event that had one.
    last: Option<String>,
}

impl Parser {
    fn read(&mut self, piece: &[u8]) {
        self.pending.extend_from_slice(piece);
    }

    /// The next whole event. Comments are none.
    fn take(&mut self) -> Option<ServerEvent> {
        loop {
            let end = self.pending.windows(2).position(|two| two == b"\n\n")?;
            let block: Vec<u8> = self.pending.drain(..end.saturating_add(2)).collect();
            let text = String::from_utf8_lossy(&block);
            let (mut event, mut data) = (None, String::new());
            for line in text.lines() {
                match line.split_once(": ").or_else(|| line.split_once(':')) {
                    Some(("event", name)) => event = Some(name.to_owned()),
                    Some(("data", part)) => data += part,
                    Some(("id", id)) => self.last = Some(id.to_owned()),
                    _ => {}
                }
            }
            if let (Some(event), Ok(data)) = (event, serde_json::from_str(&data)) {
                return Some(ServerEvent { event, data });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_whole_wherever_the_stream_was_cut() {
        let text =
            "retry: 2000\n\nid: 9-1\nevent: run_read\ndata: {\"rows\":1}\n\n: \n\nevent: run\ndata: 2\n\n";
        for cut in 0..text.len() {
            let (mut parser, mut found) = (Parser::default(), Vec::new());
            for piece in [&text[..cut], &text[cut..]] {
                parser.read(piece.as_bytes());
                while let Some(event) = parser.take() {
                    found.push((event.event, event.data));
                }
            }
            let expected = [("run_read".to_owned(), json!({ "rows": 1 })), ("run".to_owned(), json!(2))];
            assert_eq!((&found[..], parser.last.as_deref()), (&expected[..], Some("9-1")));
        }
    }
}
