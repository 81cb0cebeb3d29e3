//! A live stream as one node has it: what lists on other nodes show of it.

use serde::{Deserialize, Serialize};
use weir_base::Id;
use weir_hub::{Hub, Stream};

/// A live stream, its own or a copy of another node's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenStream {
    /// Its whole name.
    pub stream: String,
    /// It lives on another node, which says the rest; the viewers here are its too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_copy: bool,
    /// People who watch it on this node.
    pub viewers: u32,
    /// When its publisher came, milliseconds since 1970.
    #[serde(default)]
    pub since_ms: i64,
    /// Over the last seconds.
    #[serde(default)]
    pub kbps: f64,
    /// Its pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<SeenVideo>,
    /// Its sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<SeenAudio>,
    /// What viewers can go back to, where this node records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<SeenReach>,
}

/// A stretch of time that is recorded of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenReach {
    /// The oldest, milliseconds since 1970.
    pub from_ms: i64,
    /// The newest.
    pub to_ms: i64,
    /// What it is recorded as.
    pub recording: Id,
}

impl SeenReach {
    /// No further back than the publisher of its stream lets viewers go; `None` where nothing is left.
    #[must_use]
    pub fn as_wished(self, hub: &Hub, stream: &Stream, now_ms: i64) -> Option<Self> {
        let client = stream
            .publisher()
            .and_then(|one| hub.clients().find(one.id));
        let wished_s = client.and_then(|client| client.wishes.as_ref()?.dvr_s);
        self.within(wished_s, now_ms)
    }

    /// No further back than `wished_s`, what the publisher lets viewers go; `None` where nothing is left.
    #[must_use]
    pub fn within(self, wished_s: Option<u32>, now_ms: i64) -> Option<Self> {
        // A sender's clock runs some milliseconds ahead of ours, and so may what is recorded of it.
        let newest_ms = now_ms.max(self.to_ms);
        let oldest_ms =
            wished_s.map_or(i64::MIN, |wished_s| newest_ms - i64::from(wished_s) * 1000);
        let from_ms = self.from_ms.max(oldest_ms);
        (from_ms < self.to_ms).then_some(Self { from_ms, ..self })
    }
}

/// The pictures of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenVideo {
    /// A codec's name, such as `h264`.
    pub codec: String,
    /// The codecs string for players.
    pub rfc6381: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// As measured.
    pub fps: f64,
}

/// The sound of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenAudio {
    /// A codec's name, such as `aac`.
    pub codec: String,
    /// The codecs string for players.
    pub rfc6381: String,
    /// Samples per second.
    pub sample_rate: u32,
    /// How many there are: 2 for stereo.
    pub channels: u8,
}

impl SeenStream {
    /// A stream of the hub, at `now_us` and `now_ms` of its clock.
    pub fn of(stream: &Stream, now_us: i64, now_ms: i64) -> Self {
        let tracks = stream.ring.tracks();
        let rates = stream.stats().rates(now_us);
        let publisher = stream.publisher();
        Self {
            stream: stream.name.to_string(),
            is_copy: publisher.as_ref().is_some_and(|one| one.is_replaceable),
            viewers: stream.people(),
            since_ms: publisher.map_or(now_ms, |one| now_ms - (now_us - one.since_us) / 1000),
            kbps: rounded((rates.video_bps + rates.audio_bps) / 1000.0),
            video: tracks.video.as_ref().map(|track| SeenVideo {
                codec: track.codec.name().to_owned(),
                rfc6381: track.rfc6381.clone(),
                width: track.width,
                height: track.height,
                fps: rounded(rates.fps),
            }),
            reach: None,
            audio: tracks.audio.as_ref().map(|track| SeenAudio {
                codec: track.codec.name().to_owned(),
                rfc6381: track.rfc6381.clone(),
                sample_rate: track.sample_rate,
                channels: track.channels,
            }),
        }
    }

    /// Only how many watch it: what the node says where it lives is said once.
    fn of_copy(self) -> Self {
        Self {
            kbps: 0.0,
            video: None,
            audio: None,
            reach: None,
            ..self
        }
    }
}

/// All that is live in `streams`, those with most viewers first, and at most `most` of it.
pub(crate) fn all_seen(streams: impl Iterator<Item = SeenStream>, most: usize) -> Vec<SeenStream> {
    let trimmed = |seen: SeenStream| match seen.is_copy {
        true => seen.of_copy(),
        false => seen,
    };
    let mut all: Vec<SeenStream> = streams.map(trimmed).collect();
    all.sort_unstable_by(|a, b| (b.viewers, &a.stream).cmp(&(a.viewers, &b.stream)));
    all.truncate(most);
    all
}

/// To a tenth: nobody reads more of it.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(stream: &str, viewers: u32, is_copy: bool) -> SeenStream {
        SeenStream {
            stream: stream.to_owned(),
            is_copy,
            viewers,
            since_ms: 1,
            kbps: 800.0,
            video: None,
            audio: None,
            reach: None,
        }
    }

    #[test]
    fn nobody_goes_back_further_than_the_publisher_lets_them() {
        let reach = |from_ms, to_ms| SeenReach {
            from_ms,
            to_ms,
            recording: Id::first_of(1),
        };
        let all = reach(1_000, 50_000);
        assert_eq!(all.within(None, 52_000), Some(all));
        assert_eq!(all.within(Some(10), 52_000), Some(reach(42_000, 50_000)));
        assert_eq!(all.within(Some(10), 40_000), Some(reach(40_000, 50_000)));
        assert_eq!(all.within(Some(0), 52_000), None);
    }

    #[test]
    fn what_most_people_watch_is_told_first_and_the_rest_left_out() {
        let all = [
            seen("live/a", 1, false),
            seen("live/b", 9, true),
            seen("live/c", 1, false),
        ];
        let told = all_seen(all.into_iter(), 2);
        let names: Vec<_> = told.iter().map(|one| (&*one.stream, one.kbps)).collect();
        assert_eq!(names, [("live/b", 0.0), ("live/a", 800.0)]);
    }

    #[test]
    fn what_a_newer_node_says_besides_is_passed_over() {
        let json = r#"{"stream":"live/a","viewers":3,"mood":"good"}"#;
        let read: SeenStream = serde_json::from_str(json).unwrap();
        assert_eq!((read.viewers, read.is_copy, read.video), (3, false, None));
    }
}
