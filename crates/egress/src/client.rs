//! A request: take a connection, send, read the answer to its limit, put the connection back.

mod stream;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use outflow_core::Result;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

pub use self::stream::Stream;
use crate::SendErrorKind::{BodyTimeout, HeadTimeout, Protocol, Reset, TotalTimeout, WantsTls};
use crate::connect::{Link, Ways, connect, speaks_tls};
use crate::deadline::after;
use crate::error::has_no_close_notify;
use crate::proxy::Proxies;
use crate::response::{BodyEnd, KEPT_BYTES, Response};
use crate::target::Origin;
use crate::tls::usual_config;
use crate::{AddressPolicy, SendError, SendErrorKind, Target, Trust, Verify, client_config, coding};

/// Bytes of an answer's body that are read; after a longer body the connection is closed.
pub const READ_BYTES: usize = 1024 * 1024;

/// Load balancers close idle connections after a minute or so; this pool closes them well before,
/// so that few requests hit a closing one.
const IDLE: Duration = Duration::from_secs(20);
/// A connection whose answer came before its request was sent out gets this long to become usable
/// again.
const SETTLE: Duration = Duration::from_millis(50);
/// How long a server may take that is asked whether it speaks TLS.
const PROBE: Duration = Duration::from_secs(2);

/// How a client behaves.
#[derive(Clone, Default)]
pub struct ClientOptions {
    /// Which addresses it may connect to.
    pub policy: AddressPolicy,
    /// A PEM file with the certificates to trust in place of all others.
    pub ca: Option<PathBuf>,
    /// Which connections go through a proxy.
    pub proxies: Proxies,
}

/// How long a request may take. All waits end; none is longer than `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// For a new connection: look-up, TCP and TLS.
    pub connect: Duration,
    /// From the first byte of the request to the head of the answer.
    pub head: Duration,
    /// Between two pieces of the answer's body.
    pub idle: Duration,
    /// For everything.
    pub total: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), head: seconds(30), idle: seconds(10), total: seconds(60) }
    }
}

/// The HTTP client. Clones share their connections. It belongs to the async runtime that it is used
/// on.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    policy: AddressPolicy,
    proxies: Proxies,
    /// Made with the first connection that needs it, as reading whom this machine trusts takes
    /// milliseconds.
    tls: OnceLock<TlsConnector>,
    idle: Mutex<HashMap<Origin, Vec<(Link, Instant)>>>,
    /// Whether TLS is spoken by the servers that broke off a request in plain HTTP.
    asked: Mutex<HashMap<Origin, bool>>,
}

impl Client {
    /// A client without connections.
    ///
    /// # Errors
    /// C005 when the CA file is not usable.
    pub fn new(options: &ClientOptions) -> Result<Self> {
        let tls = match options.ca.as_deref() {
            Some(ca) => OnceLock::from(TlsConnector::from(client_config(Verify::Full, Trust::Only(ca))?)),
            None => OnceLock::new(),
        };
        Ok(Self::of(options.policy.clone(), options.proxies.clone(), tls))
    }

    /// A client without connections, which trusts what this machine trusts.
    pub fn usual(policy: AddressPolicy, proxies: Proxies) -> Self {
        Self::of(policy, proxies, OnceLock::new())
    }

    fn of(policy: AddressPolicy, proxies: Proxies, tls: OnceLock<TlsConnector>) -> Self {
        Self(Arc::new(Inner { policy, proxies, tls, idle: Mutex::default(), asked: Mutex::default() }))
    }

    /// A client with the same policy and connections of its own, which trusts the certificates of
    /// this PEM file beside the usual ones.
    ///
    /// # Errors
    /// C005 when the file is not usable.
    pub fn trusting(&self, ca: &Path) -> Result<Self> {
        let tls = OnceLock::from(TlsConnector::from(client_config(Verify::Full, Trust::Also(ca))?));
        Ok(Self::of(self.0.policy.clone(), self.0.proxies.clone(), tls))
    }

    /// A client with the same policy and trust, and connections of its own, which go these ways.
    #[must_use]
    pub fn through(&self, proxies: Proxies) -> Self {
        Self::of(self.0.policy.clone(), proxies, self.0.tls.clone())
    }

    /// Posts `body` once. An answer of any status is `Ok`; a redirect is an answer like any other.
    ///
    /// # Errors
    /// When no head of an answer came; [`SendError::ambiguous`] says whether the request may have
    /// been taken.
    pub async fn post(
        &self,
        target: &Target,
        body: Bytes,
        deadlines: &Deadlines,
    ) -> Result<Response, SendError> {
        self.request(Method::POST, target, body, deadlines).await
    }

    /// Puts `body` once, as [`Client::post`] posts it.
    ///
    /// # Errors
    /// As for [`Client::post`].
    pub async fn put(
        &self,
        target: &Target,
        body: Bytes,
        deadlines: &Deadlines,
    ) -> Result<Response, SendError> {
        self.request(Method::PUT, target, body, deadlines).await
    }

    /// Sends one GET request.
    ///
    /// # Errors
    /// As for [`Client::post`].
    pub async fn get(&self, target: &Target, deadlines: &Deadlines) -> Result<Response, SendError> {
        self.request(Method::GET, target, Bytes::new(), deadlines).await
    }

    /// Where it may connect to.
    pub(crate) fn policy(&self) -> &AddressPolicy {
        &self.0.policy
    }

    /// Which way it goes.
    pub(crate) fn proxies(&self) -> &Proxies {
        &self.0.proxies
    }

    /// How it secures a connection.
    pub(crate) fn tls(&self) -> TlsConnector {
        self.0.tls()
    }

