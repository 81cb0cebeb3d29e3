//! A snapshot, or what changed in one, as bytes: lines of JSON under gzip.
//!
//! - The first line says of which store it is, from which version (none: it is whole) and to which.
//! - Each line after it is one change.
//! - The last line has the number of lines before it and their SHA-256.
//!
//! Lines of JSON, because nodes of two releases must read each other: a field that is not known is passed
//! over, and so is a change of a kind that is not known. Gzip takes the names out again. The reader
//! builds as it reads, and never holds more than one line.

use std::io::{BufRead, BufReader, Read, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use weir_base::ids::hex;

use super::change::{Change, KINDS};
use super::{Delta, Position, Snapshot, Untaken};

/// The form that is written, and the newest that is read.
const FORM: u32 = 1;
/// Bytes of a snapshot or a delta as it is sent: a million keys have some 150 MB before and 70 behind gzip.
pub const MAX_SENT_BYTES: usize = 128 * 1024 * 1024;
/// Bytes of it as lines.
const MAX_BYTES: u64 = 512 * 1024 * 1024;
/// Bytes of one line: an app with its keys and a JWKS is the longest.
const MAX_LINE_BYTES: usize = 128 * 1024;
/// Changes in one delta; who is further behind gets the whole.
pub const DELTA_CHANGES: usize = 20_000;

/// Bytes that are no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// They end too soon, or are not gzip.
    #[error("cannot be unpacked: {0}")]
    Gzip(#[from] std::io::Error),
    /// A line is not what it has to be.
    #[error("line {0}: {1}")]
    Line(u64, String),
    /// It is of a release that this one does not know.
    #[error("it has form {0}, and this node reads up to {FORM}: update this node")]
    Form(u32),
    /// A line, all lines or all changes are more than may be.
    #[error("more {0} than are taken")]
    TooLong(&'static str),
    /// The lines do not have the digest that the last one says.
    #[error("broken on the way: the digest is another")]
    Digest,
    /// The lines are right, and what they say cannot be.
    #[error(transparent)]
    Untaken(#[from] Untaken),
}

/// What came.
#[derive(Debug)]
pub enum Update {
    /// All of it.
    Whole(Box<Snapshot>),
    /// What changed.
    Delta(Delta),
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    weir_admission: u32,
    series: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    to: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Foot {
    lines: u64,
    sha256: String,
}

/// The whole of a snapshot. One without a position is nobody's, and has no bytes.
pub fn whole(snapshot: &Snapshot) -> Vec<u8> {
    let Some(position) = snapshot.position() else {
        return Vec::new();
    };
    let head = Head {
        weir_admission: FORM,
        series: position.series.clone(),
        from: None,
        to: position.version,
    };
    write(&head, snapshot.changes())
}

/// What changed.
pub fn delta(delta: &Delta) -> Vec<u8> {
    let head = Head {
        weir_admission: FORM,
        series: delta.series.clone(),
        from: Some(delta.from),
        to: delta.to,
    };
    write(&head, delta.changes.iter().cloned())
}

fn write(head: &Head, changes: impl Iterator<Item = Change>) -> Vec<u8> {
    let mut out = Writer {
        gzip: GzEncoder::new(Vec::new(), Compression::fast()),
        digest: Sha256::new(),
        lines: 0,
        line: Vec::new(),
    };
    out.line(head);
    for change in changes {
        out.line(&change);
    }
    let foot = Foot {
        lines: out.lines,
        sha256: hex(&out.digest.clone().finalize()),
    };
    out.line(&foot);
    // Nothing fails that is written to memory.
    out.gzip.finish().unwrap_or_default()
}

struct Writer {
    gzip: GzEncoder<Vec<u8>>,
    digest: Sha256,
    lines: u64,
    line: Vec<u8>,
}

impl Writer {
    fn line(&mut self, value: &impl Serialize) {
        self.line.clear();
        // Rows are texts and numbers: they are always JSON, and memory takes them.
        if serde_json::to_writer(&mut self.line, value).is_ok() {
            self.line.push(b'\n');
            self.digest.update(&self.line);
            self.lines += 1;
            let _ = self.gzip.write_all(&self.line);
        }
    }
}

/// Reads what [`whole`] or [`delta`] wrote.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<Update, WireError> {
    if bytes.len() > MAX_SENT_BYTES {
        return Err(WireError::TooLong("bytes"));
    }
    let mut lines = Lines {
        input: BufReader::with_capacity(64 * 1024, GzDecoder::new(bytes)).take(MAX_BYTES),
        digest: Sha256::new(),
        count: 0,
        line: Vec::new(),
        is_over: false,
    };
    let head: Head = lines.head()?;
    if head.weir_admission > FORM {
        return Err(WireError::Form(head.weir_admission));
    }
    match head.from {
        None => {
            let mut snapshot = Snapshot::new(&head.series, head.to);
            while let Some(change) = lines.change()? {
                snapshot.apply(&change)?;
            }
            Ok(Update::Whole(Box::new(snapshot)))
        }
        Some(from) => {
            let mut changes = Vec::new();
            while let Some(change) = lines.change()? {
                if changes.len() >= DELTA_CHANGES {
                    return Err(WireError::TooLong("changes"));
                }
                change.check()?;
                changes.push(change);
            }
            Ok(Update::Delta(Delta {
                series: head.series,
                from,
                to: head.to,
                changes,
            }))
        }
    }
}

struct Lines<R> {
    input: std::io::Take<R>,
    /// Of the lines before the one that is held.
    digest: Sha256,
    count: u64,
    line: Vec<u8>,
    is_over: bool,
}

impl<R: BufRead> Lines<R> {
    fn head(&mut self) -> Result<Head, WireError> {
        self.next()?;
        let head = serde_json::from_slice(&self.line);
        head.map_err(|error| self.wrong(&error))
    }

    /// The next change; `None` behind the last, when the digest was right.
    fn change(&mut self) -> Result<Option<Change>, WireError> {
        while !self.is_over {
            self.next()?;
            let error = match serde_json::from_slice(&self.line) {
                Ok(change) => return Ok(Some(change)),
                Err(error) => error,
            };
            match serde_json::from_slice(&self.line) {
                Ok(foot) => self.check(&foot)?,
                Err(_) if self.is_newer() => {}
                Err(_) => return Err(self.wrong(&error)),
            }
        }
        Ok(None)
    }

    /// Whether the line is a change of a kind that only a newer release knows.
    fn is_newer(&self) -> bool {
        type OneOf = std::collections::HashMap<String, IgnoredAny>;
        let kinds: Option<OneOf> = serde_json::from_slice(&self.line).ok();
        kinds.is_some_and(|kinds| {
            kinds.len() == 1 && kinds.keys().all(|kind| !KINDS.contains(&kind.as_str()))
        })
    }

    fn check(&mut self, foot: &Foot) -> Result<(), WireError> {
        let is_right =
            foot.lines + 1 == self.count && foot.sha256 == hex(&self.digest.clone().finalize());
        if !is_right {
            return Err(WireError::Digest);
        }
        self.is_over = true;
        // To the end: the checksum of gzip stands there.
        match self.input.fill_buf()? {
            [] => Ok(()),
            _ => Err(WireError::TooLong("lines")),
        }
    }

    fn next(&mut self) -> Result<(), WireError> {
        self.digest.update(&self.line);
        self.line.clear();
        let most = MAX_LINE_BYTES as u64 + 1;
        let read = self
            .input
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)?;
        if read > MAX_LINE_BYTES || self.input.limit() == 0 {
            return Err(WireError::TooLong("bytes"));
        }
        if self.line.last() != Some(&b'\n') {
            let end = std::io::ErrorKind::UnexpectedEof;
            return Err(std::io::Error::from(end).into());
        }
        self.count += 1;
        Ok(())
    }

    fn wrong(&self, error: &serde_json::Error) -> WireError {
        WireError::Line(self.count, error.to_string())
    }
}

impl Update {
    /// Where it leads to.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Whole(snapshot) => snapshot.position().cloned(),
            Self::Delta(delta) => Some(Position {
                series: delta.series.clone(),
                version: delta.to,
            }),
        }
    }
}
