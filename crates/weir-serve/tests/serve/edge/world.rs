//! Nodes of one cluster in this process, with real sockets between them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::runtime::Runtime;
use weir_base::{Clock, Code, Refusal, StreamName};
use weir_cluster::Role;
use weir_hub::gate::Answer;
use weir_hub::hub::PublishRequest;
use weir_hub::{Admission, Gatekeeper, Grant, Protocol, Publisher};
use weir_media::flv::RawFrame;
use weir_media::{FrameKind, TrackKind};
use weir_serve::Services;
use weir_testkit::in_process::{self, Neighbours, RunningServer, ServerSetup};
use weir_testkit::synthetic;
use weir_testkit::wait::until;

/// A query that admits its viewer.
pub(crate) const SIGNED: &str = "e=1700000000&s=abcd";
pub(crate) const SECRET: &str = "a secret of this cluster";
pub(crate) const FRAME_US: i64 = 40_000;
/// Pictures between two keyframes.
const GOP: u64 = 50;

/// What its nodes share.
pub(crate) struct World {
    runtime: Runtime,
    clock: Clock,
    neighbours: Neighbours,
}

/// One of them.
pub(crate) struct Node {
    pub(crate) services: Services,
    pub(crate) url: String,
    handle: tokio::runtime::Handle,
}

/// A stream, in pictures of 40 ms.
pub(crate) struct Film {
    pub(crate) name: StreamName,
    publisher: Publisher,
    next: u64,
}

struct SignedOrNot;

impl Gatekeeper for SignedOrNot {
    fn admit<'a>(&'a self, admission: Admission<'a>) -> Answer<'a> {
        let grant = Grant {
            by_query: admission.parameter("s").is_some(),
            ..Grant::default()
        };
        Box::pin(std::future::ready(Ok::<_, Refusal>(grant)))
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl World {
    pub(crate) fn new() -> Self {
        let clock = Clock::real();
        Self {
            runtime: Runtime::new().unwrap(),
            neighbours: Neighbours::new(&clock, SECRET),
            clock,
        }
    }

    pub(crate) fn origin(&self, id: &str) -> Node {
        self.node(id, Role::Origin, 0, &[])
    }

    pub(crate) fn edge(&self, id: &str, parents: &[&str]) -> Node {
        self.edge_at(id, 0, parents)
    }

    pub(crate) fn edge_at(&self, id: &str, port: u16, parents: &[&str]) -> Node {
        self.node(id, Role::Edge, port, parents)
    }

    fn node(&self, id: &str, role: Role, port: u16, parents: &[&str]) -> Node {
        let _in_runtime = self.runtime.enter();
        let http = vec![SocketAddr::from(([127, 0, 0, 1], port))];
        let mut config = in_process::config(Vec::new(), http);
        config.hls.idle_ms = 30_000;
        config.cache.max_bytes = 16 << 20;
        let plain = ServerSetup::default();
        let setup = ServerSetup {
            id: id.to_owned(),
            roles: vec![role],
            clock: self.clock.clone(),
            config,
            hub: weir_hub::Config {
                idle_timeout_ms: 60_000,
                ring_ms: 10_000,
                ..plain.hub
            },
            gate: Arc::new(SignedOrNot),
            neighbours: Some(Neighbours {
                parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
                ..self.neighbours.clone()
            }),
            ..plain
        };
        let RunningServer { services, http, .. } = setup.start();
        Node {
            services,
            url: format!("http://{}", http[0]),
            handle: self.runtime.handle().clone(),
        }
    }
}

impl Node {
    /// An address on it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Begins a stream.
    pub(crate) fn publish(&self, name: &str) -> Film {
        self.publish_by(name, &Grant::default())
    }

    /// Begins a stream of a publisher with this grant.
    pub(crate) fn publish_by(&self, name: &str, grant: &Grant) -> Film {
        let name = StreamName::new("", "live", name).unwrap();
        let publisher = until("the name is free", 20, || {
            let request = PublishRequest {
                name: name.clone(),
                protocol: Protocol::Rtmp,
                addr: "127.0.0.1:1".parse().unwrap(),
                grant: grant.clone(),
            };
            self.handle
                .block_on(self.services.admission.publish(request))
                .ok()
        });
        publisher.tracks(Arc::new(synthetic::tracks()));
        Film {
            name,
            publisher,
            next: 0,
        }
    }

    /// Bytes sent under this protocol.
    pub(crate) fn sent(&self, protocol: Protocol) -> u64 {
        let mut all = self.services.core.hub.counters().protocols();
        let found = all.find(|(p, ..)| *p == protocol);
        found.map_or(0, |(_, _, sent, _)| sent)
    }

    pub(crate) fn stop(&self) {
        self.services.core.shutdown.stop();
    }
}

impl Film {
    /// Who says what there is.
    pub(crate) const fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// So many pictures more, with sound, all at once.
    pub(crate) fn play(&mut self, pictures: u64) {
        for number in self.next..self.next + pictures {
            let ts_us = number as i64 * FRAME_US;
            let name = number.is_multiple_of(GOP);
            let kind = if name {
                FrameKind::Key
            } else {
                FrameKind::Inter
            };
            self.publisher.frame(RawFrame {
                track: TrackKind::Video,
                ts_us,
                cts_us: 0,
                kind,
                payload: synthetic::picture(number, name, 600).into(),
            });
            self.publisher.frame(RawFrame {
                track: TrackKind::Audio,
                ts_us,
                cts_us: 0,
                kind: FrameKind::Key,
                payload: vec![0x21; 100].into(),
            });
        }
        self.next += pictures;
    }

    pub(crate) fn end(self) {
        self.publisher.end(Code::ClientStopped);
    }
}
