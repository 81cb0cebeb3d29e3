//! A source, a link and a server in virtual time.

use weir_media::flv::Reader;
use weir_proto::slsp::{ClientMessage, Ready, ServerMessage, SlspServerSession};

use super::*;
use crate::clip::{Clip, Input};

const DEMO: &[u8] = include_bytes!("../../../../assets/demo.flv");
const STEP_MS: u64 = 5;
const RESUME_MS: u32 = 5000;

/// The demo clip `rounds` times, and which tags of it are keyframes.
fn source(rounds: usize) -> Vec<ClipTag> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut clip = Clip::new(Input::from(DEMO), true).unwrap();
        let mut tags = Vec::new();
        while let Some(tag) = clip.next().await.unwrap() {
            if tag.time_ms >= rounds as i64 * 10_240 {
                break;
            }
            tags.push(tag);
        }
        tags
    })
}

type Source = std::iter::Peekable<std::vec::IntoIter<ClipTag>>;

/// A tag as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Arrived {
    at_ms: u64,
    time_ms: i64,
    body: Bytes,
    kind: u8,
}

struct Server {
    session: SlspServerSession,
    reader: Reader,
    arrived: Vec<Arrived>,
    restarts: usize,
}

impl Server {
    fn new() -> Self {
        Self {
            session: SlspServerSession::new(),
            reader: Reader::default(),
            arrived: Vec::new(),
            restarts: 0,
        }
    }

    fn text(&mut self, now_ms: u64, text: &str) -> Option<String> {
        match self.session.text(now_ms, text.as_bytes()).unwrap() {
            ClientMessage::Hello(_) => unreachable!("hello is answered by Sim::connect"),
            ClientMessage::Restart(_) => {
                self.restarts += 1;
                self.reader = Reader::default();
            }
            ClientMessage::Stats(_) | ClientMessage::Bye => {}
        }
        None
    }

    fn media(&mut self, at_ms: u64, bytes: &[u8]) {
        self.session.media(bytes.len()).unwrap();
        self.reader.push(bytes);
        while let Some(tag) = self.reader.next().unwrap() {
            self.arrived.push(Arrived {
                at_ms,
                time_ms: tag.ts_ms.into(),
                body: tag.body,
                kind: tag.tag_type,
            });
        }
    }
}

/// What is on its way: a message with what is left of it to be sent, and its arrival.
struct Sim {
    flow: Flow,
    server: Server,
    /// Messages in the bottleneck, the first one partly through.
    up: VecDeque<Message>,
    through_bytes: usize,
    credit_bytes: f64,
    /// Pieces that are through and arrive later.
    flying: VecDeque<(u64, Message)>,
    acks: VecDeque<(u64, String)>,
    delay_ms: u64,
    kbps: f64,
    is_up: bool,
    worst_queue_ms: i64,
}

impl Sim {
    fn new(adapts: bool, delay_ms: u64, kbps: f64) -> Self {
        let mut sim = Self {
            flow: Flow::new(adapts, [None, None, None]),
            server: Server::new(),
            up: VecDeque::new(),
            through_bytes: 0,
            credit_bytes: 0.0,
            flying: VecDeque::new(),
            acks: VecDeque::new(),
            delay_ms,
            kbps,
            is_up: false,
            worst_queue_ms: 0,
        };
        sim.connect(0, false);
        sim
    }

    /// A new connection; the server knows of the session or has forgotten it.
    fn connect(&mut self, now_ms: u64, resumed: bool) {
        let hello = self.flow.hello();
        assert_eq!(hello.contains("resume"), now_ms > 0);
        let bytes = if resumed {
            self.server.session.bytes()
        } else {
            0
        };
        if !resumed {
            self.server.reader = Reader::default();
        }
        self.server.session = SlspServerSession::new();
        self.server.session.text(now_ms, hello.as_bytes()).unwrap();
        self.server.session.resume_at(bytes);
        let ready = ServerMessage::Ready(Ready {
            resume: "token".into(),
            resumed,
            bytes,
            resume_ms: RESUME_MS,
            ..Ready::default()
        });
        self.flow.heard(now_ms, ready.to_json().as_bytes()).unwrap();
        self.is_up = true;
    }

    /// The connection breaks: what is in the bottleneck is lost.
    fn cut(&mut self) {
        self.is_up = false;
        self.up.clear();
        self.through_bytes = 0;
        self.flying.clear();
        self.acks.clear();
    }

