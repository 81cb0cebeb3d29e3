//! The delivery loops against readers of any temper: whatever a socket takes at a time, what arrives
//! is whole FLV in whole frames of its carrier, with nothing missing but groups of pictures that a
//! notice told of.
//! Shows R32, R34 and R69.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use weir_base::{Clock, Code, Shutdown, StreamName, Tasks};
use weir_hub::hub::PublishRequest;
use weir_hub::{Grant, Hub, NewClient, Protocol, Publisher, Role};
use weir_media::amf::Value;
use weir_media::flv::write::{put_file_header, put_tag};
use weir_media::flv::{RawFrame, Reader, TAG_VIDEO};
use weir_media::{FrameKind, Item, TrackKind};
use weir_proto::relay::{self, Record};
use weir_proto::rtmp::chunk::ChunkDecoder;
use weir_proto::rtmp::message::Message;
use weir_proto::rtmp::wire::put_message;
use weir_proto::rtmp::{
    ClientOptions, RtmpClientSession, RtmpServerSession, RtmpUrl, ServerConfig, ServerEvent,
};
use weir_proto::ws;
use weir_serve::deliver::forms::flv::Flv;
use weir_serve::deliver::forms::relay::Relay;
use weir_serve::deliver::forms::rtmp::{Rtmp, RtmpTalk};
use weir_serve::deliver::{DeliveryConfig, Format, Framing, NewViewer, Pool, Sink, Talk};
use weir_testkit::builders::hub_config;
use weir_testkit::synthetic;

use crate::tap::Tap;

/// Pictures published, and pictures between two keyframes.
const PICTURES: u64 = 1500;
const GOP: u64 = 20;
/// Bytes of the sockets' buffers: as small as the kernel lets them be.
const SOCKET_BYTES: usize = 2048;
/// Readers of each form.
const READERS: u64 = 6;

/// A small generator, so that a printed seed makes the same temper again.
struct Temper(u64);

impl Temper {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct House {
    hub: Hub,
    pool: Pool,
    shutdown: Shutdown,
}

impl House {
    fn new() -> Self {
        let (tasks, shutdown) = (Tasks::new(), Shutdown::new());
        let config = weir_hub::Config {
            idle_timeout_ms: 60_000,
            ring_ms: 2_000,
            ring_bytes: 4 << 20,
            ..hub_config()
        };
        let hub = Hub::new(config, Clock::real());
        let delivery = DeliveryConfig {
            flush_ms: 5,
            // Little patience: readers fall all the time.
            lag_ms: 100,
            stall_ms: 60_000,
            loops: 2,
        };
        let pool = Pool::start(delivery, &hub, &tasks, &shutdown).unwrap();
        Self {
            hub,
            pool,
            shutdown,
        }
    }

    fn publish(&self) -> Publisher {
        let publisher = self.hub.publish(PublishRequest {
            name: StreamName::new("", "live", "s").unwrap(),
            protocol: Protocol::Rtmp,
            addr: "127.0.0.1:1".parse().unwrap(),
            grant: Grant::default(),
        });
        let publisher = publisher.unwrap();
        publisher.tracks(Arc::new(synthetic::tracks()));
        publisher
    }

    /// A viewer's end of a connection with small buffers.
    fn viewer(
        &self,
        publisher: &Publisher,
        format: Format,
        talk: Option<Box<dyn Talk>>,
    ) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket =
            socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(SOCKET_BYTES).unwrap();
        socket
            .connect(&listener.local_addr().unwrap().into())
            .unwrap();
        let (ours, addr) = listener.accept().unwrap();
        socket2::SockRef::from(&ours)
            .set_send_buffer_size(SOCKET_BYTES)
            .unwrap();
        ours.set_nonblocking(true).unwrap();
        let stream = publisher.stream().clone();
        let new = NewClient {
            role: Role::Viewer,
            protocol: Protocol::HttpFlv,
            name: stream.name.clone(),
            addr,
            is_node: false,
            identity: None,
            right: None,
            wishes: None,
        };
        let client = self.hub.clients().enter(new, 0);
        let viewer = NewViewer {
            sink: Sink::Socket(mio::net::TcpStream::from_std(ours)),
            client: client.unwrap(),
            greeting: match format.framing {
                Framing::Chunked => b"HTTP/1.1 200 OK\r\n\r\n".to_vec(),
                _ => Vec::new(),
            },
            talk,
            after: None,
        };
        self.pool.add(stream, format, viewer).unwrap();
        socket.into()
    }
}

fn flv(framing: Framing) -> Format {
    Format::new(&Flv).framed(framing)
}

