//! Answers that go on: lines of JSON (NDJSON) and server-sent events.
//!
//! What always holds: a stream holds a few lines, not all; one whose client takes nothing is cut
//! with its connection (`stalls`); what makes the lines is dropped with the stream.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderValue, header};
use http_body::Frame;
use outflow_core::Code;
use serde::Serialize;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::problem::Refusal;

/// Events that wait for the client.
const EVENTS: usize = 16;
/// Lines that wait for the client. They come from code that cannot wait, and a test has few steps.
const LINES: usize = 1_024;

/// The end that makes the pieces.
#[derive(Clone)]
pub(crate) struct Pieces {
    sender: mpsc::Sender<Bytes>,
    has_sent: Arc<AtomicBool>,
}

impl Pieces {
    /// A piece that waits until there is room. False: the client is gone.
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) -> bool {
        self.sender.send(piece.into()).await.is_ok()
    }

    /// A line of JSON.
    pub(crate) fn line(&self, document: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(document) {
            line.push(b'\n');
            self.has_sent.store(true, Ordering::Relaxed);
            let _ = self.sender.try_send(line.into());
        }
    }
}

/// A body of pieces that a task makes.
struct Stream {
    first: Option<Bytes>,
    pieces: mpsc::Receiver<Bytes>,
    task: JoinHandle<Result<(), Refusal>>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        self.pieces.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

/// Lines of JSON. What goes wrong before the first one is a problem; what goes wrong later is the
/// last line: `{"problem": …}`.
///
/// # Errors
/// What goes wrong before the first line.
pub(crate) async fn lines<F>(make: impl FnOnce(Pieces) -> F) -> Result<Response, Refusal>
where
    F: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(LINES);
    let sender = Pieces { sender, has_sent: Arc::default() };
    let making = make(sender.clone());
    let task = tokio::spawn(async move {
        match making.await {
            Err(refusal) if sender.has_sent.load(Ordering::Relaxed) => {
                // Whoever tests a connection sees what the other side says.
                sender.line(&json!({ "problem": refusal.problem(None, true) }));
                Ok(())
            }
            ended => ended,
        }
    });
    let mut stream = Stream { first: None, pieces, task };
    stream.first = stream.pieces.recv().await;
    if stream.first.is_none() {
        let failed = |_| Refusal::new(Code::TaskFailed, "the request ended unexpectedly");
        (&mut stream.task).await.map_err(failed)??;
    }
    Ok(answer(stream, HeaderValue::from_static("application/x-ndjson")))
}

/// Server-sent events.
pub(crate) fn events<F>(make: impl FnOnce(Pieces) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(EVENTS);
    let making = make(Pieces { sender, has_sent: Arc::default() });
    let task = tokio::spawn(async move {
        making.await;
        Ok(())
    });
    answer(Stream { first: None, pieces, task }, HeaderValue::from_static("text/event-stream"))
}

fn answer(stream: Stream, kind: HeaderValue) -> Response {
    let mut response = Body::new(stream).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies pass a stream on as it comes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
