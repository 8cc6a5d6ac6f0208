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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    /// A panic of the loop itself: it is planted where each connection gets its own answerer.
    #[tokio::test]
    async fn a_listener_whose_loop_panicked_answers_again_once_it_is_run_again() {
        struct Answerer(Arc<AtomicBool>);
        impl Clone for Answerer {
            fn clone(&self) -> Self {
                assert!(!self.0.swap(false, Ordering::SeqCst), "planted");
                Self(self.0.clone())
            }
        }
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
        let (address, is_due) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(true)));
        let run = || {
            let (listener, answerer) = (listener.clone(), Answerer(is_due.clone()));
            let answer = move |_: Request<Incoming>| {
                let _is_moved = &answerer;
                async { reply(StatusCode::OK, "text/plain", "ok") }
            };
            tokio::spawn(async move { serve(&listener, 4, HEAD, answer).await })
        };
        let get = || async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
            let mut text = String::new();
            asked.and(stream.read_to_string(&mut text).await).map(|_| text).unwrap_or_default()
        };
        let first = run();
        assert_eq!(get().await, "", "the connection is closed");
        assert!(first.await.unwrap_err().is_panic());
        let second = run();
        assert!(get().await.ends_with("ok"));
        second.abort();
    }
}
