//! Which addresses may be connected to.
//!
//! IPv4 inside IPv6 (mapped, NAT64, 6to4) is checked as that IPv4 address. Ranges are those of the
//! IANA registries of special-purpose addresses (RFC 6890 and its updates). Where a proxy looks
//! names up, no address is seen, and names alone are checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::Network;

/// Which addresses may be connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Everything but link-local, unspecified, multicast and broadcast addresses and those where
    /// clouds hand out credentials. For addresses that the operator writes: private networks and
    /// the machine itself are allowed.
    #[default]
    AllowAll,
    /// Only addresses of the public internet. For addresses that come from someone else than the
    /// operator.
    PublicOnly,
    /// These, and those of the operator's networks.
    PublicAnd(Arc<[Network]>),
    /// The fixed addresses where AWS hands out credentials to instances and containers, and the
    /// machine itself, where replacements of them listen. Only for requests to those services.
    AwsCredentials,
}

/// The instance's metadata service, the container agent and the pod identity agent, as in the SDKs.
const AWS_CREDENTIALS: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
];

/// Names of metadata services, and of addresses of the machine itself (RFC 6761, RFC 8375, and what
/// home routers and clouds use inside).
const METADATA_NAMES: [&str; 4] =
    ["metadata", "metadata.google.internal", "metadata.goog", "instance-data.ec2.internal"];
const INNER_NAMES: [&str; 7] =
    ["localhost", "local", "localdomain", "internal", "home.arpa", "lan", "intranet"];

impl AddressPolicy {
    /// Whether a connection to this address may be opened.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = effective(address);
        let never = match address {
            IpAddr::V4(ip) => never_v4(ip),
            IpAddr::V6(ip) => never_v6(ip),
        };
        let is_public = || match address {
            IpAddr::V4(ip) => public_v4(ip),
            IpAddr::V6(ip) => public_v6(ip),
        };
        match self {
            Self::AwsCredentials => address.is_loopback() || AWS_CREDENTIALS.contains(&address),
            Self::AllowAll => !never,
            Self::PublicOnly => !never && is_public(),
            Self::PublicAnd(networks) => {
                !never && (is_public() || networks.iter().any(|network| network.contains(address)))
            }
        }
    }

    /// Whether a proxy or an SSH server may be asked for this host, a name in lower case or an
    /// address. Of a name, only what it says itself is known.
    pub fn allows_host(&self, host: &str) -> bool {
        if let Ok(address) = host.parse() {
            return self.allows(address);
        }
        let name = host.trim_end_matches('.');
        let is_inner = || {
            !name.contains('.')
                || INNER_NAMES.iter().any(|inner| {
                    name.strip_suffix(inner).is_some_and(|before| before.is_empty() || before.ends_with('.'))
                })
        };
        // `127.1`, `2130706433` and `0x7f000001` are addresses to some resolvers.
        let is_number = || {
            let last = name.rsplit('.').next().unwrap_or_default();
            last.starts_with(|c: char| c.is_ascii_digit())
        };
        match self {
            Self::AwsCredentials => false,
            _ if METADATA_NAMES.contains(&name) || is_number() => false,
            Self::AllowAll => true,
            Self::PublicOnly | Self::PublicAnd(_) => !is_inner(),
        }
    }
}

/// The address that packets to `address` reach.
fn effective(address: IpAddr) -> IpAddr {
    let IpAddr::V6(ip) = address else { return address };
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let embedded = match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some((g, h)),
        [0, 0, 0, 0, 0, 0] if g != 0 => Some((g, h)),
        [0x2002, ..] => Some((b, c)),
        _ => None,
    };
    match embedded {
        Some((high, low)) => IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))),
        None => address,
    }
}

fn never_v4(ip: Ipv4Addr) -> bool {
    // The metadata services of clouds that do not use a link-local address: Alibaba, Oracle, and
    // Azure's, which answers from a public one.
    ip.is_unspecified()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || matches!(ip.octets(), [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16])
}

fn never_v6(ip: Ipv6Addr) -> bool {
    // fd00:ec2::254 and fd20:ce::254 are metadata services, too.
    ip.is_unspecified()
        || ip.is_unicast_link_local()
        || ip.is_multicast()
        || matches!(ip.segments(), [0xfd00, 0xec2, ..] | [0xfd20, 0xce, ..])
}

fn public_v4(ip: Ipv4Addr) -> bool {
    match ip.octets() {
        [0 | 10 | 127 | 240.., ..] => false,
        [100, b, ..] => !(64..128).contains(&b),
        [172, b, ..] => !(16..32).contains(&b),
        [192, 168, ..] | [198, 18..=19, ..] => false,
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 51, 100, _] | [203, 0, 113, _] => false,
        _ => true,
    }
}

