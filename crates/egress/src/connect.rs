//! From an origin to a connection that takes requests: look up, filter, dial, secure. Through a
//! proxy: the same to the proxy, and then the way that it opens.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::AlertDescription;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::SendErrorKind::{Blocked, Connect, ConnectTimeout, Protocol, Refused, Resolve};
use crate::proxy::{self, Proxies, Proxy};
use crate::target::Origin;
use crate::{AddressPolicy, SendError, TlsProblem};

/// The longest head of an answer.
const HEAD_BYTES: usize = 64 * 1024;

/// An open connection. Dropping it closes the socket, even while a request is in flight.
pub(crate) struct Link {
    pub sender: http1::SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Where connections may lead, and which way.
pub(crate) struct Ways<'a> {
    pub policy: &'a AddressPolicy,
    pub proxies: &'a Proxies,
    /// How connections are secured.
    pub tls: &'a (dyn Fn() -> TlsConnector + Sync),
}

/// A stream of bytes that leads to an origin by way of a proxy.
pub(crate) trait Passage: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Passage for T {}

/// Opens a connection before `deadline`, secured if the origin is.
pub(crate) async fn connect(origin: &Origin, ways: &Ways<'_>, deadline: Instant) -> Result<Link, SendError> {
    match ways.proxies.towards(origin) {
        None => {
            let late = |_| SendError::unsent(ConnectTimeout, &origin.host);
            let addresses = timeout_at(deadline, resolve(origin, ways.policy)).await.map_err(late)??;
            secure(dial(&addresses, deadline).await?, origin, ways, deadline).await
        }
        Some(proxy) => {
            may_ask_for(origin, ways.policy)?;
            let addresses = resolve_proxy(proxy, deadline).await?;
            let tcp = dial(&addresses, deadline).await.map_err(|e| of_proxy(e, proxy))?;
            secure(pass(proxy, origin, tcp, ways, deadline).await?, origin, ways, deadline).await
        }
    }
}

async fn secure(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    origin: &Origin,
    ways: &Ways<'_>,
    deadline: Instant,
) -> Result<Link, SendError> {
    let Some(name) = &origin.tls else { return open(stream).await };
    let handshake = (ways.tls)().connect(name.clone(), stream);
    let secured = timeout_at(deadline, handshake).await;
    let secured = secured.map_err(|_| SendError::unsent(ConnectTimeout, &origin.host))?;
    open(secured.map_err(|e| insecure(&e))?).await
}

/// Refuses a host that no proxy is asked for.
pub(crate) fn may_ask_for(origin: &Origin, policy: &AddressPolicy) -> Result<(), SendError> {
    match policy.allows_host(&origin.host) {
        true => Ok(()),
        false => Err(SendError::unsent(Blocked, &origin.host)),
    }
}

/// The proxy's addresses. It is the operator's, who may have it in a private network.
pub(crate) async fn resolve_proxy(proxy: &Proxy, deadline: Instant) -> Result<Vec<SocketAddr>, SendError> {
    let found = timeout_at(deadline, resolve(&proxy.origin, &AddressPolicy::AllowAll)).await;
    let late = |_| SendError::unsent(ConnectTimeout, format_args!("the proxy {}", proxy.address()));
    found.map_err(late)?.map_err(|e| of_proxy(e, proxy))
}

/// Says that it is the proxy that was not reached.
pub(crate) fn of_proxy(error: SendError, proxy: &Proxy) -> SendError {
    let kind = error.kind;
    SendError::unsent(kind, format_args!("the proxy {}: {}", proxy.address(), error.detail()))
}

