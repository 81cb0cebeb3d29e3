//! Where a viewer's bytes go: its own socket, or a task that stands between (TLS, HTTP/2).

use std::io::{self, IoSlice, Read, Write};

use bytes::Bytes;
use mio::net::TcpStream;
use tokio::sync::mpsc;

/// Where a viewer's bytes go. No write ever waits.
pub enum Sink {
    /// A plain TCP socket that the delivery loop owns.
    Socket(TcpStream),
    /// A bounded queue to a task that encrypts or multiplexes. Whole batches only.
    Task(mpsc::Sender<Bytes>),
}

impl Sink {
    /// Sends what fits of `slices` without waiting. `Ok(0)` is never returned for non-empty input.
    ///
    /// # Errors
    /// `WouldBlock` when nothing fits; any other error is the end of the viewer.
    pub fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => {
                let written = match slices {
                    [one] => socket.write(one)?,
                    many => socket.write_vectored(many)?,
                };
                if written == 0 {
                    Err(io::ErrorKind::WriteZero.into())
                } else {
                    Ok(written)
                }
            }
            Self::Task(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Hands shared bytes over as they are; only for tasks.
    ///
    /// # Errors
    /// `WouldBlock` when the queue is full; any other error is the end of the viewer.
    pub fn hand_over(&mut self, bytes: Bytes) -> io::Result<()> {
        let Self::Task(queue) = self else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        queue.try_send(bytes).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => io::ErrorKind::WouldBlock.into(),
            mpsc::error::TrySendError::Closed(_) => io::ErrorKind::BrokenPipe.into(),
        })
    }

    /// Reads what the viewer said. A task reads for itself.
    ///
    /// # Errors
    /// `WouldBlock` when it said nothing.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(socket) => socket.read(buffer),
            Self::Task(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Whether the task is gone.
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Task(queue) if queue.is_closed())
    }
}
