//! HLS of what was recorded: the same bytes under the same names as while it was live, and other forms of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use weir_base::{Code, Id, Refusal, StreamName};
use weir_media::MediaError;
use weir_media::hls::{Name, Resource, Selection};
use weir_record::block::BlockName;
use weir_record::iframes::iframes;
use weir_record::playlist::{Stretch, playlist};
use weir_record::stills::{parse_picture_name, poster};
use weir_record::transport::{NoSegment, ts_playlist, ts_segment};
use weir_record::{Facts, Recording};

use super::asked::{AdmittedRequest, HlsRequest};
use super::for_nodes::{block_for_nodes, view_for_nodes};
use super::piece::{kind_of, piece_response};
use super::service::{Hls, playlist_response};
use super::stills::jpeg_response;
use crate::packaging::Page;
use crate::reply::Body;
use crate::request::time_shift::TimeShift;

/// Seconds for which caches may keep the list of a recording that is over: it may be taken away.
const OVER_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=5");
/// One that grows is asked for again and again.
const GROWING_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// What is known of a recording, for other nodes.
const VIEW: &str = "view";
/// Bytes of a block, for other nodes.
const BLOCK_ENDING: &str = ".blk";

/// Finds recordings that this node has nothing of: on other nodes, and in the store.
pub trait Archives: Send + Sync + 'static {
    /// The recording or the clip of this id, as it was a moment ago.
    ///
    /// # Errors
    /// 3001 where there is none, or it is being taken away; 5002 where it cannot be told now.
    fn find(&self, id: Id) -> FoundRecording<'_>;

    /// What people say against it being played of which this node has all, as it was a moment ago.
    fn objection(&self, id: Id) -> FoundObjection<'_> {
        let _ = id;
        Box::pin(std::future::ready(None))
    }

    /// The picture of a recording that is in the store, where there is one and the store answers.
    fn poster(&self, id: Id) -> FoundPoster<'_> {
        let _ = id;
        Box::pin(std::future::ready(None))
    }
}

/// A picture, after a while.
pub type FoundPoster<'a> = Pin<Box<dyn Future<Output = Option<Bytes>> + Send + 'a>>;

/// Why it is not played, after a while; `None` where it is.
pub type FoundObjection<'a> = Pin<Box<dyn Future<Output = Option<Refusal>> + Send + 'a>>;

/// What is found, after a while.
pub type FoundRecording<'a> = Pin<Box<dyn Future<Output = Result<FoundById, Refusal>> + Send + 'a>>;

/// What an id is of.
#[derive(Debug, Clone)]
pub enum FoundById {
    /// All of a recording may be played.
    Recording(Arc<Recording>),
    /// A clip: a stretch of the recording of this id.
    Clip(Id, Stretch),
}

/// A file of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplayFile {
    /// `index.m3u8`
    Index,
    /// All of it as one MP4 file.
    Whole,
    /// `iframes.m3u8`: its keyframes alone.
    Iframes,
    /// `ts.m3u8`: the same as MPEG-TS.
    Ts,
    /// `storyboard.vtt`: which picture is shown when.
    Storyboard,
    /// `poster.jpg`: a picture that stands for all of it.
    Poster,
    /// `picture-{epoch}-{msn}.jpg`: what a segment begins with.
    Picture(String, u64),
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
        Some(match file {
            "index.m3u8" => Self::Index,
            "iframes.m3u8" => Self::Iframes,
            "ts.m3u8" => Self::Ts,
            "storyboard.vtt" => Self::Storyboard,
            "poster.jpg" => Self::Poster,
            VIEW => Self::View,
            _ => {
                if let Some(stem) = file.strip_suffix(BLOCK_ENDING) {
                    return BlockName::parse(stem).map(Self::Block);
                }
                if let Some((epoch, msn)) = parse_picture_name(file) {
                    return Some(Self::Picture(epoch, msn));
                }
                let name = weir_media::hls::parse_name(file)?;
                let is_ts = matches!(name.resource, Resource::TsSegment { .. });
                let is_made = is_ts && name.selection == Selection::Both;
                (is_kept(&name) || is_made).then_some(Self::Piece(name))?
            }
        })
    }
}

