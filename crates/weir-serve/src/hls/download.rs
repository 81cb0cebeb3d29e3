//! Recordings as MP4 files over HTTP: of a length that is known at once, in ranges, and written nowhere.

use std::collections::VecDeque;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use weir_base::{Code, Refusal, rfc3339};
use weir_record::file::{File, NoFile, name_of};
use weir_record::playlist::Stretch;
use weir_record::{Facts, Recording};

use super::piece::Cut;
use super::replay::blocking;
use crate::reply::{Body, full};

/// Files whose heads are kept: a player asks for many ranges of one.
const KEPT_FILES: usize = 64;
/// Bytes of heads that are kept.
const KEPT_BYTES: usize = 96 << 20;
/// Heads that are made at once: one of six hours takes a core for a moment, and some twenty megabytes.
const MAKERS: usize = 2;
/// The caching of a file: it may be taken away.
const CACHING: &str = "public, max-age=60";

/// Files that are known. Clones share them.
#[derive(Clone)]
pub(super) struct Downloads(Arc<Inner>);

struct Inner {
    /// The latest last.
    kept: Mutex<VecDeque<Arc<File>>>,
    makers: Semaphore,
}

impl Default for Downloads {
    fn default() -> Self {
        Self(Arc::new(Inner {
            kept: Mutex::default(),
            makers: Semaphore::new(MAKERS),
        }))
    }
}

impl Downloads {
    /// The file of a stretch of a recording, as it is now.
    ///
    /// # Errors
    /// 3009 where nothing is there, 4004 where it is too long, 3006 where it cannot be one file; the disk's.
    async fn file(
        &self,
        recording: Arc<Recording>,
        stretch: Stretch,
    ) -> Result<Arc<File>, Refusal> {
        let named = recording.clone();
        let name = blocking(move || Ok(name_of(&named.view()?, stretch)));
        let name = name.await?.map_err(refusal)?;
        if let Some(file) = self.known(&name) {
            return Ok(file);
        }
        let permit = self.0.makers.acquire().await;
        let _permit = permit.map_err(|_| Refusal::from(Code::Draining))?;
        // Whoever was before made it, perhaps.
        if let Some(file) = self.known(&name) {
            return Ok(file);
        }
        let made = blocking(move || match File::of(&recording, stretch) {
            Err(NoFile::Disk(error)) => Err(error),
            made => Ok(made),
        });
        let file = Arc::new(made.await?.map_err(refusal)?);
        self.keep(file.clone());
        Ok(file)
    }

    fn known(&self, name: &str) -> Option<Arc<File>> {
        let mut kept = self.0.kept.lock();
        let at = kept.iter().position(|file| file.name == name)?;
        let file = kept.remove(at)?;
        kept.push_back(file.clone());
        Some(file)
    }

    fn keep(&self, file: Arc<File>) {
        let mut kept = self.0.kept.lock();
        kept.push_back(file);
        let bytes = |kept: &VecDeque<Arc<File>>| -> usize {
            kept.iter().map(|file| file.bytes_in_memory()).sum()
        };
        while kept.len() > KEPT_FILES || kept.len() > 1 && bytes(&kept) > KEPT_BYTES {
            kept.pop_front();
        }
    }

    /// Answers with the file; `facts` name it where it is to be saved.
    pub(super) async fn answer(
        &self,
        recording: Arc<Recording>,
        (stretch, saved_as): (Stretch, Option<&Facts>),
        request: (&HeaderMap, bool),
    ) -> Result<(Response<Body>, u64), Refusal> {
        let file = self.file(recording, stretch).await?;
        let cut = Cut::of(&file.name, file.len, request);
        let mut sent = 0;
        let body = match cut.has_bytes() {
            true => {
                sent = if request.1 {
                    0
                } else {
                    cut.range.end - cut.range.start
                };
                FileBody::new(file, cut.range.clone()).boxed_unsync()
            }
            false => full(Bytes::new()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = cut.status;
        let out = response.headers_mut();
        cut.put(out, "video/mp4", CACHING);
        if let Some(value) = saved_as.and_then(disposition) {
            out.insert(header::CONTENT_DISPOSITION, value);
        }
        Ok((response, sent))
    }
}

/// What a browser saves it as.
fn disposition(facts: &Facts) -> Option<HeaderValue> {
    let began = rfc3339(facts.started_ms);
    let (day, time) = (began.get(..10)?, began.get(11..19)?.replace(':', ""));
    let name = format!("{}-{day}-{time}.mp4", facts.stream);
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded = utf8_percent_encode(&name, NON_ALPHANUMERIC);
    let text = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    HeaderValue::from_str(&text).ok()
}

fn refusal(no_file: NoFile) -> Refusal {
    let code = match &no_file {
        NoFile::Empty => Code::NotKept,
        NoFile::TooLong => Code::ProtocolError,
        NoFile::Media(_) => Code::CodecUnsupported,
        NoFile::Disk(_) => Code::Storage,
    };
    Refusal::new(code, no_file.to_string())
}

type Reading = JoinHandle<std::io::Result<Vec<Bytes>>>;

/// A part of a file, read while it is sent: a segment on its way, and the next one at most.
struct FileBody {
    file: Arc<File>,
    /// Where what is read next begins, and where all ends.
    at: u64,
    end: u64,
    /// Bytes that are still to be given.
    left: u64,
    pieces: VecDeque<Bytes>,
    reading: Option<Reading>,
}

impl FileBody {
    fn new(file: Arc<File>, range: std::ops::Range<u64>) -> Self {
        Self {
            file,
            at: range.start,
            end: range.end,
            left: range.end - range.start,
            pieces: VecDeque::new(),
            reading: None,
        }
    }

    fn read_on(&mut self) {
        if self.reading.is_none() && self.at < self.end {
            let (file, at) = (self.file.clone(), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || file.read(at)));
        }
    }

    fn take(&mut self, pieces: Vec<Bytes>) {
        for mut piece in pieces {
            let room = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
            piece.truncate(room);
            self.at += piece.len() as u64;
            if !piece.is_empty() {
                self.pieces.push_back(piece);
            }
        }
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        loop {
            if let Some(piece) = self.pieces.pop_front() {
                self.left -= piece.len() as u64;
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            self.read_on();
            let Some(reading) = &mut self.reading else {
                return Poll::Ready(None);
            };
            let read = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            let read = read.map_err(std::io::Error::other).and_then(|read| read);
            match read {
                Ok(pieces) if !pieces.is_empty() => self.take(pieces),
                Ok(_) => {
                    return Poll::Ready(Some(Err(std::io::ErrorKind::UnexpectedEof.into())));
                }
                Err(error) => {
                    tracing::error!("a file of a recording ends early: {error}");
                    return Poll::Ready(Some(Err(error)));
                }
            }
            self.read_on();
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
