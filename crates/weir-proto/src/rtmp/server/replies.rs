//! What the owner decides, and how it is said.

use weir_media::amf::Value;

use super::{Connect, Redirect, Role, RtmpServerSession, StatusRefusal};
use crate::rtmp::capabilities::{
    CAPS_EX_MOD_EX, CAPS_EX_MULTITRACK, CAPS_EX_RECONNECT, CAPS_EX_TIMESTAMP_NANO_OFFSET,
    announcement,
};
use crate::rtmp::command;
use crate::rtmp::command::info;
use crate::rtmp::link::low_u32;
use crate::rtmp::message::{COMMAND_AMF0, DATA_AMF0, UserControl};
use crate::rtmp::wire::CSID_DATA;

/// A version that players of the Flash days know how to read.
const SERVER_VERSION: &str = "FMS/3,5,7,0";
/// What a server of that version can do.
const SERVER_CAPABILITIES: f64 = 31.0;
/// What SRS calls its redirect, after HTTP.
const REDIRECT_CODE: f64 = 302.0;
const CAPS_EX: u8 =
    CAPS_EX_RECONNECT | CAPS_EX_MULTITRACK | CAPS_EX_MOD_EX | CAPS_EX_TIMESTAMP_NANO_OFFSET;

impl RtmpServerSession {
    /// Says no to `connect`. Call it on [`Connect`](super::ServerEvent::Connect), before
    /// [`take_output`](Self::take_output); later it closes the connection with the same words.
    pub fn refuse_connect(&mut self, refusal: &StatusRefusal<'_>) {
        let StatusRefusal {
            code,
            description,
            number,
        } = *refusal;
        let info = info("error", code, description, number);
        if let Connect::Pending { transaction } = self.connect {
            self.connect = Connect::Answered;
            self.reply_error(transaction, info);
        } else {
            self.link.send_status(0, info);
        }
    }

    /// The publisher may send. Does nothing if it left in the meantime.
    pub fn accept_publish(&mut self, msid: u32) {
        let streams = &mut self.streams;
        if !streams.change(msid, Role::PublishAsked, Role::Publishing) {
            return;
        }
        let limit = self.config.max_message_bytes;
        self.link.decoder.set_max_message_bytes(limit);
        self.link
            .send_user_control(UserControl::StreamBegin { msid });
        self.say_publishing(msid);
    }

    /// What a publisher waits for.
    pub(super) fn say_publishing(&mut self, msid: u32) {
        let code = "NetStream.Publish.Start";
        if let Some(name) = self.fc_publish.take() {
            self.fc_status("onFCPublish", code, &name);
        }
        self.status(msid, "status", code, "Publishing", 0);
    }

    /// The viewer may watch: send it media after this. Does nothing if it left in the meantime.
    pub fn accept_play(&mut self, msid: u32) {
        if !self.streams.change(msid, Role::PlayAsked, Role::Playing) {
            return;
        }
        self.link
            .send_user_control(UserControl::StreamBegin { msid });
        self.say_playing(msid);
        let mut access = Vec::new();
        Value::from("|RtmpSampleAccess").encode(&mut access);
        Value::Boolean(true).encode(&mut access);
        Value::Boolean(true).encode(&mut access);
        self.link.send(CSID_DATA, 0, DATA_AMF0, msid, &[], &access);
    }

    /// What a player waits for.
    pub(super) fn say_playing(&mut self, msid: u32) {
        self.status(msid, "status", "NetStream.Play.Reset", "Resetting", 0);
        self.status(msid, "status", "NetStream.Play.Start", "Playing", 0);
    }

    /// Says no to a publish or play, with the reason. The message stream may be used again.
    pub fn refuse(&mut self, msid: u32, refusal: &StatusRefusal<'_>) {
        if matches!(
            self.streams.role(msid),
            Some(Role::PublishAsked | Role::PlayAsked)
        ) {
            self.streams.rest(msid);
        }
        let (code, text) = (refusal.code, refusal.description);
        self.status(msid, "error", code, text, refusal.number);
    }

    /// The stream is over for this viewer: `NetStream.Play.UnpublishNotify`, `…Play.Stop`.
    pub fn end_play(&mut self, msid: u32, code: &str, description: &str, number: u16) {
        if self.streams.change(msid, Role::Playing, Role::Idle) {
            self.link.send_user_control(UserControl::StreamEof { msid });
            self.status(msid, "status", code, description, number);
        }
    }

    /// The publisher's time is over, with its code and words. What it still sends is dropped. Where nothing
    /// else goes on here the connection is over too: close after the output is sent.
    pub fn end_publish(&mut self, msid: u32, number: u16, description: &str) {
        if self.streams.change(msid, Role::Publishing, Role::Idle) {
            let code = "NetStream.Unpublish.Success";
            self.status(msid, "status", code, description, number);
            let is_last = !self.streams.has_other(msid);
            let (msid, code) = match is_last {
                true => (0, "NetConnection.Connect.Closed"),
                false => (msid, "NetStream.Publish.BadName"),
            };
            self.status(msid, "error", code, description, number);
        }
    }

