//! The control frames of a viewer on a WebSocket. Its media is framed in [`super::Framing`].

use weir_base::Code;
use weir_proto::ws;

use super::talk::{Ask, Parting, Talk};

/// The close code of a connection that did its work.
const NORMAL_CLOSE: u16 = 1000;

/// Answers pings and closes; what else a viewer says is not for us.
pub struct WebSocketTalk {
    decoder: ws::WsDecoder,
}

impl Default for WebSocketTalk {
    fn default() -> Self {
        Self {
            decoder: ws::WsDecoder::server(ws::WsLimits::default()),
        }
    }
}

impl Talk for WebSocketTalk {
    fn receive(
        &mut self,
        _: i64,
        mut said: &[u8],
        answers: &mut Vec<u8>,
        _: &mut dyn FnMut(Ask),
    ) -> Option<Parting> {
        loop {
            match self.decoder.next(&mut said) {
                Ok(Some(ws::Event::Ping(payload))) => {
                    ws::put_frame_header(answers, ws::Opcode::Pong, true, payload.len());
                    answers.extend_from_slice(&payload);
                }
                Ok(Some(ws::Event::Close { code, .. })) => {
                    ws::put_close(answers, code.unwrap_or(NORMAL_CLOSE), "");
                    return Some(Parting::Over(Code::ClientStopped));
                }
                Err(error) => {
                    ws::put_close(answers, error.code, error.why);
                    return Some(Parting::Over(Code::ProtocolError));
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
            }
        }
    }
}
