//! Doors: what is spoken at which address, over TCP or UDP. Who serves behind a door is not known here.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use weir_base::limits;

/// What is spoken at a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DoorKind {
    /// RTMP in the clear.
    Rtmp,
    /// RTMP behind TLS.
    Rtmps,
    /// HTTP in the clear, versions 1 and 2.
    Http,
    /// HTTP behind TLS.
    Https,
    /// HTTP in the clear, for operators.
    Admin,
    /// HTTP in the clear, for pictures alone.
    Pictures,
}

/// What carries the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams, one socket for all peers.
    Udp,
}

/// A door that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Bound {
    /// What is spoken.
    pub door: DoorKind,
    /// Over what.
    pub transport: Transport,
    /// Where, port 0 resolved.
    pub address: SocketAddr,
}

/// All doors that are open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(Vec<Bound>);

/// A door and its socket.
#[derive(Debug)]
pub struct Door {
    /// What is spoken.
    pub kind: DoorKind,
    /// Where it comes in.
    pub socket: DoorSocket,
}

/// The socket of a door.
#[derive(Debug)]
pub enum DoorSocket {
    /// Accepts connections.
    Tcp(TcpListener),
    /// Takes datagrams.
    Udp(UdpSocket),
}

impl DoorKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Rtmp,
        Self::Rtmps,
        Self::Http,
        Self::Https,
        Self::Admin,
        Self::Pictures,
    ];

    /// The name in files and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Http => "http",
            Self::Https => "https",
            Self::Admin => "admin",
            Self::Pictures => "pictures",
        }
    }

    /// Whether TLS comes first.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Rtmps | Self::Https)
    }
}

impl Addresses {
    /// The addresses of one kind of door, whatever carries it.
    pub fn of(&self, door: DoorKind) -> Vec<SocketAddr> {
        let bound = self.0.iter().filter(|bound| bound.door == door);
        bound.map(|bound| bound.address).collect()
    }

    /// The first address of one kind of door.
    pub fn first(&self, door: DoorKind) -> Option<SocketAddr> {
        self.of(door).first().copied()
    }

    /// Each door.
    pub fn iter(&self) -> impl Iterator<Item = &Bound> {
        self.0.iter()
    }
}

impl FromIterator<Bound> for Addresses {
    fn from_iter<I: IntoIterator<Item = Bound>>(bound: I) -> Self {
        Self(bound.into_iter().collect())
    }
}

impl Door {
    /// Binds `address`, with our backlog where connections come in.
    ///
    /// # Errors
    /// With the address in the text, for the operator.
    pub fn bind(kind: DoorKind, transport: Transport, address: SocketAddr) -> io::Result<Self> {
        let socket = match transport {
            Transport::Tcp => bind_tcp(address).map(DoorSocket::Tcp),
            Transport::Udp => bind_udp(address).map(DoorSocket::Udp),
        };
        let socket = socket.map_err(|error| explained(&error, address))?;
        Ok(Self { kind, socket })
    }

    /// Where it is, if the socket can still tell.
    pub fn bound(&self) -> Option<Bound> {
        let (transport, address) = match &self.socket {
            DoorSocket::Tcp(listener) => (Transport::Tcp, listener.local_addr()),
            DoorSocket::Udp(socket) => (Transport::Udp, socket.local_addr()),
        };
        Some(Bound {
            door: self.kind,
            transport,
            address: address.ok()?,
        })
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::LISTEN_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// A socket that is not bound yet; one for IPv6 takes IPv4 as well.
fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, kind.nonblocking(), Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

fn explained(error: &io::Error, address: SocketAddr) -> io::Error {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => "; another program has this port: stop it, or set another",
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need root or the capability CAP_NET_BIND_SERVICE"
        }
        _ => "",
    };
    io::Error::new(
        error.kind(),
        format!("cannot listen on {address}: {error}{advice}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_door_may_be_udp_beside_a_tcp_door_of_the_same_kind() {
        let tcp = Door::bind(DoorKind::Https, Transport::Tcp, any_port()).unwrap();
        let address = tcp.bound().unwrap().address;
        let udp = Door::bind(DoorKind::Https, Transport::Udp, address).unwrap();
        let addresses: Addresses = [&tcp, &udp].into_iter().filter_map(Door::bound).collect();
        assert_eq!(addresses.of(DoorKind::Https), [address, address]);
        assert_eq!(addresses.first(DoorKind::Http), None);
        let transports: Vec<_> = addresses.iter().map(|bound| bound.transport).collect();
        assert_eq!(transports, [Transport::Tcp, Transport::Udp]);
        let DoorSocket::Udp(socket) = udp.socket else {
            panic!("not UDP");
        };
        let peer = UdpSocket::bind(any_port()).await.unwrap();
        peer.send_to(b"knock", address).await.unwrap();
        let mut said = [0; 16];
        let (size, from) = socket.recv_from(&mut said).await.unwrap();
        assert_eq!(
            (&said[..size], from),
            (&b"knock"[..], peer.local_addr().unwrap())
        );
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_named() {
        let first = Door::bind(DoorKind::Http, Transport::Tcp, any_port()).unwrap();
        let address = first.bound().unwrap().address;
        let error = Door::bind(DoorKind::Rtmp, Transport::Tcp, address).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&address.to_string()), "{text}");
        assert!(text.contains("another program has this port"), "{text}");
    }
}