/// Publishes in a hurry: faster than real time, in bursts.
fn feed(publisher: &mut Publisher, temper: &mut Temper, done: &AtomicU64) {
    for number in 0..PICTURES {
        let key = number % GOP == 0;
        let size = usize::try_from(50 + temper.below(if key { 30_000 } else { 4_000 })).unwrap();
        let ts_us = i64::try_from(number).unwrap() * 20_000;
        let kind = if key {
            FrameKind::Key
        } else {
            FrameKind::Inter
        };
        publisher.frame(RawFrame {
            track: TrackKind::Video,
            ts_us,
            cts_us: 0,
            kind,
            payload: synthetic::picture(number, key, size).into(),
        });
        publisher.frame(RawFrame {
            track: TrackKind::Audio,
            ts_us,
            cts_us: 0,
            kind: FrameKind::Key,
            payload: vec![0x21; 100].into(),
        });
        if temper.below(3) == 0 {
            std::thread::sleep(Duration::from_millis(temper.below(12)));
        }
    }
    done.store(1, Ordering::Release);
}

/// Reads in pieces of any size with pauses of any length, until the connection ends.
fn read_all(mut socket: TcpStream, seed: u64, mut take: impl FnMut(&[u8])) {
    let mut temper = Temper(seed);
    let mut buffer = vec![0; 32 * 1024];
    socket
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    loop {
        let most = if temper.below(4) == 0 { 30 } else { 30_000 };
        let size = 1 + usize::try_from(temper.below(most)).unwrap();
        match socket.read(&mut buffer[..size]) {
            Ok(0) => return,
            Ok(read) => take(&buffer[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) => panic!("{error}"),
        }
        if temper.below(40) == 0 {
            std::thread::sleep(Duration::from_millis(temper.below(400)));
        }
    }
}

/// What a reader saw.
struct Seen {
    pictures: u64,
    skips: u64,
}

/// One stream, readers of all tempers, `reader` for each.
fn evening(format: Format, reader: impl Fn(TcpStream, u64) -> Seen + Sync) {
    evening_of(format, || format.framing.talk(), reader);
}

fn evening_of(
    format: Format,
    talk: impl Fn() -> Option<Box<dyn Talk>>,
    reader: impl Fn(TcpStream, u64) -> Seen + Sync,
) {
    let seed = 20_261_120;
    println!("seed {seed}");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let in_runtime = runtime.enter();
    let house = House::new();
    let mut publisher = house.publish();
    let sockets: Vec<_> = (0..READERS)
        .map(|_| house.viewer(&publisher, format, talk()))
        .collect();
    let done = AtomicU64::new(0);
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let reader = &reader;
        let readers: Vec<_> = sockets
            .into_iter()
            .zip(0..)
            .map(|(socket, number)| scope.spawn(move || reader(socket, seed + number)))
            .collect();
        feed(&mut publisher, &mut Temper(seed), &done);
        drop(publisher);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .collect()
    });
    assert_eq!(done.load(Ordering::Acquire), 1);
    let pictures: u64 = seen.iter().map(|seen| seen.pictures).sum();
    let skips: u64 = seen.iter().map(|seen| seen.skips).sum();
    println!("{format:?}: {pictures} pictures, {skips} skips");
    assert!(
        seen.iter().all(|seen| seen.pictures > GOP),
        "a reader saw next to nothing"
    );
    assert!(skips > 0, "nobody was slow: the test shows nothing");
    house.shutdown.stop();
    drop(in_runtime);
}

#[test]
fn http_chunks_stay_whole() {
    evening(flv(Framing::Chunked), |socket, seed| {
        let mut tap = Tap::new();
        read_all(socket, seed, |bytes| tap.push(bytes).unwrap());
        assert!(tap.is_over(), "no last chunk");
        Seen {
            pictures: tap.pictures,
            skips: tap.skips,
        }
    });
}

#[test]
fn a_raw_stream_stays_whole() {
    evening(flv(Framing::Raw), |socket, seed| {
        let mut tap = Tap::bare();
        read_all(socket, seed, |bytes| tap.push_flv(bytes).unwrap());
        Seen {
            pictures: tap.pictures,
            skips: tap.skips,
        }
    });
}

#[test]
fn web_socket_messages_stay_whole() {
    evening(flv(Framing::WebSocket), |socket, seed| {
        let mut tap = Tap::bare();
        let limits = ws::WsLimits {
            max_message_bytes: 1 << 20,
            max_fragments: 1,
            ..ws::WsLimits::default()
        };
        let mut decoder = ws::WsDecoder::client(limits);
        let mut closed = None;
        read_all(socket, seed, |bytes| {
            let mut rest = bytes;
            while let Some(event) = decoder.next(&mut rest).unwrap() {
                match event {
                    ws::Event::Message { data, .. } => tap.push_flv(&data).unwrap(),
                    ws::Event::Close { code, .. } => closed = code,
                    other => panic!("{other:?}"),
                }
            }
        });
        assert_eq!(closed, Some(Code::Ended.entry().ws), "no goodbye");
        Seen {
            pictures: tap.pictures,
            skips: tap.skips,
        }
    });
}

