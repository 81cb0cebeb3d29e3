//! Going back in a stream while it is live, or later under the address that it had: lists of what was recorded, and
//! the segments of those lists under the names that they had while they were live.

mod plan;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use weir_base::{Code, Refusal, StreamName};
use weir_media::fmp4::read::movie;
use weir_media::hls::{Multivariant, Name, Variant, multivariant_playlist};
use weir_record::shifted::{Growth, Shifted};
use weir_record::{Recording, View};

use self::plan::PastWanted;
use super::asked::{AdmittedRequest, HlsRequest};
use super::edge::What;
use super::own::encode;
use super::replay::{blocking, read};
use super::service::{Hls, passed_on, playlist_response};
use crate::packaging::Page;
use crate::reply::Body;
use crate::request::time_shift::TimeShift;

/// Seconds for which caches may keep a list that changes no more: what it is of may be taken away.
const FIXED_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=5");
/// The same of one that grows.
const GROWING_CACHING: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// Recordings of a stream, the newest, of which other nodes are asked what they have.
const MAX_SHARED: usize = 4;

/// What of the past is asked for, and as what.
#[derive(Debug, Clone, Copy)]
pub(super) struct PastAsked {
    pub(super) shift: TimeShift,
    /// The playlist that names the list, and not the list itself.
    pub(super) is_multivariant: bool,
}

