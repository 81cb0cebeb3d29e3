//! How many people a node serves: other nodes are connections, but no audience.

use crate::Hub;

/// Publishers and viewers, other nodes not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headcount {
    /// Streams that a client publishes to this node.
    pub publishers: u64,
    /// Streams that another node hands on to this one.
    pub handed_on: u64,
    /// Viewers of all streams, those of HLS included, wherever it is packaged.
    pub viewers: u64,
}

impl Hub {
    /// Who is served now. A pull is no publisher: it ends with its viewers, or with the process.
    pub fn headcount(&self) -> Headcount {
        let mut count = Headcount::default();
        for stream in self.streams() {
            match stream.publisher() {
                Some(publisher) if publisher.is_replaceable => {}
                Some(publisher) if publisher.is_node => count.handed_on += 1,
                Some(_) => count.publishers += 1,
                None => {}
            }
            count.viewers += u64::from(stream.people());
        }
        count.viewers += self.audience().uncounted() as u64;
        count
    }
}
