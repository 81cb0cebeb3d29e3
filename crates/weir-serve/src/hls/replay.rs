//! HLS of what was recorded: the same bytes under the same names as while it was live.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use weir_base::{Code, Id, Refusal};
use weir_media::hls::{Name, Resource, Selection};
use weir_record::block::{BlockName, MAX_BLOCK_BYTES};
use weir_record::playlist::{Stretch, playlist};
use weir_record::{Recording, manifest};

use super::asked::HlsRequest;
use super::piece::{kind_of, piece_response};
use super::service::{Hls, playlist_response};
use crate::packaging::Page;
use crate::reply::{Body, full};

/// Seconds for which caches may keep the list of a recording that is over: it may be taken away.
const OVER_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=5");
/// One that grows is asked for again and again.
const GROWING_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// What is for other nodes is kept by nobody between.
const NODES_CACHING: HeaderValue = HeaderValue::from_static("no-store");
/// What is known of a recording, for other nodes.
const VIEW: &str = "view";
/// Bytes of a block, for other nodes.
const BLOCK_ENDING: &str = ".blk";

/// Finds recordings that this node has nothing of: on other nodes, and in the store.
pub trait Archives: Send + Sync + 'static {
    /// The recording of this id, as it was a moment ago.
    ///
    /// # Errors
    /// 3001 where there is none, or it is being taken away; 5002 where it cannot be told now.
    fn find(&self, id: Id) -> FoundRecording<'_>;
}

/// What is found, after a while.
pub type FoundRecording<'a> =
    Pin<Box<dyn Future<Output = Result<Arc<Recording>, Refusal>> + Send + 'a>>;

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFile {
    /// `index.m3u8`
    Index,
    /// An init segment or a segment.
    Piece(Name),
    /// All that is known of it, for other nodes.
    View,
    /// Bytes of a block of it, for other nodes.
    Block(BlockName),
}

impl ReplayFile {
    /// The file that has this name.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        if file == "index.m3u8" {
            return Some(Self::Index);
        }
        if file == VIEW {
            return Some(Self::View);
        }
        if let Some(stem) = file.strip_suffix(BLOCK_ENDING) {
            return BlockName::parse(stem).map(Self::Block);
        }
        let name = weir_media::hls::parse_name(file)?;
        let is_kept = matches!(
            name.resource,
            Resource::Init { .. } | Resource::Segment { .. }
        );
        (is_kept && name.selection == Selection::Both).then_some(Self::Piece(name))
    }
}

impl Hls {
    /// Answers a file under `/r/{id}/`. Who may play the stream may play what was recorded of it.
    ///
    /// # Errors
    /// 3001 where there is no such recording or file, the gatekeeper's refusal; 6013 where the disk fails.
    pub async fn replay(
        &self,
        id: Id,
        file: &ReplayFile,
        asked: &HlsRequest<'_>,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let recording = self.recording(id).await?;
        let gone = || Refusal::new(Code::NotFound, "there is no such recording");
        let facts = recording.facts();
        let asked = HlsRequest {
            app: &facts.app,
            stream: &facts.stream,
            ..*asked
        };
        let admitted = asked.admit(&self.admission, headers).await?;
        // Leave for a stream of this name under another virtual host is leave for another's stream.
        if admitted.name.vhost() != facts.vhost {
            return Err(gone());
        }
        match file {
            ReplayFile::View | ReplayFile::Block(_) if admitted.is_viewer() => Err(gone()),
            ReplayFile::View => view_for_nodes(recording).await,
            ReplayFile::Block(name) => {
                let place = place(&asked)?;
                block_for_nodes(recording, *name, place).await
            }
            ReplayFile::Index => {
                let stretch = stretch(&asked)?;
                let is_over = facts.ended_ms.is_some();
                let caching = if is_over {
                    OVER_CACHING
                } else {
                    GROWING_CACHING
                };
                let text = blocking(move || Ok(playlist(&recording.view()?, stretch))).await?;
                let query = asked.carried(&admitted);
                Ok(playlist_response(
                    &Page::new(text),
                    &query,
                    headers,
                    caching,
                ))
            }
            ReplayFile::Piece(name) => {
                let wanted = name.clone();
                let found = blocking(move || read(&recording, &wanted)).await?;
                let gone =
                    || Refusal::new(Code::NotFound, format!("{name} is not in this recording"));
                let pieces = found.ok_or_else(gone)?;
                let length = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
                let kind = kind_of(name.resource);
                let request = (headers, asked.is_head);
                let response = piece_response(pieces, length, &name.to_string(), kind, request);
                let sent = if asked.is_head { 0 } else { length };
                self.core.hub.counters().sent(admitted.protocol(), sent);
                Ok(response.map(BodyExt::boxed_unsync))
            }
        }
    }
}

