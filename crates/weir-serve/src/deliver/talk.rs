//! What a viewer says while it watches, and what it is told at the end.
//!
//! Sans IO: a delivery loop or the task of a connection reads and writes; how the words look is known
//! to the protocol's own file.

use std::net::TcpStream;

use bytes::Bytes;
use tokio::sync::mpsc;
use weir_base::Code;

use super::task::Watching;

/// One connection's conversation.
pub trait Talk: Send {
    /// Reads what the viewer said and appends the answers it is owed; hands each wish to `asked`, in
    /// order. Says when the loop is done with the viewer.
    fn receive(
        &mut self,
        now_us: i64,
        said: &[u8],
        answers: &mut Vec<u8>,
        asked: &mut dyn FnMut(Ask),
    ) -> Option<Parting>;

    /// Takes the connection out of the loop, after [`Parting::Back`].
    fn take_back(self: Box<Self>, detached: Detached) {
        drop(detached);
    }

    /// Appends the notice that this is the end, where the conversation has one.
    fn goodbye(&mut self, code: Code, over: Over, out: &mut Vec<u8>) {
        let _ = (code, over, out);
    }
}

/// Why a loop lets go of a viewer that spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The viewer is done with us, or we with it.
    Over(Code),
    /// It wants what a loop cannot do, such as another stream beside this one: its connection goes back to
    /// whoever gave it.
    Back,
}

/// A connection that a loop gives back. What it plays goes on, batch by batch, until `batches` is dropped.
pub struct Detached {
    /// The socket, without blocking.
    pub socket: TcpStream,
    /// The rest of what is half sent, then the answers it is owed: comes before anything else.
    pub unsent: Vec<u8>,
    /// The stream from here on, whole batches.
    pub batches: mpsc::Receiver<Bytes>,
    /// Who watches what.
    pub watching: Watching,
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
