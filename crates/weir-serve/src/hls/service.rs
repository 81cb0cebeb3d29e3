//! HLS requests: who asks, where the answer comes from, and in which form HTTP and its caches want it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt;
use weir_base::http_field::accepts_coding;
use weir_base::{Code, Refusal};
use weir_cluster::place::Purpose;
use weir_hub::Protocol;
use weir_media::hls::{Container, Name, Selection};
use weir_record::Spool;

use super::asked::{AdmittedRequest, Directives, HlsRequest};
use super::download::Downloads;
use super::edge::{Edge, Object, What, published_here};
use super::file::HlsFile;
use super::own::Own;
use super::past::PastAsked;
use super::piece::{kind_of, piece_response};
use super::replay::Archives;
use super::replay::is_kept;
use super::stations::Stations;
use super::stills::{Pictures, Stills};
use super::text;
use crate::admission::Admission;
use crate::core::Core;
use crate::node::Node;
use crate::packaging::{Packagings, Page};
use crate::reply::{Body, for_any_site, full};
use crate::request::time_shift::TimeShift;
use crate::request::{lines, tracks_of};

const PLAYLIST_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
/// What is for one viewer, or may be another thing the next time.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// See the module's words. Clones share it.
#[derive(Clone)]
pub struct Hls {
    pub(super) core: Core,
    pub(super) admission: Admission,
    pub(super) stations: Stations,
    edge: Edge,
    /// Recordings, where this node has some.
    pub(super) spool: Option<Spool>,
    /// Who finds other recordings, where somebody does.
    pub(super) archives: Option<Arc<dyn Archives>>,
    /// They as files.
    pub(super) downloads: Downloads,
    /// Pictures of them.
    pub(super) pictures: Pictures,
}

impl Hls {
    /// HLS of the streams in `core`, and of those that `node` knows elsewhere.
    pub fn new(core: Core, admission: Admission, node: Node) -> Self {
        let stations = Stations::new(core.clone());
        Self {
            core,
            admission,
            edge: Edge::new(stations.clone(), node),
            stations,
            spool: None,
            archives: None,
            downloads: Downloads::default(),
            pictures: Pictures::new(None),
        }
    }

    /// With the recordings of this node.
    pub(crate) fn with_recordings(self, spool: Spool) -> Self {
        Self {
            spool: Some(spool),
            ..self
        }
    }

    /// With recordings of other nodes and of the store.
    pub(crate) fn with_archives(self, archives: Arc<dyn Archives>) -> Self {
        Self {
            archives: Some(archives),
            ..self
        }
    }

    /// With somebody who makes pictures of them.
    pub(crate) fn with_stills(self, maker: Arc<dyn Stills>) -> Self {
        Self {
            pictures: Pictures::new(Some(maker)),
            ..self
        }
    }

    /// The packagers at work here; whoever opens one holds it.
    pub fn packagings(&self) -> &Packagings {
        self.stations.packagings()
    }

    /// The recordings of this node, where it has some.
    pub const fn recordings(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// HLS of streams that other nodes package.
    pub const fn edge(&self) -> &Edge {
        &self.edge
    }

    /// Answers `/{app}/{stream}.m3u8`.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub async fn multivariant(
        &self,
        asked: &HlsRequest<'_>,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let shift = TimeShift::read(asked.query)?;
        let admitted = &asked.admit(&self.admission, headers).await?;
        if let Some(shift) = shift {
            let past = PastAsked {
                shift,
                is_multivariant: true,
            };
            return self.past(past, (asked, admitted), headers).await;
        }
        self.move_on(admitted)?;
        let wanted = tracks_of(asked.query);
        let split = asked.parameter("split") == Some("1");
        let what = What::Multivariant {
            video: wanted.video,
            audio: wanted.audio,
            split,
        };
        let edge = &self.edge;
        let query = asked.carried(admitted);
        if let Some(object) = edge.object(asked, admitted, &what, headers).await? {
            return passed_on(&object, &query, headers);
        }
        let own = Own {
            hls: self,
            asked,
            admitted,
            headers,
        };
        let page = Page::new(own.multivariant(wanted, split).await?);
        Ok(playlist_response(&page, &query, headers, NO_CACHE))
    }

