//! What can go wrong on an RTMP connection, and whose fault it is: always the peer's.

use weir_base::{Code, Refusal};
use weir_media::MediaError;

/// The peer broke the protocol or a limit. The session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtmpError {
    /// The peer does not speak RTMP, or a kind of it that weir does not.
    #[error("RTMP handshake: {0}")]
    Handshake(&'static str),
    /// Bytes or commands that the protocol does not allow here.
    #[error("RTMP protocol: {0}")]
    Protocol(&'static str),
    /// A message, or all unfinished ones together, over the limit in force.
    #[error("RTMP message of {size_bytes} bytes, the limit here is {limit_bytes}")]
    TooLarge {
        /// Announced or reached size.
        size_bytes: u64,
        /// The limit in force.
        limit_bytes: u64,
    },
    /// A command or data message that is not AMF.
    #[error("RTMP command: {0}")]
    Amf(#[from] MediaError),
    /// An app, stream or query that cannot be a name.
    #[error("RTMP address: {0}")]
    Address(#[from] Refusal),
}

impl RtmpError {
    /// Its row in the code table: 4004, 4005, or what is wrong with the address.
    pub const fn code(&self) -> Code {
        match self {
            Self::Handshake(_) | Self::Protocol(_) | Self::Amf(_) => Code::ProtocolError,
            Self::TooLarge { .. } => Code::FrameTooLarge,
            Self::Address(refusal) => refusal.code,
        }
    }
}