/// Whether recordings have pieces of such a name.
pub(super) fn is_kept(name: &Name) -> bool {
    let is_kept = matches!(
        name.resource,
        Resource::Init { .. } | Resource::Segment { .. } | Resource::Segments { .. }
    );
    is_kept && name.selection == Selection::Both
}

/// A recording, and what of it may be played and is asked for.
struct Wanted {
    recording: Arc<Recording>,
    facts: Facts,
    /// All of it, or a clip.
    most: Stretch,
    stretch: Stretch,
}

impl Hls {
    /// Answers a file under `/r/{id}/`. Who may play the stream may play what was recorded of it.
    ///
    /// # Errors
    /// 3001 where there is no such recording or file, the gatekeeper's refusal; 3009 where nothing was recorded then;
    /// 5003 where the disk fails.
    pub async fn replay(
        &self,
        id: Id,
        file: &ReplayFile,
        asked: &HlsRequest<'_>,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let (recording, most) = match file {
            // Another node wants to know what this one has, and not what it knows of others.
            ReplayFile::View | ReplayFile::Block(_) => (self.own_recording(id)?, Stretch::ALL),
            _ => self.shown(id).await?,
        };
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
            ReplayFile::View if !admitted.is_viewer() => return view_for_nodes(recording).await,
            ReplayFile::Block(name) if !admitted.is_viewer() => {
                return block_for_nodes(recording, *name, &asked).await;
            }
            _ => {}
        }
        let wanted = Wanted {
            stretch: within(stretch(&asked)?, most),
            facts: facts.clone(),
            recording,
            most,
        };
        match file {
            // They are for nodes alone.
            ReplayFile::View | ReplayFile::Block(_) => Err(gone()),
            ReplayFile::Index | ReplayFile::Iframes | ReplayFile::Ts => {
                replayed_list(file, wanted, (&asked, &admitted), headers).await
            }
            ReplayFile::Whole => {
                let is_saved = asked.parameter("download").is_some();
                let of_file = (wanted.stretch, is_saved.then_some(&wanted.facts));
                let request = (headers, asked.is_head);
                let answer = self.downloads.answer(wanted.recording, of_file, request);
                let (response, sent) = answer.await?;
                self.core.hub.counters().sent(admitted.protocol(), sent);
                Ok(response)
            }
            ReplayFile::Storyboard => {
                let made = self.pictures.storyboard(wanted.recording, wanted.stretch);
                made.await
            }
            ReplayFile::Poster | ReplayFile::Picture(..) => {
                let request = (headers, asked.is_head);
                self.picture(file, wanted, admitted.name, request).await
            }
            ReplayFile::Piece(name) => {
                let request = (headers, asked.is_head);
                let (response, sent) = replayed_piece(wanted, name, request).await?;
                self.core.hub.counters().sent(admitted.protocol(), sent);
                Ok(response)
            }
        }
    }
}

impl Hls {
    /// The recording of this id: one of this node, or else of wherever it and all its parts are.
    ///
    /// # Errors
    /// 3001 where there is none; 5002 where it cannot be told now.
    pub async fn recording(&self, id: Id) -> Result<Arc<Recording>, Refusal> {
        match self.find(id).await? {
            FoundById::Recording(recording) => Ok(recording),
            FoundById::Clip(..) => Err(Refusal::new(Code::NotFound, "it is a clip")),
        }
    }

    async fn find(&self, id: Id) -> Result<FoundById, Refusal> {
        let own = self.own_recording(id);
        match &self.archives {
            // Half of one is nowhere shown as the whole.
            Some(archives) if own.as_ref().map_or(true, |own| own.is_shared()) => {
                archives.find(id).await
            }
            _ => own.map(FoundById::Recording),
        }
    }

