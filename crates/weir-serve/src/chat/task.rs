//! The task between a chat loop and a connection whose socket the loop cannot own (TLS, HTTP/2).

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::pool::ChatLoopHandle;
use crate::http::response::UpgradedIo;

/// Bytes read at once: clients have little to say.
const READ_BYTES: usize = 2 * 1024;
/// How long the last bytes and the close may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Carries bytes both ways until either side ends.
pub(super) async fn carry(
    io: Box<dyn UpgradedIo>,
    mut batches: mpsc::Receiver<Bytes>,
    heard: mpsc::Sender<Bytes>,
    to: ChatLoopHandle,
) {
    let (mut reader, mut writer) = tokio::io::split(io);
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ_BYTES);
        tokio::select! {
            batch = batches.recv() => {
                let Some(batch) = batch else { break };
                if writer.write_all(&batch).await.is_err() || (batches.is_empty() && writer.flush().await.is_err()) {
                    return;
                }
            }
            read = reader.read_buf(&mut buffer) => {
                if !matches!(read, Ok(1..)) || heard.send(buffer.split().freeze()).await.is_err() {
                    break;
                }
                to.wake();
            }
        }
    }
    // What the loop hears of first is that nothing more is heard.
    drop(heard);
    to.wake();
    let _ = timeout(CLOSE_LIMIT, async {
        while let Some(batch) = batches.recv().await {
            if writer.write_all(&batch).await.is_err() {
                return;
            }
        }
        let _ = writer.shutdown().await;
    })
    .await;
}
