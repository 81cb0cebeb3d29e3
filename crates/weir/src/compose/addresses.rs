//! Where the public reaches this node by RTMP: as the operator says it, else as it listens.

use weir_api::{PublicAddress, PublicAddresses};
use weir_base::urls::SplitUrl;
use weir_cluster::record::{Address, Scheme, Scope};
use weir_serve::front::{Addresses, DoorKind};

use super::cluster;
use crate::config::Config;

/// Of this node, as it is configured and bound.
pub(super) fn of(config: &Config, bound: &Addresses) -> anyhow::Result<PublicAddresses> {
    let advertised = cluster::advertised(config)?;
    Ok(public(&advertised, bound, &config.http.picture_url))
}

/// `advertised` is what the configuration says of this node, empty where it says nothing.
fn public(advertised: &[Address], bound: &Addresses, picture_url: &str) -> PublicAddresses {
    let of = |scheme, door| said(advertised, scheme).or_else(|| listening(bound, door));
    PublicAddresses {
        rtmp: of(Scheme::Rtmp, DoorKind::Rtmp),
        rtmps: of(Scheme::Rtmps, DoorKind::Rtmps),
        pictures: pictures(bound, picture_url),
    }
}

/// As the operator says it, else by the port of their listener.
fn pictures(bound: &Addresses, url: &str) -> Option<String> {
    let port = bound.first(DoorKind::Pictures)?.port();
    Some(match url {
        "" => format!(":{port}"),
        url => url.to_owned(),
    })
}

/// The first address for clients of every network, else for those of one.
fn said(advertised: &[Address], scheme: Scheme) -> Option<PublicAddress> {
    let for_clients =
        |address: &&Address| address.protocol == scheme && address.scope == Scope::Public;
    let mut all: Vec<_> = advertised.iter().filter(for_clients).collect();
    all.sort_by_key(|address| address.isp.is_some());
    let (host, port) = SplitUrl::new(&all.first()?.url)?.host_and_port()?;
    let usual = if scheme == Scheme::Rtmps { 443 } else { 1935 };
    Some(PublicAddress {
        host: Some(host.to_owned()),
        port: port.unwrap_or(usual),
    })
}

/// Who listens on all addresses of the machine is reached by the name that HTTP is reached by.
fn listening(bound: &Addresses, door: DoorKind) -> Option<PublicAddress> {
    let all = bound.of(door);
    let widest = all.iter().find(|address| address.ip().is_unspecified());
    let address = widest.or_else(|| all.iter().find(|address| !address.ip().is_loopback()));
    let address = address.or_else(|| all.first())?;
    let ip = address.ip();
    Some(PublicAddress {
        host: (!ip.is_unspecified()).then(|| ip.to_string()),
        port: address.port(),
    })
}

#[cfg(test)]
mod tests {
    use weir_serve::front::{Bound, Transport};

    use super::*;

    fn bound(addresses: &[&str]) -> Addresses {
        let bind = |address: &&str| Bound {
            door: DoorKind::Rtmp,
            transport: Transport::Tcp,
            address: address.parse().unwrap(),
        };
        addresses.iter().map(bind).collect()
    }

    fn told(advertised: &[Address], addresses: &[&str]) -> Option<(Option<String>, u16)> {
        let public = public(advertised, &bound(addresses), "").rtmp?;
        Some((public.host, public.port))
    }

    fn advertise(url: &str, scope: Scope) -> Address {
        Address {
            protocol: Scheme::Rtmp,
            scope,
            isp: None,
            url: url.to_owned(),
        }
    }

    #[test]
    fn what_the_operator_says_comes_before_what_is_bound() {
        let all = [
            advertise("rtmp://10.0.0.5:1935", Scope::Internal),
            advertise("rtmp://live.example.net", Scope::Public),
        ];
        let want = Some((Some("live.example.net".into()), 1935));
        assert_eq!(told(&all, &["0.0.0.0:1936"]), want);
        assert_eq!(told(&all[..1], &["0.0.0.0:1936"]), Some((None, 1936)));
    }

    #[test]
    fn the_address_that_most_can_reach_is_named() {
        assert_eq!(told(&[], &["127.0.0.1:7", "[::]:8"]), Some((None, 8)));
        let want = Some((Some("192.0.2.1".into()), 9));
        assert_eq!(told(&[], &["127.0.0.1:7", "192.0.2.1:9"]), want);
        assert_eq!(told(&[], &["[::1]:7"]), Some((Some("::1".into()), 7)));
        assert_eq!(told(&[], &[]), None);
    }
}
