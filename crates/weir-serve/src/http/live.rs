//! Endless streams over HTTP: who may have one, and in which form.

use http::header;
use weir_base::sign::Action;
use weir_base::{Code, Refusal, StreamName};
use weir_cluster::route::Via;
use weir_hub::{Grant, Protocol, StreamPosition};

use super::request::HttpRequest;
use crate::admission::Admission;
use crate::core::Core;
use crate::deliver::{Form, Format, Playback};
use crate::request::{Asked, PlayIntent, page, tracks_of, wait_of};

/// A request for an endless stream.
#[derive(Clone, Copy)]
pub(super) struct LiveRequest<'a> {
    pub(super) request: &'a HttpRequest,
    pub(super) app: &'a str,
    pub(super) stream: &'a str,
    pub(super) form: &'static dyn Form,
}

impl LiveRequest<'_> {
    /// How the viewer is counted.
    pub(super) fn protocol(&self) -> Protocol {
        self.form.protocol(self.request.framing())
    }

    /// Asks the gatekeeper, finds the stream (waiting if the viewer is ready to), and enters the client.
    ///
    /// # Errors
    /// The refusal to answer with.
    pub(super) async fn open(
        &self,
        core: &Core,
        admission: &Admission,
    ) -> Result<Playback, Refusal> {
        let (name, intent, grant) = if self.form.about().is_for_nodes {
            let (name, intent) = self.admit_node(core, admission)?;
            (name, intent, Grant::default())
        } else {
            let (name, grant) = self.admit(admission).await?;
            (name, self.play_intent(), grant)
        };
        let stream = admission.play(&name, &intent).await?;
        let format = Format::new(self.form)
            .framed(self.request.framing())
            .select(tracks_of(&self.request.query));
        let playback = Playback::new(&core.pool, stream, format, self.request.client, grant)?;
        Ok(playback.after(self.after()))
    }

    /// Up to where a node has the stream already.
    fn after(&self) -> Option<StreamPosition> {
        let is_node = self.form.about().is_for_nodes;
        let said = self.request.parameter("after").filter(|_| is_node)?;
        said.parse().ok()
    }

    async fn admit(&self, admission: &Admission) -> Result<(StreamName, Grant), Refusal> {
        let asked = Asked {
            action: Action::Play,
            host: self.request.host.as_deref(),
            app: self.app,
            stream: self.stream,
            query: &self.request.query,
            ip: self.request.client.ip(),
            protocol: self.protocol(),
            is_cross_site: false,
            page: page(&self.request.headers),
        };
        admission.admit(&asked).await
    }

    fn play_intent(&self) -> PlayIntent {
        PlayIntent::client(self.protocol(), wait_of(&self.request.query))
    }

    /// Another node of the cluster: it has admitted its viewers itself.
    fn admit_node(
        &self,
        core: &Core,
        admission: &Admission,
    ) -> Result<(StreamName, PlayIntent), Refusal> {
        let proof = self.request.header(header::AUTHORIZATION);
        admission.asker(&self.request.target, proof)?;
        if core.shutdown.is_draining() {
            return Err(Code::Draining.into());
        }
        let vhost = self.request.parameter("vhost").unwrap_or_default();
        let name = StreamName::new(vhost, self.app, self.stream)?;
        let via = Via::parse(self.request.parameter("via").unwrap_or_default())?;
        let intent = PlayIntent {
            via,
            after: self.after(),
            ..self.play_intent()
        };
        Ok((name, intent))
    }
}
