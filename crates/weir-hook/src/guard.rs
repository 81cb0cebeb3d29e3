//! Which addresses hooks may be sent to: public ones, and those that the operator lists. Asked with the address
//! that is connected to, so no name and no number in another spelling gets around it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use weir_link::dial::AddressGuard;

/// IPv4 networks that are not the public's (IANA's registry of special purposes), multicast among them.
const NOT_PUBLIC_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];
/// Of IPv6 only this is public,
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// but for these: protocols' own with Teredo, documentation, 6to4.
const NOT_PUBLIC_V6: &[(Ipv6Addr, u8)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// A network as the operator writes it: with a prefix, or one address.
pub fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone)
}

/// Whether an address is the public's.
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !in_v4(NOT_PUBLIC_V4, address),
        IpAddr::V6(address) => in_v6(&[PUBLIC_V6], address) && !in_v6(NOT_PUBLIC_V6, address),
    }
}

/// Lets through what is public or in one of the `allow`ed networks.
pub fn guard(allow: &[String]) -> AddressGuard {
    let allow: Vec<IpNet> = allow.iter().filter_map(|text| network(text)).collect();
    AddressGuard::new(move |address| {
        let address = address.to_canonical();
        is_public(address) || allow.iter().any(|net| net.contains(&address))
    })
}

fn in_v4(nets: &[(Ipv4Addr, u8)], address: Ipv4Addr) -> bool {
    nets.iter()
        .any(|(net, bits)| Ipv4Net::new_assert(*net, *bits).contains(&address))
}

fn in_v6(nets: &[(Ipv6Addr, u8)], address: Ipv6Addr) -> bool {
    nets.iter()
        .any(|(net, bits)| Ipv6Net::new_assert(*net, *bits).contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_public_in_every_spelling() {
        let public = ["1.1.1.1", "8.8.8.8", "2606:4700::1", "::ffff:1.1.1.1"];
        for text in public {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
        let internal = [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.31.0.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "fc00::1",
            "fe80::1",
            "ff02::1",
            "2001::1",
            "2002:7f00:1::",
        ];
        for text in internal {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_network_may_be_one_address() {
        assert!(network("10.0.0.0/8").is_some());
        assert!(network("::1").is_some());
        assert!(network("10.0.0.0/33").is_none());
        assert!(network("example.net").is_none());
    }
}
