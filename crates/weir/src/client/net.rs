//! TCP and TLS connections of the client commands: over networks that may be weak.

pub(crate) use weir_serve::node::dial::{Connection, connect_patiently as connect};
