//! One function for each parser and machine that meets bytes from outside. cargo-fuzz drives them
//! with coverage (`fuzz/`), `tests/testkit/replay.rs` on a stable compiler with the corpus and mutations.
//!
//! Parsers in crates that this one does not stand on (the API's bodies, answers of hooks, passkeys, files of
//! `weir apply`) are mutated by [`hunt`] in their own tests.
//!
//! They check more than "no panic": what is read in pieces equals what is read whole, times never
//! go back, what is written reads back. Nothing here opens a socket.

mod admit;
mod chat;
mod cluster;
pub mod hunt;
mod live;
mod media;
pub mod mutate;
mod picture;
mod proto;
mod record;
mod relay;
mod seeds;
mod serve;
mod site;
mod slsp;

/// A thing to fuzz.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name of its cargo-fuzz target and of its folder in the corpus.
    pub name: &'static str,
    /// Eats one input.
    pub run: fn(&[u8]),
    /// Inputs to begin with: well formed, so that mutations get far.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        /// All of them.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), run: $module::$name, seeds: seeds::$name }),+
        ];
    };
}

targets! {
    media::amf0,
    media::amf3,
    media::flv_tag,
    media::flv_reader,
    media::depacketizer,
    media::codec_config,
    media::codec_frame,
    media::ts_demux,
    media::fmp4_read,
    media::hls_name,
    media::hls_packager,
    media::timeline,
    live::webm,
    live::fmp4_stream,
    live::live_demux,
    proto::rtmp_chunk,
    proto::rtmp_server,
    proto::rtmp_client,
    proto::rtmp_handshake,
    proto::rtmp_url,
    proto::ws_server,
    proto::ws_client,
    slsp::slsp,
    relay::relay,
    cluster::cluster_message,
    cluster::cluster_coworker,
    cluster::cluster_report,
    cluster::cluster_table,
    cluster::cluster_maxmind,
    cluster::cluster_url,
    serve::http_head,
    serve::proxy_header,
    serve::signed_url,
    serve::preferences,
    serve::time_shift,
    admit::signed_dialects,
    admit::admission_snapshot,
    picture::picture_file,
    picture::picture_answer,
    picture::picture_stream,
    picture::picture_carried,
    record::record_block,
    record::record_manifest,
    site::site_markdown,
    site::site_target,
    chat::chat,
    chat::chat_bus,
}

/// Runs the target of this name; for the cargo-fuzz targets.
///
/// # Panics
/// When there is no such target, and whenever the target finds something wrong.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target
        .unwrap_or_else(|| panic!("no fuzz target {name}"))
        .run)(data);
}

/// Reads decisions off the front of an input; past its end everything is zero.
#[derive(Debug)]
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    fn u8(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Bytes behind a length of two bytes.
    fn sized(&mut self) -> &'a [u8] {
        let bytes = self.u16().into();
        self.take(bytes)
    }

    /// The rest, cut as four bytes at the front say: sizes taken in turn, 0 for all that is left.
    fn pieces(&mut self) -> impl Iterator<Item = &'a [u8]> {
        let sizes: [u8; 4] = self.array();
        let mut rest = self.0;
        self.0 = &[];
        let mut turn = 0;
        std::iter::from_fn(move || {
            let size = match sizes[turn % sizes.len()] {
                0 => rest.len(),
                size => rest.len().min(size.into()),
            };
            turn += 1;
            let (piece, later) = rest.split_at(size);
            rest = later;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
