//! Containers taken apart into what `weir_media` calls items, on one unwrapped clock.

use std::sync::Arc;

use bytes::Bytes;
use weir_media::flv::{self, Depacketizer};
use weir_media::fmp4::read::{Movie, movie, samples};
use weir_media::ts::{TsDemuxer, demux};
use weir_media::{Frame, Item, MediaError, Result};

/// One period of RTMP's and FLV's clock, in milliseconds.
const WRAP_MS: i64 = 1 << 32;

/// What a stream is given to: a file, a measurement, both.
pub trait Sink: Send {
    /// Bytes of the container, as they go into a file.
    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()>;
    /// What was found in them.
    fn item(&mut self, item: Item) -> anyhow::Result<()>;
    /// Something broken or left out.
    fn note(&mut self, note: &str);
    /// Whether it has all it wants.
    fn is_done(&self) -> bool;
}

/// FLV as a file or stream of tags, or its bodies as RTMP's messages.
#[derive(Debug, Default)]
pub struct FlvDecoder {
    reader: flv::Reader,
    depacketizer: Depacketizer,
    clock: Unwrapped,
    events: Vec<flv::Event>,
}

impl FlvDecoder {
    /// The next bytes of a file or stream.
    ///
    /// # Errors
    /// What is no FLV, and what the sink says. Bad tags are noted only.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> anyhow::Result<()> {
        self.reader.push(bytes);
        while let Some(tag) = self.reader.next()? {
            self.message(tag.tag_type, tag.ts_ms, tag.body, sink)?;
        }
        Ok(())
    }

    /// One message.
    pub fn message(
        &mut self,
        kind: u8,
        ts_ms: u32,
        body: Bytes,
        sink: &mut dyn Sink,
    ) -> anyhow::Result<()> {
        if let Err(error) = self.depacketizer.push(kind, ts_ms, body, &mut self.events) {
            sink.note(&error.to_string());
        }
        for event in self.events.drain(..) {
            match event {
                flv::Event::Tracks(tracks) => sink.item(Item::Tracks(tracks))?,
                flv::Event::Metadata(metadata) => sink.item(Item::Metadata(metadata))?,
                flv::Event::Frame(frame) => sink.item(Item::Frame(Frame {
                    track: frame.track,
                    dts_us: self.clock.unwrap_us(frame.ts_us),
                    cts_us: frame.cts_us,
                    kind: frame.kind,
                    payload: frame.payload,
                }))?,
                flv::Event::EndOfSequence => {}
                flv::Event::LeftOut(what) => sink.note(&format!("left out: {what}")),
                flv::Event::Note(note) => sink.note(note),
            }
        }
        Ok(())
    }
}

/// Times that wrap at 2³² ms put on a line without end.
#[derive(Debug, Default)]
struct Unwrapped {
    last_ms: Option<i64>,
}

impl Unwrapped {
    fn unwrap_us(&mut self, ts_us: i64) -> i64 {
        let (ts_ms, rest_us) = (ts_us.div_euclid(1000), ts_us.rem_euclid(1000));
        let full_ms = match self.last_ms {
            // The nearest time to the last one that has these low 32 bits.
            Some(last_ms) => {
                let ahead = (ts_ms - last_ms).rem_euclid(WRAP_MS);
                last_ms
                    + if ahead > WRAP_MS / 2 {
                        ahead - WRAP_MS
                    } else {
                        ahead
                    }
            }
            None => ts_ms,
        };
        self.last_ms = Some(full_ms);
        full_ms * 1000 + rest_us
    }
}

/// MPEG-TS.
#[derive(Debug, Default)]
pub struct TsDecoder {
    demuxer: TsDemuxer,
}

impl TsDecoder {
    /// The next bytes.
    pub fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> anyhow::Result<()> {
        self.demuxer.push(bytes);
        self.drain(sink)
    }

    /// No more bytes will come.
    pub fn finish(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        if let Err(error) = self.demuxer.finish() {
            sink.note(&error.to_string());
        }
        if self.demuxer.lost() > 0 {
            sink.note("packets of the transport stream are missing");
        }
        self.drain(sink)
    }

    fn drain(&mut self, sink: &mut dyn Sink) -> anyhow::Result<()> {
        loop {
            match self.demuxer.next() {
                Ok(Some(demux::TsEvent::Tracks(tracks))) => sink.item(Item::Tracks(tracks))?,
                Ok(Some(demux::TsEvent::LeftOut(what))) => sink.note(&format!("left out: {what}")),
                Ok(Some(demux::TsEvent::Frame(frame))) => sink.item(Item::Frame(Frame {
                    track: frame.track,
                    dts_us: us_of_90k(frame.dts_90k),
                    cts_us: i32::try_from(us_of_90k(i64::from(frame.cts_90k))).unwrap_or_default(),
                    kind: frame.kind,
                    payload: frame.payload,
                }))?,
                Ok(None) => return Ok(()),
                Err(error) => sink.note(&error.to_string()),
            }
        }
    }
}

const fn us_of_90k(ticks: i64) -> i64 {
    ticks.saturating_mul(100).div_euclid(9)
}

/// Fragmented MP4.
#[derive(Debug, Default)]
pub struct Fmp4Decoder {
    movie: Option<Movie>,
}

impl Fmp4Decoder {
    /// An init segment.
    pub fn init(&mut self, init: &Bytes, sink: &mut dyn Sink) -> anyhow::Result<()> {
        let movie = movie(init)?;
        sink.item(Item::Tracks(Arc::new(movie.tracks.clone())))?;
        self.movie = Some(movie);
        Ok(())
    }

    /// A segment or part: whole fragments.
    pub fn fragments(&self, data: &Bytes, sink: &mut dyn Sink) -> anyhow::Result<()> {
        for sample in self.read(data)? {
            sink.item(Item::Frame(Frame {
                track: sample.track,
                dts_us: sample.dts_us(),
                cts_us: sample.cts_us(),
                kind: sample.kind,
                payload: sample.payload,
            }))?;
        }
        Ok(())
    }

    fn read(&self, data: &Bytes) -> Result<Vec<weir_media::fmp4::read::ReadSample>> {
        let movie = self.movie.as_ref().ok_or(MediaError::invalid(
            "HLS",
            "a segment without an init segment",
        ))?;
        samples(movie, data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_go_on_over_the_wrap_and_small_steps_back_stay_small() {
        let mut clock = Unwrapped::default();
        let near = (WRAP_MS - 10) * 1000;
        assert_eq!(clock.unwrap_us(near), near);
        assert_eq!(clock.unwrap_us(5_250), (WRAP_MS + 5) * 1000 + 250);
        assert_eq!(clock.unwrap_us(near), near);
        assert_eq!(Unwrapped::default().unwrap_us(7_000), 7_000);
    }
}
