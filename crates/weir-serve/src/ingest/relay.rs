//! A stream that another node hands on to this one: records up, beats and the end down.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::{interval, timeout};
use weir_base::{Code, Refusal, StreamName, limits};
use weir_cluster::Name;
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Protocol, Publisher, RelayBegin};
use weir_proto::relay::{self, Begin, Record, RelayDecoder, RelayLimits};

use super::Ingest;
use crate::admission::Reserved;

/// How often the other node hears that this one lives: it takes 1.1 s of silence for the end.
const BEAT_EVERY: Duration = Duration::from_millis(300);
/// From the answer to the stream's first word; a publisher may take 12 s until its first keyframe.
const BEGIN_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the publisher of a node that drains may take until it has begun on another.
const HANDOVER: Duration = Duration::from_secs(3);
/// How long last words may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A stream that another node may hand on.
pub struct RelayRequest {
    /// Which.
    pub name: StreamName,
    /// The leave for it.
    pub(crate) reserved: Reserved,
    /// What the other node's admission granted.
    pub grant: Grant,
    /// The other node.
    pub from: Name,
    /// Its address.
    pub addr: SocketAddr,
}

/// Serves one upgraded connection to its end.
pub async fn serve<S>(ingest: Ingest, io: S, opening: RelayRequest)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (reader, mut writer) = tokio::io::split(io);
    let from = opening.from.clone();
    let name = opening.name.clone();
    let refusal = take(&ingest, reader, &mut writer, opening).await;
    if !matches!(refusal.code, Code::ClientStopped) {
        tracing::info!(stream = %name, node = %from, code = refusal.code.number(), "a relayed stream ends: {}", refusal.detail);
    }
    let mut end = Vec::new();
    let location = refusal.location.as_deref();
    relay::put_end(&mut end, refusal.code.number(), &refusal.detail, location);
    let _ = timeout(LAST_WORDS, async {
        let _ = writer.write_all(&end).await;
        let _ = writer.shutdown().await;
    })
    .await;
}

async fn take<S>(
    ingest: &Ingest,
    reader: ReadHalf<S>,
    writer: &mut WriteHalf<S>,
    opening: RelayRequest,
) -> Refusal
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let mut stream = Records {
        reader,
        buffer: BytesMut::new(),
        decoder: RelayDecoder::new(RelayLimits::default()),
    };
    let RelayRequest {
        name,
        reserved,
        grant,
        addr,
        from,
    } = opening;
    let begin = tokio::select! {
        begin = timeout(BEGIN_TIMEOUT, stream.begin()) => match begin {
            Ok(Ok(begin)) => begin,
            Ok(Err(refusal)) => return refusal,
            Err(_) => return Refusal::new(Code::TooSlow, "no stream in time"),
        },
        refusal = beat(ingest, writer) => return refusal,
    };
    let request = PublishRequest {
        name,
        protocol: Protocol::Relay,
        addr,
        grant,
    };
    let relayed = RelayBegin {
        clock_id: begin.timeline,
        wall_at_zero_us: begin.wall_at_zero_us,
    };
    let begun = ingest.admission.begin(reserved, request, Some(relayed));
    let mut publisher = match begun {
        Ok(publisher) => publisher,
        Err(refusal) => return refusal,
    };
    let _handed_on = ingest.node.handed_on(&publisher.stream().name, &from);
    ingest.core.hub.counters().connected(Protocol::Relay);
    let client = publisher.client().clone();
    let refusal = tokio::select! {
        refusal = stream.publish(ingest, &mut publisher) => refusal,
        code = client.wait_kicked() => code.into(),
        refusal = beat(ingest, writer) => refusal,
    };
    if ingest.node.is_leaving(&from) && !ingest.core.shutdown.is_draining() {
        // That node drains, and its publisher is on the way to another: whoever comes takes over.
        let _ = timeout(HANDOVER, client.wait_kicked()).await;
    }
    publisher.end(refusal.code);
    refusal
}

/// Tells the other node that this one lives, until it cannot be told.
async fn beat<S: AsyncWrite + Unpin>(ingest: &Ingest, writer: &mut S) -> Refusal {
    let mut every = interval(BEAT_EVERY);
    let mut record = Vec::new();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = ingest.core.shutdown.draining() => return Code::Draining.into(),
        }
        record.clear();
        relay::put_beat(&mut record, ingest.core.hub.clock().wall_us());
        let limit = Duration::from_millis(limits::CONTROL_WRITE_MS);
        match timeout(limit, writer.write_all(&record)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Refusal::new(Code::NetworkReset, error.to_string()),
            Err(_) => return Refusal::new(Code::TooSlow, "the other node does not read"),
        }
    }
}

/// Records as they come.
struct Records<S> {
    reader: ReadHalf<S>,
    buffer: BytesMut,
    decoder: RelayDecoder,
}

impl<S: AsyncRead + AsyncWrite> Records<S> {
    /// The stream's first word.
    async fn begin(&mut self) -> Result<Begin, Refusal> {
        loop {
            match self.next().await? {
                Record::Begin(begin) => return Ok(begin),
                Record::Beat { .. } | Record::Remarks(_) => {}
                Record::End { code, detail, .. } => return Err(ended(code, detail)),
                Record::Item(_) => {
                    let words = "media before the stream's begin";
                    return Err(Refusal::new(Code::ProtocolError, words));
                }
            }
        }
    }

    async fn publish(&mut self, ingest: &Ingest, publisher: &mut Publisher) -> Refusal {
        loop {
            match self.next_counted(ingest).await {
                Ok(Record::Item(item)) => publisher.item(item),
                Ok(Record::Remarks(remarks)) => {
                    publisher.relayed_remarks(remarks.notes, remarks.left_out);
                }
                Ok(Record::Begin(_) | Record::Beat { .. }) => {}
                Ok(Record::End { code, detail, .. }) => return ended(code, detail),
                Err(refusal) => return refusal,
            }
        }
    }

    async fn next_counted(&mut self, ingest: &Ingest) -> Result<Record, Refusal> {
        loop {
            if let Some(record) = self.poll()? {
                return Ok(record);
            }
            let read = self.read().await?;
            ingest.core.hub.counters().received(Protocol::Relay, read);
        }
    }

    async fn next(&mut self) -> Result<Record, Refusal> {
        loop {
            if let Some(record) = self.poll()? {
                return Ok(record);
            }
            self.read().await?;
        }
    }

    fn poll(&mut self) -> Result<Option<Record>, Refusal> {
        let record = self.decoder.poll();
        record.map_err(|error| Refusal::new(Code::ProtocolError, error.to_string()))
    }

    async fn read(&mut self) -> Result<u64, Refusal> {
        self.buffer.reserve(limits::RTMP_READ_BYTES);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => Err(Refusal::new(
                Code::NetworkReset,
                "the other node closed the connection",
            )),
            Ok(read) => {
                self.decoder.push(self.buffer.split().freeze());
                Ok(read as u64)
            }
            Err(error) => Err(Refusal::new(Code::NetworkReset, error.to_string())),
        }
    }
}

fn ended(code: u16, detail: String) -> Refusal {
    let code = Code::from_number(code).unwrap_or(Code::ClientStopped);
    // What viewers are told at a stream's end is for its origin the publisher's going.
    let code = if code == Code::Ended {
        Code::ClientStopped
    } else {
        code
    };
    Refusal::new(code, detail)
}
