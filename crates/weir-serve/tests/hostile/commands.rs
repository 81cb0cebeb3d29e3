//! Clients who do one thing after the other over one RTMP connection, or several at once. What the session
//! makes of their commands is shown in its own tests; here it reaches streams and viewers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use weir_media::amf::{Decoder, Value};
use weir_proto::rtmp::chunk::ChunkDecoder;
use weir_proto::rtmp::handshake::ClientHandshake;
use weir_proto::rtmp::message::{COMMAND_AMF0, Message};
use weir_proto::rtmp::wire::put_message;
use weir_testkit::synthetic;

use crate::clients::is_nothing;
use crate::house::{House, Options, until};

const AUDIO: u8 = 8;
const VIDEO: u8 = 9;
const HANDSHAKE_BYTES: usize = 1 + 1536 + 1536;

/// A client that says commands one by one and keeps all it hears.
struct Caller {
    socket: TcpStream,
    decoder: ChunkDecoder,
    heard: Vec<Message>,
}

impl Caller {
    fn connect(addr: SocketAddr) -> Self {
        let mut socket = TcpStream::connect(addr).unwrap();
        let mut hello = Vec::new();
        ClientHandshake::start([4; 32], false, 0, &mut hello);
        socket.write_all(&hello).unwrap();
        let mut answer = [0; HANDSHAKE_BYTES];
        socket.read_exact(&mut answer).unwrap();
        socket.write_all(&answer[1..1537]).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let mut caller = Self {
            socket,
            decoder: ChunkDecoder::new(1 << 20),
            heard: Vec::new(),
        };
        let object = Value::object([("app", "live".into()), ("tcUrl", "rtmp://h/live".into())]);
        caller.say(0, "connect", &[object]);
        for _ in 0..3 {
            caller.say(0, "createStream", &[Value::Null]);
        }
        caller
    }

    fn say(&mut self, msid: u32, name: &str, values: &[Value]) {
        let mut body = Vec::new();
        Value::from(name).encode(&mut body);
        Value::Number(1.0).encode(&mut body);
        values.iter().for_each(|value| value.encode(&mut body));
        self.message(COMMAND_AMF0, msid, 0, &body);
    }

    /// A command with one argument; only what is heard from here on counts.
    fn ask(&mut self, msid: u32, name: &str, argument: impl Into<Value>) {
        self.turn();
        self.heard.clear();
        self.say(msid, name, &[Value::Null, argument.into()]);
    }

    fn message(&mut self, message_type: u8, msid: u32, ts_ms: u32, body: &[u8]) {
        let mut bytes = Vec::new();
        put_message(&mut bytes, 3, ts_ms, message_type, msid, 128, &[], body);
        self.socket.write_all(&bytes).unwrap();
    }

    /// A second of pictures.
    fn send(&mut self, msid: u32) {
        self.message(VIDEO, msid, 0, &synthetic::video_header_body());
        self.message(AUDIO, msid, 0, &synthetic::audio_header_body());
        for number in 0..25_u32 {
            let body = synthetic::video_body(number.into(), number % 5 == 0, 200);
            self.message(VIDEO, msid, number * 40, &body);
        }
    }

    fn turn(&mut self) {
        let mut buffer = [0; 16_384];
        let read = match self.socket.read(&mut buffer) {
            Ok(0) => panic!("the server closed the connection"),
            Ok(read) => read,
            Err(error) if is_nothing(&error) => return,
            Err(error) => panic!("{error}"),
        };
        let mut rest = &buffer[..read];
        while let Some(message) = self.decoder.next(&mut rest).unwrap() {
            self.heard.push(message);
        }
    }

    /// Waits for a status on this message stream.
    fn until_status(&mut self, msid: u32, code: &str) {
        until(code, 5, || {
            self.turn();
            let is_it = |message: &Message| message.msid == msid && has_code(message, code);
            self.heard.iter().any(is_it).then_some(())
        });
    }

    /// Waits for pictures on this message stream, and gives their times.
    fn until_pictures(&mut self, msid: u32, count: usize) -> Vec<u32> {
        until("pictures", 5, || {
            self.turn();
            let picture = |message: &&Message| {
                let body = (message.message_type, message.msid) == (VIDEO, msid);
                body && message.body.get(1) == Some(&1)
            };
            let pictures = self.heard.iter().filter(picture);
            let times: Vec<_> = pictures.map(|message| message.timestamp_ms).collect();
            (times.len() >= count).then_some(times)
        })
    }
}

fn has_code(message: &Message, code: &str) -> bool {
    if message.message_type != COMMAND_AMF0 {
        return false;
    }
    let mut decoder = Decoder::new(&message.body);
    std::iter::from_fn(|| decoder.next().ok().flatten())
        .any(|value| value.property("code").and_then(Value::as_str) == Some(code))
}

fn is_live(house: &House, stream: &str) -> bool {
    let name = weir_base::StreamName::new("", "live", stream).unwrap();
    house.services.core.hub.find_live(&name).is_ok()
}

