//! The relay form on a connection to another node: media comes (a pull) or goes (a push).

use std::time::Duration;

use bytes::Bytes;
use weir_base::{Code, Refusal};
use weir_hub::RelayBegin;
use weir_link::http::{Body, HttpError};
use weir_proto::relay::{Record, RelayDecoder, RelayError, RelayLimits};

use super::pull::{Pull, PullEnd};

/// Without a word for so long an upstream is gone: two beats may be late, each by half of its time again.
/// Taken for gone wrongly, it costs a hop made anew that misses nothing.
pub(super) const SILENCE: Duration = Duration::from_millis(1100);

/// Pulls what comes in `body` until something ends it.
pub(super) async fn run(pull: &mut Pull, body: Body) -> PullEnd {
    let ended = run_on(pull, body).await;
    // What viewers here have is not missed again: the next upstream begins there if its ring has it.
    pull.note_position();
    ended
}

async fn run_on(pull: &mut Pull, mut body: Body) -> PullEnd {
    let unwatched = pull.unwatched();
    tokio::pin!(unwatched);
    let mut decoder = RelayDecoder::new(RelayLimits::default());
    loop {
        let piece = tokio::select! {
            piece = next_piece(&mut body) => piece,
            code = kicked(pull) => return PullEnd::Kicked(code),
            () = &mut unwatched => return PullEnd::Unwatched,
        };
        match piece {
            Ok(piece) => decoder.push(piece),
            Err(refusal) => return PullEnd::Broken(refusal),
        }
        loop {
            match decoder.poll() {
                Ok(None) => break,
                Ok(Some(record)) => {
                    if let Some(ended) = hear(pull, record) {
                        return ended;
                    }
                }
                Err(error) => return PullEnd::Broken(breach(&error)),
            }
        }
    }
}

fn hear(pull: &mut Pull, record: Record) -> Option<PullEnd> {
    match record {
        Record::Begin(begin) => {
            let begin = RelayBegin {
                clock_id: begin.timeline,
                wall_at_zero_us: begin.wall_at_zero_us,
            };
            pull.begin(begin).err().map(PullEnd::Refused)
        }
        Record::Item(item) => match &mut pull.publisher {
            Some(publisher) => {
                publisher.item(item);
                None
            }
            None => Some(PullEnd::Broken(Refusal::new(
                Code::ProtocolError,
                "media before the stream's begin",
            ))),
        },
        Record::Remarks(remarks) => {
            if let Some(publisher) = &pull.publisher {
                publisher.relayed_remarks(remarks.notes, remarks.left_out);
            }
            None
        }
        Record::Beat { .. } => None,
        Record::End {
            code,
            detail,
            location,
        } => Some(ended(code, detail, location)),
    }
}

fn ended(code: u16, detail: String, location: Option<String>) -> PullEnd {
    let code = Code::from_number(code).unwrap_or(Code::Ended);
    let mut refusal = Refusal::new(code, detail);
    refusal.location = location.map(Into::into);
    match code {
        Code::Moved if refusal.location.is_some() => PullEnd::Refused(refusal),
        // Between the upstream and its publisher's node: the upstream itself is well, and is asked again.
        Code::NetworkReset => PullEnd::Broken(Refusal::new(Code::Ended, refusal.detail)),
        // Moved without an address: the view knows where to.
        code if code.is_retryable_elsewhere() || code == Code::Moved => PullEnd::Broken(refusal),
        code => PullEnd::Over(code),
    }
}

/// Resolves when the hub lets the pull go; never before it has begun.
async fn kicked(pull: &Pull) -> Code {
    match &pull.publisher {
        Some(publisher) => publisher.kicked().await,
        None => std::future::pending().await,
    }
}

async fn next_piece(body: &mut Body) -> Result<Bytes, Refusal> {
    let broken = |why: String| Refusal::new(Code::OriginUnreachable, why);
    match body.next_piece(SILENCE).await {
        Ok(Some(piece)) => Ok(piece),
        Ok(None) => Err(broken("the upstream closed the connection".into())),
        Err(HttpError::Stalled { .. }) => Err(broken("the upstream is silent".into())),
        Err(error) => Err(broken(error.to_string())),
    }
}

/// What a node is told that breaks the relay form.
pub(super) fn breach(error: &RelayError) -> Refusal {
    Refusal::new(Code::ProtocolError, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_whose_publishing_node_lost_its_line_is_looked_for_again() {
        let told = |code: Code| ended(code.number(), String::new(), None);
        assert!(matches!(told(Code::Ended), PullEnd::Over(Code::Ended)));
        assert!(matches!(
            told(Code::Operator),
            PullEnd::Over(Code::Operator)
        ));
        let PullEnd::Broken(refusal) = told(Code::NetworkReset) else {
            panic!("given up");
        };
        // As who says that it is over: the upstream is not to rest for it.
        assert_eq!(refusal.code, Code::Ended);
    }
}