    /// Answers a file under `/{app}/{stream}/`.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub async fn file(
        &self,
        asked: &HlsRequest<'_>,
        file: &HlsFile,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        match file {
            HlsFile::Playlist(container, selection) => {
                self.media_playlist(asked, *container, *selection, headers)
                    .await
            }
            HlsFile::Piece(name) => self.piece(asked, name, headers).await,
        }
    }

    async fn media_playlist(
        &self,
        asked: &HlsRequest<'_>,
        container: Container,
        selection: Selection,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let directives = Directives::read(asked)?;
        let shift = TimeShift::read(asked.query)?;
        let admitted = &asked.admit(&self.admission, headers).await?;
        if let Some(shift) = shift {
            if (container, selection) != (Container::Fmp4, Selection::Both) {
                let words = "of the past there is hls.m3u8 alone";
                return Err(Refusal::new(Code::NotFound, words));
            }
            let past = PastAsked {
                shift,
                is_multivariant: false,
            };
            return self.past(past, (asked, admitted), headers).await;
        }
        self.move_on(admitted)?;
        let what = What::Playlist {
            container,
            selection,
            position: directives.position,
            skip: directives.skip,
        };
        let edge = &self.edge;
        let query = asked.carried(admitted);
        if let Some(object) = edge.object(asked, admitted, &what, headers).await? {
            return passed_on(&object, &query, headers);
        }
        let own = Own {
            hls: self,
            asked,
            admitted,
            headers,
        };
        let (pages, seconds) = own.playlist(container, selection, directives).await?;
        let page = match directives.skip {
            true => &pages.delta,
            false => &pages.full,
        };
        let caching =
            HeaderValue::from_str(&format!("public, max-age={seconds}")).unwrap_or(NO_CACHE);
        Ok(playlist_response(page, &query, headers, caching))
    }

    async fn piece(
        &self,
        asked: &HlsRequest<'_>,
        name: &Name,
        headers: &HeaderMap,
    ) -> Result<Response<Body>, Refusal> {
        let admitted = &asked.admit(&self.admission, headers).await?;
        let what = What::Piece(name.clone());
        let own = Own {
            hls: self,
            asked,
            admitted,
            headers,
        };
        let past = match is_kept(name) && !own.has(name) {
            true => self.past_piece(&admitted.name, name).await?,
            false => None,
        };
        let object = match past {
            Some(_) => None,
            None => self.edge.object(asked, admitted, &what, headers).await?,
        };
        let (pieces, station) = match (past, object.as_deref()) {
            (Some(pieces), _) => {
                self.note_viewer(asked, admitted, headers);
                (pieces, None)
            }
            (_, Some(Object::Piece(bytes))) => (vec![bytes.clone()], None),
            (_, Some(Object::Playlist { .. })) => return Err(Code::NotFound.into()),
            (_, None) => {
                let (pieces, station) = own.piece(name).await?;
                (pieces, Some(station))
            }
        };
        let length = pieces.iter().map(Bytes::len).sum::<usize>() as u64;
        let kind = kind_of(name.resource);
        let request = (headers, asked.is_head);
        let response = piece_response(pieces, length, &name.to_string(), kind, request);
        let sent = match asked.is_head {
            true => 0,
            false => response.body().size(),
        };
        match station {
            Some(station) => station.stream.add_sent_bytes(sent),
            None => {
                if let Some(stream) = published_here(&self.core.hub, &admitted.name) {
                    stream.add_sent_bytes(sent);
                }
            }
        }
        if let Some(visitor) = asked.visitor(admitted, headers) {
            self.core.hub.audience().sent(visitor, sent);
        }
        self.core.hub.counters().sent(admitted.protocol(), sent);
        Ok(response.map(BodyExt::boxed_unsync))
    }

    /// Where a viewer of a draining node goes on, if another takes him; pieces that he has the names of he
    /// still gets here.
    fn move_on(&self, admitted: &AdmittedRequest) -> Result<(), Refusal> {
        if !self.core.shutdown.is_draining() || !admitted.is_viewer() {
            return Ok(());
        }
        let told = self
            .admission
            .draining(&admitted.name, Purpose::Play, Protocol::Hls);
        match told.code {
            Code::Moved => Err(told),
            _ => Ok(()),
        }
    }
}

/// A playlist of another node.
pub(super) fn passed_on(
    object: &Object,
    query: &str,
    headers: &HeaderMap,
) -> Result<Response<Body>, Refusal> {
    match object {
        Object::Playlist { page, caching, .. } => {
            Ok(playlist_response(page, query, headers, caching.clone()))
        }
        Object::Piece(_) => Err(Code::NotFound.into()),
    }
}

/// A playlist, with `query` behind its URIs if the viewer needs one.
pub(super) fn playlist_response(
    page: &Page,
    query: &str,
    headers: &HeaderMap,
    caching: HeaderValue,
) -> Response<Body> {
    if !query.is_empty() {
        let page = Page::new(text::with_query(page.text(), query));
        let caching = HeaderValue::from_static("private, no-cache");
        return playlist_response(&page, "", headers, caching);
    }
    let gzip = accepts_coding(lines(headers, header::ACCEPT_ENCODING), "gzip");
    let mut response = Response::new(full(if gzip {
        page.gzip()
    } else {
        page.plain.clone()
    }));
    let out = response.headers_mut();
    if gzip {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    out.insert(header::CONTENT_TYPE, PLAYLIST_TYPE);
    out.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    for_any_site(out);
    out.insert(header::CACHE_CONTROL, caching);
    response
}
