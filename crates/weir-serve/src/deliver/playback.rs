//! A viewer on its way in: entered in the table of clients, then given to a delivery loop, with its
//! socket or with a task in between. Whether it may is decided before.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use weir_base::{Code, Refusal, limits};
use weir_hub::{ClientGuard, Grant, NewClient, Role, Stream, StreamPosition};

use super::format::Format;
use super::pool::Pool;
use super::sink::Sink;
use super::talk::Talk;
use super::task::Watching;
use super::viewer::NewViewer;

/// See the module's words. Dropped, the viewer has left again.
pub struct Playback {
    pool: Pool,
    stream: Arc<Stream>,
    format: Format,
    client: ClientGuard,
    after: Option<StreamPosition>,
}

impl Playback {
    /// Enters a viewer at `address` that will have `stream` in `format`, by leave of `grant`.
    ///
    /// # Errors
    /// 3006 when the stream's codecs cannot go out in this form, 5001 when the table is full.
    pub fn new(
        pool: &Pool,
        stream: Arc<Stream>,
        format: Format,
        address: SocketAddr,
        grant: Grant,
    ) -> Result<Self, Refusal> {
        if let Some(why) = format.refuses(&stream.ring.tracks()) {
            return Err(Refusal::new(Code::CodecUnsupported, why));
        }
        let new = NewClient {
            role: Role::Viewer,
            protocol: format.protocol(),
            name: stream.name.clone(),
            addr: address,
            is_node: format.form.about().is_for_nodes,
            identity: grant.identity,
            right: grant.right,
            wishes: None,
        };
        let now_us = pool.hub().clock().now_us();
        let client = pool.hub().clients().enter(new, now_us)?;
        Ok(Self {
            pool: pool.clone(),
            stream,
            format,
            client,
            after: None,
        })
    }

    /// For a node that comes back and has the stream up to `after`: it begins with what it missed, where
    /// the ring has that.
    #[must_use]
    pub fn after(self, after: Option<StreamPosition>) -> Self {
        Self { after, ..self }
    }

    /// The form it plays.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The loop owns the socket from now on. `greeting` goes out first, framing included.
    ///
    /// # Errors
    /// 4003 when the socket is lost, 5001 when the loops are swamped.
    pub fn over_socket(
        self,
        socket: TcpStream,
        greeting: Vec<u8>,
        talk: Option<Box<dyn Talk>>,
    ) -> Result<(), Refusal> {
        let socket = socket.into_std().map_err(|error| {
            let words = format!("the socket cannot be handed over: {error}");
            Refusal::new(Code::NetworkReset, words)
        })?;
        let viewer = NewViewer {
            sink: Sink::Socket(mio::net::TcpStream::from_std(socket)),
            client: self.client,
            greeting,
            talk,
            after: self.after,
        };
        self.pool.add(self.stream, self.format, viewer)
    }

    /// The loop hands batches to a task, which sends them and listens. `greeting` comes first.
    ///
    /// # Errors
    /// 5001 when the loops are swamped.
    pub fn over_task(
        self,
        greeting: Vec<u8>,
    ) -> Result<(mpsc::Receiver<Bytes>, Watching), Refusal> {
        let (queue, batches) = mpsc::channel(limits::TASK_BATCHES);
        let watching = Watching {
            client: Arc::clone(&self.client),
            stream: self.stream.clone(),
            clock: self.pool.hub().clock().clone(),
        };
        let viewer = NewViewer {
            sink: Sink::Task(queue),
            client: self.client,
            greeting,
            talk: None,
            after: self.after,
        };
        self.pool.add(self.stream, self.format, viewer)?;
        Ok((batches, watching))
    }
}