    fn run(&mut self, tags: &mut Source, from_ms: u64, to_ms: u64) {
        let mut now_ms = from_ms;
        while now_ms < to_ms {
            while tags.peek().is_some_and(|tag| tag.time_ms <= now_ms as i64) {
                self.flow.push(tags.next().unwrap(), self.is_up);
            }
            self.worst_queue_ms = self.worst_queue_ms.max(self.flow.gauge().queue_ms);
            if self.is_up {
                self.step(now_ms);
            }
            now_ms += STEP_MS;
        }
    }

    fn step(&mut self, now_ms: u64) {
        while let Some(message) = self.flow.next(now_ms) {
            self.up.push_back(message);
        }
        self.credit_bytes += self.kbps / 8.0 * STEP_MS as f64;
        while let Some(first) = self.up.front() {
            let piece = match first {
                Message::Text(_) => first.clone(),
                Message::Media(bytes) => {
                    let left = bytes.slice(self.through_bytes..);
                    let fits = (self.credit_bytes as usize).min(left.len());
                    if fits == 0 {
                        break;
                    }
                    self.credit_bytes -= fits as f64;
                    self.through_bytes += fits;
                    Message::Media(left.slice(..fits))
                }
            };
            let is_through = match first {
                Message::Text(_) => true,
                Message::Media(bytes) => self.through_bytes == bytes.len(),
            };
            self.flying.push_back((now_ms + self.delay_ms, piece));
            if is_through {
                self.up.pop_front();
                self.through_bytes = 0;
            }
        }
        if self.up.is_empty() {
            self.credit_bytes = 0.0;
        }
        while let Some((_, message)) = self.flying.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            match message {
                Message::Text(text) => {
                    self.server.text(now_ms, &text);
                }
                Message::Media(bytes) => self.server.media(now_ms, &bytes),
            }
        }
        if let Some(ack) = self.server.session.poll_ack(now_ms, 0, 0) {
            let ack = ServerMessage::Ack(ack).to_json();
            self.acks.push_back((now_ms + self.delay_ms, ack));
        }
        while let Some((_, ack)) = self.acks.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            self.flow.heard(now_ms, ack.as_bytes()).unwrap();
        }
    }

    /// Pictures that arrived, in order, by their place in the source: each follows the one before it
    /// in the source, or is a keyframe. (The demo has no B-frames.)
    fn pictures(&self, source: &[ClipTag]) -> Vec<usize> {
        let pictures: Vec<&ClipTag> = source
            .iter()
            .filter(|tag| matches!(tag.role, Role::Key | Role::Picture))
            .collect();
        let mut places = Vec::new();
        let arrived = self.server.arrived.iter();
        for tag in arrived.filter(|tag| tag.kind == TAG_VIDEO && tag.body.get(1) == Some(&1)) {
            let from = places.last().map_or(0, |last| last + 1);
            let is_it = |other: &&ClipTag| other.body == tag.body && other.time_ms == tag.time_ms;
            let place = from
                + pictures[from..]
                    .iter()
                    .position(is_it)
                    .expect("in order, once");
            assert!(
                pictures[place].role == Role::Key
                    || Some(place) == places.last().map(|last| last + 1),
                "picture {place} came without the one before it"
            );
            places.push(place);
        }
        places
    }

    fn latest_ms(&self) -> u64 {
        let late = |tag: &Arrived| tag.at_ms.saturating_sub(tag.time_ms.unsigned_abs());
        self.server.arrived.iter().map(late).max().unwrap()
    }
}

#[test]
fn on_a_link_that_suffices_everything_arrives_as_it_was() {
    let tags = source(1);
    let mut sim = Sim::new(true, 50, 2000.0);
    sim.run(&mut tags.clone().into_iter().peekable(), 0, 12_000);
    assert_eq!(sim.server.arrived.len(), tags.len());
    let same = |(arrived, tag): (&Arrived, &ClipTag)| {
        (arrived.kind, &arrived.body, arrived.time_ms) == (tag.kind, &tag.body, tag.time_ms)
    };
    assert!(sim.server.arrived.iter().zip(&tags).all(same));
    assert!(sim.flow.is_delivered());
    assert!(sim.worst_queue_ms < 500, "{} ms", sim.worst_queue_ms);
    let rtt_ms = sim.flow.gauge().rtt_ms.unwrap();
    assert!((100.0..130.0).contains(&rtt_ms), "{rtt_ms} ms");
}

