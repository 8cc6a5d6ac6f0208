//! The way to a server: its address, TCP, and TLS as far as the settings ask for it.
//!
//! What always holds: the server's answer to the TLS request is read as one byte and no more, so
//! that nothing sent in plain text can slip into the encrypted stream. What it does not do: fall
//! back from a failed handshake to plain text.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use outflow_core::{Code, Error, Result};
use outflow_egress::deadline::after;
use outflow_egress::{AddressPolicy, TlsProblem, Verify, client_config};
use postgres_protocol::message::frontend;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use tokio_rustls::TlsConnector;

use super::no_answer;
use super::transport::Transport;
use super::tunnel::SshTunnel;
use super::wire::{Socket, Wire, another_server, broken_protocol};
use crate::settings::{ServerSettings, Tunnel};
use crate::tls::TlsMode;

/// How to encrypt, made once from the settings.
#[derive(Clone)]
pub(crate) struct Connector {
    host: String,
    port: u16,
    /// Behind one, the host is for the SSH server to find.
    tunnel: Option<Tunnel>,
    /// `None`: plain text.
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Plain text will do if the server has no TLS.
    optional: bool,
    timeout: Duration,
    /// Which addresses may be connected to.
    pub policy: AddressPolicy,
}

impl Connector {
    pub fn new(settings: &ServerSettings) -> Result<Connector> {
        let tls = &settings.tls;
        let verify = match tls.mode {
            TlsMode::Disable => None,
            TlsMode::Require if tls.ca.is_some() => Some(Verify::CaOnly),
            TlsMode::Prefer | TlsMode::Require => Some(Verify::Nothing),
            TlsMode::VerifyCa => Some(Verify::CaOnly),
            TlsMode::VerifyFull => Some(Verify::Full),
        };
        let encryption = match verify {
            None => None,
            Some(verify) => {
                let name = tls.server_name.as_ref().unwrap_or(&settings.host);
                let name = ServerName::try_from(name.clone()).map_err(|e| {
                    Error::new(
                        Code::InvalidValue,
                        format!("\"{name}\" is not a name that a certificate can be for"),
                    )
                    .help("set server_name to the name in the server's certificate")
                    .caused_by(e)
                })?;
                // Without verification a CA file has no say, and need not exist.
                let ca = if verify == Verify::Nothing { None } else { tls.ca.as_deref() };
                Some((client_config(verify, ca)?, name))
            }
        };
        Ok(Connector {
            host: settings.host.clone(),
            port: settings.port,
            tunnel: settings.tunnel.clone(),
            tls: encryption,
            optional: tls.mode == TlsMode::Prefer,
            timeout: settings.connect_timeout,
            policy: AddressPolicy::default(),
        })
    }

    /// Opens a connection to the first of the host's addresses that takes one, and says which;
    /// through a tunnel, none is seen. Whether it is encrypted shows in the socket.
    pub async fn open(&self) -> Result<(Socket, Option<SocketAddr>)> {
        if let Some(tunnel) = &self.tunnel {
            let at = self.address_of(tunnel).await?;
            let passage = SshTunnel::open(tunnel, at, &self.host, self.port, self.timeout)?;
            return Ok((self.enter(Transport::Tunnel(passage)).await?, None));
        }
        let addresses = self.look_up().await?;
        let (stream, address) = self.reach(&addresses).await?;
        Ok((self.enter_tcp(stream).await?, Some(address)))
    }

