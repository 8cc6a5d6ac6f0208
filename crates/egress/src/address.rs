//! Which addresses may be connected to.
//!
//! IPv4 inside IPv6 (mapped, NAT64, 6to4) is checked as that IPv4 address. Ranges are those of the
//! IANA registries of special-purpose addresses (RFC 6890 and its updates).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Everything but link-local, unspecified, multicast and broadcast addresses and those where
    /// clouds hand out credentials. For addresses that the operator writes: private networks and
    /// the machine itself are allowed.
    #[default]
    AllowAll,
    /// Only addresses of the public internet. For addresses that come from someone else than the
    /// operator.
    PublicOnly,
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

impl AddressPolicy {
    /// Whether a connection to this address may be opened.
    pub fn allows(self, address: IpAddr) -> bool {
        let address = effective(address);
        if self == Self::AwsCredentials {
            return address.is_loopback() || AWS_CREDENTIALS.contains(&address);
        }
        match address {
            IpAddr::V4(ip) => !never_v4(ip) && (self == Self::AllowAll || public_v4(ip)),
            IpAddr::V6(ip) => !never_v6(ip) && (self == Self::AllowAll || public_v6(ip)),
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