#[test]
fn a_publisher_ends_one_stream_and_begins_the_next() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    for (turn, (stop, argument)) in [
        ("publish", Value::Boolean(false)),
        ("closeStream", Value::Null),
        ("FCUnpublish", "turn-2".into()),
        ("deleteStream", Value::Number(1.0)),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("turn-{turn}");
        caller.ask(1, "publish", &*name);
        caller.until_status(1, "NetStream.Publish.Start");
        caller.send(1);
        house.wait_live(&name);
        caller.ask(1, stop, argument);
        until("the stream is over", 5, || {
            (!is_live(&house, &name)).then_some(())
        });
    }
    house.all_is_well();
}

#[test]
fn a_publisher_that_waits_for_no_answer_loses_nothing() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    caller.say(1, "publish", &[Value::Null, "hasty".into()]);
    caller.send(1);
    house.wait_live("hasty");
    house.all_is_well();
}

#[test]
fn two_streams_are_published_over_one_connection_and_end_apart() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    for (msid, name) in [(1, "left"), (2, "right")] {
        caller.ask(msid, "publish", name);
        caller.until_status(msid, "NetStream.Publish.Start");
        caller.send(msid);
        house.wait_live(name);
    }
    caller.ask(3, "publish", "left");
    caller.until_status(3, "NetStream.Publish.BadName");
    caller.ask(1, "publish", false);
    until("left is over", 5, || {
        (!is_live(&house, "left")).then_some(())
    });
    assert!(is_live(&house, "right"));
    drop(caller);
    until("right is over", 5, || {
        (!is_live(&house, "right")).then_some(())
    });
    house.all_is_well();
}

#[test]
fn a_stream_that_breaks_ends_alone_where_another_goes_on() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    for (msid, name) in [(1, "sound"), (2, "broken")] {
        caller.ask(msid, "publish", name);
        caller.until_status(msid, "NetStream.Publish.Start");
        caller.send(msid);
        house.wait_live(name);
    }
    let name = weir_base::StreamName::new("", "live", "broken").unwrap();
    let clients = house.services.core.hub.clients();
    let publisher = clients
        .list()
        .into_iter()
        .find(|client| client.name == name);
    publisher.unwrap().kick(weir_base::Code::Operator);
    caller.until_status(2, "NetStream.Unpublish.Success");
    caller.send(1);
    assert!(is_live(&house, "sound") && !is_live(&house, "broken"));
    house.all_is_well();
}

#[test]
fn a_publisher_watches_over_the_same_connection() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    caller.ask(1, "publish", "chat");
    caller.until_status(1, "NetStream.Publish.Start");
    caller.ask(2, "play", "honest");
    caller.until_status(2, "NetStream.Play.Start");
    caller.send(1);
    house.wait_live("chat");
    caller.until_pictures(2, 10);
    caller.ask(3, "play", "chat");
    caller.until_status(3, "NetStream.Play.Start");
    caller.until_pictures(3, 1);
    caller.ask(1, "publish", false);
    caller.until_status(3, "NetStream.Play.UnpublishNotify");
    caller.ask(2, "seek", Value::Number(0.0));
    caller.until_pictures(2, 10);
    house.all_is_well();
}

#[test]
fn a_viewer_stops_and_watches_again_over_the_same_connection() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    for (stop, argument) in [
        ("closeStream", Value::Null),
        ("play", Value::Boolean(false)),
        ("deleteStream", Value::Number(1.0)),
    ] {
        caller.ask(1, "play", "honest");
        caller.until_status(1, "NetStream.Play.Start");
        caller.until_pictures(1, 5);
        caller.ask(1, stop, argument);
    }
    caller.ask(1, "publish", "now-mine");
    caller.until_status(1, "NetStream.Publish.Start");
    caller.send(1);
    house.wait_live("now-mine");
    house.all_is_well();
}

#[test]
fn a_viewer_adds_streams_beside_the_one_it_watches_and_misses_nothing_of_that() {
    let house = House::open(Options::default());
    let mut caller = Caller::connect(house.rtmp);
    caller.ask(1, "play", "honest");
    caller.until_pictures(1, 5);
    caller.say(2, "play", &[Value::Null, "honest".into()]);
    caller.say(3, "publish", &[Value::Null, "third".into()]);
    caller.until_status(3, "NetStream.Publish.Start");
    caller.until_pictures(2, 5);
    let times = caller.until_pictures(1, 40);
    let steps = times.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        steps.clone().all(|step| (39..=41).contains(&step)),
        "{times:?}"
    );
    house.all_is_well();
}

#[test]
fn a_viewer_switches_to_another_stream_on_the_same_message_stream() {
    let house = House::open(Options::default());
    let mut publisher = Caller::connect(house.rtmp);
    publisher.ask(1, "publish", "other");
    publisher.until_status(1, "NetStream.Publish.Start");
    publisher.send(1);
    house.wait_live("other");
    let mut caller = Caller::connect(house.rtmp);
    caller.ask(1, "play", "honest");
    caller.until_pictures(1, 5);
    caller.ask(1, "play", "other");
    caller.until_status(1, "NetStream.Play.Start");
    caller.ask(1, "play", "honest");
    caller.until_status(1, "NetStream.Play.Start");
    caller.until_pictures(1, 5);
    house.all_is_well();
}