    /// The first of these addresses that takes a TCP connection.
    pub async fn reach(&self, addresses: &[SocketAddr]) -> Result<(TcpStream, SocketAddr)> {
        let begun = Instant::now();
        let deadline = after(self.timeout);
        let mut last = None;
        for (tried, address) in addresses.iter().enumerate() {
            // An address that swallows packets must not eat the time of those behind it.
            let share = deadline.saturating_duration_since(Instant::now());
            let share = share.checked_div((addresses.len() - tried) as u32).unwrap_or_default();
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok((stream, *address)),
                Ok(Err(cause)) => last = Some(cause),
                Err(elapsed) => last = Some(io::Error::new(io::ErrorKind::TimedOut, elapsed)),
            }
        }
        Err(not_reached(last, begun.elapsed()))
    }

    /// Opens a second connection to where this host has been met already.
    pub async fn open_again(&self, address: Option<SocketAddr>) -> Result<Socket> {
        match address {
            Some(address) => {
                let begun = Instant::now();
                let connected = TcpStream::connect(address).await;
                let stream = connected.map_err(|e| not_reached(Some(e), begun.elapsed()))?;
                self.enter_tcp(stream).await
            }
            None => Ok(self.open().await?.0),
        }
    }

    /// An address that no database server has, or at which a cloud answers its machines, or one
    /// that the project does not let through.
    fn not_allowed(&self, host: &str, address: IpAddr) -> Error {
        let refused =
            |message: String, help: &str| Error::new(Code::SourceAddressNotAllowed, message).help(help);
        match AddressPolicy::AllowAll.allows(address) {
            false => refused(
                format!("\"{host}\" is {address}, which is no address of a database server"),
                "check `host`, and what its name resolves to on this machine; for this machine itself, write 127.0.0.1",
            ),
            true => refused(
                format!("\"{host}\" is {address}, and the project lets out to public addresses alone"),
                "if it may be reached, add its network to `network.allow` in outflow.yaml",
            ),
        }
    }

    /// Where the SSH server is, if the project restricts addresses: it is connected to at this
    /// address and no other. `None`: `ssh` looks for it.
    async fn address_of(&self, tunnel: &Tunnel) -> Result<Option<IpAddr>> {
        // Behind the SSH server is its own network; what clouds answer their machines is not.
        if !AddressPolicy::AllowAll.allows_host(&self.host.to_ascii_lowercase()) {
            let message = format!("\"{}\" is no host of a database server", self.host);
            return Err(Error::new(Code::SourceAddressNotAllowed, message).help("check `host`"));
        }
        if self.policy == AddressPolicy::AllowAll {
            return Ok(None);
        }
        let found = tokio::net::lookup_host((tunnel.host.as_str(), tunnel.port)).await;
        let found: Vec<IpAddr> = found.map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default();
        let Some(first) = found.first().copied() else {
            let message = format!("the tunnel's host \"{}\" does not resolve", tunnel.host);
            return Err(Error::new(Code::HostNotResolved, message).help(
                "where `network.addresses` restricts addresses, write its name or its address and no alias of ssh",
            ));
        };
        let allowed = found.into_iter().find(|address| self.policy.allows(*address));
        allowed.map(Some).ok_or_else(|| self.not_allowed(&tunnel.host, first))
    }

    /// The host's addresses that may be connected to: at least one. Behind a tunnel the SSH server
    /// resolves the name, and none is checked.
    pub async fn look_up(&self) -> Result<Vec<SocketAddr>> {
        let unknown = || {
            Error::new(Code::HostNotResolved, format!("the host name \"{}\" does not resolve", self.host))
                .help(
                    "check its spelling; a private endpoint resolves only inside its network or over the VPN",
                )
        };
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await;
        let addresses: Vec<_> = found.map_err(|e| unknown().caused_by(e))?.collect();
        let Some(first) = addresses.first().copied() else { return Err(unknown()) };
        let allowed: Vec<_> = addresses.into_iter().filter(|a| self.policy.allows(a.ip())).collect();
        if allowed.is_empty() { Err(self.not_allowed(&self.host, first.ip())) } else { Ok(allowed) }
    }

    /// Encrypts a TCP connection that is open, as far as the settings ask for it.
    pub async fn enter_tcp(&self, stream: TcpStream) -> Result<Socket> {
        // Long queries are silent, and NAT devices forget silent connections. The times are AWS's
        // advice for Redshift.
        let keepalive = TcpKeepalive::new()
            .with_time(Duration::from_secs(200))
            .with_interval(Duration::from_secs(200))
            .with_retries(5);
        let tuned =
            stream.set_nodelay(true).and_then(|()| SockRef::from(&stream).set_tcp_keepalive(&keepalive));
        tuned.map_err(|e| closed(Some(e)))?;
        self.enter(Transport::Tcp(stream)).await
    }

    async fn enter(&self, mut stream: Transport) -> Result<Socket> {
        let Some((config, name)) = &self.tls else { return Ok(Socket::Plain(stream)) };
        match ask_for_tls(&mut stream).await? {
            b'S' => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await.map_err(handshake_failed)?;
                Ok(Socket::Tls(Box::new(stream)))
            }
            b'N' if self.optional => Ok(Socket::Plain(stream)),
            b'N' => Err(Error::new(Code::TlsNotOffered, "the server does not offer TLS").help(
                "turn TLS on at the server; `ssl: disable` connects in plain text, if that is acceptable",
            )),
            // A server that is too busy or too old answers with an error instead.
            b'E' => {
                let mut wire = Wire::new(Socket::Plain(stream));
                wire.keep(b"E");
                wire.receive().await?;
                Err(broken_protocol("no answer to the request for TLS"))
            }
            first => Err(another_server(first)
                .unwrap_or_else(|| broken_protocol(format!("the byte {first:#04x} to the request for TLS")))),
        }
    }
}

