//! Streams of other nodes whose HLS is asked for here: who watches, who delivers, and what their last
//! playlists said.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use weir_base::{Code, Refusal, StreamName, limits};
use weir_hub::{Hub, Protocol, Stream};
use weir_media::hls::{Container, Selection};

use super::super::text::Shape;
use super::super::viewers::{HlsViewers, SESSION_US};

/// Microseconds for which a stream that only a server of another make had is not looked for anew.
const FOREIGN_US: i64 = 5_000_000;

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct EdgeStreams(Mutex<HashMap<StreamName, Arc<EdgeStream>>>);

/// One of them.
#[derive(Debug)]
pub(super) struct EdgeStream {
    pub(super) name: StreamName,
    pub(super) sessions: HlsViewers,
    seen_us: AtomicI64,
    /// It is on a server that has no HLS of ours, until then: it is packaged here.
    foreign_until_us: AtomicI64,
    /// Who delivered last. He is asked again unless the registry says otherwise: of a stream that has
    /// just ended he alone has the rest.
    source: Mutex<Option<String>>,
    shapes: Mutex<HashMap<(Container, Selection), Shape>>,
    counted: Mutex<Option<Counted>>,
}

/// Viewers that the hub shows too, because it has a publisher of the stream here.
#[derive(Debug)]
struct Counted {
    stream: Arc<Stream>,
    viewers: i32,
}

impl EdgeStreams {
    pub(super) fn find(&self, name: &StreamName) -> Option<Arc<EdgeStream>> {
        self.0.lock().get(name).cloned()
    }

    /// The stream, listed if it is not yet. Only for streams that were found: the list is no place
    /// for names that somebody made up.
    ///
    /// # Errors
    /// 2005 when there are as many as a node may have.
    pub(super) fn open(&self, name: &StreamName, now_us: i64) -> Result<Arc<EdgeStream>, Refusal> {
        let mut all = self.0.lock();
        if let Some(stream) = all.get(name) {
            return Ok(stream.clone());
        }
        if all.len() >= limits::STREAMS {
            return Err(Code::QuotaStreams.into());
        }
        let stream = Arc::new(EdgeStream {
            name: name.clone(),
            sessions: HlsViewers::default(),
            seen_us: AtomicI64::new(now_us),
            foreign_until_us: AtomicI64::new(0),
            source: Mutex::default(),
            shapes: Mutex::default(),
            counted: Mutex::default(),
        });
        all.insert(name.clone(), stream.clone());
        Ok(stream)
    }

    /// Forgets viewers and streams that were not asked for lately, and tells the hub of the others;
    /// whether any stream is left.
    pub(super) fn sweep(&self, hub: &Hub) -> bool {
        let now_us = hub.clock().now_us();
        let mut all = self.0.lock();
        all.retain(|_, stream| {
            stream.sessions.forget(now_us.saturating_sub(SESSION_US));
            let is_used = now_us - stream.seen_us.load(Ordering::Relaxed) < SESSION_US;
            let is_used = is_used || stream.sessions.len() > 0;
            stream.count(hub, is_used);
            is_used
        });
        !all.is_empty()
    }