    /// Any `onStatus`; `number` 0 is left out.
    pub fn status(&mut self, msid: u32, level: &str, code: &str, description: &str, number: u16) {
        self.answer_connect();
        self.link
            .send_status(msid, info(level, code, description, number));
    }

    /// Sends the peer elsewhere, in the form SRS gave this (RTMP 302). A viewer that waits for an
    /// answer is told that its play begins first, as SRS tells it; a publisher that waits hears this
    /// instead of its answer. Edges follow; most players do not: give them a moment, then close.
    pub fn redirect(&mut self, msid: u32, to: &Redirect<'_>) {
        self.answer_connect();
        self.accept_play(msid);
        self.streams.rest(msid);
        let place = Value::object([
            ("code", Value::Number(REDIRECT_CODE)),
            ("redirect", to.tc_url.into()),
            ("redirect2", to.url.into()),
        ]);
        let code = "NetConnection.Connect.Rejected";
        let mut info = info("error", code, "RTMP 302 Redirect", 0);
        if let Value::Object(properties) = &mut info {
            properties.push(("ex".to_owned(), place));
        }
        let body = command::encode("onStatus", 0.0, &Value::Null, &[info]);
        self.link.send(CSID_DATA, 0, COMMAND_AMF0, 0, &[], &body);
    }

    /// Asks the peer to connect again, here or at `tc_url`, and then leave (Enhanced RTMP v2,
    /// "Reconnect Request"). Only peers that announced [`CAPS_EX_RECONNECT`] are asked: false for
    /// the others.
    pub fn ask_to_reconnect(&mut self, tc_url: Option<&str>, description: &str) -> bool {
        if !self.peer.capabilities.can_reconnect() {
            return false;
        }
        self.answer_connect();
        let code = "NetConnection.Connect.ReconnectRequest";
        let mut info = info("status", code, description, 0);
        if let (Value::Object(properties), Some(tc_url)) = (&mut info, tc_url) {
            properties.push(("tcUrl".to_owned(), tc_url.into()));
        }
        self.link.send_status(0, info);
        true
    }

    /// Asks for a sign of life; see [`round_trip_ms`](Self::round_trip_ms).
    pub fn ping(&mut self, now_ms: u64) {
        let timestamp_ms = low_u32(now_ms);
        self.link
            .send_user_control(UserControl::PingRequest { timestamp_ms });
    }

    /// Window, bandwidth and chunk size, then the `_result` of `connect`, if that is still owed.
    pub(super) fn answer_connect(&mut self) {
        let Connect::Pending { transaction } = self.connect else {
            return;
        };
        self.connect = Connect::Answered;
        self.link.send_window(self.config.window_bytes);
        self.link.send_peer_bandwidth(self.config.peer_bandwidth);
        self.link.send_chunk_size(self.config.chunk_size);
        let mut properties = vec![
            ("fmsVer".to_owned(), SERVER_VERSION.into()),
            ("capabilities".to_owned(), SERVER_CAPABILITIES.into()),
            ("mode".to_owned(), Value::Number(1.0)),
        ];
        // Some clients cannot read a strict array: it goes to those alone who speak of codecs themselves.
        if self.peer.capabilities.announced {
            properties.append(&mut announcement(CAPS_EX));
        }
        let code = "NetConnection.Connect.Success";
        let mut info = info("status", code, "Connected", 0);
        let encoding = self.peer.capabilities.object_encoding;
        if let Value::Object(info) = &mut info {
            info.push(("objectEncoding".to_owned(), Value::Number(encoding.into())));
        }
        let properties = Value::Object(properties);
        self.link
            .send_command(0, "_result", transaction, &properties, &[info]);
    }

    /// `_result`; nothing for a command that expects no answer.
    pub(super) fn reply(&mut self, transaction: f64, values: &[Value]) {
        if transaction != 0.0 {
            let values = if values.is_empty() {
                &[Value::Undefined]
            } else {
                values
            };
            self.link
                .send_command(0, "_result", transaction, &Value::Null, values);
        }
    }

    /// `_error`; nothing for a command that expects no answer.
    pub(super) fn reply_error(&mut self, transaction: f64, info: Value) {
        if transaction != 0.0 {
            self.link
                .send_command(0, "_error", transaction, &Value::Null, &[info]);
        }
    }

    /// The status commands that Flash Media Live Encoder and its heirs wait for.
    pub(super) fn fc_status(&mut self, command: &str, code: &str, description: &str) {
        let info = info("status", code, description, 0);
        self.link
            .send_command(0, command, 0.0, &Value::Null, &[info]);
    }
}
