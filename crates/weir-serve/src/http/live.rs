//! Endless streams over HTTP: who may have one, and in which form.

use std::net::SocketAddr;
use std::sync::Arc;

use weir_base::sign::Action;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::route::Via;
use weir_hub::{ClientGuard, Grant, NewClient, Protocol, Role, Stream};

use crate::admission::Admission;
use crate::core::Core;
use crate::deliver::{Form, Format, Framing};
use crate::request::{Asked, PlayIntent, parameter, selection_of, wait_of};

/// A request for an endless stream.
#[derive(Debug, Clone, Copy)]
pub struct LiveRequest<'a> {
    /// App.
    pub app: &'a str,
    /// Stream.
    pub stream: &'a str,
    /// Its form.
    pub form: &'static dyn Form,
    /// What stands around it.
    pub framing: Framing,
    /// `Host`.
    pub host: Option<&'a str>,
    /// The query, decoded.
    pub query: &'a [(String, String)],
    /// The client.
    pub client: SocketAddr,
    /// Path and query as they were asked for.
    pub target: &'a str,
    /// `Authorization`: another node's proof.
    pub authorization: Option<&'a str>,
}

/// An admitted request.
pub struct Opened {
    /// The stream.
    pub stream: Arc<Stream>,
    /// The form it goes out in.
    pub format: Format,
    /// The client's place in the table.
    pub client: ClientGuard,
}

impl LiveRequest<'_> {
    /// How the viewer is counted.
    pub fn protocol(&self) -> Protocol {
        self.form.protocol(self.framing)
    }

    /// The media type of the answer.
    pub fn content_type(&self) -> &'static str {
        self.form.about().content_type
    }

    /// Asks the gatekeeper, finds the stream (waiting if the viewer is ready to), and enters the client.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub async fn open(&self, core: &Core, admission: &Admission) -> Result<Opened, Refusal> {
        let (name, want, identity) = if self.form.about().is_for_nodes {
            let (name, want) = self.admit_node(core, admission)?;
            (name, want, None)
        } else {
            let (name, grant) = self.admit(admission).await?;
            (name, self.play_intent(), grant.identity)
        };
        let stream = admission.play(&name, &want).await?;
        let format = self.format();
        if let Some(why) = format.refuses(&stream.ring.tracks()) {
            return Err(Refusal::new(Code::CodecUnsupported, why));
        }
        let now_us = core.hub.clock().now_us();
        let new = NewClient {
            role: Role::Viewer,
            protocol: self.protocol(),
            name,
            addr: self.client,
            is_node: self.form.about().is_for_nodes,
            identity,
        };
        let client = core.hub.clients().enter(new, now_us)?;
        Ok(Opened {
            stream,
            format,
            client,
        })
    }

    async fn admit(&self, admission: &Admission) -> Result<(StreamName, Grant), Refusal> {
        let asked = Asked {
            action: Action::Play,
            host: self.host,
            app: self.app,
            stream: self.stream,
            query: self.query,
            ip: self.client.ip(),
            protocol: self.protocol(),
            is_cross_site: false,
        };
        admission.admit(&asked).await
    }

    fn play_intent(&self) -> PlayIntent {
        PlayIntent::client(self.protocol(), wait_of(self.query))
    }

    /// Another node of the cluster: it has admitted its viewers itself.
    fn admit_node(
        &self,
        core: &Core,
        admission: &Admission,
    ) -> Result<(StreamName, PlayIntent), Refusal> {
        admission.asker(self.target, self.authorization)?;
        if core.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let vhost = parameter(self.query, "vhost").unwrap_or_default();
        let name = StreamName::new(vhost, self.app, self.stream)?;
        let via = Via::parse(parameter(self.query, "via").unwrap_or_default())?;
        Ok((
            name,
            PlayIntent {
                via,
                ..self.play_intent()
            },
        ))
    }

    fn format(&self) -> Format {
        Format::new(self.form)
            .framed(self.framing)
            .select(selection_of(self.query))
    }
}
