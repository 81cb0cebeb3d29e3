//! Publishing over RTMP: messages of a session become frames in the hub. The connection and its
//! answers are the door's.

use std::net::SocketAddr;

use bytes::Bytes;
use weir_base::{Code, Refusal};
use weir_cluster::place::Purpose;
use weir_hub::hub::PublishRequest;
use weir_hub::{Protocol, Publisher};
use weir_media::flv::{self, Depacketizer, Event};

use super::Ingest;
use crate::intake::Intake;
use crate::request::Asked;

/// A connection that publishes.
pub(crate) struct RtmpPublishing {
    /// The message stream it publishes on.
    pub(crate) msid: u32,
    /// It was asked to go on at another node: when it leaves, it is live there or about to be.
    pub(crate) is_moving: bool,
    /// App and query of its `connect`.
    place: String,
    ingest: Ingest,
    publisher: Publisher,
    depacketizer: Depacketizer,
    events: Vec<Event>,
    intake: Intake,
}

impl RtmpPublishing {
    /// Begins the stream that a client at `client` asked to publish on the message stream `msid`; `place` is
    /// app and query of its `connect`.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub(crate) async fn begin(
        ingest: &Ingest,
        asked: &Asked<'_>,
        client: SocketAddr,
        (msid, place): (u32, String),
    ) -> Result<Self, Refusal> {
        let (name, grant) = ingest.admission.admit(asked).await?;
        let request = PublishRequest {
            name,
            protocol: Protocol::Rtmp,
            addr: client,
            grant,
        };
        let publisher = ingest.admission.publish(request).await?;
        ingest.core.hub.counters().connected(Protocol::Rtmp);
        Ok(Self {
            msid,
            is_moving: false,
            place,
            ingest: ingest.clone(),
            publisher,
            depacketizer: Depacketizer::default(),
            events: Vec::new(),
            intake: Intake::of_messages(),
        })
    }

    /// Counts bytes of the connection.
    pub(crate) fn received(&self, bytes: u64) {
        let counters = self.ingest.core.hub.counters();
        counters.received(Protocol::Rtmp, bytes);
    }

    /// Takes a media message.
    ///
    /// # Errors
    /// The refusal with which the connection ends.
    pub(crate) fn media(
        &mut self,
        message_type: u8,
        timestamp_ms: u32,
        body: Bytes,
    ) -> Result<(), Refusal> {
        let Self {
            publisher,
            depacketizer,
            events,
            intake,
            ..
        } = self;
        let read = depacketizer.push(message_type, timestamp_ms, body, events);
        for event in events.drain(..) {
            intake.take(publisher, event);
        }
        match read {
            Ok(()) => Ok(()),
            Err(error) => intake.skip(publisher, flv::track_of(message_type), &error),
        }
    }

    /// Waits until it has to go.
    pub(crate) async fn kicked(&self) -> Refusal {
        self.publisher.kicked_with().await
    }

    /// Another node that takes it, as `connect` there names it.
    pub(crate) fn successor(&self) -> Option<String> {
        let name = &self.publisher.stream().name;
        let node = &self.ingest.node;
        let base = node.successor(name, Purpose::Publish, Protocol::Rtmp)?;
        Some(format!("{}/{}", base.trim_end_matches('/'), self.place))
    }

    /// The stream is over, because of `code`.
    pub(crate) async fn end(self, code: Code) {
        let has_left = matches!(code, Code::ClientStopped | Code::NetworkReset);
        if code == Code::Moved || (self.is_moving && has_left) {
            // Its viewers here go on with what comes from the node that has it now.
            let name = self.publisher.stream().name.clone();
            self.ingest.node.carry_on(&name).await;
        }
        self.publisher.end(code);
    }
}
