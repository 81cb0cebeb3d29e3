//! What can go wrong on an RTMP connection, and whose fault it is: always the peer's.

use weir_media::MediaError;

use super::url::UrlError;

/// Registry code for a malformed name or parameter.
pub const NUMBER_BAD_NAME: u16 = 1002;
/// Registry code for a protocol error.
pub const NUMBER_PROTOCOL: u16 = 4004;
/// Registry code for a message over the limit.
pub const NUMBER_TOO_LARGE: u16 = 4005;

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
    #[error("RTMP name: {0}")]
    Name(#[from] UrlError),
}

impl RtmpError {
    /// The code of the error registry: 4004, 4005 or 1002.
    pub const fn number(&self) -> u16 {
        match self {
            Self::Handshake(_) | Self::Protocol(_) | Self::Amf(_) => NUMBER_PROTOCOL,
            Self::TooLarge { .. } => NUMBER_TOO_LARGE,
            Self::Name(_) => NUMBER_BAD_NAME,
        }
    }
}
