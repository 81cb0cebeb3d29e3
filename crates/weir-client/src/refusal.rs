//! A server's "no" in words: its own, and what weir's error registry advises.

use weir_base::Code;

/// Codes with which a connection may end while its SLSP session waits to be resumed: reset,
/// draining, too slow, overloaded.
const RESUMABLE: [u16; 4] = [4003, 4009, 4010, 5001];
/// The name is taken: while a session is resumed, perhaps by the old connection of our own.
const TAKEN: u16 = 3004;

/// A server refused, or ended what it had granted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Refused {
    /// The number in the error registry, if the server is a weir.
    pub code: Option<u16>,
    text: String,
}

impl Refused {
    /// Of an RTMP status: `NetStream.…` code, the server's words, and `weirCode`.
    pub fn rtmp(status: &str, description: &str, code: Option<u16>) -> Self {
        let status = if status.is_empty() {
            "an error without a name"
        } else {
            status
        };
        let colon = if description.is_empty() { "" } else { ": " };
        let said = format!("the server refused with {status}{colon}{description}");
        // A weir says it all in its description, for players that show nothing else.
        let says_all = code.is_some_and(|number| description.contains(&number.to_string()));
        let text = if says_all {
            said
        } else {
            with_advice(said, code, !description.is_empty())
        };
        Self { code, text }
    }

    /// Of an HTTP answer: its status and body, JSON from a weir.
    pub fn http(status: u16, body: &[u8]) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let code = json
            .get("code")
            .and_then(serde_json::Value::as_u64)
            .and_then(|code| u16::try_from(code).ok());
        let detail = json
            .get("detail")
            .and_then(serde_json::Value::as_str)
            .filter(|detail| !detail.is_empty());
        let said = match detail {
            Some(detail) => format!("the server answered {status}: {detail}"),
            None => format!("the server answered {status}"),
        };
        Self {
            code,
            text: with_advice(said, code, false),
        }
    }

    /// Of a WebSocket close: its code and reason.
    pub fn web_socket(close: Option<u16>, reason: &str) -> Self {
        let close = close.unwrap_or(1005);
        // weir begins the reason with the number of the code.
        let number = reason.get(..4).and_then(|number| number.parse().ok());
        let code = number.filter(|number| Code::from_number(*number).is_some());
        let colon = if reason.is_empty() { "" } else { ": " };
        Self {
            code,
            text: with_advice(
                format!("the server closed with {close}{colon}{reason}"),
                code,
                false,
            ),
        }
    }

    /// Of an SLSP error message.
    pub fn slsp(number: u16, name: &str, message: &str) -> Self {
        let words = if message.is_empty() { name } else { message };
        let said = format!("the server refused: {words}");
        // A weir says what to do about it in its message, for pages that show nothing else.
        let advises =
            Code::from_number(number).is_some_and(|code| words.contains(code.entry().advice));
        let text = if advises {
            format!("{said} (code {number} {name})")
        } else {
            with_advice(said, Some(number), !message.is_empty())
        };
        let code = Some(number);
        Self { code, text }
    }

    /// Whether this ended a connection and not what it stood for: a session may be resumed, or the
    /// attempt to do so (`is_resuming`) made again.
    pub fn may_resume(&self, is_resuming: bool) -> bool {
        self.code
            .is_none_or(|code| RESUMABLE.contains(&code) || is_resuming && code == TAKEN)
    }

    /// Whether asking again later, unchanged, may be answered differently.
    pub fn may_pass(&self) -> bool {
        // Who may not (1xxx, 2xxx) will not in a second either, except where a quota is full.
        // What the source is will not either: its codecs, its bitrate. Why an origin that says nothing closed
        // (2008) nobody knows: the name may be free in a moment.
        !matches!(
            self.code,
            Some(1000..=2004 | 2007 | 2009..=2999 | 3006 | 4011)
        )
    }
}

fn with_advice(said: String, code: Option<u16>, has_message: bool) -> String {
    match code.map(|number| (number, Code::from_number(number).map(Code::entry))) {
        Some((number, Some(entry))) if has_message || said.contains(entry.message) => {
            format!("{said} (code {number} {}). {}", entry.name, entry.advice)
        }
        Some((number, Some(entry))) => {
            format!(
                "{said} (code {number} {}): {} {}",
                entry.name, entry.message, entry.advice
            )
        }
        Some((number, None)) => format!("{said} (code {number})"),
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_code_and_says_what_to_do() {
        let refused = Refused::http(404, br#"{"code":3002,"detail":null}"#).to_string();
        assert!(
            refused.contains("404")
                && refused.contains("3002 not_live")
                && refused.contains("?wait="),
            "{refused}"
        );
        let refused = Refused::rtmp("NetStream.Publish.BadName", "taken", Some(3004)).to_string();
        assert!(
            refused.contains("BadName: taken") && refused.contains("3004"),
            "{refused}"
        );
        let refused = Refused::rtmp("NetStream.Play.Failed", "3002 not_live: wait", Some(3002));
        assert!(refused.to_string().ends_with("3002 not_live: wait"));
        assert_eq!(
            Refused::http(502, b"<html>").to_string(),
            "the server answered 502"
        );
    }

    #[test]
    fn an_slsp_error_is_told_with_the_registrys_advice() {
        let refused = Refused::slsp(1004, "auth_bad_signature", "the signature is wrong");
        let words = refused.to_string();
        assert!(
            words.contains("the signature is wrong (code 1004 auth_bad_signature). "),
            "{words}"
        );
        assert!(!refused.may_resume(true) && !refused.may_pass());
        assert!(Refused::slsp(4009, "draining", "").may_resume(false));
        let taken = Refused::slsp(3004, "stream_busy", "");
        assert!(taken.may_resume(true) && !taken.may_resume(false));
        assert!(Refused::web_socket(Some(1006), "").may_resume(false));
        let advice = Code::from_number(1004).unwrap().entry().advice;
        let weirs_own = Refused::slsp(1004, "auth_bad_signature", &format!("No. {advice}"));
        assert_eq!(weirs_own.to_string().matches(advice).count(), 1);
        // A code of a later version: its number and words.
        let newer = Refused::slsp(2999, "later", "no more").to_string();
        assert_eq!(newer, "the server refused: no more (code 2999)");
    }

    #[test]
    fn what_will_not_change_by_waiting_is_not_tried_again() {
        assert!(!Refused::rtmp("", "", Some(1003)).may_pass());
        assert!(Refused::rtmp("", "", Some(3004)).may_pass());
        assert!(Refused::http(502, b"").may_pass());
    }
}
