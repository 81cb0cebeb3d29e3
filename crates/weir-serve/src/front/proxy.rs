//! PROXY protocol, versions 1 and 2: a trusted proxy says who its client is before the client speaks.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ppp::{HeaderResult, PartialResult, v1, v2};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use weir_base::{Code, Refusal, limits};

use super::Prefixed;

/// First bytes of the two versions.
const V1_START: &[u8] = b"PROXY ";
const V2_START: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Takes a PROXY header off the front of a connection from a trusted peer, if there is one, and says
/// who the client is. Each read has the time `within`.
///
/// # Errors
/// 4004 for a header that is begun and makes no sense or does not come to its end in time.
pub async fn accept(
    mut socket: TcpStream,
    peer: SocketAddr,
    within: Duration,
) -> Result<(Prefixed<TcpStream>, SocketAddr), Refusal> {
    let mut read = BytesMut::with_capacity(limits::PROXY_HEADER_BYTES);
    loop {
        if !may_be_header(&read) {
            return Ok((Prefixed::new(read.freeze(), socket), peer));
        }
        if !read.is_empty() {
            match parse(&read) {
                Parsed::Complete { bytes, client } => {
                    let rest: Bytes = read.split_off(bytes.min(read.len())).freeze();
                    return Ok((Prefixed::new(rest, socket), client.unwrap_or(peer)));
                }
                Parsed::Partial if read.len() < limits::PROXY_HEADER_BYTES => {}
                Parsed::Partial | Parsed::Wrong => {
                    return Err(Refusal::new(
                        Code::ProtocolError,
                        "the PROXY header cannot be read",
                    ));
                }
            }
        }
        match tokio::time::timeout(within, socket.read_buf(&mut read)).await {
            Ok(Ok(0)) | Ok(Err(_)) => return Err(Code::NetworkReset.into()),
            Ok(Ok(_)) => {}
            Err(_) => return Err(Refusal::new(Code::TooSlow, "no request in time")),
        }
    }
}

/// The size of a complete header and the client it names; for the fuzzer.
#[doc(hidden)]
pub fn look(read: &[u8]) -> Option<(usize, Option<SocketAddr>)> {
    match parse(read) {
        Parsed::Complete { bytes, client } => Some((bytes, client)),
        Parsed::Partial | Parsed::Wrong => None,
    }
}

fn may_be_header(read: &[u8]) -> bool {
    [V1_START, V2_START].iter().any(|start| {
        let common = read.len().min(start.len());
        read.get(..common) == start.get(..common)
    })
}

/// Whether a header of version 1 has its line end.
fn is_whole_line(read: &[u8]) -> bool {
    read.starts_with(V1_START) && read.windows(2).any(|pair| pair == b"\r\n")
}

enum Parsed {
    Complete {
        bytes: usize,
        client: Option<SocketAddr>,
    },
    Partial,
    Wrong,
}

fn parse(read: &[u8]) -> Parsed {
    match HeaderResult::parse(read) {
        // A line that has come to its end misses nothing that could still come.
        result if result.is_incomplete() && !is_whole_line(read) => Parsed::Partial,
        HeaderResult::V1(Ok(header)) => {
            let client = match header.addresses {
                v1::Addresses::Tcp4(a) => Some(SocketAddr::from((a.source_address, a.source_port))),
                v1::Addresses::Tcp6(a) => Some(SocketAddr::from((a.source_address, a.source_port))),
                v1::Addresses::Unknown => None,
            };
            Parsed::Complete {
                bytes: header.header.len(),
                client,
            }
        }
        HeaderResult::V2(Ok(header)) => {
            let client = match header.addresses {
                v2::Addresses::IPv4(a) => Some(SocketAddr::from((a.source_address, a.source_port))),
                v2::Addresses::IPv6(a) => Some(SocketAddr::from((a.source_address, a.source_port))),
                v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
            };
            Parsed::Complete {
                bytes: header.len(),
                client,
            }
        }
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Parsed::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_1_names_the_client() {
        let header = b"PROXY TCP4 203.0.113.7 10.0.0.1 4711 1935\r\nrest";
        let (bytes, client) = look(header).unwrap();
        assert_eq!(
            (&header[bytes..], client),
            (&b"rest"[..], Some("203.0.113.7:4711".parse().unwrap()))
        );
    }

    #[test]
    fn version_2_names_the_client() {
        let mut header = V2_START.to_vec();
        header.extend([
            0x21, 0x11, 0, 12, 203, 0, 113, 7, 10, 0, 0, 1, 0x12, 0x67, 0x07, 0x8f,
        ]);
        header.extend(b"rest");
        let (bytes, client) = look(&header).unwrap();
        assert_eq!(
            (bytes, client),
            (28, Some("203.0.113.7:4711".parse().unwrap()))
        );
    }

    #[test]
    fn what_is_no_header_is_left_alone() {
        assert!(!may_be_header(b"GET / HTTP/1.1"));
        assert!(!may_be_header(&[3, 0, 0]));
        assert!(may_be_header(b"PRO") && may_be_header(b"\r\n\r\n\0"));
        assert!(look(b"PROXY TCP4 nonsense\r\n").is_none());
    }
}