impl Hls {
    /// The recording of this id: one of this node, or else of wherever it is.
    ///
    /// # Errors
    /// 3001 where there is none; 5002 where it cannot be told now.
    pub async fn recording(&self, id: Id) -> Result<Arc<Recording>, Refusal> {
        if let Some(found) = self.spool.as_ref().and_then(|spool| spool.find(id)) {
            return Ok(found);
        }
        match &self.archives {
            Some(archives) => archives.find(id).await,
            None => Err(Refusal::new(Code::NotFound, "there is no such recording")),
        }
    }
}

/// All that is known of a recording.
async fn view_for_nodes(recording: Arc<Recording>) -> Result<Response<Body>, Refusal> {
    let told = blocking(move || {
        let view = recording.view()?;
        manifest::encode(&view).map_err(std::io::Error::other)
    });
    Ok(for_nodes(told.await?.into()))
}

/// Bytes of a block of it.
async fn block_for_nodes(
    recording: Arc<Recording>,
    name: BlockName,
    place: std::ops::Range<u32>,
) -> Result<Response<Body>, Refusal> {
    let found = blocking(move || {
        let view = recording.view()?;
        let block = view.blocks.iter().find(|block| block.name == name);
        recording.read(block.ok_or(std::io::ErrorKind::NotFound)?, place)
    });
    Ok(for_nodes(found.await?))
}

fn for_nodes(bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(full(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, NODES_CACHING);
    let kind = HeaderValue::from_static("application/octet-stream");
    headers.insert(header::CONTENT_TYPE, kind);
    response
}

/// `?from=` and `?to=`, bytes of a block.
fn place(asked: &HlsRequest<'_>) -> Result<std::ops::Range<u32>, Refusal> {
    let at = |name: &'static str| {
        let at: Option<u32> = asked.parameter(name).and_then(|text| text.parse().ok());
        at.filter(|at| (*at as usize) <= MAX_BLOCK_BYTES)
            .ok_or_else(|| {
                Refusal::new(
                    Code::ProtocolError,
                    format!("{name} is no place in a block"),
                )
            })
    };
    let (from, to) = (at("from")?, at("to")?);
    match from <= to {
        true => Ok(from..to),
        false => Err(Refusal::new(Code::ProtocolError, "from is behind to")),
    }
}

/// The bytes of a piece; none where the recording does not have it.
fn read(recording: &Recording, name: &Name) -> std::io::Result<Option<Vec<Bytes>>> {
    let view = recording.view()?;
    match name.resource {
        Resource::Segment { msn } => {
            let found = view.segment(&name.epoch, msn);
            found
                .map(|(block, segment)| recording.media(block, segment))
                .transpose()
        }
        Resource::Init { id } => {
            let found = view.init(&name.epoch, id);
            let bytes = found.map(|(block, place)| recording.read(block, place));
            Ok(bytes.transpose()?.map(|bytes| vec![bytes]))
        }
        _ => Ok(None),
    }
}

/// Work that the disk may hold up, off the threads that carry media.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    match done.map_err(std::io::Error::other).and_then(|done| done) {
        Ok(done) => Ok(done),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Refusal::new(
            Code::NotFound,
            "this recording was taken away",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::HostUnreachable => {
            tracing::warn!("a recording cannot be read now: {error}");
            let words = "this recording cannot be read now";
            Err(Refusal::new(Code::OriginUnreachable, words))
        }
        Err(error) => {
            tracing::error!("a recording cannot be read: {error}");
            Err(Code::Storage.into())
        }
    }
}

/// `?from=` and `?to=`, Unix milliseconds.
fn stretch(asked: &HlsRequest<'_>) -> Result<Stretch, Refusal> {
    let at = |name: &'static str, otherwise: i64| match asked.parameter(name) {
        None => Ok(otherwise),
        Some(text) => {
            let ms: Option<i64> = text.parse().ok();
            let us = ms.and_then(|ms| ms.checked_mul(1000));
            us.ok_or_else(|| {
                let words = format!("{name} is not a time: say it in Unix milliseconds");
                Refusal::new(Code::ProtocolError, words)
            })
        }
    };
    Ok(Stretch {
        from_us: at("from", i64::MIN)?,
        to_us: at("to", i64::MAX)?,
    })
}
