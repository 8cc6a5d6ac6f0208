//! `NO_PROXY`: what is reached without a proxy.
//!
//! Entries are divided by commas or blanks: `*` for everything; a name, with or without a dot or
//! `*.` before it, for itself and all names below it; an address; a network (`10.0.0.0/8`); each
//! but the network with a port, if only that is meant. So do Go, Python and curl, where they agree.

use crate::Network;
use crate::target::Origin;

/// The entries of `NO_PROXY`.
#[derive(Default)]
pub(super) struct Exceptions {
    everything: bool,
    networks: Vec<Network>,
    /// Names in lower case without a dot at either end, with their port.
    names: Vec<(String, Option<u16>)>,
}

impl Exceptions {
    /// Reads a list. What has no form of these names nothing.
    pub fn read(text: &str) -> Self {
        let mut all = Self::default();
        for entry in text.split([',', ' ', '\t', '\n']).filter(|entry| !entry.is_empty()) {
            if entry == "*" {
                all.everything = true;
            } else if let Some(network) = Network::parse(entry) {
                all.networks.push(network);
            } else {
                let (name, port) = match entry.rsplit_once(':') {
                    Some((name, port)) if !name.ends_with(':') && port.parse::<u16>().is_ok() => {
                        (name, port.parse().ok())
                    }
                    _ => (entry, None),
                };
                let name = name.trim_start_matches("*.").trim_matches(['.', '[', ']']).to_ascii_lowercase();
                if !name.is_empty() {
                    all.names.push((name, port));
                }
            }
        }
        all
    }

    /// Whether this origin is reached directly.
    pub fn has(&self, origin: &Origin) -> bool {
        let host = origin.host.trim_end_matches('.');
        let ip = origin.ip();
        if self.everything || is_below(host, "localhost") || ip.is_some_and(|ip| ip.is_loopback()) {
            return true;
        }
        let fits = |(name, port): &(String, Option<u16>)| {
            port.is_none_or(|port| port == origin.port)
                && if ip.is_some() { host == name } else { is_below(host, name) }
        };
        ip.is_some_and(|ip| self.networks.iter().any(|network| network.contains(ip)))
            || self.names.iter().any(fits)
    }
}

/// Whether a host is this name, or a name below it.
fn is_below(host: &str, name: &str) -> bool {
    host.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('.'))
}
