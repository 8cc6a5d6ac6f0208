//! `network`: which addresses databases, tunnels and destinations may have.
//!
//! What always holds: addresses at which clouds hand out credentials are refused whatever is
//! written here. What this does not do: look a name up, or restrict mail servers, the state's
//! server and proxies, which the operator alone names.

use outflow_core::Code;
use outflow_egress::{AddressPolicy, Network};

use super::Problems;
use super::document::Node;

/// What the project lets through; everything by default.
pub(super) fn policy(table: Option<&Node>, problems: &mut Problems) -> AddressPolicy {
    let get = |key: &str| table.and_then(|table| table.get(key));
    let mut networks = Vec::new();
    for item in get("allow").map_or(&[][..], Node::items) {
        match item.text().map(Network::parse) {
            Some(Some(network)) => networks.push(network),
            Some(None) => {
                let message = "this is neither a network nor an address";
                let help =
                    "write a network such as 10.0.0.0/8 or fd00::/8, or one address; names cannot stand here";
                problems.add(&item.place, Code::InvalidValue, message, help);
            }
            // Its kind is wrong, which is reported already.
            None => {}
        }
    }
    let is_public = get("addresses").and_then(Node::text) == Some("public");
    if let Some(allow) = get("allow").filter(|_| !is_public) {
        let message = "`allow` does nothing where any address is let through";
        problems.add(&allow.place, Code::InvalidValue, message, "write `addresses: public` beside it");
    }
    if is_public { AddressPolicy::PublicAnd(networks.into()) } else { AddressPolicy::AllowAll }
}
