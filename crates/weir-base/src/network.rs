//! Who counts as one where addresses are counted.

use std::net::IpAddr;

/// Bits of an IPv6 address that one household or machine has to itself (RFC 6177).
const IPV6_NETWORK_BITS: u32 = 64;

/// The network that an address is of: an IPv4 address itself, also where it is mapped, or an IPv6 network of 64 bits.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let host_bits = u128::BITS - IPV6_NETWORK_BITS;
            IpAddr::V6((address.to_bits() >> host_bits << host_bits).into())
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_and_a_mapped_address_is_its_ipv4() {
        let network = |address: &str| network_of(address.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:3::4"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:10.0.0.1"), network("10.0.0.1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
