//! HLS of what was recorded: the same bytes under the same names as while it was live.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use weir_base::{Code, Id, Refusal};
use weir_media::hls::{Name, Resource, Selection};
use weir_record::Recording;
use weir_record::playlist::{Stretch, playlist};

use super::asked::HlsRequest;
use super::piece::{kind_of, piece_response};
use super::service::{Hls, playlist_response};
use crate::packaging::Page;
use crate::reply::Body;

/// Seconds for which caches may keep the list of a recording that is over: it may be taken away.
const OVER_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=5");
/// One that grows is asked for again and again.
const GROWING_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFile {
    /// `index.m3u8`
    Index,
    /// An init segment or a segment.
    Piece(Name),
}

impl ReplayFile {
    /// The file that has this name.
    pub(crate) fn parse(file: &str) -> Option<Self> {
        if file == "index.m3u8" {
            return Some(Self::Index);
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
        let recording = self.spool.as_ref().and_then(|spool| spool.find(id));
        let gone = || Refusal::new(Code::NotFound, "there is no such recording");
        let recording = recording.ok_or_else(gone)?;
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
