//! Databases of the MaxMind DB format (GeoLite2, GeoIP2, DB-IP), and how what they
//! say becomes our regions and ISPs. Reading the file is the caller's.
//!
//! A database knows countries and network operators; regions and ISPs of a cluster are its operator's
//! words. Two lists say which is which, the most particular word first: a subdivision before its
//! country before its continent, an AS number before a part of an operator's name.

use std::net::IpAddr;

use maxminddb::Reader;
use serde::Deserialize;

use super::{Countries, Country, Locality, Locator};
use crate::name::{Name, NameError};

/// Lines of one list: there are about 5,000 subdivisions and some thousand large networks.
pub const LINES: usize = 20_000;
/// What stands before a continent's code, whose two letters may be a country's too.
const CONTINENT: &str = "continent:";

/// A database that cannot be used, or a list that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not of the format, or broken.
    #[error("not a MaxMind database: {0}")]
    Database(#[from] maxminddb::MaxMindDbError),
    /// A line without two words.
    #[error("{0:?}: not a code and a name, such as \"DE eu\" or \"AS4538 cernet\"")]
    Line(String),
    /// A line whose last word cannot be a region or an ISP.
    #[error("{0:?}: {1}")]
    Name(String, NameError),
    /// More lines than [`LINES`].
    #[error("more than {LINES} lines")]
    TooLong,
}

/// Which country is in which region, and whose network is which ISP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// Upper-case code (`US-CA`, `US`, `CONTINENT:NA`) and region.
    regions: std::collections::HashMap<String, Name>,
    systems: std::collections::HashMap<u32, Name>,
    /// Lower-case part of an operator's name, and ISP; the first that fits counts.
    operators: Vec<(String, Name)>,
}

impl Words {
    /// Reads `regions`, lines of `CODE region` with an ISO 3166 code (`DE`, `US-CA`) or
    /// `continent:EU`, and `isps`, lines of `AS4538 isp` or of a part of an operator's name and an ISP,
    /// as in `China Telecom telecom`.
    ///
    /// # Errors
    /// Which line cannot be read.
    pub fn parse(regions: &[String], isps: &[String]) -> Result<Self, Error> {
        if regions.len() > LINES || isps.len() > LINES {
            return Err(Error::TooLong);
        }
        let mut words = Self::default();
        for line in regions {
            let (code, region) = split(line)?;
            words.regions.insert(code.to_ascii_uppercase(), region);
        }
        for line in isps {
            let (who, isp) = split(line)?;
            match system(who) {
                Some(number) => {
                    words.systems.insert(number, isp);
                }
                None => words.operators.push((who.to_lowercase(), isp)),
            }
        }
        Ok(words)
    }

    fn region(&self, record: &Record<'_>) -> Option<Name> {
        let country = record
            .country
            .as_ref()
            .or(record.registered_country.as_ref());
        let country = country.and_then(|country| country.iso_code);
        let continent = record.continent.as_ref().and_then(|c| c.code);
        let parts = record.subdivisions.iter().flatten();
        let parts = parts.filter_map(|part| Some(format!("{}-{}", country?, part.iso_code?)));
        let codes = parts
            .chain(country.map(str::to_owned))
            .chain(continent.map(|code| format!("{CONTINENT}{code}")));
        codes
            .filter_map(|code| self.regions.get(&code.to_ascii_uppercase()))
            .next()
            .cloned()
    }

    fn isp(&self, record: &Record<'_>) -> Option<Name> {
        let by_number = record.autonomous_system_number;
        if let Some(isp) = by_number.and_then(|number| self.systems.get(&number)) {
            return Some(isp.clone());
        }
        let names = [
            record.isp,
            record.organization,
            record.autonomous_system_organization,
        ];
        let names: Vec<_> = names.iter().flatten().map(|n| n.to_lowercase()).collect();
        let fits = |part: &String| names.iter().any(|name| name.contains(part));
        let found = self.operators.iter().find(|(part, _)| fits(part));
        found.map(|(_, isp)| isp.clone())
    }
}

fn split(line: &str) -> Result<(&str, Name), Error> {
    let parts = line.trim().rsplit_once(char::is_whitespace);
    let (what, name) = parts.ok_or_else(|| Error::Line(line.to_owned()))?;
    let name = Name::new(name).map_err(|error| Error::Name(line.to_owned(), error))?;
    Ok((what.trim(), name))
}

/// The number of `AS4538`.
fn system(text: &str) -> Option<u32> {
    let (letters, number) = text.split_at_checked(2)?;
    letters.eq_ignore_ascii_case("as").then_some(())?;
    number.parse().ok()
}

/// One database, in memory.
pub struct MaxMind {
    reader: Reader<Vec<u8>>,
    words: Words,
}

impl MaxMind {
    /// Of a file's bytes.
    ///
    /// # Errors
    /// When they are not of the format.
    pub fn new(bytes: Vec<u8>, words: Words) -> Result<Self, Error> {
        let reader = Reader::from_source(bytes)?;
        Ok(Self { reader, words })
    }

