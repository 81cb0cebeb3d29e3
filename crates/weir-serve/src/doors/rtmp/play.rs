//! Players: what they may have, and the way to a delivery loop.

use weir_base::sign::Action;
use weir_base::{Code, Refusal};
use weir_hub::{Protocol, Stream};
use weir_proto::rtmp::{Capabilities, Target};

use super::{RtmpConnection, RtmpServer};
use crate::deliver::forms::rtmp::{Rtmp, RtmpTalk};
use crate::deliver::{Format, Playback, task};
use crate::front::{Conn, Patient};
use crate::request::{PlayIntent, parameter, wait_of};

impl RtmpConnection {
    /// Admits a player, and finds the stream in a form that it can play.
    pub(super) async fn open(&self, msid: u32, target: &Target) -> Result<Playback, Refusal> {
        let RtmpServer {
            core, admission, ..
        } = &self.server;
        let (name, grant) = admission.admit(&self.asked(target, Action::Play)).await?;
        let intent = PlayIntent::client(Protocol::Rtmp, wait_of(&target.query));
        let stream = admission.play(&name, &intent).await?;
        let enhanced = core.config.load().rtmp.takes_all(self.client.ip())
            || parameter(&target.query, "enhanced") == Some("1");
        if !enhanced
            && let Err(refusal) = check_capabilities(&stream, &self.session.peer().capabilities)
            && !admission.is_listed_server(self.client.ip()).await
        {
            return Err(refusal);
        }
        let format = Format::new(&Rtmp).on_channel(msid);
        Playback::new(&core.pool, stream, format, self.client, grant.identity)
    }

    /// Leaves the connection to a delivery loop.
    pub(super) async fn hand_over(mut self, playback: Playback, msid: u32) {
        let core = self.server.core;
        let greeting = self.session.take_output();
        let talk = Box::new(RtmpTalk::new(self.session, msid));
        let handed = match self.conn {
            Conn::Plain(socket) => playback.over_socket(socket, greeting, Some(talk)),
            Conn::Tls(conn) => match playback.over_task(greeting) {
                Ok((batches, watching)) => {
                    let conn = Patient::new(*conn, core.pool.stall());
                    task::carry(conn, talk, batches, watching).await;
                    Ok(())
                }
                Err(refusal) => Err(refusal),
            },
        };
        if let Err(refusal) = handed {
            core.refused(&refusal, Protocol::Rtmp, "play", self.client.ip());
        }
    }
}

/// A player that announced nothing can play what RTMP has always had; the rest it must announce.
fn check_capabilities(stream: &Stream, capabilities: &Capabilities) -> Result<(), Refusal> {
    let tracks = stream.ring.tracks();
    let video = tracks
        .video
        .as_ref()
        .filter(|track| !capabilities.can_video(track.codec))
        .map(|track| track.codec.name());
    let audio = tracks
        .audio
        .as_ref()
        .filter(|track| !capabilities.can_audio(track.codec))
        .map(|track| track.codec.name());
    match video.or(audio) {
        None => Ok(()),
        Some(codec) => Err(Refusal::new(
            Code::CodecUnsupported,
            format!(
                "the stream is {codec} and the player did not announce it (Enhanced RTMP fourCcList); add ?enhanced=1 if it can play it."
            ),
        )),
    }
}
