//! What a viewer gets, taken apart and checked to the last byte: HTTP, chunks, FLV tags, numbers.

use weir_media::amf::{Decoder, Value};
use weir_media::flv::{Reader, TAG_SCRIPT, TAG_VIDEO};
use weir_testkit::synthetic;

/// What stands around the FLV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    Head,
    ChunkSize,
    Chunk(usize),
    ChunkEnd,
    Over,
}

/// What must come next among the video tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Header,
    Key,
    Next(u64),
}

/// Takes the bytes of a `.flv` answer in HTTP/1.1 chunks.
#[derive(Debug)]
pub(crate) struct Tap {
    input: Vec<u8>,
    around: Around,
    flv: Reader,
    expect: Expect,
    last_ms: u32,
    /// Headers may come at any time: after them a keyframe, without a notice.
    pub(crate) pauses: bool,
    /// Pictures seen.
    pub(crate) pictures: u64,
    /// Notices of lost frames, and the frames they named.
    pub(crate) skips: u64,
    pub(crate) lost: u64,
}

impl Tap {
    pub(crate) fn new() -> Self {
        Self {
            input: Vec::new(),
            around: Around::Head,
            flv: Reader::default(),
            expect: Expect::Header,
            last_ms: 0,
            pauses: false,
            pictures: 0,
            skips: 0,
            lost: 0,
        }
    }

    /// For a carrier that has been taken off already.
    pub(crate) fn bare() -> Self {
        Self {
            around: Around::Over,
            ..Self::new()
        }
    }

    /// Whether the last chunk came.
    #[allow(dead_code, reason = "not every test binary asks")]
    pub(crate) fn is_over(&self) -> bool {
        self.around == Around::Over
    }

    /// More bytes, cut anywhere.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.input.extend_from_slice(bytes);
        while self.step()? {}
        Ok(())
    }

    /// More bytes of FLV.
    pub(crate) fn push_flv(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.flv.push(bytes);
        while let Some(tag) = self.flv.next().map_err(|error| error.to_string())? {
            self.tag(tag.tag_type, tag.ts_ms, &tag.body)?;
        }
        Ok(())
    }

    fn step(&mut self) -> Result<bool, String> {
        match self.around {
            Around::Head => {
                let Some(end) = find(&self.input, b"\r\n\r\n") else {
                    return Ok(false);
                };
                let head: Vec<u8> = self.input.drain(..end + 4).collect();
                let head = String::from_utf8_lossy(&head).into_owned();
                if !head.starts_with("HTTP/1.1 200") {
                    return Err(format!("answered {head}"));
                }
                self.around = Around::ChunkSize;
            }
            Around::ChunkSize => {
                let Some(end) = find(&self.input, b"\r\n") else {
                    return Ok(false);
                };
                let line: Vec<u8> = self.input.drain(..end + 2).collect();
                let line = String::from_utf8_lossy(&line).into_owned();
                let size = usize::from_str_radix(line.trim_end(), 16);
                let size = size.map_err(|_| format!("chunk size {line:?}"))?;
                self.around = if size == 0 {
                    Around::Over
                } else {
                    Around::Chunk(size)
                };
            }
            Around::Chunk(left) => {
                let size = left.min(self.input.len());
                if size == 0 {
                    return Ok(false);
                }
                let body: Vec<u8> = self.input.drain(..size).collect();
                self.push_flv(&body)?;
                self.around = match left - size {
                    0 => Around::ChunkEnd,
                    left => Around::Chunk(left),
                };
            }
            Around::ChunkEnd => {
                if self.input.len() < 2 {
                    return Ok(false);
                }
                let end: Vec<u8> = self.input.drain(..2).collect();
                if end != b"\r\n" {
                    return Err(format!("a chunk ends in {end:?}"));
                }
                self.around = Around::ChunkSize;
            }
            Around::Over => return Ok(false),
        }
        Ok(true)
    }

    fn tag(&mut self, tag_type: u8, ts_ms: u32, body: &[u8]) -> Result<(), String> {
        match tag_type {
            TAG_SCRIPT => self.script(body),
            TAG_VIDEO => {
                self.time(ts_ms)?;
                self.video(body)
            }
            _ => self.time(ts_ms),
        }
    }

    fn time(&mut self, ts_ms: u32) -> Result<(), String> {
        if ts_ms < self.last_ms {
            return Err(format!("time went from {} back to {ts_ms}", self.last_ms));
        }
        self.last_ms = ts_ms;
        Ok(())
    }

    fn script(&mut self, body: &[u8]) -> Result<(), String> {
        let mut decoder = Decoder::new(body);
        let mut value = || decoder.next().map_err(|error| error.to_string());
        let name = value()?;
        if name.as_ref().and_then(Value::as_str) != Some("onWeirSkip") {
            return Ok(());
        }
        let lost = value()?.and_then(|value| value.property("lostFrames")?.as_f64());
        self.skips += 1;
        self.lost += lost.ok_or("a skip that names no number")? as u64;
        // Headers again, then a keyframe.
        self.expect = Expect::Header;
        Ok(())
    }

    fn video(&mut self, body: &[u8]) -> Result<(), String> {
        let (key, is_header) = (body[0] >> 4 == 1, body[1] == 0);
        if is_header {
            if self.expect == Expect::Header || self.pauses {
                self.expect = Expect::Key;
            }
            return Ok(());
        }
        let number = synthetic::number_in_body(body).ok_or("a picture without a number")?;
        match self.expect {
            Expect::Header => return Err(format!("picture {number} before the header")),
            Expect::Key if !key => return Err(format!("picture {number} is no keyframe")),
            Expect::Next(next) if number != next => {
                return Err(format!("picture {number} where {next} was due"));
            }
            Expect::Key | Expect::Next(_) => {}
        }
        self.expect = Expect::Next(number + 1);
        self.pictures += 1;
        Ok(())
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