    async fn request(
        &self,
        method: Method,
        target: &Target,
        body: Bytes,
        deadlines: &Deadlines,
    ) -> Result<Response, SendError> {
        let end = after(deadlines.total);
        let (mut link, answer) = self.answer(method, target, body, deadlines, end).await?;
        let (head, mut incoming) = answer.into_parts();
        let ends_by_close = [CONTENT_LENGTH, TRANSFER_ENCODING].iter().all(|h| !head.headers.contains_key(h));
        let (body, ending, whole) = read(&mut incoming, deadlines.idle, end, ends_by_close).await;
        if whole && matches!(timeout(SETTLE, link.sender.ready()).await, Ok(Ok(()))) {
            self.0.put(&target.origin, link);
        }
        let (body, end) = coding::undo(&head.headers, body, ending);
        Ok(Response { status: head.status.as_u16(), headers: head.headers, body, end })
    }

    /// Sends the request and waits for the head of its answer.
    async fn answer(
        &self,
        method: Method,
        target: &Target,
        body: Bytes,
        deadlines: &Deadlines,
        end: Instant,
    ) -> Result<(Link, http::Response<Incoming>), SendError> {
        match self.send(target, target.request(method, body), deadlines, end).await {
            Err(error) if self.wants_tls(target, error.kind, end).await => {
                Err(SendError::unsent(WantsTls, &target.origin.host))
            }
            sent => sent,
        }
    }

    /// Whether a server that broke off a request in plain HTTP speaks TLS. It is asked once.
    async fn wants_tls(&self, target: &Target, failure: SendErrorKind, end: Instant) -> bool {
        let origin = &target.origin;
        let is_direct = self.0.proxies.towards(origin).is_none();
        if !matches!(failure, Reset | Protocol) || origin.tls.is_some() || !is_direct {
            return false;
        }
        let known = || self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(speaks) = known().get(origin).copied() {
            return speaks;
        }
        let speaks = speaks_tls(origin, &self.0.policy, self.0.tls(), end.min(after(PROBE))).await;
        known().insert(origin.clone(), speaks);
        speaks
    }

    /// Sends the request and waits for the head. A kept connection that turns out to be closed
    /// hands the request back untouched: then the next is taken.
    async fn send(
        &self,
        target: &Target,
        mut request: Request<Full<Bytes>>,
        deadlines: &Deadlines,
        end: Instant,
    ) -> Result<(Link, http::Response<Incoming>), SendError> {
        loop {
            let kept = self.0.take(&target.origin);
            let reused = kept.is_some();
            let mut link = match kept {
                Some(link) => link,
                None => {
                    let deadline = end.min(after(deadlines.connect));
                    let tls = || self.tls();
                    let ways = Ways { policy: self.policy(), proxies: self.proxies(), tls: &tls };
                    connect(&target.origin, &ways, deadline).await?
                }
            };
            let deadline = end.min(after(deadlines.head));
            let Ok(sent) = timeout_at(deadline, link.sender.try_send_request(request)).await else {
                let kind = if deadline == end { TotalTimeout } else { HeadTimeout };
                return Err(SendError::maybe_sent(kind, &target.origin.host));
            };
            match sent {
                Ok(answer) => return Ok((link, answer)),
                Err(mut failure) => match failure.take_message() {
                    Some(untouched) if reused => request = untouched,
                    Some(_) => return Err(SendError::unsent(Reset, failure.into_error())),
                    None => return Err(SendError::broken(&failure.into_error())),
                },
            }
        }
    }
}

impl Inner {
    fn tls(&self) -> TlsConnector {
        self.tls.get_or_init(|| usual_config().into()).clone()
    }

    /// The connection to this origin that was used last. Those that have been idle for too long are
    /// closed.
    fn take(&self, origin: &Origin) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let links = idle.get_mut(origin)?;
        while let Some((link, since)) = links.pop() {
            if since.elapsed() > IDLE {
                links.clear();
            } else if link.sender.is_ready() {
                return Some(link);
            }
        }
        None
    }

    fn put(&self, origin: &Origin, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(origin.clone()).or_default().push((link, Instant::now()));
    }
}

/// Reads a body: what is kept of it, how it ended, and whether its end was reached, so that the
/// connection is free again. `ends_by_close`: the answer states no length. Then a TLS connection
/// that is closed without `close_notify`, as some servers do each time, ends it like any other
/// close: whether the text is a whole answer is for its reader to say.
async fn read(
    body: &mut Incoming,
    idle: Duration,
    end: Instant,
    ends_by_close: bool,
) -> (Vec<u8>, BodyEnd, bool) {
    let (mut kept, mut seen) = (Vec::new(), 0_usize);
    loop {
        let deadline = end.min(after(idle));
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => {
                let kind = if deadline == end { TotalTimeout } else { BodyTimeout };
                return (kept, BodyEnd::Failed(SendError::maybe_sent(kind, "")), false);
            }
            Ok(Some(Err(e))) if ends_by_close && has_no_close_notify(&e) => {
                let end = if seen > kept.len() { BodyEnd::Cut } else { BodyEnd::Complete };
                return (kept, end, false);
            }
            Ok(Some(Err(e))) => return (kept, BodyEnd::Failed(SendError::broken(&e)), false),
            Ok(None) if seen > kept.len() => return (kept, BodyEnd::Cut, true),
            Ok(None) => return (kept, BodyEnd::Complete, true),
            Ok(Some(Ok(frame))) => frame,
        };
        let Some(data) = frame.data_ref() else { continue };
        seen += data.len();
        kept.extend_from_slice(&data[..data.len().min(KEPT_BYTES - kept.len())]);
        if seen > READ_BYTES {
            return (kept, BodyEnd::Cut, false);
        }
    }
}
