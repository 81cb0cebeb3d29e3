//! What a viewer says while it watches, and what it is told at the end.
//!
//! Sans IO: a delivery loop or the task of a connection reads and writes; how the words look is known
//! to the protocol's own file.

use weir_base::Code;

/// One connection's conversation.
pub trait Talk: Send {
    /// Reads what the viewer said and appends the answers it is owed; hands each wish to `asked`, in
    /// order. A code when the viewer is done with us, or we with it.
    fn receive(
        &mut self,
        now_us: i64,
        said: &[u8],
        answers: &mut Vec<u8>,
        asked: &mut dyn FnMut(Ask),
    ) -> Option<Code>;

    /// Appends the notice that this is the end, where the conversation has one.
    fn goodbye(&mut self, code: Code, over: Over, out: &mut Vec<u8>) {
        let _ = (code, over, out);
    }
}

/// What a viewer may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// No media until it asks again.
    Pause,
    /// Media again.
    Resume,
}

/// What is over when a viewer is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The stream, for all its viewers.
    Stream,
    /// This one connection.
    Connection,
}
