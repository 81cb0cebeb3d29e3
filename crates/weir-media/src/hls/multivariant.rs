//! The multivariant playlist (§4.4.6): which renditions there are and what it takes to play them.

use std::fmt::Write as _;

use crate::Tracks;

/// One variant stream.
#[derive(Debug, Clone, Copy)]
pub struct Variant<'a> {
    /// URI of its media playlist, query included.
    pub uri: &'a str,
    /// All tracks a client gets with it, those of its audio rendition too.
    pub tracks: &'a Tracks,
    /// Peak bits per second, audio rendition included.
    pub peak_bps: u64,
    /// Average bits per second, audio rendition included.
    pub average_bps: u64,
    /// Pictures per second, where known.
    pub frame_rate: Option<f64>,
    /// Group of the audio renditions that go with it; `None`: audio is muxed in, or there is none.
    pub audio_group: Option<&'a str>,
}

/// Audio with a playlist of its own.
#[derive(Debug, Clone, Copy)]
pub struct AudioRendition<'a> {
    /// URI of its media playlist, query included.
    pub uri: &'a str,
    /// The group variants name.
    pub group: &'a str,
    /// What a menu shows.
    pub name: &'a str,
    /// Number of channels; 0: not known.
    pub channels: u8,
}

/// What a multivariant playlist lists.
#[derive(Debug, Clone, Copy)]
pub struct Multivariant<'a> {
    /// The variants, best choice first.
    pub variants: &'a [Variant<'a>],
    /// Audio renditions; the first is the default.
    pub audio: &'a [AudioRendition<'a>],
    /// Whether all segments of all renditions begin with a keyframe.
    pub independent_segments: bool,
}

/// The playlist as text.
pub fn multivariant_playlist(playlist: &Multivariant<'_>) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:6\n");
    if playlist.independent_segments {
        out.push_str("#EXT-X-INDEPENDENT-SEGMENTS\n");
    }
    for (at, audio) in playlist.audio.iter().enumerate() {
        let default = if at == 0 { "YES" } else { "NO" };
        let _ = write!(
            out,
            "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{}\",NAME=\"{}\",DEFAULT={default},AUTOSELECT=YES",
            audio.group, audio.name
        );
        if audio.channels > 0 {
            let _ = write!(out, ",CHANNELS=\"{}\"", audio.channels);
        }
        let _ = writeln!(out, ",URI=\"{}\"", audio.uri);
    }
    for variant in playlist.variants {
        put_variant(&mut out, variant);
    }
    out
}

fn put_variant(out: &mut String, variant: &Variant<'_>) {
    let average_bps = variant.average_bps.max(1);
    let peak_bps = variant.peak_bps.max(average_bps);
    let _ = write!(
        out,
        "#EXT-X-STREAM-INF:BANDWIDTH={peak_bps},AVERAGE-BANDWIDTH={average_bps}"
    );
    let video = variant.tracks.video.as_ref();
    let audio = variant.tracks.audio.as_ref();
    let codecs: Vec<&str> = video
        .map(|video| video.rfc6381.as_str())
        .into_iter()
        .chain(audio.map(|audio| audio.rfc6381.as_str()))
        .filter(|codec| !codec.is_empty())
        .collect();
    if !codecs.is_empty() {
        let _ = write!(out, ",CODECS=\"{}\"", codecs.join(","));
    }
    if let Some(video) = video.filter(|video| video.width > 0 && video.height > 0) {
        let _ = write!(out, ",RESOLUTION={}x{}", video.width, video.height);
    }
    if let Some(rate) = variant
        .frame_rate
        .filter(|rate| *rate > 0.0 && video.is_some())
    {
        let _ = write!(out, ",FRAME-RATE={rate:.3}");
    }
    if let Some(group) = variant.audio_group {
        let _ = write!(out, ",AUDIO=\"{group}\"");
    }
    let _ = write!(out, "\n{}\n", variant.uri);
}