    /// What this node itself has of the recording of this id.
    fn own_recording(&self, id: Id) -> Result<Arc<Recording>, Refusal> {
        let found = self.spool.as_ref().and_then(|spool| spool.find(id));
        found.ok_or_else(|| Refusal::new(Code::NotFound, "there is no such recording"))
    }

    /// What is found of this id, where nobody hides it.
    async fn shown(&self, id: Id) -> Result<(Arc<Recording>, Stretch), Refusal> {
        match self.objection(id).await {
            Some(refusal) => Err(refusal),
            None => self.found(id).await,
        }
    }

    /// Why a recording of this node is not played; of what is elsewhere, who finds it says so.
    pub(super) async fn objection(&self, id: Id) -> Option<Refusal> {
        self.own_recording(id).ok()?;
        self.archives.as_ref()?.objection(id).await
    }

    /// The recording of this id, or that of the clip, and what of it may be played.
    async fn found(&self, id: Id) -> Result<(Arc<Recording>, Stretch), Refusal> {
        match self.find(id).await? {
            FoundById::Recording(recording) => Ok((recording, Stretch::ALL)),
            FoundById::Clip(of, stretch) => Ok((self.recording(of).await?, stretch)),
        }
    }

    /// The picture that stands for a recording that is over, made anew.
    ///
    /// # Errors
    /// 3001 where it has no pictures, 6008 where nobody makes any; the disk's.
    pub async fn poster_of(&self, recording: Arc<Recording>) -> Result<Bytes, Refusal> {
        let facts = recording.facts();
        let name = StreamName::new(&facts.vhost, &facts.app, &facts.stream)?;
        let viewed = recording.clone();
        let place = blocking(move || Ok(poster(&viewed.view()?, Stretch::ALL))).await?;
        let none = || Refusal::new(Code::NotFound, "there is no picture in it");
        self.pictures
            .jpeg((recording, name), place.ok_or_else(none)?)
            .await
    }

    /// The picture that is kept of a whole recording, here or in the store.
    async fn kept_poster(&self, recording: Arc<Recording>) -> Option<Bytes> {
        let id = recording.id;
        match blocking(move || recording.poster()).await {
            Ok(Some(jpeg)) => Some(jpeg),
            _ => self.archives.as_ref()?.poster(id).await,
        }
    }

    async fn picture(
        &self,
        file: &ReplayFile,
        wanted: Wanted,
        stream: StreamName,
        request: (&HeaderMap, bool),
    ) -> Result<Response<Body>, Refusal> {
        let (recording, most) = (wanted.recording.clone(), wanted.most);
        let is_whole = *file == ReplayFile::Poster && wanted.stretch == Stretch::ALL;
        if is_whole
            && wanted.facts.ended_ms.is_some()
            && let Some(jpeg) = self.kept_poster(recording.clone()).await
        {
            return Ok(jpeg_response(
                jpeg,
                &format!("poster-{}", recording.id),
                request,
            ));
        }
        let place = match file {
            ReplayFile::Picture(epoch, msn) => {
                let (epoch, msn) = (epoch.clone(), *msn);
                blocking(move || {
                    let view = recording.view()?;
                    let found = view.segment(&epoch, msn);
                    let is_in = found.is_some_and(|(_, segment)| most.has(segment));
                    Ok(is_in.then_some((epoch, msn)))
                })
                .await?
            }
            _ => blocking(move || Ok(poster(&recording.view()?, wanted.stretch))).await?,
        };
        let none = || Refusal::new(Code::NotFound, "there is no such picture");
        let of = (wanted.recording, stream);
        self.pictures
            .answer(of, place.ok_or_else(none)?, request)
            .await
    }
}

