//! MPEG-TS (ISO/IEC 13818-1): frames to packets ([`Muxer`]) and back ([`demux::TsDemuxer`]).
//!
//! One programme, at most one video and one audio stream. What is cut where, and who keeps the
//! packets, is the business of `hls` and of the servers.

mod annexb;
mod catalog;
pub mod demux;
mod mux;
mod packet;
mod psi;

pub use demux::TsDemuxer;
pub use mux::Muxer;

/// Bytes of a transport packet.
pub const PACKET_BYTES: usize = 188;

/// First byte of each packet.
const SYNC_BYTE: u8 = 0x47;

/// Timestamps in TS have 33 bits of a 90 kHz clock and wrap every 26.5 hours.
const CLOCK_MASK: u64 = (1 << 33) - 1;

const PID_PAT: u16 = 0x0000;
const PID_PMT: u16 = 0x1000;
const PID_VIDEO: u16 = 0x0100;
const PID_AUDIO: u16 = 0x0101;

const STREAM_TYPE_MPEG1_AUDIO: u8 = 0x03;
const STREAM_TYPE_MPEG2_AUDIO: u8 = 0x04;
const STREAM_TYPE_PRIVATE: u8 = 0x06;
const STREAM_TYPE_ADTS: u8 = 0x0F;
const STREAM_TYPE_H264: u8 = 0x1B;
const STREAM_TYPE_HEVC: u8 = 0x24;
/// ATSC A/52 numbers, which HLS asks for.
const STREAM_TYPE_AC3: u8 = 0x81;
const STREAM_TYPE_EAC3: u8 = 0x87;

/// Registration descriptor and DVB extension descriptor (Opus in TS).
const DESCRIPTOR_REGISTRATION: u8 = 0x05;
const DESCRIPTOR_EXTENSION: u8 = 0x7F;

#[cfg(test)]
pub(crate) mod tests;