#[test]
fn records_for_another_node_stay_whole() {
    evening(Format::new(&Relay), |socket, seed| {
        let mut decoder = relay::RelayDecoder::new(relay::RelayLimits::default());
        let (mut begins, mut ends) = (0, Vec::new());
        let (mut pictures, mut skips, mut last) = (0, 0, None);
        read_all(socket, seed, |bytes| {
            decoder.push(bytes::Bytes::copy_from_slice(bytes));
            while let Some(record) = decoder.poll().unwrap() {
                match record {
                    Record::Begin(_) => begins += 1,
                    Record::Item(Item::Frame(frame)) if frame.track == TrackKind::Video => {
                        let number = synthetic::number_of(&frame.payload).unwrap();
                        if last.is_none_or(|last| number != last + 1) {
                            assert!(frame.is_video_key(), "{number} after {last:?}");
                            skips += u64::from(last.is_some());
                        }
                        last = Some(number);
                        pictures += 1;
                    }
                    Record::End { code, .. } => ends.push(code),
                    _ => {}
                }
            }
        });
        assert_eq!((begins, ends), (1, vec![Code::Ended.number()]));
        Seen { pictures, skips }
    });
}

#[test]
fn rtmp_chunks_stay_whole() {
    evening(Format::new(&Rtmp).on_channel(1), |socket, seed| {
        let mut tap = Tap::bare();
        read_messages(socket, seed, &mut tap, || {});
        Seen {
            pictures: tap.pictures,
            skips: tap.skips,
        }
    });
}

/// Reads chunks. Tags are put back around the messages, so that the same rules are checked.
fn read_messages(socket: TcpStream, seed: u64, tap: &mut Tap, mut each_time: impl FnMut()) {
    let mut flv = Vec::new();
    put_file_header(&mut flv, true, true);
    tap.push_flv(&flv).unwrap();
    let mut decoder = ChunkDecoder::new(1 << 20);
    let set_chunk_size = [2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0xea, 0x60];
    assert!(decoder.next(&mut &set_chunk_size[..]).unwrap().is_none());
    read_all(socket, seed, |bytes| {
        let mut rest = bytes;
        while let Some(message) = decoder.next(&mut rest).unwrap() {
            if matches!(message.message_type, 8 | 9 | 18) {
                flv.clear();
                let Message {
                    message_type,
                    timestamp_ms,
                    body,
                    ..
                } = message;
                put_tag(&mut flv, message_type, timestamp_ms, &[], &body);
                tap.push_flv(&flv).unwrap();
            }
        }
        each_time();
    });
}

#[test]
fn pauses_in_the_middle_of_a_batch_break_no_message() {
    let talk = || -> Option<Box<dyn Talk>> {
        Some(Box::new(RtmpTalk::new(
            playing(),
            1,
            Box::new(|_, _, _| {}),
        )))
    };
    evening_of(Format::new(&Rtmp).on_channel(1), talk, |socket, seed| {
        let mut tap = Tap::bare();
        tap.pauses = true;
        let mut said = socket.try_clone().unwrap();
        let mut temper = Temper(seed);
        read_messages(socket, seed, &mut tap, || {
            if temper.below(10) == 0 {
                // A pause and its end at once: the batch under way is still half sent.
                let both = [pause(true), pause(false)].concat();
                let _ = said.write_all(&both);
            }
        });
        Seen {
            pictures: tap.pictures,
            skips: tap.skips,
        }
    });
}

/// A session whose player was let in, on message stream 1.
fn playing() -> RtmpServerSession {
    let url = RtmpUrl::parse("rtmp://h/live/s").unwrap();
    let mut client = RtmpClientSession::play(&url, [1; 32], ClientOptions::default());
    let mut server = RtmpServerSession::new(ServerConfig::default(), [2; 32]);
    loop {
        server.receive(0, &client.take_output()).unwrap();
        while let Some(event) = server.poll_event() {
            if let ServerEvent::Play { msid, .. } = event {
                server.accept_play(msid);
                server.take_output();
                return server;
            }
        }
        client.receive(0, &server.take_output()).unwrap();
    }
}

fn pause(paused: bool) -> Vec<u8> {
    let mut body = Vec::new();
    let values = [
        Value::string("pause"),
        Value::Number(9.0),
        Value::Null,
        Value::Boolean(paused),
        Value::Number(0.0),
    ];
    values.iter().for_each(|value| value.encode(&mut body));
    let mut out = Vec::new();
    put_message(&mut out, 3, 0, 20, 1, 60_000, &[], &body);
    out
}

#[test]
fn the_reader_of_these_tests_notices_a_missing_byte() {
    let mut flv = Vec::new();
    put_file_header(&mut flv, true, false);
    let mut put = |body: &[u8]| put_tag(&mut flv, TAG_VIDEO, 0, &[], body);
    put(&synthetic::video_header_body());
    put(&synthetic::video_body(0, true, 100));
    put(&synthetic::video_body(1, false, 100));
    put(&synthetic::video_body(2, false, 100));
    let mut tap = Tap::bare();
    tap.push_flv(&flv).unwrap();
    assert_eq!(tap.pictures, 3);
    // One byte lost in the second picture: what follows is not where it should be.
    flv.remove(flv.len() - 150);
    let mut tap = Tap::bare();
    let outcome = tap.push_flv(&flv);
    assert!(outcome.is_err() || tap.pictures < 3);
    let mut reader = Reader::default();
    reader.push(&flv);
    assert!(reader.next().is_ok());
}