async fn ask_for_tls(stream: &mut Transport) -> Result<u8> {
    let mut request = BytesMut::with_capacity(8);
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(|e| closed(Some(e)))?;
    stream.read_u8().await.map_err(|e| closed(Some(e)))
}

fn not_reached(cause: Option<io::Error>, waited: Duration) -> Error {
    let cause = cause.unwrap_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable));
    let error = match cause.kind() {
        io::ErrorKind::TimedOut => no_answer(waited),
        io::ErrorKind::ConnectionRefused => Error::new(Code::ConnectionRefused, "the connection was refused")
            .help("nothing listens on that port, or a firewall refuses: check host and port, and that the server runs (a paused cluster refuses)"),
        _ => Error::new(Code::ConnectionRefused, "the server cannot be reached from this machine")
            .help("check the network and the route to the host: a VPN or a tunnel may be down"),
    };
    error.caused_by(cause)
}

/// The server went away before the session was ready.
pub(crate) fn closed(cause: Option<io::Error>) -> Error {
    let error =
        Error::new(Code::SourceUnavailable, "the server closed the connection before the session was ready")
            .help("it may be starting, resuming or out of connections: try again in a minute");
    match cause.map(io::Error::downcast::<Error>) {
        // A tunnel knows better what went wrong.
        Some(Ok(reported)) => reported,
        Some(Err(cause)) => error.caused_by(cause),
        None => error,
    }
}

fn handshake_failed(cause: io::Error) -> Error {
    let problem = TlsProblem::of(&cause);
    let error = Error::new(Code::TlsHandshakeFailed, format!("the TLS handshake failed: {}", problem.why()))
        .quoting(problem.names())
        .caused_by(cause);
    match cure(&problem) {
        "" => error,
        cure => error.help(cure),
    }
}

const fn cure(problem: &TlsProblem) -> &'static str {
    match problem {
        TlsProblem::UnknownAuthority => {
            "name the authority's certificate in `ssl: { ca: FILE }`, or add it to this machine's store"
        }
        TlsProblem::SelfSigned => {
            "have a certificate issued by an authority, and name that one in `ssl: { ca: FILE }`; or make it without \
             CA:TRUE, and name it there itself; `ssl: require` checks nothing"
        }
        TlsProblem::OtherName(_) => {
            "through a tunnel or an alias, say the certificate's name in `ssl: { server_name: NAME }`, or use verify-ca"
        }
        TlsProblem::Expired(_) => "renew it at the server, and check this machine's clock",
        TlsProblem::NotYetValid => "check this machine's clock",
        TlsProblem::OldVersion => {
            "have it issued as version 3, with the host name in subjectAltName (`openssl x509 -req` does so with -extfile)"
        }
        TlsProblem::Unusable => "replace it at the server",
        TlsProblem::NotTls => "check that host and port are those of a Redshift or PostgreSQL server",
        TlsProblem::NothingInCommon => "have TLS 1.2 or newer turned on at the server",
        TlsProblem::WantsCertificate => {
            "client certificates are not supported: let the server take a password"
        }
        TlsProblem::NameRefused => "say the name that the server knows in `ssl: { server_name: NAME }`",
        TlsProblem::BrokenOff => "look into the server's log",
    }
}
