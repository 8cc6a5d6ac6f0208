//! Answers that go on: lines of JSON (NDJSON) and server-sent events.
//!
//! What always holds: no line is left out, and an end that is none is no end; a stream of a list
//! holds a few lines, not all; one whose client takes nothing is cut with its connection
//! (`stalls`); what makes the lines is dropped with the stream.

use std::io;
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

/// Pieces that wait for the client: whoever makes them waits, too.
const PIECES: usize = 16;

/// The end that makes pieces, and waits until there is room for the next one.
#[derive(Clone)]
pub(crate) struct Pieces(mpsc::Sender<Bytes>);

impl Pieces {
    /// A piece that waits until there is room. False: the client is gone.
    pub(crate) async fn send(&self, piece: impl Into<Bytes>) -> bool {
        self.0.send(piece.into()).await.is_ok()
    }

    /// A line of JSON that waits until there is room. False: the client is gone.
    pub(crate) async fn line(&self, document: &impl Serialize) -> bool {
        match line(document) {
            Some(line) => self.send(line).await,
            None => true,
        }
    }
}

/// The end that reports steps from code that cannot wait. All of them are kept until the client
/// takes them: a test has as many as it has databases or destinations, times ten.
#[derive(Clone)]
pub(crate) struct Steps {
    sender: mpsc::UnboundedSender<Bytes>,
    has_sent: Arc<AtomicBool>,
}

impl Steps {
    /// A line of JSON.
    pub(crate) fn line(&self, document: &impl Serialize) {
        if let Some(line) = line(document) {
            self.has_sent.store(true, Ordering::Relaxed);
            // A client that is gone takes no more lines.
            let _ = self.sender.send(line);
        }
    }
}

fn line(document: &impl Serialize) -> Option<Bytes> {
    let mut line = serde_json::to_vec(document).ok()?;
    line.push(b'\n');
    Some(line.into())
}

/// What the body takes pieces from.
enum Queue {
    Pieces(mpsc::Receiver<Bytes>),
    Steps(mpsc::UnboundedReceiver<Bytes>),
}

impl Queue {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match self {
            Self::Pieces(pieces) => pieces.poll_recv(context),
            Self::Steps(steps) => steps.poll_recv(context),
        }
    }
}

/// A body of pieces that a task makes.
struct Stream {
    first: Option<Bytes>,
    queue: Queue,
    task: JoinHandle<Result<(), Refusal>>,
    /// What came of the task is known.
    has_ended: bool,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Some(piece) = std::task::ready!(self.queue.poll(context)) {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        if self.has_ended {
            return Poll::Ready(None);
        }
        let ended = std::task::ready!(Pin::new(&mut self.task).poll(context));
        self.has_ended = true;
        Poll::Ready(match ended {
            Ok(Ok(())) => None,
            Ok(Err(_)) | Err(_) => Some(Err(io::Error::other("the answer broke off"))),
        })
    }
}

/// Steps as lines of JSON. What goes wrong before the first one is a problem; what goes wrong later
/// is the last line: `{"problem": …}`.
///
/// # Errors
/// What goes wrong before the first line.
pub(crate) async fn steps<F>(make: impl FnOnce(Steps) -> F) -> Result<Response, Refusal>
where
    F: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    let (sender, steps) = mpsc::unbounded_channel();
    let sender = Steps { sender, has_sent: Arc::default() };
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
    begun(Queue::Steps(steps), task).await
}

/// Documents as lines of JSON, as fast as the client takes them. What goes wrong later than the
/// first one cuts the connection, so that no one takes a part for the whole.
///
/// # Errors
/// What goes wrong before the first line.
pub(crate) async fn documents<F>(make: impl FnOnce(Pieces) -> F) -> Result<Response, Refusal>
where
    F: Future<Output = Result<(), Refusal>> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(PIECES);
    let making = make(Pieces(sender));
    begun(Queue::Pieces(pieces), tokio::spawn(making)).await
}

/// The answer, once its first line is there.
async fn begun(queue: Queue, task: JoinHandle<Result<(), Refusal>>) -> Result<Response, Refusal> {
    let mut stream = Stream { first: None, queue, task, has_ended: false };
    stream.first = std::future::poll_fn(|context| stream.queue.poll(context)).await;
    if stream.first.is_none() {
        let failed = |_| Refusal::new(Code::TaskFailed, "the request ended unexpectedly");
        stream.has_ended = true;
        (&mut stream.task).await.map_err(failed)??;
    }
    Ok(answer(stream, HeaderValue::from_static("application/x-ndjson")))
}

/// Server-sent events.
pub(crate) fn events<F>(make: impl FnOnce(Pieces) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, pieces) = mpsc::channel(PIECES);
    let making = make(Pieces(sender));
    let task = tokio::spawn(async move {
        making.await;
        Ok(())
    });
    let stream = Stream { first: None, queue: Queue::Pieces(pieces), task, has_ended: false };
    answer(stream, HeaderValue::from_static("text/event-stream"))
}

fn answer(stream: Stream, kind: HeaderValue) -> Response {
    let mut response = Body::new(stream).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies pass a stream on as it comes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
