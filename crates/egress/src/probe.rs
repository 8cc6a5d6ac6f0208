//! The way to a target, step by step, for a test of it.
//!
//! What always holds: it goes the way of every request (the same look-up, the same filter of
//! addresses, the same TLS), and the connection is closed without a request. What it does not do:
//! take a kept connection, or judge what it finds.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::time::timeout_at;

use crate::SendErrorKind::ConnectTimeout;
use crate::connect::{Passage, Ways, dial, insecure, may_ask_for, of_proxy, pass, resolve, resolve_proxy};
use crate::deadline::after;
use crate::{Client, SendError, Target};

/// A step on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeStep {
    /// Looking the host up, or the proxy's.
    Name,
    /// The TCP connection, to the proxy if there is one.
    Tcp,
    /// The way through the proxy.
    Proxy,
    /// TLS; plain HTTP has no such step.
    Tls,
}

/// What a step has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFound {
    /// The addresses of the host that may be connected to.
    Name(Vec<IpAddr>),
    /// Whom the connection leads to, and from where.
    Tcp {
        /// The server.
        address: SocketAddr,
        /// This machine.
        ours: Option<IpAddr>,
    },
    /// The proxy has opened the way.
    Proxy {
        /// `host:port` of the proxy.
        proxy: String,
    },
    /// TLS with a certificate that is good for the host: the version.
    Tls(&'static str),
}

/// A step that has ended.
#[derive(Debug)]
pub struct Probe {
    /// Which.
    pub step: ProbeStep,
    /// What was found, or why it is the last step.
    pub found: Result<ProbeFound, SendError>,
    /// How long it took.
    pub took: Duration,
}

impl Client {
    /// Connects to a target and closes the connection. Reports each step as it ends; one that fails
    /// is the last. Returns whether a request could have been sent.
    pub async fn probe(
        &self,
        target: &Target,
        within: Duration,
        report: &mut (dyn FnMut(Probe) + Send),
    ) -> bool {
        let (origin, deadline) = (&target.origin, after(within));
        let late = |_| SendError::unsent(ConnectTimeout, &origin.host);
        let tls = || self.tls();
        let ways = Ways { policy: self.policy(), proxies: self.proxies(), tls: &tls };
        let proxy = ways.proxies.towards(origin);
        let mut steps = Steps { report, began: Instant::now() };

        let looked_up = match proxy {
            None => timeout_at(deadline, resolve(origin, ways.policy)).await.map_err(late).flatten(),
            Some(proxy) => match may_ask_for(origin, ways.policy) {
                Ok(()) => resolve_proxy(proxy, deadline).await,
                Err(refused) => Err(refused),
            },
        };
        let ips = |all: &Vec<SocketAddr>| ProbeFound::Name(all.iter().map(SocketAddr::ip).collect());
        let Some(addresses) = steps.end(ProbeStep::Name, looked_up, ips) else { return false };

        let dialled = dial(&addresses, deadline).await.and_then(|tcp| match tcp.peer_addr() {
            Ok(address) => Ok((tcp, address)),
            Err(error) => Err(SendError::unsent(crate::SendErrorKind::Connect, error)),
        });
        let dialled = dialled.map_err(|error| match proxy {
            Some(proxy) => of_proxy(error, proxy),
            None => error,
        });
        let found = |(tcp, address): &(tokio::net::TcpStream, SocketAddr)| ProbeFound::Tcp {
            address: *address,
            ours: tcp.local_addr().ok().map(|ours| ours.ip()),
        };
        let Some((tcp, _)) = steps.end(ProbeStep::Tcp, dialled, found) else { return false };

        let stream: Box<dyn Passage> = match proxy {
            None => Box::new(tcp),
            Some(proxy) => {
                let passed = pass(proxy, origin, tcp, &ways, deadline).await;
                let found = |_: &_| ProbeFound::Proxy { proxy: proxy.address() };
                let Some(stream) = steps.end(ProbeStep::Proxy, passed, found) else { return false };
                stream
            }
        };

        let Some(name) = &origin.tls else { return true };
        let secured = timeout_at(deadline, tls().connect(name.clone(), stream)).await.map_err(late);
        let secured = secured.and_then(|stream| stream.map_err(|error| insecure(&error)));
        let secured = secured.map(|stream| match stream.get_ref().1.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        });
        steps.end(ProbeStep::Tls, secured, |version| ProbeFound::Tls(version)).is_some()
    }
}

/// Reports steps, each with its time.
struct Steps<'a> {
    report: &'a mut (dyn FnMut(Probe) + Send),
    began: Instant,
}

impl Steps<'_> {
    fn end<T>(
        &mut self,
        step: ProbeStep,
        result: Result<T, SendError>,
        found: impl FnOnce(&T) -> ProbeFound,
    ) -> Option<T> {
        let took = self.began.elapsed();
        self.began = Instant::now();
        match result {
            Ok(value) => {
                (self.report)(Probe { step, found: Ok(found(&value)), took });
                Some(value)
            }
            Err(error) => {
                (self.report)(Probe { step, found: Err(error), took });
                None
            }
        }
    }
}
