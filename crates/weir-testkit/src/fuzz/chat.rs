//! Chat: a loop with two members that say whatever the input says, in lines and in records.

use std::io::{self, IoSlice};
use std::sync::Arc;

use weir_base::Clock;
use weir_chat::wire::record;
use weir_chat::{
    Alone, Carrier, ChatConfig, Encoding, Framing, Guests, House, Newcomer, NoDoorman, Parts, Said,
    Slice, limits,
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
            close: |out, code, _| out.extend_from_slice(&code.to_be_bytes()),
        },
    });
    let mut slice = Slice::new(house, || {});
    let keys = Encoding::ALL.map(|encoding| {
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
}