    /// Viewers whom the hub does not show.
    pub(super) fn viewers(&self) -> usize {
        self.0
            .lock()
            .values()
            .map(|stream| stream.uncounted())
            .sum()
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

impl EdgeStream {
    /// Somebody asked for something of it.
    pub(super) fn touch(&self, now_us: i64) {
        self.seen_us.store(now_us, Ordering::Relaxed);
    }

    /// Whether it is packaged here, for want of another who does.
    pub(super) fn is_foreign(&self, now_us: i64) -> bool {
        now_us < self.foreign_until_us.load(Ordering::Relaxed)
    }

    pub(super) fn set_foreign(&self, now_us: i64) {
        self.foreign_until_us
            .store(now_us + FOREIGN_US, Ordering::Relaxed);
    }

    /// Who delivered last, if he did not fail since.
    pub(super) fn source(&self) -> Option<String> {
        self.source.lock().clone()
    }

    pub(super) fn set_source(&self, base: Option<String>) {
        *self.source.lock() = base;
    }

    /// What the last playlist of a rendition said.
    pub(super) fn shape(&self, rendition: (Container, Selection)) -> Option<Shape> {
        self.shapes.lock().get(&rendition).cloned()
    }

    pub(super) fn set_shape(&self, rendition: (Container, Selection), shape: Shape) {
        self.shapes.lock().insert(rendition, shape);
    }

    /// Whether a playlist is of the stream's life that the last playlist of its rendition was of.
    pub(super) fn is_current(&self, rendition: (Container, Selection), shape: &Shape) -> bool {
        let shapes = self.shapes.lock();
        shapes
            .get(&rendition)
            .is_none_or(|last| last.epoch == shape.epoch)
    }

    /// Target duration of the longest rendition, microseconds.
    pub(super) fn target_us(&self) -> i64 {
        let shapes = self.shapes.lock();
        shapes
            .values()
            .map(|shape| shape.target_us)
            .max()
            .unwrap_or(0)
    }

    /// Counts bytes that went to a viewer.
    pub(super) fn sent(&self, bytes: u64) {
        if let Some(counted) = &*self.counted.lock() {
            counted.stream.add_sent_bytes(bytes);
        }
    }

    fn uncounted(&self) -> usize {
        match *self.counted.lock() {
            Some(_) => 0,
            None => self.sessions.len(),
        }
    }

    /// Makes the hub show the viewers of a stream that is published here and handed on to another
    /// node. Not of one that is merely pulled: who watches HLS does not need the pull.
    fn count(&self, hub: &Hub, is_used: bool) {
        let here = hub.find_live(&self.name).ok();
        let here = here.filter(|stream| stream.publisher().is_some_and(|p| !p.is_replaceable));
        let viewers = i32::try_from(self.sessions.len()).unwrap_or(i32::MAX);
        let mut counted = self.counted.lock();
        let same = |counted: &Counted| {
            let is_here = here
                .as_ref()
                .is_some_and(|here| Arc::ptr_eq(here, &counted.stream));
            is_used && is_here
        };
        if let Some(old) = counted.take_if(|counted| !same(counted)) {
            old.stream.add_viewers(Protocol::Hls, -old.viewers);
        }
        let Some(stream) = here.filter(|_| is_used) else {
            return;
        };
        let counted = counted.get_or_insert(Counted { stream, viewers: 0 });
        let new = viewers - counted.viewers;
        counted.stream.add_viewers(Protocol::Hls, new);
        counted.viewers = viewers;
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use weir_base::Clock;
    use weir_hub::hub::PublishRequest;
    use weir_hub::{Grant, Publisher};

    use super::*;

    fn house() -> (Hub, Clock) {
        let clock = Clock::manual(0);
        let config = weir_hub::Config {
            idle_timeout_us: 5_000_000,
            ring_us: 10_000_000,
            ring_bytes: 1 << 20,
            linger_us: 1_000_000,
        };
        (Hub::new(config, clock.clone()), clock)
    }

    fn name() -> StreamName {
        StreamName::new("", "live", "x").unwrap()
    }

    fn publish(hub: &Hub, is_replaceable: bool) -> Publisher {
        let grant = Grant {
            is_replaceable,
            ..Grant::default()
        };
        let request = PublishRequest {
            name: name(),
            protocol: Protocol::Rtmp,
            addr: "127.0.0.1:1".parse().unwrap(),
            grant,
        };
        hub.publish(request).unwrap()
    }

    fn watch(stream: &EdgeStream, viewer: u8, now_us: i64) {
        let ip = std::net::IpAddr::from([192, 0, 2, viewer]);
        stream.sessions.asked(now_us, ip, &HeaderMap::new());
        stream.touch(now_us);
    }

    #[test]
    fn viewers_are_shown_by_the_hub_where_it_has_the_publisher_and_here_else() {
        let ((hub, clock), streams) = (house(), EdgeStreams::default());
        let stream = streams.open(&name(), 0).unwrap();
        watch(&stream, 1, 0);
        watch(&stream, 2, 0);
        assert!(streams.sweep(&hub));
        assert_eq!(streams.viewers(), 2);
        let pulled = publish(&hub, true);
        streams.sweep(&hub);
        let shown = || hub.find(&name()).unwrap().viewers(Protocol::Hls);
        assert_eq!((streams.viewers(), shown()), (2, 0));
        let published = publish(&hub, false);
        streams.sweep(&hub);
        assert_eq!((streams.viewers(), shown()), (0, 2));
        clock.advance_us(SESSION_US);
        watch(&stream, 2, clock.now_us());
        streams.sweep(&hub);
        assert_eq!((streams.viewers(), shown()), (0, 1));
        published.end(Code::ClientStopped);
        streams.sweep(&hub);
        assert_eq!((streams.viewers(), shown()), (1, 0));
        drop(pulled);
        clock.advance_us(SESSION_US);
        assert!(!streams.sweep(&hub));
        assert_eq!((streams.viewers(), streams.len()), (0, 0));
    }

    #[test]
    fn a_stream_of_a_foreign_server_is_looked_for_anew_after_a_while() {
        let streams = EdgeStreams::default();
        let stream = streams.open(&name(), 0).unwrap();
        assert!(!stream.is_foreign(0));
        stream.set_foreign(0);
        assert!(stream.is_foreign(FOREIGN_US - 1) && !stream.is_foreign(FOREIGN_US));
    }

    #[test]
    fn a_playlist_of_another_life_is_not_current() {
        let streams = EdgeStreams::default();
        let stream = streams.open(&name(), 0).unwrap();
        let rendition = (Container::Fmp4, Selection::Both);
        let shape = |epoch: &str| Shape {
            epoch: epoch.into(),
            ..Shape::default()
        };
        assert!(stream.is_current(rendition, &shape("a")));
        stream.set_shape(rendition, shape("b"));
        assert!(!stream.is_current(rendition, &shape("a")));
        assert!(stream.is_current(rendition, &shape("b")));
        assert!(stream.is_current((Container::Ts, Selection::Both), &shape("a")));
    }
}
