//! Publishers' protocols, one file each: bytes from a socket become frames in the hub.

pub mod relay;
pub mod rtmp;
pub mod slsp;

use crate::admission::Admission;
use crate::core::Core;
use crate::node::Node;

/// What a publisher's connection needs, whatever it speaks. Clones share it.
#[derive(Clone)]
pub struct Ingest {
    core: Core,
    node: Node,
    admission: Admission,
    /// SLSP sessions that another socket may go on with.
    sessions: slsp::Sessions,
}

impl Ingest {
    /// Into the streams of `core`, or to other nodes.
    pub fn new(core: Core, node: Node, admission: Admission) -> Self {
        Self {
            core,
            node,
            admission,
            sessions: slsp::Sessions::default(),
        }
    }
}