    /// What it calls itself, such as `GeoLite2-City`.
    pub fn kind(&self) -> &str {
        &self.reader.metadata().database_type
    }
}

impl Locator for MaxMind {
    /// What cannot be read is not known: a broken record must not keep anybody from being placed.
    fn locate(&self, ip: IpAddr) -> Locality {
        let found = self.reader.lookup(ip.to_canonical()).ok();
        let record = found.and_then(|found| found.decode::<Record<'_>>().ok().flatten());
        record.map_or_else(Locality::default, |record| Locality {
            region: self.words.region(&record),
            isp: self.words.isp(&record),
        })
    }
}

impl Countries for MaxMind {
    fn country(&self, ip: IpAddr) -> Option<Country> {
        let found = self.reader.lookup(ip.to_canonical()).ok()?;
        let record = found.decode::<Record<'_>>().ok().flatten()?;
        let country = record.country.or(record.registered_country)?;
        Country::new(country.iso_code?).ok()
    }
}

/// What is read of City, Country, ASN and ISP databases; the rest is passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country: Option<Place<'a>>,
    registered_country: Option<Place<'a>>,
    continent: Option<Continent<'a>>,
    subdivisions: Option<Vec<Place<'a>>>,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
    isp: Option<&'a str>,
    organization: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Place<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of the format's data section (specification §"Output Data Section").
    enum Value {
        Text(&'static str),
        Short(u16),
        Number(u32),
        Long(u64),
        Map(Vec<(&'static str, Value)>),
        List(Vec<Value>),
    }

    use Value::{List, Long, Map, Number, Short, Text};

    /// A control byte: the type in the upper three bits (0 and one more byte for types above 7), the
    /// size in the lower five (29 and one more byte for 29 to 284).
    fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
        let small = u8::try_from(size.min(29)).unwrap();
        if kind > 7 {
            out.extend([small, kind - 7]);
        } else {
            out.push(kind << 5 | small);
        }
        if size >= 29 {
            out.push(u8::try_from(size - 29).unwrap());
        }
    }

    fn write(value: &Value, out: &mut Vec<u8>) {
        match value {
            Text(text) => {
                control(2, text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            Short(number) => {
                control(5, 2, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Long(number) => {
                control(9, 8, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Number(number) => {
                control(6, 4, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Map(pairs) => {
                control(7, pairs.len(), out);
                for (name, value) in pairs {
                    write(&Text(name), out);
                    write(value, out);
                }
            }
            List(values) => {
                control(11, values.len(), out);
                values.iter().for_each(|value| write(value, out));
            }
        }
    }

    /// A node of the search tree: where each bit leads.
    #[derive(Clone, Copy)]
    enum Next {
        Nothing,
        Node(u32),
        Data(u32),
    }

    /// A database of IPv4 networks, which do not overlap, with 24-bit records.
    fn database(networks: &[(&str, Value)]) -> Vec<u8> {
        let (mut tree, mut data) = (vec![[Next::Nothing; 2]], Vec::new());
        for (net, value) in networks {
            let net: ipnet::Ipv4Net = net.parse().unwrap();
            let (bits, mut at) = (net.network().to_bits(), 0_usize);
            for depth in 0..net.prefix_len() {
                let bit = (bits >> (31 - depth) & 1) as usize;
                if depth + 1 == net.prefix_len() {
                    tree[at][bit] = Next::Data(u32::try_from(data.len()).unwrap());
                } else if let Next::Node(next) = tree[at][bit] {
                    at = next as usize;
                } else {
                    tree.push([Next::Nothing; 2]);
                    let next = tree.len() - 1;
                    tree[at][bit] = Next::Node(u32::try_from(next).unwrap());
                    at = next;
                }
            }
            write(value, &mut data);
        }
        let count = u32::try_from(tree.len()).unwrap();
        let mut out = Vec::new();
        for next in tree.iter().flatten() {
            let record = match next {
                Next::Nothing => count,
                Next::Node(node) => *node,
                Next::Data(offset) => count + 16 + offset,
            };
            out.extend_from_slice(&record.to_be_bytes()[1..]);
        }
        out.extend_from_slice(&[0; 16]);
        out.append(&mut data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let metadata = Map(vec![
            ("node_count", Number(count)),
            ("record_size", Short(24)),
            ("ip_version", Short(4)),
            ("database_type", Text("Weir-Test")),
            ("languages", List(Vec::new())),
            ("binary_format_major_version", Short(2)),
            ("binary_format_minor_version", Short(0)),
            ("build_epoch", Long(1)),
            ("description", Map(Vec::new())),
        ]);
        write(&metadata, &mut out);
        out
    }

    fn code(code: &'static str) -> Value {
        Map(vec![("iso_code", Text(code))])
    }

    fn city() -> Vec<u8> {
        let continent = |code| Map(vec![("code", Text(code))]);
        let california = Map(vec![
            ("country", code("US")),
            ("continent", continent("NA")),
            ("subdivisions", List(vec![code("CA")])),
            ("location", Map(vec![("accuracy_radius", Number(20))])),
        ]);
        let texas = Map(vec![
            ("country", code("US")),
            ("subdivisions", List(vec![code("TX")])),
        ]);
        let france = Map(vec![
            ("country", code("FR")),
            ("continent", continent("EU")),
        ]);
        let satellite = Map(vec![("registered_country", code("US"))]);
        database(&[
            ("198.51.100.0/24", california),
            ("203.0.113.0/25", texas),
            ("203.0.113.128/25", france),
            ("192.0.2.0/24", satellite),
        ])
    }

    fn asn() -> Vec<u8> {
        let network = |number, organisation| {
            Map(vec![
                ("autonomous_system_number", Number(number)),
                ("autonomous_system_organization", Text(organisation)),
            ])
        };
        database(&[
            (
                "198.51.100.0/24",
                network(4538, "China Education and Research Network"),
            ),
            ("203.0.113.0/24", network(4134, "CHINA TELECOM Backbone")),
        ])
    }

    fn words() -> Words {
        let list = |lines: &[&str]| lines.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let regions = list(&["US us-east", "us-ca us-west", "continent:EU eu"]);
        let isps = list(&["AS4538 cernet", "China Telecom telecom"]);
        Words::parse(&regions, &isps).unwrap()
    }

    fn at(database: &MaxMind, ip: &str) -> (String, String) {
        let place = database.locate(ip.parse().unwrap());
        let text = |name: Option<Name>| name.map_or_else(|| "-".into(), |n| n.to_string());
        (text(place.region), text(place.isp))
    }

    #[test]
    fn the_most_particular_code_names_the_region() {
        let city = MaxMind::new(city(), words()).unwrap();
        assert_eq!(city.kind(), "Weir-Test");
        let cases = [
            ("198.51.100.9", "us-west"),
            ("203.0.113.9", "us-east"),
            ("203.0.113.200", "eu"),
            ("192.0.2.1", "us-east"),
            ("::ffff:198.51.100.9", "us-west"),
            ("10.0.0.1", "-"),
            ("2001:db8::1", "-"),
        ];
        for (ip, region) in cases {
            assert_eq!(at(&city, ip), (region.into(), "-".into()), "{ip}");
        }
    }

    #[test]
    fn the_country_is_known_whatever_the_regions_are_called() {
        let city = MaxMind::new(city(), Words::default()).unwrap();
        let country = |ip: &str| city.country(ip.parse().unwrap()).map(Country::code);
        assert_eq!(country("::ffff:198.51.100.9").as_deref(), Some("US"));
        assert_eq!(country("203.0.113.200").as_deref(), Some("FR"));
        assert_eq!(country("10.0.0.1"), None);
        let both = vec![MaxMind::new(asn(), Words::default()).unwrap(), city];
        let found = both.country("198.51.100.9".parse().unwrap());
        assert_eq!(found.map(Country::code).as_deref(), Some("US"));
    }

    #[test]
    fn an_isp_is_known_by_its_number_or_a_part_of_its_name() {
        let asn = MaxMind::new(asn(), words()).unwrap();
        assert_eq!(at(&asn, "198.51.100.9"), ("-".into(), "cernet".into()));
        assert_eq!(at(&asn, "203.0.113.9"), ("-".into(), "telecom".into()));
        assert_eq!(at(&asn, "192.0.2.1"), ("-".into(), "-".into()));
    }

    #[test]
    fn a_bad_line_is_named() {
        let bad = |region: &str| {
            Words::parse(&[region.to_owned()], &[])
                .unwrap_err()
                .to_string()
        };
        assert!(bad("DE").contains("DE"));
        assert!(bad("DE eu:west").contains("eu:west"));
        assert!(MaxMind::new(b"not a database".to_vec(), Words::default()).is_err());
    }

    proptest! {
        #[test]
        fn a_broken_file_is_refused_or_knows_nothing(
            hurts in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
            cut in any::<prop::sample::Index>(),
            ips in prop::collection::vec(any::<u32>(), 8),
        ) {
            for whole in [city(), asn()] {
                let mut bytes = whole.clone();
                for (at, byte) in &hurts {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let half = bytes[..cut.index(bytes.len())].to_vec();
                for bytes in [bytes, half] {
                    let Ok(database) = MaxMind::new(bytes, words()) else { continue };
                    for ip in &ips {
                        let _ = database.locate(IpAddr::V4((*ip).into()));
                    }
                    for ip in ["198.51.100.9", "203.0.113.9", "203.0.113.200", "::1"] {
                        let _ = database.locate(ip.parse().unwrap());
                    }
                }
            }
        }
    }
}