#[test]
fn on_half_the_bitrate_whole_groups_go_and_the_delay_stays() {
    let tags = source(6);
    let mut sim = Sim::new(true, 50, 130.0);
    sim.run(&mut tags.clone().into_iter().peekable(), 0, 62_000);
    let all = tags.iter().filter(|tag| tag.kind == TAG_VIDEO).count() - 1;
    let pictures = sim.pictures(&tags).len();
    let dropped = sim.flow.gauge().dropped;
    assert!(
        (all / 8..all * 2 / 3).contains(&pictures),
        "{pictures} of {all}"
    );
    assert!(pictures + dropped.pictures as usize >= all - 1);
    assert!(sim.latest_ms() < 5000, "{} ms", sim.latest_ms());
    let bytes: usize = sim.server.arrived.iter().map(|tag| tag.body.len()).sum();
    let used = bytes as f64 * 8.0 / 62_000.0 / 130.0;
    assert!(used > 0.7, "{used} of the link is used");
}

#[test]
fn on_a_link_for_sound_alone_sound_goes_on() {
    let tags = source(3);
    let mut sim = Sim::new(true, 50, 100.0);
    sim.run(&mut tags.clone().into_iter().peekable(), 0, 32_000);
    sim.pictures(&tags);
    let sounds = |kind| {
        sim.server
            .arrived
            .iter()
            .filter(move |tag| tag.kind == kind)
    };
    let all = tags.iter().filter(|tag| tag.kind == TAG_AUDIO).count();
    let arrived = sounds(TAG_AUDIO).count();
    assert!(arrived * 10 > all * 8, "{arrived} of {all}");
}

#[test]
fn when_the_link_recovers_so_does_the_stream() {
    let tags = source(4);
    let mut sim = Sim::new(true, 50, 60.0);
    let mut left = tags.clone().into_iter().peekable();
    sim.run(&mut left, 0, 15_000);
    sim.kbps = 3000.0;
    sim.run(&mut left, 15_000, 20_000);
    assert!(sim.flow.gauge().queue_ms < 300, "{:?}", sim.flow.gauge());
    let dropped = sim.flow.gauge().dropped;
    sim.run(&mut left, 20_000, 40_000);
    assert_eq!(sim.flow.gauge().dropped, dropped);
    sim.pictures(&tags);
}

#[test]
fn a_cut_of_a_moment_loses_nothing() {
    let tags = source(2);
    let mut sim = Sim::new(true, 50, 1000.0);
    let mut left = tags.clone().into_iter().peekable();
    for (from_ms, to_ms) in [(0, 5000), (5000, 6000), (6000, 22_000)] {
        sim.run(&mut left, from_ms, to_ms);
        match to_ms {
            5000 => sim.cut(),
            6000 => sim.connect(6000, true),
            _ => {}
        }
    }
    assert_eq!(sim.server.restarts, 0, "it went on by bytes");
    assert_eq!(sim.server.arrived.len(), tags.len());
    assert_eq!(sim.flow.gauge().dropped, Dropped::default());
    sim.pictures(&tags);
}

#[test]
fn a_longer_cut_costs_groups_and_time_goes_on() {
    let tags = source(2);
    let mut sim = Sim::new(true, 50, 1500.0);
    let mut left = tags.clone().into_iter().peekable();
    for (from_ms, to_ms) in [(0, 5000), (5000, 9500), (9500, 22_000)] {
        sim.run(&mut left, from_ms, to_ms);
        match to_ms {
            5000 => sim.cut(),
            9500 => sim.connect(9500, true),
            _ => {}
        }
    }
    sim.pictures(&tags);
    let last = sim.server.arrived.last().unwrap();
    assert!(last.at_ms < last.time_ms.unsigned_abs() + 300, "{last:?}");
    let dropped = sim.flow.gauge().dropped.pictures;
    assert!((70..115).contains(&dropped), "{dropped}");
}

#[test]
fn what_is_not_held_any_more_is_begun_anew_at_a_keyframe() {
    let tags = source(2);
    let mut sim = Sim::new(true, 50, 1000.0);
    let mut left = tags.clone().into_iter().peekable();
    for (from_ms, to_ms) in [(0, 5000), (5000, 6000), (6000, 22_000)] {
        sim.run(&mut left, from_ms, to_ms);
        match to_ms {
            5000 => {
                sim.cut();
                sim.flow.held = Held::at(sim.server.session.bytes() + 1);
            }
            6000 => sim.connect(6000, true),
            _ => {}
        }
    }
    assert_eq!(sim.server.restarts, 1);
    let pictures = sim.pictures(&tags);
    let gaps = pictures.windows(2).filter(|two| two[1] != two[0] + 1);
    assert_eq!(gaps.count(), 1);
}

