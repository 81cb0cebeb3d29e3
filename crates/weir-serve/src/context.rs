//! What every connection needs, in one cheap handle.

use std::sync::Arc;

use crate::admission::Admission;
use crate::core::Core;
use crate::hls::Stations;
use crate::ingest::slsp;
use crate::node::Node;

/// See the module's words.
#[derive(Clone)]
pub struct Context(Arc<Parts>);

/// The parts of a [`Context`].
pub struct Parts {
    /// What all of it shares.
    pub core: Core,
    /// May it, and where.
    pub admission: Admission,
    /// HLS packagers.
    pub stations: Stations,
    /// This node among others.
    pub node: Node,
    /// SLSP sessions that another socket may go on with.
    pub slsp: slsp::Sessions,
}

impl std::ops::Deref for Context {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Context {
    /// Joins the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}