fn public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, b, ..] => b >= 0x200 && b != 0xdb8,
        [0x3fff, b, ..] => b >= 0x1000,
        [a, ..] => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(policy: AddressPolicy, want: bool, addresses: &str) {
        for text in addresses.split_whitespace() {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(policy.allows(ip), want, "{text} under {policy:?}");
        }
    }

    fn listed(networks: &str) -> AddressPolicy {
        AddressPolicy::PublicAnd(networks.split_whitespace().map(|n| Network::parse(n).unwrap()).collect())
    }

    const PUBLIC: &str = "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 52.94.236.248 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
        169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
        203.0.112.255 223.255.255.255 2606:4700::1111 2001:4860:4860::8888 2600:: 2400:cb00::1 3ffe::1 \
        ::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1 ::8.8.8.8";

    const PRIVATE: &str = "10.0.0.0 10.255.255.255 127.0.0.1 127.255.255.255 100.64.0.0 100.127.255.255 172.16.0.0 172.31.255.255 \
        192.168.0.1 192.168.255.255 0.0.0.1 0.255.255.255 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 \
        240.0.0.1 255.255.255.254 ::1 fc00::1 fdff::1 2001::1 2001:1ff::1 2001:db8::1 3fff::1 3fff:fff::1 100::1 64:ff9b:1::1 4000::1 5f00::1 \
        ::ffff:127.0.0.1 ::ffff:10.1.2.3 64:ff9b::10.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1::1 2002:a00:1::1 ::127.0.0.1 ::10.0.0.1";

    const NEVER: &str = "0.0.0.0 255.255.255.255 169.254.169.254 169.254.170.2 169.254.0.1 224.0.0.1 239.255.255.255 100.100.100.200 192.0.0.192 168.63.129.16 \
        :: fe80::1 febf::1 ff02::1 fd00:ec2::254 fd20:ce::254 \
        ::ffff:169.254.169.254 ::ffff:0.0.0.0 64:ff9b::169.254.169.254 2002:a9fe:a9fe::1 ::169.254.169.254 ::ffff:100.100.100.200 ::ffff:168.63.129.16";

    #[test]
    fn public_addresses_pass_under_both_policies() {
        table(AddressPolicy::AllowAll, true, PUBLIC);
        table(AddressPolicy::PublicOnly, true, PUBLIC);
    }

    #[test]
    fn private_and_reserved_addresses_pass_only_for_the_operator() {
        table(AddressPolicy::AllowAll, true, PRIVATE);
        table(AddressPolicy::PublicOnly, false, PRIVATE);
    }

    #[test]
    fn metadata_link_local_multicast_and_unspecified_addresses_never_pass() {
        table(AddressPolicy::AllowAll, false, NEVER);
        table(AddressPolicy::PublicOnly, false, NEVER);
        table(listed("0.0.0.0/0 ::/0"), false, NEVER);
    }

    #[test]
    fn networks_that_the_operator_lists_pass_however_their_addresses_are_written() {
        let policy = listed("10.0.0.0/8 192.168.1.5 fd12::/16");
        table(policy.clone(), true, PUBLIC);
        table(
            policy.clone(),
            true,
            "10.0.0.0 10.255.255.255 192.168.1.5 fd12::1 ::ffff:10.1.2.3 64:ff9b::10.0.0.1",
        );
        table(policy, false, "192.168.1.6 172.16.0.1 127.0.0.1 ::1 fd13::1");
    }

    #[test]
    fn a_proxy_is_asked_for_no_name_that_stands_for_what_is_refused() {
        let names = |policy: &AddressPolicy, want: bool, names: &str| {
            for name in names.split_whitespace() {
                assert_eq!(policy.allows_host(name), want, "{name} under {policy:?}");
            }
        };
        let metadata = "metadata metadata.google.internal metadata.google.internal. 169.254.169.254 \
            fd00:ec2::254 2852039166 0xa9fea9fe 169.254.43518 0251.0376.0251.0376";
        let inner = "localhost app.localhost db.corp.internal printer.local nas intranet 10.0.0.1 ::1";
        names(&AddressPolicy::AllowAll, false, metadata);
        names(&AddressPolicy::PublicOnly, false, metadata);
        names(&AddressPolicy::AllowAll, true, inner);
        names(&AddressPolicy::PublicOnly, false, inner);
        names(&AddressPolicy::PublicOnly, true, "cdp.customer.io api.example. 8.8.8.8 1password.example");
        assert!(listed("10.0.0.0/8").allows_host("10.0.0.1"));
    }

    #[test]
    fn the_credential_services_of_aws_pass_where_nothing_else_does() {
        const SERVICES: &str = "169.254.169.254 fd00:ec2::254 169.254.170.2 169.254.170.23 fd00:ec2::23 127.0.0.1 ::1 ::ffff:169.254.169.254";
        const OTHERS: &str = "169.254.0.1 169.254.169.253 169.254.170.3 fd00:ec2::1 fe80::1 10.0.0.1 192.168.0.1 100.100.100.200 192.0.0.192 fd20:ce::254 0.0.0.0 ::";
        table(AddressPolicy::AwsCredentials, true, SERVICES);
        table(AddressPolicy::AwsCredentials, false, OTHERS);
        table(AddressPolicy::AwsCredentials, false, PUBLIC);
    }
}
