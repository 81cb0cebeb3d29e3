//! The bus: where a post gets its place and goes to all nodes that have members of its group. What carries it stands
//! elsewhere; here are the words that nodes speak, and what each of them decides.

pub mod call;
pub mod entry;
pub mod fact;
pub mod message;
pub mod relay;
pub mod table;

pub use self::call::{Append, Appended, Call, Checked, Hearts, Loaded, Op, Reply, Told};
pub use self::entry::Entry;
pub use self::fact::Fact;
