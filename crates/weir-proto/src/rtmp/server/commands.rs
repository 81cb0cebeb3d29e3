//! What clients ask for (§7.2), and the answers the protocol alone can give.

use weir_base::Code;
use weir_media::amf::Value;

use super::{
    Capabilities, Connect, MAX_EARLY_MESSAGE_BYTES, MAX_MESSAGE_STREAMS, MessageStream, PeerInfo,
    PublishMode, Role, RtmpServerSession, ServerEvent, StatusRefusal,
};
use crate::rtmp::command::{Command, info};
use crate::rtmp::{RtmpError, Target};

/// How much of a client's description of itself is kept, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 256;
/// What a client is told that asks for more than the protocol has here.
const PROTOCOL_ERROR: u16 = Code::ProtocolError.number();
/// `start` of `play` when absent: live, or else recorded.
const START_DEFAULT: f64 = -2.0;

impl RtmpServerSession {
    pub(super) fn on_command(&mut self, msid: u32, command: &Command) -> Result<(), RtmpError> {
        if command.name == "connect" {
            return self.on_connect(command);
        }
        if self.connect == Connect::Awaited {
            return Err(RtmpError::Protocol("a command before connect"));
        }
        self.answer_connect();
        let transaction = command.transaction;
        match command.name.as_str() {
            "createStream" => self.on_create_stream(transaction),
            "publish" => return self.on_publish(msid, command),
            "play" => return self.on_play(msid, command),
            "deleteStream" => self.on_delete_stream(command.number(0)),
            "closeStream" => self.stop(msid),
            "FCPublish" => {
                self.fc_publish = Some(shortened(command.text(0)));
                self.reply(transaction, &[]);
            }
            "FCUnpublish" => self.on_fc_unpublish(transaction, command.text(0)),
            "FCSubscribe" => {
                let code = "NetStream.Play.Start";
                self.fc_status("onFCSubscribe", code, command.text(0));
                self.reply(transaction, &[]);
            }
            "releaseStream" => self.reply(transaction, &[]),
            "getStreamLength" | "_checkbw" => self.reply(transaction, &[Value::Number(0.0)]),
            "pause" | "pauseRaw" => self.on_pause(msid, command),
            "seek" => self.status(
                msid,
                "status",
                "NetStream.Seek.Notify",
                "Live: stays live",
                0,
            ),
            "play2" | "receiveAudio" | "receiveVideo" => {}
            "_result" | "_error" | "onStatus" => {}
            _ => self.on_unknown(transaction),
        }
        Ok(())
    }

    fn on_connect(&mut self, command: &Command) -> Result<(), RtmpError> {
        if self.connect != Connect::Awaited {
            return Err(RtmpError::Protocol("connect twice"));
        }
        let text = |name| command.object.property(name).and_then(Value::as_str);
        let text = |name| text(name).unwrap_or_default();
        self.peer = PeerInfo {
            flash_ver: shortened(text("flashVer")),
            tc_url: text("tcUrl").to_owned(),
            page_url: shortened(text("pageUrl")),
            app: text("app").to_owned(),
            capabilities: Capabilities::from_object(&command.object),
        };
        self.connect = Connect::Pending {
            transaction: command.transaction,
        };
        self.events.push_back(ServerEvent::Connect {
            app: self.peer.app.clone(),
            tc_url: self.peer.tc_url.clone(),
        });
        Ok(())
    }

    fn on_create_stream(&mut self, transaction: f64) {
        if self.streams.len() >= MAX_MESSAGE_STREAMS {
            let text = "Too many streams on one connection";
            let failed = info("error", "NetConnection.Call.Failed", text, PROTOCOL_ERROR);
            self.reply_error(transaction, failed);
            return;
        }
        // The lowest free one: the wire form of a stream is shared by all who watch it under one id.
        let mut msid = 1;
        while self.streams.iter().any(|stream| stream.msid == msid) {
            msid += 1;
        }
        self.streams.push(MessageStream {
            msid,
            role: Role::Idle,
        });
        self.reply(transaction, &[Value::Number(msid.into())]);
    }

