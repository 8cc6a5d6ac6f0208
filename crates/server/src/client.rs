//! From where a request comes.
//!
//! What always holds: a header counts only as far as proxies that the operator trusts have written
//! it. Of `X-Forwarded-For`, the last address that no trusted proxy has is the client's.

use std::convert::Infallible;
use std::net::IpAddr;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method};
use outflow_app::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address, as the envelope found it.
#[derive(Clone, Debug)]
pub(crate) struct Address(pub(crate) Option<String>);

/// The client's address in a request that has passed the envelope.
pub(crate) fn of(head: &Parts) -> Option<String> {
    head.extensions.get::<Address>().and_then(|Address(address)| address.clone())
}

/// What a handler needs to know of a client that signs in.
pub(crate) struct Client {
    /// From where it asks.
    pub(crate) address: Option<String>,
    /// How it asks.
    pub(crate) method: Method,
    /// All that it says.
    pub(crate) headers: HeaderMap,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self { address: of(head), method: head.method.clone(), headers: head.headers.clone() })
    }
}

/// The address of the client, which a connection from `peer` speaks for.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let values = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
    let listed: Vec<&str> = values.flat_map(|value| value.split(',')).map(str::trim).collect();
    for text in listed.into_iter().rev() {
        if !is_trusted(client) {
            break;
        }
        // What is no address was not written by a proxy that can be relied on.
        let Ok(before) = text.parse::<IpAddr>() else { break };
        client = before.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_claim_counts_only_behind_trusted_proxies() {
        let trusted = [Network::parse("10.0.0.0/8").unwrap(), Network::parse("fd00::/8").unwrap()];
        let of = |peer: &str, forwarded: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            address(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        assert_eq!(of("203.0.113.9", &["198.51.100.1"]), "203.0.113.9", "the peer is no proxy");
        assert_eq!(of("10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("::ffff:10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(of("10.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.2"]), "198.51.100.1", "a forged entry");
        assert_eq!(of("10.0.0.1", &["6.6.6.6", "198.51.100.1"]), "198.51.100.1", "two headers");
        assert_eq!(of("10.0.0.1", &["6.6.6.6, unknown"]), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(of("fd00::1", &["10.0.0.5, fd00::2"]), "10.0.0.5", "every one is a proxy: the first");
    }
}
