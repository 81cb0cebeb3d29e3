//! Pictures of recordings: a storyboard that says which is shown where, and each of them, decoded when it is asked for.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use weir_base::{Code, Id, Refusal, StreamName};
use weir_record::Recording;
use weir_record::playlist::Stretch;
use weir_record::stills::{Keyframe, keyframe, picture_name, storyboard};

use super::piece::piece_response;
use super::replay::blocking;
use crate::reply::{Body, for_any_site, full};

/// Pictures that are kept in memory, about thirty kilobytes each.
const KEPT: usize = 512;
/// Pictures that are made at once: what is live has its own decoders, and these give way.
const MAKERS: usize = 2;
/// Requests that wait for a picture to be made.
const WAITING: usize = 64;

/// What a picture is waited for with.
pub type Making<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send + 'a>>;

/// Makes pictures of keyframes. Whoever puts the server together says who does.
pub trait Stills: Send + Sync + 'static {
    /// The picture of this keyframe of a stream, as a JPEG.
    fn picture(&self, stream: StreamName, key: Keyframe) -> Making<'_>;

    /// Why no pictures can be made at all; none where they can.
    fn why_off(&self) -> Option<String>;
}

/// Pictures that were made. Clones share them.
#[derive(Clone)]
pub(super) struct Pictures(Arc<Inner>);

struct Inner {
    maker: Option<Arc<dyn Stills>>,
    /// The latest last.
    kept: Mutex<VecDeque<(Key, Bytes)>>,
    waiting: Semaphore,
    makers: Semaphore,
}

/// Whose picture: of which recording, and of which segment.
type Key = (Id, String, u64);

impl Pictures {
    /// Made by `maker`, if anybody makes some.
    pub(super) fn new(maker: Option<Arc<dyn Stills>>) -> Self {
        Self(Arc::new(Inner {
            maker,
            kept: Mutex::default(),
            waiting: Semaphore::new(WAITING),
            makers: Semaphore::new(MAKERS),
        }))
    }

    fn maker(&self) -> Result<&Arc<dyn Stills>, Refusal> {
        let nobody = || Refusal::new(Code::Unavailable, "this node makes no pictures");
        let maker = self.0.maker.as_ref().ok_or_else(nobody)?;
        match maker.why_off() {
            Some(why) => Err(Refusal::new(Code::Unavailable, why)),
            None => Ok(maker),
        }
    }

    /// The storyboard of a stretch.
    ///
    /// # Errors
    /// 6008 where nobody makes pictures, 3009 where there are none in it; the disk's.
    pub(super) async fn storyboard(
        &self,
        recording: Arc<Recording>,
        stretch: Stretch,
    ) -> Result<Response<Body>, Refusal> {
        self.maker()?;
        let text = blocking(move || storyboard(&recording, stretch)).await?;
        let none = || Refusal::new(Code::NotKept, "there are no pictures in it");
        let mut response = Response::new(full(text.ok_or_else(none)?));
        let out = response.headers_mut();
        out.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/vtt; charset=utf-8"),
        );
        out.insert(
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=10"),
        );
        for_any_site(out);
        Ok(response)
    }

    /// The picture of a segment's first keyframe.
    ///
    /// # Errors
    /// 3001 where there is no such keyframe, 6008 where nobody makes pictures, 5001 where too many wait.
    pub(super) async fn answer(
        &self,
        (recording, stream): (Arc<Recording>, StreamName),
        (epoch, msn): (String, u64),
        request: (&HeaderMap, bool),
    ) -> Result<Response<Body>, Refusal> {
        let name = picture_name(&epoch, msn);
        let jpeg = self.jpeg((recording, stream), (epoch, msn)).await?;
        Ok(jpeg_response(jpeg, &name, request))
    }

    /// The picture itself.
    ///
    /// # Errors
    /// As [`Self::answer`].
    pub(super) async fn jpeg(
        &self,
        (recording, stream): (Arc<Recording>, StreamName),
        (epoch, msn): (String, u64),
    ) -> Result<Bytes, Refusal> {
        let key = (recording.id, epoch, msn);
        match self.known(&key) {
            Some(jpeg) => Ok(jpeg),
            None => self.make(recording, stream, &key).await,
        }
    }

    async fn make(
        &self,
        recording: Arc<Recording>,
        stream: StreamName,
        key: &Key,
    ) -> Result<Bytes, Refusal> {
        let maker = self.maker()?;
        let many = |_| Refusal::new(Code::Overloaded, "too many wait for pictures");
        let _waiting = self.0.waiting.try_acquire().map_err(many)?;
        let permit = self.0.makers.acquire().await;
        let _permit = permit.map_err(|_| Refusal::from(Code::Draining))?;
        // Whoever was before made it, perhaps.
        if let Some(jpeg) = self.known(key) {
            return Ok(jpeg);
        }
        let (epoch, msn) = (key.1.clone(), key.2);
        let found = blocking(move || keyframe(&recording, &epoch, msn)).await?;
        let none = || Refusal::new(Code::NotFound, "there is no such keyframe");
        let jpeg = maker.picture(stream, found.ok_or_else(none)?).await?;
        let mut kept = self.0.kept.lock();
        kept.push_back((key.clone(), jpeg.clone()));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        Ok(jpeg)
    }

    fn known(&self, key: &Key) -> Option<Bytes> {
        let mut kept = self.0.kept.lock();
        let at = kept.iter().position(|(own, _)| own == key)?;
        let found = kept.remove(at)?;
        let jpeg = found.1.clone();
        kept.push_back(found);
        Some(jpeg)
    }
}

/// A picture as an answer; `name` is what it is known by to caches.
pub(super) fn jpeg_response(
    jpeg: Bytes,
    name: &str,
    request: (&HeaderMap, bool),
) -> Response<Body> {
    let length = jpeg.len() as u64;
    let response = piece_response(vec![jpeg], length, name, "image/jpeg", request);
    response.map(|body| body.boxed_unsync())
}
