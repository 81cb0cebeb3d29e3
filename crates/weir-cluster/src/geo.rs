//! In which region and whose network a client is, from its address.
//!
//! The table comes from the config and is always there; what it does not say databases may
//! ([`maxmind`]), in the order of a [`Chain`].

mod country;
pub mod maxmind;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

pub use country::{Countries, Country, NoCountry};

use crate::limits::CIDR_LINES;
use crate::name::{Name, NameError};

/// Where a client is, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locality {
    /// As the nodes' configuration names regions.
    pub region: Option<Name>,
    /// As the nodes' configuration names ISPs.
    pub isp: Option<Name>,
}

impl Locality {
    /// What is known here, and of the rest what is known there: a caller's word before a table's,
    /// one table's before another's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            region: self.region.or(other.region),
            isp: self.isp.or(other.isp),
        }
    }
}

/// Somebody who knows where addresses are.
pub trait Locator: Send + Sync {
    /// Where this address is.
    fn locate(&self, ip: IpAddr) -> Locality;
}

/// Several that are asked in order: each fills in what those before it did not know.
#[derive(Default)]
pub struct Chain(pub Vec<Box<dyn Locator>>);

impl Locator for Chain {
    fn locate(&self, ip: IpAddr) -> Locality {
        let mut found = Locality::default();
        for locator in &self.0 {
            if found.region.is_some() && found.isp.is_some() {
                break;
            }
            found = found.or(locator.locate(ip));
        }
        found
    }
}

/// A line of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// More lines than [`CIDR_LINES`].
    #[error("more than {CIDR_LINES} lines")]
    TooLong,
    /// A line is not `CIDR region isp`.
    #[error("line {0}: not `CIDR region isp`, with - for what is not known")]
    Line(usize),
    /// A region or an ISP cannot be one.
    #[error("line {0}: {1}")]
    Name(usize, NameError),
}

/// Networks and where they are; the longest prefix that holds an address counts.
#[derive(Debug, Clone, Default)]
pub struct CidrTable {
    v4: Prefixes<u32>,
    v6: Prefixes<u128>,
}

impl CidrTable {
    /// Of these networks; of one given twice the last counts.
    ///
    /// # Errors
    /// When there are too many.
    pub fn new(networks: impl IntoIterator<Item = (IpNet, Locality)>) -> Result<Self, TableError> {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (count, (net, place)) in networks.into_iter().enumerate() {
            if count >= CIDR_LINES {
                return Err(TableError::TooLong);
            }
            match net {
                IpNet::V4(n) => v4.push((n.network().to_bits(), n.broadcast().to_bits(), place)),
                IpNet::V6(n) => v6.push((n.network().to_bits(), n.broadcast().to_bits(), place)),
            }
        }
        Ok(Self {
            v4: Prefixes::new(v4),
            v6: Prefixes::new(v6),
        })
    }

    /// Reads lines of `CIDR region isp`, with `-` for what is not known and `#` before remarks.
    ///
    /// # Errors
    /// Which line cannot be read, counted from 1.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let mut networks = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.split('#').next().unwrap_or_default();
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                [] => (),
                [net, region, isp] => {
                    let net = parse_net(net).ok_or(TableError::Line(number))?;
                    let name = |word: &str| {
                        let name = (word != "-").then(|| Name::new(word)).transpose();
                        name.map_err(|error| TableError::Name(number, error))
                    };
                    networks.push((
                        net,
                        Locality {
                            region: name(region)?,
                            isp: name(isp)?,
                        },
                    ));
                }
                _ => return Err(TableError::Line(number)),
            }
        }
        Self::new(networks)
    }
}

impl Locator for CidrTable {
    fn locate(&self, ip: IpAddr) -> Locality {
        let found = match ip.to_canonical() {
            IpAddr::V4(ip) => self.v4.find(Ipv4Addr::to_bits(ip)),
            IpAddr::V6(ip) => self.v6.find(Ipv6Addr::to_bits(ip)),
        };
        found.cloned().unwrap_or_default()
    }
}

