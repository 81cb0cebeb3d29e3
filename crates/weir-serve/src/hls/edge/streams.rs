//! Streams of other nodes whose HLS is asked for here: who delivers, and what their last playlists said.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use weir_base::{Code, Refusal, StreamName, limits};
use weir_media::hls::{Container, Selection};

use super::super::text::Shape;

/// Microseconds after which a stream that nobody asks for is forgotten.
const SEEN_US: i64 = 10_000_000;
/// Microseconds for which a stream that only a server of another make had is not looked for anew.
const FOREIGN_US: i64 = 5_000_000;

/// The streams asked for in the last seconds.
#[derive(Debug, Default)]
pub(super) struct EdgeStreams(Mutex<HashMap<StreamName, Arc<EdgeStream>>>);

/// One of them.
#[derive(Debug)]
pub(super) struct EdgeStream {
    seen_us: AtomicI64,
    /// It is on a server that has no HLS of ours, until then: it is packaged here.
    foreign_until_us: AtomicI64,
    /// Who delivered last. He is asked again unless the registry says otherwise: of a stream that has
    /// just ended he alone has the rest.
    source: Mutex<Option<String>>,
    shapes: Mutex<HashMap<(Container, Selection), Shape>>,
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
            seen_us: AtomicI64::new(now_us),
            foreign_until_us: AtomicI64::new(0),
            source: Mutex::default(),
            shapes: Mutex::default(),
        });
        all.insert(name.clone(), stream.clone());
        Ok(stream)
    }

    /// Forgets streams that were not asked for lately.
    pub(super) fn sweep(&self, now_us: i64) {
        let mut all = self.0.lock();
        all.retain(|_, stream| now_us - stream.seen_us.load(Ordering::Relaxed) < SEEN_US);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> StreamName {
        StreamName::new("", "live", "x").unwrap()
    }

    #[test]
    fn a_stream_is_listed_as_long_as_it_is_asked_for() {
        let streams = EdgeStreams::default();
        let stream = streams.open(&name(), 0).unwrap();
        streams.sweep(SEEN_US - 1);
        assert_eq!(streams.len(), 1);
        stream.touch(SEEN_US - 1);
        streams.sweep(SEEN_US);
        assert_eq!(streams.len(), 1);
        streams.sweep(2 * SEEN_US);
        assert_eq!(streams.len(), 0);
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