impl Hls {
    /// A list of a stream's past: of this node's recordings, or of the node's that has the stream.
    pub(super) async fn past(
        &self,
        past: PastAsked,
        (asked, admitted): (&HlsRequest<'_>, &AdmittedRequest),
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let query = asked.carried(admitted);
        let none = || Refusal::new(Code::NotFound, "this stream is not recorded here");
        let here = match self.recorded(&admitted.name).await {
            Ok(recordings) if recordings.is_empty() => Err(none()),
            Ok(recordings) => self.past_here(past, &admitted.name, recordings).await,
            Err(refused) => Err(refused),
        };
        let refused = match here {
            Ok((page, caching)) => {
                self.note_viewer(asked, admitted, headers);
                return Ok(playlist_response(&page, &query, headers, caching));
            }
            Err(refused) => refused,
        };
        let PastAsked {
            shift,
            is_multivariant,
        } = past;
        let what = What::Past {
            is_multivariant,
            shift,
        };
        let there = self.edge().object(asked, admitted, &what, headers).await;
        match there {
            Ok(Some(object)) => passed_on(&object, &query, headers),
            // Nobody has the stream: what this node says of it is more.
            Err(other) if other.code != Code::NotLive => Err(other),
            Ok(None) | Err(_) => Err(refused),
        }
    }

    async fn past_here(
        &self,
        past: PastAsked,
        name: &StreamName,
        recordings: Vec<Arc<Recording>>,
    ) -> Result<(Page, HeaderValue), Refusal> {
        let wanted = PastWanted {
            shift: past.shift,
            now_us: self.core.hub.clock().wall_us(),
            limit_us: self.limit_us(name),
        };
        let (spool, folder) = (self.spool.clone(), encode(name.stream()));
        let work = move || {
            let plan = match wanted.plan(&recordings) {
                Ok(plan) => plan,
                Err(refused) => return Ok(Err(refused)),
            };
            // Whose tables are read is asked for, and what is asked for rests one day.
            let views = plan.recordings.iter().map(|one| {
                let _asked_for = spool.as_ref().and_then(|spool| spool.find(one.id));
                one.view()
            });
            let views = views.collect::<std::io::Result<Vec<_>>>()?;
            let text = match past.is_multivariant {
                true => {
                    let query = past.shift.query();
                    named(&plan.list, &plan.recordings, &views, (&folder, &query))?
                }
                false => plan.list.text(&views),
            };
            let Some(text) = text else {
                return Ok(Err(wanted.nothing(&views)));
            };
            let page = Page::new(text);
            // Here, and not on a thread that carries media: a day's list takes some milliseconds.
            page.gzip();
            let caching = match plan.list.growth {
                Growth::Fixed if !past.is_multivariant => FIXED_CACHING,
                _ => GROWING_CACHING,
            };
            Ok(Ok((page, caching)))
        };
        blocking(work).await?
    }

    /// The recordings of a stream on this node, the newest first; with what other nodes have of them, where the stream
    /// moved.
    async fn recorded(&self, name: &StreamName) -> Result<Vec<Arc<Recording>>, Refusal> {
        let mut recordings = self.recorded_here(name);
        for recording in recordings.iter_mut().take(MAX_SHARED) {
            if recording.is_shared() {
                *recording = self.recording(recording.id).await?;
            }
        }
        Ok(recordings)
    }

    /// What this node itself has of a stream, the newest first.
    fn recorded_here(&self, name: &StreamName) -> Vec<Arc<Recording>> {
        let spool = self.spool.as_ref();
        spool.map(|spool| spool.of_stream(name)).unwrap_or_default()
    }

    /// Microseconds that viewers may go back in a live stream, where its publisher says so.
    fn limit_us(&self, name: &StreamName) -> Option<i64> {
        let publisher = self.core.hub.find(name)?.publisher()?;
        let client = self.core.hub.clients().find(publisher.id)?;
        let dvr_s = client.wishes.as_ref()?.dvr_s?;
        Some(i64::from(dvr_s) * 1_000_000)
    }

    pub(super) fn note_viewer(
        &self,
        asked: &HlsRequest<'_>,
        admitted: &AdmittedRequest,
        headers: &HeaderMap,
    ) {
        let hub = &self.core.hub;
        if let (Some(visitor), Some(stream)) =
            (asked.visitor(admitted, headers), hub.find(&admitted.name))
        {
            let now_us = hub.clock().now_us();
            hub.audience().asked(visitor, Some(&stream), now_us);
        }
    }

    /// The bytes of a piece that is in no packager's window any more, where it was recorded here: one name, whoever
    /// has its bytes.
    pub(super) async fn past_piece(
        &self,
        stream: &StreamName,
        name: &Name,
    ) -> Result<Option<Vec<Bytes>>, Refusal> {
        let here = self.recorded_here(stream);
        let is_shared = here.iter().any(|recording| recording.is_shared());
        if let Some(pieces) = self.piece_of(here, name).await? {
            return Ok(Some(pieces));
        }
        match is_shared {
            true => self.piece_of(self.recorded(stream).await?, name).await,
            false => Ok(None),
        }
    }

    async fn piece_of(
        &self,
        recordings: Vec<Arc<Recording>>,
        name: &Name,
    ) -> Result<Option<Vec<Bytes>>, Refusal> {
        if recordings.is_empty() {
            return Ok(None);
        }
        let (spool, name) = (self.spool.clone(), name.clone());
        let work = move || {
            for recording in recordings {
                let _asked_for = spool.as_ref().and_then(|spool| spool.find(recording.id));
                if let Some(pieces) = read(&recording, &name)? {
                    return Ok(Some((recording, pieces)));
                }
            }
            Ok(None)
        };
        let Some((recording, pieces)) = blocking(work).await? else {
            return Ok(None);
        };
        // Who goes back in what is live waits for nobody's word: what goes on is ended, and not hidden.
        if recording.facts().ended_ms.is_some()
            && let Some(refusal) = self.objection(recording.id).await
        {
            return Err(refusal);
        }
        Ok(Some(pieces))
    }
}

/// The playlist that names a list, with what it takes to play it.
fn named(
    list: &Shifted,
    recordings: &[Arc<Recording>],
    views: &[View],
    (folder, query): (&str, &str),
) -> std::io::Result<Option<String>> {
    let Some(run) = list.first(views) else {
        return Ok(None);
    };
    let epoch = run.block.name.epoch;
    let id = run.first().map_or(0, |segment| segment.init_id);
    let mut inits = recordings
        .iter()
        .zip(views)
        .filter_map(|(recording, view)| {
            let (block, place) = view.init(epoch.as_str(), id)?;
            Some(recording.read(block, place))
        });
    let Some(init) = inits.next().transpose()? else {
        return Ok(None);
    };
    let movie = movie(&init).map_err(std::io::Error::other)?;
    let (peak_bps, average_bps) = list.bandwidth_bps(views);
    let uri = format!("{folder}/hls.m3u8?{query}");
    let variant = Variant {
        uri: &uri,
        tracks: &movie.tracks,
        peak_bps,
        average_bps,
        frame_rate: None,
        audio_group: None,
    };
    Ok(Some(multivariant_playlist(&Multivariant {
        variants: &[variant],
        audio: &[],
        independent_segments: false,
    })))
}