#[test]
fn a_server_that_has_forgotten_the_session_gets_the_container_from_its_beginning() {
    let tags = source(2);
    let mut sim = Sim::new(true, 50, 1000.0);
    let mut left = tags.clone().into_iter().peekable();
    sim.run(&mut left, 0, 5000);
    sim.cut();
    sim.connect(5000, false);
    let before = sim.server.arrived.len();
    sim.run(&mut left, 5000, 22_000);
    assert_eq!(sim.server.restarts, 0);
    let kinds: Vec<u8> = sim.server.arrived[before..][..3]
        .iter()
        .map(|tag| tag.kind)
        .collect();
    assert_eq!(kinds, [TAG_SCRIPT, TAG_VIDEO, TAG_AUDIO]);
    sim.pictures(&tags);
}

#[test]
fn a_hint_is_obeyed_by_sending_less() {
    let tags = source(4);
    let mut sim = Sim::new(true, 20, 5000.0);
    let hint = br#"{"type":"hint","max_kbps":150}"#;
    sim.flow.heard(0, hint).unwrap();
    sim.run(&mut tags.clone().into_iter().peekable(), 0, 40_000);
    sim.pictures(&tags);
    for from_ms in (0..35_000).step_by(1000) {
        let window = from_ms..from_ms + 5000;
        let arrived = sim.server.arrived.iter();
        let bytes: usize = arrived
            .filter(|tag| window.contains(&tag.at_ms))
            .map(|tag| tag.body.len() + TAG_OVERHEAD_BYTES)
            .sum();
        let kbps = bytes as f64 * 8.0 / 5000.0;
        assert!(kbps <= 165.0, "{kbps} kbit/s from {from_ms} ms on");
    }
}

#[test]
fn without_adaptation_all_arrives_however_late_and_over_two_connections() {
    let tags = source(1);
    let mut sim = Sim::new(false, 50, 130.0);
    let mut left = tags.clone().into_iter().peekable();
    // By now more than four seconds are under way.
    sim.run(&mut left, 0, 9500);
    assert!(sim.flow.held.span_ms() > 4000);
    sim.cut();
    sim.connect(9500, true);
    sim.run(&mut left, 9500, 40_000);
    assert_eq!(sim.server.restarts, 0);
    assert_eq!(sim.server.arrived.len(), tags.len());
}

#[test]
fn without_adaptation_no_more_is_under_way_than_can_be_sent_again() {
    let mut sim = Sim::new(false, 50, 130.0);
    for time_ms in 0..40 {
        let tag = ClipTag {
            kind: TAG_VIDEO,
            time_ms,
            pts_ms: time_ms,
            body: vec![0x17; 1 << 20].into(),
            role: Role::Key,
            is_extra: false,
        };
        sim.flow.push(tag, true);
    }
    while sim.flow.next(1000).is_some() {}
    assert!(sim.flow.held.bytes() <= MAX_HELD_BYTES / 2);
    assert!(sim.flow.waiting_bytes() > 30 << 20);
    assert!(sim.flow.held.from(0).is_some(), "all of it");
}

#[test]
fn a_ready_that_counts_what_was_never_sent_is_refused() {
    let ready = |resumed, bytes| {
        ServerMessage::Ready(Ready {
            resume: "token".into(),
            resumed,
            bytes,
            resume_ms: RESUME_MS,
            ..Ready::default()
        })
        .to_json()
    };
    let tags = source(1);
    for (is_known, resumed, bytes) in [
        (false, false, 1),
        (false, true, 0),
        (true, false, 1),
        (true, false, u64::MAX),
        (true, true, u64::MAX),
    ] {
        let mut flow = Flow::new(true, [None, None, None]);
        if is_known {
            flow.hello();
            flow.heard(0, ready(false, 0).as_bytes()).unwrap();
            flow.push(tags[0].clone(), true);
            assert!(flow.next(0).is_some());
        }
        flow.hello();
        let outcome = flow.heard(0, ready(resumed, bytes).as_bytes());
        assert!(
            matches!(outcome, Err(SlspError::Order(_))),
            "{is_known} {resumed} {bytes}"
        );
    }
}