    fn on_publish(&mut self, msid: u32, command: &Command) -> Result<(), RtmpError> {
        let Some(target) = self.wish(msid, command.text(0), "NetStream.Publish.BadName")? else {
            return Ok(());
        };
        let mode = match command.text(1) {
            "record" => PublishMode::Record,
            append if append.starts_with("append") => PublishMode::Append,
            _ => PublishMode::Live,
        };
        self.set_role(msid, Role::PublishAsked);
        self.events
            .push_back(ServerEvent::Publish { msid, target, mode });
        Ok(())
    }

    fn on_play(&mut self, msid: u32, command: &Command) -> Result<(), RtmpError> {
        let Some(target) = self.wish(msid, command.text(0), "NetStream.Play.Failed")? else {
            return Ok(());
        };
        let finite = |index, default| {
            command
                .number(index)
                .filter(|n| n.is_finite())
                .unwrap_or(default)
        };
        let (start, duration) = (finite(1, START_DEFAULT), finite(2, -1.0));
        self.set_role(msid, Role::PlayAsked);
        let event = ServerEvent::Play {
            msid,
            target,
            start,
            duration,
        };
        self.events.push_back(event);
        Ok(())
    }

    /// The target of a publish or play; `None` if it was refused here.
    fn wish(&mut self, msid: u32, name: &str, code: &str) -> Result<Option<Target>, RtmpError> {
        match self.stream_mut(msid).map(|stream| stream.role) {
            Some(Role::Idle) => {}
            Some(_) => return Err(RtmpError::Protocol("publish or play on a stream in use")),
            None => return Err(RtmpError::Protocol("publish or play before createStream")),
        }
        let refusal = |description, number| StatusRefusal {
            code,
            description,
            number,
        };
        if self.streams.iter().any(|stream| stream.role != Role::Idle) {
            let text = "One publish or play at a time on a connection";
            self.refuse(msid, &refusal(text, PROTOCOL_ERROR));
            return Ok(None);
        }
        match Target::new(&self.peer.tc_url, &self.peer.app, name) {
            Ok(target) => Ok(Some(target)),
            Err(error) => {
                self.refuse(msid, &refusal(&error.to_string(), error.code.number()));
                Err(error.into())
            }
        }
    }

    fn on_delete_stream(&mut self, msid: Option<f64>) {
        let same = |stream: &&MessageStream| Some(f64::from(stream.msid)) == msid;
        if let Some(msid) = self.streams.iter().find(same).map(|stream| stream.msid) {
            self.stop(msid);
            self.streams.retain(|stream| stream.msid != msid);
        }
    }

    fn on_fc_unpublish(&mut self, transaction: f64, name: &str) {
        let active = [Role::Publishing, Role::PublishAsked].map(|role| self.stream_with(role));
        if let Some(msid) = active.into_iter().flatten().next() {
            self.stop(msid);
        }
        self.fc_status("onFCUnpublish", "NetStream.Unpublish.Success", name);
        self.reply(transaction, &[]);
    }

    fn on_pause(&mut self, msid: u32, command: &Command) {
        let paused = command.arguments.first().and_then(Value::as_bool);
        let paused = paused.unwrap_or(true);
        let (code, text) = match paused {
            true => ("NetStream.Pause.Notify", "Paused"),
            false => ("NetStream.Unpause.Notify", "Resumed"),
        };
        if self.stream_with(Role::Playing) == Some(msid) {
            self.status(msid, "status", code, text, 0);
            self.events.push_back(ServerEvent::Pause { msid, paused });
        }
    }

    fn on_unknown(&mut self, transaction: f64) {
        let text = "Unknown command";
        self.reply_error(
            transaction,
            info("error", "NetConnection.Call.Failed", text, 0),
        );
    }

    /// Ends what the peer does on a message stream.
    fn stop(&mut self, msid: u32) {
        let Some(stream) = self.stream_mut(msid) else {
            return;
        };
        let role = std::mem::replace(&mut stream.role, Role::Idle);
        match role {
            Role::Idle => {}
            Role::PublishAsked | Role::Publishing => {
                self.fc_publish = None;
                self.link
                    .decoder
                    .set_max_message_bytes(MAX_EARLY_MESSAGE_BYTES);
                self.events.push_back(ServerEvent::Unpublish { msid });
            }
            Role::PlayAsked | Role::Playing => {
                self.events.push_back(ServerEvent::StopPlay { msid });
            }
        }
    }
}

/// The beginning of a text, cut at a character boundary.
fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_DESCRIPTION_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}
