//! The log of decisions: `scale.log` in the data directory, one JSON object a line, never rewritten.
//!
//! Bounded: a file that is full becomes `scale.log.1`, in the place of the one before it.

use std::fs::{File, OpenOptions, rename};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use weir_base::Clock;
use weir_cluster::Name;

use crate::plan::Note;

/// Name of the file in the data directory.
const FILE: &str = "scale.log";
/// Bytes of one file: some thirty thousand lines, of a few for each change.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Writes lines. Clones write into one file.
#[derive(Clone)]
pub(crate) struct Audit(Arc<Inner>);

struct Inner {
    path: PathBuf,
    max_bytes: u64,
    node: Name,
    clock: Clock,
    file: Mutex<Option<File>>,
}

#[derive(Serialize)]
struct Line<'a> {
    /// Unix milliseconds by this node's clock.
    at_ms: i64,
    /// The node that writes.
    by: &'a Name,
    #[serde(flatten)]
    note: &'a Note,
}

impl Audit {
    /// Of the node `node`, in the directory `data`.
    pub(crate) fn new(data: &Path, node: Name, clock: Clock) -> Self {
        Self::bounded(data, node, clock, MAX_BYTES)
    }

    fn bounded(data: &Path, node: Name, clock: Clock, max_bytes: u64) -> Self {
        Self(Arc::new(Inner {
            path: data.join(FILE),
            max_bytes,
            node,
            clock,
            file: Mutex::new(None),
        }))
    }

    /// Writes a line, here and into the process's log. A disk that fails does not keep anybody from
    /// scaling.
    pub(crate) fn write(&self, note: &Note) {
        let said =
            |text: &str| (!text.is_empty()).then(|| tracing::field::display(text.to_owned()));
        tracing::info!(
            pool = said(&note.pool),
            order = said(&note.order),
            node = note.node.as_ref().map(tracing::field::display),
            why = said(&note.why),
            result = said(&note.result),
            "scaling: {}",
            note.what
        );
        let line = Line {
            at_ms: self.0.clock.wall_ms(),
            by: &self.0.node,
            note,
        };
        let written = serde_json::to_string(&line)
            .map_err(std::io::Error::other)
            .and_then(|line| self.append(&format!("{line}\n")));
        if let Err(error) = written {
            tracing::warn!(%error, "cannot write {}", self.0.path.display());
        }
    }

    fn append(&self, line: &str) -> std::io::Result<()> {
        let mut slot = self.0.file.lock();
        let mut file = match slot.take() {
            Some(file) => file,
            None => self.open()?,
        };
        if file.metadata()?.len().saturating_add(line.len() as u64) > self.0.max_bytes {
            rename(&self.0.path, self.0.path.with_extension("log.1"))?;
            file = self.open()?;
        }
        // In one piece, so that a line is whole whenever the process ends.
        file.write_all(line.as_bytes())?;
        *slot = Some(file);
        Ok(())
    }

    fn open(&self) -> std::io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.0.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(what: &'static str) -> Note {
        Note {
            pool: "edges".into(),
            what,
            order: "n1-0-1".into(),
            node: None,
            why: "needs 2 nodes for cpu".into(),
            result: String::new(),
        }
    }

    #[test]
    fn a_line_says_who_when_what_and_why() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(7_000_000);
        let audit = Audit::new(dir.path(), Name::new("n1").unwrap(), clock);
        audit.write(&note("grow"));
        audit.write(&note("done"));
        let text = std::fs::read_to_string(dir.path().join(FILE)).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        assert_eq!(
            lines[0],
            serde_json::json!({ "at_ms": 7000, "by": "n1", "pool": "edges", "what": "grow",
                "order": "n1-0-1", "why": "needs 2 nodes for cpu" })
        );
    }

    #[test]
    fn it_is_rotated_once_and_so_never_grows_beyond_two_files() {
        let dir = tempfile::tempdir().unwrap();
        let name = Name::new("n1").unwrap();
        let audit = Audit::bounded(dir.path(), name, Clock::manual(0), 1_000);
        for _ in 0..100 {
            audit.write(&note("grow"));
        }
        let mut files: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().len()))
            .collect();
        files.sort();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(files[1].0, "scale.log.1");
        assert!(files.iter().all(|(_, bytes)| *bytes <= 1_000), "{files:?}");
    }
}
