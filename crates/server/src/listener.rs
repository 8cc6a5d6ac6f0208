//! Connections: who is let in, and who is cut.
//!
//! What always holds: at most [`CONNECTIONS`] are open. One more cuts the connection that has
//! waited longest without a request; if all have one, the new one is closed. A client that is slow
//! with a head, or does not take what it is sent, is cut.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::Request;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use outflow_app::{App, FrontEnd, Listening, ServerSettings};
use outflow_core::{BoxFuture, Code, Error};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::authenticator::{Authenticator, People};
use crate::context::Context;
use crate::envelope::Envelope;
use crate::peer::Peer;
use crate::stalls::Impatient;
use crate::tls::Tls;
use crate::{api, openapi};

/// Connections at a time.
const CONNECTIONS: usize = 2_048;
/// The head of a request is no longer than this, and arrives within this time, or the connection
/// ends. The time counts while a connection waits for its next request, too.
const HEAD: usize = 16 << 10;
const HEAD_WITHIN: Duration = Duration::from_secs(15);
const HEADERS: usize = 64;

/// The API as a front end of `App::serve`.
pub struct Server {
    authenticator: Arc<dyn Authenticator>,
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// The API of an installation.
    pub fn new() -> Self {
        Self::with_authenticator(Arc::new(People))
    }

    /// The API for people whom this recognises.
    pub fn with_authenticator(authenticator: Arc<dyn Authenticator>) -> Self {
        Self { authenticator }
    }
}

impl FrontEnd for Server {
    fn listen(&self, app: App, settings: ServerSettings) -> BoxFuture<'_, Result<Box<dyn Listening>, Error>> {
        Box::pin(async move {
            let address = settings.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
            let listener = TcpListener::bind(address).await.map_err(|e| cannot_listen(address, e))?;
            let address = listener.local_addr().map_err(|e| cannot_listen(address, e))?;
            let tls = match settings.tls {
                Some(files) => Some(Tls::load(files).await?),
                None => None,
            };
            let description = openapi::document();
            let context = Context::new(app, self.authenticator.clone(), &description, tls.is_some());
            let service = api::service(context, Envelope::new(tls.is_some(), settings.trusted_proxies));
            let listening = Open { listener: Arc::new(listener), address, service, tls };
            Ok(Box::new(listening) as Box<dyn Listening>)
        })
    }
}

fn cannot_listen(address: SocketAddr, cause: std::io::Error) -> Error {
    Error::new(Code::InvalidValue, format!("cannot listen on {address} for the API"))
        .help("give server.listen or --listen an address of this machine with a free port")
        .caused_by(cause)
}

/// The API with its address.
struct Open {
    listener: Arc<TcpListener>,
    address: SocketAddr,
    service: Router,
    tls: Option<Tls>,
}

impl Listening for Open {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn answer(&self) -> BoxFuture<'static, ()> {
        let (listener, service, tls) = (self.listener.clone(), self.service.clone(), self.tls.clone());
        Box::pin(async move { accept(&listener, service, tls).await })
    }
}

/// A connection that was let in.
struct Connection {
    task: AbortHandle,
    /// Its requests in flight: none or one.
    requests: Arc<AtomicUsize>,
}

async fn accept(listener: &TcpListener, service: Router, tls: Option<Tls>) {
    let mut open: VecDeque<Connection> = VecDeque::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // The process may be out of file descriptors: wait until a connection ends.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        open.retain(|connection| !connection.task.is_finished());
        if open.len() >= CONNECTIONS {
            let waits = |c: &Connection| c.requests.load(Ordering::Relaxed) == 0;
            let Some(longest) = open.iter().position(waits) else { continue };
            open.remove(longest).iter().for_each(|connection| connection.task.abort());
        }
        let requests = Arc::new(AtomicUsize::new(0));
        let (service, tls, counted) = (service.clone(), tls.clone(), requests.clone());
        let conversation = async move {
            let _ = stream.set_nodelay(true);
            match tls {
                None => converse(stream, peer, service, counted).await,
                // Otherwise the client speaks no TLS, or none that fits.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, peer, service, counted).await;
                    }
                }
            }
        };
        open.push_back(Connection { task: tokio::spawn(conversation).abort_handle(), requests });
    }
}

/// Answers the requests of a connection until it ends.
async fn converse<S>(stream: S, peer: SocketAddr, service: Router, requests: Arc<AtomicUsize>)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let service = TowerToHyperService::new(service);
    let answer = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let in_flight = InFlight::begin(&requests);
        let answered = service.call(request.map(Body::new));
        async move {
            let response = answered.await?;
            Ok::<_, Infallible>(response.map(|body| Counted { body, _in_flight: in_flight }))
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(HEAD).max_headers(HEADERS);
    // The client may have disconnected.
    let _ = builder.serve_connection(TokioIo::new(Impatient::new(stream)), answer).await;
}

/// A request of a connection, until its answer has been sent.
struct InFlight(Arc<AtomicUsize>);

impl InFlight {
    fn begin(requests: &Arc<AtomicUsize>) -> Self {
        requests.fetch_add(1, Ordering::Relaxed);
        Self(requests.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of an answer, which keeps its request in flight.
struct Counted {
    body: Body,
    _in_flight: InFlight,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
