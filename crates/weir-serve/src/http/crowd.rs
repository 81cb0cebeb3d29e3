//! How many of one network are waited for at once: whoever says half of something and no more takes places of its own
//! network, and nobody else's.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use weir_base::network::network_of;

/// Counts those that are waited for. Clones share the counts: there are as many as connections at most.
#[derive(Debug, Clone, Default)]
pub(crate) struct Crowd(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// One that is waited for, until this is dropped.
#[derive(Debug)]
pub(crate) struct CrowdPlace {
    crowd: Crowd,
    network: IpAddr,
}

impl Crowd {
    /// A place for one more of the network of `ip`; none where it has `most` already.
    pub(crate) fn place(&self, ip: IpAddr, most: usize) -> Option<CrowdPlace> {
        let network = network_of(ip);
        let mut counts = self.0.lock();
        let count = counts.entry(network).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        let crowd = self.clone();
        Some(CrowdPlace { crowd, network })
    }
}

impl Drop for CrowdPlace {
    fn drop(&mut self) {
        let mut counts = self.crowd.0.lock();
        if let Some(count) = counts.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_so_many_places_and_takes_none_of_anothers() {
        let crowd = Crowd::default();
        let place = |ip: &str| crowd.place(ip.parse().unwrap(), 2);
        let (first, second) = (place("2001:db8::1"), place("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(place("2001:db8::3").is_none());
        assert!(place("192.0.2.1").is_some());
        drop(second);
        let again = place("2001:db8::3");
        assert!(again.is_some());
        drop((first, again));
        assert!(crowd.0.lock().is_empty(), "who left is forgotten");
    }
}
