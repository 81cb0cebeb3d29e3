//! What clients ask for (§7.2), and the answers the protocol alone can give.

use weir_base::Code;
use weir_media::amf::Value;

use super::streams::Role;
use super::{
    Capabilities, Connect, MAX_EARLY_MESSAGE_BYTES, PeerInfo, PublishMode, RtmpServerSession,
    ServerEvent, StatusRefusal,
};
use crate::rtmp::command::{Command, info};
use crate::rtmp::{RtmpError, Target};

/// How much of a client's description of itself is kept, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 256;
/// What a client is told that asks for more than the protocol has here.
const PROTOCOL_ERROR: u16 = Code::ProtocolError.number();
/// `start` of `play` when absent: live, or else recorded.
const START_DEFAULT: f64 = -2.0;

/// What the first argument of `publish` and `play` asks for.
enum Asks {
    /// This name; it may be empty where the address names the stream.
    Begin(String),
    /// `false`: the end of what goes on, as Flash had it.
    Stop,
    /// `true`: that all goes on as it does.
    Nothing,
}

impl Asks {
    fn read(argument: Option<&Value>) -> Self {
        match argument {
            Some(Value::Boolean(false)) => Self::Stop,
            Some(Value::Boolean(true)) => Self::Nothing,
            // A name of digits alone, from a client that has it as a number.
            Some(Value::Number(number)) if number.is_finite() => Self::Begin(number.to_string()),
            other => Self::Begin(other.and_then(Value::as_str).unwrap_or_default().to_owned()),
        }
    }
}

/// The two things a message stream may be asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Publish,
    Play,
}

impl Verb {
    const fn is_done_by(self, role: Role) -> bool {
        match self {
            Self::Publish => role.publishes(),
            Self::Play => role.plays(),
        }
    }

    const fn refused(self) -> &'static str {
        match self {
            Self::Publish => "NetStream.Publish.BadName",
            Self::Play => "NetStream.Play.Failed",
        }
    }
}