async fn replayed_list(
    file: &ReplayFile,
    wanted: Wanted,
    (asked, admitted): (&HlsRequest<'_>, &AdmittedRequest),
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let caching = match wanted.facts.ended_ms {
        Some(_) => OVER_CACHING,
        None => GROWING_CACHING,
    };
    let Wanted {
        recording, stretch, ..
    } = wanted;
    let text = match file {
        ReplayFile::Iframes => {
            let text = blocking(move || iframes(&recording, stretch)).await?;
            let none = || Refusal::new(Code::NotKept, "there are no keyframes in it");
            text.ok_or_else(none)?
        }
        ReplayFile::Ts => blocking(move || Ok(ts_playlist(&recording.view()?, stretch))).await?,
        _ => blocking(move || Ok(playlist(&recording.view()?, stretch))).await?,
    };
    let query = asked.carried(admitted);
    Ok(playlist_response(
        &Page::new(text),
        &query,
        headers,
        caching,
    ))
}

async fn replayed_piece(
    wanted: Wanted,
    name: &Name,
    request: (&HeaderMap, bool),
) -> Result<(Response<Body>, u64), Refusal> {
    let of_thread = name.clone();
    let found = blocking(move || {
        let (recording, name) = (&wanted.recording, &of_thread);
        if !has(recording, name, wanted.most)? {
            return Ok(Ok(None));
        }
        if let Resource::TsSegment { msn } = name.resource {
            return match ts_segment(recording, &name.epoch, msn) {
                Ok(bytes) => Ok(Ok(Some(vec![bytes]))),
                Err(NoSegment::Empty) => Ok(Ok(None)),
                Err(NoSegment::Media(error)) => Ok(Err(error)),
                Err(NoSegment::Disk(error)) => Err(error),
            };
        }
        read(recording, name).map(Ok)
    });
    let uncarried = |error: MediaError| Refusal::new(Code::CodecUnsupported, error.to_string());
    let found = found.await?.map_err(uncarried)?;
    let gone = || Refusal::new(Code::NotFound, format!("{name} is not in this recording"));
    let pieces = found.ok_or_else(gone)?;
    let length = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
    let kind = kind_of(name.resource);
    let response = piece_response(pieces, length, &name.to_string(), kind, request);
    let sent = if request.1 { 0 } else { response.body().size() };
    Ok((response.map(BodyExt::boxed_unsync), sent))
}

/// `?from=` and `?to=`, Unix milliseconds or RFC 3339.
fn stretch(asked: &HlsRequest<'_>) -> Result<Stretch, Refusal> {
    let at = |name| TimeShift::time(asked.query, name);
    Ok(Stretch {
        from_us: at("from")?.unwrap_or(i64::MIN),
        to_us: at("to")?.unwrap_or(i64::MAX),
    })
}

fn within(asked: Stretch, most: Stretch) -> Stretch {
    Stretch {
        from_us: asked.from_us.max(most.from_us),
        to_us: asked.to_us.min(most.to_us),
    }
}

/// Whether a piece is of a stretch. Init segments are of all.
fn has(recording: &Recording, name: &Name, stretch: Stretch) -> std::io::Result<bool> {
    let (Resource::Segment { msn } | Resource::Segments { msn, .. } | Resource::TsSegment { msn }) =
        name.resource
    else {
        return Ok(true);
    };
    let view = recording.view()?;
    let found = view.segment(&name.epoch, msn);
    Ok(found.is_some_and(|(_, segment)| stretch.has(segment)))
}

/// The bytes of a piece; none where the recording does not have it.
pub(super) fn read(recording: &Recording, name: &Name) -> std::io::Result<Option<Vec<Bytes>>> {
    let view = recording.view()?;
    match name.resource {
        Resource::Segments { msn, count } => {
            let found = view.segments_in_a_row(&name.epoch, msn, count);
            found
                .map(|(block, segments)| recording.media_of(block, segments))
                .transpose()
        }
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
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(work).await;
    match done.map_err(std::io::Error::other).and_then(|done| done) {
        Ok(done) => Ok(done),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Refusal::new(
            Code::NotFound,
            "this recording was taken away",
        )),
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
            let words = "as many wait here for recordings from elsewhere as may";
            Err(Refusal::new(Code::Overloaded, words))
        }
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