fn parse_net(text: &str) -> Option<IpNet> {
    text.parse()
        .ok()
        .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Networks by first address, each with the one around it: one search, then outwards.
#[derive(Debug, Clone)]
struct Prefixes<T>(Vec<Prefix<T>>);

#[derive(Debug, Clone)]
struct Prefix<T> {
    first: T,
    last: T,
    parent: Option<usize>,
    place: Locality,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Ord> Prefixes<T> {
    fn new(mut nets: Vec<(T, T, Locality)>) -> Self {
        // Wider ones first; the sort keeps the order of equal ones, so the last given is innermost.
        nets.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
        let mut all: Vec<Prefix<T>> = Vec::with_capacity(nets.len());
        let mut around: Vec<usize> = Vec::new();
        for (first, last, place) in nets {
            while around
                .last()
                .and_then(|at| all.get(*at))
                .is_some_and(|p| p.last < first)
            {
                around.pop();
            }
            let parent = around.last().copied();
            around.push(all.len());
            all.push(Prefix {
                first,
                last,
                parent,
                place,
            });
        }
        Self(all)
    }

    fn find(&self, ip: T) -> Option<&Locality> {
        let mut at = self.0.partition_point(|p| p.first <= ip).checked_sub(1);
        while let Some(prefix) = at.and_then(|at| self.0.get(at)) {
            if prefix.last >= ip {
                return Some(&prefix.place);
            }
            at = prefix.parent;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "
        10.0.0.0/8       cn  -         # the whole of it
        10.1.0.0/16      cn  telecom
        10.1.2.0/24      cn  cernet    # a campus
        2001:da8::/32    cn  cernet
        192.0.2.7        us  acme";

    fn at(table: &CidrTable, ip: &str) -> (String, String) {
        let place = table.locate(ip.parse().unwrap());
        let text = |name: Option<Name>| name.map_or_else(|| "-".into(), |n| n.to_string());
        (text(place.region), text(place.isp))
    }

    #[test]
    fn the_longest_prefix_counts_and_a_campus_is_an_isp() {
        let table = CidrTable::parse(TABLE).unwrap();
        let cases = [
            ("10.9.9.9", "cn", "-"),
            ("10.1.9.9", "cn", "telecom"),
            ("10.1.2.255", "cn", "cernet"),
            ("10.1.3.0", "cn", "telecom"),
            ("2001:da8:1::5", "cn", "cernet"),
            ("::ffff:10.1.2.3", "cn", "cernet"),
            ("192.0.2.7", "us", "acme"),
            ("192.0.2.8", "-", "-"),
        ];
        for (ip, region, isp) in cases {
            assert_eq!(at(&table, ip), (region.into(), isp.into()), "{ip}");
        }
    }

    #[test]
    fn a_callers_word_goes_before_the_table() {
        let table = CidrTable::parse(TABLE).unwrap();
        let said = Locality {
            region: Some(Name::new("eu").unwrap()),
            isp: None,
        };
        let place = said.or(table.locate("10.1.9.9".parse().unwrap()));
        assert_eq!(place.region.unwrap().as_str(), "eu");
        assert_eq!(place.isp.unwrap().as_str(), "telecom");
    }

    #[test]
    fn what_the_first_of_a_chain_does_not_know_the_next_is_asked() {
        let first = CidrTable::parse("10.0.0.0/8 - cernet").unwrap();
        let second = CidrTable::parse("10.0.0.0/8 cn telecom\n192.0.2.0/24 us -").unwrap();
        let chain = Chain(vec![Box::new(first), Box::new(second)]);
        let at = |ip: &str| {
            let place = chain.locate(ip.parse().unwrap());
            let text = |name: Option<Name>| name.map_or_else(|| "-".into(), |n| n.to_string());
            (text(place.region), text(place.isp))
        };
        assert_eq!(at("10.1.1.1"), ("cn".into(), "cernet".into()));
        assert_eq!(at("192.0.2.1"), ("us".into(), "-".into()));
        assert_eq!(at("::1"), ("-".into(), "-".into()));
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(
            CidrTable::parse("\n10.0.0.0/33 a b").unwrap_err(),
            TableError::Line(2)
        );
        assert_eq!(
            CidrTable::parse("10.0.0.0/8 a").unwrap_err(),
            TableError::Line(1)
        );
        assert!(matches!(
            CidrTable::parse("10.0.0.0/8 a: b"),
            Err(TableError::Name(1, _))
        ));
    }

    proptest! {
        #[test]
        fn it_finds_what_looking_at_every_line_finds(
            nets in prop::collection::vec((any::<u32>(), 0u8..=32), 0..60),
            ips in prop::collection::vec(any::<u32>(), 0..40),
        ) {
            let nets: Vec<_> = nets.into_iter().zip(0..).map(|((ip, len), n)| {
                // Crowded, so that networks lie within networks.
                let net = ipnet::Ipv4Net::new(Ipv4Addr::from(ip & 0x0f0f_0f0f), len).unwrap().trunc();
                let isp = Some(Name::new(&format!("n{n}")).unwrap());
                (IpNet::V4(net), Locality { region: None, isp })
            }).collect();
            let table = CidrTable::new(nets.clone()).unwrap();
            for ip in ips {
                let ip = IpAddr::V4(Ipv4Addr::from(ip & 0x0f0f_0f0f));
                let holding = nets.iter().filter(|(net, _)| net.contains(&ip));
                let want = holding.max_by_key(|(net, _)| net.prefix_len()).map(|(_, w)| w.clone());
                prop_assert_eq!(table.locate(ip), want.unwrap_or_default());
            }
        }
    }
}
