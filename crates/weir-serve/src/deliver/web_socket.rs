//! What viewers say over WebSockets: pings, closes, and nothing that matters.

use weir_base::Code;
use weir_proto::ws;

/// The close code of a connection that did its work.
const NORMAL_CLOSE: u16 = 1000;

/// Reads what a viewer said and writes the pongs it is owed; a code when it is done with us, or we
/// with it.
pub(crate) fn hear(
    decoder: &mut ws::Decoder,
    mut said: &[u8],
    answers: &mut Vec<u8>,
) -> Option<Code> {
    loop {
        match decoder.next(&mut said) {
            Ok(Some(ws::Event::Ping(payload))) => {
                ws::put_frame_header(answers, ws::Opcode::Pong, true, payload.len());
                answers.extend_from_slice(&payload);
            }
            Ok(Some(ws::Event::Close { code, .. })) => {
                ws::put_close(answers, code.unwrap_or(NORMAL_CLOSE), "");
                return Some(Code::ClientStopped);
            }
            Err(error) => {
                ws::put_close(answers, error.code, error.why);
                return Some(Code::ProtocolError);
            }
            Ok(Some(_)) => {}
            Ok(None) => return None,
        }
    }
}