impl RtmpServerSession {
    /// Acts on a command, wherever it comes: what is out of place is answered or passed over, as the servers
    /// do that clients were written for, and the connection goes on.
    ///
    /// # Errors
    /// A name that cannot be one, from a client that does nothing else here.
    pub(super) fn on_command(&mut self, msid: u32, command: &Command) -> Result<(), RtmpError> {
        let transaction = command.transaction;
        if command.name == "connect" {
            self.on_connect(command);
            return Ok(());
        }
        if self.connect == Connect::Awaited {
            self.refuse_before_connect(msid, command);
            return Ok(());
        }
        self.answer_connect();
        match command.name.as_str() {
            "createStream" => self.on_create_stream(transaction),
            "publish" => return self.on_publish(msid, command),
            "play" => return self.on_play(msid, command, command.arguments.first()),
            "play2" => {
                let parameters = command.arguments.first();
                let name = parameters.and_then(|value| value.property("streamName"));
                return match name {
                    Some(name) => self.on_play(msid, command, Some(name)),
                    None => Ok(()),
                };
            }
            "deleteStream" => self.on_delete_stream(msid, command),
            "closeStream" => self.on_close_stream(msid),
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
            "FCUnsubscribe" => {
                let code = "NetStream.Play.Stop";
                self.fc_status("onFCUnsubscribe", code, command.text(0));
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
            "receiveAudio" | "receiveVideo" | "close" => {}
            "_result" | "_error" | "onStatus" => {}
            _ => self.on_unknown(transaction),
        }
        Ok(())
    }

    /// The first `connect` says who the client is. Sent again with the same words it is answered again; with
    /// others it is refused, for what goes on here goes on under the first.
    fn on_connect(&mut self, command: &Command) {
        let text = |name| command.object.property(name).and_then(Value::as_str);
        let text = |name| text(name).unwrap_or_default();
        let transaction = command.transaction;
        if self.connect != Connect::Awaited {
            let is_same = (text("app"), text("tcUrl")) == (&*self.peer.app, &*self.peer.tc_url);
            if is_same {
                self.connect = Connect::Pending { transaction };
                return;
            }
            let (code, words) = ("NetConnection.Connect.Rejected", "Connected already");
            self.reply_error(transaction, info("error", code, words, PROTOCOL_ERROR));
            return;
        }
        self.peer = PeerInfo {
            flash_ver: shortened(text("flashVer")),
            tc_url: text("tcUrl").to_owned(),
            page_url: shortened(text("pageUrl")),
            app: text("app").to_owned(),
            capabilities: Capabilities::from_connect(command),
        };
        self.connect = Connect::Pending { transaction };
        self.events.push_back(ServerEvent::Connect {
            app: self.peer.app.clone(),
            tc_url: self.peer.tc_url.clone(),
        });
    }

    /// Nothing is known of the client yet: it hears that it has to connect, and may do so.
    fn refuse_before_connect(&mut self, msid: u32, command: &Command) {
        let words = "Connect first";
        let verb = match command.name.as_str() {
            "publish" => Verb::Publish,
            "play" => Verb::Play,
            _ => {
                let failed = info("error", "NetConnection.Call.Failed", words, PROTOCOL_ERROR);
                self.reply_error(command.transaction, failed);
                return;
            }
        };
        self.status(msid, "error", verb.refused(), words, PROTOCOL_ERROR);
    }

    fn on_create_stream(&mut self, transaction: f64) {
        match self.streams.create() {
            Some(msid) => self.reply(transaction, &[Value::Number(msid.into())]),
            None => {
                let text = "Too many streams on one connection";
                let failed = info("error", "NetConnection.Call.Failed", text, PROTOCOL_ERROR);
                self.reply_error(transaction, failed);
            }
        }
    }

    fn on_publish(&mut self, msid: u32, command: &Command) -> Result<(), RtmpError> {
        let argument = command.arguments.first();
        let Some((msid, target)) = self.wish(Verb::Publish, msid, argument)? else {
            return Ok(());
        };
        let mode = match command.text(1) {
            "record" => PublishMode::Record,
            append if append.starts_with("append") => PublishMode::Append,
            _ => PublishMode::Live,
        };
        self.events
            .push_back(ServerEvent::Publish { msid, target, mode });
        Ok(())
    }

    fn on_play(
        &mut self,
        msid: u32,
        command: &Command,
        name: Option<&Value>,
    ) -> Result<(), RtmpError> {
        let Some((msid, target)) = self.wish(Verb::Play, msid, name)? else {
            return Ok(());
        };
        let finite = |index, default| {
            command
                .number(index)
                .filter(|n| n.is_finite())
                .unwrap_or(default)
        };
        let (start, duration) = (finite(1, START_DEFAULT), finite(2, -1.0));
        self.events.push_back(ServerEvent::Play {
            msid,
            target,
            start,
            duration,
        });
        Ok(())
    }

    /// The message stream and the target of a publish or play; `None` if all was done here. A stream that
    /// does something already does the new thing instead.
    fn wish(
        &mut self,
        verb: Verb,
        asked_on: u32,
        argument: Option<&Value>,
    ) -> Result<Option<(u32, Target)>, RtmpError> {
        let going_on = self.streams.meant(asked_on, |role| verb.is_done_by(role));
        let name = match Asks::read(argument) {
            Asks::Nothing => return Ok(None),
            Asks::Begin(name) if !name.is_empty() || going_on.is_none() => name,
            Asks::Begin(_) | Asks::Stop => {
                going_on.into_iter().for_each(|msid| self.end(msid));
                return Ok(None);
            }
        };
        let refusal = |description, number| StatusRefusal {
            code: verb.refused(),
            description,
            number,
        };
        let again = going_on.filter(|msid| self.streams.name(*msid) == name);
        if let Some(msid) = again {
            match verb {
                Verb::Publish => self.say_publishing(msid),
                Verb::Play => self.say_playing(msid),
            }
            return Ok(None);
        }
        let Some(msid) = self.streams.place(asked_on) else {
            let words = "This message stream was not created, and there is no room for it";
            self.refuse(asked_on, &refusal(words, PROTOCOL_ERROR));
            return Ok(None);
        };
        self.stop(msid);
        let is_alone = !self.streams.has_other(msid);
        match Target::new(&self.peer.tc_url, &self.peer.app, &name) {
            Ok(target) => {
                let role = match verb {
                    Verb::Publish => Role::PublishAsked,
                    Verb::Play => Role::PlayAsked,
                };
                self.streams.ask(msid, role, &name);
                Ok(Some((msid, target)))
            }
            Err(error) => {
                self.refuse(msid, &refusal(&error.to_string(), error.code.number()));
                if is_alone {
                    return Err(error.into());
                }
                Ok(None)
            }
        }
    }

    /// The argument names the stream; the message's own stream does where it is missing.
    fn on_delete_stream(&mut self, msid: u32, command: &Command) {
        let named = match command.number(0) {
            Some(number) => {
                let valid = (1.0..=f64::from(u32::MAX)).contains(&number);
                valid.then_some(number as u32)
            }
            None => Some(msid),
        };
        if let Some(msid) = named {
            self.stop(msid);
            self.streams.remove(msid);
        }
    }

    fn on_close_stream(&mut self, msid: u32) {
        if let Some(msid) = self.streams.meant(msid, |role| role != Role::Idle) {
            self.end(msid);
        }
    }

    fn on_fc_unpublish(&mut self, transaction: f64, name: &str) {
        self.fc_publish = None;
        let ends = self.streams.publish_named(name);
        ends.into_iter().for_each(|msid| self.end(msid));
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
        let playing = self.streams.meant(msid, |role| role == Role::Playing);
        if let Some(msid) = playing {
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

    /// Ends what the peer does on a message stream, and says so.
    fn end(&mut self, msid: u32) {
        let (code, words) = match self.streams.role(msid) {
            Some(role) if role.publishes() => ("NetStream.Unpublish.Success", "Unpublished"),
            Some(role) if role.plays() => ("NetStream.Play.Stop", "Stopped"),
            _ => return,
        };
        self.stop(msid);
        self.status(msid, "status", code, words, 0);
    }

    /// Ends what the peer does on a message stream.
    fn stop(&mut self, msid: u32) {
        let role = self.streams.rest(msid);
        if role.publishes() {
            if !self.streams.has(Role::Publishing) {
                let decoder = &mut self.link.decoder;
                decoder.set_max_message_bytes(MAX_EARLY_MESSAGE_BYTES);
            }
            self.events.push_back(ServerEvent::Unpublish { msid });
        } else if role.plays() {
            self.events.push_back(ServerEvent::StopPlay { msid });
        }
    }
}

/// The beginning of a text, cut at a character boundary.
fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_DESCRIPTION_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}
