//! `server`: where `outflow serve` answers the API, and how it is reached.

use std::net::SocketAddr;
use std::path::PathBuf;

use outflow_core::Code;
use outflow_egress::Network;

use super::Problems;
use super::alerts::listen;
use super::document::Node;
use super::oidc::{self, OidcSettings};

/// Where and how the API is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// The address to listen on; nothing is served without one.
    pub listen: Option<SocketAddr>,
    /// The files for TLS; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Proxies whose word on a client's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// The provider that people sign in with.
    pub oidc: Option<OidcSettings>,
}

/// A certificate and its key, both PEM. They are read again when they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

pub(super) fn read(node: Option<&Node>, problems: &mut Problems) -> ServerSettings {
    let get = |key: &str| node.and_then(|n| n.get(key));
    let tls = get("tls").and_then(|tls| {
        let path = |key: &str| tls.get(key).and_then(Node::path);
        Some(TlsFiles { certificate: path("certificate")?, key: path("key")? })
    });
    let mut trusted_proxies = Vec::new();
    for item in get("trusted_proxies").map_or(&[][..], Node::items) {
        match item.text().map(Network::parse) {
            Some(Some(network)) => trusted_proxies.push(network),
            Some(None) => {
                let message = "an item of \"trusted_proxies\" is no range of addresses";
                problems.add(&item.place, Code::InvalidValue, message, "write a range such as 10.0.0.0/8");
            }
            // A value of the wrong kind was reported already.
            None => {}
        }
    }
    let listen = listen(node, "127.0.0.1:8080", problems);
    let oidc = get("oidc").and_then(|oidc| oidc::read(oidc, problems));
    ServerSettings { listen, tls, trusted_proxies, oidc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_its_addresses_and_no_other() {
        let contains =
            |range: &str, address: &str| Network::parse(range).unwrap().contains(address.parse().unwrap());
        for (range, address) in [
            ("10.0.0.0/8", "10.255.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3"),
            ("0.0.0.0/0", "203.0.113.9"),
            ("192.0.2.7", "192.0.2.7"),
            ("fd00::/8", "fd12::1"),
            ("::/0", "2001:db8::1"),
        ] {
            assert!(contains(range, address), "{address} in {range}");
        }
        for (range, address) in [
            ("10.0.0.0/8", "11.0.0.1"),
            ("0.0.0.0/0", "2001:db8::1"),
            ("::/0", "203.0.113.9"),
            ("192.0.2.7", "192.0.2.8"),
            ("192.0.2.0/31", "192.0.2.2"),
        ] {
            assert!(!contains(range, address), "{address} in {range}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/+8", "10.0.0.0/", "fd00::/129", "localhost"] {
            assert_eq!(Network::parse(wrong), None, "{wrong}");
        }
    }
}
