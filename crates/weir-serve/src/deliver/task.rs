//! The task that stands between a delivery loop and a viewer whose socket the loop cannot own: batches
//! out, what the viewer says in.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use weir_base::{Clock, Code};
use weir_hub::{Client, Stream};

use super::talk::{Over, Talk};

/// Bytes read at once: viewers have little to say.
const READ_BYTES: usize = 1024;
/// How long the last bytes and the close may take.
const CLOSE_LIMIT: Duration = Duration::from_millis(500);

/// Who watches what.
pub struct Watching {
    /// The viewer.
    pub client: Arc<Client>,
    /// What it watches.
    pub stream: Arc<Stream>,
    /// For the times its conversation wants.
    pub clock: Clock,
}

impl Watching {
    /// Why its batches ended, and what is over.
    pub fn why_over(&self) -> (Code, Over) {
        match (self.client.kicked(), self.stream.ended()) {
            (Some(code), _) => (code, Over::Connection),
            (None, Some(ended)) => (ended.code_for(self.client.is_node), Over::Stream),
            (None, None) => (Code::TooSlow, Over::Connection),
        }
    }
}

/// Carries batches to a connection until either side ends, and says goodbye.
pub async fn carry<S>(
    io: S,
    mut talk: Box<dyn Talk>,
    mut batches: mpsc::Receiver<Bytes>,
    watching: Watching,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut buffer = BytesMut::new();
    let mut answers = Vec::new();
    loop {
        buffer.clear();
        buffer.reserve(READ_BYTES);
        tokio::select! {
            batch = batches.recv() => {
                let Some(batch) = batch else { break };
                if writer.write_all(&batch).await.is_err() || (batches.is_empty() && writer.flush().await.is_err()) {
                    return;
                }
            }
            read = reader.read_buf(&mut buffer) => {
                if !matches!(read, Ok(1..)) {
                    return;
                }
                answers.clear();
                // A queue of whole batches cannot be paused: such a viewer drops what it does not want.
                let over = talk.receive(watching.clock.now_us(), &buffer, &mut answers, &mut |_| {});
                // Answers may stand between whole batches only, and here we are between two.
                if writer.write_all(&answers).await.is_err() || writer.flush().await.is_err() || over.is_some() {
                    return;
                }
            }
        }
    }
    let (code, over) = watching.why_over();
    answers.clear();
    talk.goodbye(code, over, &mut answers);
    let _ = timeout(CLOSE_LIMIT, writer.write_all(&answers)).await;
    let _ = timeout(CLOSE_LIMIT, writer.shutdown()).await;
}