/// The way that a proxy opens to an origin, over a connection to the proxy.
pub(crate) async fn pass(
    proxy: &Proxy,
    origin: &Origin,
    tcp: TcpStream,
    ways: &Ways<'_>,
    deadline: Instant,
) -> Result<Box<dyn Passage>, SendError> {
    let late = |_| SendError::unsent(ConnectTimeout, format_args!("the proxy {}", proxy.address()));
    let opened = async {
        let mut stream: Box<dyn Passage> = match &proxy.origin.tls {
            None => Box::new(tcp),
            Some(name) => {
                let secured = (ways.tls)().connect(name.clone(), tcp).await;
                Box::new(secured.map_err(|e| insecure(&e))?)
            }
        };
        proxy::open(proxy, origin, &mut stream).await?;
        Ok(stream)
    };
    timeout_at(deadline, opened).await.map_err(late)?
}

/// Whether TLS is spoken there: a handshake that succeeds, or fails by what the server says in TLS.
pub(crate) async fn speaks_tls(
    origin: &Origin,
    policy: &AddressPolicy,
    tls: TlsConnector,
    deadline: Instant,
) -> bool {
    let Ok(name) = ServerName::try_from(origin.host.to_string()) else { return false };
    let asked = async {
        let tcp = dial(&resolve(origin, policy).await.ok()?, deadline).await.ok()?;
        Some(match tls.connect(name, tcp).await {
            Ok(_) => true,
            Err(error) => !matches!(TlsProblem::of(&error), TlsProblem::NotTls | TlsProblem::BrokenOff),
        })
    };
    matches!(timeout_at(deadline, asked).await, Ok(Some(true)))
}

/// The origin's addresses that may be connected to: at least one.
pub(crate) async fn resolve(origin: &Origin, policy: &AddressPolicy) -> Result<Vec<SocketAddr>, SendError> {
    let found: Vec<SocketAddr> = match origin.ip() {
        Some(ip) => vec![(ip, origin.port).into()],
        None => tokio::net::lookup_host((&*origin.host, origin.port))
            .await
            .map_err(|e| SendError::unsent(Resolve, format_args!("{}: {e}", origin.host)))?
            .collect(),
    };
    if found.is_empty() {
        return Err(SendError::unsent(Resolve, format_args!("{} has no address", origin.host)));
    }
    let allowed: Vec<_> = found.iter().copied().filter(|a| policy.allows(a.ip())).collect();
    if allowed.is_empty() {
        return Err(SendError::unsent(Blocked, format_args!("{} is {}", origin.host, found[0].ip())));
    }
    Ok(allowed)
}

/// Tries one address after the other. Each gets its share of the time that is left, so that an
/// unreachable one does not use all of it.
pub(crate) async fn dial(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, SendError> {
    let mut failure = None;
    for (i, address) in addresses.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left.checked_div((addresses.len() - i) as u32).unwrap_or_default();
        let kind = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => match tcp.set_nodelay(true) {
                Ok(()) => return Ok(tcp),
                Err(_) => Connect,
            },
            Ok(Err(e)) if e.kind() == io::ErrorKind::ConnectionRefused => Refused,
            Ok(Err(e)) if e.kind() == io::ErrorKind::TimedOut => ConnectTimeout,
            Ok(Err(_)) => Connect,
            Err(_) => ConnectTimeout,
        };
        failure = Some(SendError::unsent(kind, address));
    }
    Err(failure.unwrap_or_else(|| SendError::unsent(Connect, "no address")))
}

/// A handshake that was interrupted may succeed next time; one that failed a check will not.
pub(crate) fn insecure(error: &io::Error) -> SendError {
    let merits = match error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::AlertReceived(alert)) => !matches!(
            alert,
            AlertDescription::InternalError | AlertDescription::UserCanceled | AlertDescription::CloseNotify
        ),
        Some(_) => true,
        None => false,
    };
    match merits {
        true => SendError::insecure(TlsProblem::of(error)),
        false => SendError::unsent(Connect, error),
    }
}

/// Makes a connection of a stream.
async fn open(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Link, SendError> {
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| SendError::unsent(Protocol, e))?;
    // An error of the connection also ends its request, which reports it to the caller.
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok(Link { sender, driver })
}
