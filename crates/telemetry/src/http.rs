//! A small HTTP server, for metrics and for the demo's receiver.
//!
//! What always holds: a connection that is slow or breaks affects its own client alone. When all
//! places are taken, the oldest connection is cut in favour of a new one, so that clients that open
//! connections and say nothing keep no other client out.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The head of a request has to arrive within this time.
const HEAD: Duration = Duration::from_secs(5);

/// Answers requests for ever, on at most `connections` at a time, each no longer than `total`. One
/// more cuts the oldest. A panic in `answer` breaks its own connection alone.
pub async fn serve<F>(
    listener: &TcpListener,
    connections: usize,
    total: Duration,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
) where
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // The process may be out of file descriptors: wait until a connection ends.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answered = answer(request);
            async move { Ok::<_, Infallible>(answered.await) }
        });
        open.retain(|connection| !connection.is_finished());
        while open.len() >= connections.max(1) {
            open.pop_front().iter().for_each(AbortHandle::abort);
        }
        let connection = tokio::spawn(async move {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
            let conversation = builder.serve_connection(TokioIo::new(stream), service);
            drop(tokio::time::timeout(total, conversation).await);
        });
        open.push_back(connection.abort_handle());
    }
}

/// An answer with a body.
pub fn reply(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(content_type));
    response
}
