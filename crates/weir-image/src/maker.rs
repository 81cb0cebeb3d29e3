//! Starts the process that makes a picture, gives it the file, and reads what it says: so much and no longer.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::MAX_SENT_BYTES;
use crate::error::PictureError;
use crate::kind::Kind;
use crate::wire::{MAX_ANSWER_BYTES, Made, read_answer};
use crate::worker::COMMAND;

/// Pictures that are made at once. Each may take a core and a GiB for a moment.
const AT_ONCE: usize = 2;
/// Those that wait for their turn, the ones at work among them.
const IN_LINE: usize = 16;
/// How long one may take, with its start.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Makes pictures, a few at once. Clones share the line.
#[derive(Debug, Clone)]
pub struct PictureMaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    line: Semaphore,
    work: Semaphore,
}

impl PictureMaker {
    /// `program` is this binary: it is started with [`COMMAND`] and a kind.
    pub fn new(program: PathBuf) -> Self {
        Self(Arc::new(Inner {
            program,
            line: Semaphore::new(IN_LINE),
            work: Semaphore::new(AT_ONCE),
        }))
    }

    /// Makes a picture anew.
    ///
    /// # Errors
    /// [`PictureError`]; a process that died at the file says that the file is broken.
    pub async fn make(&self, file: Bytes, kind: Kind) -> Result<Vec<Made>, PictureError> {
        if file.len() > MAX_SENT_BYTES {
            let words = format!("a picture has at most {MAX_SENT_BYTES} bytes");
            return Err(PictureError::TooLarge(words.into()));
        }
        let inner = &self.0;
        let _place = inner.line.try_acquire().map_err(|_| PictureError::Busy)?;
        let turn = inner.work.acquire().await;
        let _turn = turn.map_err(|_| PictureError::Busy)?;
        let mut child = self.start(kind)?;
        let spoken = tokio::time::timeout(TIMEOUT, speak(&mut child, &file)).await;
        match spoken {
            Ok(answer) => read_answer(&answer?, kind),
            Err(_) => {
                let _ = child.kill().await;
                Err(PictureError::broken("the picture took too long to read"))
            }
        }
    }

    fn start(&self, kind: Kind) -> Result<Child, PictureError> {
        Command::new(&self.0.program)
            .args([COMMAND, kind.name()])
            // Secrets may stand in it, and settings that change what the program does.
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| PictureError::Fault(error.to_string()))
    }
}

/// The whole answer of a process that ended as it should.
async fn speak(child: &mut Child, file: &[u8]) -> Result<Vec<u8>, PictureError> {
    let fault = |words: &str| PictureError::Fault(words.to_owned());
    let mut to = child.stdin.take().ok_or_else(|| fault("no way in"))?;
    let from = child.stdout.take().ok_or_else(|| fault("no way out"))?;
    let write = async move {
        // One that died reads no more: its end says so below.
        let _ = to.write_all(file).await;
        drop(to);
    };
    let read = async move {
        let mut answer = Vec::new();
        let most = u64::try_from(MAX_ANSWER_BYTES).unwrap_or(u64::MAX);
        let read = from.take(most).read_to_end(&mut answer).await;
        read.map(|_| answer)
    };
    let ((), answer) = tokio::join!(write, read);
    let ended = child.wait().await;
    match (answer, ended) {
        (Ok(answer), Ok(status)) if status.success() && !answer.is_empty() => Ok(answer),
        (_, ended) => {
            tracing::warn!("a process died at a picture: {ended:?}");
            let words = "reading the picture took more memory or time than a picture needs";
            Err(PictureError::broken(words))
        }
    }
}
