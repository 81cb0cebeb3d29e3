//! Records out. What is written here is never refused by the decoder for its form: texts too long
//! are cut, and characters that have no place in them are left out.

use weir_media::{
    AudioCodec, AudioTrack, Frame, FrameKind, Item, LeftOutKind, TrackKind, Tracks, VideoCodec,
    VideoTrack,
};

use super::{
    Begin, FRAME_FIELDS_BYTES, HEAD_BYTES, Kind, MAX_DETAIL_BYTES, MAX_LEFT_OUT_BYTES,
    MAX_LOCATION_BYTES, MAX_NAME_BYTES, MAX_NOTE_BYTES, MAX_REMARKS, MAX_VIA, NO_PID, Remarks,
};

/// Appends a begin.
pub fn put_begin(out: &mut Vec<u8>, begin: &Begin) {
    put_record(out, Kind::Begin, |out| {
        out.push(begin.version);
        out.extend_from_slice(&begin.timeline.to_be_bytes());
        out.extend_from_slice(&begin.wall_at_zero_us.to_be_bytes());
        out.extend_from_slice(&begin.epoch.to_be_bytes());
        // The newest names are the ones a loop comes back to first.
        let first = begin.via.len().saturating_sub(MAX_VIA);
        let via = begin.via.get(first..).unwrap_or_default();
        out.push(via.len() as u8);
        for name in via {
            put_text8(out, &fit(name, MAX_NAME_BYTES, |c| c.is_ascii_graphic()));
        }
    });
}

/// Appends one entry of the stream, its payload copied.
pub fn put_item(out: &mut Vec<u8>, item: &Item) {
    match item {
        Item::Tracks(tracks) => put_tracks(out, tracks),
        Item::Metadata(metadata) => put_record(out, Kind::Metadata, |out| {
            out.extend_from_slice(&metadata.amf0);
        }),
        Item::Frame(frame) => {
            out.reserve(HEAD_BYTES + FRAME_FIELDS_BYTES + frame.payload.len());
            put_frame_head(out, frame);
            out.extend_from_slice(&frame.payload);
        }
        Item::Discontinuity => put_record(out, Kind::Discontinuity, |_| {}),
    }
}

/// Appends what stands before a frame's payload, which the caller sends right after.
pub fn put_frame_head(out: &mut Vec<u8>, frame: &Frame) {
    out.push(Kind::Frame as u8);
    put_length(out, FRAME_FIELDS_BYTES + frame.payload.len());
    out.push(match frame.track {
        TrackKind::Video => 0,
        TrackKind::Audio => 1,
    });
    out.push(match frame.kind {
        FrameKind::Key => 0,
        FrameKind::Inter => 1,
        FrameKind::Disposable => 2,
    });
    out.extend_from_slice(&frame.dts_us.to_be_bytes());
    out.extend_from_slice(&frame.cts_us.to_be_bytes());
}

/// Appends a beat; `wall_us` in Unix microseconds.
pub fn put_beat(out: &mut Vec<u8>, wall_us: i64) {
    put_record(out, Kind::Beat, |out| {
        out.extend_from_slice(&wall_us.to_be_bytes());
    });
}

/// Appends the last record. A location that is too long is left out: half of one leads nowhere.
pub fn put_end(out: &mut Vec<u8>, code: u16, detail: &str, location: Option<&str>) {
    let location = location.filter(|location| location.len() <= MAX_LOCATION_BYTES);
    put_record(out, Kind::End, |out| {
        out.extend_from_slice(&code.to_be_bytes());
        put_text16(out, &fit(detail, MAX_DETAIL_BYTES, |c| !c.is_control()));
        let location = location.unwrap_or_default();
        put_text16(out, &fit(location, MAX_LOCATION_BYTES, |c| !c.is_control()));
    });
}

/// Appends remarks; those over the limit are left out.
pub fn put_remarks(out: &mut Vec<u8>, remarks: &Remarks) {
    put_record(out, Kind::Remarks, |out| {
        let notes = remarks.notes.iter().take(MAX_REMARKS);
        out.push(notes.len() as u8);
        for note in notes {
            put_text16(out, &fit(note, MAX_NOTE_BYTES, |c| !c.is_control()));
        }
        let left_out = remarks.left_out.iter().take(MAX_REMARKS);
        out.push(left_out.len() as u8);
        for left_out in left_out {
            out.push(match left_out.kind {
                LeftOutKind::Video => 0,
                LeftOutKind::Audio => 1,
                LeftOutKind::Subtitles => 2,
                LeftOutKind::Data => 3,
            });
            out.extend_from_slice(&left_out.pid.unwrap_or(NO_PID).to_be_bytes());
            let what = fit(&left_out.what, MAX_LEFT_OUT_BYTES, |c| !c.is_control());
            put_text16(out, &what);
        }
    });
}

fn put_tracks(out: &mut Vec<u8>, tracks: &Tracks) {
    put_record(out, Kind::Tracks, |out| {
        match &tracks.video {
            Some(video) => put_video(out, video),
            None => out.push(0),
        }
        match &tracks.audio {
            Some(audio) => put_audio(out, audio),
            None => out.push(0),
        }
    });
}

fn put_video(out: &mut Vec<u8>, track: &VideoTrack) {
    out.push(match track.codec {
        VideoCodec::H264 => 1,
        VideoCodec::Hevc => 2,
        VideoCodec::Av1 => 3,
        VideoCodec::Vp9 => 4,
    });
    out.extend_from_slice(&track.width.to_be_bytes());
    out.extend_from_slice(&track.height.to_be_bytes());
    put_codec(out, &track.rfc6381, &track.config);
}

fn put_audio(out: &mut Vec<u8>, track: &AudioTrack) {
    out.push(match track.codec {
        AudioCodec::Aac => 1,
        AudioCodec::Opus => 2,
        AudioCodec::Mp3 => 3,
        AudioCodec::Ac3 => 4,
        AudioCodec::Eac3 => 5,
        AudioCodec::Flac => 6,
    });
    out.extend_from_slice(&track.sample_rate.to_be_bytes());
    out.push(track.channels);
    put_codec(out, &track.rfc6381, &track.config);
}

fn put_codec(out: &mut Vec<u8>, rfc6381: &str, config: &[u8]) {
    put_text8(out, &fit(rfc6381, MAX_NAME_BYTES, super::is_codec_char));
    put_length(out, config.len());
    out.extend_from_slice(config);
}

/// The head, then the body that `body` writes.
fn put_record(out: &mut Vec<u8>, kind: Kind, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(kind as u8);
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    body(out);
    let size = out.len().saturating_sub(length_at + 4);
    let mut length = Vec::with_capacity(4);
    put_length(&mut length, size);
    if let Some(place) = out.get_mut(length_at..length_at + 4) {
        place.copy_from_slice(&length);
    }
}

/// Nothing here comes near four gigabytes.
fn put_length(out: &mut Vec<u8>, size: usize) {
    let length = u32::try_from(size).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
}

fn put_text8(out: &mut Vec<u8>, text: &str) {
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn put_text16(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// As much of a text as fits, of the characters allowed.
fn fit(text: &str, max_bytes: usize, allowed: impl Fn(char) -> bool) -> String {
    let mut fitting = String::with_capacity(text.len().min(max_bytes));
    for c in text.chars().filter(|c| allowed(*c)) {
        if fitting.len() + c.len_utf8() > max_bytes {
            break;
        }
        fitting.push(c);
    }
    fitting
}
