//! Chat: a loop with two members that say whatever the input says, in lines and in records.

use std::io::{self, IoSlice};
use std::sync::Arc;

use weir_base::Clock;
use weir_chat::bus::message::{self, Item};
use weir_chat::bus::relay::{Output, Relay, RelayConfig};
use weir_chat::bus::table::Table;
use weir_chat::wire::{events, record};
use weir_chat::{
    Alone, Carrier, ChatConfig, Encoding, Framing, GroupName, Guests, House, Newcomer, NoDoorman,
    Parts, Said, Slice, limits,
};

use super::Input;

/// Counts what it is given.
struct Sponge(usize);

impl Carrier for Sponge {
    fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        self.0 += bytes;
        Ok(bytes)
    }
}

/// Messages of guests who may write: the first byte of each says whose it is and how much time goes by.
pub(super) fn chat(data: &[u8]) {
    let clock = Clock::manual(1_790_000_000_000_000);
    let house = House::new(Parts {
        config: ChatConfig {
            guests: Guests::Write,
            ..ChatConfig::default()
        },
        clock: clock.clone(),
        doorman: Arc::new(NoDoorman),
        bus: Arc::new(Alone),
        framing: Framing {
            header: |out, _, bytes| out.extend_from_slice(&bytes.to_be_bytes()),
            close: |out, _, code, _| out.extend_from_slice(&code.to_be_bytes()),
        },
    });
    let mut slice = Slice::new(house, || {});
    let keys = [Encoding::Json, Encoding::Binary].map(|encoding| {
        slice.arrive(Newcomer {
            carrier: Sponge(0),
            encoding,
            presented: None,
            number: format!("{encoding:?}"),
            greeting: Vec::new(),
        })
    });
    let mut input = Input(data);
    while !input.is_empty() {
        let choice = input.u8();
        let said = input.sized();
        let [lines, records] = keys;
        match (choice & 1, std::str::from_utf8(said)) {
            (0, Ok(text)) => slice.hear(lines, Said::Text(text)),
            _ => slice.hear(records, Said::Binary(said)),
        }
        clock.advance_us(i64::from(choice >> 1) * limits::TICK_US / 8);
        slice.turn();
        let gone = slice.take_gone();
        assert!(gone.iter().all(|gone| gone.why.words().len() < 124));
    }
    let mut rest = data;
    while let Some(record) = record::take(&mut rest) {
        assert!(record.body.len() <= data.len());
    }
    let text = std::str::from_utf8(data).unwrap_or_default();
    for group in text.split(',').filter_map(events::wanted) {
        assert!(text.contains(group.0));
    }
}

/// What nodes say to each other of a group: what is read is written alike, and a relay that hears it goes on.
pub(super) fn chat_bus(data: &[u8]) {
    if let Some((front, rest)) = message::split(data) {
        let line = front.line();
        assert_eq!(message::split(line.as_bytes()), Some((front, &[][..])));
        for item in message::items(rest).into_iter().flatten() {
            for is_json in [false, true] {
                let bytes = match &item {
                    Item::Post(entry) => message::post(entry, is_json),
                    Item::Fact(fact) => message::fact(fact, is_json),
                };
                // A post in few bytes may have fields that are no JSON; as a line it is none then.
                let read = message::items(&bytes);
                assert!(is_json || read == Some(vec![item.clone()]));
            }
        }
    }
    let clock = Clock::manual(1_790_000_000_000_000);
    let relay = Arc::new(Relay::new(RelayConfig {
        shards: 1,
        is_json: false,
        node: "n".into(),
    }));
    let house = House::new(Parts {
        config: ChatConfig::default(),
        clock: clock.clone(),
        doorman: Arc::new(NoDoorman),
        bus: relay.clone(),
        framing: Framing {
            header: |out, _, bytes| out.extend_from_slice(&bytes.to_be_bytes()),
            close: |out, _, code, _| out.extend_from_slice(&code.to_be_bytes()),
        },
    });
    let room = house.room(&GroupName::everybody());
    let Ok(room) = room else { return };
    house.host(&room);
    relay.connected(&house, 0);
    relay.listening(&house, "r:0");
    let mut table = Table::new(8, 10_000);
    let mut carry = |relay: &Relay| {
        for output in relay.poll() {
            if let Output::Call(call) = output {
                let (reply, _) = table.answer("n", &call.op, clock.wall_ms());
                relay.answer(&house, call.id, reply);
            }
        }
    };
    carry(&relay);
    assert!(room.is_ready());
    relay.heard(&house, "r:0", data);
    carry(&relay);
    clock.advance_us(limits::TICK_US);
    relay.tick(&house);
    carry(&relay);
    assert!(room.is_ready());
}
