//! Writes Matroska of one video track that never ends, for a program that reads it from a pipe: each picture is whole
//! in a cluster of its own, with its length, so that it can be decoded the moment it is there.

use super::{
    ID_CLUSTER, ID_DOC_TYPE, ID_EBML, ID_INFO, ID_SEGMENT, ID_SIMPLE_BLOCK, ID_TIMESTAMP,
    ID_TIMESTAMP_SCALE, ID_TRACKS,
};
use crate::{VideoCodec, VideoTrack};

const ID_DOC_TYPE_VERSION: u32 = 0x4287;
const ID_DOC_TYPE_READ_VERSION: u32 = 0x4285;
const ID_TRACK_ENTRY: u32 = 0xAE;
const ID_TRACK_NUMBER: u32 = 0xD7;
const ID_TRACK_UID: u32 = 0x73C5;
const ID_TRACK_TYPE: u32 = 0x83;
const ID_CODEC_ID: u32 = 0x86;
const ID_CODEC_PRIVATE: u32 = 0x63A2;
const ID_VIDEO: u32 = 0xE0;
const ID_PIXEL_WIDTH: u32 = 0xB0;
const ID_PIXEL_HEIGHT: u32 = 0xBA;
/// A size that is not known, in eight bytes.
const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
/// In front of a block's data: track 1, no time of its own, a keyframe.
const BLOCK_HEAD: [u8; 4] = [0x81, 0, 0, 0x80];
/// Nanoseconds of a tick.
const TICK_NS: u64 = 1_000_000;

/// What the file begins with. Where other pictures follow than those of `track`, they bring their own parameter sets.
pub fn head(track: &VideoTrack) -> Vec<u8> {
    let codec: &[u8] = match track.codec {
        VideoCodec::H264 => b"V_MPEG4/ISO/AVC",
        VideoCodec::Hevc => b"V_MPEGH/ISO/HEVC",
        VideoCodec::Av1 => b"V_AV1",
        VideoCodec::Vp9 => b"V_VP9",
    };
    let mut entry = Vec::new();
    put_number(&mut entry, ID_TRACK_NUMBER, 1);
    put_number(&mut entry, ID_TRACK_UID, 1);
    put_number(&mut entry, ID_TRACK_TYPE, 1);
    put(&mut entry, ID_CODEC_ID, codec);
    if track.codec != VideoCodec::Vp9 {
        put(&mut entry, ID_CODEC_PRIVATE, &track.config);
    }
    let mut video = Vec::new();
    put_number(&mut video, ID_PIXEL_WIDTH, u64::from(track.width.max(1)));
    put_number(&mut video, ID_PIXEL_HEIGHT, u64::from(track.height.max(1)));
    put(&mut entry, ID_VIDEO, &video);
    let mut tracks = Vec::new();
    put(&mut tracks, ID_TRACK_ENTRY, &entry);

    let mut ebml = Vec::new();
    put(&mut ebml, ID_DOC_TYPE, b"matroska");
    put_number(&mut ebml, ID_DOC_TYPE_VERSION, 4);
    put_number(&mut ebml, ID_DOC_TYPE_READ_VERSION, 2);
    let mut info = Vec::new();
    put_number(&mut info, ID_TIMESTAMP_SCALE, TICK_NS);

    let mut out = Vec::new();
    put(&mut out, ID_EBML, &ebml);
    put_id(&mut out, ID_SEGMENT);
    out.extend_from_slice(&UNKNOWN_SIZE);
    put(&mut out, ID_INFO, &info);
    put(&mut out, ID_TRACKS, &tracks);
    out
}

/// One picture, shown at `at` milliseconds.
pub fn put_picture(out: &mut Vec<u8>, at: u32, payload: &[u8]) {
    let mut timestamp = Vec::new();
    put_number(&mut timestamp, ID_TIMESTAMP, u64::from(at));
    let block = BLOCK_HEAD.len() + payload.len();
    put_id(out, ID_CLUSTER);
    put_size(out, timestamp.len() + 1 + SIZE_BYTES + block);
    out.extend_from_slice(&timestamp);
    put_id(out, ID_SIMPLE_BLOCK);
    put_size(out, block);
    out.extend_from_slice(&BLOCK_HEAD);
    out.extend_from_slice(payload);
}

/// Bytes of a size, as they are written here.
const SIZE_BYTES: usize = 8;

fn put(out: &mut Vec<u8>, id: u32, body: &[u8]) {
    put_id(out, id);
    put_size(out, body.len());
    out.extend_from_slice(body);
}

fn put_number(out: &mut Vec<u8>, id: u32, number: u64) {
    put(out, id, &number.to_be_bytes());
}

/// An id has its length in its own first bits: zeros in front of it are not written.
fn put_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    out.extend(bytes.iter().skip_while(|byte| **byte == 0));
}

fn put_size(out: &mut Vec<u8>, size: usize) {
    let marked = 1 << (7 * SIZE_BYTES) | size as u64;
    out.extend_from_slice(&marked.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::WebmDemuxer;
    use super::*;
    use crate::flv::Event;
    use crate::ts::tests::{tracks, video};

    #[test]
    fn what_is_written_is_read_back_picture_by_picture() {
        let track = tracks().video.unwrap();
        let mut demuxer = WebmDemuxer::new();
        demuxer.push(&head(&track));
        let mut seen = Vec::new();
        for at in [7, 90_000, u32::MAX] {
            let mut out = Vec::new();
            put_picture(&mut out, at, &video(0, 0, true, 500).payload);
            demuxer.push(&out);
            while let Some(event) = demuxer.next().unwrap() {
                if let Event::Frame(frame) = event {
                    seen.push(frame.payload.len());
                }
            }
        }
        // The last one waits for what follows it.
        let length = video(0, 0, true, 500).payload.len();
        assert!(
            seen.len() >= 2 && seen.iter().all(|bytes| *bytes == length),
            "{seen:?}"
        );
    }
}
